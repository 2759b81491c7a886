//! A call of a function that no workflow makes.

use arcstr::literal;
use fleetstep_document::Document;
use fleetstep_engine::{Call, Failure, Identity, Reply, TaskId, clock};
use std::sync::Arc;
use std::time::Duration;

/// How long it may take: as long as a workflow.
pub(crate) const INVOKE_TIMEOUT: Duration = Duration::from_secs(300);

/// The call, which begins now.
pub(crate) fn call(identity: Identity, input: Document) -> Call {
    Call {
        task: TaskId(0),
        input,
        state: literal!("invoke"),
        retry_count: 0,
        deadline: clock::now().after(INVOKE_TIMEOUT),
        identity: Arc::new(identity),
        trace: None,
        callback: None,
    }
}

/// Its answer, waited for within its time.
pub(crate) async fn answer(reply: Reply) -> Result<Document, Failure> {
    match reply {
        Reply::Ready(answer) => answer,
        Reply::Later(answer) => {
            let answer = tokio::time::timeout(INVOKE_TIMEOUT, answer).await;
            answer.unwrap_or_else(|_| Err(Failure::named("States.Timeout")))
        }
    }
}
