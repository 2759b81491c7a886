//! Functions of arrays.

use super::{Arguments, Native};
use crate::jsonata::cast::{self, pay_to_walk};
use crate::jsonata::{Code, Evaluator, Items, JsonataError, Value};
use fleetstep_document::View;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

pub(super) const FUNCTIONS: &[Native] = &[
    Native { name: "count", signature: "<a:n>", arity: 1, call: count },
    Native {
        name: "append",
        signature: "<xx:a>",
        arity: 2,
        call: |ev, arguments| append(ev, arguments.get(0), arguments.get(1)),
    },
    Native { name: "sort", signature: "<af?:a>", arity: 2, call: sort },
    Native { name: "reverse", signature: "<a:a>", arity: 1, call: reverse },
    Native { name: "shuffle", signature: "<a:a>", arity: 1, call: shuffle },
    Native { name: "distinct", signature: "<x:x>", arity: 1, call: distinct },
    Native { name: "zip", signature: "<a+>", arity: 0, call: zip },
];

type Result<T = Value> = std::result::Result<T, JsonataError>;

/// Takes the making of an array of `items` from the budget.
pub(super) fn pay(evaluator: &mut Evaluator<'_, '_>, items: usize) -> Result<()> {
    evaluator.budget.items(items)
}

fn count(_: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Result {
    Ok(Value::from(arguments.get(0).items().map_or(0, Items::len) as f64))
}

/// One array of the items of both; either may be a single value. Nothing adds nothing.
pub(super) fn append(evaluator: &mut Evaluator<'_, '_>, first: &Value, second: &Value) -> Result {
    if first.is_undefined() {
        return Ok(second.clone());
    }
    if second.is_undefined() {
        return Ok(first.clone());
    }
    let mut items = Vec::new();
    for value in [first, second] {
        match value.items() {
            Some(more) => {
                pay(evaluator, more.len())?;
                items.extend(more.iter());
            }
            None => items.push(value.clone()),
        }
    }
    pay(evaluator, 2)?;
    Value::array(items).checked()
}

fn sort(evaluator: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Result {
    let value = arguments.get(0);
    let Some(items) = value.items().filter(|items| items.len() > 1) else { return Ok(value.clone()) };
    pay(evaluator, items.len())?;
    let items: Vec<Value> = items.iter().collect();
    let comparator = arguments.get(1);
    let sorted = if comparator.is_undefined() {
        sort_plain(evaluator, items)?
    } else {
        merge_sort(items, &mut |a, b| {
            let swap = evaluator.call(comparator, vec![a.clone(), b.clone()])?;
            Ok(is_truthy_to_javascript(&swap))
        })?
    };
    Value::array(sorted).checked()
}

/// Sorts numbers by value or strings by their UTF-16 units.
fn sort_plain(evaluator: &mut Evaluator<'_, '_>, mut items: Vec<Value>) -> Result<Vec<Value>> {
    let levels = u64::from(items.len().ilog2());
    evaluator.budget.spend(items.len() as u64 * levels / 2)?;
    let mut numeric = true;
    for item in &items {
        numeric &= cast::numeric(item)?.is_some();
    }
    if numeric {
        items.sort_by(|a, b| a.as_f64().partial_cmp(&b.as_f64()).unwrap_or(Ordering::Equal));
    } else if items.iter().all(|item| item.as_text().is_some()) {
        let units = |value: &Value| value.as_text().cloned().unwrap_or_default();
        items.sort_by(|a, b| compare_text(&units(a), &units(b)));
    } else {
        return Err(JsonataError::new(Code::D3070));
    }
    Ok(items)
}

/// JavaScript's order of strings: by UTF-16 unit, which differs from that of characters where surrogates meet the
/// end of the basic plane.
fn compare_text(a: &str, b: &str) -> Ordering {
    if a.is_ascii() || b.is_ascii() { a.cmp(b) } else { a.encode_utf16().cmp(b.encode_utf16()) }
}

/// A stable merge sort. `swap` says whether its second argument belongs before its first.
pub(in crate::jsonata) fn merge_sort<T>(
    mut items: Vec<T>,
    swap: &mut dyn FnMut(&T, &T) -> Result<bool>,
) -> Result<Vec<T>> {
    if items.len() <= 1 {
        return Ok(items);
    }
    let right = items.split_off(items.len() / 2);
    let mut left = merge_sort(items, swap)?.into_iter().peekable();
    let mut right = merge_sort(right, swap)?.into_iter().peekable();
    let mut merged = Vec::with_capacity(left.len() + right.len());
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let next = if swap(a, b)? { right.next() } else { left.next() };
        merged.extend(next);
    }
    merged.extend(left);
    merged.extend(right);
    Ok(merged)
}

/// What a comparator returns goes through JavaScript's own notion of truth: an empty array counts as true.
fn is_truthy_to_javascript(value: &Value) -> bool {
    match value {
        Value::Undefined | Value::Tuples(_) => false,
        Value::NotFinite(number) => !number.is_nan(),
        Value::Document(document) => match document.view() {
            View::Null => false,
            View::Bool(truth) => truth,
            View::Number(number) => number.as_f64() != 0.0,
            View::String(text) => !text.is_empty(),
            View::Array(_) | View::Object(_) => true,
        },
        Value::Array(_) | Value::Object(_) | Value::Function(_) => true,
    }
}

fn reverse(evaluator: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Result {
    let value = arguments.get(0);
    let Some(items) = value.items().filter(|items| items.len() > 1) else { return Ok(value.clone()) };
    pay(evaluator, items.len())?;
    Ok(Value::array(items.iter().rev().collect()))
}

fn shuffle(evaluator: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Result {
    let value = arguments.get(0);
    let Some(items) = value.items().filter(|items| items.len() > 1) else { return Ok(value.clone()) };
    pay(evaluator, items.len())?;
    let mut shuffled: Vec<Value> = Vec::with_capacity(items.len());
    for (i, item) in items.iter().enumerate() {
        let at = (evaluator.budget.ambient.random() * (i + 1) as f64) as usize;
        shuffled.push(item);
        shuffled.swap(at.min(i), i);
    }
    Ok(Value::array(shuffled))
}

fn distinct(evaluator: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Result {
    let value = arguments.get(0);
    let Some(items) = value.items().filter(|items| items.len() > 1) else { return Ok(value.clone()) };
    pay(evaluator, items.len())?;
    let mut kept: Vec<Value> = Vec::new();
    let mut by_digest: HashMap<u64, Vec<usize>> = HashMap::new();
    for item in items.iter() {
        pay_to_walk(&item, evaluator.budget)?;
        let alike = by_digest.entry(digest(&item)).or_default();
        let mut known = false;
        for &at in alike.iter() {
            known |= kept[at].deep_equal(&item, evaluator.budget)?;
        }
        if !known {
            alike.push(kept.len());
            kept.push(item);
        }
    }
    Ok(if value.is_sequence() { Value::sequence(kept) } else { Value::array(kept) })
}

/// Equal for values that are deeply equal.
fn digest(value: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    if let Some(items) = value.items() {
        'a'.hash(&mut hasher);
        items.iter().for_each(|item| digest(&item).hash(&mut hasher));
    } else if let Some(fields) = value.fields() {
        // A sum, since the order of the fields does not count.
        let field = |(key, value): (fleetstep_document::Text, Value)| {
            let mut hasher = DefaultHasher::new();
            (key.as_str(), digest(&value)).hash(&mut hasher);
            hasher.finish()
        };
        ('o', fields.iter().map(field).fold(0, u64::wrapping_add)).hash(&mut hasher);
    } else if let Some(number) = value.as_f64() {
        // Adding zero makes one of the two zeros.
        ('n', (number + 0.0).to_bits()).hash(&mut hasher);
    } else if let Some(text) = value.as_str() {
        ('s', text).hash(&mut hasher);
    } else if let Some(function) = value.as_function() {
        ('f', function.identity()).hash(&mut hasher);
    } else {
        ('b', value.as_bool()).hash(&mut hasher);
    }
    hasher.finish()
}

fn zip(evaluator: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Result {
    let arrays = arguments.values;
    let shortest = arrays.iter().map(|array| array.items().map_or(0, Items::len)).min().unwrap_or(0);
    pay(evaluator, shortest.saturating_mul(arrays.len() + 1))?;
    let tuples = (0..shortest)
        .map(|at| Value::array(arrays.iter().filter_map(Value::items).filter_map(|items| items.get(at)).collect()));
    Value::array(tuples.collect()).checked()
}

#[cfg(test)]
mod tests {
    use super::{compare_text, digest, merge_sort};
    use crate::jsonata::Value;
    use fleetstep_document::Document;
    use std::cmp::Ordering;

    fn value(json: &str) -> Value {
        Value::from(Document::parse(json.as_bytes()).expect("a test's own JSON"))
    }

    #[test]
    fn the_merge_sort_is_stable() {
        let items = value("[[2,0],[1,1],[2,2],[1,3],[0,4]]");
        let key = |value: &Value| value.items().and_then(|items| items.get(0)).and_then(|first| first.as_f64());
        let items = items.items().expect("an array").iter().collect();
        let sorted = merge_sort(items, &mut |a, b| Ok(key(a) > key(b))).expect("nothing fails");
        let sorted = Value::array(sorted).to_document().expect("finite").expect("defined");
        assert_eq!(sorted.to_json(), "[[0,4],[1,1],[1,3],[2,0],[2,2]]");
    }

    #[test]
    fn text_is_ordered_by_utf_16_units() {
        assert_eq!(compare_text("b", "a"), Ordering::Greater);
        assert_eq!(compare_text("Z", "a"), Ordering::Less);
        assert_eq!(compare_text("\u{ffff}", "\u{10000}"), Ordering::Greater);
    }

    #[test]
    fn equal_values_have_equal_digests() {
        for (a, b) in [("1", "1.0"), ("0", "-0.0"), ("{\"a\":1,\"b\":[2]}", "{\"b\":[2e0],\"a\":1}"), ("[[]]", "[[]]")]
        {
            assert_eq!(digest(&value(a)), digest(&value(b)), "{a} and {b}");
        }
        for (a, b) in [("1", "\"1\""), ("[1,2]", "[2,1]"), ("{}", "[]"), ("null", "false"), ("true", "false")] {
            assert_ne!(digest(&value(a)), digest(&value(b)), "{a} and {b}");
        }
    }
}
