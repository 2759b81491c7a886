//! Failures put into the cases, to see what never recovers, what takes too long, and what can never match.

use crate::coverage::parts;
use crate::play::{Played, play};
use crate::suite::limit;
use crate::{Case, EXPLORED_EVENTS_MAX, EXPLORED_RUNS_MAX, MockedCalls};
use fleetstep_document::{Document, Text};
use fleetstep_engine::simulator::Response;
use fleetstep_machine::{
    BranchId, Decider, EXECUTION_DURATION_MAX, ErrorPattern, Failure, Kind, Outcome, Program, State, StateId, StateKind,
};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// What exploring a workflow found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exploration {
    /// Executions that were played.
    pub runs: usize,
    /// What was found, the worst first.
    pub findings: Vec<Finding>,
    /// States that were reached and that no case has an answer for: what follows them was not judged.
    pub unmocked: Vec<String>,
    /// Whether [`EXPLORED_RUNS_MAX`] or [`EXPLORED_EVENTS_MAX`] ended it before all was played.
    pub is_cut_off: bool,
}

/// Something that deserves a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// The state.
    pub state: String,
    /// The errors that the state failed with; of a retrier or catcher, its place.
    pub errors: Vec<String>,
    /// What happens then.
    pub consequence: String,
    /// The first case that it was seen in, with what was put into it; empty for what the definition says alone.
    pub example: String,
}

/// The kinds of findings, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingKind {
    /// One failure of the state ends the execution: no Retry and no Catch takes it.
    NeverRecovers,
    /// The failure was taken by a Retry or a Catch, and what follows fails without being told to.
    RecoveryFails,
    /// The execution runs into its limit of time.
    TooLong,
    /// A Retry takes the failure, and if it lasts, no Catch does.
    OnlyRetried,
    /// A retrier or a catcher that never matches, since those before it take all that it names.
    NeverMatches,
}

impl FindingKind {
    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NeverRecovers => "never recovers",
            Self::RecoveryFails => "recovery fails",
            Self::TooLong => "too long",
            Self::OnlyRetried => "only retried",
            Self::NeverMatches => "never matches",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, state, errors, consequence, example } = self;
        write!(f, "{}: \"{state}\", {}: {consequence}", kind.name(), errors.join(", "))?;
        if example.is_empty() { Ok(()) } else { write!(f, " ({example})") }
    }
}

/// The error that no definition names.
const UNKNOWN_ERROR: &str = "Fleetstep.Unknown";

/// One failure of one task.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Fault {
    state: Text,
    what: What,
    /// Whether every call fails, not only the first.
    lasts: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum What {
    Error(Text),
    /// The answer comes after every limit.
    Late,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(name) => f.write_str(name),
            Self::Late => f.write_str("a late answer"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {} of \"{}\"", self.what, if self.lasts { "every call" } else { "the first call" }, self.state)
    }
}

impl Fault {
    fn response(&self, usual: Response) -> Response {
        match &self.what {
            What::Late => Response { after: EXECUTION_DURATION_MAX + Duration::from_secs(1), ..usual },
            What::Error(name) if name == "States.Timeout" => Response::at_once(Err(Failure::named(name.clone()))),
            What::Error(name) => {
                // A function's failure has such an object for its cause, which workflows take apart.
                let cause = format!("{{\"errorMessage\":\"explored\",\"errorType\":{}}}", Document::from(name.clone()));
                Response::at_once(Err(Failure::new(name.clone(), cause)))
            }
        }
    }
}

/// Plays the cases with failures: each alone, once and lasting; then two that last.
pub(crate) fn explore<'a>(program: &'a Arc<Program>, cases: &'a [&'a Case]) -> Exploration {
    let mut explorer = Explorer {
        program,
        cases,
        whats: whats(program),
        around: around(program),
        usual: cases.iter().map(|case| (case.name.as_str(), Rc::new(usual_answers(program, case, cases)))).collect(),
        found: BTreeMap::new(),
        unmocked: BTreeSet::new(),
        runs: 0,
        events: 0,
    };
    let mut survived = Vec::new();
    for case in cases {
        explorer.alone(case, &mut survived);
    }
    explorer.in_pairs(&survived);
    explorer.finish()
}

