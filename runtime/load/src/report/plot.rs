//! Lines over a common axis, as SVG that takes its colours from the page around it.

use std::fmt::Write as _;

/// Room for the labels of the axes, in units of the picture.
const LEFT: f64 = 58.0;
const RIGHT: f64 = 18.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 34.0;

/// Several lines.
pub(super) struct Plot {
    pub(super) title: &'static str,
    /// What the lines count.
    pub(super) unit: &'static str,
    pub(super) lines: Vec<Line>,
    pub(super) x: Axis,
    pub(super) y: Axis,
    /// A stretch of the x axis that does not count, and what it is called.
    pub(super) shaded: Vec<(f64, f64)>,
    /// A value of the y axis that is not to be passed.
    pub(super) goal: Option<f64>,
}

/// One line: its name, the colour's number, and its points; a gap where one is not finite.
pub(super) struct Line {
    pub(super) name: &'static str,
    pub(super) colour: usize,
    pub(super) points: Vec<(f64, f64)>,
}

/// The label of an axis of time, which begins at 0.
pub(super) const SECONDS: &str = "seconds";

/// How an axis is divided.
pub(super) struct Axis {
    pub(super) label: &'static str,
    pub(super) scale: Scale,
}

/// How values stand on an axis.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Scale {
    /// Evenly, from 0.
    Linear,
    /// By decades.
    Decades,
    /// Shares of a whole, the closer to 1 the wider apart: 0, 90 %, 99 %, 99.9 %.
    Nines,
}

impl Plot {
    /// Title, legend, and the picture twice: for a wide page, and for a narrow one.
    pub(super) fn figure(&self) -> String {
        let mut out = format!("<figure><figcaption>{}, <span class=\"unit\">{}</span>", self.title, self.unit);
        if self.lines.len() > 1 {
            out.push_str("<span class=\"legend\">");
            for line in &self.lines {
                let _ = write!(out, "<span><i class=\"c{}\"></i>{}</span> ", line.colour, line.name);
            }
            out.push_str("</span>");
        }
        out.push_str("</figcaption>");
        out.push_str(&self.svg("wide", 720.0, 230.0));
        out.push_str(&self.svg("narrow", 350.0, 210.0));
        out.push_str("</figure>\n");
        out
    }

    fn svg(&self, class: &str, width: f64, height: f64) -> String {
        let view = View::of(self, width, height);
        let mut out = format!(
            "<svg class=\"{class}\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\">",
            self.title
        );
        for (from, to) in &self.shaded {
            let (left, right) = (view.x(*from), view.x(*to));
            let _ = write!(
                out,
                "<rect class=\"shaded\" x=\"{left:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{:.1}\"/>",
                right - left,
                height - TOP - BOTTOM
            );
        }
        view.axes(&mut out);
        if let Some(goal) = self.goal.filter(|goal| (view.y.0..=view.y.1).contains(&self.y.scale.place(*goal))) {
            let at = view.y(goal);
            let _ = write!(out, "<path class=\"goal\" d=\"M{LEFT} {at:.1}H{:.1}\"/>", width - RIGHT);
        }
        for line in &self.lines {
            let _ = write!(out, "<path class=\"line c{}\" d=\"{}\"/>", line.colour, view.path(&line.points));
        }
        out.push_str("</svg>");
        out
    }
}

impl Scale {
    /// Where a value stands, before it is fitted to a picture.
    fn place(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Decades => value.max(1e-9).log10(),
            Self::Nines => -(1.0 - value).max(1e-12).log10(),
        }
    }

    /// What the axis says, between these places: where, and in words; some `count` of them.
    fn ticks(self, from: f64, to: f64, count: f64) -> Vec<(f64, String)> {
        match self {
            Self::Linear => {
                let step = nice((to - from) / count);
                let first = (from / step).ceil() as i64;
                let last = (to / step + 1e-9).floor() as i64;
                let words = |value: f64| (value, short(value, to, step));
                (first..=last).map(|n| n as f64 * step).map(words).collect()
            }
            Self::Decades => {
                let (first, last) = (from.ceil() as i32, to.floor() as i32);
                let fine: &[f64] = if to - from < 2.5 { &[1.0, 2.0, 5.0] } else { &[1.0] };
                let all = (first - 1..=last).flat_map(|decade| fine.iter().map(move |one| one * 10_f64.powi(decade)));
                let all = all.map(|value| (value.log10(), short(value, value, value)));
                all.filter(|(place, _)| (from - 1e-9..=to + 1e-9).contains(place)).collect()
            }
            Self::Nines => {
                let words = |nines: i32| match nines {
                    0 => "0".to_owned(),
                    1 => "90 %".to_owned(),
                    2 => "99 %".to_owned(),
                    more => format!("99.{} %", "9".repeat(usize::try_from(more - 2).unwrap_or(1))),
                };
                // The words grow with every nine, so that where there is little room every other one has to do.
                let every = ((to - from) / count * 0.9).ceil().max(1.0) as usize;
                (from as i32..=to as i32).step_by(every).map(|nines| (f64::from(nines), words(nines))).collect()
            }
        }
    }
}

/// 1, 2 or 5 of a decade, no less than `step`.
fn nice(step: f64) -> f64 {
    let decade = 10_f64.powf(step.max(1e-9).log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * decade).find(|nice| *nice >= step * 0.999).unwrap_or(step)
}

