//! Tasks that others answer: whoever was handed a token, and the workers of activities.
//!
//! What waits is kept under its token until it is answered, is given up, or has been silent for too long. A token is
//! taken once. One that nothing waits under any more is told from one that never was by what it says of itself
//! ([`fleetstep_catalog::is_task_token`]).

mod activities;

pub(crate) use activities::Activities;

use crate::fault::{Fault, Kind};
use fleetstep_catalog::is_task_token;
use fleetstep_document::{Document, Text};
use fleetstep_engine::{Call, Callback, Failure, ReplyFuture, clock};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Tasks of one account that wait to be answered. More of them fail at once.
pub(crate) const TASKS_WAITING_MAX: usize = 100_000;

type Answer = Result<Document, Failure>;

/// What waits to be answered, by token. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Tasks(Arc<Mutex<HashMap<Text, Arc<Slot>>>>);

/// One wait.
struct Slot {
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    answer: Option<Answer>,
    /// When its limits began to count: nothing, while it waits for a worker.
    begun: Option<Instant>,
    /// The last sign of life.
    beaten: Option<Instant>,
}

impl Tasks {
    /// Waits for the answer to a call, from now on; its limits count from now on too, unless it waits for a worker.
    pub(crate) fn wait(&self, call: &Call, for_worker: bool) -> Result<ReplyFuture, Failure> {
        let Some(callback) = call.callback.as_deref() else {
            return Err(Failure::new("States.Runtime", "Nobody could answer: the task has no token"));
        };
        let now = Some(clock::instant()).filter(|_| !for_worker);
        let state = State { answer: None, begun: now, beaten: now };
        let slot = Arc::new(Slot { state: Mutex::new(state), changed: Notify::new() });
        let mut waiting = self.lock();
        if waiting.len() >= TASKS_WAITING_MAX {
            let cause = format!("{TASKS_WAITING_MAX} tasks of this account wait to be answered, which is the most");
            return Err(Failure::new("States.TaskFailed", cause));
        }
        waiting.insert(callback.token.clone(), Arc::clone(&slot));
        drop(waiting);
        let place = Place { tasks: self.clone(), token: callback.token.clone() };
        let Callback { timeout, heartbeat, .. } = *callback;
        let limits = Limits { timeout: timeout.filter(|_| for_worker), heartbeat };
        Ok(Box::pin(async move {
            let _place = place;
            slot.answered(limits).await
        }))
    }

    /// `SendTaskSuccess`, `SendTaskFailure`
    pub(crate) fn answer(&self, token: &str, account: &str, answer: Answer) -> Result<(), Fault> {
        let slot = self.lock().remove(token).ok_or_else(|| unknown(token, account))?;
        slot.lock().answer = Some(answer);
        slot.changed.notify_one();
        Ok(())
    }

    /// `SendTaskHeartbeat`
    pub(crate) fn beat(&self, token: &str, account: &str) -> Result<(), Fault> {
        let slot = self.slot(token).ok_or_else(|| unknown(token, account))?;
        slot.lock().beaten = Some(clock::instant());
        Ok(())
    }

    /// A worker has it: from now on its limits count. Whether it waits at all.
    fn begin(&self, token: &str) -> bool {
        let Some(slot) = self.slot(token) else { return false };
        let now = Some(clock::instant());
        let mut state = slot.lock();
        (state.begun, state.beaten) = (now, now);
        drop(state);
        slot.changed.notify_one();
        true
    }

    fn is_waiting(&self, token: &str) -> bool {
        self.lock().contains_key(token)
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.lock().len()
    }

