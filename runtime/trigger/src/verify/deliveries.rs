//! Deliveries that were taken, so that none is taken twice.

use super::mark_of;
use std::collections::{BTreeMap, HashMap};

/// A delivery that was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    mark: [u8; 16],
    /// Until when it could come again, in seconds since 1970.
    until: i64,
}

impl Delivery {
    pub(super) fn new(id: &[u8], until: i64) -> Self {
        Self { mark: mark_of(id), until }
    }

    /// The same as one of a route: what one route took, another takes too.
    #[must_use]
    pub fn of_route(self, route: &str) -> Self {
        let mut bytes = self.mark.to_vec();
        bytes.extend_from_slice(route.as_bytes());
        Self { mark: mark_of(&bytes), ..self }
    }
}

/// What was taken, within a bound: where there is no room, what comes is not taken, rather than one forgotten that could
/// come again.
#[derive(Debug)]
pub struct Deliveries {
    until: HashMap<[u8; 16], i64>,
    /// By the second in which they may be forgotten.
    by_second: BTreeMap<i64, Vec<[u8; 16]>>,
    count_max: usize,
}

/// What is to be done with a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is new, and noted.
    New,
    /// It was taken before.
    Before,
    /// There is no room to note it.
    NoRoom,
}

impl Deliveries {
    /// At most so many, at some 60 bytes each.
    #[must_use]
    pub fn new(count_max: usize) -> Self {
        Self { until: HashMap::new(), by_second: BTreeMap::new(), count_max }
    }

    /// Notes a delivery. `now` is in seconds since 1970.
    pub fn take(&mut self, delivery: Delivery, now: i64) -> Taken {
        while let Some(entry) = self.by_second.first_entry().filter(|entry| *entry.key() < now) {
            let (second, marks) = entry.remove_entry();
            for mark in marks {
                // One that was given back and taken again may be kept for longer.
                if self.until.get(&mark) == Some(&second) {
                    self.until.remove(&mark);
                }
            }
        }
        if self.until.contains_key(&delivery.mark) {
            return Taken::Before;
        }
        if self.until.len() >= self.count_max {
            return Taken::NoRoom;
        }
        self.until.insert(delivery.mark, delivery.until);
        self.by_second.entry(delivery.until).or_default().push(delivery.mark);
        Taken::New
    }

    /// Nothing came of it: it may come again.
    pub fn give_back(&mut self, delivery: Delivery) {
        if self.until.remove(&delivery.mark).is_some()
            && let Some(marks) = self.by_second.get_mut(&delivery.until)
        {
            marks.retain(|mark| *mark != delivery.mark);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(id: &str, until: i64) -> Delivery {
        Delivery::new(id.as_bytes(), until)
    }

    #[test]
    fn what_was_taken_is_not_taken_again_until_its_time_is_over() {
        let mut deliveries = Deliveries::new(10);
        assert_eq!(deliveries.take(delivery("a", 100), 50), Taken::New);
        assert_eq!(deliveries.take(delivery("a", 100), 100), Taken::Before);
        assert_eq!(deliveries.take(delivery("a", 160), 100), Taken::Before, "the id counts, not the time");
        assert_eq!(deliveries.take(delivery("a", 200), 101), Taken::New);
        assert_eq!(deliveries.take(delivery("a", 300).of_route("r"), 101), Taken::New, "of another route");
        assert_eq!(deliveries.take(delivery("a", 300).of_route("r"), 101), Taken::Before);
    }

    #[test]
    fn what_was_given_back_may_come_again() {
        let mut deliveries = Deliveries::new(10);
        assert_eq!(deliveries.take(delivery("a", 100), 50), Taken::New);
        deliveries.give_back(delivery("a", 100));
        assert_eq!(deliveries.take(delivery("a", 120), 50), Taken::New);
        assert_eq!(deliveries.take(delivery("b", 130), 110), Taken::New);
        assert_eq!(deliveries.take(delivery("a", 140), 110), Taken::Before, "the second time counts");
    }

    #[test]
    fn where_there_is_no_room_nothing_is_forgotten() {
        let mut deliveries = Deliveries::new(2);
        assert_eq!(deliveries.take(delivery("a", 100), 1), Taken::New);
        assert_eq!(deliveries.take(delivery("b", 200), 1), Taken::New);
        assert_eq!(deliveries.take(delivery("c", 300), 1), Taken::NoRoom);
        assert_eq!(deliveries.take(delivery("a", 100), 1), Taken::Before);
        assert_eq!(deliveries.take(delivery("c", 300), 101), Taken::New);
        assert_eq!(deliveries.until.len(), 2);
    }
}
