//! Programs written in Rust.

use crate::{
    Assignment, Branch, BranchId, Catcher, ErrorPattern, Kind, Map, Next, Parallel, Placement, Program, Retrier, Rule,
    Settle, State, StateId, Task, TaskId, Until, VariableId, Waits,
};
use fleetstep_document::{Document, Text};
use fleetstep_expr::{Condition, Expr, Operator, ReferencePath, VariableNames};
use std::time::Duration;

/// A state before its list is known: names of other states are still names. What is written wrongly panics.
pub struct Draft {
    name: &'static str,
    act: Act,
    input: Option<Expr>,
    output: Option<Expr>,
    selector: Option<Expr>,
    placement: Placement,
    retry: Vec<Retrier>,
    catch: Vec<(Vec<ErrorPattern>, Placement, &'static str)>,
    next: Option<&'static str>,
    assign: Assign,
    catch_assign: Assign,
    /// A JSONata `Output`.
    gives: Option<&'static str>,
}

/// Variables, each with its value as JSON, in which JSONata may stand.
type Assign = &'static [(&'static str, &'static str)];

enum Act {
    Pass { arguments: Option<Expr>, result: Option<Expr> },
    Task { task: u32, waits: Waits, arguments: Option<Expr>, timeout: Option<Expr>, heartbeat: Option<Expr> },
    Choice { rules: Vec<(Expr, &'static str)>, default: Option<&'static str> },
    Wait(Until),
    Parallel { branches: Vec<Vec<Draft>>, arguments: Option<Expr> },
    Map { processor: Vec<Draft>, items: Expr, item_selector: Option<Expr>, max_concurrency: Option<Expr> },
    Succeed,
    Fail { error: Option<Expr>, cause: Option<Expr> },
}

/// A machine of these states; the first is where it starts.
#[must_use]
pub fn machine(states: Vec<Draft>) -> Program {
    let mut table = Table::default();
    let root = table.list(states);
    Program {
        task_count: table.task_count,
        states: table.states.into_iter().map(|state| state.expect("every slot is filled")).collect(),
        branches: table.branches.into(),
        root,
        timeout: None,
        variables: table.variables.names().into(),
    }
}

/// A retrier with the service's defaults.
#[must_use]
pub fn retrier(errors: &[&str]) -> Retrier {
    Retrier {
        errors: patterns(errors).into(),
        interval: Duration::from_secs(1),
        max_attempts: 3,
        backoff_rate: 2.0,
        max_delay: None,
        full_jitter: false,
    }
}

fn patterns(errors: &[&str]) -> Vec<ErrorPattern> {
    let pattern = |error: &&str| match *error {
        "States.ALL" => ErrorPattern::All,
        "States.TaskFailed" => ErrorPattern::TaskFailed,
        name => ErrorPattern::Name(Text::from(name)),
    };
    errors.iter().map(pattern).collect()
}

fn literal(json: &str) -> Expr {
    Expr::literal(Document::parse(json.as_bytes()).expect("a literal is JSON"))
}

fn template(json: &str) -> Expr {
    Expr::template(&Document::parse(json.as_bytes()).expect("a template is JSON"), &mut VariableNames::default())
        .expect("a template compiles")
}

fn path(text: &str, field: &str) -> Expr {
    Expr::path(text, field, &mut VariableNames::default()).expect("a path compiles")
}

impl Draft {
    fn new(name: &'static str, act: Act) -> Self {
        Self {
            name,
            act,
            input: None,
            output: None,
            selector: None,
            placement: Placement::Replace,
            retry: Vec::new(),
            catch: Vec::new(),
            next: None,
            assign: &[],
            catch_assign: &[],
            gives: None,
        }
    }

    /// A Pass that hands its input on.
    #[must_use]
    pub fn pass(name: &'static str) -> Self {
        Self::new(name, Act::Pass { arguments: None, result: None })
    }

    /// A Task that calls the task of that index.
    #[must_use]
    pub fn task(name: &'static str, task: u32) -> Self {
        Self::new(name, Act::Task { task, waits: Waits::Answer, arguments: None, timeout: None, heartbeat: None })
    }

