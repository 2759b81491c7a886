//! Schedules: at which moments a workflow starts, and with which input.

mod cron;
mod timetable;

pub use timetable::Timetable;

use crate::expressions::{Template, World};
use crate::name::check_workflow;
use crate::problem::Found;
use crate::{NAME_CHARS_MAX, Problem, Problems, SPEC_BYTES_MAX, check_name};
use fleetstep_document::{Document, ObjectBuilder};
use fleetstep_expr::EvalError;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A slot that is later than this was missed.
pub const LATE_MAX: SignedDuration = SignedDuration::from_secs(60);
/// The longest name of a slot, in characters: the schedule's, and the time.
pub const SLOT_NAME_CHARS_MAX: usize = NAME_CHARS_MAX + "-20261130T120000Z".len();

/// What is done with the slots of a time in which nobody was there to run them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Missed {
    /// Nothing.
    #[default]
    Skip,
    /// The latest of them is run, late.
    RunOnce,
}

/// A schedule as an operator writes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleSpec {
    /// By which it is known.
    pub name: String,
    /// `rate(5 minutes)`, `cron(0 12 * * ? *)` or `at(2026-12-24T18:00:00)`.
    pub schedule: String,
    /// The time zone that `cron` and `at` mean, by its name in the IANA database; UTC unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// What is started: `NAME`, `NAME:VERSION` or `NAME:ALIAS`.
    pub workflow: String,
    /// Its input: JSON, in which `{% … %}` may read `$schedule`; unless said, that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// No slot is before it: `2026-12-01T00:00:00Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// No slot is after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
    /// What is done with missed slots.
    #[serde(default)]
    pub missed: Missed,
    /// Whether it runs at all.
    #[serde(default = "yes")]
    pub enabled: bool,
}

fn yes() -> bool {
    true
}

/// A schedule, compiled.
#[derive(Clone, Debug)]
pub struct Schedule {
    spec: ScheduleSpec,
    timetable: Timetable,
    input: Option<Template>,
}

/// What there is to do with a schedule at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The latest slot that has come: with it, all before it are settled.
    pub slot: Timestamp,
    /// Whether it is to be run.
    pub runs: bool,
}

impl ScheduleSpec {
    /// Reads one from JSON. The name may be left out where it is known otherwise.
    ///
    /// # Errors
    /// It is no JSON, or has other members.
    pub fn from_json(json: &[u8], name: &str) -> Result<Self, Problems> {
        crate::route::read_spec(json, name)
    }

    /// The same, as JSON.
    #[must_use]
    pub fn shown(&self) -> Document {
        crate::route::shown(self)
    }

    /// Compiles it; `created` is when it was made, from which a `rate` counts.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn compile(self, created: Timestamp) -> Result<Schedule, Problems> {
        let mut found = Found::default();
        found.take(check_name(&self.name));
        found.take(check_workflow(&self.workflow));
        let start = found.take(moment("start", self.start.as_deref())).flatten();
        let end = found.take(moment("end", self.end.as_deref())).flatten();
        if let (Some(start), Some(end)) = (start, end)
            && start > end
        {
            found.push(Problem::at("/end", "it is before the start"));
        }
        let timetable = found.take(Timetable::parse(&self.schedule, self.timezone.as_deref(), created, start, end));
        let input = self.input.as_ref().map(|input| Template::compile(input, "input", &["schedule"]));
        let input = input.and_then(|input| found.take(input));
        if serde_json::to_vec(&self).map_or(usize::MAX, |json| json.len()) > SPEC_BYTES_MAX {
            found.push(Problem::at("", format!("a schedule has {SPEC_BYTES_MAX} bytes at most")));
        }
        found.finish()?;
        let timetable = timetable.expect("there was no problem");
        Ok(Schedule { spec: self, timetable, input })
    }
}

fn moment(field: &str, text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    let read = |text: &str| {
        let message = format!("it has to be a time such as 2026-12-01T00:00:00Z, but it is '{text}'");
        text.parse().map_err(|_| Problem::at(format!("/{field}"), message))
    };
    text.map(read).transpose()
}

impl Schedule {
    /// What was written.
    #[must_use]
    pub fn spec(&self) -> &ScheduleSpec {
        &self.spec
    }

    /// The first slot after `time`.
    #[must_use]
    pub fn next_after(&self, time: Timestamp) -> Option<Timestamp> {
        if self.spec.enabled { self.timetable.next_after(time) } else { None }
    }

    /// What there is to do at `now` when all slots up to `settled` are done with; nothing when no other has come.
    #[must_use]
    pub fn due(&self, settled: Timestamp, now: Timestamp) -> Option<Due> {
        let slot = self.latest(settled, now)?;
        let is_late = now.duration_since(slot) > LATE_MAX;
        Some(Due { slot, runs: !is_late || self.spec.missed == Missed::RunOnce })
    }

    /// The latest slot after `settled` that is not after `now`. Slots may lie years back and minutes apart: it is
    /// searched for by halves, since the next slot after an earlier time is never a later one.
    fn latest(&self, settled: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let mut latest = self.next_after(settled).filter(|slot| *slot <= now)?;
        let (mut from, mut to) = (latest.as_second(), now.as_second());
        while from <= to {
            let middle = from + (to - from) / 2;
            let next = Timestamp::from_second(middle).ok().and_then(|middle| self.next_after(middle));
            match next.filter(|slot| *slot <= now) {
                Some(later) => {
                    latest = later;
                    from = later.as_second().max(middle + 1);
                }
                None => to = middle - 1,
            }
        }
        Some(latest)
    }

    /// The input of a slot's execution.
    ///
    /// # Errors
    /// An expression in it failed.
    pub fn input(&self, slot: Timestamp, seed: u64) -> Result<Document, EvalError> {
        let told = ObjectBuilder::with_capacity(2)
            .with("name", self.spec.name.as_str())
            .with("time", slot.to_string())
            .build();
        match &self.input {
            None => Ok(told),
            Some(input) => input.evaluate(&[Some(told)], World { now_us: slot.as_microsecond(), seed }),
        }
    }

    /// The name of a slot's execution: `nightly-20261130T020000Z`.
    #[must_use]
    pub fn slot_name(&self, slot: Timestamp) -> String {
        format!("{}-{}", self.spec.name, slot.strftime("%Y%m%dT%H%M%SZ"))
    }
}
