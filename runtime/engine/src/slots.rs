//! Where the executions of a shard live.

/// Slots that are allocated together. Nothing is ever moved to make room, since a table that doubles would need three
/// times its size for a moment, with a million executions in it.
pub(crate) const CHUNK_SLOTS: usize = 1_024;

/// Values by a small number, which stays theirs until they are removed.
#[derive(Debug)]
pub(crate) struct Slots<T> {
    chunks: Vec<Vec<Slot<T>>>,
    /// The first of the vacant slots; each names the next.
    vacant: Option<u32>,
    len: usize,
}

#[derive(Debug)]
enum Slot<T> {
    Vacant(Option<u32>),
    Occupied(T),
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), vacant: None, len: 0 }
    }
}

impl<T> Slots<T> {
    /// Bytes of a slot.
    pub(crate) const SLOT_BYTES: usize = size_of::<Slot<T>>();

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Puts a value into a slot, and returns its number.
    pub(crate) fn insert(&mut self, value: T) -> u32 {
        self.len += 1;
        if let Some(index) = self.vacant {
            let slot = self.slot_mut(index).expect("the list of vacant slots names slots");
            let Slot::Vacant(next) = std::mem::replace(slot, Slot::Occupied(value)) else {
                unreachable!("the list of vacant slots holds vacant ones")
            };
            self.vacant = next;
            return index;
        }
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK_SLOTS) {
            self.chunks.push(Vec::with_capacity(CHUNK_SLOTS));
        }
        let chunk = self.chunks.len() - 1;
        let within = self.chunks[chunk].len();
        self.chunks[chunk].push(Slot::Occupied(value));
        u32::try_from(chunk * CHUNK_SLOTS + within).expect("admission keeps executions well below 2^31")
    }

    /// Takes a value out. When that was the last one, the memory of all slots is given back.
    pub(crate) fn remove(&mut self, index: u32) -> Option<T> {
        let vacant = self.vacant;
        let slot = self.slot_mut(index).filter(|slot| matches!(slot, Slot::Occupied(_)))?;
        let Slot::Occupied(value) = std::mem::replace(slot, Slot::Vacant(vacant)) else { unreachable!("just seen") };
        self.vacant = Some(index);
        self.len -= 1;
        if self.len == 0 {
            self.vacant = None;
            self.chunks.truncate(1);
            self.chunks.iter_mut().for_each(Vec::clear);
        }
        Some(value)
    }

    pub(crate) fn get(&self, index: u32) -> Option<&T> {
        match self.chunks.get(index as usize / CHUNK_SLOTS)?.get(index as usize % CHUNK_SLOTS)? {
            Slot::Occupied(value) => Some(value),
            Slot::Vacant(_) => None,
        }
    }

    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        match self.slot_mut(index)? {
            Slot::Occupied(value) => Some(value),
            Slot::Vacant(_) => None,
        }
    }

    fn slot_mut(&mut self, index: u32) -> Option<&mut Slot<T>> {
        self.chunks.get_mut(index as usize / CHUNK_SLOTS)?.get_mut(index as usize % CHUNK_SLOTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn agrees_with_a_map() {
        let mut chance = fastrand::Rng::with_seed(11);
        let mut slots = Slots::default();
        let mut map = BTreeMap::new();
        for round in 0..40_000_u32 {
            // Fills up, empties wholly, and fills up again.
            let is_filling = (round / 10_000).is_multiple_of(2);
            if chance.u32(0..10) < if is_filling { 7 } else { 2 } {
                let index = slots.insert(round);
                assert_eq!(map.insert(index, round), None, "a slot was given out twice");
            } else {
                let index = chance.u32(0..5_000);
                assert_eq!(slots.remove(index), map.remove(&index));
            }
            let index = chance.u32(0..5_000);
            assert_eq!(slots.get(index), map.get(&index));
            assert_eq!(slots.get_mut(index).copied(), map.get(&index).copied());
            assert_eq!(slots.len(), map.len());
        }
        for index in map.keys() {
            assert!(slots.remove(*index).is_some());
        }
        assert_eq!((slots.len(), slots.chunks.len(), slots.vacant), (0, 1, None));
    }
}