struct Explorer<'a> {
    program: &'a Arc<Program>,
    cases: &'a [&'a Case],
    whats: Vec<What>,
    /// Of each nested state: the states that it is nested in.
    around: HashMap<StateId, Vec<StateId>>,
    /// By the names of cases.
    usual: HashMap<&'a str, Rc<UsualAnswers>>,
    /// Errors and an example, by what makes two findings one.
    found: BTreeMap<(FindingKind, String, String), (BTreeSet<What>, String)>,
    unmocked: BTreeSet<String>,
    runs: usize,
    events: usize,
}

/// A case with a lasting failure that did not end it badly, and the tasks that it reached then.
struct Survived<'a> {
    case: &'a Case,
    fault: Fault,
    reached: Vec<Text>,
}

/// What came of an execution with failures.
enum Verdict {
    Fine,
    /// It cannot be said, since a task had no answer.
    Unjudged,
    Bad {
        kind: FindingKind,
        fault: Fault,
        consequence: String,
    },
}

impl<'a> Explorer<'a> {
    fn is_spent(&self) -> bool {
        self.runs >= EXPLORED_RUNS_MAX || self.events >= EXPLORED_EVENTS_MAX
    }

    fn alone(&mut self, case: &'a Case, survived: &mut Vec<Survived<'a>>) {
        let (_, base) = self.play(case, &[]);
        for state in reached(&base) {
            for what in self.whats.clone() {
                let mut fault = Fault { state: state.clone(), what, lasts: false };
                let (once, _) = self.play(case, std::slice::from_ref(&fault));
                let mut ends_at_once = false;
                if let Verdict::Bad { kind, fault, consequence } = once {
                    ends_at_once = kind == FindingKind::NeverRecovers;
                    self.note(kind, &fault, consequence, case, std::slice::from_ref(&fault));
                }
                if ends_at_once {
                    continue;
                }
                fault.lasts = true;
                let (lasting, played) = self.play(case, std::slice::from_ref(&fault));
                match lasting {
                    Verdict::Fine => survived.push(Survived { case, reached: reached(&played), fault }),
                    Verdict::Bad { kind, consequence, .. } => {
                        let kind = if kind == FindingKind::NeverRecovers { FindingKind::OnlyRetried } else { kind };
                        self.note(kind, &fault, consequence, case, std::slice::from_ref(&fault));
                    }
                    Verdict::Unjudged => {}
                }
            }
        }
    }

