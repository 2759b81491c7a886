//! Where in its row a vertex is: the method of Brandes and Köpf, "Fast and simple horizontal coordinate assignment"
//! (2001), with the compaction over a graph of blocks that dagre uses.

use crate::order::Layers;
use std::collections::HashSet;

/// What the coordinates depend on.
pub(crate) struct Spacing<'a> {
    /// Widths, by vertex.
    pub(crate) widths: &'a [f64],
    /// Whether a vertex is a waypoint of a line and no state.
    pub(crate) is_waypoint: &'a [bool],
    /// Whether a vertex is a waypoint of a Catch or of a line back: where another line may be straight, these bend.
    pub(crate) is_minor: &'a [bool],
    /// The room between neighbours.
    pub(crate) gap: &'a dyn Fn(usize, usize) -> f64,
}

/// The centre of each vertex; the leftmost edge is at zero.
pub(crate) fn centres(layers: &Layers, place: &[usize], spacing: &Spacing<'_>) -> Vec<f64> {
    let conflicts = conflicts(layers, place, spacing.is_waypoint);
    let mut found: Vec<Vec<f64>> = Vec::with_capacity(4);
    for is_down in [true, false] {
        for is_left in [true, false] {
            let view = View { layers, place, conflicts: &conflicts, spacing, is_down, is_left };
            let mut xs = view.compacted(&view.roots());
            if !is_left {
                xs.iter_mut().for_each(|x| *x = -*x);
            }
            found.push(xs);
        }
    }
    balanced(found, spacing.widths)
}

/// Joins that cross one between two waypoints, which is to be straight.
fn conflicts(layers: &Layers, place: &[usize], is_waypoint: &[bool]) -> HashSet<(usize, usize)> {
    let mut conflicts = HashSet::new();
    for pair in layers.rows.windows(2) {
        let (upper, lower) = (&pair[0], &pair[1]);
        let inner = |vertex: usize| {
            let mut above = layers.above[vertex].iter().copied();
            if is_waypoint[vertex] { above.find(|&above| is_waypoint[above]) } else { None }
        };
        let (mut low, mut scanned) = (0, 0);
        for (at, &vertex) in lower.iter().enumerate() {
            let straight = inner(vertex);
            if straight.is_none() && at + 1 < lower.len() {
                continue;
            }
            let high = straight.map_or(upper.len(), |above| place[above]);
            for &between in &lower[scanned..=at] {
                for &above in &layers.above[between] {
                    let crosses = place[above] < low || place[above] > high;
                    if crosses && !(is_waypoint[above] && is_waypoint[between]) {
                        conflicts.insert((above, between));
                    }
                }
            }
            scanned = at + 1;
            low = high;
        }
    }
    conflicts
}

/// The layers as seen from one of four sides.
struct View<'a> {
    layers: &'a Layers,
    place: &'a [usize],
    conflicts: &'a HashSet<(usize, usize)>,
    spacing: &'a Spacing<'a>,
    is_down: bool,
    is_left: bool,
}

