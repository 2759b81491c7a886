//! A load on something in this very process, with no HTTP in between.

use super::{Part, Transport};
use crate::load::LoadError;
use crate::measure::Sent;
use crate::workload::Verdict;
use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

/// The longest nap of a thread that has nothing to do.
const NAP_NS_MAX: u64 = 50_000_000;
/// A shorter wait than this is spent looking at the clock: a sleep would last longer.
const NAP_NS_MIN: u64 = 100_000;
/// Executions between two looks at the time and at what has ended meanwhile.
const BURST: usize = 64;

/// How an execution ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// What came of it.
    pub verdict: Verdict,
    /// What there is to say when it did not succeed.
    pub words: String,
}

/// Something that runs executions in this process.
pub trait Target: Sync {
    /// Starts one. Gives its end if it has ended already; otherwise `done` is called when it has, from any thread.
    fn start(&self, workflow: usize, input: &[u8], done: impl FnOnce(Ended) + Send + 'static) -> Option<Ended>;
}

/// Drives a [`Target`].
#[derive(Clone, Copy, Debug)]
pub struct InProcess<T>(pub T);

impl<T: Target> Transport for InProcess<T> {
    fn drive(&self, part: Part<'_>) -> Result<(), LoadError> {
        let (sender, ends) = mpsc::channel();
        let (running, input) = (BTreeMap::new(), Vec::new());
        Driver { target: &self.0, part, sender, ends, started: 0, running, input }.run();
        Ok(())
    }
}

struct Driver<'a, T> {
    target: &'a T,
    part: Part<'a>,
    sender: Sender<(u64, Ended)>,
    ends: Receiver<(u64, Ended)>,
    started: u64,
    /// Those that did not end at once.
    running: BTreeMap<u64, Sent>,
    input: Vec<u8>,
}

impl<T: Target> Driver<'_, T> {
    fn run(mut self) {
        loop {
            let now = self.part.clock.now();
            self.part.advance(now);
            while let Ok((number, ended)) = self.ends.try_recv() {
                self.ended_later(number, &ended);
            }
            let idle = self.start_burst();
            let now = self.part.clock.now();
            if self.part.is_over(now) {
                break;
            }
            if idle {
                self.nap(now);
            }
        }
        let now = self.part.clock.now();
        let mut running: VecDeque<Sent> = self.running.into_values().collect();
        self.part.expire(&mut running, u64::MAX, now);
        self.part.finish(now);
    }

    /// Starts what is due, within a bound; whether there is nothing more to start.
    fn start_burst(&mut self) -> bool {
        for _ in 0..BURST {
            if self.running.len() >= self.part.connections_max {
                return true;
            }
            let now = self.part.clock.now();
            let Some(intended) = self.part.pacer.take(now) else { return true };
            self.input.clear();
            let workflow = self.part.load.workload.write_next(&mut self.part.values, &mut self.input);
            let sent = Sent { workflow, intended, sent: now };
            let sender = self.sender.clone();
            let number = self.started;
            self.started += 1;
            // Whoever waited for it may have given up.
            let done = move |ended| drop(sender.send((number, ended)));
            match self.target.start(workflow, &self.input, done) {
                Some(ended) => self.ended(sent, &ended),
                None => drop(self.running.insert(number, sent)),
            }
        }
        false
    }

    fn ended_later(&mut self, number: u64, ended: &Ended) {
        if let Some(sent) = self.running.remove(&number) {
            self.ended(sent, ended);
        }
    }

    fn ended(&mut self, sent: Sent, ended: &Ended) {
        let now = self.part.clock.now();
        self.part.recorder.answered(sent, now, ended.verdict, ended.words.as_bytes());
        self.part.pacer.answered();
    }

    /// Waits for an end, or for the next request that is due.
    fn nap(&mut self, now: u64) {
        let wait = self.part.next_wake().saturating_sub(now).min(NAP_NS_MAX);
        if wait < NAP_NS_MIN {
            return std::hint::spin_loop();
        }
        match self.ends.recv_timeout(Duration::from_nanos(wait - NAP_NS_MIN / 2)) {
            Ok((number, ended)) => self.ended_later(number, &ended),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
    }
}
