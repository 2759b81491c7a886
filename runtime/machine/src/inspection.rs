//! Looking at one state at work, for whoever tests it.
//!
//! An execution whose [`Effects`](crate::Effects) hold an [`Inspection`] runs its first state and ends: with the
//! output that the next state would get, or with the failure. What the state calls or starts can be answered in
//! advance; a retry is told, not made. Without an inspection nothing of this is paid for.

use crate::act::{Act, Acted};
use crate::recover::Fault;
use crate::run::{Exit, Run, Sight};
use crate::strand::StrandId;
use crate::variables::{self, Assigned};
use crate::{Failure, Map, Next, OUTPUT_BYTES_MAX, Retrier, StateId};
use fleetstep_document::{Document, Text};
use fleetstep_expr::Expr;
use std::sync::Arc;
use std::time::Duration;

/// Iterations of a Map for which its `ItemSelector` is evaluated in a test: a step must not take forever.
const SELECTED_MAX: usize = 1_000;

/// Documents by name.
pub type Variables = Vec<(Text, Document)>;

/// How a state is to be tested.
#[derive(Clone, Debug, Default)]
pub struct Trial {
    /// The answer to what the state calls, or to all branches that it starts together. `None`: they run.
    pub mock: Option<Result<Document, Failure>>,
    /// The context object, in place of the execution's own.
    pub context: Option<Document>,
    /// What the execution's own context object has beside its usual fields.
    pub context_extras: Variables,
    /// The variables that the state finds.
    pub variables: Variables,
    /// How often the retrier that a failure comes to was used before.
    pub retries: u32,
    /// How many iterations of a Map count as failed against its tolerance. `None`: it tolerates all.
    pub iterations_failed: Option<u32>,
}

/// What a tested state did.
#[derive(Clone, Debug, Default)]
pub struct Inspection {
    trial: Trial,
    /// The documents that it came by, in order.
    pub steps: Vec<(Step, Document)>,
    /// The variables as it leaves them: those it found and those it assigned.
    pub variables: Variables,
    /// How it failed, even if the failure was caught.
    pub failure: Option<Failure>,
    /// Position of the retrier that names the failure.
    pub retrier: Option<usize>,
    /// How long that retrier waits, less the jitter; `None` when it was used as often as it may be.
    pub backoff: Option<Duration>,
    /// Position of the catcher that caught the failure.
    pub catcher: Option<usize>,
    /// Where it leads.
    pub next: Option<StateId>,
}

/// A place on the way of a state's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// After `InputPath`.
    Input,
    /// After `Parameters` or `Arguments`; the input where there are none.
    Arguments,
    /// The items of a Map.
    Items,
    /// What the iterations of a Map get, where its `ItemSelector` says and there are not too many.
    Selected,
    /// A Map's `MaxConcurrency`; 0 is no limit.
    MaxConcurrency,
    /// A Map's `ToleratedFailureCount`.
    ToleratedFailureCount,
    /// A Map's `ToleratedFailurePercentage`.
    ToleratedFailurePercentage,
    /// What was called answered, or the `Result` of a Pass.
    Result,
    /// After `ResultSelector`.
    Selector,
    /// After `ResultPath`.
    Placed,
}

impl Inspection {
    /// One that has seen nothing yet.
    #[must_use]
    pub fn of(trial: Trial) -> Self {
        Self { variables: trial.variables.clone(), trial, ..Self::default() }
    }

    /// The document at a step, if the state came by there.
    #[must_use]
    pub fn at(&self, step: Step) -> Option<&Document> {
        self.steps.iter().find(|(at, _)| *at == step).map(|(_, document)| document)
    }

    pub(crate) fn context_extras(&self) -> &[(Text, Document)] {
        &self.trial.context_extras
    }

    pub(crate) fn context(&self) -> Option<&Document> {
        self.trial.context.as_ref()
    }
}

impl<'a> Run<'a> {
    /// The inspection, if there is one and the strand is the one that it looks at.
    #[inline]
    pub(crate) fn inspected(&mut self, id: StrandId) -> Option<&mut Inspection> {
        if id == 0 { self.effects.inspection.as_deref_mut() } else { None }
    }

    /// Notes a document that the state came by.
    #[inline]
    pub(crate) fn note_step(&mut self, id: StrandId, step: Step, document: impl FnOnce() -> Document) {
        if let Some(inspection) = self.inspected(id) {
            inspection.steps.push((step, document()));
        }
    }

