//! Data in, data out.

mod expressions;
mod routes;
mod schedules;
mod signatures;
