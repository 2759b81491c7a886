//! The command line as a person uses it: transcripts in `data/command-line.md`, run by a shell in `data/command-line`.

use fleetstep_tests::{markdown, program, root};
use std::path::PathBuf;
use std::process::Command;

/// Stands in an expected line for any text.
const ANY: &str = "[..]";

/// What a command prints, both streams as they come, and its exit status when that is not 0.
fn run(command: &str, programs: &str) -> String {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("{{ {command}\n}} 2>&1")).env("PATH", programs).env("COLUMNS", "100");
    let output = shell.current_dir(root().join("tests/data/command-line")).output().expect("sh runs");
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.code() {
        Some(0) => {}
        code => text.push_str(&format!("[exit {}]\n", code.map_or("by a signal".to_owned(), |code| code.to_string()))),
    }
    text
}

fn line_matches(expected: &str, line: &str) -> bool {
    let Some((before, after)) = expected.split_once(ANY) else { return expected == line };
    let Some(rest) = line.strip_prefix(before) else { return false };
    rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| line_matches(after, &rest[at..]))
}

/// Whether the lines are the expected ones; a line `...` stands for any number of lines.
fn matches(expected: &[&str], found: &[&str]) -> bool {
    match (expected.split_first(), found.split_first()) {
        (None, None) => true,
        (Some((&"...", rest)), _) => (0..=found.len()).any(|skipped| matches(rest, &found[skipped..])),
        (Some((line, rest)), Some((first, others))) => line_matches(line, first) && matches(rest, others),
        _ => false,
    }
}

#[test]
fn the_transcripts_come_out_as_written() {
    let mut paths = vec![program::folder().expect("the program")];
    paths.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect::<Vec<PathBuf>>());
    let programs = std::env::join_paths(paths).expect("a PATH").into_string().expect("UTF-8");
    let mut failures = Vec::new();
    let cases = markdown::cases(&root().join("tests/data/command-line.md")).expect("the transcripts");
    for case in &cases {
        for block in &case.blocks {
            let (command, expected) = block.text.split_once('\n').expect("a command and its output");
            let found = run(command.strip_prefix("$ ").expect("a prompt"), &programs);
            let (expected, lines): (Vec<_>, Vec<_>) = (expected.lines().collect(), found.lines().collect());
            if !matches(&expected, &lines) {
                failures.push(format!("{}\n{command}\n{found}", case.name));
            }
        }
    }
    assert!(cases.len() > 5, "the transcripts are there");
    assert!(failures.is_empty(), "came out differently:\n\n{}", failures.join("\n\n"));
}