    fn slot(&self, token: &str) -> Option<Arc<Slot>> {
        self.lock().get(token).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Text, Arc<Slot>>> {
        // No code that holds the lock can leave it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nothing waits under a token: any more, or it never did.
fn unknown(token: &str, account: &str) -> Fault {
    if is_task_token(token, account) {
        Fault::new(Kind::TaskTimedOut, "Task Timed Out: 'Provided task does not exist anymore'")
    } else {
        Fault::new(Kind::InvalidToken, "Invalid Token: 'Invalid token'")
    }
}

/// Gives a token up when nobody waits under it any more.
struct Place {
    tasks: Tasks,
    token: Text,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.tasks.lock().remove(&self.token);
    }
}

#[derive(Clone, Copy)]
struct Limits {
    timeout: Option<Duration>,
    heartbeat: Option<Duration>,
}

impl Slot {
    async fn answered(&self, limits: Limits) -> Answer {
        loop {
            let due = {
                let mut state = self.lock();
                if let Some(answer) = state.answer.take() {
                    return answer;
                }
                state.due(limits)
            };
            let Some((at, failure)) = due else {
                self.changed.notified().await;
                continue;
            };
            let now = clock::instant();
            if now >= at {
                return Err(failure);
            }
            // A sign of life wakes nobody: when the time is up, it is looked at again.
            let _ = tokio::time::timeout(at - now, self.changed.notified()).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What happens next if nothing does.
    fn due(&self, limits: Limits) -> Option<(Instant, Failure)> {
        let timeout = limits.timeout.zip(self.begun).map(|(limit, begun)| (begun + limit, Callback::timed_out()));
        let heartbeat =
            limits.heartbeat.zip(self.beaten).map(|(limit, beaten)| (beaten + limit, Callback::heartbeat_missed()));
        [timeout, heartbeat].into_iter().flatten().min_by_key(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleetstep_engine::{Identity, TaskId, Timestamp};

    pub(super) fn call(token: &str, timeout: Option<u64>, heartbeat: Option<u64>) -> Call {
        let [timeout, heartbeat] = [timeout, heartbeat].map(|millis| millis.map(Duration::from_millis));
        Call {
            task: TaskId(0),
            input: Document::from("input"),
            state: Text::from("S"),
            retry_count: 0,
            deadline: Timestamp::MAX,
            identity: Arc::new(Identity::default()),
            callback: Some(Box::new(Callback { token: Text::from(token), timeout, heartbeat })),
            trace: None,
        }
    }

    #[tokio::test]
    async fn an_answer_is_taken_once() {
        let tasks = Tasks::default();
        let answer = tasks.wait(&call("t", None, None), false).unwrap();
        assert_eq!(tasks.waiting(), 1);
        tasks.answer("t", "1", Ok(Document::from(7_u32))).unwrap();
        assert_eq!(tasks.answer("t", "1", Ok(Document::NULL)).unwrap_err().name(), "InvalidToken");
        assert_eq!(answer.await.unwrap(), Document::from(7_u32));
        assert_eq!(tasks.waiting(), 0);
    }

    #[tokio::test]
    async fn what_is_given_up_leaves_nothing() {
        let tasks = Tasks::default();
        drop(tasks.wait(&call("t", None, None), false).unwrap());
        assert_eq!(tasks.waiting(), 0);
        assert!(tasks.answer("t", "1", Ok(Document::NULL)).is_err());
    }

    #[tokio::test]
    async fn silence_is_a_missed_heartbeat_and_a_sign_of_life_puts_it_off() {
        let tasks = Tasks::default();
        let begun = clock::instant();
        let silent = tasks.wait(&call("a", None, Some(60)), false).unwrap();
        let failure = silent.await.unwrap_err();
        assert_eq!(failure, Callback::heartbeat_missed());
        assert!(begun.elapsed() >= Duration::from_millis(60));

        let begun = clock::instant();
        let alive = tokio::spawn(tasks.wait(&call("b", None, Some(400)), false).unwrap());
        for _ in 0..4 {
            tokio::time::sleep(Duration::from_millis(150)).await;
            tasks.beat("b", "1").unwrap();
        }
        assert_eq!(alive.await.unwrap().unwrap_err(), Callback::heartbeat_missed());
        assert!(begun.elapsed() >= Duration::from_millis(900), "{:?}", begun.elapsed());
        assert!(tasks.beat("b", "1").is_err());
    }

    #[tokio::test]
    async fn a_workers_limits_count_from_when_it_has_the_task() {
        let tasks = Tasks::default();
        let answer = tokio::spawn(tasks.wait(&call("t", Some(50), Some(5_000)), true).unwrap());
        tokio::time::sleep(Duration::from_millis(150)).await;
        assert!(!answer.is_finished());
        assert!(tasks.begin("t"));
        assert_eq!(answer.await.unwrap().unwrap_err(), Callback::timed_out());
        assert!(!tasks.begin("t"));
    }
}
