//! How large each state's box is, and where: scopes are laid out from within, and are boxes in the scope around them.

use crate::DrawError;
use crate::graph::{EdgeKind, End, Graph, Kind, ScopeId, StateId};
use crate::layered::{Placed, Point, Route, Step, place};
use crate::ranks::Link;
use crate::text::{BOLD, text_width, wrap};

/// Sizes of fonts, in pixels.
pub(crate) const NAME_FONT: f64 = 13.0;
pub(crate) const CAPTION_FONT: f64 = 10.5;
pub(crate) const LABEL_FONT: f64 = 10.5;
/// Heights of lines.
pub(crate) const NAME_LINE: f64 = 17.0;
pub(crate) const CAPTION_LINE: f64 = 13.0;
pub(crate) const LABEL_LINE: f64 = 13.5;
/// Where the text of a box begins, from its left: the icon is before it.
pub(crate) const TEXT_LEFT: f64 = 42.0;
/// Room above and below the text of a box.
pub(crate) const TEXT_TOP: f64 = 9.0;

const TEXT_RIGHT: f64 = 14.0;
const TEXT_WIDTH: f64 = 180.0;
const BOX_WIDTH_MIN: f64 = 148.0;
const NAME_LINES_MAX: usize = 4;
const LABEL_WIDTH: f64 = 150.0;
const LABEL_LINES_MAX: usize = 3;
/// How many conditions of one edge are told; the tooltip has them all.
const LABEL_PARTS_MAX: usize = 3;
const PANEL_PADDING: f64 = 16.0;
const PANEL_GAP: f64 = 12.0;
/// A row of branches that would be wider goes on in the next row.
const ROW_WIDTH: f64 = 2_600.0;
const MARGIN: f64 = 20.0;
/// The size of the marks of a start and an end.
pub(crate) const MARK: (f64, f64) = (58.0, 26.0);

/// A rectangle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rect {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

/// A state's box.
pub(crate) struct StateBox {
    pub(crate) state: StateId,
    pub(crate) rect: Rect,
    pub(crate) name: Vec<String>,
    pub(crate) caption: String,
    /// What is around each nested scope.
    pub(crate) panels: Vec<Rect>,
}

/// An edge's line.
pub(crate) struct Line {
    pub(crate) scope: ScopeId,
    /// Its place among the edges of its scope.
    pub(crate) edge: usize,
    pub(crate) route: Route,
    pub(crate) label: Vec<String>,
    pub(crate) label_rect: Option<Rect>,
}

/// Everything, with its place; outer boxes come before what is in them.
#[derive(Default)]
pub(crate) struct Sheet {
    pub(crate) width: f64,
    pub(crate) height: f64,
    pub(crate) boxes: Vec<StateBox>,
    pub(crate) marks: Vec<(End, Rect)>,
    pub(crate) lines: Vec<Line>,
}

/// Lays out the whole graph.
pub(crate) fn lay_out(graph: &Graph) -> Result<Sheet, DrawError> {
    let mut sheet = scope_sheet(graph, ScopeId(0))?;
    sheet.shift(MARGIN, MARGIN);
    sheet.width += 2.0 * MARGIN;
    sheet.height += 2.0 * MARGIN;
    Ok(sheet)
}

/// Recursion: as deep as scopes nest, which the definition's depth bounds.
fn scope_sheet(graph: &Graph, id: ScopeId) -> Result<Sheet, DrawError> {
    let scope = graph.scope(id);
    let is_root = id.0 == 0;
    let mut ends: Vec<End> = Vec::with_capacity(scope.states.len() + 2);
    // The layout begins with the first; within a state the first is the one to start at.
    let start = scope.edges.iter().find(|edge| edge.from == End::Start).map(|edge| edge.to);
    ends.extend(if is_root { Some(End::Start) } else { start });
    ends.extend(scope.states.iter().map(|id| End::State(*id)).filter(|end| is_root || Some(*end) != start));
    let has_end = is_root && scope.edges.iter().any(|edge| edge.to == End::End);
    ends.extend(has_end.then_some(End::End));
    let mut sheets: Vec<Sheet> = Vec::with_capacity(ends.len());
    for end in &ends {
        sheets.push(match end {
            End::State(state) => state_sheet(graph, *state)?,
            mark => mark_sheet(*mark),
        });
    }
    let index_of: std::collections::HashMap<End, usize> = ends.iter().enumerate().map(|(at, end)| (*end, at)).collect();
    let mut drawn: Vec<(usize, Vec<String>, Link)> = Vec::new();
    for (index, edge) in scope.edges.iter().enumerate() {
        if let (Some(&from), Some(&to)) = (index_of.get(&edge.from), index_of.get(&edge.to)) {
            let label = label_lines(&edge.labels);
            let size = (!label.is_empty()).then(|| label_size(&label));
            drawn.push((index, label, Link { from, to, label: size, is_catch: edge.kind == EdgeKind::Catch }));
        }
    }
    let sizes: Vec<(f64, f64)> = sheets.iter().map(|sheet| (sheet.width, sheet.height)).collect();
    let links: Vec<Link> = drawn.iter().map(|(_, _, link)| *link).collect();
    let Placed { corners, routes, width, height } = place(&sizes, &links, has_end.then(|| ends.len() - 1))?;
    let mut whole = Sheet { width, height, ..Sheet::default() };
    for (sheet, corner) in sheets.into_iter().zip(corners) {
        whole.take(sheet, corner);
    }
    for ((edge, label, link), route) in drawn.into_iter().zip(routes) {
        let label_rect = route.label.zip(link.label).map(|(centre, size)| Rect {
            x: centre.0 - size.0 / 2.0,
            y: centre.1 - size.1 / 2.0,
            width: size.0,
            height: size.1,
        });
        whole.lines.push(Line { scope: id, edge, route, label, label_rect });
    }
    Ok(whole)
}

