//! State machines: compiled, and what compiles is run.

use crate::generate;
use fastrand::Rng;
use fleetstep_asl::{Compilation, Compiled, Diagnostic, Format, Options, Severity, WorkflowType};
use fleetstep_asl::{code_frame, compile, compile_state, compile_tested, definition_json, json_complaint};
use fleetstep_document::Document;
use fleetstep_engine::simulator::{Faults, Response, Simulator};
use fleetstep_engine::{Call, Failure, Program};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

/// Executions that are started of a machine that compiles.
const EXECUTIONS: usize = 2;

/// Steps of the simulator for them: a machine may go round in a loop for five minutes.
const STEPS_MAX: u64 = 3_000_000;

/// A text is compiled or refused, with a place in it for all that is wrong, in the same way each time and in each
/// form; what was compiled is run in a world in which everything goes wrong.
pub(crate) fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    let seed = hasher.finish();
    for format in [Format::Json, Format::Yaml] {
        for target in [Some(WorkflowType::Express), None, Some(WorkflowType::Standard)] {
            let options = Options { format, target, ..Options::default() };
            let compilation = compile(text, &options);
            placed(text, &compilation);
            let again = compile(text, &options);
            assert_eq!(again.diagnostics, compilation.diagnostics, "the same again");
            as_json(text, &options, &compilation);
            if let (Some(WorkflowType::Express), Some(Compiled { program, resources })) = (target, compilation.compiled)
            {
                assert_eq!(resources.len(), program.task_count as usize, "a resource for each task");
                run(seed, Arc::new(program));
            }
        }
    }
    alone(text);
}

/// Each diagnostic has a place within the text and can be shown.
fn placed(text: &str, compilation: &Compilation) {
    for diagnostic in &compilation.diagnostics {
        assert!(!diagnostic.message.is_empty() && !code_frame("file", text, diagnostic).is_empty(), "{diagnostic:?}");
        let Some(span) = diagnostic.span else { continue };
        assert!(span.offset + span.length <= text.len() && span.line >= 1 && span.column >= 1, "{diagnostic:?}");
        assert!(text.is_char_boundary(span.offset), "{diagnostic:?}");
    }
    let is_refused = compilation.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    assert!(!is_refused || compilation.compiled.is_none(), "compiled in spite of an error");
    assert!(!compilation.diagnostics.is_empty() || compilation.compiled.is_some(), "refused without a word");
}

/// What can be read is the same machine when it is written as JSON.
fn as_json(text: &str, options: &Options, compilation: &Compilation) {
    let Some(json) = definition_json(text, options.format) else { return };
    assert_eq!(json_complaint(&json), None, "{json}");
    let again = compile(&json, &Options { format: Format::Json, ..*options });
    // A key that stands there twice stands there once when it is written again.
    let said = |diagnostics: &[Diagnostic]| {
        let said = diagnostics.iter().map(|diagnostic| format!("{:?} {}", diagnostic.code, diagnostic.location));
        said.collect::<std::collections::BTreeSet<_>>()
    };
    let (before, after) = (said(&compilation.diagnostics), said(&again.diagnostics));
    assert!(after.is_subset(&before), "as JSON there is something else to say: {after:?}, not {before:?}\n{json}");
}

fn alone(text: &str) {
    for mocked in [false, true] {
        let options = Options { mocked, target: Some(WorkflowType::Standard), ..Options::default() };
        placed(text, &compile_state(text, &options));
    }
    // A definition's first state, and a text that is a state.
    let start = Document::parse(text.as_bytes()).ok().and_then(|machine| machine.get("StartAt")?.as_text().cloned());
    for name in [None, start.as_deref()] {
        if let Ok((program, tested)) = compile_tested(text, name) {
            assert!(program.root.index() < program.branches.len(), "{tested:?}");
        }
    }
}

fn run(seed: u64, program: Arc<Program>) {
    let mut chance = Rng::with_seed(seed);
    let mut simulator = Simulator::new(seed).steps_max(STEPS_MAX).host(host(chance.fork()));
    simulator = simulator.faults(if chance.bool() { Faults::ALL } else { Faults::NONE });
    for _ in 0..EXECUTIONS {
        let input = Document::parse(generate::INPUT.as_bytes()).expect("this program's own JSON");
        simulator = simulator.start(Duration::from_millis(chance.u64(0..30_000)), Arc::clone(&program), input);
    }
    if let Err(broken) = simulator.run() {
        panic!("{broken}");
    }
}

/// Tasks that answer with their input, or fail, within some time.
pub(crate) fn host(mut chance: Rng) -> impl FnMut(&Call) -> Response {
    move |call| {
        let answer = match chance.u32(0..4) {
            0 => Err(Failure::new("Busy", "try again")),
            _ => Ok(call.input.clone()),
        };
        Response::after(Duration::from_millis(chance.u64(0..3_000)), answer)
    }
}
