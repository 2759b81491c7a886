//! Programs without a definition.

use fleetstep_document::{Document, Text};
use fleetstep_expr::Expr;
use fleetstep_machine::{
    Branch, BranchId, Catcher, ErrorPattern, Kind, Map, Next, Parallel, Placement, Program, Retrier, Settle, State,
    StateId, Task, TaskId, Until, Waits,
};
use std::time::Duration;

/// One list of states, each followed by the next.
pub(crate) fn list(kinds: Vec<Kind>) -> Program {
    program(vec![kinds])
}

/// Several lists; the first is the machine's own.
pub(crate) fn program(lists: Vec<Vec<Kind>>) -> Program {
    let mut states = Vec::new();
    let mut branches = Vec::new();
    for kinds in lists {
        branches.push(Branch { start: StateId(states.len() as u32) });
        let end = states.len() + kinds.len();
        for kind in kinds {
            let next = states.len() + 1;
            states.push(State {
                name: Text::from(format!("S{}", states.len())),
                input: None,
                kind,
                assign: Box::default(),
                output: None,
                next: if next == end { Next::End } else { Next::State(StateId(next as u32)) },
            });
        }
    }
    Program {
        states: states.into(),
        branches: branches.into(),
        root: BranchId(0),
        task_count: 8,
        timeout: None,
        variables: Box::default(),
    }
}

pub(crate) fn pass() -> Kind {
    Kind::Pass { arguments: None, result: None, settle: settle() }
}

pub(crate) fn task(id: u32) -> Task {
    Task {
        task: TaskId(id),
        waits: Waits::Answer,
        arguments: None,
        timeout: None,
        heartbeat: None,
        settle: settle(),
        retry: Box::default(),
        catch: Box::default(),
    }
}

pub(crate) fn call(id: u32) -> Kind {
    Kind::Task(task(id))
}

/// Waits for a number of seconds.
pub(crate) fn wait(seconds: i64) -> Kind {
    Kind::Wait(Until::Seconds(Expr::literal(Document::from(seconds))))
}

/// Goes to a state, without an end of its own.
pub(crate) fn go_to(state: u32) -> Kind {
    Kind::Choice { rules: Box::default(), default: Some(StateId(state)) }
}

pub(crate) fn parallel(branches: &[u32], catch: Option<u32>) -> Kind {
    Kind::Parallel(Parallel {
        arguments: None,
        branches: branches.iter().map(|&id| BranchId(id)).collect(),
        settle: settle(),
        retry: Box::default(),
        catch: catch.map(catcher).into_iter().collect(),
    })
}

/// Runs a list for each of so many items, two at a time.
pub(crate) fn map(items: i64, processor: u32, catch: Option<u32>) -> Kind {
    Kind::Map(Map {
        items: Expr::literal(Document::from((0..items).map(Document::from).collect::<Vec<_>>())),
        item_selector: None,
        processor: BranchId(processor),
        max_concurrency: Some(Expr::literal(Document::from(2_i64))),
        tolerated_failure_count: None,
        tolerated_failure_percentage: None,
        settle: settle(),
        retry: Box::default(),
        catch: catch.map(catcher).into_iter().collect(),
    })
}

/// Tries again after a second, then after two, and so on.
pub(crate) fn retrier(max_attempts: u32) -> Retrier {
    Retrier {
        errors: Box::new([ErrorPattern::All]),
        interval: Duration::from_secs(1),
        max_attempts,
        backoff_rate: 2.0,
        max_delay: None,
        full_jitter: false,
    }
}

/// Catches everything and keeps the input.
pub(crate) fn catcher(next: u32) -> Catcher {
    Catcher {
        errors: Box::new([ErrorPattern::All]),
        output: None,
        placement: Placement::Discard,
        assign: Box::default(),
        next: StateId(next),
    }
}

pub(crate) fn fail() -> Kind {
    Kind::Fail { error: None, cause: None }
}

fn settle() -> Settle {
    Settle { selector: None, placement: Placement::Replace }
}
