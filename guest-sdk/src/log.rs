//! Lines for the function's log. In a native build they go to stderr.
//!
//! ```
//! use fleetstep_guest::log;
//! log::info!("charged {} cents", 4999);
//! ```

use std::fmt::Arguments;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Each step.
    Trace,
    /// For whoever looks for a fault.
    Debug,
    /// What happened.
    Info,
    /// What should not happen often.
    Warn,
    /// What went wrong.
    Error,
}

/// Writes one line; the macros of this module call it. The host bounds its length and how many there are.
pub fn line(level: Level, message: Arguments<'_>) {
    #[cfg(target_arch = "wasm32")]
    {
        use crate::bindings::fleetstep::task::logging;
        let level = match level {
            Level::Trace => logging::Level::Trace,
            Level::Debug => logging::Level::Debug,
            Level::Info => logging::Level::Info,
            Level::Warn => logging::Level::Warn,
            Level::Error => logging::Level::Error,
        };
        match message.as_str() {
            Some(text) => logging::log(level, text),
            None => logging::log(level, &message.to_string()),
        }
    }
    #[cfg(not(target_arch = "wasm32"))]
    #[expect(clippy::print_stderr, reason = "a native test has no other log")]
    {
        eprintln!("{level:?} {message}");
    }
}

#[doc(hidden)]
#[macro_export]
macro_rules! __log_trace {
    ($($message:tt)+) => { $crate::log::line($crate::log::Level::Trace, ::std::format_args!($($message)+)) };
}
#[doc(hidden)]
#[macro_export]
macro_rules! __log_debug {
    ($($message:tt)+) => { $crate::log::line($crate::log::Level::Debug, ::std::format_args!($($message)+)) };
}
#[doc(hidden)]
#[macro_export]
macro_rules! __log_info {
    ($($message:tt)+) => { $crate::log::line($crate::log::Level::Info, ::std::format_args!($($message)+)) };
}
#[doc(hidden)]
#[macro_export]
macro_rules! __log_warn {
    ($($message:tt)+) => { $crate::log::line($crate::log::Level::Warn, ::std::format_args!($($message)+)) };
}
#[doc(hidden)]
#[macro_export]
macro_rules! __log_error {
    ($($message:tt)+) => { $crate::log::line($crate::log::Level::Error, ::std::format_args!($($message)+)) };
}

pub use {__log_debug as debug, __log_error as error, __log_info as info, __log_trace as trace, __log_warn as warn};
