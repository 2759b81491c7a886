//! A layered layout of one scope, from above to below: ranks, waypoints, order, coordinates, routes.
//!
//! A line bends only between two layers. Within a layer it goes straight through a waypoint, which has room of its own
//! there; so it meets no box and no label. Lines to one target share their waypoints once their labels are told. A line
//! back leaves its source below, turns, goes up beside what is between, turns again and enters its target from above.

use crate::coordinates::{Spacing, centres};
use crate::order::{Layers, order};
use crate::ranks::{Link, Ranks, rank};
use crate::{DrawError, WAYPOINTS_MAX};
use std::collections::HashMap;

/// A place in the picture; y grows downward.
pub(crate) type Point = (f64, f64);

/// A part of a line, from where the last one ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Line(Point),
    Curve(Point, Point, Point),
}

/// A line.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) start: Point,
    pub(crate) steps: Vec<Step>,
    /// The centre of its label, if it has one.
    pub(crate) label: Option<Point>,
}

impl Route {
    pub(crate) fn end(&self) -> Point {
        match self.steps.last() {
            Some(Step::Line(end) | Step::Curve(_, _, end)) => *end,
            None => self.start,
        }
    }

    /// How long it is, near enough for the eye.
    pub(crate) fn length(&self) -> f64 {
        let between = |a: Point, b: Point| (a.0 - b.0).hypot(a.1 - b.1);
        let mut at = self.start;
        let mut length = 0.0;
        for step in &self.steps {
            match *step {
                Step::Line(end) => {
                    length += between(at, end);
                    at = end;
                }
                Step::Curve(first, second, end) => {
                    let start = at;
                    for part in 1..=CURVE_PARTS {
                        let t = f64::from(part) / f64::from(CURVE_PARTS);
                        let u = 1.0 - t;
                        let axis = |p: f64, a: f64, b: f64, q: f64| {
                            u * u * u * p + 3.0 * u * u * t * a + 3.0 * u * t * t * b + t * t * t * q
                        };
                        let next = (axis(start.0, first.0, second.0, end.0), axis(start.1, first.1, second.1, end.1));
                        length += between(at, next);
                        at = next;
                    }
                }
            }
        }
        length
    }
}

/// Where everything is.
pub(crate) struct Placed {
    /// The upper left corner of each box.
    pub(crate) corners: Vec<Point>,
    /// By link.
    pub(crate) routes: Vec<Route>,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

/// The room between two layers of states with no labels between them; half of it is above and below a layer of labels.
const LAYER_GAP: f64 = 46.0;
/// How far a turn of a line back reaches into the room between layers.
const TURN_REACH: f64 = 15.0;
/// Into how many straight parts a curve is taken apart to be measured.
const CURVE_PARTS: u32 = 32;
/// How wide a line is taken to be.
const WAYPOINT_WIDTH: f64 = 6.0;

/// Lays out boxes of the given sizes. The first is where the scope begins; `last` goes below all others.
pub(crate) fn place(sizes: &[(f64, f64)], links: &[Link], last: Option<usize>) -> Result<Placed, DrawError> {
    let mut ranks = rank(sizes.len(), links, last);
    let needs_turn = links.iter().zip(&ranks.is_back).any(|(link, back)| *back && ranks.of[link.to] == 0);
    if needs_turn {
        ranks.of.iter_mut().for_each(|rank| *rank += 2);
    }
    let mut net = Net::new(sizes, &ranks);
    for (index, link) in links.iter().enumerate() {
        let chain = if ranks.is_back[index] { net.back(link)? } else { net.forward(link)? };
        net.chains.push(chain);
    }
    let mut layers = net.layers(links);
    let at = order(&mut layers);
    let gap = |left: usize, right: usize| net.gap(left, right);
    let spacing = Spacing { widths: &net.widths, is_waypoint: &net.is_waypoint, is_minor: &net.is_minor, gap: &gap };
    let xs = centres(&layers, &at, &spacing);
    Ok(Tracer::new(&net, links, &ranks, &xs).trace(sizes))
}

/// The graph of boxes and waypoints.
struct Net {
    widths: Vec<f64>,
    heights: Vec<f64>,
    ranks: Vec<usize>,
    is_waypoint: Vec<bool>,
    is_label: Vec<bool>,
    is_minor: Vec<bool>,
    above: Vec<Vec<usize>>,
    below: Vec<Vec<usize>>,
    boxes: usize,
    /// The waypoints of each link, in its direction; turns are not among them.
    chains: Vec<Chain>,
    /// By target and style: the waypoints in front of it, the nearest first.
    shared: HashMap<(usize, bool), Vec<usize>>,
}

struct Chain {
    waypoints: Vec<usize>,
    label: Option<usize>,
}

impl Net {
    fn new(sizes: &[(f64, f64)], ranks: &Ranks) -> Self {
        let boxes = sizes.len();
        Self {
            widths: sizes.iter().map(|size| size.0).collect(),
            heights: sizes.iter().map(|size| size.1).collect(),
            ranks: ranks.of.clone(),
            is_waypoint: vec![false; boxes],
            is_label: vec![false; boxes],
            is_minor: vec![false; boxes],
            above: vec![Vec::new(); boxes],
            below: vec![Vec::new(); boxes],
            boxes,
            chains: Vec::new(),
            shared: HashMap::new(),
        }
    }

