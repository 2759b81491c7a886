//! `examples/orders`: every case gives its expected output, by the binary's own command and over HTTP.

use fleetstep_tests::{Server, root};
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

fn cases() -> Vec<PathBuf> {
    let listing = std::fs::read_dir(root().join("examples/orders/cases")).expect("cases");
    let mut folders: Vec<PathBuf> = listing.map(|entry| entry.expect("an entry").path()).collect();
    folders.sort();
    assert!(folders.len() >= 3, "success, retried and compensated at least");
    folders
}

fn read(file: &Path) -> Value {
    let text = std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// One request over a connection of its own: the answer's status and body.
fn post(server: &Server, path: &str, body: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(server.address()).expect("a connection");
    let length = body.len();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nhost: fleetstep\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
    .expect("the request is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("head and body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}")))
}

#[test]
fn every_case_gives_its_expected_output_over_http() {
    let server = Server::start(&root().join("examples/orders")).expect("the example deploys");
    for case in cases() {
        let expected = read(&case.join("expected.json"));
        let input = read(&case.join("input.json")).to_string();
        let (status, answer) = post(&server, "/v1/workflows/orders/run", &input);
        if expected["status"] == "SUCCEEDED" {
            assert_eq!((status, &answer), (200, &expected["output"]), "{}", case.display());
        } else {
            assert!(status >= 400, "{}: {status} {answer}", case.display());
            assert_eq!(answer["error"], expected["error"], "{}", case.display());
            assert_eq!(answer["cause"], expected["cause"], "{}", case.display());
        }
    }
}
