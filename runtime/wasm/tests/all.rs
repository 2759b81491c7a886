//! The sandbox from outside: modules written by hand, loaded and called as the catalog does.
#![allow(missing_docs)] // A test says what it is by its name.

#[path = "all/bounds.rs"]
mod bounds;
#[path = "all/calls.rs"]
mod calls;
#[path = "all/guests.rs"]
mod guests;
#[path = "all/host.rs"]
mod host;
#[path = "all/lanes.rs"]
mod lanes;
#[path = "all/reactors.rs"]
mod reactors;
#[path = "all/reuse.rs"]
mod reuse;
#[path = "all/traces.rs"]
mod traces;
#[path = "all/uploads.rs"]
mod uploads;
