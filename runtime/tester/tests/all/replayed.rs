//! Recorded executions run again: `replay/NAME` holds a definition, what it is recorded with, sometimes a changed
//! definition, and the report. What is recorded comes from a driver of its own, whose timers are late as real ones are.

use fleetstep_asl::{Format, Options, WorkflowType, compile};
use fleetstep_document::{Document, Text};
use fleetstep_machine::{
    Command, Effects, Event, Execution, ExecutionStart, HistoryLevel, Identity, Outcome, Recording, Status, Timestamp,
};
use fleetstep_tester::{Mocks, ReplayError, read_recording, replay};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// 2026-11-22T16:10:37.475318Z
const STARTED: Timestamp = Timestamp::from_micros(1_795_363_837_475_318);
/// How late every timer is.
const LATE: Duration = Duration::from_micros(137);

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/replay")
}

fn read(file: &Path) -> Option<String> {
    std::fs::read_to_string(file).ok()
}

/// Runs a definition to its end, and records it.
fn record(source: &str, input: Document, mocks: &Mocks) -> Recording {
    let options =
        Options { format: Format::Yaml, target: Some(WorkflowType::Express), mocked: true, ..Options::default() };
    let compiled = compile(source, &options).compiled.expect("a definition that runs");
    let identity = Arc::new(Identity {
        execution_arn: "arn:aws:states:us-east-1:000000000000:express:recorded:run:1".into(),
        execution_name: "run".into(),
        state_machine_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:recorded".into(),
        state_machine_name: "recorded".into(),
        ..Identity::default()
    });
    let (seed, history) = (u64::MAX - 3, HistoryLevel::All);
    let start = ExecutionStart { input, identity: Arc::clone(&identity), seed, started: STARTED, history };
    let mut execution = Execution::new(&compiled.program, start);
    let mut plan = BTreeMap::from([((STARTED, 0), Event::Start)]);
    let (mut counts, mut events, mut order) = (HashMap::<Text, u32>::new(), Vec::new(), 0);
    let outcome = loop {
        let ((now, _), event) = plan.pop_first().unwrap_or(((execution.deadline(), 0), Event::Resume));
        let mut effects = Effects::default();
        let status = execution.step(&compiled.program, event, now, &mut effects);
        events.append(&mut effects.history);
        for command in effects.commands {
            order += 1;
            match command {
                Command::Call { ticket, state, .. } => {
                    let count = counts.entry(state.clone()).or_default();
                    let response = mocks.of(&state).and_then(|calls| calls.answer(*count)).expect("a mock").clone();
                    *count += 1;
                    plan.insert((now.after(response.after), order), Event::Reply(ticket, response.answer));
                }
                Command::Wake { ticket, at } => _ = plan.insert((at.after(LATE), order), Event::Wake(ticket)),
                Command::Cancel(ticket) => plan.retain(|_, event| match event {
                    Event::Reply(other, _) | Event::Wake(other) => *other != ticket,
                    _ => true,
                }),
            }
        }
        match status {
            Status::Waiting => {}
            Status::Yielded => _ = plan.insert((now, order + 1), Event::Resume),
            Status::Finished(outcome) => break outcome,
        }
    };
    let status = match outcome {
        Outcome::Succeeded(_) => "SUCCEEDED",
        Outcome::Failed(_) => "FAILED",
        Outcome::TimedOut(_) => "TIMED_OUT",
        Outcome::Aborted(_) => "ABORTED",
    };
    Recording {
        definition: source.into(),
        format: "yaml".into(),
        identity,
        seed,
        started: STARTED,
        status: status.into(),
        resources: compiled.resources.iter().map(|resource| resource.uri().into()).collect(),
        events,
    }
}

fn recorded(folder: &Path) -> Recording {
    let source = read(&folder.join("definition.asl.yaml")).expect("a definition");
    let parse = |file: &str| {
        read(&folder.join(file)).map_or_else(Document::empty_object, |text| Document::parse(text.as_bytes()).unwrap())
    };
    record(&source, parse("input.json"), &Mocks::parse(&parse("mocks.json")).unwrap())
}

/// By way of the file, which loses nothing.
fn by_file(recording: &Recording) -> Recording {
    let file = recording.document().to_json();
    let read = read_recording(file.as_bytes()).unwrap_or_else(|error| panic!("{error}: {file}"));
    assert_eq!(read.events, recording.events);
    assert_eq!(read.document().to_json(), file);
    read
}

