//! Documents against serde_json, and the promises of their own: number text kept, first places kept, errors placed,
//! sharing never seen.

mod changes;
mod parsing;
mod sizes;
mod texts;

use fastrand::Rng;
use fleetstep_document::{Document, View};
use serde_json::Value;

/// Documents made at random, each from a seed that a failure names.
const SEEDS: std::ops::Range<u64> = 0..400;

fn json(text: &str) -> Document {
    Document::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A value at most `depth` levels deep.
fn random_value(rng: &mut Rng, depth: usize) -> Value {
    match rng.u32(..if depth == 0 { 5 } else { 8 }) {
        0 => Value::Null,
        1 => Value::Bool(rng.bool()),
        2 => Value::from(rng.i64(..) >> rng.u32(..64)),
        3 => Value::from((rng.f64() - 0.5) * 10_f64.powi(rng.i32(-30..30))),
        4 | 5 => Value::String(random_text(rng)),
        6 => (0..rng.usize(..6)).map(|_| random_value(rng, depth - 1)).collect(),
        _ => {
            // Now and then more keys than a linear search is used for.
            let keys = if rng.u32(..8) == 0 { 40 } else { 6 };
            let entries = (0..rng.usize(..keys)).map(|_| (random_text(rng), random_value(rng, depth - 1)));
            Value::Object(entries.collect())
        }
    }
}

fn random_text(rng: &mut Rng) -> String {
    const CHARACTERS: &[char] = &['a', 'b', 'é', '😀', '"', '\\', '/', '\n', '\t', '\u{1}', '\u{7f}', '\u{2028}', ' '];
    (0..rng.usize(..10)).map(|_| CHARACTERS[rng.usize(..CHARACTERS.len())]).collect()
}

/// Whether the two say the same.
fn same(document: &Document, value: &Value) -> bool {
    match (document.view(), value) {
        (View::Null, Value::Null) => true,
        (View::Bool(a), Value::Bool(b)) => a == *b,
        (View::Number(a), Value::Number(b)) => match b.as_i64() {
            Some(b) => a.as_i64() == Some(b) || a.as_f64() == b as f64,
            // serde_json reads a double to within one unit of its last place.
            None => b.as_f64().is_some_and(|b| (a.as_f64() - b).abs() <= b.abs() * f64::EPSILON),
        },
        (View::String(a), Value::String(b)) => a.as_str() == b,
        (View::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (View::Object(a), Value::Object(b)) => {
            a.len() == b.len() && b.iter().all(|(key, b)| a.get(key).is_some_and(|a| same(a, b)))
        }
        _ => false,
    }
}
