//! Definitions with their cases, and how they are run.

use crate::compare::shown;
use crate::coverage::Tally;
use crate::explore::explore;
use crate::play::{Played, play};
use crate::{Case, CaseReport, Ending, Report, WorkflowReport, differences};
use fleetstep_asl::{Compiled, Diagnostic, Format, Options, Severity, WorkflowType, compile};
use fleetstep_document::Document;
use fleetstep_engine::simulator::Response;
use fleetstep_machine::{EXECUTION_DURATION_MAX, Failure, Outcome, Program};
use std::path::PathBuf;
use std::sync::Arc;

/// What is tested.
#[derive(Clone, Debug)]
pub struct Suite {
    /// The workflows, by name.
    pub workflows: Vec<Workflow>,
}

/// A definition with its cases.
#[derive(Clone, Debug)]
pub struct Workflow {
    /// Its name: that of its file, without the ending.
    pub name: String,
    /// Its file.
    pub file: PathBuf,
    /// The definition.
    pub source: String,
    /// How the definition is written.
    pub format: Format,
    /// Its cases, by name.
    pub cases: Vec<Case>,
}

/// What is run.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The one case to be run, in every workflow that has it.
    pub case: Option<String>,
    /// Whether failures are put into the cases that are run.
    pub explore: bool,
}

impl Suite {
    /// Plays the cases. Nothing is read, and no time passes but that of this machine's work.
    #[must_use]
    pub fn run(&self, settings: &Settings) -> Report {
        Report { workflows: self.workflows.iter().map(|workflow| workflow.run(settings)).collect() }
    }
}

impl Workflow {
    /// Plays the cases of this workflow.
    #[must_use]
    pub fn run(&self, settings: &Settings) -> WorkflowReport {
        let mut report = WorkflowReport { name: self.name.clone(), ..WorkflowReport::default() };
        let program = match self.compile() {
            Ok(compiled) => Arc::new(compiled.program),
            Err(problem) => return WorkflowReport { problem: Some(problem), ..report },
        };
        let is_run = |case: &&Case| settings.case.as_ref().is_none_or(|name| *name == case.name);
        let cases: Vec<&Case> = self.cases.iter().filter(is_run).collect();
        let mut tally = Tally::new(&program);
        for case in &cases {
            let mocks = case.mocks.clone();
            let played = play(&program, &case.input, move |state, call| {
                let mocked = mocks.of(state).and_then(|calls| calls.answer(call));
                mocked.cloned().unwrap_or_else(|| Response::at_once(Err(Failure::named("Fleetstep.NoMock"))))
            });
            tally.add(&played);
            report.cases.push(CaseReport {
                name: case.name.clone(),
                problems: problems(case, &played, &program),
                duration: played.duration,
            });
        }
        report.coverage = Some(tally.coverage());
        report.exploration = settings.explore.then(|| explore(&program, &cases));
        report
    }

    /// What calls leave the machine is answered by mocks, so a workflow may use more than this runtime can serve.
    fn compile(&self) -> Result<Compiled, String> {
        let target = Some(WorkflowType::Express);
        let options = Options { format: self.format, target, mocked: true, ..Options::default() };
        let compilation = compile(&self.source, &options);
        compilation.compiled.ok_or_else(|| definition_problems(&compilation.diagnostics))
    }
}

/// Why a definition cannot be run: its errors, a line each.
pub(crate) fn definition_problems(diagnostics: &[Diagnostic]) -> String {
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error);
    let errors: Vec<String> = errors.map(|error| format!("{} {}", error.location, error.message)).collect();
    if errors.is_empty() { String::from("the definition cannot be run") } else { errors.join("\n") }
}