    fn in_pairs(&mut self, survived: &[Survived<'a>]) {
        let mut played = HashSet::new();
        for Survived { case, fault, reached } in survived {
            for state in reached.iter().filter(|state| **state != fault.state) {
                for what in self.whats.clone() {
                    let mut pair = [fault.clone(), Fault { state: state.clone(), what, lasts: true }];
                    pair.sort();
                    // What fails so alone does so in company.
                    let is_known = pair.iter().any(|fault| self.is_found(fault));
                    if is_known || !played.insert((case.name.as_str(), pair.clone())) {
                        continue;
                    }
                    if let (Verdict::Bad { kind, fault, consequence }, _) = self.play(case, &pair) {
                        let kind = if kind == FindingKind::NeverRecovers && self.is_retried(&fault) {
                            FindingKind::OnlyRetried
                        } else {
                            kind
                        };
                        self.note(kind, &fault, consequence, case, &pair);
                    }
                }
            }
        }
    }

    fn is_found(&self, fault: &Fault) -> bool {
        let mut found = self.found.iter();
        found.any(|((_, state, _), (whats, _))| *state == fault.state.as_str() && whats.contains(&fault.what))
    }

    /// The state of a failure, and those that it is nested in: whose retriers and catchers may take it.
    fn takers(&self, fault: &Fault) -> Vec<StateId> {
        let own = (0..).map(StateId).zip(&self.program.states).find(|(_, state)| state.name == fault.state);
        let own = own.map(|(id, _)| id);
        let around = own.and_then(|id| self.around.get(&id)).cloned().unwrap_or_default();
        own.into_iter().chain(around).collect()
    }

    /// Whether a retrier takes one such failure.
    fn is_retried(&self, fault: &Fault) -> bool {
        let What::Error(error) = &fault.what else { return false };
        self.takers(fault).into_iter().any(|taker| {
            let (retry, _) = handlers(&self.program.states[taker.index()]);
            let takes = |patterns: &[ErrorPattern]| patterns.iter().any(|pattern| matches(pattern, error));
            retry.into_iter().find(|(patterns, _)| takes(patterns)).is_some_and(|(_, attempts)| attempts > 0)
        })
    }

    fn note(&mut self, kind: FindingKind, fault: &Fault, consequence: String, case: &Case, faults: &[Fault]) {
        let key = (kind, fault.state.to_string(), consequence);
        let (whats, _) = self.found.entry(key).or_insert_with(|| {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            (BTreeSet::new(), format!("case {}: {}", case.name, faults.join(", ")))
        });
        whats.insert(fault.what.clone());
    }

    fn play(&mut self, case: &Case, faults: &[Fault]) -> (Verdict, Played) {
        if self.is_spent() {
            // Nothing more is played, and nothing can be said.
            let outcome = Ok(Outcome::Succeeded(Document::NULL));
            let (history, ways, calls) = (Vec::new(), Vec::new(), Vec::new());
            return (Verdict::Unjudged, Played { outcome, history, ways, duration: Duration::ZERO, calls });
        }
        let answers = Answers { usual: Rc::clone(&self.usual[case.name.as_str()]), faults: faults.to_vec() };
        let is_invented = Rc::new(Cell::new(false));
        let invented = Rc::clone(&is_invented);
        let played = play(self.program, &case.input, move |state, call| {
            let (response, was_mocked) = answers.answer(state, call);
            invented.set(invented.get() || !was_mocked);
            response
        });
        self.runs += 1;
        self.events += played.events();
        let verdict = match is_invented.get() {
            true => {
                let is_mocked = |state: &Text| self.cases.iter().any(|case| case.mocks.of(state).is_some());
                let unmocked = played.calls.iter().map(|(state, _)| state).filter(|state| !is_mocked(state));
                self.unmocked.extend(unmocked.map(Text::to_string));
                Verdict::Unjudged
            }
            false => self.judge(&played, faults),
        };
        (verdict, played)
    }

    fn judge(&self, played: &Played, faults: &[Fault]) -> Verdict {
        let last_called = |is_it: &dyn Fn(&Fault) -> bool| {
            let mut called = played
                .calls
                .iter()
                .rev()
                .filter_map(|(state, _)| faults.iter().find(|fault| fault.state == *state && is_it(fault)));
            called.next().cloned()
        };
        let Some(fault) = last_called(&|_| true) else { return Verdict::Fine };
        let outcome = match &played.outcome {
            Ok(Outcome::Succeeded(_) | Outcome::Aborted(_)) => return Verdict::Fine,
            Ok(outcome) => outcome,
            Err(problem) => {
                return Verdict::Bad { kind: FindingKind::TooLong, fault, consequence: problem.clone() };
            }
        };
        let failure = match outcome {
            Outcome::Failed(failure) => failure,
            _ => {
                let late = last_called(&|fault| fault.what == What::Late).unwrap_or(fault);
                let consequence = format!("the execution runs into {}", limit(self.program));
                return Verdict::Bad { kind: FindingKind::TooLong, fault: late, consequence };
            }
        };
        let Some((last, kind)) = played.path().next_back() else { return Verdict::Fine };
        if kind == StateKind::Fail {
            // It is meant to end so.
            return Verdict::Fine;
        }
        let error = failure.error.clone().unwrap_or_default();
        let is_it = |fault: &Fault| match &fault.what {
            What::Error(name) => *name == error,
            What::Late => error == "States.Timeout",
        };
        let is_caught = |fault: &Fault| {
            let takers = self.takers(fault);
            played.ways.iter().any(|way| matches!(way.by, Decider::Catcher(_)) && takers.contains(&way.state))
        };
        match last_called(&|fault| is_it(fault) && !is_caught(fault)) {
            Some(fault) => {
                let consequence = String::from("the execution fails, no Catch takes it");
                Verdict::Bad { kind: FindingKind::NeverRecovers, fault, consequence }
            }
            None => {
                let consequence = format!("then the execution fails with {error} at \"{last}\"");
                Verdict::Bad { kind: FindingKind::RecoveryFails, fault, consequence }
            }
        }
    }

    fn finish(self) -> Exploration {
        let is_cut_off = self.is_spent();
        let findings = self.found.iter().map(|((kind, state, consequence), (whats, example))| {
            let (kind, state, consequence, example) = (*kind, state.clone(), consequence.clone(), example.clone());
            let errors = self.whats.iter().filter(|what| matches!(what, What::Error(_)));
            let errors = match errors.clone().all(|error| whats.contains(error)) {
                true => whats.iter().filter(|what| **what == What::Late).map(ToString::to_string).collect(),
                false => whats.iter().map(ToString::to_string).collect::<Vec<_>>(),
            };
            let is_any = errors.len() < whats.len();
            let errors = is_any.then(|| String::from("any error")).into_iter().chain(errors).collect();
            Finding { kind, state, errors, consequence, example }
        });
        let mut findings: Vec<Finding> = findings.collect();
        findings.extend(self.program.states.iter().flat_map(never_matching));
        let unmocked = self.unmocked.into_iter().collect();
        Exploration { runs: self.runs, findings, unmocked, is_cut_off }
    }
}

/// Of each nested state: the states that it is nested in.
fn around(program: &Program) -> HashMap<StateId, Vec<StateId>> {
    let mut around: HashMap<StateId, Vec<StateId>> = HashMap::new();
    for (id, state) in (0..).map(StateId).zip(&program.states) {
        let branches: &[BranchId] = match &state.kind {
            Kind::Parallel(parallel) => &parallel.branches,
            Kind::Map(map) => std::slice::from_ref(&map.processor),
            _ => continue,
        };
        let mut seen = HashSet::new();
        let mut left: Vec<StateId> = branches.iter().map(|branch| program.branches[branch.index()].start).collect();
        while let Some(nested) = left.pop() {
            if seen.insert(nested) {
                let inner = &program.states[nested.index()];
                around.entry(nested).or_default().push(id);
                left.extend(parts(inner).into_iter().filter_map(|(_, target)| target));
                match &inner.kind {
                    Kind::Parallel(parallel) => {
                        left.extend(parallel.branches.iter().map(|branch| program.branches[branch.index()].start));
                    }
                    Kind::Map(map) => left.push(program.branches[map.processor.index()].start),
                    _ => {}
                }
            }
        }
    }
    around
}

/// By state: the answers of a case, and the one to be given where it has none.
type UsualAnswers = BTreeMap<String, (Option<MockedCalls>, Option<Response>)>;

/// The answers of a case, and for the calls that it does not have those of the others: a good one, if there is any.
fn usual_answers(program: &Program, case: &Case, cases: &[&Case]) -> UsualAnswers {
    let states = program.states.iter().filter(|state| matches!(state.kind, Kind::Task(_)));
    let answers = states.map(|state| {
        let own = case.mocks.of(&state.name);
        let others = cases.iter().filter_map(|case| case.mocks.of(&state.name)?.usual());
        let all: Vec<&Response> = own.and_then(MockedCalls::usual).into_iter().chain(others).collect();
        let usual = all.iter().find(|response| response.answer.is_ok()).or(all.first());
        (state.name.to_string(), (own.cloned(), usual.map(|usual| Response::clone(usual))))
    });
    answers.collect()
}

/// What tasks answer while a case is explored.
struct Answers {
    usual: Rc<UsualAnswers>,
    faults: Vec<Fault>,
}

impl Answers {
    /// The answer, and whether it is a mock's or a failure's that was put in.
    fn answer(&self, state: &Text, call: u32) -> (Response, bool) {
        let usual = self.usual.get(state.as_str()).and_then(|(own, usual)| {
            let own = own.as_ref().and_then(|calls| calls.answer(call));
            own.or(usual.as_ref()).cloned()
        });
        let is_mocked = usual.is_some();
        let usual = usual.unwrap_or_else(|| Response::at_once(Ok(Document::empty_object())));
        match self.faults.iter().find(|fault| fault.state == *state && (fault.lasts || call == 0)) {
            Some(fault) => (fault.response(usual), true),
            None => (usual, is_mocked),
        }
    }
}

fn reached(played: &Played) -> Vec<Text> {
    let mut seen = HashSet::new();
    played.calls.iter().map(|(state, _)| state.clone()).filter(|state| seen.insert(state.clone())).collect()
}

/// The failures that are put in: what every task can have, and what the definition names.
fn whats(program: &Program) -> Vec<What> {
    let patterns = program.states.iter().flat_map(|state| {
        let (retry, catch) = handlers(state);
        retry.into_iter().map(|(patterns, _)| patterns).chain(catch).flatten()
    });
    let named = patterns.filter_map(|pattern| match pattern {
        // Nothing catches this one, so it is not a task's to have.
        ErrorPattern::Name(name) if name != "States.Runtime" => Some(name.clone()),
        _ => None,
    });
    let common = ["States.TaskFailed", "States.Timeout", UNKNOWN_ERROR].map(Text::from);
    let names: BTreeSet<Text> = named.chain(common).collect();
    names.into_iter().map(What::Error).chain([What::Late]).collect()
}

type Handlers<'a> = (Vec<(&'a [ErrorPattern], u32)>, Vec<&'a [ErrorPattern]>);

