//! A graph as SVG. All texts are escaped; nothing is loaded from anywhere; no attribute holds style, so that a page's
//! content security policy has nothing to allow.

use crate::graph::{Edge, EdgeKind, End, Graph, Kind, State};
use crate::layered::Step;
use crate::layout::{
    CAPTION_LINE, LABEL_LINE, Line, NAME_LINE, Rect, Sheet, StateBox, TEXT_LEFT, TEXT_TOP, is_container, lay_out,
};
use crate::overlay::{Overlay, StateRun, Status};
use crate::style::{HEAT_STEPS, Theme, own_rules};
use crate::text::{text_width, visible};
use crate::{DrawError, icons};
use std::fmt::{self, Display, Formatter, Write};

/// How a picture is drawn.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where the colours come from.
    pub theme: Theme,
    /// Whether the types and statuses are explained below.
    pub has_legend: bool,
    /// Whether the states are buttons that a keyboard reaches; if not, the whole is one image.
    pub is_interactive: bool,
    /// What the ids of elements begin with, where one page has several pictures.
    pub id_prefix: String,
    /// The title; without one the definition's comment is.
    pub title: Option<String>,
}

const LEGEND_ITEM: f64 = 118.0;
const LEGEND_LINE: f64 = 24.0;
const BADGE_FONT: f64 = 9.5;
/// How long a dash of a Catch is, with the room behind it: what its rule says.
const DASH: f64 = 9.0;
/// The longest duration on a badge, in characters.
const BADGE_CHARS_MAX: usize = 12;
/// The longest error in a tooltip, in characters.
const TOOLTIP_CHARS_MAX: usize = 1_000;

/// Draws `graph` with `overlay` on it.
///
/// Each state is `<g id="PREFIXstate-N" data-state="NAME" data-type="TYPE">`, N its [`StateId`](crate::StateId); with
/// an overlay also `data-status` and `data-heat` (0 to 10). Each edge is a path with `data-from`, `data-to`,
/// `data-kind` and, if it was taken, `data-taken`.
///
/// # Errors
/// [`DrawError::TooTangled`].
pub fn svg(graph: &Graph, overlay: &Overlay, options: &Options) -> Result<String, DrawError> {
    let mut sheet = lay_out(graph)?;
    let legend = if options.has_legend { legend(graph, overlay, &mut sheet) } else { String::new() };
    let mut page = Page { graph, overlay, options, out: String::with_capacity(16_384) };
    page.draw(&sheet, &legend).expect("a String takes all that is written");
    Ok(page.out)
}

/// A text of the definition, escaped.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match visible(c) {
                '&' => out.write_str("&amp;")?,
                '<' => out.write_str("&lt;")?,
                '>' => out.write_str("&gt;")?,
                '"' => out.write_str("&quot;")?,
                '\'' => out.write_str("&#39;")?,
                c => out.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// A coordinate: one digit behind the point is enough for any eye.
struct At(f64);

impl Display for At {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let tenths = (self.0 * 10.0).round() as i64;
        if tenths % 10 == 0 { write!(out, "{}", tenths / 10) } else { write!(out, "{}", tenths as f64 / 10.0) }
    }
}

struct Page<'a> {
    graph: &'a Graph,
    overlay: &'a Overlay,
    options: &'a Options,
    out: String,
}