impl View<'_> {
    fn row(&self, index: usize) -> Vec<usize> {
        let mut row = self.layers.rows[if self.is_down { index } else { self.layers.rows.len() - 1 - index }].clone();
        if !self.is_left {
            row.reverse();
        }
        row
    }

    /// Aligns each vertex with a median of those before it; gives the root of the block that each is in.
    fn roots(&self) -> Vec<usize> {
        let count = self.place.len();
        let mut root: Vec<usize> = (0..count).collect();
        let mut is_taken = vec![false; count];
        let joined = if self.is_down { &self.layers.above } else { &self.layers.below };
        let place = |vertex: usize| if self.is_left { self.place[vertex] as i64 } else { -(self.place[vertex] as i64) };
        for index in 0..self.layers.rows.len() {
            let mut reached = i64::MIN;
            for vertex in self.row(index) {
                let mut before = self.preferred(vertex, joined);
                before.sort_unstable_by_key(|&vertex| place(vertex));
                if before.is_empty() {
                    continue;
                }
                for &median in &before[(before.len() - 1) / 2..=before.len() / 2] {
                    let ends = if self.is_down { (median, vertex) } else { (vertex, median) };
                    let is_free = root[vertex] == vertex && !is_taken[median] && reached < place(median);
                    if is_free && !self.conflicts.contains(&ends) {
                        root[vertex] = root[median];
                        is_taken[median] = true;
                        reached = place(median);
                    }
                }
            }
        }
        root
    }

    /// What `vertex` may be aligned with: lines that lead on come before those of a Catch and those that lead back.
    fn preferred(&self, vertex: usize, joined: &[Vec<usize>]) -> Vec<usize> {
        let is_minor = |other: usize| self.spacing.is_minor[vertex] != self.spacing.is_minor[other];
        let other_side = if self.is_down { &self.layers.below } else { &self.layers.above };
        let may_yield = |before: &usize| {
            let is_contested = other_side[*before].iter().any(|&rival| !self.spacing.is_minor[rival]);
            !(self.spacing.is_minor[vertex] && !self.spacing.is_minor[*before] && is_contested)
        };
        let all = &joined[vertex];
        let plain: Vec<usize> = all.iter().copied().filter(|&before| !is_minor(before)).collect();
        if plain.is_empty() { all.iter().copied().filter(may_yield).collect() } else { plain }
    }

    /// Places the blocks as far to the left as they go, then what can be closer to its right neighbour so.
    fn compacted(&self, root: &[usize]) -> Vec<f64> {
        let count = root.len();
        let mut after: Vec<Vec<(usize, f64)>> = vec![Vec::new(); count];
        let mut open = vec![0_usize; count];
        for index in 0..self.layers.rows.len() {
            for pair in self.row(index).windows(2) {
                let (left, right) = (pair[0], pair[1]);
                let width = f64::midpoint(self.spacing.widths[left], self.spacing.widths[right]);
                after[root[left]].push((root[right], width + (self.spacing.gap)(left, right)));
                open[root[right]] += 1;
            }
        }
        let mut ready: Vec<usize> = (0..count).filter(|&block| root[block] == block && open[block] == 0).collect();
        let mut x = vec![0.0_f64; count];
        let mut next = 0;
        while let Some(&block) = ready.get(next) {
            next += 1;
            for &(right, room) in &after[block] {
                x[right] = x[right].max(x[block] + room);
                open[right] -= 1;
                if open[right] == 0 {
                    ready.push(right);
                }
            }
        }
        for &block in ready.iter().rev() {
            let nearest = after[block].iter().map(|&(right, room)| x[right] - room).fold(f64::INFINITY, f64::min);
            if nearest.is_finite() {
                x[block] = x[block].max(nearest);
            }
        }
        root.iter().map(|&block| x[block]).collect()
    }
}

/// The middle of four layouts: each is moved to the narrowest one, and of four places the two in the middle count.
fn balanced(mut found: Vec<Vec<f64>>, widths: &[f64]) -> Vec<f64> {
    let bounds = |xs: &[f64]| {
        let low = xs.iter().zip(widths).map(|(x, width)| x - width / 2.0).fold(f64::INFINITY, f64::min);
        let high = xs.iter().zip(widths).map(|(x, width)| x + width / 2.0).fold(f64::NEG_INFINITY, f64::max);
        (low, high)
    };
    let all: Vec<(f64, f64)> = found.iter().map(|xs| bounds(xs)).collect();
    let Some(narrowest) = all.iter().copied().min_by(|a, b| (a.1 - a.0).total_cmp(&(b.1 - b.0))) else {
        return Vec::new();
    };
    for (index, xs) in found.iter_mut().enumerate() {
        let is_left = index % 2 == 0;
        let shift = if is_left { narrowest.0 - all[index].0 } else { narrowest.1 - all[index].1 };
        xs.iter_mut().for_each(|x| *x += shift);
    }
    let mut xs: Vec<f64> = (0..widths.len())
        .map(|vertex| {
            let mut four = [found[0][vertex], found[1][vertex], found[2][vertex], found[3][vertex]];
            four.sort_unstable_by(f64::total_cmp);
            f64::midpoint(four[1], four[2])
        })
        .collect();
    let low = bounds(&xs).0;
    xs.iter_mut().for_each(|x| *x -= low);
    xs
}
