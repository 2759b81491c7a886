//! The compiled state machine: flat tables, typed indices, no names to look up.

use fleetstep_document::Text;
use fleetstep_expr::{Expr, ReferencePath};
use std::time::Duration;

macro_rules! index {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            /// The position in its table.
            #[must_use]
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

index!(
    /// A state of a program, at whatever depth.
    StateId
);
index!(
    /// A list of states with a start: the machine itself, a branch of a Parallel, a Map's processor.
    BranchId
);
index!(
    /// A task that the program calls; what it is, only the driver knows.
    TaskId
);
index!(
    /// A slot for a workflow variable.
    VariableId
);

/// A compiled state machine.
#[derive(Debug)]
pub struct Program {
    /// Every state, those of branches and processors too.
    pub states: Box<[State]>,
    /// Where each list of states starts.
    pub branches: Box<[Branch]>,
    /// The list that an execution starts with.
    pub root: BranchId,
    /// How many tasks there are: a [`TaskId`] is below it.
    pub task_count: u32,
    /// The machine's `TimeoutSeconds`.
    pub timeout: Option<Duration>,
    /// Names of the variables by slot.
    pub variables: Box<[Text]>,
}

/// A list of states.
#[derive(Clone, Copy, Debug)]
pub struct Branch {
    /// `StartAt`
    pub start: StateId,
}

/// One state. Its four beats: take input, act, take output, move on.
#[derive(Debug)]
pub struct State {
    /// The state's name.
    pub name: Text,
    /// `InputPath`: what the other fields see as `$`. `None` is the input itself.
    pub input: Option<Expr>,
    /// What it does.
    pub kind: Kind,
    /// `Assign`: what becomes of variables when the state succeeds; of a Choice, when it goes to its default.
    pub assign: Box<[Assignment]>,
    /// `OutputPath`: evaluated over the output. `None` is the output itself.
    pub output: Option<Expr>,
    /// Where it goes.
    pub next: Next,
}

/// Where an execution goes after a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// To another state of the same list.
    State(StateId),
    /// Nowhere: the list ends.
    End,
}

/// The value of an expression, put into a variable.
#[derive(Debug)]
pub struct Assignment {
    /// Which variable.
    pub variable: VariableId,
    /// Its new value.
    pub value: Expr,
}

/// The eight kinds of state.
#[derive(Debug)]
pub enum Kind {
    /// Hands its input, its `Parameters` or its `Result` on.
    Pass {
        /// `Parameters`
        arguments: Option<Expr>,
        /// `Result`
        result: Option<Expr>,
        /// What becomes of it.
        settle: Settle,
    },
    /// Calls a task.
    Task(Task),
    /// Goes where the first true rule says.
    Choice {
        /// In the order of the definition.
        rules: Box<[Rule]>,
        /// `Default`
        default: Option<StateId>,
    },
    /// Waits.
    Wait(Until),
    /// Runs branches side by side.
    Parallel(Parallel),
    /// Runs one branch for each item.
    Map(Map),
    /// Ends its list with success.
    Succeed,
    /// Ends with failure.
    Fail {
        /// `Error` or `ErrorPath`
        error: Option<Expr>,
        /// `Cause` or `CausePath`
        cause: Option<Expr>,
    },
}

/// How the result of an act becomes the state's output.
#[derive(Debug)]
pub struct Settle {
    /// `ResultSelector` (over the result), or a JSONata `Output`.
    pub selector: Option<Expr>,
    /// `ResultPath`
    pub placement: Placement,
}

/// Where a result goes in the state's input.
#[derive(Clone, Debug)]
pub enum Placement {
    /// It replaces the input (`"$"`).
    Replace,
    /// It is dropped and the input goes on (`null`).
    Discard,
    /// It is put at a path within the input.
    At(ReferencePath),
}

/// A call of a task.
#[derive(Debug)]
pub struct Task {
    /// Which task.
    pub task: TaskId,
    /// For whose answer it waits.
    pub waits: Waits,
    /// `Parameters` or `Arguments`; `None` hands the input on.
    pub arguments: Option<Expr>,
    /// `TimeoutSeconds` or `TimeoutSecondsPath`
    pub timeout: Option<Expr>,
    /// `HeartbeatSeconds` or `HeartbeatSecondsPath`
    pub heartbeat: Option<Expr>,
    /// What becomes of the answer.
    pub settle: Settle,
    /// `Retry`
    pub retry: Box<[Retrier]>,
    /// `Catch`
    pub catch: Box<[Catcher]>,
}