impl Page<'_> {
    fn draw(&mut self, sheet: &Sheet, legend: &str) -> fmt::Result {
        let (width, height) = (At(sheet.width.ceil()), At(sheet.height.ceil()));
        let title = self.options.title.as_deref().or(self.graph.comment.as_deref()).unwrap_or("State machine");
        let title: String = title.chars().take(TOOLTIP_CHARS_MAX).collect();
        let role = if self.options.is_interactive { "group" } else { "img" };
        write!(
            self.out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"fs-diagram\" role=\"{role}\" aria-label=\"{}\" \
             width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n<title>{}</title>\n",
            Escaped(&title),
            Escaped(&title)
        )?;
        if let Some(rules) = own_rules(self.options.theme) {
            // The rules hold no text of a definition.
            writeln!(self.out, "<style>{rules}</style>")?;
            writeln!(self.out, "<rect class=\"fs-paper\" width=\"{width}\" height=\"{height}\"/>")?;
        }
        for (end, rect) in &sheet.marks {
            self.mark(*end, *rect)?;
        }
        for state in &sheet.boxes {
            self.state(state)?;
        }
        // What was taken is drawn over what was not.
        let (taken, others): (Vec<&Line>, Vec<&Line>) =
            sheet.lines.iter().partition(|line| self.is_taken(self.edge(line)));
        for line in others.into_iter().chain(taken) {
            self.line(line)?;
        }
        for line in &sheet.lines {
            self.label(line)?;
        }
        self.out.push_str(legend);
        self.out.push_str("</svg>\n");
        Ok(())
    }

    fn mark(&mut self, end: End, rect: Rect) -> fmt::Result {
        let name = if end == End::Start { "Start" } else { "End" };
        let Rect { x, y, width, height } = rect;
        writeln!(
            self.out,
            "<g data-mark=\"{name}\"><rect class=\"fs-mark\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{}\"/>\
             <text class=\"fs-mark-text\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{name}</text></g>",
            At(x),
            At(y),
            At(width),
            At(height),
            At(height / 2.0),
            At(x + width / 2.0),
            At(y + height / 2.0 + 4.0)
        )
    }

    fn state(&mut self, drawn: &StateBox) -> fmt::Result {
        let state = self.graph.state(drawn.state);
        let run = self.overlay.states.get(&state.name);
        self.open_state(drawn, state, run)?;
        let Rect { x, y, width, height } = drawn.rect;
        rect(&mut self.out, "fs-box", drawn.rect, if is_container(state.kind) { 12.0 } else { 9.0 })?;
        for panel in &drawn.panels {
            rect(&mut self.out, "fs-panel", *panel, 8.0)?;
        }
        let kind = state.kind.name();
        let (left, top) = (x + 10.0, y + TEXT_TOP + 2.0);
        write!(
            self.out,
            "<rect class=\"fs-tile\" data-type=\"{kind}\" x=\"{}\" y=\"{}\" width=\"24\" height=\"24\" rx=\"6\"/>\
             <path class=\"fs-icon\" data-type=\"{kind}\" transform=\"translate({} {})\" d=\"{}\"/>",
            At(left),
            At(top),
            At(left + 4.0),
            At(top + 4.0),
            icons::of_kind(state.kind)
        )?;
        let text_x = At(x + TEXT_LEFT);
        let mut baseline = y + TEXT_TOP + CAPTION_LINE - 3.0;
        write!(
            self.out,
            "<text class=\"fs-caption\" x=\"{text_x}\" y=\"{}\">{}</text>",
            At(baseline),
            Escaped(&drawn.caption)
        )?;
        baseline += 1.0;
        for line in &drawn.name {
            baseline += NAME_LINE;
            write!(
                self.out,
                "<text class=\"fs-name\" x=\"{text_x}\" y=\"{}\">{}</text>",
                At(baseline - 1.5),
                Escaped(line)
            )?;
        }
        if let Some(run) = run {
            self.run(run, x + width, y, y + height)?;
        }
        self.out.push_str("</g>\n");
        Ok(())
    }

    fn open_state(&mut self, drawn: &StateBox, state: &State, run: Option<&StateRun>) -> fmt::Result {
        let name = Escaped(&state.name);
        let kind = state.kind.name();
        let prefix = Escaped(&self.options.id_prefix);
        write!(
            self.out,
            "<g class=\"fs-state\" id=\"{prefix}state-{}\" data-state=\"{name}\" data-type=\"{kind}\"",
            drawn.state.0
        )?;
        if !state.is_reachable {
            self.out.push_str(" data-unreachable=\"true\"");
        }
        if let Some(status) = run.and_then(|run| run.status) {
            write!(self.out, " data-status=\"{}\"", status.name())?;
        }
        if let Some(heat) = run.and_then(|run| run.heat).filter(|heat| heat.is_finite()) {
            write!(self.out, " data-heat=\"{}\"", (heat.clamp(0.0, 1.0) * f64::from(HEAT_STEPS)).round())?;
        }
        let tooltip = tooltip(state, run);
        if self.options.is_interactive {
            write!(
                self.out,
                " tabindex=\"0\" role=\"button\" aria-label=\"{}\"",
                Escaped(&tooltip.replace('\n', ", "))
            )?;
        }
        self.out.push_str("><title>");
        for (index, line) in tooltip.lines().enumerate() {
            write!(self.out, "{}{}", if index == 0 { "" } else { "\n" }, Escaped(line))?;
        }
        self.out.push_str("</title>");
        Ok(())
    }

    /// The sign of a status on the upper right corner, and what is told in figures on the lower one.
    fn run(&mut self, run: &StateRun, right: f64, top: f64, bottom: f64) -> fmt::Result {
        if let Some(status) = run.status {
            write!(
                self.out,
                "<circle class=\"fs-badge\" cx=\"{}\" cy=\"{}\" r=\"8\"/><path class=\"fs-sign\" transform=\"translate({} {})\" d=\"{}\"/>",
                At(right - 10.0),
                At(top),
                At(right - 18.0),
                At(top - 8.0),
                icons::of_status(status)
            )?;
        }
        let mut told: Vec<String> = Vec::new();
        if run.attempts > 1 {
            told.push(format!("×{}", run.attempts));
        }
        told.extend(run.duration.as_ref().map(|duration| duration.chars().take(BADGE_CHARS_MAX).collect()));
        if run.status.is_none() || told.is_empty() {
            return Ok(());
        }
        let text = told.join(" · ");
        let width = text_width(&text, BADGE_FONT).ceil() + 12.0;
        let badge = Rect { x: right - 8.0 - width, y: bottom - 7.5, width, height: 15.0 };
        rect(&mut self.out, "fs-badge", badge, 7.5)?;
        write!(
            self.out,
            "<text class=\"fs-badge-text\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            At(badge.x + width / 2.0),
            At(bottom + 3.3),
            Escaped(&text)
        )
    }

    fn line(&mut self, line: &Line) -> fmt::Result {
        let edge = &self.graph.scope(line.scope).edges[line.edge];
        let marks = self.marks_of(edge);
        let end = line.route.end();
        write!(self.out, "<path class=\"fs-edge\"{marks} d=\"M{} {}", At(line.route.start.0), At(line.route.start.1))?;
        for step in &line.route.steps {
            match step {
                Step::Line(to) => write!(self.out, "L{} {}", At(to.0), At(to.1))?,
                Step::Curve(first, second, to) => write!(
                    self.out,
                    "C{} {} {} {} {} {}",
                    At(first.0),
                    At(first.1),
                    At(second.0),
                    At(second.1),
                    At(to.0),
                    At(to.1)
                )?,
            }
        }
        self.out.push('"');
        if edge.kind == EdgeKind::Catch {
            // The dashes of lines that join lie on each other if they are counted from the end.
            write!(self.out, " stroke-dashoffset=\"{}\"", At(-(line.route.length() % DASH)))?;
        }
        self.out.push('>');
        if !edge.labels.is_empty() {
            let all = edge.labels.join(" | ");
            let all: String = all.chars().take(TOOLTIP_CHARS_MAX).collect();
            write!(self.out, "<title>{}</title>", Escaped(&all))?;
        }
        writeln!(self.out, "</path><path class=\"fs-arrow\"{marks} d=\"M{} {}l-4.2 -7.5h8.4z\"/>", At(end.0), At(end.1))
    }

    fn edge(&self, line: &Line) -> &Edge {
        &self.graph.scope(line.scope).edges[line.edge]
    }

    fn is_taken(&self, edge: &Edge) -> bool {
        let taken = &self.overlay.transitions;
        let names = || (self.graph.name(edge.from).to_owned(), self.graph.name(edge.to).to_owned());
        !taken.is_empty() && taken.contains(&names())
    }

    fn marks_of(&self, edge: &Edge) -> String {
        let (from, to) = (self.graph.name(edge.from), self.graph.name(edge.to));
        format!(
            " data-kind=\"{}\" data-from=\"{}\" data-to=\"{}\"{}",
            edge.kind.name(),
            Escaped(from),
            Escaped(to),
            if self.is_taken(edge) { " data-taken=\"true\"" } else { "" }
        )
    }

    fn label(&mut self, line: &Line) -> fmt::Result {
        let Some(Rect { x, y, width, height }) = line.label_rect else { return Ok(()) };
        let kind = self.graph.scope(line.scope).edges[line.edge].kind.name();
        let is_inner = line.scope.0 != 0;
        write!(
            self.out,
            "<g class=\"fs-edge-label\"><rect class=\"fs-label-back\" data-inner=\"{is_inner}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"4\"/>",
            At(x),
            At(y),
            At(width),
            At(height)
        )?;
        for (index, text) in line.label.iter().enumerate() {
            let baseline = y + 2.0 + LABEL_LINE * (index as f64 + 1.0) - 3.5;
            write!(
                self.out,
                "<text class=\"fs-label\" data-kind=\"{kind}\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                At(x + width / 2.0),
                At(baseline),
                Escaped(text)
            )?;
        }
        self.out.push_str("</g>\n");
        Ok(())
    }
}

