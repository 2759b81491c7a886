//! Tests of the engine as its users see it, with programs made by hand.

mod allocations;
mod attended;
mod batch;
mod bounds;
mod history;
mod idle;
mod inspected;
pub(crate) mod programs;
mod simulation;
mod unattended;

use crate::clock::Clock;
use crate::{Call, Engine, Failure, Finished, Identity, Limits, Outcome, Program, Reply, Start, TaskHost};
use fleetstep_document::Document;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

/// A host that is a closure.
struct Played<F>(F);

impl<F: Fn(Call) -> Reply + Send + Sync + 'static> TaskHost for Played<F> {
    fn call(&self, call: Call) -> Reply {
        (self.0)(call)
    }
}

/// An execution of a program whose tasks the closure answers; its input is `7`.
fn start(program: Program, host: impl Fn(Call) -> Reply + Send + Sync + 'static) -> Start {
    Start {
        program: Arc::new(program),
        host: Arc::new(Played(host)),
        identity: Arc::new(Identity::default()),
        input: seven(),
        seed: 1,
        history: None,
    }
}

fn seven() -> Document {
    Document::from(7_i64)
}

/// What an execution succeeds with that hands its input on.
fn succeeded() -> Outcome {
    Outcome::Succeeded(seven())
}

/// What so many branches succeed with that hand their inputs on.
fn succeeded_each(branches: usize) -> Outcome {
    Outcome::Succeeded(Document::from(vec![seven(); branches]))
}

/// Answers with its input.
fn echo(call: Call) -> Reply {
    Reply::Ready(Ok(call.input))
}

/// Answers with its input after a second.
fn slow_echo(call: Call) -> Reply {
    Reply::Later(Box::pin(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(call.input)
    }))
}

/// Never answers.
fn silent(_: Call) -> Reply {
    Reply::Later(Box::pin(std::future::pending()))
}

/// Never answers, and holds a token until its call is dropped.
fn holding(token: &Arc<()>) -> Reply {
    let token = Arc::clone(token);
    Reply::Later(Box::pin(async move {
        let _token = token;
        std::future::pending().await
    }))
}

/// An engine with two workers on a clock that tokio moves.
fn engine(executions_running_max: usize) -> Engine {
    Engine::with_clock(Limits { executions_running_max, workers: 2 }, Clock::paused())
}

/// Starts an execution that nobody attends, and gives a way to wait for its end.
fn launch(engine: &Engine, start: Start) -> (crate::Handle, tokio::sync::oneshot::Receiver<Finished>) {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let handle = engine.start(start, Box::new(move |finished| sender.send(finished).expect("waited for")));
    (handle.expect("there is room"), receiver)
}

/// Polls a future once.
async fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(std::pin::Pin::new(&mut *future).poll(cx))).await
}

/// How long the execution took.
fn duration(finished: &Finished) -> Duration {
    finished.stopped.since(finished.started)
}

fn timeout() -> Failure {
    Failure::named("States.Timeout")
}