    fn waypoint(&mut self, rank: usize, label: Option<(f64, f64)>, is_minor: bool) -> Result<usize, DrawError> {
        if self.widths.len() - self.boxes == WAYPOINTS_MAX {
            return Err(DrawError::TooTangled);
        }
        let (width, height) = label.unwrap_or((WAYPOINT_WIDTH, 0.0));
        self.widths.push(width);
        self.heights.push(height);
        self.ranks.push(rank);
        self.is_waypoint.push(true);
        self.is_label.push(label.is_some());
        self.is_minor.push(is_minor);
        self.above.push(Vec::new());
        self.below.push(Vec::new());
        Ok(self.widths.len() - 1)
    }

    fn join(&mut self, upper: usize, lower: usize) {
        self.below[upper].push(lower);
        self.above[lower].push(upper);
    }

    fn forward(&mut self, link: &Link) -> Result<Chain, DrawError> {
        let (first, target) = (self.ranks[link.from] + 1, self.ranks[link.to]);
        let label = link.label.map(|size| self.waypoint(first, Some(size), link.is_catch)).transpose()?;
        let begin = first + usize::from(label.is_some());
        let key = (link.to, link.is_catch);
        let mut shared = self.shared.remove(&key).unwrap_or_default();
        while shared.len() < target - begin {
            let waypoint = self.waypoint(target - 1 - shared.len(), None, link.is_catch)?;
            self.join(waypoint, shared.last().copied().unwrap_or(link.to));
            shared.push(waypoint);
        }
        let mut waypoints: Vec<usize> = label.into_iter().collect();
        waypoints.extend(shared[..target - begin].iter().rev());
        self.shared.insert(key, shared);
        let joined = usize::from(label.is_some());
        if let Some(label) = label {
            self.join(label, waypoints.get(joined).copied().unwrap_or(link.to));
        }
        self.join(link.from, waypoints[0]);
        Ok(Chain { waypoints, label })
    }

    fn back(&mut self, link: &Link) -> Result<Chain, DrawError> {
        let (low, high) = (self.ranks[link.from], self.ranks[link.to]);
        let label_rank = if low > high { low - 1 } else { low };
        let turn = self.waypoint(low + 1, None, true)?;
        self.join(link.from, turn);
        let mut waypoints = Vec::with_capacity(low - high + 1);
        let mut label = None;
        let mut lower = turn;
        for rank in (high..=low).rev() {
            let waypoint = self.waypoint(rank, link.label.filter(|_| rank == label_rank), true)?;
            if rank == label_rank && link.label.is_some() {
                label = Some(waypoint);
            }
            self.join(waypoint, lower);
            waypoints.push(waypoint);
            lower = waypoint;
        }
        let turn = self.waypoint(high - 1, None, true)?;
        self.join(turn, lower);
        self.join(turn, link.to);
        Ok(Chain { waypoints, label })
    }

