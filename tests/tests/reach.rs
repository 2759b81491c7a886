//! What a task may reach: requests, keys and values, its configuration; from real guests of all three kinds, against
//! servers on loopback.

mod answers;
mod kept;
mod requests;
mod serve;
mod ways_around;

use fleetstep_server::guests;
use fleetstep_tests::{Server, http, root};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The same guest, as each kind of module.
const KINDS: [&str; 3] = ["task", "command", "proxy"];

static MODULES: LazyLock<BTreeMap<&str, PathBuf>> = LazyLock::new(|| {
    let build = |kind| guests::build(&root().join("tests/guests/reach").join(kind), "wasm32-wasip2");
    KINDS.into_iter().map(|kind| (kind, build(kind).expect("the guest builds"))).collect()
});

/// Serves functions of the reaching guest: name, kind, and what stands below `[functions.NAME]`.
fn serving(functions: &[(&str, &str, &str)]) -> Server {
    let folder = tempfile::tempdir().expect("a folder");
    let mut manifest = String::new();
    for (name, kind, more) in functions {
        let module = MODULES[kind].display();
        manifest += &format!("[functions.{name}]\nmodule = \"{module}\"\n{more}\n");
    }
    std::fs::write(folder.path().join("fleetstep.toml"), manifest).expect("a manifest");
    deployed(folder.path())
}

fn deployed(folder: &Path) -> Server {
    Server::start(folder).expect("a server")
}

/// Calls a function, and gives what it answers.
fn ask(server: &Server, function: &str, event: &Value) -> (u16, Value) {
    server.post(&format!("/v1/functions/{function}/invoke"), &event.to_string()).expect("an answer")
}

/// As [`ask`], where the call is to succeed.
fn told(server: &Server, function: &str, event: &Value) -> Value {
    let (status, answer) = ask(server, function, event);
    assert_eq!(status, 200, "{function} {event}: {answer}");
    answer
}

/// The error that the call fails with.
fn error(server: &Server, function: &str, event: &Value) -> String {
    let (status, answer) = ask(server, function, event);
    assert_ne!(status, 200, "{function} {event}: {answer}");
    answer["error"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

fn fetch(url: &str) -> Value {
    json!({ "do": "fetch", "url": url })
}

/// The function's log, as one text.
fn log(server: &Server, function: &str) -> String {
    let path = format!("/v1/functions/{function}/logs");
    http::request(server.address(), "GET", &path, http::JSON, b"").expect("its log").1.to_string()
}
