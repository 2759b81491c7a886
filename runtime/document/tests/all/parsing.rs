//! Text to documents and back.

use crate::{SEEDS, json, random_value, same};
use fastrand::Rng;
use fleetstep_document::{DEPTH_MAX, Document, ParseErrorKind};

#[test]
fn random_documents_survive_the_round_trip() {
    for seed in SEEDS {
        let value = random_value(&mut Rng::with_seed(seed), 5);
        for text in [value.to_string(), serde_json::to_string_pretty(&value).expect("it writes")] {
            let document = Document::parse(text.as_bytes()).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            assert!(same(&document, &value), "seed {seed}: {document} is not {value}");
            let written: serde_json::Value = serde_json::from_str(&document.to_json()).expect("it is JSON");
            assert!(same(&document, &written), "seed {seed}: {document} is written as {written}");
            assert_eq!(json(&document.to_json()), document, "seed {seed}");
        }
    }
}

/// Whatever the bytes, the two parsers agree whether they are JSON.
#[test]
fn mutilated_texts_are_refused_as_serde_json_refuses_them() {
    let mut refused = 0;
    for seed in SEEDS {
        let mut rng = Rng::with_seed(seed);
        let mut text = random_value(&mut rng, 4).to_string().into_bytes();
        for _ in 0..1 + rng.usize(..3) {
            let at = rng.usize(..text.len());
            match rng.u32(..3) {
                0 => text[at] = *b"\"\\{}[],:0-.eEtfnu \x01\xff".get(rng.usize(..20)).unwrap_or(&b' '),
                1 if text.len() > 1 => drop(text.remove(at)),
                _ => text.truncate(at.max(1)),
            }
        }
        let reference: Result<serde_json::Value, _> = serde_json::from_slice(&text);
        match (Document::parse(&text), reference) {
            (Ok(document), Ok(value)) => assert!(same(&document, &value), "seed {seed}: {document} is not {value}"),
            (Err(error), Err(_)) => {
                refused += 1;
                assert!(error.offset <= text.len(), "seed {seed}: {error:?}");
            }
            // A number too large for a double is kept as text here; serde_json refuses it.
            (Ok(_), Err(error)) if error.to_string().starts_with("number out of range") => {}
            (ours, theirs) => {
                panic!("seed {seed}: {ours:?} but {theirs:?} for {}", String::from_utf8_lossy(&text));
            }
        }
    }
    assert!(refused > SEEDS.count() / 4, "only {refused} texts were spoilt");
}

#[test]
fn numbers_keep_their_text() {
    for text in [
        "0",
        "-0",
        "7",
        "-7",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "1.0",
        "1.10",
        "0.1",
        "-0.0",
        "1e3",
        "1E3",
        "1E+03",
        "1.5e-10",
        "1e400",
        "123456789012345678901234567890",
        "0.30000000000000004",
    ] {
        assert_eq!(json(text).to_json(), text);
        assert_eq!(json(text), json(text), "{text}");
    }
    for (a, b) in [("1", "1.0"), ("1e3", "1000"), ("0", "-0"), ("0", "-0.0"), ("1.10", "1.1")] {
        assert_eq!(json(a), json(b), "{a} {b}");
        assert!(
            json(a).as_number().expect("a number").compare(&json(b).as_number().expect("a number")).is_eq(),
            "{a} {b}"
        );
    }
    assert_ne!(json("9007199254740993"), json("9007199254740992"));
    for (text, whole) in
        [("5", Some(5)), ("5.0", Some(5)), ("1e3", Some(1000)), ("5.5", None), ("1e30", None), ("\"5\"", None)]
    {
        assert_eq!(json(text).as_i64(), whole, "{text}");
    }
}