    /// A Choice of rules that each compare: path, operator, operand (JSON), next.
    #[must_use]
    pub fn choice(
        name: &'static str,
        rules: &[(&str, &str, &str, &'static str)],
        default: Option<&'static str>,
    ) -> Self {
        let rule = |&(variable, operator, operand, next): &(&str, &str, &str, &'static str)| {
            let operator = Operator::named(operator).expect("the operator exists");
            let operand = Document::parse(operand.as_bytes()).expect("an operand is JSON");
            let condition = Condition::compare(operator, variable, &operand, &mut VariableNames::default())
                .expect("a comparison compiles");
            (Expr::condition(condition), next)
        };
        Self::new(name, Act::Choice { rules: rules.iter().map(rule).collect(), default })
    }

    /// A Wait of so many seconds.
    #[must_use]
    pub fn wait(name: &'static str, seconds: u32) -> Self {
        Self::new(name, Act::Wait(Until::Seconds(Expr::literal(Document::from(seconds)))))
    }

    /// A Wait until the timestamp at a path.
    #[must_use]
    pub fn wait_until(name: &'static str, timestamp_path: &str) -> Self {
        Self::new(name, Act::Wait(Until::Timestamp(path(timestamp_path, "TimestampPath"))))
    }

    /// A Parallel.
    #[must_use]
    pub fn parallel(name: &'static str, branches: Vec<Vec<Draft>>) -> Self {
        Self::new(name, Act::Parallel { branches, arguments: None })
    }

    /// A Map over the items at a path.
    #[must_use]
    pub fn map(name: &'static str, items_path: &str, processor: Vec<Draft>) -> Self {
        let items = path(items_path, "ItemsPath");
        Self::new(name, Act::Map { processor, items, item_selector: None, max_concurrency: None })
    }

    /// A Succeed.
    #[must_use]
    pub fn succeed(name: &'static str) -> Self {
        Self::new(name, Act::Succeed)
    }

    /// A Fail.
    #[must_use]
    pub fn fail(name: &'static str, error: &str, cause: &str) -> Self {
        let text = |text: &str| Some(Expr::literal(Document::from(text)));
        Self::new(name, Act::Fail { error: text(error), cause: text(cause) })
    }

    /// A Fail that says nothing.
    #[must_use]
    pub fn fail_silently(name: &'static str) -> Self {
        Self::new(name, Act::Fail { error: None, cause: None })
    }

    /// `Next`
    #[must_use]
    pub fn next(mut self, name: &'static str) -> Self {
        self.next = Some(name);
        self
    }

    /// `Assign`: names, and values as JSON, in which JSONata may stand.
    #[must_use]
    pub fn assign(mut self, assign: &'static [(&'static str, &'static str)]) -> Self {
        self.assign = assign;
        self
    }

    /// `Assign` of every entry of `Catch`.
    #[must_use]
    pub fn catch_assign(mut self, assign: &'static [(&'static str, &'static str)]) -> Self {
        self.catch_assign = assign;
        self
    }

    /// A JSONata `Output`, as JSON.
    #[must_use]
    pub fn gives(mut self, output: &'static str) -> Self {
        self.gives = Some(output);
        self
    }

    /// `InputPath`
    #[must_use]
    pub fn input_path(mut self, text: &str) -> Self {
        self.input = Some(path(text, "InputPath"));
        self
    }

    /// `OutputPath`
    #[must_use]
    pub fn output_path(mut self, text: &str) -> Self {
        self.output = Some(path(text, "OutputPath"));
        self
    }

    /// `ResultPath`; `null` is `None`.
    #[must_use]
    pub fn result_path(mut self, text: Option<&str>) -> Self {
        self.placement = placement(text);
        self
    }

    /// `ResultSelector`
    #[must_use]
    pub fn result_selector(mut self, json: &str) -> Self {
        self.selector = Some(template(json));
        self
    }

    /// A Pass's `Result`.
    #[must_use]
    pub fn result(mut self, json: &str) -> Self {
        match &mut self.act {
            Act::Pass { result, .. } => *result = Some(literal(json)),
            _ => panic!("only a Pass has a Result"),
        }
        self
    }

    /// `Parameters`; of a Map, `ItemSelector`.
    #[must_use]
    pub fn parameters(mut self, json: &str) -> Self {
        match &mut self.act {
            Act::Pass { arguments, .. } | Act::Task { arguments, .. } | Act::Parallel { arguments, .. } => {
                *arguments = Some(template(json));
            }
            Act::Map { item_selector, .. } => *item_selector = Some(template(json)),
            _ => panic!("the kind has no Parameters"),
        }
        self
    }

    /// A Task's `TimeoutSeconds`.
    #[must_use]
    pub fn timeout(mut self, seconds: u32) -> Self {
        match &mut self.act {
            Act::Task { timeout, .. } => *timeout = Some(Expr::literal(Document::from(seconds))),
            _ => panic!("only a Task has TimeoutSeconds"),
        }
        self
    }

    /// A Task's `HeartbeatSeconds`.
    #[must_use]
    pub fn heartbeat(mut self, seconds: u32) -> Self {
        match &mut self.act {
            Act::Task { heartbeat, .. } => *heartbeat = Some(Expr::literal(Document::from(seconds))),
            _ => panic!("only a Task has HeartbeatSeconds"),
        }
        self
    }

    /// For whose answer a Task waits.
    #[must_use]
    pub fn waits(mut self, whose: Waits) -> Self {
        match &mut self.act {
            Act::Task { waits, .. } => *waits = whose,
            _ => panic!("only a Task waits for an answer"),
        }
        self
    }

    /// A Map's `MaxConcurrency`.
    #[must_use]
    pub fn max_concurrency(mut self, most: i64) -> Self {
        match &mut self.act {
            Act::Map { max_concurrency, .. } => *max_concurrency = Some(Expr::literal(Document::from(most))),
            _ => panic!("only a Map has MaxConcurrency"),
        }
        self
    }

    /// One more entry of `Retry`.
    #[must_use]
    pub fn retry(mut self, retrier: Retrier) -> Self {
        self.retry.push(retrier);
        self
    }

    /// One more entry of `Catch`, which replaces the input.
    #[must_use]
    pub fn catch(mut self, errors: &[&str], next: &'static str) -> Self {
        self.catch.push((patterns(errors), Placement::Replace, next));
        self
    }

    /// One more entry of `Catch`, with its `ResultPath`.
    #[must_use]
    pub fn catch_at(mut self, errors: &[&str], result_path: Option<&str>, next: &'static str) -> Self {
        self.catch.push((patterns(errors), placement(result_path), next));
        self
    }
}

fn placement(text: Option<&str>) -> Placement {
    match text {
        None => Placement::Discard,
        Some("$") => Placement::Replace,
        Some(text) => Placement::At(ReferencePath::parse(text, "ResultPath").expect("a reference path")),
    }
}

#[derive(Default)]
struct Table {
    states: Vec<Option<State>>,
    branches: Vec<Branch>,
    task_count: u32,
    variables: VariableNames,
}

impl Table {
    fn list(&mut self, drafts: Vec<Draft>) -> BranchId {
        let first = self.states.len() as u32;
        let names: Vec<_> = drafts.iter().map(|draft| draft.name).collect();
        let id_of = |name: &str| {
            let at = names.iter().position(|other| *other == name);
            StateId(first + at.unwrap_or_else(|| panic!("no state is named {name}")) as u32)
        };
        let branch = BranchId(self.branches.len() as u32);
        self.branches.push(Branch { start: StateId(first) });
        self.states.resize_with(self.states.len() + names.len(), || None);
        for (at, draft) in drafts.into_iter().enumerate() {
            let state = self.state(draft, &id_of);
            self.states[first as usize + at] = Some(state);
        }
        branch
    }

    fn assign(&mut self, assign: Assign) -> Box<[Assignment]> {
        let one = |&(name, json): &(&str, &str)| Assignment {
            variable: VariableId(self.variables.slot(name)),
            value: self.jsonata(json, "Assign"),
        };
        assign.iter().map(one).collect()
    }

    fn jsonata(&mut self, json: &str, field: &str) -> Expr {
        let value = Document::parse(json.as_bytes()).expect("a value is JSON");
        Expr::jsonata(&value, field, &mut self.variables).expect("an expression compiles")
    }

    fn state(&mut self, draft: Draft, id_of: &dyn Fn(&str) -> StateId) -> State {
        let assign = self.assign(draft.assign);
        let gives = draft.gives.map(|json| self.jsonata(json, "Output"));
        let is_settled =
            matches!(draft.act, Act::Pass { .. } | Act::Task { .. } | Act::Parallel { .. } | Act::Map { .. });
        let (selector, output) = if is_settled { (gives, None) } else { (None, gives) };
        let settle = Settle { selector: selector.or(draft.selector), placement: draft.placement };
        let retry = draft.retry.into_boxed_slice();
        let catcher = |(errors, placement, next): (Vec<ErrorPattern>, Placement, &str)| Catcher {
            errors: errors.into(),
            output: None,
            placement,
            assign: self.assign(draft.catch_assign),
            next: id_of(next),
        };
        let catch = draft.catch.into_iter().map(catcher).collect();
        let kind = match draft.act {
            Act::Pass { arguments, result } => Kind::Pass { arguments, result, settle },
            Act::Task { task, waits, arguments, timeout, heartbeat } => {
                self.task_count = self.task_count.max(task + 1);
                Kind::Task(Task { task: TaskId(task), waits, arguments, timeout, heartbeat, settle, retry, catch })
            }
            Act::Choice { rules, default } => {
                let rule = |(condition, next): (Expr, &str)| Rule {
                    condition,
                    next: id_of(next),
                    assign: Box::default(),
                    output: None,
                };
                Kind::Choice { rules: rules.into_iter().map(rule).collect(), default: default.map(id_of) }
            }
            Act::Wait(until) => Kind::Wait(until),
            Act::Parallel { branches, arguments } => {
                let branches = branches.into_iter().map(|branch| self.list(branch)).collect();
                Kind::Parallel(Parallel { arguments, branches, settle, retry, catch })
            }
            Act::Map { processor, items, item_selector, max_concurrency } => Kind::Map(Map {
                items,
                item_selector,
                processor: self.list(processor),
                max_concurrency,
                tolerated_failure_count: None,
                tolerated_failure_percentage: None,
                settle,
                retry,
                catch,
            }),
            Act::Succeed => Kind::Succeed,
            Act::Fail { error, cause } => Kind::Fail { error, cause },
        };
        State {
            name: Text::from(draft.name),
            input: draft.input,
            kind,
            assign,
            output: output.or(draft.output),
            next: draft.next.map_or(Next::End, |name| Next::State(id_of(name))),
        }
    }
}
