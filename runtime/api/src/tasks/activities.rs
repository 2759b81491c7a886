//! Activities at work: tasks that wait for a worker, and workers that wait for a task.

use super::Tasks;
use crate::fault::{Fault, Kind};
use fleetstep_document::{Document, Text};
use fleetstep_engine::{Call, Failure, ReplyFuture};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// Workers that wait for a task of one activity: the service's own limit.
pub(crate) const POLLERS_MAX: usize = 1_000;

/// A task, as a worker gets it.
#[derive(Clone, Debug)]
pub(crate) struct Assigned {
    pub(crate) token: Text,
    pub(crate) input: Document,
}

/// Who waits for whom, by the activity's ARN. Tasks are bounded by what waits at all
/// ([`TASKS_WAITING_MAX`](super::TASKS_WAITING_MAX)). Cheap to clone.
#[derive(Clone)]
pub(crate) struct Activities {
    tasks: Tasks,
    queues: Arc<Mutex<HashMap<Text, Queue>>>,
}

#[derive(Default)]
struct Queue {
    /// The oldest first. Some may have been given up.
    offered: VecDeque<Assigned>,
    /// The one who came first is the first. Some may have gone.
    workers: VecDeque<oneshot::Sender<Assigned>>,
    /// How many offers were given up or taken since those that are gone were dropped.
    gone: usize,
}

impl Activities {
    pub(crate) fn new(tasks: Tasks) -> Self {
        Self { tasks, queues: Arc::default() }
    }

    /// Offers a call to the workers of an activity.
    pub(crate) fn offer(&self, activity: &str, call: &Call) -> Result<ReplyFuture, Failure> {
        let answer = self.tasks.wait(call, true)?;
        let token = call.callback.as_ref().map(|callback| callback.token.clone()).unwrap_or_default();
        self.assign(activity, Assigned { token, input: call.input.clone() }, false);
        let place = Offer { activities: self.clone(), activity: Text::from(activity) };
        Ok(Box::pin(async move {
            let answer = answer;
            let _place = place;
            answer.await
        }))
    }

    /// Hands a task to the worker that waits longest, or keeps it.
    fn assign(&self, activity: &str, mut assigned: Assigned, came_back: bool) {
        let mut queues = self.lock();
        let queue = queues.entry(Text::from(activity)).or_default();
        while let Some(worker) = queue.workers.pop_front() {
            match worker.send(assigned) {
                Ok(()) => return,
                Err(unsent) => assigned = unsent,
            }
        }
        if came_back {
            queue.offered.push_front(assigned);
        } else {
            queue.offered.push_back(assigned);
        }
    }

    /// A worker comes for a task: one that is there, or one that will be.
    pub(crate) fn come(&self, activity: &str) -> Result<Worker, Fault> {
        let (worker, assigned) = oneshot::channel();
        let mut queues = self.lock();
        let queue = queues.entry(Text::from(activity)).or_default();
        while let Some(offered) = queue.offered.pop_front() {
            if self.tasks.is_waiting(&offered.token) {
                let _ = worker.send(offered);
                return Ok(Worker {
                    activities: self.clone(),
                    activity: Text::from(activity),
                    assigned: Some(assigned),
                });
            }
        }
        queue.workers.retain(|worker| !worker.is_closed());
        if queue.workers.len() >= POLLERS_MAX {
            let message = "Activity Worker Limit Exceeded: too many workers wait for tasks of this activity";
            return Err(Fault::new(Kind::ActivityWorkerLimitExceeded, message));
        }
        queue.workers.push_back(worker);
        Ok(Worker { activities: self.clone(), activity: Text::from(activity), assigned: Some(assigned) })
    }

    /// Nobody waits for an offer any more, be it still there or with a worker.
    fn withdraw(&self, activity: &str) {
        let mut queues = self.lock();
        let Some(queue) = queues.get_mut(activity) else { return };
        queue.gone += 1;
        // Seldom enough that looking through all of them costs each little.
        if queue.gone > queue.offered.len() / 2 {
            queue.gone = 0;
            queue.offered.retain(|offered| self.tasks.is_waiting(&offered.token));
        }
        Self::tidy(&mut queues, activity);
    }