/// What is not as the case expects.
fn problems(case: &Case, played: &Played, program: &Program) -> Vec<String> {
    let is_mocked = |state: &str, call| case.mocks.of(state).is_some_and(|calls| calls.answer(call).is_some());
    if let Some((state, call)) = played.calls.iter().find(|(state, call)| !is_mocked(state, *call)) {
        // How it ended says nothing then.
        return vec![unmocked(case, state, *call)];
    }
    let mut problems = Vec::new();
    for state in case.mocks.states().filter(|state| program.states.iter().all(|known| known.name != *state)) {
        problems.push(format!("the mocks name a state \"{state}\" that the definition does not have"));
    }
    match &played.outcome {
        Ok(outcome) => problems.extend(ending_problems(&case.expected.ending, outcome, program)),
        Err(problem) => problems.push(problem.clone()),
    }
    if let Some(expected) = &case.expected.path {
        let path: Vec<&str> = played.path().map(|(name, _)| name.as_str()).collect();
        if *expected != path {
            let at = expected.iter().zip(&path).take_while(|(one, other)| one == *other).count();
            let name = |name: Option<&str>| name.map_or_else(|| String::from("the end"), |name| format!("\"{name}\""));
            let (one, other) = (name(expected.get(at).map(String::as_str)), name(path.get(at).copied()));
            problems.push(format!("path/{at}: expected {one}, found {other}"));
        }
    }
    problems
}

fn unmocked(case: &Case, state: &str, call: u32) -> String {
    let name = Document::from(state);
    let example = match case.mocks.of(state) {
        None => format!("{{{name}: {{\"Return\": {{}}}}}} answers all its calls"),
        Some(_) => format!("{{{name}: {{…, \"{call}\": {{\"Return\": {{}}}}}}}} answers this one"),
    };
    format!("{name} calls its task (call {call}), and no mock answers: in the case's mocks.json, {example}")
}

fn ending_problems(expected: &Ending, outcome: &Outcome, program: &Program) -> Vec<String> {
    let differs = |name: &str, expected: &Option<_>, found: &Option<_>| {
        (expected.is_some() && expected != found).then(|| {
            let shown = |text: &Option<_>| {
                text.clone().map_or_else(|| String::from("none"), |text| shown(&Document::from(text)))
            };
            format!("{name}: expected {}, found {}", shown(expected), shown(found))
        })
    };
    match (expected, outcome) {
        (Ending::Succeeded(None), Outcome::Succeeded(_)) | (Ending::TimedOut, Outcome::TimedOut(_)) => Vec::new(),
        (Ending::Succeeded(Some(expected)), Outcome::Succeeded(found)) => {
            differences(expected, found).iter().map(ToString::to_string).collect()
        }
        (Ending::Failed { error, cause }, Outcome::Failed(failure)) => {
            let differing = [differs("error", error, &failure.error), differs("cause", cause, &failure.cause)];
            differing.into_iter().flatten().collect()
        }
        (expected, outcome) => {
            let expected = match expected {
                Ending::Succeeded(_) => "SUCCEEDED",
                Ending::Failed { .. } => "FAILED",
                Ending::TimedOut => "TIMED_OUT",
            };
            vec![format!("expected {expected}, but it {}", told(outcome, program))]
        }
    }
}

/// How an execution ended, in words.
fn told(outcome: &Outcome, program: &Program) -> String {
    let failed = |how: &str, failure: &Failure| {
        let error = failure.error.as_deref().unwrap_or("no error");
        let cause = failure.cause.as_ref().map(|cause| format!(": {}", shown(&Document::from(cause.clone()))));
        format!("{how} with {error}{}", cause.unwrap_or_default())
    };
    match outcome {
        Outcome::Succeeded(output) => format!("succeeded with {}", shown(output)),
        Outcome::Failed(failure) => failed("failed", failure),
        Outcome::Aborted(failure) => failed("was aborted", failure),
        Outcome::TimedOut(_) => format!("ran into {}", limit(program)),
    }
}

/// The time that an execution has, in words.
pub(crate) fn limit(program: &Program) -> String {
    match program.timeout.filter(|timeout| *timeout < EXECUTION_DURATION_MAX) {
        Some(timeout) => format!("its TimeoutSeconds of {}", timeout.as_secs()),
        None => String::from("the five-minute cap"),
    }
}
