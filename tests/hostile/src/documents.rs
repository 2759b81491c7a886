//! JSON texts.

use fleetstep_document::{Document, Text, View};
use serde_json::Value;

/// A text is parsed, or refused with a place in it, in the same way by every entrance and by another parser; what is
/// parsed is written, measured, compared and changed without a difference between a text that was kept and one that
/// was taken apart.
pub(crate) fn check(input: &[u8]) {
    let parsed = Document::parse(input);
    let lazily = Document::parse_lazily(input);
    assert_eq!(parsed.as_ref().err(), lazily.as_ref().err(), "one entrance refuses what the other takes");
    if let Ok(text) = std::str::from_utf8(input) {
        let shared = Document::parse_text(&Text::from(text));
        assert_eq!(shared.as_ref().err(), parsed.as_ref().err(), "one entrance refuses what the other takes");
    }
    agrees_with_another_parser(input, parsed.as_ref().ok());
    match (parsed, lazily) {
        (Ok(parsed), Ok(lazily)) => {
            written_and_read_again(&parsed, &lazily);
            changed(&parsed, &lazily);
        }
        (Err(error), _) => {
            assert!(error.offset <= input.len() && error.line >= 1 && error.column >= 1, "{error:?}");
            assert!(!error.to_string().is_empty());
        }
        (Ok(_), Err(_)) => unreachable!("their errors are the same"),
    }
}

fn written_and_read_again(parsed: &Document, lazily: &Document) {
    assert_eq!(lazily.json_len(), parsed.json_len(), "the length of a text that was kept");
    let json = parsed.to_json();
    assert_eq!(lazily.to_json(), json, "a text that was kept is written otherwise");
    assert_eq!(parsed.json_len(), json.len(), "the length of {json}");
    assert_eq!(lazily, parsed);
    let again = Document::parse(json.as_bytes()).unwrap_or_else(|error| panic!("{error}: {json}"));
    assert_eq!(&again, parsed, "read again");
    assert_eq!(again.to_json(), json, "written again");
    let mut quoted = Vec::new();
    parsed.write_json_string(&mut quoted);
    let quoted = Document::parse(&quoted).expect("a string");
    assert_eq!(quoted.as_str(), Some(&*json), "written as a string");
    if let Some(kept) = lazily.kept_text() {
        assert_eq!(kept, json);
    }
    alike(parsed, lazily);
}

/// Every part of the two, looked at.
fn alike(parsed: &Document, lazily: &Document) {
    assert_eq!(parsed.type_name(), lazily.type_name());
    match (parsed.view(), lazily.view()) {
        (View::Array(left), View::Array(right)) => {
            assert_eq!(left.len(), right.len());
            left.iter().zip(right).for_each(|(left, right)| alike(left, right));
        }
        (View::Object(left), View::Object(right)) => {
            assert_eq!(left.len(), right.len());
            for ((key, left), (other, right)) in left.iter().zip(right.iter()) {
                assert_eq!(key, other);
                assert!(parsed.get(key).is_some() && lazily.get(key).is_some(), "a member is found by its key");
                alike(left, right);
            }
        }
        (View::Number(left), View::Number(right)) => {
            assert!(left.compare(&right).is_eq() && left.as_i64() == right.as_i64());
        }
        _ => assert_eq!(parsed, lazily),
    }
}

/// A change of one document is not seen in the other that shares its parts.
fn changed(parsed: &Document, lazily: &Document) {
    let before = parsed.to_json();
    for original in [parsed, lazily] {
        let mut copy = original.clone();
        let mut at = &mut copy;
        let mut depth = 0;
        // The last member of the last member, some levels down.
        while depth < 8 && matches!(at.view(), View::Array([_, ..])) {
            at = at.as_array_mut().and_then(|items| items.last_mut()).expect("it has one");
            depth += 1;
        }
        match at.as_object_mut() {
            Some(object) => {
                let key = object.iter().next().map_or_else(|| Text::from("k"), |(key, _)| key.clone());
                let removed = object.remove(&key);
                assert!(!object.contains_key(&key), "a member that was removed");
                object.insert(key.clone(), Document::from(vec![removed.unwrap_or(Document::NULL)]));
                assert!(object.get(&key).is_some_and(|value| value.as_array().is_some()), "a member that was put");
            }
            None => *at = Document::from("changed"),
        }
        let json = copy.to_json();
        assert_eq!(copy.json_len(), json.len(), "the length of {json}");
        // One level was added, which may be one too many to be read again.
        if let Ok(again) = Document::parse(json.as_bytes()) {
            assert_eq!(again, copy);
        }
        assert_eq!(original.to_json(), before, "a change shows in the original");
    }
}

fn agrees_with_another_parser(input: &[u8], parsed: Option<&Document>) {
    match (serde_json::from_slice::<Value>(input), parsed) {
        (Ok(value), Some(document)) => assert!(same(document, &value), "{document:?} is {value} elsewhere"),
        (Ok(value), None) => panic!("{value} is refused"),
        (Err(error), Some(_)) => {
            // It nests less deeply, and knows no number above a double.
            let reason = error.to_string();
            let is_bound = reason.starts_with("recursion limit") || reason.starts_with("number out of range");
            assert!(is_bound, "accepted, though elsewhere: {error}");
        }
        (Err(_), None) => {}
    }
}

fn same(document: &Document, value: &Value) -> bool {
    match (document.view(), value) {
        (View::Null, Value::Null) => true,
        (View::Bool(left), Value::Bool(right)) => left == *right,
        (View::String(left), Value::String(right)) => left.as_str() == right,
        // The other parser may be one unit off, unless it is asked to be exact.
        (View::Number(left), Value::Number(right)) => {
            let (left, right) = (left.as_f64(), right.as_f64().unwrap_or(f64::NAN));
            (left - right).abs() <= left.abs() * 1e-14 || left == right
        }
        (View::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (View::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, left)| right.get(key.as_str()).is_some_and(|right| same(left, right)))
        }
        _ => false,
    }
}
