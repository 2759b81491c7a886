//! Reads a picture and says what is wrong with it, from its coordinates alone.

use fleetstep_diagram::text_width;
use roxmltree::{Document, Node};

/// How far off a coordinate may be: they are rounded to a tenth.
const TOLERANCE: f64 = 0.3;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Rect {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) right: f64,
    pub(crate) bottom: f64,
}

impl Rect {
    fn of(node: Node<'_, '_>) -> Self {
        let (left, top) = (number(node, "x"), number(node, "y"));
        Self { left, top, right: left + number(node, "width"), bottom: top + number(node, "height") }
    }

    fn holds(&self, other: &Rect) -> bool {
        other.left >= self.left - TOLERANCE
            && other.right <= self.right + TOLERANCE
            && other.top >= self.top - TOLERANCE
            && other.bottom <= self.bottom + TOLERANCE
    }

    fn meets(&self, other: &Rect) -> bool {
        self.left + TOLERANCE < other.right
            && other.left + TOLERANCE < self.right
            && self.top + TOLERANCE < other.bottom
            && other.top + TOLERANCE < self.bottom
    }

    fn holds_point(&self, (x, y): (f64, f64)) -> bool {
        x > self.left + TOLERANCE
            && x < self.right - TOLERANCE
            && y > self.top + TOLERANCE
            && y < self.bottom - TOLERANCE
    }
}

fn number(node: Node<'_, '_>, name: &str) -> f64 {
    node.attribute(name).unwrap_or("0").parse().unwrap_or_else(|_| panic!("{name} of {node:?} is no number"))
}

fn has_class(node: &Node<'_, '_>, class: &str) -> bool {
    node.attribute("class") == Some(class)
}

fn all<'a, 'i>(svg: &'a Document<'i>, class: &'a str) -> impl Iterator<Item = Node<'a, 'i>> {
    svg.descendants().filter(move |node| has_class(node, class))
}

/// Everything that is wrong with the geometry of a picture.
pub(crate) fn faults(text: &str) -> Vec<String> {
    let svg = Document::parse(text).expect("the picture is XML");
    let mut faults = Vec::new();
    let page = Rect {
        left: 0.0,
        top: 0.0,
        right: number(svg.root_element(), "width"),
        bottom: number(svg.root_element(), "height"),
    };
    let marks = all(&svg, "fs-mark").map(|mark| (String::from("a mark"), Rect::of(mark)));
    let boxes: Vec<(String, Rect)> = all(&svg, "fs-state").map(state_box).chain(marks).collect();
    let labels: Vec<Rect> = all(&svg, "fs-label-back").map(Rect::of).collect();
    for (index, (name, rect)) in boxes.iter().enumerate() {
        if !page.holds(rect) {
            faults.push(format!("{name} leaves the page"));
        }
        for (other, second) in &boxes[..index] {
            if rect.meets(second) && !rect.holds(second) && !second.holds(rect) {
                faults.push(format!("{name} overlaps {other}"));
            }
        }
    }
    for (index, label) in labels.iter().enumerate() {
        if !page.holds(label) {
            faults.push(format!("label {index} leaves the page"));
        }
        if labels[..index].iter().any(|other| other.meets(label)) {
            faults.push(format!("label {index} overlaps another"));
        }
        let met = boxes.iter().filter(|(_, rect)| rect.meets(label) && !rect.holds(label));
        faults.extend(met.map(|(name, _)| format!("label {index} overlaps {name}")));
    }
    faults.extend(all(&svg, "fs-state").flat_map(text_faults));
    for edge in all(&svg, "fs-edge") {
        faults.extend(edge_faults(edge, &boxes, &labels, &page));
    }
    faults
}

fn state_box(state: Node<'_, '_>) -> (String, Rect) {
    let rect = state.children().find(|child| has_class(child, "fs-box")).expect("a state has a box");
    (state.attribute("data-state").expect("a state has a name").to_owned(), Rect::of(rect))
}

