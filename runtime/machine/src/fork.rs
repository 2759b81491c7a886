//! Parallel and Map: starting branches, joining them, and ending all when one fails.

use crate::act::{Act, Acted};
use crate::execution::InLine;
use crate::recover::Fault;
use crate::run::{Exit, Run, Sight, Turn};
use crate::strand::{Fork, ForkId, Parent, Phase, Strand, StrandId};
use crate::{BranchId, Happening, Kind, MAP_ITERATIONS_LIVE_MAX, Map, OUTPUT_BYTES_MAX, Parallel, StateKind};
use fleetstep_document::{Document, Text};
use fleetstep_expr::Expr;

impl<'a> Run<'a> {
    pub(crate) fn fork_parallel(&mut self, id: StrandId, parallel: &'a Parallel, input: Document) -> Acted<'a> {
        let input = match &parallel.arguments {
            Some(arguments) => {
                let input = self.evaluate(id, arguments, Sight::of(&input))?;
                self.measure(id, &input)?;
                input
            }
            None => input,
        };
        self.record(id, |_| Happening::ParallelStateStarted);
        let total = parallel.branches.len() as u32;
        self.fork(id, Fork { total, live_max: total, input, ..Fork::of(id) })
    }

    pub(crate) fn fork_map(&mut self, id: StrandId, map: &'a Map, input: Document) -> Acted<'a> {
        let items = self.with_scope(id, Sight::of(&input), |scope| map.items.array(scope))?;
        let total = items.as_array().map_or(0, <[Document]>::len) as u32;
        let live_max = self.iterations_live_max(id, map, &input)?;
        self.record(id, |_| Happening::MapStateStarted { length: total });
        self.check_tolerance(id, map, &input)?;
        self.fork(id, Fork { total, live_max, input, items: Some(items), ..Fork::of(id) })
    }

    fn iterations_live_max(&self, id: StrandId, map: &Map, input: &Document) -> Result<u32, Fault> {
        match self.integer(id, map.max_concurrency.as_ref(), input)? {
            None | Some(0) => Ok(MAP_ITERATIONS_LIVE_MAX),
            Some(most) if most > 0 => {
                Ok(u32::try_from(most).map_or(MAP_ITERATIONS_LIVE_MAX, |most| most.min(MAP_ITERATIONS_LIVE_MAX)))
            }
            Some(_) => Err(self.runtime_fault(id, "MaxConcurrency must not be negative.")),
        }
    }

    /// An inline Map ends with its first failed iteration, as on the service; still, values that are no tolerance
    /// are an error.
    fn check_tolerance(&self, id: StrandId, map: &Map, input: &Document) -> Result<(), Fault> {
        if self.integer(id, map.tolerated_failure_count.as_ref(), input)?.is_some_and(|count| count < 0) {
            return Err(self.runtime_fault(id, "ToleratedFailureCount must not be negative."));
        }
        if let Some(percentage) = &map.tolerated_failure_percentage {
            let percentage = self.with_scope(id, Sight::of(input), |scope| percentage.float(scope))?;
            if !(0.0..=100.0).contains(&percentage) {
                return Err(self.runtime_fault(id, "ToleratedFailurePercentage must be between 0 and 100."));
            }
        }
        Ok(())
    }

    fn integer(&self, id: StrandId, expr: Option<&Expr>, input: &Document) -> Result<Option<i64>, Fault> {
        expr.map(|expr| self.with_scope(id, Sight::of(input), |scope| expr.integer(scope))).transpose()
    }

    /// The strand waits for its branches; without any, it is done.
    fn fork(&mut self, id: StrandId, fork: Fork) -> Acted<'a> {
        if fork.total == 0 {
            self.note_succeeded(id);
            return Ok(Act::Done(Document::from(Vec::new()), Exit::of(self.state(id), false)));
        }
        let started_event = self.execution.strand(id).last_event;
        let fork = self.execution.forks.insert(Fork { started_event, ..fork }) as ForkId;
        self.execution.strand_mut(id).phase = Phase::Joining(fork);
        Ok(Act::Fork(fork))
    }

    /// Starts the next branch or item, and gets in line for the one after it.
    pub(crate) fn start_next(&mut self, id: ForkId) -> Turn {
        let owner = self.execution.fork(id).owner;
        let index = self.execution.fork(id).next;
        let (branch, input) = match self.branch(owner, id, index) {
            Ok(branch) => branch,
            Err(fault) => {
                self.end_branches(id, None);
                return Turn::Failed(owner, fault);
            }
        };
        let fork = self.execution.fork_mut(id);
        fork.next += 1;
        fork.live += 1;
        fork.in_line = fork.may_start();
        let last_event = fork.started_event;
        if fork.in_line {
            self.execution.line.push(InLine::Start(id));
        }
        let strand = self.execution.occupy(Strand {
            parent: Some(Parent { fork: id, index }),
            variables: self.execution.strand(owner).variables.clone(),
            last_event,
            ..Strand::new(self.program.branches[branch.index()].start, input)
        });
        self.note_iteration(owner, strand, |name| Happening::MapIterationStarted { name, index });
        Turn::Enter(strand)
    }

    /// Which list of states a branch is, and what it gets.
    fn branch(&self, owner: StrandId, id: ForkId, index: u32) -> Result<(BranchId, Document), Fault> {
        let fork = self.execution.fork(id);
        match &self.state(owner).kind {
            Kind::Parallel(parallel) => Ok((parallel.branches[index as usize], fork.input.clone())),
            Kind::Map(map) => {
                let item = fork.items.as_ref().and_then(|items| items.at(index as usize));
                let item = item.expect("a Map's fork has as many items as it says");
                let input = match &map.item_selector {
                    Some(selector) => {
                        let sight = Sight { item: Some((index, item)), ..Sight::of(&fork.input) };
                        let input = self.evaluate(owner, selector, sight)?;
                        self.measure(owner, &input)?;
                        input
                    }
                    None => item.clone(),
                };
                Ok((map.processor, input))
            }
            _ => unreachable!("only Parallel and Map fork"),
        }
    }

    /// A branch has ended well.
    pub(crate) fn join(&mut self, id: StrandId, parent: Parent, output: Document) -> Turn {
        let Parent { fork: fork_id, index } = parent;
        let owner = self.execution.fork(fork_id).owner;
        self.note_iteration(owner, id, |name| Happening::MapIterationSucceeded { name, index });
        let last_event = self.execution.strand(id).last_event;
        self.execution.vacate(id);

        let fork = self.execution.fork_mut(fork_id);
        fork.live -= 1;
        let bytes = output.json_len().saturating_add(fork.results_bytes + 1);
        if bytes > OUTPUT_BYTES_MAX {
            self.end_branches(fork_id, None);
            self.execution.strand_mut(owner).last_event = last_event;
            return Turn::Failed(owner, self.over_limit(owner));
        }
        let at = index as usize;
        if fork.results.len() <= at {
            fork.results.resize(at + 1, Document::NULL);
        }
        fork.results[at] = output;
        fork.results_bytes = bytes;
        if fork.live == 0 && fork.next == fork.total {
            return self.all_joined(fork_id, last_event);
        }
        if !fork.in_line && fork.may_start() {
            fork.in_line = true;
            self.execution.line.push(InLine::Start(fork_id));
        }
        Turn::Parked
    }

    fn all_joined(&mut self, id: ForkId, last_event: u64) -> Turn {
        let Fork { owner, results, .. } = self.execution.forks.remove(id as usize);
        let strand = self.execution.strand_mut(owner);
        strand.phase = Phase::Running;
        strand.last_event = last_event;
        self.note_succeeded(owner);
        // The size of the array was counted while it grew.
        self.done(owner, Document::from(results), Exit::of(self.state(owner), false))
    }

    /// A branch has failed: the others end with it, and the fork's state fails.
    pub(crate) fn fail_fork(&mut self, id: StrandId, parent: Parent, fault: Fault) -> Turn {
        let Parent { fork, index } = parent;
        let owner = self.execution.fork(fork).owner;
        for (parent, other) in self.branches_by_fork() {
            if parent.fork == fork {
                self.note_timed_out(other);
            }
        }
        self.note_iteration_aside(owner, id, |name| Happening::MapIterationFailed { name, index });
        if let Kind::Task(_) = self.state(id).kind {
            self.record_aside(id, |_| Happening::StateAborted { kind: StateKind::Task });
        }
        let last_event = self.execution.strand(id).last_event;
        self.end_branches(fork, Some(id));
        self.execution.strand_mut(owner).last_event = last_event;
        Turn::Failed(owner, fault)
    }

    /// Ends what runs in a fork, at whatever depth, and the fork. `told` is the strand whose end has been told.
    fn end_branches(&mut self, fork: ForkId, told: Option<StrandId>) {
        let owner = self.execution.fork(fork).owner;
        let branches = self.branches_by_fork();
        let mut open = vec![fork];
        while let Some(fork) = open.pop() {
            let first = branches.partition_point(|(parent, _)| parent.fork < fork);
            let of_fork = branches[first..].iter().take_while(|(parent, _)| parent.fork == fork);
            for &(parent, id) in of_fork {
                if told != Some(id) {
                    self.note_aborted(parent, id);
                }
                if let Phase::Joining(inner) = self.execution.strand(id).phase {
                    open.push(inner);
                }
                self.stop_waiting(id);
                self.execution.line.retain(|entry| !matches!(entry, InLine::Enter(at) | InLine::Act(at) if *at == id));
                self.execution.vacate(id);
            }
            self.execution.line.retain(|entry| *entry != InLine::Start(fork));
            self.execution.forks.remove(fork as usize);
        }
        self.execution.strand_mut(owner).phase = Phase::Running;
    }

    /// Every branch and iteration under way, by its place.
    fn branches_by_fork(&self) -> Vec<(Parent, StrandId)> {
        let placed = |(id, strand): (usize, &Strand)| Some((strand.parent?, id as StrandId));
        let mut branches: Vec<_> = self.execution.strands.iter().enumerate().filter_map(placed).collect();
        branches.sort_unstable();
        branches
    }

    fn note_aborted(&mut self, Parent { fork, index }: Parent, id: StrandId) {
        let owner = self.execution.fork(fork).owner;
        self.note_iteration_aside(owner, id, |name| Happening::MapIterationAborted { name, index });
        if self.execution.strand(id).phase != Phase::Running {
            let kind = self.state(id).kind.state_kind();
            self.record_aside(id, |_| Happening::StateAborted { kind });
        }
    }

    fn note_succeeded(&mut self, id: StrandId) {
        match self.state(id).kind {
            Kind::Map(_) => self.record_aside(id, |_| Happening::MapStateSucceeded),
            _ => self.record_aside(id, |_| Happening::ParallelStateSucceeded),
        }
    }

    /// An event of an iteration, if the owner is a Map.
    fn note_iteration(&mut self, owner: StrandId, id: StrandId, what: impl FnOnce(Text) -> Happening) {
        let state = self.state(owner);
        if let Kind::Map(_) = state.kind {
            self.record(id, |_| what(state.name.clone()));
        }
    }

    fn note_iteration_aside(&mut self, owner: StrandId, id: StrandId, what: impl FnOnce(Text) -> Happening) {
        let state = self.state(owner);
        if let Kind::Map(_) = state.kind {
            self.record_aside(id, |_| what(state.name.clone()));
        }
    }
}
