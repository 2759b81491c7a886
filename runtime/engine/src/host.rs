//! What the engine asks of those who run tasks.

use crate::trace::CallTrace;
use fleetstep_document::{Document, Text};
use fleetstep_machine::{Callback, Failure, Identity, TaskId, Timestamp};
use std::pin::Pin;
use std::sync::Arc;

/// Runs the tasks of one program. The engine hands it what the program knows: an index.
pub trait TaskHost: Send + Sync + 'static {
    /// Starts a call. Called on a serving thread: it must not block; what takes long is a [`Reply::Later`].
    /// The engine drops the future when nobody waits for the answer any more. A panic, here or in the future,
    /// is answered for the host with `States.Runtime`.
    fn call(&self, call: Call) -> Reply;
}

/// One call of a task.
#[derive(Clone, Debug)]
pub struct Call {
    /// Which task of the program.
    pub task: TaskId,
    /// What it gets.
    pub input: Document,
    /// Name of the calling state.
    pub state: Text,
    /// How often this state was retried: 0 at the first call.
    pub retry_count: u32,
    /// When nobody waits for the answer any more.
    pub deadline: Timestamp,
    /// Whose call it is.
    pub identity: Arc<Identity>,
    /// The trace that it belongs to, if its execution is a part of one.
    pub trace: Option<CallTrace>,
    /// Where another than the called answers, with what keeps time for it; mostly none.
    pub callback: Option<Box<Callback>>,
}

/// A future answer.
pub type ReplyFuture = Pin<Box<dyn Future<Output = Result<Document, Failure>> + Send>>;

/// The answer to a call, or the promise of one.
pub enum Reply {
    /// Answered at once.
    Ready(Result<Document, Failure>),
    /// Answered when the future is.
    Later(ReplyFuture),
}
