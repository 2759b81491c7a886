//! How a shard keeps an execution between two events.

use crate::alarms::Alarms;
use crate::history::HistorySink;
use crate::running::Running;
use fleetstep_machine::{Event, Parked, Program, Status, Timestamp};
use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

/// An execution that waits: packed where that can be done, which is nearly always where many wait.
#[derive(Debug)]
pub(crate) enum Held {
    Packed(Packed),
    /// It has branches, or more than one alarm.
    Whole(Box<Running>),
    /// It is being stepped just now, or over.
    Away,
}

/// A [`Running`], packed.
pub(crate) struct Packed {
    parked: Parked,
    program: Arc<Program>,
    /// Boxed twice, since nearly none has one.
    sink: Option<Box<Box<dyn HistorySink>>>,
    /// The alarm of its wait, in microseconds after the start.
    alarm: Option<NonZero<u32>>,
}

impl std::fmt::Debug for Packed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packed").field("parked", &self.parked).field("alarm", &self.alarm).finish_non_exhaustive()
    }
}

impl Held {
    pub(crate) fn of(running: Running) -> Self {
        let Some(alarm) = alarm_of(&running).filter(|_| running.execution.can_park()) else {
            return Self::Whole(Box::new(running));
        };
        let Running { execution, program, alarms, sink } = running;
        let parked = execution.park();
        match alarms {
            Alarms::One(_, ticket) if ticket != parked.ticket() => {
                Self::Whole(Box::new(Running { execution: parked.unpark(), program, alarms, sink }))
            }
            _ => Self::Packed(Packed { parked, program, sink: sink.map(Box::new), alarm }),
        }
    }

    /// Unpacks it for a step, and packs it again unless that was its last.
    pub(crate) fn step(&mut self, step: impl FnOnce(&mut Running) -> Status) -> Status {
        match std::mem::replace(self, Self::Away) {
            Self::Packed(packed) => {
                let mut running = packed.unpack();
                let status = step(&mut running);
                if !matches!(status, Status::Finished(_)) {
                    *self = Self::of(running);
                }
                status
            }
            Self::Whole(mut running) => {
                let status = step(&mut running);
                if !matches!(status, Status::Finished(_)) {
                    *self = if running.execution.can_park() { Self::of(*running) } else { Self::Whole(running) };
                }
                status
            }
            Self::Away => unreachable!("a step ends before the next one begins"),
        }
    }

    /// When it was started.
    pub(crate) fn started(&self) -> Timestamp {
        match self {
            Self::Packed(packed) => packed.parked.started(),
            Self::Whole(running) => running.started(),
            Self::Away => Timestamp::MAX,
        }
    }

    /// How many strands it has.
    pub(crate) fn strands_live(&self) -> usize {
        match self {
            // Only what has no branches is packed.
            Self::Packed(_) => 1,
            Self::Whole(running) => running.execution.strands_live(),
            Self::Away => 0,
        }
    }

    /// When the driver has to come back at the latest.
    pub(crate) fn due(&self) -> Timestamp {
        match self {
            Self::Packed(packed) => packed.alarm_at().unwrap_or(Timestamp::MAX).min(packed.parked.deadline()),
            Self::Whole(running) => running.due(),
            Self::Away => Timestamp::MAX,
        }
    }

    /// What has come due.
    pub(crate) fn due_event(&self, now: Timestamp) -> Option<Event> {
        match self {
            Self::Packed(packed) if now >= packed.parked.deadline() => Some(Event::Resume),
            Self::Packed(packed) => {
                packed.alarm_at().filter(|at| *at <= now).map(|_| Event::Wake(packed.parked.ticket()))
            }
            Self::Whole(running) => running.due_event(now),
            Self::Away => None,
        }
    }
}

impl Packed {
    /// The execution as it was.
    pub(crate) fn unpack(self) -> Running {
        let alarms = self.alarm_at().map_or(Alarms::None, |at| Alarms::One(at, self.parked.ticket()));
        let Self { parked, program, sink, .. } = self;
        Running { execution: parked.unpark(), program, alarms, sink: sink.map(|sink| *sink) }
    }

    fn alarm_at(&self) -> Option<Timestamp> {
        Some(self.parked.started().after(Duration::from_micros(self.alarm?.get().into())))
    }
}

/// The one alarm of an execution, if it has no more than one.
fn alarm_of(running: &Running) -> Option<Option<NonZero<u32>>> {
    match &running.alarms {
        Alarms::None => Some(None),
        Alarms::One(at, _) => {
            let after = u32::try_from(at.since(running.started()).as_micros()).ok()?;
            Some(Some(NonZero::new(after)?))
        }
        Alarms::Many(_) => None,
    }
}

const _: () = assert!(size_of::<Held>() <= 128);
