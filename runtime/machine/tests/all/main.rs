//! What an execution does, told by what it asks for, what it answers and the history that it leaves.
//!
//! The expected event numbers and their order are the service's, as far as recordings and its documentation tell.

mod allocations;
mod callbacks;
mod chaos;
mod forks;
mod inspection;
mod limits;
mod recovery;
mod states;
mod support;
mod variables;
