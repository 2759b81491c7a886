//! The console in a real browser: Playwright and axe-core drive Debian's Chromium through `console/walk.mjs`.

use fleetstep_tests::program::{self, Serving};
use fleetstep_tests::{root, succeed};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Set where a browser has to be there, as in continuous integration: without one the test fails.
const REQUIRED: &str = "FLEETSTEP_BROWSER_REQUIRED";

#[test]
fn a_person_walks_through_the_console() {
    let Some(chromium) = browser() else { return };
    let scripts = scripts(Path::new(env!("CARGO_TARGET_TMPDIR"))).expect("Playwright and axe-core");
    let module = |name| {
        let folder = root().join("tests/guests").join(name);
        fleetstep_server::guests::build(&folder, "wasm32-unknown-unknown").expect("a module")
    };
    let server = Serving::start(["--in-memory"]).expect("a server");
    let pictures = scripts.join("pictures");
    let mut walk = Command::new("node");
    walk.arg(scripts.join("walk.mjs"))
        .arg(format!("http://{}", server.address))
        .args([module("noop"), module("hostile")])
        .arg(&pictures);
    let said = succeed(walk.env("FLEETSTEP_CHROMIUM", chromium)).expect("a walk through the console");
    assert!(said.contains("walked; 44 pages looked at"), "{said}");
    // What was downloaded runs again to the same events.
    let mut replay = Command::new(program::folder().expect("the program").join("fleetstep"));
    let said = succeed(replay.arg("replay").arg(pictures.join("failed.replay.json"))).expect("a replay");
    assert!(said.contains("same: all"), "{said}");
    server.terminate().expect("the server hears");
    let (status, said) = server.wait().expect("the server ends");
    assert!(status.success(), "{said}");
}

/// Chromium, where it and Node.js are there; says so in one line where they are not.
#[allow(clippy::print_stderr)] // The one line.
fn browser() -> Option<PathBuf> {
    let is_there = |program: &str| {
        let folders = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file())
    };
    let found = ["chromium", "chromium-browser"].into_iter().find_map(is_there);
    let found = found.filter(|_| ["node", "npm"].into_iter().all(|program| is_there(program).is_some()));
    if found.is_none() {
        assert!(std::env::var_os(REQUIRED).is_none(), "{REQUIRED} is set, and there is no chromium, node or npm");
        eprintln!("skipped: no chromium, node or npm here");
    }
    found
}

/// The scripts with what they need, in a folder of their own.
fn scripts(folder: &Path) -> anyhow::Result<PathBuf> {
    let (from, to) = (root().join("tests/console"), folder.join("console"));
    std::fs::create_dir_all(&to)?;
    for file in ["package.json", "package-lock.json", "walk.mjs"] {
        std::fs::copy(from.join(file), to.join(file))?;
    }
    let mut install = Command::new("npm");
    install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&to);
    succeed(&mut install)?;
    Ok(to)
}
