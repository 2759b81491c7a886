//! What starts a workflow beside a direct call: routes that an operator configures, webhooks with signatures, schedules.
//!
//! A spec is what an operator writes, in `fleetstep.toml` or over the plain interface; it is compiled once, when it is
//! made, into a [`Route`] or a [`Schedule`], or into every [`Problem`] at once, each with its place. What comes later is
//! data in and data out: a request's parts become an input, an output becomes an answer, headers and a body prove who
//! signed them, a moment gives the next slot.
//!
//! There is no clock here, no socket and no store: the time comes in as an argument, who listens and who remembers are
//! the rooms above.
#![forbid(unsafe_code)]

mod expressions;
mod name;
mod problem;
mod route;
mod routes;
mod schedule;
mod secret;
mod verify;

pub use jiff::Timestamp as Moment;

pub use name::{NAME_CHARS_MAX, check_name};
pub use problem::{Problem, Problems};
pub use route::{
    Answer, AnswerBody, Content, Cors, CorsSpec, Mode, Preflight, Request, Route, RouteSpec, SPEC_BYTES_MAX, Unreadable,
};
pub use routes::{Conflict, Found, Routes};
pub use schedule::{Due, LATE_MAX, Missed, SLOT_NAME_CHARS_MAX, Schedule, ScheduleSpec, Timetable};
pub use secret::{MASKED, SECRET_BYTES_MIN, Secret};
pub use verify::{
    Algorithm, Deliveries, Delivery, Encoding, SECRETS_MAX, Scheme, TOLERANCE_SECONDS, Taken, Unverified, Verifier,
    VerifySpec,
};
