//! Requests that are granted, and guests and servers that misbehave.

use super::{KINDS, ask, error, fetch, log, serving, told};
use fleetstep_tests::{Server, http};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

/// What is at a path of the server, and what it was sent.
pub(super) struct Loopback {
    pub(super) port: u16,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Loopback {
    /// A server of threads. `/redirect?URL` leads to that URL, `/flood` never ends, `/stall` stops in the middle,
    /// `/silent` says nothing, and what else there is says hello.
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (connections, requests) = (Arc::new(AtomicUsize::new(0)), Arc::<Mutex<Vec<String>>>::default());
        let (count, seen) = (Arc::clone(&connections), Arc::clone(&requests));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                count.fetch_add(1, SeqCst);
                let seen = Arc::clone(&seen);
                // It ends when the other side closes the connection.
                std::thread::spawn(move || serve(stream, &seen));
            }
        });
        Self { port, connections, requests }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(SeqCst)
    }

    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("nobody panics with it").clone()
    }
}

fn serve(mut stream: TcpStream, seen: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let (mut buffer, mut part) = (Vec::new(), [0; 4_096]);
    loop {
        let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else {
            let count = stream.read(&mut part)?;
            if count == 0 {
                return Ok(());
            }
            buffer.extend_from_slice(&part[..count]);
            continue;
        };
        let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
        buffer.drain(..end + 4);
        let length =
            head.to_ascii_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        for _ in buffer.len()..length.unwrap_or(0) {
            stream.read_exact(&mut part[..1])?;
        }
        buffer.drain(..length.unwrap_or(0).min(buffer.len()));
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        seen.lock().expect("nobody panics with it").push(head);
        if let Some(url) = path.strip_prefix("/redirect?") {
            write!(stream, "HTTP/1.1 302 Found\r\nlocation: {url}\r\ncontent-length: 0\r\n\r\n")?;
        } else if path == "/flood" {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
            loop {
                write!(stream, "4000\r\n{}\r\n", "x".repeat(0x4000))?;
            }
        } else if path == "/stall" {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello")?;
        } else if path == "/silent" {
            while stream.read(&mut part)? > 0 {}
            return Ok(());
        } else {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")?;
        }
    }
}

#[test]
fn every_kind_of_module_reaches_what_it_is_granted_and_nothing_else() {
    let (granted, other) = (Loopback::start(), Loopback::start());
    let grants = format!("grants.http = [\"{}\"]", granted.url(""));
    let functions = KINDS.map(|kind| (kind, kind, &*grants));
    let none = KINDS.map(|kind| (["task-none", "command-none", "proxy-none"], kind));
    let names = |kind: &str| none[0].0.iter().find(|name| name.starts_with(kind)).expect("one for each kind");
    let without = KINDS.map(|kind| (*names(kind), kind, ""));
    let server = serving(&[functions, without].concat());
    for kind in KINDS {
        let answer = told(&server, kind, &fetch(&granted.url("/a?b=c")));
        assert_eq!(answer, json!({ "status": 200, "body": "hello", "location": null }), "{kind}");
        assert!(told(&server, kind, &fetch(&other.url("/")))["denied"].is_string(), "{kind}");
        let mut post = fetch(&granted.url("/"));
        (post["method"], post["body"]) = (json!("POST"), json!("x".repeat(100_000)));
        assert_eq!(told(&server, kind, &post)["status"], 200, "{kind}");
        assert!(told(&server, names(kind), &fetch(&granted.url("/")))["denied"].is_string(), "{kind}");
    }
    assert_eq!(other.connections(), 0);
    assert!(log(&server, "task").contains(&format!("no grant allows {}", other.url(""))));
}

#[test]
fn credentials_go_along_and_nobody_sees_them() {
    let there = Loopback::start();
    let grants = format!(
        "[[functions.pays.grants.http]]\norigin = \"{}\"\nmethods = [\"POST\"]\n\
         headers = {{ authorization = \"Bearer tulips-at-nine\" }}",
        there.url("")
    );
    let server = serving(&[("pays", "task", &grants)]);
    let mut post = fetch(&there.url("/"));
    (post["method"], post["headers"]) = (json!("POST"), json!({ "Authorization": "Bearer of the guest" }));
    assert_eq!(told(&server, "pays", &post)["status"], 200);
    let seen = there.requests()[0].to_ascii_lowercase();
    assert!(seen.contains("authorization: bearer tulips-at-nine"), "{seen}");
    assert!(!seen.contains("guest"), "{seen}");
    assert!(told(&server, "pays", &fetch(&there.url("/")))["denied"].is_string(), "GET is not granted");
    for path in ["/v1/functions/pays", "/v1/functions", "/v1/functions/pays/logs"] {
        let (_, shown) = http::request(server.address(), "GET", path, "", b"").expect("an answer");
        assert!(!shown.to_string().contains("tulips"), "{shown}");
    }
    let (_, shown) = http::request(server.address(), "GET", "/v1/functions/pays", "", b"").expect("it");
    assert_eq!(shown["grants"]["http"][0]["headers"]["authorization"], "***");
}