/// Whose answer a task waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Waits {
    /// That of what is called.
    #[default]
    Answer,
    /// That of whoever was handed the task's token (`.waitForTaskToken`).
    Callback,
    /// That of a worker who comes for the task (an activity).
    Worker,
}

/// One rule of a Choice.
#[derive(Debug)]
pub struct Rule {
    /// When it holds.
    pub condition: Expr,
    /// Where it leads.
    pub next: StateId,
    /// `Assign` of the rule.
    pub assign: Box<[Assignment]>,
    /// What the state gives on where this rule holds: the rule's `Output`, or the state's `OutputPath`. `None` is its
    /// input.
    pub output: Option<Expr>,
}

/// How long a Wait lasts.
#[derive(Debug)]
pub enum Until {
    /// `Seconds` or `SecondsPath`
    Seconds(Expr),
    /// `Timestamp` or `TimestampPath`
    Timestamp(Expr),
}

/// Branches side by side; the result is the array of their outputs.
#[derive(Debug)]
pub struct Parallel {
    /// `Parameters` or `Arguments`: the input of every branch.
    pub arguments: Option<Expr>,
    /// The branches in order.
    pub branches: Box<[BranchId]>,
    /// What becomes of the array.
    pub settle: Settle,
    /// `Retry`
    pub retry: Box<[Retrier]>,
    /// `Catch`
    pub catch: Box<[Catcher]>,
}

/// One branch for each item of an array; the result is the array of their outputs.
#[derive(Debug)]
pub struct Map {
    /// `ItemsPath` (`$` unless said) or `Items` (the input unless said). Always there, since its expression words what
    /// is no array.
    pub items: Expr,
    /// `ItemSelector`, or a Map's `Parameters`: the input of each iteration.
    pub item_selector: Option<Expr>,
    /// The processor (or the old Iterator).
    pub processor: BranchId,
    /// `MaxConcurrency` or `MaxConcurrencyPath`; 0 and `None` are no limit of the definition's.
    pub max_concurrency: Option<Expr>,
    /// `ToleratedFailureCount` or its `…Path` form. An inline Map checks the value and tolerates nothing, as on
    /// the service: only a distributed one does.
    pub tolerated_failure_count: Option<Expr>,
    /// `ToleratedFailurePercentage` or its `…Path` form; as for the count.
    pub tolerated_failure_percentage: Option<Expr>,
    /// What becomes of the array.
    pub settle: Settle,
    /// `Retry`
    pub retry: Box<[Retrier]>,
    /// `Catch`
    pub catch: Box<[Catcher]>,
}

/// One entry of `Retry`.
#[derive(Debug)]
pub struct Retrier {
    /// `ErrorEquals`
    pub errors: Box<[ErrorPattern]>,
    /// `IntervalSeconds`, 1 unless said.
    pub interval: Duration,
    /// `MaxAttempts`, 3 unless said; 0 is never.
    pub max_attempts: u32,
    /// `BackoffRate`, 2.0 unless said.
    pub backoff_rate: f64,
    /// `MaxDelaySeconds`
    pub max_delay: Option<Duration>,
    /// Whether `JitterStrategy` is `FULL`.
    pub full_jitter: bool,
}

/// One entry of `Catch`.
#[derive(Debug)]
pub struct Catcher {
    /// `ErrorEquals`
    pub errors: Box<[ErrorPattern]>,
    /// A JSONata `Output`; `None` is the error output itself.
    pub output: Option<Expr>,
    /// `ResultPath`
    pub placement: Placement,
    /// `Assign`
    pub assign: Box<[Assignment]>,
    /// `Next`
    pub next: StateId,
}

/// One name of an `ErrorEquals`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorPattern {
    /// `States.ALL`
    All,
    /// `States.TaskFailed`: every failure of a task but `States.Timeout`.
    TaskFailed,
    /// That very name.
    Name(Text),
}
