//! The times that one execution waits for.

use fleetstep_machine::{Ticket, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// At most one alarm for each ticket. Most executions wait for one time or for none, and pay for no more.
#[derive(Debug, Default)]
pub(crate) enum Alarms {
    #[default]
    None,
    One(Timestamp, Ticket),
    Many(Box<Many>),
}

/// The strand and generation of a ticket, in an order.
type Name = (u32, u32);

#[derive(Debug, Default)]
pub(crate) struct Many {
    by_time: BTreeSet<(Timestamp, Name)>,
    by_name: BTreeMap<Name, Timestamp>,
}

impl Alarms {
    /// Sets the alarm of a ticket. Of two times for the same ticket, the earlier stands.
    pub(crate) fn set(&mut self, at: Timestamp, ticket: Ticket) {
        match self {
            Self::None => *self = Self::One(at, ticket),
            Self::One(other_at, other) if *other == ticket => *other_at = at.min(*other_at),
            Self::One(other_at, other) => {
                let mut many = Box::<Many>::default();
                many.set(*other_at, name(*other));
                many.set(at, name(ticket));
                *self = Self::Many(many);
            }
            Self::Many(many) => many.set(at, name(ticket)),
        }
    }

    /// Forgets the alarm of a ticket, if it has one.
    pub(crate) fn clear(&mut self, ticket: Ticket) {
        match self {
            Self::One(_, other) if *other == ticket => *self = Self::None,
            Self::None | Self::One(..) => {}
            Self::Many(many) => {
                many.clear(name(ticket));
                if many.by_name.is_empty() {
                    *self = Self::None;
                }
            }
        }
    }

    /// The earliest alarm.
    pub(crate) fn first(&self) -> Option<(Timestamp, Ticket)> {
        match self {
            Self::None => None,
            Self::One(at, ticket) => Some((*at, *ticket)),
            Self::Many(many) => {
                many.by_time.first().map(|&(at, (strand, generation))| (at, Ticket { strand, generation }))
            }
        }
    }
}

impl Many {
    fn set(&mut self, at: Timestamp, name: Name) {
        match self.by_name.get(&name) {
            Some(&earlier) if earlier <= at => {}
            _ => {
                self.clear(name);
                self.by_name.insert(name, at);
                self.by_time.insert((at, name));
            }
        }
    }

    fn clear(&mut self, name: Name) {
        if let Some(at) = self.by_name.remove(&name) {
            self.by_time.remove(&(at, name));
        }
    }
}

fn name(ticket: Ticket) -> Name {
    (ticket.strand, ticket.generation)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(strand: u32) -> Ticket {
        Ticket { strand, generation: 1 }
    }

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    /// Against a plain list: whatever is set and cleared, the earliest is the earliest.
    #[test]
    fn agrees_with_a_list() {
        let mut chance = fastrand::Rng::with_seed(7);
        let mut alarms = Alarms::default();
        let mut list: Vec<(Timestamp, u32)> = Vec::new();
        for _ in 0..20_000 {
            let strand = chance.u32(0..6);
            let known = list.iter().position(|(_, s)| *s == strand);
            if chance.bool() {
                let time = at(chance.i64(0..1_000));
                alarms.set(time, ticket(strand));
                match known {
                    Some(i) => list[i].0 = list[i].0.min(time),
                    None => list.push((time, strand)),
                }
            } else {
                alarms.clear(ticket(strand));
                known.map(|i| list.swap_remove(i));
            }
            let first = list.iter().min().map(|&(time, strand)| (time, ticket(strand)));
            assert_eq!(alarms.first(), first);
        }
    }

    #[test]
    fn an_alarm_of_another_generation_is_another() {
        let mut alarms = Alarms::default();
        alarms.set(at(5), ticket(0));
        alarms.clear(Ticket { strand: 0, generation: 2 });
        assert_eq!(alarms.first(), Some((at(5), ticket(0))));
    }

    #[test]
    fn is_small() {
        assert!(size_of::<Alarms>() <= 24);
    }
}
