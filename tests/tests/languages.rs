//! `examples/languages`: the same task in five languages, built from registry packages, gives the same results.

use fleetstep_server::settings::Settings;
use fleetstep_tests::{Server, http, program, root, succeed};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

/// Set where every tool chain has to be there, as in continuous integration: without one the test fails.
const REQUIRED: &str = "FLEETSTEP_LANGUAGES_REQUIRED";
/// A language, and the program that its build script begins with.
const LANGUAGES: &[(&str, &str)] =
    &[("rust", "cargo"), ("javascript", "npm"), ("python", "python3"), ("c", "python3"), ("go", "python3")];

/// The languages whose modules are there, built anew or as they were before; says in one line which are not.
#[allow(clippy::print_stderr)] // The one line.
fn built(example: &Path) -> Vec<&'static str> {
    let mut absent = Vec::new();
    let mut languages = Vec::new();
    for &(language, program) in LANGUAGES {
        let is_there = Command::new(program).arg("--version").output().is_ok_and(|found| found.status.success());
        match is_there.then(|| succeed(&mut Command::new(example.join(language).join("build")))) {
            Some(Ok(_)) => languages.push(language),
            Some(Err(error)) => absent.push(format!("{language} ({error:#})")),
            None => absent.push(format!("{language} (no {program})")),
        }
    }
    if !absent.is_empty() {
        assert!(std::env::var_os(REQUIRED).is_none(), "{REQUIRED} is set, and absent are {}", absent.join(", "));
        eprintln!("skipped: {}", absent.join(", "));
    }
    languages
}

fn read(file: &Path) -> Value {
    let text = std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The example with the functions of these languages, in a folder of its own.
fn deployment(example: &Path, languages: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let name = "price.asl.json";
    std::fs::copy(example.join(name), folder.path().join(name)).expect("the workflow");
    let function = |language: &&str| {
        let module = example.join("modules").join(language).with_extension("wasm");
        let more = if *language == "go" { "preinitialise = true\n" } else { "" };
        format!("[functions.price-{language}]\nmodule = {:?}\n{more}", module.display().to_string())
    };
    let manifest: String = languages.iter().map(function).collect();
    std::fs::write(folder.path().join("fleetstep.toml"), manifest).expect("a manifest");
    folder
}

#[test]
fn every_language_gives_the_same_result_and_the_same_error() {
    let example = root().join("examples/languages");
    let languages = built(&example);
    let folder = deployment(&example, &languages);
    let settings = Settings {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        // Other tests want the processors too.
        compile_seconds: 300,
        cache_dir: Some(Path::new(env!("CARGO_TARGET_TMPDIR")).join("languages")),
        ..Settings::default()
    };
    // As the program itself does it: each module compiled in a process of its own, within the usual bounds of memory.
    let settings = settings.compiled_by(program::folder().expect("the program").join("fleetstep"));
    let server = Server::start_with(folder.path(), settings).expect("the example deploys");
    for case in ["priced", "refused"] {
        let case = example.join("cases").join(case);
        let (mut input, mut expected) = (read(&case.join("input.json")), read(&case.join("expected.json")));
        input["languages"] = json!(languages);
        let (status, answer) = server.post("/v1/workflows/price/run", &input.to_string()).expect("an answer");
        if expected["status"] == "SUCCEEDED" {
            expected["output"]["languages"] = json!(languages.len());
            assert_eq!((status, &answer), (200, &expected["output"]), "{}", case.display());
        } else {
            assert!(status >= 400, "{}: {status} {answer}", case.display());
            assert_eq!((&answer["error"], &answer["cause"]), (&expected["error"], &expected["cause"]));
        }
    }
}

/// A reactor that answers how many calls its instance has served.
const COUNTS: &str = r#"(module
    (memory (export "memory") 1)
    (global $calls (mut i32) (i32.const 0))
    (func (export "_initialize") (i32.store (i32.const 24) (i32.const 1)))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
    (func (export "handle") (param i32 i32) (result i32)
        (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
        (i32.store8 (i32.const 1024) (i32.add (i32.const 48) (global.get $calls)))
        (i32.store (i32.const 20) (i32.const 1024))
        (i32.const 16)))"#;

#[test]
fn a_function_says_how_long_its_instances_live_and_where_they_begin() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path()).expect("a server");
    let send = |method: &str, path: &str, media_type: &str, body: &[u8]| {
        http::request(server.address(), method, path, media_type, body).expect("an answer")
    };
    let put = |path: &str, text: &str| send("PUT", path, "application/wasm", &wat::parse_str(text).expect("a module"));
    let change = |settings: Value| send("PATCH", "/v1/functions/counts", http::JSON, settings.to_string().as_bytes());
    let calls = |times: usize| -> Vec<Value> {
        (0..times).map(|_| send("POST", "/v1/functions/counts/invoke", http::JSON, b"{}").1).collect()
    };

    let (status, made) = put("/v1/functions/counts?reuse=3", COUNTS);
    assert_eq!((status, &made["kind"]), (201, &json!("reactor")));
    assert_eq!((&made["reuse"], &made["preinitialise"]), (&json!(3), &json!(false)));
    assert_eq!(calls(4), [1, 2, 3, 1]);
    assert_eq!(change(json!({ "reuse": 1 })).1["reuse"], 1);
    assert_eq!(calls(2), [1, 1]);

    let (status, started) = change(json!({ "preinitialise": true }));
    assert_eq!((status, &started["preinitialise"]), (200, &json!(true)));
    assert_eq!(calls(2), [1, 1]);
    let (_, again) = put("/v1/functions/counts", COUNTS);
    assert_eq!(again["preinitialise"], true, "another module keeps the settings");
    assert_eq!(change(json!({ "preinitialise": false })).1["preinitialise"], false);
    assert_eq!(change(json!({ "environment": { "A": "1" } })).0, 200);

    let command = r#"(module (func (export "_start")))"#;
    for (status, (found, answer), said) in [
        (400, change(json!({ "preinitialise": true })), "environment"),
        (400, change(json!({ "preinitialise": 1 })), "'preinitialise' must not be of type number"),
        (400, change(json!({ "reuse": 0 })), "reuse is 0: it should be 1 to 1000000"),
        (400, put("/v1/functions/once?reuse=2", command), "runs once"),
        (400, put("/v1/functions/once?preinitialise=yes", command), "must be true or false"),
        (422, put("/v1/functions/once?preinitialise=true", command), "can't be pre-initialised: it is no reactor"),
    ] {
        assert_eq!(found, status, "{answer}");
        assert!(answer["detail"].as_str().is_some_and(|detail| detail.contains(said)), "{said} is not in {answer}");
    }
}
