//! A run on a picture, and what stays the same.

use crate::geometry::faults;
use fleetstep_asl::Format;
use fleetstep_diagram::{Graph, Options, Overlay, StateRun, Status, Theme, stylesheet, svg};

const ORDERS: &str = include_str!("../data/orders.json");

pub(crate) fn graph() -> Graph {
    let case: serde_json::Value = serde_json::from_str(ORDERS).unwrap();
    Graph::read(&case["definition"].to_string(), Format::Json).unwrap()
}

pub(crate) fn run() -> Overlay {
    let mut overlay = Overlay::default();
    let told = |status| StateRun { status: Some(status), ..StateRun::default() };
    overlay.states.insert(String::from("Check"), told(Status::Succeeded));
    let error = Some(String::from("Card.Declined: <no> money"));
    let charge =
        StateRun { attempts: 3, duration: Some(String::from("1.2 s")), error, heat: Some(7.0), ..told(Status::Caught) };
    overlay.states.insert(String::from("Charge"), charge);
    overlay.transitions.insert((String::from("Check"), String::from("Charge")));
    overlay
}

#[test]
fn a_run_is_drawn_on_its_states_and_edges() {
    let options =
        Options { has_legend: true, is_interactive: true, id_prefix: String::from("x-"), ..Options::default() };
    let picture = svg(&graph(), &run(), &options).unwrap();
    assert_eq!(faults(&picture), Vec::<String>::new());
    let document = roxmltree::Document::parse(&picture).unwrap();
    let state = |name: &str| document.descendants().find(|node| node.attribute("data-state") == Some(name)).unwrap();
    assert_eq!(state("Check").attribute("data-status"), Some("succeeded"));
    let charge = state("Charge");
    assert_eq!(charge.attribute("data-status"), Some("caught"));
    assert_eq!(charge.attribute("data-heat"), Some("10"));
    assert!(charge.attribute("id").unwrap().starts_with("x-state-"));
    let told = charge.attribute("aria-label").unwrap();
    assert!(told.contains("3 attempts") && told.contains("Card.Declined: <no> money"), "{told}");
    assert!(charge.descendants().any(|node| node.text() == Some("×3 · 1.2 s")));
    let taken: Vec<_> = document.descendants().filter(|node| node.attribute("data-taken").is_some()).collect();
    assert_eq!(taken.len(), 2, "a line and its arrow");
    assert_eq!(state("Refund").attribute("data-status"), None);
}

#[test]
fn a_run_moves_nothing() {
    let boxes = |overlay: &Overlay| -> Vec<String> {
        let picture = svg(&graph(), overlay, &Options::default()).unwrap();
        let document = roxmltree::Document::parse(&picture).unwrap();
        let drawn = document.descendants().filter(|node| node.attribute("class") == Some("fs-box"));
        drawn.map(|node| format!("{:?} {:?}", node.attribute("x"), node.attribute("y"))).collect()
    };
    assert_eq!(boxes(&Overlay::default()), boxes(&run()));
}

#[test]
fn the_same_definition_gives_the_same_bytes() {
    let draw = || svg(&graph(), &run(), &Options::default()).unwrap();
    let first = draw();
    assert!((0..10).all(|_| draw() == first));
}

#[test]
fn a_page_styles_its_pictures_and_others_style_themselves() {
    let draw = |theme| svg(&graph(), &run(), &Options { theme, ..Options::default() }).unwrap();
    let page = draw(Theme::Page);
    assert!(!page.contains("<style") && !page.contains("style="));
    assert!(draw(Theme::Auto).contains(&stylesheet()));
    for fixed in [draw(Theme::Light), draw(Theme::Dark)] {
        assert!(!fixed.contains("var(") && !fixed.contains("color-mix") && !fixed.contains('$'), "colours are fixed");
    }
    // Nothing is loaded: the one address is the name of the format.
    assert_eq!(draw(Theme::Auto).matches("http").count(), 1);
}
