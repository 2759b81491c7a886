//! The house keeps its doors where ARCHITECTURE.md draws them.

use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Command;

/// Which room may use which. A room that is not listed may use none.
const ALLOWED: &[(&str, &[&str])] = &[
    ("document", &[]),
    ("expr", &["document"]),
    ("machine", &["document", "expr"]),
    ("asl", &["document", "expr", "machine"]),
    // It draws what a definition says; how one is run it does not know.
    ("diagram", &["document", "asl"]),
    ("engine", &["document", "machine"]),
    // It plays executions in the engine's simulator, with nothing of what serves one.
    ("tester", &["document", "asl", "diagram", "machine", "engine"]),
    // It sends requests for whoever asks; of the engine it takes the clock.
    ("outbound", &["engine"]),
    // It keeps keys and values for whoever asks; of the engine it takes the clock.
    ("keyvalue", &["engine"]),
    ("wasm", &["document", "engine", "keyvalue", "outbound"]),
    // It says what starts a workflow and when; who listens, remembers and starts are others.
    ("trigger", &["document", "expr"]),
    ("catalog", &["document", "asl", "machine", "engine", "wasm", "trigger"]),
    // It knows keys and requests, not what they are for.
    ("identity", &[]),
    // It tells of what happened in executions; the names of tasks it has from their resources.
    ("telemetry", &["document", "asl", "engine"]),
    ("api", &["document", "asl", "machine", "engine", "identity", "journal", "telemetry", "catalog", "trigger"]),
    // It reaches for tasks what the operator has named; which executions there are, it does not know.
    ("integrations", &["document", "engine", "catalog", "outbound"]),
    // It keeps bytes until it is told that they are finished.
    ("journal", &[]),
    // It drives servers from outside: it knows requests and answers, not what runs them.
    ("load", &[]),
    // It moves modules; what a function is it does not know.
    ("registry", &[]),
    // It sees what the API answers, as any client does.
    ("console", &["diagram"]),
    (
        "server",
        &[
            "document",
            "asl",
            "diagram",
            "console",
            "tester",
            "machine",
            "engine",
            "identity",
            "journal",
            "keyvalue",
            "telemetry",
            "wasm",
            "catalog",
            "api",
            "load",
            "trigger",
            "integrations",
            // The command line asks servers.
            "outbound",
            "registry",
        ],
    ),
];

/// Crates that only some rooms may know: `(crate, rooms)`.
const CONFINED: &[(&str, &[&str])] = &[
    // The benches call it bare too: the limit of what a sandbox around it can reach.
    ("wasmtime", &["wasm", "benches"]),
    ("wasmtime-wasi", &["wasm"]),
    ("hyper", &["api", "outbound", "registry", "telemetry", "hostile", "benches"]),
    ("wasmtime-wasi-http", &["wasm"]),
    ("wasmtime-wizer", &["wasm"]),
    ("redb", &["catalog", "keyvalue"]),
    ("aws-sigv4", &["identity", "integrations"]),
    ("tokio-rustls", &["api", "outbound", "registry"]),
    ("rustls-native-certs", &["outbound", "registry"]),
    ("opentelemetry-proto", &["telemetry", "tests"]),
    ("zip", &["api"]),
    ("saphyr", &["asl"]),
    ("matchit", &["trigger"]),
    ("clap", &["server", "tests", "benches"]),
    (
        "tokio",
        &[
            "engine",
            "keyvalue",
            "outbound",
            "wasm",
            "catalog",
            "integrations",
            "telemetry",
            "api",
            "console",
            "registry",
            "server",
            "tests",
            "hostile",
            "benches",
        ],
    ),
];

/// Normal dependencies of each package of the workspace, by short name.
fn dependencies() -> BTreeMap<String, Vec<String>> {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let arguments = ["metadata", "--no-deps", "--format-version", "1", "--manifest-path", manifest];
    let output = Command::new(env!("CARGO")).args(arguments).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    packages.iter().map(|package| (short(&package["name"]), normal_dependencies(package))).collect()
}

fn normal_dependencies(package: &Value) -> Vec<String> {
    let all = package["dependencies"].as_array().expect("dependencies");
    all.iter().filter(|dependency| dependency["kind"].is_null()).map(|dependency| short(&dependency["name"])).collect()
}

fn short(name: &Value) -> String {
    name.as_str().expect("a name").trim_start_matches("fleetstep-").to_owned()
}

#[test]
fn every_dependency_between_rooms_is_an_allowed_one() {
    let packages = dependencies();
    for (room, allowed) in ALLOWED {
        let uses =
            packages.get(*room).unwrap_or_else(|| panic!("room {room} is gone: change ALLOWED and ARCHITECTURE.md"));
        for used in uses.iter().filter(|used| packages.contains_key(*used)) {
            assert!(allowed.contains(&used.as_str()), "{room} must not use {used}: see ARCHITECTURE.md");
        }
    }
    for package in packages.keys().filter(|package| !["tests", "hostile", "benches"].contains(&package.as_str())) {
        assert!(ALLOWED.iter().any(|(room, _)| room == package), "room {package} is not in ALLOWED");
    }
}

#[test]
fn a_confined_crate_stays_in_its_rooms() {
    for (package, uses) in dependencies() {
        for (confined, rooms) in CONFINED {
            let kept = !uses.iter().any(|used| used == confined) || rooms.contains(&package.as_str());
            assert!(kept, "{package} must not use {confined}; only {rooms:?} may");
        }
    }
}

#[test]
fn every_room_but_wasm_forbids_unsafe_code() {
    let runtime = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime");
    for (room, _) in ALLOWED.iter().filter(|(room, _)| *room != "wasm") {
        let file = runtime.join(room).join("src/lib.rs");
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert!(text.contains("#![forbid(unsafe_code)]"), "{room} does not forbid unsafe code");
    }
}