#[test]
fn a_repeated_key_keeps_its_first_place_and_its_last_value() {
    assert_eq!(json(r#"{"a":1,"b":2,"a":3}"#).to_json(), r#"{"a":3,"b":2}"#);
    let many = |key: &str, value: usize| format!("\"{key}\":{value}");
    let mut entries: Vec<String> = (0..100).map(|at| many(&format!("k{at}"), at)).collect();
    entries.push(many("k7", 1007));
    entries.push(many("k7", 2007));
    entries.push(many("k99", 1099));
    let object = json(&format!("{{{}}}", entries.join(",")));
    let keys: Vec<_> = object.as_object().expect("an object").iter().map(|(key, _)| key.to_string()).collect();
    assert_eq!(keys, (0..100).map(|at| format!("k{at}")).collect::<Vec<_>>());
    for (key, value) in [("k7", 2007), ("k99", 1099), ("k98", 98)] {
        assert_eq!(object.get(key).and_then(Document::as_i64), Some(value), "{key}");
    }
    assert_eq!(object.get("k100"), None);
}

#[test]
fn nesting_has_a_limit() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = |levels: usize| format!("{}1{}", open.repeat(levels), close.repeat(levels));
        let deep = json(&nested(DEPTH_MAX));
        assert_eq!(deep.to_json(), nested(DEPTH_MAX));
        assert_eq!(deep, deep.clone());
        let error = Document::parse(nested(DEPTH_MAX + 1).as_bytes()).expect_err("too deep");
        assert_eq!((error.kind, error.offset), (ParseErrorKind::TooDeep, DEPTH_MAX * open.len()));
    }
}

#[test]
fn errors_name_their_place() {
    for (text, expected) in [
        ("", "unexpected end of the text at line 1 column 1"),
        ("  ", "unexpected end of the text at line 1 column 3"),
        ("[1,", "unexpected end of the text at line 1 column 4"),
        ("{\"a\":\"b", "unexpected end of the text at line 1 column 8"),
        ("{\n  \"a\" 1}", "unexpected character '1' at line 2 column 7"),
        ("{\"a\":1,}", "unexpected character '}' at line 1 column 8"),
        ("{é:1}", "unexpected character 'é' at line 1 column 2"),
        ("[1 2]", "unexpected character '2' at line 1 column 4"),
        ("[,]", "unexpected character ',' at line 1 column 2"),
        ("not json", "unrecognized token 'not' at line 1 column 1"),
        ("[\"é\", nul]", "unrecognized token 'nul' at line 1 column 7"),
        ("01", "invalid number at line 1 column 2"),
        ("1.", "invalid number at line 1 column 3"),
        ("-", "invalid number at line 1 column 2"),
        ("1e+", "invalid number at line 1 column 4"),
        ("\"\\x\"", "invalid escape in a string at line 1 column 2"),
        ("\"\\ud800\"", "invalid escape in a string at line 1 column 2"),
        ("\"\\ud800\\u0041\"", "invalid escape in a string at line 1 column 2"),
        ("\"\\udc00\"", "invalid escape in a string at line 1 column 2"),
        ("\"\\u00g0\"", "invalid escape in a string at line 1 column 2"),
        ("\"a\nb\"", "unescaped control character in a string at line 1 column 3"),
        ("\"\\t\tb\"", "unescaped control character in a string at line 1 column 4"),
        ("1 1", "text after the value at line 1 column 3"),
        ("{} x", "text after the value at line 1 column 4"),
        ("\u{feff}1", "unexpected character '\u{feff}' at line 1 column 1"),
    ] {
        assert_eq!(Document::parse(text.as_bytes()).expect_err(text).to_string(), expected, "{text:?}");
    }
    let error = Document::parse(b"[\"\xff\"]").expect_err("not UTF-8");
    assert_eq!((error.kind, error.offset), (ParseErrorKind::InvalidUtf8, 2));
}

#[test]
fn escapes_are_read_and_written() {
    let text = json(r#""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\u0001""#);
    assert_eq!(text.as_str(), Some("\"\\/\u{8}\u{c}\n\r\té😀\u{1}"));
    assert_eq!(text.to_json(), "\"\\\"\\\\/\\b\\f\\n\\r\\té😀\\u0001\"");
}