    /// The rows in a first order: as a walk from the first box comes by them.
    fn layers(&self, links: &[Link]) -> Layers {
        let mut leaving: Vec<Vec<usize>> = vec![Vec::new(); self.boxes];
        links.iter().for_each(|link| leaving[link.from].push(link.to));
        let mut number = vec![usize::MAX; self.widths.len()];
        let mut next = 0;
        for root in 0..self.boxes {
            let mut open = vec![root];
            while let Some(vertex) = open.pop() {
                if number[vertex] == usize::MAX {
                    number[vertex] = next;
                    next += 1;
                    open.extend(leaving[vertex].iter().rev());
                }
            }
        }
        for (link, chain) in links.iter().zip(&self.chains) {
            for &waypoint in &chain.waypoints {
                number[waypoint] = number[waypoint].min(number[link.from]);
            }
        }
        let rows = self.ranks.iter().max().map_or(0, |rank| rank + 1);
        let mut layers = Layers { rows: vec![Vec::new(); rows], above: self.above.clone(), below: self.below.clone() };
        let mut all: Vec<usize> = (0..self.widths.len()).collect();
        all.sort_by_key(|&vertex| (number[vertex], vertex));
        all.iter().for_each(|&vertex| layers.rows[self.ranks[vertex]].push(vertex));
        layers
    }

    fn gap(&self, left: usize, right: usize) -> f64 {
        match (self.is_waypoint[left], self.is_waypoint[right]) {
            (false, false) => 36.0,
            (true, true) if self.is_label[left] && self.is_label[right] => 16.0,
            (true, true) => 14.0,
            _ => 20.0,
        }
    }
}

/// Gives the layers their heights, and draws the lines.
struct Tracer<'a> {
    net: &'a Net,
    links: &'a [Link],
    ranks: &'a Ranks,
    xs: &'a [f64],
    /// By layer: its upper edge.
    tops: Vec<f64>,
    /// By layer: how high it is. One without height is passed as if it were not there.
    heights: Vec<f64>,
    /// By box: whether a line that is no Catch and does not come back enters it.
    is_entered_plainly: Vec<bool>,
}

impl<'a> Tracer<'a> {
    fn new(net: &'a Net, links: &'a [Link], ranks: &'a Ranks, xs: &'a [f64]) -> Self {
        let mut heights = vec![0.0_f64; net.ranks.iter().max().map_or(0, |rank| rank + 1)];
        for (vertex, &rank) in net.ranks.iter().enumerate() {
            heights[rank] = heights[rank].max(net.heights[vertex]);
        }
        let mut is_entered_plainly = vec![false; net.boxes];
        for (link, _) in links.iter().zip(&ranks.is_back).filter(|(link, back)| !link.is_catch && !**back) {
            is_entered_plainly[link.to] = true;
        }
        let mut tracer = Self { net, links, ranks, xs, tops: Vec::new(), heights, is_entered_plainly };
        tracer.tops = tracer.tops();
        tracer
    }

    /// The upper edge of each layer: where lines go far to the side, there is more room for them.
    fn tops(&self) -> Vec<f64> {
        let mut far = vec![0.0_f64; self.heights.len() + 1];
        for (vertex, &rank) in self.net.ranks.iter().enumerate() {
            for &below in &self.net.below[vertex] {
                far[rank] = far[rank].max((self.xs[vertex] - self.xs[below]).abs());
            }
        }
        let has_turn = |rank: usize, is_low: bool| {
            self.links
                .iter()
                .zip(&self.ranks.is_back)
                .any(|(link, back)| *back && self.net.ranks[if is_low { link.from } else { link.to }] == rank)
        };
        let first = self.heights.iter().position(|height| *height > 0.0).unwrap_or(0);
        let mut y = if has_turn(first, false) { LAYER_GAP / 2.0 } else { 0.0 };
        let mut reach = 0.0_f64;
        let mut tops = vec![y; self.heights.len()];
        let mut before: Option<usize> = None;
        for rank in first..self.heights.len() {
            if self.heights[rank] > 0.0 {
                if let Some(before) = before {
                    let is_close = rank - before == 1;
                    y += if is_close { LAYER_GAP / 2.0 } else { LAYER_GAP };
                    y += ((reach - 90.0) * 0.05).clamp(0.0, 36.0);
                }
                tops[rank] = y;
                y += self.heights[rank];
                before = Some(rank);
                reach = 0.0;
            } else {
                tops[rank] = y;
            }
            reach = reach.max(far[rank]);
        }
        tops
    }

    fn bottom(&self, rank: usize) -> f64 {
        self.tops[rank] + self.heights[rank]
    }

