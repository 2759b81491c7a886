//! `rate(…)`, `cron(…)` and `at(…)`, as EventBridge Scheduler has them: read, and asked for the next slot.
//!
//! <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html>

use super::cron::Cron;
use crate::Problem;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan as _};
use std::sync::LazyLock;

/// The zones that are built in.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The longest expression, in bytes.
const EXPRESSION_BYTES_MAX: usize = 256;
/// The longest time between two slots of a rate.
const RATE_SECONDS_MAX: i64 = 10 * 366 * 86_400;
/// What a rate is counted in.
const UNITS: [(&str, &str, i64); 3] = [("minute", "minutes", 60), ("hour", "hours", 3_600), ("day", "days", 86_400)];

/// At which moments.
#[derive(Clone, Debug)]
pub struct Timetable {
    slots: Slots,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
}

#[derive(Clone, Debug)]
enum Slots {
    /// Every so many seconds, from a moment on. A day has 24 hours, whatever the clocks do.
    Rate {
        origin: i64,
        seconds: i64,
    },
    Cron {
        cron: Cron,
        zone: TimeZone,
    },
    At(Timestamp),
}

impl Timetable {
    /// Reads an expression. A rate counts from `start`, or else from `created`, which is no slot itself.
    ///
    /// # Errors
    /// It is none, with the place.
    pub fn parse(
        text: &str,
        zone: Option<&str>,
        created: Timestamp,
        start: Option<Timestamp>,
        end: Option<Timestamp>,
    ) -> Result<Self, Problem> {
        let zone = match zone {
            None => TimeZone::UTC,
            Some(name) => ZONES.get(name).map_err(|_| {
                Problem::at(
                    "/timezone",
                    format!("'{name}' is no time zone of the IANA database, such as Europe/Berlin"),
                )
            })?,
        };
        let place = |offset: usize, message: String| Problem::within("/schedule", offset, message);
        let (kind, inner) = call(text).ok_or_else(|| {
            let forms = "write rate(5 minutes), cron(0 12 * * ? *) or at(2026-12-24T18:00:00)";
            place(0, forms.to_owned())
        })?;
        let slots = match kind {
            "rate" => {
                let seconds = rate(inner).map_err(|message| place(kind.len() + 1, message))?;
                // The first of a rate that has a start is the start itself.
                let origin = start.map_or(created.as_second(), |start| start.as_second() - seconds);
                Slots::Rate { origin, seconds }
            }
            "cron" => {
                let cron = Cron::parse(inner).map_err(|(at, message)| place(kind.len() + 1 + at, message))?;
                if cron.first_from(DateTime::constant(1970, 1, 1, 0, 0, 0, 0)).is_none() {
                    return Err(place(0, "there is no such day".to_owned()));
                }
                Slots::Cron { cron, zone }
            }
            _ => Slots::At(at(inner, &zone).map_err(|message| place(kind.len() + 1, message))?),
        };
        Ok(Self { slots, start, end })
    }

    /// The first slot after `time`.
    #[must_use]
    pub fn next_after(&self, time: Timestamp) -> Option<Timestamp> {
        // A slot at the start itself is one.
        let before_start = self.start.and_then(|start| start.checked_sub(1.nanosecond()).ok());
        let time = before_start.map_or(time, |before| time.max(before));
        let slot = match &self.slots {
            Slots::At(at) => Some(*at).filter(|at| *at > time),
            Slots::Rate { origin, seconds } => {
                let past = time.as_second().checked_sub(*origin)?;
                let slot = origin + (past.div_euclid(*seconds) + 1).max(1) * seconds;
                Timestamp::from_second(slot).ok()
            }
            Slots::Cron { cron, zone } => next_of_cron(cron, zone, time),
        };
        slot.filter(|slot| self.end.is_none_or(|end| *slot <= end))
    }
}

/// What a clock on the wall shows can come twice, when it is set back, and is a slot then the first time alone; or not at
/// all, when it is set forward, and is none then.
fn next_of_cron(cron: &Cron, zone: &TimeZone, time: Timestamp) -> Option<Timestamp> {
    let shown = zone.to_datetime(time);
    let mut from = shown.with().second(0).subsec_nanosecond(0).build().ok()?;
    loop {
        let found = cron.first_from(from)?;
        let there = zone.to_ambiguous_timestamp(found);
        let exists = !matches!(there.offset(), AmbiguousOffset::Gap { .. });
        if let Some(slot) = there.earlier().ok().filter(|slot| exists && *slot > time) {
            return Some(slot);
        }
        from = found.checked_add(1.minute()).ok()?;
    }
}

/// `KIND(INNER)`.
fn call(text: &str) -> Option<(&str, &str)> {
    if text.len() > EXPRESSION_BYTES_MAX {
        return None;
    }
    let (kind, rest) = text.split_once('(')?;
    let inner = rest.strip_suffix(')')?;
    matches!(kind, "rate" | "cron" | "at").then_some((kind, inner))
}

/// Seconds of `5 minutes`.
fn rate(inner: &str) -> Result<i64, String> {
    let form = || "a rate is a whole number above 0 and minutes, hours or days: rate(5 minutes)".to_owned();
    let mut words = inner.split_ascii_whitespace();
    let (Some(number), Some(unit), None) = (words.next(), words.next(), words.next()) else { return Err(form()) };
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    let number: i64 = number.parse().ok().filter(|number| is_number && *number > 0).ok_or_else(form)?;
    let found = UNITS.iter().find(|(one, many, _)| *one == unit || *many == unit);
    let (_, _, seconds) = found.ok_or_else(form)?;
    let seconds = number.checked_mul(*seconds).filter(|seconds| *seconds <= RATE_SECONDS_MAX);
    seconds.ok_or_else(|| "a rate is ten years at most".to_owned())
}

fn at(inner: &str, zone: &TimeZone) -> Result<Timestamp, String> {
    const SHAPE: &[u8] = b"dddd-dd-ddTdd:dd:dd";
    let form = || "a time is written 2026-12-24T18:00:00, in the time zone of the schedule".to_owned();
    let is_shape = |(byte, shape): (u8, &u8)| if *shape == b'd' { byte.is_ascii_digit() } else { byte == *shape };
    if inner.len() != SHAPE.len() || !inner.bytes().zip(SHAPE).all(is_shape) {
        return Err(form());
    }
    let civil: DateTime = inner.parse().map_err(|_| form())?;
    zone.to_ambiguous_timestamp(civil).compatible().map_err(|_| form())
}
