//! Documents that are kept as text until somebody looks, and JSON within JSON strings.

use crate::{SEEDS, json, random_value};
use fastrand::Rng;
use fleetstep_document::{Document, Text, View, write_string};

/// Texts that are written as they stand, and texts that are not.
const TEXTS: &[(&str, &str)] = &[
    ("{}", "{}"),
    ("[]", "[]"),
    (
        r#"{"a":[1,-2.50,1e9,0,-0,1E+2],"b":{"c":null,"d":[[],{}]}}"#,
        r#"{"a":[1,-2.50,1e9,0,-0,1E+2],"b":{"c":null,"d":[[],{}]}}"#,
    ),
    (r#"[true,false,null,"","\"\\\n\t"]"#, r#"[true,false,null,"","\"\\\n\t"]"#),
    (r#"["é😀"]"#, r#"["é😀"]"#),
    // Space, escapes that are not needed, and keys that come twice go.
    (" {}", "{}"),
    ("{} ", "{}"),
    ("[1, 2]", "[1,2]"),
    (r#"{"a" :1}"#, r#"{"a":1}"#),
    (r#"["\/","\u0041","\u0001"]"#, r#"["/","A","\u0001"]"#),
    (r#"["\u001F"]"#, r#"["\u001f"]"#),
    (r#"{"a":1,"b":2,"a":3}"#, r#"{"a":3,"b":2}"#),
    (r#"{"a":1,"\u0061":3}"#, r#"{"a":3}"#),
    (r#"{"a":{"a":1},"b":[{"a":1},{"a":2}]}"#, r#"{"a":{"a":1},"b":[{"a":1},{"a":2}]}"#),
    (r#"{"":{"":1,"":2}}"#, r#"{"":{"":2}}"#),
    // Scalars.
    ("1.0", "1.0"),
    (r#""x""#, r#""x""#),
];

#[test]
fn a_text_is_written_the_same_whether_or_not_it_was_looked_into() {
    for (text, expected) in TEXTS {
        check(text);
        assert_eq!(Document::parse_text(&Text::from(*text)).expect(text).to_json(), *expected);
    }
    let text = Text::from(r#"{"a":[1,-2.50,{"b":{}}]}"#);
    let document = Document::parse_text(&text).expect("it is JSON");
    assert!(Text::ptr_eq(&document.to_json_text(), &text), "it is kept");
    let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
    let keys: String = (0..100).map(|at| format!("\"key {at}\":{at},")).collect();
    check(&deep);
    check(&format!("{{{}}}", keys.trim_end_matches(',')));
    check(&format!("{{{keys}\"key 7\":0}}"));
    check(r#"{"a":{"b":{"c":[1,{"d":"e\n"}]}},"q\"":1,"s":"\\","n":-1.5}"#);
    check(r#"{"a":{"b":{"c":[1,{"d":"e\n"}],"f":true}},"s":"\\\"","n":-1.5,"last":null}"#);
}

#[test]
fn random_texts_are_written_the_same_whether_or_not_they_were_looked_into() {
    for seed in SEEDS {
        let mut rng = Rng::with_seed(seed);
        let value = random_value(&mut rng, 5);
        check(&json(&value.to_string()).to_json());
        check(&serde_json::to_string_pretty(&value).expect("it writes"));
        let mut text = value.to_string().into_bytes();
        for _ in 0..1 + rng.usize(..3) {
            let at = rng.usize(..text.len());
            text[at] = b"\"\\{}[],:0-.eEtfnu \x01\xff"[rng.usize(..20)];
        }
        match String::from_utf8(text) {
            Ok(text) => check(&text),
            Err(error) => assert!(Document::parse_lazily(error.as_bytes()).is_err()),
        }
    }
}

/// Every way to a document gives the same document, or the same error.
fn check(text: &str) {
    let parsed = Document::parse(text.as_bytes());
    let lazy = Document::parse_text(&Text::from(text));
    assert_eq!(lazy.as_ref().map(Document::to_json), parsed.as_ref().map(Document::to_json), "{text}");
    assert_eq!(
        Document::parse_lazily(text.as_bytes()).map(|lazy| lazy.to_json()),
        lazy.clone().map(|lazy| lazy.to_json())
    );
    let (Ok(parsed), Ok(lazy)) = (parsed, lazy) else { return };
    assert_eq!(lazy.json_len(), parsed.json_len(), "{text}");
    assert_eq!(lazy.to_json_text(), parsed.to_json(), "{text}");
    let mut list = json("[]");
    list.as_array_mut().expect("it is a list").push(lazy.clone());
    assert_eq!(list.json_len(), lazy.to_json().len() + 2, "{text}");
    held(&lazy);
    members(&lazy, &parsed);
    assert_eq!(lazy, parsed, "{text}");
    assert_eq!(lazy.type_name(), parsed.type_name(), "{text}");
    assert_eq!(lazy.to_json(), parsed.to_json(), "{text}");
    held(&parsed);
}

/// Whoever asks for one member of a text has what the others have, at every level, before and after the whole is taken apart.
fn members(lazy: &Document, parsed: &Document) {
    let View::Object(object) = parsed.view() else { return };
    let again = Document::parse_text(&lazy.to_json_text()).expect("it is JSON");
    for (name, value) in object.iter() {
        for document in [lazy, &again] {
            let found = document.get(name).unwrap_or_else(|| panic!("{name:?} of {parsed}"));
            assert_eq!(found.to_json(), value.to_json());
            members(found, value);
            assert_eq!(found, value);
        }
        let _ = again.as_object();
        assert_eq!(lazy.get(&format!("{name} ")), parsed.get(&format!("{name} ")));
    }
}

/// What holds the document is a string whose value is its JSON.
fn held(document: &Document) {
    let (mut string, mut expected) = (b"before ".to_vec(), b"before ".to_vec());
    document.write_json_string(&mut string);
    write_string(&document.to_json(), &mut expected);
    assert_eq!(String::from_utf8(string), String::from_utf8(expected), "{document}");
}

#[test]
fn a_change_is_seen_by_nobody_else() {
    for is_shared in [false, true] {
        let mut document = Document::parse_text(&Text::from(r#"{"a":[1],"b":2}"#)).expect("it is JSON");
        let other = is_shared.then(|| document.clone());
        let object = document.as_object_mut().expect("it is an object");
        object.entry("a").as_array_mut().expect("it is a list").push(json("2"));
        object.insert(Text::from("c"), Document::parse_text(&Text::from("[3]")).expect("it is JSON"));
        assert_eq!(document.to_json(), r#"{"a":[1,2],"b":2,"c":[3]}"#);
        assert_eq!(document.json_len(), document.to_json().len());
        assert!(other.is_none_or(|other| other.to_json() == r#"{"a":[1],"b":2}"#));
    }
}
