//! Functions at the end of a path: `$.items.length()`, `$..price.sum()`.

use super::parse::{Cursor, Flaw, Parsed};
use super::position;
use fleetstep_document::{Document, View};

/// A function with its argument.
#[derive(Clone, Copy, Debug)]
pub(super) struct Function {
    row: &'static Row,
    index: i64,
}

/// A name and what it does: `None` is Jayway's "no value".
struct Row {
    name: &'static str,
    takes_index: bool,
    run: fn(&Document, i64) -> Option<Document>,
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

#[rustfmt::skip]
static FUNCTIONS: &[Row] = &[
    Row { name: "length", takes_index: false, run: |value, _| length(value) },
    Row { name: "size",   takes_index: false, run: |value, _| length(value) },
    Row { name: "keys",   takes_index: false, run: |value, _| keys(value) },
    Row { name: "first",  takes_index: false, run: |value, _| item(value, 0) },
    Row { name: "last",   takes_index: false, run: |value, _| item(value, -1) },
    Row { name: "index",  takes_index: true,  run: item },
    Row { name: "min",    takes_index: false, run: |value, _| fold(value, |n| n.iter().copied().fold(f64::INFINITY, f64::min)) },
    Row { name: "max",    takes_index: false, run: |value, _| fold(value, |n| n.iter().copied().fold(f64::NEG_INFINITY, f64::max)) },
    Row { name: "sum",    takes_index: false, run: |value, _| fold(value, |n| n.iter().sum()) },
    Row { name: "avg",    takes_index: false, run: |value, _| fold(value, mean) },
    Row { name: "stddev", takes_index: false, run: |value, _| fold(value, deviation) },
];

impl Function {
    /// The function `name`, the cursor being at its opening parenthesis.
    pub(super) fn parse(name: &str, offset: usize, cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let Some(row) = FUNCTIONS.iter().find(|row| row.name == name) else {
            return Err(Flaw { reason: format!("'{name}' is no function of a path"), offset });
        };
        cursor.take();
        let rest = cursor.rest();
        let Some(end) = rest.find(')') else {
            return cursor.fail("the closing ')' is missing");
        };
        let argument = rest[..end].trim();
        let index = match (row.takes_index, argument.parse::<i32>()) {
            (true, Ok(index)) => index.into(),
            (false, _) if argument.is_empty() => 0,
            _ => return cursor.fail(format!("'{argument}' is no argument of {name}()")),
        };
        cursor.skip(end + 1);
        Ok(Self { row, index })
    }

    pub(super) fn name(self) -> &'static str {
        self.row.name
    }

    /// The result, or `None` where the function has none for such a value.
    pub(super) fn apply(self, value: &Document) -> Option<Document> {
        (self.row.run)(value, self.index)
    }
}

fn length(value: &Document) -> Option<Document> {
    let length = match value.view() {
        View::Array(items) => items.len(),
        View::Object(object) => object.len(),
        _ => return None,
    };
    Some(Document::from(length as i64))
}

fn keys(value: &Document) -> Option<Document> {
    let keys = value.as_object()?.iter().map(|(key, _)| Document::from(key.clone()));
    Some(Document::from(keys.collect::<Vec<_>>()))
}

fn item(value: &Document, index: i64) -> Option<Document> {
    let items = value.as_array()?;
    Some(items[position(items.len(), index)?].clone())
}

/// Folds the numbers of an array; what is no number does not count, and no number at all is no value.
fn fold(value: &Document, fold: fn(&[f64]) -> f64) -> Option<Document> {
    let numbers: Vec<f64> = value.as_array()?.iter().filter_map(Document::as_f64).collect();
    (!numbers.is_empty()).then(|| Document::from(fold(&numbers)))
}

fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

fn deviation(numbers: &[f64]) -> f64 {
    let mean = mean(numbers);
    (numbers.iter().map(|n| (n - mean).powi(2)).sum::<f64>() / numbers.len() as f64).sqrt()
}
