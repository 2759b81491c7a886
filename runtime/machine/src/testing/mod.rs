//! For tests and benches, here and in the rooms above: programs written in Rust, where there is no definition to
//! compile, and the simplest of the three drivers, a loop in virtual time.

mod draft;
mod driver;

pub use draft::{Draft, machine, retrier};
pub use driver::{Answer, Called, Driver};
