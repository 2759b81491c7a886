//! The length of a document as JSON, counted without writing it.

use crate::{SEEDS, json, random_value};
use fastrand::Rng;
use fleetstep_document::{DEPTH_MAX, Document, Object, Text};

/// A random change somewhere in the document.
fn change(document: &mut Document, rng: &mut Rng) {
    if let Some(items) = document.as_array_mut().filter(|items| !items.is_empty()) {
        let at = rng.usize(..items.len());
        return change(&mut items[at], rng);
    }
    if let Some(object) = document.as_object_mut().filter(|object| !object.is_empty()) {
        let at = rng.usize(..object.len());
        let key = object.iter().nth(at).map(|(key, _)| key.clone()).expect("a key");
        match rng.u32(..4) {
            0 => drop(object.remove(&key)),
            1 => object.insert(Text::from("new \"key\""), Document::from("new\nvalue")),
            _ => change(object.entry(&key), rng),
        }
        return;
    }
    *document = Document::from(rng.i64(..));
}

#[test]
fn lengths_are_those_of_the_text() {
    for seed in SEEDS {
        let mut rng = Rng::with_seed(seed);
        let mut document = json(&random_value(&mut rng, 5).to_string());
        for _ in 0..20 {
            assert_eq!(document.json_len(), document.to_json().len(), "seed {seed}: {document}");
            // Held, so that the change has to copy; or not, so that it is made in place.
            let held = rng.bool().then(|| document.clone());
            let before = held.as_ref().map(Document::to_json);
            change(&mut document, &mut rng);
            assert_eq!(held.as_ref().map(Document::to_json), before, "seed {seed}");
            assert_eq!(held.map(|held| held.json_len()), before.map(|text| text.len()), "seed {seed}");
        }
    }
}

#[test]
fn what_fits_no_limit_has_no_length() {
    let nested = |levels: usize| json(&format!("{}{}", "[".repeat(levels), "]".repeat(levels)));
    assert_eq!(nested(DEPTH_MAX).json_len(), 2 * DEPTH_MAX);
    let wrap = |document: Document| Document::from(Object::from_entries(vec![("a".into(), document)]));
    let known = nested(DEPTH_MAX);
    assert_eq!(known.json_len(), 2 * DEPTH_MAX);
    assert_eq!(wrap(known).json_len(), usize::MAX, "one level more, below which the size was known");
    assert_eq!(wrap(nested(DEPTH_MAX)).json_len(), usize::MAX, "one level more, none of it known");

    // Sixty doublings take no memory, but would make a text of a million terabytes.
    let mut doubled = Document::from("x".repeat(1000));
    for _ in 0..60 {
        doubled = Document::from(vec![doubled.clone(), doubled]);
    }
    assert_eq!(doubled.json_len(), usize::MAX);
    assert_eq!(doubled.at(0).map(Document::json_len), Some(usize::MAX));
}