/// What its retriers, with their attempts, and its catchers match.
fn handlers(state: &State) -> Handlers<'_> {
    let (retry, catch) = match &state.kind {
        Kind::Task(task) => (&task.retry, &task.catch),
        Kind::Parallel(parallel) => (&parallel.retry, &parallel.catch),
        Kind::Map(map) => (&map.retry, &map.catch),
        _ => return (Vec::new(), Vec::new()),
    };
    let retry = retry.iter().map(|retrier| (&*retrier.errors, retrier.max_attempts)).collect();
    (retry, catch.iter().map(|catcher| &*catcher.errors).collect())
}

/// As the machine matches the error of a task.
fn matches(pattern: &ErrorPattern, error: &str) -> bool {
    match pattern {
        ErrorPattern::All => true,
        ErrorPattern::TaskFailed => error != "States.Timeout",
        ErrorPattern::Name(name) => name == error,
    }
}

/// Whether all that one pattern matches is matched by another.
fn covers(one: &ErrorPattern, other: &ErrorPattern) -> bool {
    match (one, other) {
        (ErrorPattern::All, _) => true,
        // A missed heartbeat is a timeout too, which this one does not take.
        (ErrorPattern::TaskFailed, ErrorPattern::Name(name)) => name != "States.HeartbeatTimeout" && matches(one, name),
        (one, other) => one == other,
    }
}

fn never_matching(state: &State) -> Vec<Finding> {
    let (retry, catch) = handlers(state);
    let retry: Vec<_> = retry.into_iter().map(|(patterns, _)| patterns).collect();
    let mut findings = Vec::new();
    for (field, entries) in [("Retry", retry), ("Catch", catch)] {
        for (at, patterns) in entries.iter().enumerate() {
            let is_taken = |pattern| entries[..at].iter().copied().flatten().any(|before| covers(before, pattern));
            let is_of_runtime =
                |pattern: &ErrorPattern| matches!(pattern, ErrorPattern::Name(name) if name == "States.Runtime");
            if patterns.iter().all(|pattern| is_taken(pattern) || is_of_runtime(pattern)) {
                let consequence = match patterns.iter().all(is_of_runtime) {
                    true => "no Retry and no Catch takes States.Runtime",
                    false => "those before it take all that it names",
                };
                findings.push(Finding {
                    kind: FindingKind::NeverMatches,
                    state: state.name.to_string(),
                    errors: vec![format!("{field}/{at}")],
                    consequence: consequence.into(),
                    example: String::new(),
                });
            }
        }
    }
    findings
}