fn mark_sheet(mark: End) -> Sheet {
    let rect = Rect { x: 0.0, y: 0.0, width: MARK.0, height: MARK.1 };
    Sheet { width: MARK.0, height: MARK.1, marks: vec![(mark, rect)], ..Sheet::default() }
}

fn state_sheet(graph: &Graph, id: StateId) -> Result<Sheet, DrawError> {
    let state = graph.state(id);
    let mut inner = Sheet::default();
    let mut panels = Vec::new();
    if !state.scopes.is_empty() {
        panels = nested_panels(graph, &state.scopes, &mut inner)?;
    }
    // What is nested may make room for a longer line.
    let room = TEXT_WIDTH.max(inner.width + 2.0 * PANEL_GAP - TEXT_LEFT - TEXT_RIGHT);
    let name = wrap(&state.name, NAME_FONT * BOLD, room, NAME_LINES_MAX);
    let caption = wrap(&state.caption, CAPTION_FONT, room, 1).pop().unwrap_or_default();
    let widest =
        name.iter().map(|line| text_width(line, NAME_FONT * BOLD)).fold(text_width(&caption, CAPTION_FONT), f64::max);
    let mut width = (TEXT_LEFT + widest.ceil() + TEXT_RIGHT).max(BOX_WIDTH_MIN);
    let mut height = 2.0 * TEXT_TOP + CAPTION_LINE + NAME_LINE * name.len().max(1) as f64;
    if !panels.is_empty() {
        width = width.max(inner.width + 2.0 * PANEL_GAP);
        let corner = ((width - inner.width) / 2.0, height);
        panels.iter_mut().for_each(|panel| panel.shift(corner.0, corner.1));
        height += inner.height + PANEL_GAP;
        inner.shift(corner.0, corner.1);
    }
    let rect = Rect { x: 0.0, y: 0.0, width, height };
    let own = StateBox { state: id, rect, name, caption, panels };
    inner.boxes.insert(0, own);
    Ok(Sheet { width, height, ..inner })
}

/// Lays out nested scopes side by side, in rows, into `sheet`.
fn nested_panels(graph: &Graph, scopes: &[ScopeId], sheet: &mut Sheet) -> Result<Vec<Rect>, DrawError> {
    let mut panels: Vec<Rect> = Vec::new();
    let mut row_start = 0;
    let (mut x, mut y) = (0.0, 0.0);
    let mut row_height = 0.0_f64;
    for scope in scopes {
        let inner = scope_sheet(graph, *scope)?;
        let width = inner.width.max(24.0) + 2.0 * PANEL_PADDING;
        let height = inner.height.max(12.0) + 2.0 * PANEL_PADDING;
        if x > 0.0 && x + width > ROW_WIDTH {
            panels[row_start..].iter_mut().for_each(|panel| panel.height = row_height);
            row_start = panels.len();
            y += row_height + PANEL_GAP;
            (x, row_height) = (0.0, 0.0);
        }
        panels.push(Rect { x, y, width, height });
        let left = x + (width - inner.width) / 2.0;
        sheet.take(inner, (left, y + PANEL_PADDING));
        row_height = row_height.max(height);
        sheet.width = sheet.width.max(x + width);
        x += width + PANEL_GAP;
    }
    panels[row_start..].iter_mut().for_each(|panel| panel.height = row_height);
    sheet.height = y + row_height;
    Ok(panels)
}

/// The lines of an edge's label.
fn label_lines(labels: &[String]) -> Vec<String> {
    let mut lines = Vec::new();
    let told = labels.iter().filter(|label| !label.trim().is_empty());
    for label in told.clone().take(LABEL_PARTS_MAX) {
        lines.extend(wrap(label, LABEL_FONT, LABEL_WIDTH, LABEL_LINES_MAX));
    }
    let more = told.count().saturating_sub(LABEL_PARTS_MAX);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines
}

fn label_size(lines: &[String]) -> (f64, f64) {
    let widest = lines.iter().map(|line| text_width(line, LABEL_FONT)).fold(0.0, f64::max);
    (widest.ceil() + 10.0, LABEL_LINE * lines.len() as f64 + 4.0)
}

impl Rect {
    fn shift(&mut self, x: f64, y: f64) {
        self.x += x;
        self.y += y;
    }
}

impl Sheet {
    fn take(&mut self, mut inner: Sheet, corner: Point) {
        inner.shift(corner.0, corner.1);
        self.boxes.append(&mut inner.boxes);
        self.marks.append(&mut inner.marks);
        self.lines.append(&mut inner.lines);
    }

    fn shift(&mut self, x: f64, y: f64) {
        for state in &mut self.boxes {
            state.rect.shift(x, y);
            state.panels.iter_mut().for_each(|panel| panel.shift(x, y));
        }
        self.marks.iter_mut().for_each(|(_, rect)| rect.shift(x, y));
        for line in &mut self.lines {
            line.route.shift(x, y);
            line.label_rect.iter_mut().for_each(|rect| rect.shift(x, y));
        }
    }
}

impl Route {
    fn shift(&mut self, x: f64, y: f64) {
        let moved = |point: &mut Point| *point = (point.0 + x, point.1 + y);
        moved(&mut self.start);
        self.label.iter_mut().for_each(moved);
        for step in &mut self.steps {
            match step {
                Step::Line(end) => moved(end),
                Step::Curve(first, second, end) => [first, second, end].into_iter().for_each(moved),
            }
        }
    }
}

/// Whether a box is drawn as a container.
pub(crate) fn is_container(kind: Kind) -> bool {
    matches!(kind, Kind::Parallel | Kind::Map)
}
