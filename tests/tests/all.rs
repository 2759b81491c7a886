//! Everything that needs more than one room: one binary, a module for each kind of proof.

mod architecture;
mod clients;
mod conformance;
mod orders;
