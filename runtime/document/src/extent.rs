//! How long a document is as JSON, without writing it.

use crate::write::{number_len, string_len};
use crate::{DEPTH_MAX, Document, View};
use std::sync::atomic::{AtomicU64, Ordering};

/// The size of an array or an object, once somebody asked for it: documents share their parts, so that the size of a
/// changed document costs the parts that changed.
///
/// Every change goes through [`Document::as_array_mut`] or [`Document::as_object_mut`] of all the containers around
/// it, and each of these forgets.
#[derive(Default)]
pub(crate) struct ExtentCell(AtomicU64);

/// Bytes as compact JSON, and how many levels of arrays and objects there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Extent {
    bytes: u64,
    depth: u64,
}

/// The cell keeps the depth in its lowest bits; 0 is not known, since a container is one level deep at least.
const DEPTH_BITS: u32 = 16;
/// A document is counted up to here. Documents share their parts, so that a small one may stand for any length, which
/// would take its time to count.
const COUNTED_BYTES_MAX: u64 = 16 * 1024 * 1024;

impl ExtentCell {
    pub(crate) fn forget(&mut self) {
        *self.0.get_mut() = 0;
    }

    fn known(&self) -> Option<Extent> {
        let packed = self.0.load(Ordering::Relaxed);
        (packed != 0).then_some(Extent { bytes: packed >> DEPTH_BITS, depth: packed & ((1 << DEPTH_BITS) - 1) })
    }

    fn remember(&self, extent: Extent) {
        self.0.store(extent.bytes << DEPTH_BITS | extent.depth, Ordering::Relaxed);
    }
}

impl Clone for ExtentCell {
    /// What is cloned is about to be changed.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Document {
    /// How many bytes [`Document::to_json`] would have, without writing them. What was counted before is not counted
    /// again, so that this is cheap for a document that is made of others.
    ///
    /// A document longer than 16 MiB, or nested deeper than [`DEPTH_MAX`], fits no limit: it has `usize::MAX`. To
    /// bound the length of what is kept therefore bounds its depth too, and with it the stack that dropping or
    /// writing it takes.
    #[must_use]
    pub fn json_len(&self) -> usize {
        let mut meter = Meter { bytes_left: COUNTED_BYTES_MAX };
        match meter.measure(self, DEPTH_MAX as u64) {
            Some(extent) => extent.bytes as usize,
            None => usize::MAX,
        }
    }
}

struct Meter {
    bytes_left: u64,
}

impl Meter {
    /// Nothing when there are more than `levels_left` levels, or more bytes than are left.
    fn measure(&mut self, value: &Document, levels_left: u64) -> Option<Extent> {
        if let Some((text, depth)) = value.as_raw() {
            let extent = Extent { bytes: self.spend(text.len() as u64)?, depth: depth.into() };
            return (extent.depth <= levels_left).then_some(extent);
        }
        let Some(cell) = value.extent_cell() else {
            return Some(Extent { bytes: self.spend(scalar(value))?, depth: 0 });
        };
        if let Some(known) = cell.known() {
            self.spend(known.bytes)?;
            return (known.depth <= levels_left).then_some(known);
        }
        let extent = self.container(value, levels_left.checked_sub(1)?)?;
        cell.remember(extent);
        Some(extent)
    }

    fn container(&mut self, value: &Document, levels_left: u64) -> Option<Extent> {
        // The brackets, and the commas between the elements.
        let punctuation = |count: usize| 2 + count.saturating_sub(1) as u64;
        let mut extent = Extent { bytes: 0, depth: 1 };
        let add = |extent: &mut Extent, item: Extent| {
            extent.bytes += item.bytes;
            extent.depth = extent.depth.max(item.depth + 1);
        };
        match value.view() {
            View::Array(items) => {
                extent.bytes = self.spend(punctuation(items.len()))?;
                for item in items {
                    add(&mut extent, self.measure(item, levels_left)?);
                }
            }
            View::Object(object) => {
                extent.bytes = self.spend(punctuation(object.len()))?;
                for (key, item) in object.iter() {
                    extent.bytes += self.spend(string_len(key) as u64 + 1)?;
                    add(&mut extent, self.measure(item, levels_left)?);
                }
            }
            _ => {}
        }
        Some(extent)
    }

    fn spend(&mut self, bytes: u64) -> Option<u64> {
        self.bytes_left = self.bytes_left.checked_sub(bytes)?;
        Some(bytes)
    }
}

fn scalar(value: &Document) -> u64 {
    let bytes = match value.view() {
        View::Null | View::Bool(true) => 4,
        View::Bool(false) => 5,
        View::Number(number) => number_len(number),
        View::String(text) => string_len(text),
        View::Array(_) | View::Object(_) => 0,
    };
    bytes as u64
}
