//! The context object (`$$`), made only when an expression asks for it.

use crate::execution::Execution;
use crate::run::Sight;
use crate::strand::StrandId;
use crate::{Inspection, Kind, Program, Task, Timestamp, Waits};
use fleetstep_document::{Document, ObjectBuilder, Text};
use fleetstep_expr::ContextSource;
use std::time::Duration;

/// The context object as one strand sees it.
pub(crate) struct Context<'a> {
    pub(crate) execution: &'a Execution,
    pub(crate) program: &'a Program,
    pub(crate) strand: StrandId,
    /// What the expression sees beside it. The item is one that an `ItemSelector` is evaluated for: its iteration has
    /// no strand yet.
    pub(crate) sight: Sight<'a>,
    /// Who looks on, and may have set up another context object.
    pub(crate) inspection: Option<&'a Inspection>,
}

impl ContextSource for Context<'_> {
    fn context(&self) -> Document {
        match self.inspection.and_then(Inspection::context) {
            Some(given) => self.with_item(given),
            None => self.own(),
        }
    }
}

impl Context<'_> {
    fn own(&self) -> Document {
        let identity = &self.execution.identity;
        let execution = ObjectBuilder::with_capacity(6)
            .with("Id", identity.execution_arn.clone())
            .with("Input", self.execution.input.clone())
            .with("StartTime", date_time(self.execution.started))
            .with("Name", identity.execution_name.clone())
            .with("RoleArn", role(&identity.role_arn))
            .with("RedriveCount", identity.redrive_count);
        let machine = ObjectBuilder::with_capacity(2)
            .with("Id", identity.state_machine_arn.clone())
            .with("Name", identity.state_machine_name.clone());
        let mut context = ObjectBuilder::with_capacity(4)
            .with("Execution", execution.build())
            .with("StateMachine", machine.build())
            .with("State", self.state());
        if let Some((index, value)) = self.item() {
            context.push("Map", map(index, value));
        }
        if let Some(token) = self.token() {
            context.push("Task", ObjectBuilder::with_capacity(1).with("Token", token).build());
        }
        for (name, value) in self.inspection.map_or(&[][..], Inspection::context_extras) {
            context.push(name.clone(), value.clone());
        }
        context.build()
    }

    fn state(&self) -> Document {
        let strand = &self.execution.strands[self.strand as usize];
        let state = &self.program.states[strand.state.index()];
        let entered = self.execution.started.after(Duration::from_micros(strand.entered_us.into()));
        let object =
            ObjectBuilder::with_capacity(3).with("Name", state.name.clone()).with("EnteredTime", date_time(entered));
        match state.kind {
            // Only the kinds that can be retried have a count.
            Kind::Task(_) | Kind::Parallel(_) | Kind::Map(_) => object.with("RetryCount", strand.retry_count()).build(),
            _ => object.build(),
        }
    }

    /// Names the wait for a callback that the strand's state is for. A test that looks on has a token of its own.
    fn token(&self) -> Option<Text> {
        let strand = &self.execution.strands[self.strand as usize];
        let Kind::Task(Task { waits: Waits::Callback, .. }) = self.program.states[strand.state.index()].kind else {
            return None;
        };
        if self.inspection.is_some() {
            return None;
        }
        let mut ticket = strand.ticket(self.strand);
        if self.sight.result.is_none() && self.sight.error_output.is_none() {
            // It is about to wait.
            ticket.generation = ticket.generation.wrapping_add(1);
        }
        let identity = &self.execution.identity;
        Some(identity.tokens.token(identity, ticket))
    }

    /// A context object that was set up, with the item that it cannot know.
    fn with_item(&self, given: &Document) -> Document {
        let mut context = given.clone();
        if let (Some((index, value)), Some(object)) = (self.item(), context.as_object_mut()) {
            object.insert(Text::from("Map"), map(index, value));
        }
        context
    }

    /// The item of the innermost Map around the strand.
    fn item(&self) -> Option<(u32, &Document)> {
        if self.sight.item.is_some() {
            return self.sight.item;
        }
        let mut at = self.strand;
        while let Some(parent) = self.execution.strands[at as usize].parent {
            let fork = &self.execution.forks[parent.fork as usize];
            if let Some(items) = &fork.items {
                return items.at(parent.index as usize).map(|item| (parent.index, item));
            }
            at = fork.owner;
        }
        None
    }
}

/// A state that is tested may have no role.
fn role(arn: &Text) -> Document {
    if arn.is_empty() { Document::NULL } else { Document::from(arn.clone()) }
}

fn map(index: u32, value: &Document) -> Document {
    let item = ObjectBuilder::with_capacity(2).with("Index", index).with("Value", value.clone()).build();
    ObjectBuilder::with_capacity(1).with("Item", item).build()
}

/// `2024-07-15T12:00:00.123Z`
fn date_time(at: Timestamp) -> Document {
    match jiff::Timestamp::from_microsecond(at.as_micros()) {
        Ok(time) => Document::from(time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()),
        // Outside the years that a calendar covers.
        Err(_) => Document::NULL,
    }
}