fn rect(out: &mut String, class: &str, rect: Rect, radius: f64) -> fmt::Result {
    write!(
        out,
        "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{}\"/>",
        At(rect.x),
        At(rect.y),
        At(rect.width),
        At(rect.height),
        At(radius)
    )
}

fn tooltip(state: &State, run: Option<&StateRun>) -> String {
    let mut lines = vec![state.name.clone(), state.caption.clone()];
    lines.extend(state.comment.clone());
    if !state.is_reachable && state.kind != Kind::Missing {
        lines.push(String::from("nothing leads here"));
    }
    if let Some(run) = run {
        lines.extend(run.status.map(|status| status.name().to_owned()));
        lines.extend(run.duration.clone());
        if run.attempts > 1 {
            lines.push(format!("{} attempts", run.attempts));
        }
        lines.extend(run.error.clone());
    }
    let short = |line: String| line.chars().take(TOOLTIP_CHARS_MAX).map(visible).collect::<String>();
    lines.into_iter().map(short).collect::<Vec<_>>().join("\n")
}

/// Explains the types that are drawn, and the statuses; makes room below for it.
fn legend(graph: &Graph, overlay: &Overlay, sheet: &mut Sheet) -> String {
    let mut items: Vec<(String, &str)> = Vec::new();
    for kind in Kind::ALL.iter().filter(|kind| graph.states.iter().any(|state| state.kind == **kind)) {
        let name = kind.name();
        let icon = format!(
            "<rect class=\"fs-tile\" data-type=\"{name}\" width=\"16\" height=\"16\" rx=\"4\"/>\
             <path class=\"fs-icon\" data-type=\"{name}\" transform=\"translate(2 2) scale(.75)\" d=\"{}\"/>",
            icons::of_kind(*kind)
        );
        items.push((icon, name));
    }
    let shown = |status: &&Status| overlay.states.values().any(|run| run.status == Some(**status));
    for status in Status::ALL.iter().filter(shown) {
        let icon = format!(
            "<g data-status=\"{}\"><circle class=\"fs-badge\" cx=\"8\" cy=\"8\" r=\"8\"/>\
             <path class=\"fs-sign\" d=\"{}\"/></g>",
            status.name(),
            icons::of_status(*status)
        );
        items.push((icon, status.name()));
    }
    sheet.width = sheet.width.max(LEGEND_ITEM + 40.0);
    let in_row = (((sheet.width - 40.0) / LEGEND_ITEM) as usize).max(1);
    let mut out = String::from("<g class=\"fs-legend\">");
    for (index, (icon, name)) in items.iter().enumerate() {
        let x = 20.0 + LEGEND_ITEM * (index % in_row) as f64;
        let y = sheet.height + LEGEND_LINE * (index / in_row) as f64;
        let _ = write!(
            out,
            "<g transform=\"translate({} {})\">{icon}<text class=\"fs-caption\" x=\"22\" y=\"12\">{name}</text></g>",
            At(x),
            At(y)
        );
    }
    sheet.height += LEGEND_LINE * items.len().div_ceil(in_row) as f64 + 8.0;
    out.push_str("</g>\n");
    out
}
