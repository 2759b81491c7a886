//! Requests as they come, right and wrong: who they are from, or why they are refused.
#![allow(clippy::unwrap_used, missing_docs)] // A test says what is wrong by panicking.

mod file;
mod signatures;
mod tokens;
