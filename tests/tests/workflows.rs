//! Whole workflows as data: `data/workflows/*.md`, compiled and stepped in virtual time, without a server.
//!
//! A case is a `##` heading with these blocks; a definition holds until the next one of its file.
//!
//! - `json definition` or `yaml definition`
//! - `json input`; `{}` when there is none
//! - `json replies`: by state, what its calls are answered with, in order, the last one again and again:
//!   `{"output": …}`, `{"error": …, "cause": …}` or `{"never": true}`, each with `"after": SECONDS`. A call by another
//!   state is answered with its input.
//! - one of `json succeeds` (the output), `json fails` and `json times-out` (`{"error": …, "cause": …}`), or
//!   `text refused` (the diagnostics, one a line)
//! - `text timeline`: each call, and the end: `+SECONDS STATE INPUT`

use fleetstep_document::Document;
use fleetstep_machine::testing::{Answer, Called, Driver};
use fleetstep_machine::{Failure, Outcome, Timestamp};
use fleetstep_tests::markdown::{Block, Case};
use fleetstep_tests::workflows::{cases, compiled, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// What the chance of every case starts from.
const SEED: u64 = 1;

/// What the tasks of a case answer.
struct Replies {
    replies: Document,
    /// Calls so far, by state.
    calls: BTreeMap<String, usize>,
}

impl Replies {
    fn of(case: &Case) -> Self {
        let replies = case.block("replies").map_or_else(Document::empty_object, |block| json(&block.text));
        Self { replies, calls: BTreeMap::new() }
    }

    fn answer(&mut self, call: &Called) -> Answer {
        let number = self.calls.entry(call.state.to_string()).or_default();
        *number += 1;
        let Some(list) = self.replies.get(&call.state).and_then(Document::as_array) else {
            return Answer::now(call.input.clone());
        };
        let reply = &list[(*number).min(list.len()) - 1];
        let text = |key| reply.get(key).and_then(Document::as_text).cloned();
        let after = reply.get("after").map_or(0.0, |after| after.to_json().parse().expect("seconds"));
        let after = Duration::from_secs_f64(after);
        match (reply.get("output"), text("error")) {
            (Some(output), None) => Answer::Ok(after, output.clone()),
            (None, Some(error)) => Answer::Err(after, Failure { error: Some(error), cause: text("cause") }),
            (None, None) if reply.get("never").is_some() => Answer::Never,
            _ => panic!("no reply: {reply}"),
        }
    }
}

/// `{"error": …, "cause": …}`, without the part that is missing.
fn failure_text(failure: &Failure) -> String {
    let part = |name: &str, text: &Option<_>| {
        text.clone().map(|text| format!("\"{name}\":{}", Document::from(text).to_json()))
    };
    let parts: Vec<String> =
        [part("error", &failure.error), part("cause", &failure.cause)].into_iter().flatten().collect();
    format!("{{{}}}", parts.join(","))
}

fn timeline(driver: &Driver<'_>, started: Timestamp) -> String {
    let at = |time: Timestamp| format!("+{}s", time.since(started).as_secs_f64());
    let calls = driver.calls.iter().map(|call| format!("{} {} {}\n", at(call.at), call.state, call.input));
    calls.chain([format!("{} end\n", at(driver.now))]).collect()
}

fn same(what: &str, found: &str, expected: &str) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what}\n  found    {found}\n  expected {expected}")) }
}

fn check(case: &Case, definition: &Block) -> Result<(), String> {
    let compiled = match (compiled(definition), case.block("refused")) {
        (Ok(_), Some(_)) => return Err("is not refused".to_owned()),
        (Err(errors), Some(refused)) => return same("refused", &errors, &refused.text),
        (Err(errors), None) => return Err(format!("is refused\n{errors}")),
        (Ok(compiled), None) => compiled,
    };
    let input = case.block("input").map_or_else(Document::empty_object, |block| json(&block.text));
    let mut driver = Driver::new(&compiled.program, input, SEED);
    let (started, mut replies) = (driver.now, Replies::of(case));
    let (role, found) = match driver.run(|call| replies.answer(call)) {
        Outcome::Succeeded(output) => ("succeeds", output.to_json()),
        Outcome::Failed(failure) => ("fails", failure_text(&failure)),
        Outcome::TimedOut(failure) => ("times-out", failure_text(&failure)),
        Outcome::Aborted(failure) => ("aborted", failure_text(&failure)),
    };
    let expected = case.block(role).ok_or_else(|| format!("{role}: {found}"))?;
    same(role, &found, &json(&expected.text).to_json())?;
    case.block("timeline").map_or(Ok(()), |expected| same("timeline", &timeline(&driver, started), &expected.text))
}

#[test]
fn every_workflow_ends_as_written() {
    let cases = cases();
    assert!(cases.len() >= 40, "only {} cases found", cases.len());
    let failures: Vec<String> = cases
        .iter()
        .filter_map(|(case, definition)| check(case, definition).err().map(|why| format!("{}: {why}", case.name)))
        .collect();
    assert!(failures.is_empty(), "{} of {} cases differ:\n\n{}", failures.len(), cases.len(), failures.join("\n\n"));
}