    /// Puts the variables of the trial where expressions find them.
    pub(crate) fn set_variables(&mut self) {
        let Some(inspection) = &self.effects.inspection else { return };
        if let Some(variables) = &mut self.execution.strands[0].variables {
            let variables = Arc::make_mut(variables);
            for (name, value) in &inspection.trial.variables {
                if let Some(slot) = self.program.variables.iter().position(|known| known == name) {
                    variables[slot] = Some(value.clone());
                }
            }
        }
    }

    /// Notes what the state assigns, and where it leads.
    pub(crate) fn note_left(&mut self, id: StrandId, assigned: &[Assigned], next: Next) {
        let program = self.program;
        let Some(inspection) = self.inspected(id) else { return };
        for (name, value) in variables::by_name(program, assigned) {
            inspection.variables.retain(|(known, _)| *known != name);
            inspection.variables.push((name, value));
        }
        if let Next::State(next) = next {
            inspection.next = Some(next);
        }
    }

    /// The answer that was given in advance to what the state calls or starts.
    pub(crate) fn mocked(&mut self, id: StrandId) -> Option<Acted<'a>> {
        let mock = self.inspected(id)?.trial.mock.clone()?;
        Some(match mock {
            Ok(result) => {
                self.note_step(id, Step::Result, || result.clone());
                Ok(Act::Done(result, Exit::of(self.state(id), true)))
            }
            Err(failure) => Err(Fault::of_task(failure)),
        })
    }

    /// A Map that is tested: all is evaluated that comes before its iterations, and these are answered for.
    pub(crate) fn mocked_map(
        &mut self,
        id: StrandId,
        map: &Map,
        input: &Document,
        items: &Document,
    ) -> Option<Acted<'a>> {
        self.inspected(id)?;
        let items = items.as_array().unwrap_or_default();
        let checked = match &map.item_selector {
            Some(selector) => self.select(id, selector, input, items),
            None => Ok(()),
        };
        match checked.and_then(|()| self.check_failed_iterations(id, items.len())) {
            Ok(()) => self.mocked(id),
            Err(fault) => Some(Err(fault)),
        }
    }

    /// What the iterations of a Map get, which is shown if it is not too much.
    fn select(&mut self, id: StrandId, selector: &Expr, input: &Document, items: &[Document]) -> Result<(), Fault> {
        let mut selected = Vec::new();
        let mut bytes = 0;
        for (index, item) in (0..).zip(items.iter().take(SELECTED_MAX)) {
            let one = self.evaluate(id, selector, Sight { item: Some((index, item)), ..Sight::of(input) })?;
            bytes += one.json_len() + 1;
            if bytes > OUTPUT_BYTES_MAX {
                return Ok(());
            }
            selected.push(one);
        }
        if selected.len() == items.len() {
            self.note_step(id, Step::Selected, || Document::from(selected));
        }
        Ok(())
    }

    /// Whether more iterations of a Map are to count as failed than it tolerates.
    fn check_failed_iterations(&mut self, id: StrandId, total: usize) -> Result<(), Fault> {
        let Some(inspection) = self.inspected(id) else { return Ok(()) };
        let Some(failed) = inspection.trial.iterations_failed else { return Ok(()) };
        let count = inspection.at(Step::ToleratedFailureCount).and_then(Document::as_f64);
        let percentage = inspection.at(Step::ToleratedFailurePercentage).and_then(Document::as_f64);
        let failed = f64::from(failed);
        let over_count = count.is_some_and(|most| failed > most);
        let over_percentage = percentage.is_some_and(|most| failed * 100.0 > most * total as f64);
        if over_count || over_percentage {
            let cause = "The specified tolerated failure threshold was exceeded";
            return Err(Fault::of_task(Failure::new("States.ExceedToleratedFailureThreshold", cause)));
        }
        Ok(())
    }

    /// Notes a failure, and which retrier names it. Whether that would be tried again.
    pub(crate) fn note_failure(&mut self, id: StrandId, retriers: &[Retrier], fault: &Fault) -> bool {
        let Some(inspection) = self.inspected(id) else { return false };
        inspection.failure = Some(fault.failure.clone());
        inspection.retrier = retriers.iter().position(|retrier| fault.matches_any(&retrier.errors));
        let retrier = inspection.retrier.map(|at| &retriers[at]);
        let used = inspection.trial.retries;
        inspection.backoff = retrier.filter(|one| used < one.max_attempts).map(|one| one.delay(used));
        inspection.backoff.is_some()
    }
}
