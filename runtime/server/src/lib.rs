//! The `fleetstep` binary as a library: flags, configuration, wiring, shutdown, the command line.
//!
//! No rule of the product lives here. A directory becomes a deployment ([`deploy`]), settings become a wired
//! runtime ([`runtime`]), and each subcommand is one file of [`commands`].
#![forbid(unsafe_code)]

mod accounts;
mod bounds;
pub mod cli;
mod commands;
mod console;
pub mod deploy;
pub mod exposure;
pub mod guests;
mod journal;
mod manifest;
pub mod runtime;
pub mod serving;
pub mod settings;
pub mod telemetry;
mod terminal;