#[test]
fn every_report_is_as_expected() {
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(data()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    assert!(folders.len() >= 7);
    for folder in folders {
        let recording = by_file(&recorded(&folder));
        let changed = read(&folder.join("changed.asl.yaml"));
        let report = replay(&recording, changed.as_deref().map(|text| (text, Format::Yaml))).unwrap();
        // With its own definition, whatever it is, it runs as it was recorded.
        let own = replay(&recording, None).unwrap();
        assert!(own.is_same(), "{}:\n{}", folder.display(), own.text());
        let (found, file) = (report.text(), folder.join("report.txt"));
        if std::env::var_os("FLEETSTEP_BLESS").is_some() {
            std::fs::write(&file, &found).unwrap();
        }
        assert_eq!(found, read(&file).unwrap_or_default(), "{}", folder.display());
        let json = Document::parse(report.json(true).as_bytes()).unwrap();
        assert_eq!(json.get("same").and_then(Document::as_bool), Some(report.is_same()));
        assert_eq!(json.get("states").and_then(Document::as_array).map(<[_]>::len), Some(report.visits.len()));
    }
}

/// A record may end anywhere: then the execution was running.
#[test]
fn every_beginning_of_a_record_comes_again() {
    let whole = recorded(&data().join("same"));
    for events in 1..whole.events.len() {
        let begun = whole.events[..events].to_vec();
        let recording = Recording { events: begun, status: "RUNNING".into(), ..whole.clone() };
        let report = replay(&recording, None).unwrap();
        // A step is told whole.
        if report.is_same() {
            assert_eq!(report.same_events, events);
        } else {
            let parting = report.parting.unwrap();
            assert!(parting.recorded.is_none() && parting.replayed.is_ok(), "{events}");
        }
    }
}

#[test]
fn what_is_wrong_with_a_file_is_told_with_its_place() {
    let file = recorded(&data().join("changed-wait")).document().to_json();
    let changed = |from: &str, to: &str| {
        let changed = file.replacen(from, to, 1);
        assert_ne!(changed, file, "{from}");
        changed
    };
    let cases = [
        (String::new(), "unexpected end of the text at line 1 column 1"),
        ("[1,2".to_owned(), "unexpected end of the text at line 1 column 5"),
        ("{}".to_owned(), "this is no replay file of an execution"),
        ("7".to_owned(), "this is no replay file of an execution"),
        (changed("\"fleetstepReplay\":1", "\"fleetstepReplay\":2"), "/fleetstepReplay: version 2"),
        (changed("\"fleetstepReplay\":1", "\"fleetstepReplay\":\"1\""), "this is no replay file"),
        (changed("\"seed\":\"18446744073709551612\"", "\"seed\":7"), "/seed: a text should be here"),
        (changed("\"seed\":\"18446744073709551612\"", "\"seed\":\"-1\""), "/seed: a seed is a whole number"),
        (
            changed("\"format\":\"yaml\"", "\"format\":\"toml\""),
            "/workflow/format: a definition is written in json or yaml",
        ),
        (changed("\"executionName\"", "\"name\""), "/identity: the member 'executionName' is missing"),
        (changed("\"id\":2", "\"id\":9"), "/events/1/id: event 9 stands where event 2 should"),
        (changed("\"id\":2", "\"id\":-2"), "/events/1/id: this number is out of range"),
        (changed("\"previous\":2", "\"previous\":3"), "/events/2/previous: an event follows from an earlier one"),
        (
            changed("\"type\":\"StateEntered\"", "\"type\":\"Left\""),
            "/events/1/type: there are no events of the type 'Left'",
        ),
        (changed("\"kind\":\"Wait\"", "\"kind\":\"Rest\""), "/events/1/kind: there are no states of the kind 'Rest'"),
        (changed("T16:10:37.475318Z\",\"status", "T26:10:37Z\",\"status"), "/started: a time such as"),
        (
            changed("\"at\":\"2026-11-22T16:10:37", "\"at\":\"2025-11-22T16:10:37"),
            "/events/0/at: time does not go back",
        ),
        (
            changed("\"type\":\"ExecutionStarted\"", "\"type\":\"ParallelStateStarted\""),
            "/events: the first event is not",
        ),
        (changed("Seconds: 5", "Seconds: x"), "the definition cannot be run"),
    ];
    for (text, problem) in cases {
        let run = read_recording(text.as_bytes()).and_then(|recording| replay(&recording, None));
        let told = run.map(|report| report.text()).unwrap_err().to_string();
        assert!(told.contains(problem), "{problem}: {told}");
    }
    let events = "{},".repeat(100_001);
    let many = file.replacen("\"events\":[", &format!("\"events\":[{events}"), 1);
    let told = read_recording(many.as_bytes()).unwrap_err().to_string();
    assert_eq!(told, "/events: there are more than 100000 events");
}

/// Whatever stands in an event, a file gives a report or an error, and in time.
#[test]
fn files_that_make_no_sense_end() {
    let recording = recorded(&data().join("same"));
    for at in 0..recording.events.len() {
        let mut without = recording.clone();
        without.events.remove(at);
        for (event, id) in without.events.iter_mut().zip(1..) {
            (event.id, event.previous) = (id, event.previous.min(id - 1));
        }
        let mut swapped = recording.clone();
        let other = (at * 7 + 3) % swapped.events.len();
        let (one, two) = (swapped.events[at].what.clone(), swapped.events[other].what.clone());
        (swapped.events[at].what, swapped.events[other].what) = (two, one);
        for hostile in [without, swapped] {
            match replay(&hostile, None) {
                Ok(report) => assert!(report.text().len() < 1 << 20),
                Err(error) => assert!(matches!(error, ReplayError::Unreadable(_)), "{error}"),
            }
        }
    }
}
