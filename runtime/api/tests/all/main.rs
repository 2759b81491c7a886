//! The API over a real socket: each test has a server of its own, with a catalog in memory.
#![allow(clippy::unwrap_used, missing_docs)] // A test says what is wrong by panicking.

mod batch;
mod bounds;
mod callbacks;
mod data;
mod encrypted;
mod follow;
mod gate;
mod harness;
mod histories;
mod lambda;
mod lifecycle;
mod nested;
mod starts;
mod triggers;
mod wire;