    fn trace(&self, sizes: &[(f64, f64)]) -> Placed {
        let corners: Vec<Point> = sizes
            .iter()
            .enumerate()
            .map(|(index, size)| (self.xs[index] - size.0 / 2.0, self.tops[self.net.ranks[index]]))
            .collect();
        let routes: Vec<Route> = (0..self.links.len()).map(|link| self.route(link)).collect();
        let width = self.xs.iter().zip(&self.net.widths).map(|(x, width)| x + width / 2.0).fold(0.0, f64::max);
        let mut height = corners.iter().zip(sizes).map(|(corner, size)| corner.1 + size.1).fold(0.0, f64::max);
        for (link, _) in self.links.iter().zip(&self.ranks.is_back).filter(|(_, back)| **back) {
            height = height.max(self.bottom(self.net.ranks[link.from]) + LAYER_GAP / 2.0);
        }
        Placed { corners, routes, width, height }
    }

    fn route(&self, index: usize) -> Route {
        let link = &self.links[index];
        let chain = &self.net.chains[index];
        let is_back = self.ranks.is_back[index];
        let is_wide = |waypoint: &&usize| self.heights[self.net.ranks[**waypoint]] > 0.0;
        let stops: Vec<usize> = chain.waypoints.iter().filter(is_wide).copied().collect();
        let first = stops.first().map_or(self.xs[link.to], |&stop| self.xs[stop]);
        let last = stops.last().map_or(self.xs[link.from], |&stop| self.xs[stop]);
        let (from, to) = (link.from, link.to);
        let start_x = self.xs[from] + if is_back || link.is_catch { self.aside(from, first) } else { 0.0 };
        let enters_aside = is_back || link.is_catch && self.is_entered_plainly[to];
        let end_x = self.xs[to] + if enters_aside { self.aside(to, last) } else { 0.0 };
        let from_rank = self.net.ranks[from];
        let mut pen = Pen::at((start_x, self.tops[from_rank] + self.net.heights[from]));
        pen.line((start_x, self.bottom(from_rank)));
        let end = (end_x, self.tops[self.net.ranks[to]]);
        if is_back {
            let column = self.xs[chain.waypoints[0]];
            pen.turn((column, self.bottom(from_rank)), TURN_REACH);
            for &stop in &stops {
                let rank = self.net.ranks[stop];
                pen.bend((self.xs[stop], self.bottom(rank)));
                pen.line((self.xs[stop], self.tops[rank]));
            }
            pen.turn(end, -TURN_REACH);
        } else {
            for &stop in &stops {
                let rank = self.net.ranks[stop];
                pen.bend((self.xs[stop], self.tops[rank]));
                pen.line((self.xs[stop], self.bottom(rank)));
            }
            pen.bend(end);
        }
        let label = chain.label.map(|label| {
            let rank = self.net.ranks[label];
            (self.xs[label], self.tops[rank] + self.heights[rank] / 2.0)
        });
        Route { label, ..pen.route }
    }

    /// How far from the middle of a box a line begins or ends that goes to `x`.
    fn aside(&self, vertex: usize, x: f64) -> f64 {
        let quarter = self.net.widths[vertex] / 4.0;
        (x - self.xs[vertex]).clamp(-quarter, quarter)
    }
}

/// Draws a line.
struct Pen {
    route: Route,
    at: Point,
}

impl Pen {
    fn at(start: Point) -> Self {
        Self { route: Route { start, steps: Vec::new(), label: None }, at: start }
    }

    fn line(&mut self, to: Point) {
        if (to.1 - self.at.1).abs() > 0.01 || (to.0 - self.at.0).abs() > 0.01 {
            self.route.steps.push(Step::Line(to));
            self.at = to;
        }
    }

    /// From one layer to another, upright at both ends.
    fn bend(&mut self, to: Point) {
        if (to.0 - self.at.0).abs() < 0.5 {
            return self.line(to);
        }
        let middle = f64::midpoint(self.at.1, to.1);
        self.route.steps.push(Step::Curve((self.at.0, middle), (to.0, middle), to));
        self.at = to;
    }

    /// Round, to a place at the same height; `reach` is how far down it goes.
    fn turn(&mut self, to: Point, reach: f64) {
        // The curve reaches three quarters of the way to its handles.
        let y = if reach > 0.0 { self.at.1.max(to.1) } else { self.at.1.min(to.1) } + reach / 0.75;
        self.route.steps.push(Step::Curve((self.at.0, y), (to.0, y), to));
        self.at = to;
    }
}