    /// Nothing is kept for an activity where nobody waits.
    fn tidy(queues: &mut HashMap<Text, Queue>, activity: &str) {
        if queues.get(activity).is_some_and(|queue| queue.offered.is_empty() && queue.workers.is_empty()) {
            queues.remove(activity);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Text, Queue>> {
        // No code that holds the lock can leave it half changed.
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A task that is offered, until its answer is not waited for any more.
struct Offer {
    activities: Activities,
    activity: Text,
}

impl Drop for Offer {
    fn drop(&mut self) {
        self.activities.withdraw(&self.activity);
    }
}

/// A worker that waits for a task. When it goes without having taken what it was given, the next one gets that.
pub(crate) struct Worker {
    activities: Activities,
    activity: Text,
    assigned: Option<oneshot::Receiver<Assigned>>,
}

impl Worker {
    /// The task: from now on its limits count. May be dropped and called again.
    pub(crate) async fn task(&mut self) -> Option<Assigned> {
        let assigned = self.assigned.as_mut()?.await.ok()?;
        self.assigned = None;
        // One that was given up in this moment is no task any more.
        self.activities.tasks.begin(&assigned.token).then_some(assigned)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let Some(mut receiver) = self.assigned.take() else { return };
        receiver.close();
        match receiver.try_recv() {
            Ok(assigned) => self.activities.assign(&self.activity, assigned, true),
            Err(_) => {
                let mut queues = self.activities.lock();
                if let Some(queue) = queues.get_mut(&self.activity) {
                    queue.workers.retain(|worker| !worker.is_closed());
                }
                Activities::tidy(&mut queues, &self.activity);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::call;
    use super::*;

    fn activities() -> Activities {
        Activities::new(Tasks::default())
    }

    #[tokio::test]
    async fn a_task_waits_for_a_worker_and_a_worker_for_a_task() {
        let activities = activities();
        let answer = activities.offer("a", &call("first", None, None)).unwrap();
        let task = activities.come("a").unwrap().task().await.unwrap();
        assert_eq!((&*task.token, task.input.as_str()), ("first", Some("input")));
        activities.tasks.answer("first", "1", Ok(Document::from(1_u32))).unwrap();
        assert_eq!(answer.await.unwrap(), Document::from(1_u32));

        let mut worker = activities.come("a").unwrap();
        let _answer = activities.offer("a", &call("second", None, None)).unwrap();
        assert_eq!(&*worker.task().await.unwrap().token, "second");
    }

    #[tokio::test]
    async fn what_is_given_up_is_handed_to_nobody_and_nothing_is_left() {
        let activities = activities();
        drop(activities.offer("a", &call("gone", None, None)).unwrap());
        let _answer = activities.offer("a", &call("there", None, None)).unwrap();
        assert_eq!(&*activities.come("a").unwrap().task().await.unwrap().token, "there");
        drop(_answer);
        drop(activities.come("a").unwrap());
        assert!(activities.lock().is_empty());
    }

    #[tokio::test]
    async fn a_task_of_a_worker_that_went_goes_to_the_next() {
        let activities = activities();
        let (first, mut second) = (activities.come("a").unwrap(), activities.come("a").unwrap());
        let _answer = activities.offer("a", &call("t", None, None)).unwrap();
        drop(first);
        assert_eq!(&*second.task().await.unwrap().token, "t");
    }

    #[tokio::test]
    async fn workers_are_bounded() {
        let activities = activities();
        let workers: Vec<_> = (0..POLLERS_MAX).map(|_| activities.come("a").unwrap()).collect();
        let refused = activities.come("a").map(|_| ()).unwrap_err();
        assert_eq!(refused.name(), "ActivityWorkerLimitExceeded");
        assert!(activities.come("b").is_ok());
        drop(workers);
        assert!(activities.come("a").is_ok());
    }
}
