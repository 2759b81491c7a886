//! Ways around the allow-list, each tried by a guest. The other ones, for which a resolver has to lie, stand in the tests
//! of `runtime/outbound`.

use super::requests::Loopback;
use super::{fetch, serving, told};
use serde_json::{Value, json};

#[test]
fn there_is_no_way_around_the_list() {
    let (good, bad) = (Loopback::start(), Loopback::start());
    let (granted, other) = (good.port, bad.port);
    let grants = format!(
        "timeout_seconds = 10\ngrants.http = [\"http://127.0.0.1:{granted}\", \"http://localhost:{granted}\", \
         \"http://*.localhost:*\", \"http://*:*\"]"
    );
    let listed = format!("grants.http = [\"http://127.0.0.1:{granted}\"]");
    let private = format!("grants.http = [{{ origin = \"http://localhost:{granted}\", allow_private = true }}]");
    let server = serving(&[("any", "proxy", &grants), ("listed", "proxy", &listed), ("private", "proxy", &private)]);

    // Other spellings of what is granted are what is granted.
    for host in ["127.0.0.1", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "[::ffff:127.0.0.1]"] {
        let answer = told(&server, "listed", &fetch(&format!("http://{host}:{granted}/")));
        assert_eq!(answer["status"], 200, "{host}: {answer}");
    }
    // Of what is not, no spelling is.
    let hosts = [
        "127.0.0.1",
        "127.1",
        "0x7f000001",
        "2130706433",
        "0177.0.0.1",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::1]",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "%6cocalhost",
        "127.0.0.1.",
        "0",
        "0.0.0.0",
        "[::]",
        "user@127.0.0.1",
        "api.localhost",
    ];
    for host in hosts {
        for function in ["listed", "any"] {
            let answer = told(&server, function, &fetch(&format!("http://{host}:{other}/")));
            assert!(answer["status"].is_null(), "{function} {host}: {answer}");
        }
    }
    for url in [
        format!("http://127.0.0.1:{granted}@127.0.0.1:{other}/"),
        format!("http://127.0.0.1:{granted}%40127.0.0.1:{other}/"),
        format!("http://127.0.0.1:{other}#@127.0.0.1:{granted}/"),
        format!("http://127.0.0.1:{other}\\@127.0.0.1:{granted}/"),
        format!("http://127.0.0.1:0{other}/"),
        format!("https://127.0.0.1:{granted}/"),
        format!("ftp://127.0.0.1:{granted}/"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://[fd00:ec2::254]/latest/meta-data/".to_owned(),
        "http://100.100.100.200/".to_owned(),
    ] {
        let answer = told(&server, "listed", &fetch(&url));
        assert!(answer["status"].is_null(), "{url}: {answer}");
    }
    // A redirect is an answer.
    let answer = told(&server, "listed", &fetch(&good.url(&format!("/redirect?{}", bad.url("/")))));
    assert_eq!((&answer["status"], &answer["location"]), (&json!(302), &json!(bad.url("/"))));
    // A name that leads inside has to be let in.
    assert!(told(&server, "any", &fetch(&format!("http://localhost:{granted}/")))["denied"].is_string());
    assert_eq!(told(&server, "private", &fetch(&format!("http://localhost:{granted}/")))["status"], 200);
    // A guest does not say whom a request is for in another place than its URL.
    let forbidden = told(&server, "listed", &json!({ "do": "forbidden-headers" }));
    for pair in forbidden.as_array().expect("pairs") {
        assert_eq!(pair[1], json!(pair[0] == "x-own"), "{pair}");
    }
    let mut disguised = fetch(&good.url("/"));
    disguised["headers"] = json!({ "host": "internal.example" });
    assert!(told(&server, "listed", &disguised)["failed"].is_string());
    assert_eq!(bad.connections(), 0, "{:?}", bad.requests());
    let hosts = good.requests().into_iter().filter_map(|head| {
        head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("host: ").map(str::to_owned))
    });
    let expected = [format!("127.0.0.1:{granted}"), format!("localhost:{granted}")];
    hosts.for_each(|host| assert!(expected.contains(&host), "{host}"));
}

#[test]
fn methods_that_are_not_named_are_refused() {
    let there = Loopback::start();
    let grants = format!("grants.http = [{{ origin = \"{}\", methods = [\"GET\", \"head\"] }}]", there.url(""));
    let any = format!("grants.http = [\"{}\"]", there.url(""));
    let server = serving(&[("some", "task", &grants), ("any", "task", &any)]);
    let by = |method: &str| {
        let mut event: Value = fetch(&there.url("/"));
        event["method"] = json!(method);
        event
    };
    for (function, method, allowed) in [
        ("some", "GET", true),
        ("some", "HEAD", true),
        ("some", "POST", false),
        ("some", "get", false),
        ("any", "DELETE", true),
        ("any", "PURGE", true),
        ("any", "TRACE", false),
        ("any", "CONNECT", false),
    ] {
        let answer = told(&server, function, &by(method));
        assert_eq!(answer["status"] == 200, allowed, "{function} {method}: {answer}");
    }
}