/// A number on an axis that goes to `to`, whose neighbours are `step` away.
fn short(value: f64, to: f64, step: f64) -> String {
    let (unit, name) = match to {
        1e6.. => (1e6, "M"),
        1e3.. => (1e3, "k"),
        _ => (1.0, ""),
    };
    let digits = (-(step / unit).max(1e-6).log10().floor()).max(0.0) as usize;
    if value == 0.0 { "0".to_owned() } else { format!("{:.digits$}{name}", value / unit) }
}

/// A plot fitted to a picture: the places at the ends of its axes.
struct View<'a> {
    plot: &'a Plot,
    width: f64,
    height: f64,
    x: (f64, f64),
    y: (f64, f64),
}

impl<'a> View<'a> {
    fn of(plot: &'a Plot, width: f64, height: f64) -> Self {
        let points = || plot.lines.iter().flat_map(|line| &line.points).filter(|point| point.1.is_finite());
        let x = ends(points().map(|point| plot.x.scale.place(point.0)));
        let (low, high) = ends(points().map(|point| plot.y.scale.place(point.1)));
        let y = match plot.y.scale {
            Scale::Linear => (0.0, if high > 0.0 { high * 1.08 } else { 1.0 }),
            Scale::Decades => (low - 0.1, (high + 0.1).max(low + 1.0)),
            Scale::Nines => (low, high),
        };
        let x = if plot.x.scale == Scale::Nines { (0.0, x.1) } else { x };
        let x = if plot.x.label == SECONDS { (0.0, x.1) } else { x };
        Self { plot, width, height, x, y }
    }

    fn x(&self, value: f64) -> f64 {
        let share = (self.plot.x.scale.place(value) - self.x.0) / (self.x.1 - self.x.0).max(1e-9);
        LEFT + share * (self.width - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        let share = (self.plot.y.scale.place(value) - self.y.0) / (self.y.1 - self.y.0).max(1e-9);
        self.height - BOTTOM - share * (self.height - TOP - BOTTOM)
    }

    fn axes(&self, out: &mut String) {
        let (right, bottom) = (self.width - RIGHT, self.height - BOTTOM);
        for (place, words) in self.plot.y.scale.ticks(self.y.0, self.y.1, 4.0) {
            let share = (place - self.y.0) / (self.y.1 - self.y.0).max(1e-9);
            let at = bottom - share * (bottom - TOP);
            let _ = write!(
                out,
                "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{right:.1}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{words}</text>",
                LEFT - 6.0,
                at + 4.0
            );
        }
        for (place, words) in self.plot.x.scale.ticks(self.x.0, self.x.1, self.width / 90.0) {
            let share = (place - self.x.0) / (self.x.1 - self.x.0).max(1e-9);
            let at = LEFT + share * (right - LEFT);
            let _ = write!(out, "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{words}</text>", bottom + 15.0);
        }
        let _ = write!(
            out,
            "<text class=\"axis\" x=\"{right:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            self.height - 4.0,
            self.plot.x.label
        );
    }

    fn path(&self, points: &[(f64, f64)]) -> String {
        let (mut out, mut pen_is_up) = (String::new(), true);
        for (x, y) in points {
            if !y.is_finite() {
                pen_is_up = true;
                continue;
            }
            let _ = write!(out, "{}{:.1} {:.1}", if pen_is_up { 'M' } else { 'L' }, self.x(*x), self.y(*y));
            pen_is_up = false;
        }
        out
    }
}

/// The least and the greatest.
fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    if low <= high { (low, high) } else { (0.0, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(scale: Scale, from: f64, to: f64) -> Vec<String> {
        scale.ticks(from, to, 4.0).into_iter().map(|(_, words)| words).collect()
    }

    #[test]
    fn axes_are_divided_where_a_person_would() {
        assert_eq!(words(Scale::Linear, 0.0, 54_000.0), ["0", "20k", "40k"]);
        assert_eq!(words(Scale::Linear, 0.0, 1.0), ["0", "0.5", "1.0"]);
        assert_eq!(words(Scale::Linear, 0.0, 1_700_000.0), ["0", "0.5M", "1.0M", "1.5M"]);
        assert_eq!(words(Scale::Decades, -1.1, 0.6), ["0.1", "0.2", "0.5", "1", "2"]);
        assert_eq!(words(Scale::Decades, -1.0, 3.0), ["0.1", "1", "10", "100", "1k"]);
        assert_eq!(words(Scale::Nines, 0.0, 4.2), ["0", "90 %", "99 %", "99.9 %", "99.99 %"]);
        assert_eq!(words(Scale::Nines, 0.0, 6.5), ["0", "99 %", "99.99 %", "99.9999 %"]);
    }

    #[test]
    fn a_line_has_a_gap_where_nothing_was_measured() {
        let axis = || Axis { label: SECONDS, scale: Scale::Linear };
        let points = vec![(0.0, 1.0), (1.0, 2.0), (2.0, f64::NAN), (3.0, 1.0)];
        let lines = vec![Line { name: "a", colour: 1, points }];
        let plot = Plot { title: "t", unit: "u", lines, x: axis(), y: axis(), shaded: vec![], goal: None };
        let path = View::of(&plot, 128.0, 154.0).path(&plot.lines[0].points);
        assert_eq!(path.matches('M').count(), 2, "{path}");
        assert!(path.starts_with("M58.0 "), "{path}");
        assert!(!plot.figure().contains("NaN"));
    }
}
