//! Keys and values, the configuration and the log.

use super::{KINDS, log, serving, told};
use fleetstep_tests::Server;
use serde_json::{Value, json};

fn steps(server: &Server, function: &str, bucket: &str, steps: Value) -> Value {
    told(server, function, &json!({ "do": "keyvalue", "bucket": bucket, "steps": steps }))
}

#[test]
fn a_bucket_keeps_what_is_set_from_one_call_to_the_next() {
    let grants = "grants.keyvalue = [\"default\"]";
    let server = serving(&KINDS.map(|kind| (kind, kind, grants)));
    for kind in KINDS {
        let set = json!([["get", "a"], ["set", "a", "1"], ["get", "a"], ["exists", "a"], ["exists", "b"]]);
        assert_eq!(steps(&server, kind, "default", set), json!([null, null, "1", true, false]), "{kind}");
        // The empty name is the default's too.
        let change =
            json!([["get", "a"], ["set", "b", "2"], ["list", null], ["get-many", "b", "none"], ["delete", "a"]]);
        let listed = json!([["a", "b"], null]);
        let expected = json!(["1", null, listed, [["b", "2"], null], null]);
        assert_eq!(steps(&server, kind, "", change), expected, "{kind}");
        assert_eq!(steps(&server, kind, "", json!([["list", null]])), json!([[["b"], null]]), "{kind}");
    }
}

#[test]
fn counts_and_swaps_are_atomic() {
    let server = serving(&[("f", "task", "grants.keyvalue = [\"counts\"]\nconcurrency = 50")]);
    let count = || steps(&server, "f", "counts", json!([["increment", "n", 1]]));
    std::thread::scope(|scope| {
        let counted: Vec<_> = (0..8).map(|_| scope.spawn(|| (0..25).for_each(|_| drop(count())))).collect();
        counted.into_iter().for_each(|thread| assert!(thread.join().is_ok()));
    });
    let tried = json!([
        ["get", "n"],
        ["increment", "n", -200],
        ["set", "text", "x"],
        ["increment", "text", 1],
        ["swap", "n", "7"],
        ["swap", "n", "8", "someone else's"],
        ["swap", "new", "1"],
        ["get", "new"],
    ]);
    let not_a_number = json!({ "error": "the value is not a number that can be counted with" });
    let seen = json!({ "seen": "someone else's" });
    let expected = json!(["200", 0, null, not_a_number, "swapped", seen, "swapped", "1"]);
    assert_eq!(steps(&server, "f", "counts", tried), expected);
}

#[test]
fn a_bucket_is_whose_it_is_granted() {
    let server = serving(&[
        ("own", "task", "grants.keyvalue = [\"default\", \"carts\"]"),
        ("other", "task", "grants.keyvalue = [\"default\", { bucket = \"carts\", read_only = true }]"),
        ("none", "task", ""),
    ]);
    let set = json!([["set", "a", "own"]]);
    steps(&server, "own", "default", set.clone());
    steps(&server, "own", "carts", set.clone());
    assert_eq!(steps(&server, "other", "default", json!([["get", "a"]])), json!([null]));
    let refused = json!({ "error": "access-denied" });
    let tried = json!([["get", "a"], ["set", "a", "x"], ["delete", "a"], ["increment", "n", 1], ["swap", "a", "x"]]);
    assert_eq!(steps(&server, "other", "carts", tried), json!(["own", refused, refused, refused, refused]));
    for (function, bucket) in [("none", "default"), ("none", "carts"), ("own", "function/other"), ("own", "../default")]
    {
        assert_eq!(steps(&server, function, bucket, set.clone()), "access-denied", "{function} {bucket}");
    }
}

#[test]
fn a_bucket_has_bounds_and_what_is_in_it_an_end() {
    let small = "grants.keyvalue = [{ bucket = \"small\", keys_max = 2, bytes_max = 100 }, \
        { bucket = \"brief\", ttl_seconds = 1 }, { bucket = \"many\", keys_max = 5000 }]";
    let server = serving(&[("f", "task", small)]);
    let full = |reason: &str| json!({ "error": format!("the bucket is full: {reason}") });
    let tried = json!([
        ["set", "a", "1"],
        ["set", "b", "2"],
        ["set", "c", "3"],
        ["set", "a", "4"],
        ["delete", "b"],
        ["set", "c", "3"],
        ["set-large", "a", 98],
        ["set-large", "a", 99],
        ["set-large", "a", 97],
        ["set", "", "1"]
    ]);
    let bytes = full("it may have 100 bytes of keys and values");
    let no_key = json!({ "error": "a key has 1 to 1024 bytes, and this one has 0" });
    // `c` with its one byte is two of the hundred, and `a` is one.
    let expected = json!([null, null, full("it may have 2 keys"), null, null, null, bytes, bytes, null, no_key]);
    assert_eq!(steps(&server, "f", "small", tried), expected);
    let large = steps(&server, "f", "brief", json!([["set-large", "a", 262_145]]));
    assert!(large[0]["error"].as_str().is_some_and(|reason| reason.contains("262144")), "{large}");

    assert_eq!(steps(&server, "f", "brief", json!([["set", "a", "1"], ["get", "a"]])), json!([null, "1"]));
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let over = json!([["get", "a"], ["list", null], ["increment", "a", 5]]);
    assert_eq!(steps(&server, "f", "brief", over), json!([null, [[], null], 5]));

    steps(&server, "f", "many", json!([["set-many", 1_000]]));
    let listed = steps(&server, "f", "many", json!([["set", "z", "1"], ["list", null], ["list", "00999"]]));
    assert_eq!((listed[1][0].as_array().map(Vec::len), &listed[1][1]), (Some(1_000), &json!("00999")));
    assert_eq!(listed[2], json!([["z"], null]));
}

#[test]
fn the_configuration_and_the_log_have_other_names_too() {
    let settings = "environment = { GREETING = \"hello\" }\nsecrets = { KEY = \"tulips-at-nine\" }";
    let server = serving(&KINDS.map(|kind| (kind, kind, settings)));
    for kind in KINDS {
        let get = |name: &str| told(&server, kind, &json!({ "do": "config", "name": name }));
        assert_eq!((get("GREETING"), get("KEY"), get("PATH")), (json!("hello"), json!("tulips-at-nine"), Value::Null));
        let all = told(&server, kind, &json!({ "do": "config-all" }));
        assert_eq!(all, json!([["GREETING", "hello"], ["KEY", "tulips-at-nine"]]), "{kind}");
        told(&server, kind, &json!({ "do": "log", "context": "till", "message": "key tulips-at-nine is wrong" }));
        let log = log(&server, kind);
        assert!(log.contains("till: key *** is wrong") && log.contains("ERROR"), "{log}");
    }
}
