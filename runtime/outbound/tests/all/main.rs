//! The client against servers on loopback: what is sent, what is refused, and what is not waited for.

mod exchanges;
mod hostile;
mod server;
