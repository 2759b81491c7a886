//! Changing a document leaves whatever shares its parts as it was.

use crate::json;
use fleetstep_document::{Document, ObjectBuilder};

#[test]
fn a_change_is_not_seen_through_a_clone() {
    let before = json(r#"{"a":{"b":[1,2]},"c":3}"#);
    let mut after = before.clone();
    let items = after.as_object_mut().expect("an object").entry("a").as_object_mut().expect("an object").entry("b");
    items.as_array_mut().expect("an array").push(Document::from(true));
    assert_eq!(before, json(r#"{"a":{"b":[1,2]},"c":3}"#));
    assert_eq!(after, json(r#"{"a":{"b":[1,2,true]},"c":3}"#));
}

#[test]
fn entries_come_and_go_at_their_places() {
    for size in [1, 5, 12, 13, 50] {
        let mut builder = ObjectBuilder::default();
        for at in 0..size {
            builder.push(format!("k{at}"), at as i64);
        }
        let mut document = builder.with("last", "x").build();
        let object = document.as_object_mut().expect("an object");
        assert_eq!(object.len(), size + 1);
        assert_eq!(object.remove("k0"), Some(Document::from(0_i64)));
        assert_eq!(object.remove("k0"), None);
        object.insert("new".into(), Document::NULL);
        object.insert("last".into(), Document::from("y"));
        *object.entry("made") = Document::from(1.5);
        assert!(object.contains_key("made") && !object.contains_key("k0") && !object.is_empty());
        let keys: Vec<_> = object.iter().map(|(key, _)| key.to_string()).collect();
        let kept = (1..size).map(|at| format!("k{at}"));
        assert_eq!(keys, kept.chain(["last", "new", "made"].map(str::to_owned)).collect::<Vec<_>>());
        assert_eq!(object.get("last").and_then(Document::as_str), Some("y"));
        assert!(keys.iter().all(|key| object.contains_key(key)));
    }
}

#[test]
fn equality_is_of_values() {
    for (a, b, equal) in [
        (r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#, true),
        (r#"{"a":1}"#, r#"{"a":1,"b":2}"#, false),
        ("[1,2]", "[2,1]", false),
        ("1", "\"1\"", false),
        ("null", "false", false),
        ("{}", "[]", false),
    ] {
        assert_eq!(json(a) == json(b), equal, "{a} {b}");
    }
}

#[test]
fn what_json_cannot_write_is_null() {
    assert!(Document::from(f64::NAN).is_null() && Document::from(f64::INFINITY).is_null());
    assert_eq!(Document::from(1.0).to_json(), "1.0");
    assert_eq!(Document::default(), Document::NULL);
    assert_eq!(
        json("[null,true,1,\"s\",[],{}]")
            .as_array()
            .expect("an array")
            .iter()
            .map(Document::type_name)
            .collect::<Vec<_>>(),
        ["null", "boolean", "number", "string", "array", "object"]
    );
}
