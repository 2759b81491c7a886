//! A run, or the last minutes of all runs, to be drawn on the states.

use std::collections::{BTreeMap, BTreeSet};

/// What became of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It ended well, at once.
    Succeeded,
    /// It ended well, after at least one retry.
    Retried,
    /// It failed, and a Catch led on.
    Caught,
    /// It failed.
    Failed,
    /// It is under way.
    Running,
    /// The execution ended while it was under way.
    Cancelled,
}

impl Status {
    /// All of them, in the order of a legend.
    pub const ALL: [Status; 6] =
        [Status::Succeeded, Status::Retried, Status::Caught, Status::Failed, Status::Running, Status::Cancelled];

    /// The word for it: the value of `data-status`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Status::Succeeded => "succeeded",
            Status::Retried => "retried",
            Status::Caught => "caught",
            Status::Failed => "failed",
            Status::Running => "running",
            Status::Cancelled => "cancelled",
        }
    }
}

/// What is to be told of one state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StateRun {
    /// What became of it.
    pub status: Option<Status>,
    /// How often it was tried; told from the second time on.
    pub attempts: u32,
    /// How long it took, as it is to be read: `12 ms`.
    pub duration: Option<String>,
    /// The error's name and cause, for the tooltip.
    pub error: Option<String>,
    /// How hot it is, from 0 to 1; other values are brought into that range.
    pub heat: Option<f64>,
}

/// What is to be drawn on a picture. States go by their names, which are unique in a definition.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overlay {
    /// What is known of states.
    pub states: BTreeMap<String, StateRun>,
    /// The transitions that were made, from and to; a Start and an End are the empty name.
    pub transitions: BTreeSet<(String, String)>,
}
