//! How requests reach what is loaded.

mod alarm;
mod connection;
mod http;
mod in_process;

pub use http::Http;
pub use in_process::{Ended, InProcess, Target};

use crate::clock::{Clock, nanoseconds};
use crate::follow::Follower;
use crate::load::{Load, LoadError, Shape};
use crate::measure::{Recorder, Sent};
use crate::pace::Pacer;
use crate::template::Values;
use crate::wire::Response;
use crate::workload::{Verdict, execution_arn};
use std::collections::VecDeque;

/// Drives one part of a load to its end, on a thread of its own.
pub trait Transport: Sync {
    /// Sends what the part's pacer says and tells its recorder what came of it.
    ///
    /// # Errors
    /// A server that is not there, or a system that refuses.
    fn drive(&self, part: Part<'_>) -> Result<(), LoadError>;
}

/// One of the threads of a load: what it sends, when, and whom it tells.
pub struct Part<'a> {
    pub(crate) load: &'a Load,
    pub(crate) clock: Clock,
    /// Connections, or executions at once: at first, and at most.
    pub(crate) connections: usize,
    pub(crate) connections_max: usize,
    pub(crate) pacer: Pacer,
    pub(crate) values: Values,
    pub(crate) recorder: Recorder,
    pub(crate) follow: Option<&'a Follower>,
    /// When the load ends, and when it is over with what has no answer until then.
    pub(crate) ends: u64,
    pub(crate) gives_up: u64,
}

impl Part<'_> {
    fn advance(&mut self, now: u64) {
        self.pacer.advance(now);
        self.recorder.advance(now);
        self.recorder.unsent(self.pacer.take_unsent(), now);
    }

    fn is_over(&self, now: u64) -> bool {
        now >= self.gives_up || self.pacer.is_over(now)
    }

    /// When there is something to do, whatever the server does.
    fn next_wake(&self) -> u64 {
        let ends = if self.recorder.ends() < self.ends { self.recorder.ends() } else { self.gives_up };
        self.pacer.next_due().map_or(ends, |due| due.min(ends))
    }

    /// Requests that may wait on a connection when it takes more.
    fn waiting_max(&self) -> usize {
        match self.load.shape {
            // Half of a pipeline is sent at once: one call of the kernel for each answer would undo what it is for.
            Shape::Closed => self.load.pipeline / 2,
            // What is due is not kept waiting.
            Shape::Open(_) => self.load.pipeline - 1,
        }
    }

    /// Writes what is due for one connection: whether there was anything, and whether the connection is full.
    fn fill(&mut self, sent: &mut VecDeque<Sent>, out: &mut Vec<u8>) -> (bool, bool) {
        let mut wrote = false;
        let now = self.clock.now();
        while sent.len() < self.load.pipeline {
            let Some(intended) = self.pacer.take(now) else { return (wrote, false) };
            let workflow = self.load.workload.write_next(&mut self.values, out);
            sent.push_back(Sent { workflow, intended, sent: now });
            wrote = true;
        }
        (wrote, true)
    }

    fn answered(&mut self, sent: Sent, response: &Response<'_>, now: u64) {
        let verdict = self.load.workload.judge(response.status, &response.body);
        if verdict == Verdict::Accepted
            && let Some(follow) = self.follow
            && let Some(arn) = execution_arn(&response.body)
        {
            follow.offer(arn);
        }
        self.recorder.answered(sent, now, verdict, &response.body);
        self.pacer.answered();
    }

    fn request_timeout(&self) -> u64 {
        nanoseconds(self.load.request_timeout)
    }

    /// Gives up the requests that were sent before `oldest`.
    fn expire(&mut self, sent: &mut VecDeque<Sent>, oldest: u64, now: u64) {
        while let Some(late) = sent.pop_front_if(|sent| sent.sent < oldest) {
            self.recorder.given_up(late, now, false);
            self.pacer.answered();
        }
    }

    /// Tells what is left.
    fn finish(mut self, now: u64) {
        for intended in self.pacer.abandon() {
            // Which workflow it would have been was not drawn.
            self.recorder.given_up(Sent { workflow: 0, intended, sent: now }, now, false);
        }
        self.recorder.unsent(self.pacer.take_unsent(), now);
        self.recorder.finish();
    }
}
