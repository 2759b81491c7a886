//! The `fleetstep` binary as a library: flags, configuration, wiring, shutdown, the command line.
//!
//! No rule of the product lives here. A directory becomes a deployment ([`deploy`]), settings become a wired
//! runtime ([`runtime`]), and each subcommand is one file of [`commands`].
#![forbid(unsafe_code)]

mod accounts;
mod bounds;
pub mod cli;
mod client;
mod commands;
mod console;
pub mod deploy;
pub mod exposure;
mod follow;
pub mod guests;
mod input;
mod journal;
mod manifest;
mod project;
mod registries;
pub mod runtime;
pub mod serving;
pub mod settings;
mod table;
pub mod telemetry;
mod terminal;
mod watch;
mod when;