/// Changes the grants of the function `f`.
fn patch(server: &Server, grants: &Value) -> (u16, Value) {
    let body = json!({ "grants": grants }).to_string();
    http::request(server.address(), "PATCH", "/v1/functions/f", http::JSON, body.as_bytes()).expect("an answer")
}

#[test]
fn grants_are_changed_while_it_runs_and_wrong_ones_are_refused() {
    let there = Loopback::start();
    let server = serving(&[("f", "task", "")]);
    assert!(told(&server, "f", &fetch(&there.url("/")))["denied"].is_string());
    assert_eq!(patch(&server, &json!({ "http": [there.url("")] })).0, 200);
    assert_eq!(told(&server, "f", &fetch(&there.url("/")))["status"], 200);
    for (wrong, part) in [
        (json!({ "http": ["api.example.com"] }), "scheme://host"),
        (json!({ "http": [{ "origin": "https://a.example", "method": "GET" }] }), "unknown field"),
        (json!({ "htp": [] }), "unknown field"),
        (json!({ "keyvalue": ["a/b"] }), "a/b"),
        (json!([]), "grants"),
    ] {
        let (status, answer) = patch(&server, &wrong);
        assert!(status == 400 && answer.to_string().contains(part), "{wrong}: {status} {answer}");
    }
    assert_eq!(patch(&server, &json!({})).0, 200);
    assert!(told(&server, "f", &fetch(&there.url("/")))["denied"].is_string());
}

#[test]
fn an_instance_that_serves_again_reaches_what_its_function_is_granted_now() {
    let there = Loopback::start();
    let server = serving(&[("f", "task", &format!("reuse = 100\ngrants.http = [\"{}\"]", there.url("")))]);
    let one = || told(&server, "f", &fetch(&there.url("/")));
    for _ in 0..3 {
        assert_eq!(one()["status"], 200);
        // What one call had in flight is not in the way of the next.
        let many = told(&server, "f", &json!({ "do": "many", "url": there.url("/") }));
        assert_eq!(many.as_array().expect("one for each").iter().filter(|answer| **answer == 200).count(), 16);
    }
    assert_eq!(patch(&server, &json!({})).0, 200);
    assert!(one()["denied"].is_string());
    assert_eq!(patch(&server, &json!({ "http": [there.url("")] })).0, 200);
    assert_eq!(one()["status"], 200);
}

#[test]
fn who_floods_stalls_or_never_reads_ends_within_its_bounds() {
    let there = Loopback::start();
    let grants = format!("timeout_seconds = 2\ngrants.http = [\"{}\"]", there.url(""));
    let server = serving(&[("f", "task", &grants)]);
    let does = |what: &str, path: &str| json!({ "do": what, "url": there.url(path) });
    // A server that floods a guest, which reads all it gets.
    let flooded = told(&server, "f", &fetch(&there.url("/flood")));
    assert!(
        flooded["failed"].as_str().is_some_and(|reason| reason.contains("body size exceeds limit: 16777216")),
        "{flooded}"
    );
    // Servers that stall, and guests that wait for them or for nothing.
    for event in [
        fetch(&there.url("/silent")),
        fetch(&there.url("/stall")),
        does("never-reads", "/flood"),
        does("never-finishes", "/silent"),
    ] {
        assert_eq!(error(&server, "f", &event), "Sandbox.Timedout", "{event}");
    }
    // A guest that floods a server which reads nothing of it, as long as it may.
    let (_, flooded) = ask(&server, "f", &does("floods", "/silent"));
    let flooded = flooded.to_string();
    assert!(flooded.contains("Sandbox.Timedout") || flooded.contains("ody"), "{flooded}");
    // More requests than a call may have in flight: the first ones are answered.
    let many = told(&server, "f", &does("many", "/"));
    let answers = many.as_array().expect("one for each");
    let sent = answers.iter().filter(|answer| **answer == 200).count();
    assert_eq!((answers.len(), sent), (40, 16), "{many}");
    // A guest that has the host hold bodies which are never sent.
    assert_eq!(error(&server, "f", &does("hoards", "/")), "Runtime.ExitError");
    // Nothing of all that is in the way of the next call.
    assert_eq!(told(&server, "f", &fetch(&there.url("/")))["status"], 200);
}
