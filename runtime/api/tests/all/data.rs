//! Runs `data/*.md`: conversations with a server, each heading a new one with an empty catalog.
//!
//! `let NAME = TEXT` names a text; a JSON string `"$NAME"`, or a body `$NAME`, is that text. A request is
//! `> aws OPERATION JSON` or `> METHOD PATH [CONTENT-TYPE] [BODY]`, and the line below it says what must come:
//! `< STATUS JSON`. In that, `"<any>"` is any value, `"<has TEXT>"` a string that has TEXT in it, and objects have
//! no further members.

use crate::harness::{Answer, Server};
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conversations() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut conversations = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let source = std::fs::read_to_string(&path).unwrap();
        let mut texts = HashMap::new();
        for section in source.split("\n## ") {
            let title = format!("{}: {}", path.display(), section.lines().next().unwrap_or_default());
            conversations += usize::from(converse(&title, section, &mut texts).await);
        }
    }
    assert!(conversations >= 10, "only {conversations} conversations were found");
}

async fn converse(title: &str, section: &str, texts: &mut HashMap<String, String>) -> bool {
    let mut server = None;
    let mut answer: Option<(String, Answer)> = None;
    for line in section.lines() {
        if let Some(binding) = line.strip_prefix("let ") {
            let (name, text) = binding.split_once(" = ").unwrap();
            texts.insert(format!("${name}"), text.to_owned());
        } else if let Some(request) = line.strip_prefix("> ") {
            assert!(answer.is_none(), "{title}: no answer is expected of the request before {request}");
            if server.is_none() {
                server = Some(Server::start().await);
            }
            answer = Some((request.to_owned(), ask(server.as_ref().unwrap(), request, texts).await));
        } else if let Some(expected) = line.strip_prefix("< ") {
            let (request, answer) = answer.take().expect("a request before the answer");
            check(&format!("{title}\n> {request}"), expected, &answer, texts);
        }
    }
    server.is_some()
}

async fn ask(server: &Server, request: &str, texts: &HashMap<String, String>) -> Answer {
    let mut words = request.splitn(3, ' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let rest = words.next().unwrap_or_default();
    if method == "aws" {
        let body = match serde_json::from_str(rest) {
            Ok(json) => fill(json, texts).to_string(),
            Err(_) => rest.to_owned(), // A request that is not JSON, on purpose.
        };
        return server.connect().await.aws(path, body.as_bytes()).await;
    }
    let (content_type, body) = match rest.split_once(' ') {
        Some((first, body)) if first.contains('/') => (Some(first), body),
        _ if rest.contains('/') && !rest.starts_with(['{', '"', '[']) => (Some(rest), ""),
        _ => (None, rest),
    };
    let body = texts.get(body).map_or(body, String::as_str).replace("\\n", "\n");
    let header = content_type.map(|value| format!("Content-Type: {value}"));
    let headers: Vec<&str> = header.as_deref().into_iter().collect();
    server.http(method, path, &headers, body.as_bytes()).await
}

fn check(title: &str, expected: &str, answer: &Answer, texts: &HashMap<String, String>) {
    let (status, body) = expected.split_once(' ').unwrap_or((expected, ""));
    assert_eq!(answer.status.to_string(), status, "{title}\n{answer:?}");
    if body.is_empty() {
        assert!(answer.body.is_empty(), "{title}\n{answer:?}");
        return;
    }
    let expected = fill(serde_json::from_str(body).unwrap_or_else(|error| panic!("{title}: {error}")), texts);
    let mut differences = Vec::new();
    differ("$", &expected, &answer.json(), &mut differences);
    assert!(differences.is_empty(), "{title}\n{}\n{}", differences.join("\n"), answer.text());
}

fn differ(path: &str, expected: &Value, found: &Value, out: &mut Vec<String>) {
    match (expected, found) {
        (Value::String(pattern), _) if pattern == "<any>" => {}
        (Value::String(pattern), Value::String(text)) if pattern.starts_with("<has ") => {
            let part = pattern.strip_prefix("<has ").unwrap().strip_suffix('>').unwrap();
            if !text.contains(part) {
                out.push(format!("{path}: {text:?} has no {part:?} in it"));
            }
        }
        (Value::Object(expected), Value::Object(found)) => {
            for (key, value) in expected {
                match found.get(key) {
                    Some(other) => differ(&format!("{path}.{key}"), value, other, out),
                    None => out.push(format!("{path}.{key} is missing")),
                }
            }
            let more = found.keys().filter(|key| !expected.contains_key(*key));
            out.extend(more.map(|key| format!("{path}.{key} is not expected")));
        }
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            for (at, (expected, found)) in expected.iter().zip(found).enumerate() {
                differ(&format!("{path}[{at}]"), expected, found, out);
            }
        }
        _ if expected == found => {}
        _ => out.push(format!("{path}: expected {expected}, found {found}")),
    }
}

/// Puts named texts in the place of their names.
fn fill(value: Value, texts: &HashMap<String, String>) -> Value {
    match value {
        Value::String(text) => Value::String(texts.get(&text).cloned().unwrap_or(text)),
        Value::Array(items) => items.into_iter().map(|item| fill(item, texts)).collect(),
        Value::Object(members) => members.into_iter().map(|(key, value)| (key, fill(value, texts))).collect(),
        other => other,
    }
}
