//! Everything that needs more than one room: one binary, a module for each kind of proof.
#![allow(clippy::print_stdout)] // The runner shows it where it helps: with a test that fails.

mod architecture;
mod clients;
mod command_line;
mod conformance;
mod console;
mod crash;
mod developing;
mod hostile;
mod identity;
mod integrations;
mod languages;
mod load;
mod orders;
mod reach;
mod registry;
mod replay;
mod serving;
mod simulation;
mod telemetry;
mod triggers;
mod workflows;