/// Texts that leave their state's box, or run into what is nested in it.
fn text_faults(state: Node<'_, '_>) -> Vec<String> {
    let (name, rect) = state_box(state);
    let panels: Vec<Rect> = state.children().filter(|child| has_class(child, "fs-panel")).map(Rect::of).collect();
    let mut faults = Vec::new();
    for text in state.children().filter(|child| has_class(child, "fs-name") || has_class(child, "fs-caption")) {
        let size = if has_class(&text, "fs-name") { 13.0 * 1.07 } else { 10.5 };
        let (left, baseline) = (number(text, "x"), number(text, "y"));
        // Names are bold, which is wider.
        let width = text_width(text.text().unwrap_or_default(), size);
        let extent = Rect { left, right: left + width, top: baseline - size * 0.8, bottom: baseline + size * 0.2 };
        if !rect.holds(&extent) || panels.iter().any(|panel| panel.meets(&extent)) {
            faults.push(format!("a text of {name} leaves its box"));
        }
    }
    for panel in panels {
        if !rect.holds(&panel) {
            faults.push(format!("a panel of {name} leaves its box"));
        }
    }
    faults
}

/// An edge that passes through a box, and does not end within it or begin there; or through the label of another.
fn edge_faults(edge: Node<'_, '_>, boxes: &[(String, Rect)], labels: &[Rect], page: &Rect) -> Vec<String> {
    let points = points(edge.attribute("d").expect("a path"));
    let (start, end) = (points[0], points[points.len() - 1]);
    let name = |end: &str| edge.attribute(end).unwrap_or_default().to_owned();
    let mut faults = Vec::new();
    for (state, rect) in boxes {
        // A box that holds both ends is around the edge.
        let is_around = rect.holds_point(start) && rect.holds_point(end);
        if !is_around && points.iter().any(|point| rect.holds_point(*point)) {
            faults.push(format!("the edge from {} to {} passes through {state}", name("data-from"), name("data-to")));
        }
    }
    let touched = labels.iter().filter(|label| points.iter().any(|point| label.holds_point(*point))).count();
    if touched > 1 {
        faults.push(format!(
            "the edge from {} to {} passes through {touched} labels",
            name("data-from"),
            name("data-to")
        ));
    }
    if points.iter().any(|&(x, y)| x < 0.0 || y < 0.0 || x > page.right || y > page.bottom) {
        faults.push(format!("the edge from {} to {} leaves the page", name("data-from"), name("data-to")));
    }
    faults
}

/// Points along a path of `M`, `L` and `C`, close to each other.
fn points(path: &str) -> Vec<(f64, f64)> {
    let mut points: Vec<(f64, f64)> = Vec::new();
    let commands = path.char_indices().filter(|(_, c)| c.is_ascii_alphabetic()).map(|(at, _)| at);
    let bounds: Vec<usize> = commands.chain([path.len()]).collect();
    for bound in bounds.windows(2) {
        let command = &path[bound[0]..=bound[0]];
        let numbers: Vec<f64> =
            path[bound[0] + 1..bound[1]].split_whitespace().map(|number| number.parse().expect("a number")).collect();
        let last = points.last().copied().unwrap_or_default();
        let step = |t: f64| match command {
            "C" => {
                let u = 1.0 - t;
                let axis = |p: f64, a: f64, b: f64, q: f64| {
                    u * u * u * p + 3.0 * u * u * t * a + 3.0 * u * t * t * b + t * t * t * q
                };
                (axis(last.0, numbers[0], numbers[2], numbers[4]), axis(last.1, numbers[1], numbers[3], numbers[5]))
            }
            _ => (last.0 + (numbers[0] - last.0) * t, last.1 + (numbers[1] - last.1) * t),
        };
        match command {
            "M" => points.push((numbers[0], numbers[1])),
            _ => points.extend((1..=60).map(|part| step(f64::from(part) / 60.0))),
        }
    }
    points
}

#[test]
fn faults_are_seen() {
    let state = |name: &str, x: u32, text: &str| {
        format!(
            "<g class='fs-state' data-state='{name}'><rect class='fs-box' x='{x}' y='10' width='50' height='30'/>\
             <text class='fs-name' x='{x}' y='25'>{text}</text></g>"
        )
    };
    let label = "<rect class='fs-label-back' x='20' y='20' width='300' height='10'/>";
    let edge = "<path class='fs-edge' data-from='c' data-to='d' d='M0 15L300 15'/>";
    let picture = format!(
        "<svg width='200' height='100'>{}{}{label}{edge}</svg>",
        state("a", 10, "short"),
        state("b", 30, "much too long for it")
    );
    let found = faults(&picture).join("; ");
    for expected in [
        "b overlaps a",
        "label 0 leaves the page",
        "label 0 overlaps a",
        "a text of b leaves its box",
        "from c to d passes through a",
        "from c to d leaves the page",
    ] {
        assert!(found.contains(expected), "{expected} was not seen in: {found}");
    }
}
