//! The icons of the states' types and statuses, as paths in a square of 16.

use crate::graph::Kind;
use crate::overlay::Status;

/// Drawn with a stroke, without a fill.
pub(crate) fn of_kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Task => "M9 1.5 3 9h4.5L7 14.5 13 7H8.5z",
        Kind::Pass => "M2.5 8h10.5M9 4l4 4-4 4",
        Kind::Choice => "M8 1.8 14.2 8 8 14.2 1.8 8z",
        Kind::Wait => "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM8 4.8V8l2.3 1.5",
        Kind::Succeed => "M2.8 8.6 6.5 12.2 13.2 4.2",
        Kind::Fail => "M4 4l8 8M12 4l-8 8",
        Kind::Parallel => "M8 1.8v12.4M3 14.2V7h10v7.2",
        Kind::Map => "M5.5 5.5h8v8h-8zM2.5 10.5v-8h8",
        Kind::Unknown | Kind::Missing => "M5.5 6a2.5 2.5 0 1 1 3.6 2.2C8.4 8.6 8 9 8 10M8 12.6v.3",
    }
}

/// The same for statuses: a sign that tells them apart without colour.
pub(crate) fn of_status(status: Status) -> &'static str {
    match status {
        Status::Succeeded => "M4.5 8.3 7 10.8 11.5 5.5",
        Status::Retried => "M11.5 8a3.5 3.5 0 1 1-1.2-2.6M10.6 3.2v2.5H8.1",
        Status::Caught => "M4 8h5.5M7.5 5.5 10 8l-2.5 2.5M12 5v6",
        Status::Failed => "M5.3 5.3l5.4 5.4M10.7 5.3l-5.4 5.4",
        Status::Running => "M6.3 5v6l5-3z",
        Status::Cancelled => "M5 8h6",
    }
}
