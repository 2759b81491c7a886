//! Events as the service words them: its names, its details, its numbers.

use super::Subject;
use crate::executions::{Origin, push_qualified};
use crate::redaction::Redaction;
use crate::reply::{epoch_seconds, iso_micros};
use fleetstep_catalog::Resource;
use fleetstep_document::{Document, ObjectBuilder, Text};
use fleetstep_engine::{Failure, Happening, HistoryEvent, TaskId};
use std::borrow::Cow;
use std::time::Duration;

/// How details are told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form<'a> {
    /// Whether inputs, outputs, parameters and variables are told at all.
    pub(crate) data: bool,
    /// Whether documents stand there as text, as the AWS protocol and the log have them, or as JSON.
    pub(crate) as_text: bool,
    /// What of them is not told.
    pub(crate) redaction: &'a Redaction,
}

/// What an event is called, and what it tells.
struct Told<'a> {
    kind: Cow<'static, str>,
    /// The member of the service's `HistoryEvent` that holds the details; `None` where there is none.
    wrapper: Option<&'static str>,
    details: Details<'a>,
}

impl Subject {
    /// An event as `GetExecutionHistory` lists it.
    pub(crate) fn aws_event(&self, event: &HistoryEvent, data: bool) -> Document {
        let told = self.told(&event.what, self.form(data, true));
        let mut body = ObjectBuilder::with_capacity(5)
            .with("timestamp", epoch_seconds(event.at))
            .with("type", &*told.kind)
            .with("id", number(event.id))
            .with("previousEventId", number(event.previous));
        if let Some(wrapper) = told.wrapper {
            body.push(wrapper, told.details.body.build());
        }
        body.build()
    }

    /// An event as the plain interface lists it.
    pub(crate) fn plain_event(&self, event: &HistoryEvent, data: bool) -> Document {
        let told = self.told(&event.what, self.form(data, false));
        let mut body = ObjectBuilder::with_capacity(5)
            .with("id", number(event.id))
            .with("previousEventId", number(event.previous))
            .with("timestamp", iso_micros(event.at))
            .with("type", &*told.kind);
        if told.wrapper.is_some() {
            body.push("details", told.details.body.build());
        }
        body.build()
    }

    /// An event as a line of the log: as the service's own log events, whose numbers are text.
    pub(crate) fn log_event(&self, event: &HistoryEvent, data: bool) -> Document {
        let told = self.told(&event.what, self.form(data, true));
        ObjectBuilder::with_capacity(7)
            .with("id", event.id.to_string())
            .with("type", &*told.kind)
            .with("details", told.details.body.build())
            .with("previous_event_id", event.previous.to_string())
            .with("event_timestamp", event.at.as_millis().to_string())
            .with("execution_arn", self.identity.execution_arn.clone())
            .with("redrive_count", self.identity.redrive_count.to_string())
            .build()
    }

    fn form(&self, data: bool, as_text: bool) -> Form<'_> {
        Form { data, as_text, redaction: &self.redaction }
    }

    fn told<'a>(&'a self, what: &Happening, form: Form<'a>) -> Told<'a> {
        let details = Details::new(form);
        match what {
            Happening::ExecutionStarted { input } => {
                let mut details = details.input(input).with("roleArn", self.identity.role_arn.clone());
                push_qualified(&mut details.body, &Origin::of(&self.identity));
                told("ExecutionStarted", "executionStartedEventDetails", details)
            }
            Happening::ExecutionSucceeded { output } => {
                told("ExecutionSucceeded", "executionSucceededEventDetails", details.output(output))
            }
            Happening::ExecutionFailed(it) => {
                told("ExecutionFailed", "executionFailedEventDetails", details.failure(it))
            }
            Happening::ExecutionTimedOut(it) => {
                told("ExecutionTimedOut", "executionTimedOutEventDetails", details.failure(it))
            }
            Happening::ExecutionAborted(it) => {
                told("ExecutionAborted", "executionAbortedEventDetails", details.failure(it))
            }
            Happening::StateEntered { kind, name, input } => told(
                format!("{}StateEntered", kind.as_str()),
                "stateEnteredEventDetails",
                details.input(input).with("name", name.clone()),
            ),
            Happening::StateExited { kind, name, output, assigned } => told(
                format!("{}StateExited", kind.as_str()),
                "stateExitedEventDetails",
                details.assigned(assigned).with("name", name.clone()).output(output),
            ),
            Happening::StateAborted { kind } => bare(format!("{}StateAborted", kind.as_str()), details),
            Happening::EvaluationFailed { state, location, failure } => told(
                "EvaluationFailed",
                "evaluationFailedEventDetails",
                details.failure(failure).location(location.as_ref()).with("state", state.clone()),
            ),
            Happening::ParallelStateStarted => bare("ParallelStateStarted", details),
            Happening::ParallelStateSucceeded => bare("ParallelStateSucceeded", details),
            Happening::ParallelStateFailed => bare("ParallelStateFailed", details),
            Happening::MapStateStarted { length } => {
                told("MapStateStarted", "mapStateStartedEventDetails", details.with("length", *length))
            }
            Happening::MapStateSucceeded => bare("MapStateSucceeded", details),
            Happening::MapStateFailed => bare("MapStateFailed", details),
            Happening::MapIterationStarted { name, index } => {
                told("MapIterationStarted", "mapIterationStartedEventDetails", details.iteration(name, *index))
            }
            Happening::MapIterationSucceeded { name, index } => {
                told("MapIterationSucceeded", "mapIterationSucceededEventDetails", details.iteration(name, *index))
            }
            Happening::MapIterationFailed { name, index } => {
                told("MapIterationFailed", "mapIterationFailedEventDetails", details.iteration(name, *index))
            }
            Happening::MapIterationAborted { name, index } => {
                told("MapIterationAborted", "mapIterationAbortedEventDetails", details.iteration(name, *index))
            }
            Happening::TaskScheduled { task, .. }
            | Happening::TaskStarted { task }
            | Happening::TaskSucceeded { task, .. }
            | Happening::TaskFailed { task, .. }
            | Happening::TaskTimedOut { task, .. } => self.told_of_task(*task, what, details),
        }
    }

    /// A function that is called by its own ARN has events of its own.
    fn told_of_task<'a>(&self, task: TaskId, what: &Happening, details: Details<'a>) -> Told<'a> {
        match self.resources.get(task.index()) {
            Some(Resource::Function { arn, .. }) => told_of_function(arn, what, details),
            Some(Resource::LambdaInvoke) => self.told_of_service("lambda", "invoke", what, details),
            Some(Resource::Service { arn } | Resource::Activity { arn, .. } | Resource::Other { uri: arn }) => {
                let (resource_type, resource) = service_parts(arn);
                self.told_of_service(resource_type, resource, what, details)
            }
            None => unreachable!("a program has as many resources as tasks"),
        }
    }

    fn told_of_service<'a>(
        &self,
        resource_type: &str,
        resource: &str,
        what: &Happening,
        details: Details<'a>,
    ) -> Told<'a> {
        let details = details.with("resource", resource).with("resourceType", resource_type);
        match what {
            Happening::TaskScheduled { input, timeout, heartbeat, .. } => {
                let region = self.identity.execution_arn.split(':').nth(3).unwrap_or_default();
                let details = details.with("region", region).data("parameters", input);
                told("TaskScheduled", "taskScheduledEventDetails", details.limits(*timeout, *heartbeat))
            }
            Happening::TaskSucceeded { output, .. } => {
                told("TaskSucceeded", "taskSucceededEventDetails", details.output(output))
            }
            Happening::TaskFailed { failure, .. } => {
                told("TaskFailed", "taskFailedEventDetails", details.failure(failure))
            }
            Happening::TaskTimedOut { failure, .. } => {
                told("TaskTimedOut", "taskTimedOutEventDetails", details.failure(failure))
            }
            _ => told("TaskStarted", "taskStartedEventDetails", details),
        }
    }
}

fn told_of_function<'a>(arn: &Text, what: &Happening, details: Details<'a>) -> Told<'a> {
    match what {
        Happening::TaskScheduled { input, timeout, .. } => told(
            "LambdaFunctionScheduled",
            "lambdaFunctionScheduledEventDetails",
            // The service tells a function's own limit only.
            details.input(input).with("resource", arn.clone()).limits(*timeout, None),
        ),
        Happening::TaskSucceeded { output, .. } => {
            told("LambdaFunctionSucceeded", "lambdaFunctionSucceededEventDetails", details.output(output))
        }
        Happening::TaskFailed { failure, .. } => {
            told("LambdaFunctionFailed", "lambdaFunctionFailedEventDetails", details.failure(failure))
        }
        Happening::TaskTimedOut { failure, .. } => {
            told("LambdaFunctionTimedOut", "lambdaFunctionTimedOutEventDetails", details.failure(failure))
        }
        _ => bare("LambdaFunctionStarted", details),
    }
}

/// What `arn:aws:states:::TYPE:RESOURCE` names. The type of an SDK integration has two parts, and a resource may have
/// a colon too: `startExecution.sync:2`.
fn service_parts(arn: &str) -> (&str, &str) {
    let named = arn.splitn(6, ':').nth(5).unwrap_or(arn);
    let skipped = if named.starts_with("aws-sdk:") { "aws-sdk:".len() } else { 0 };
    match named[skipped..].find(':') {
        Some(at) => (&named[..skipped + at], &named[skipped + at + 1..]),
        None => ("", named),
    }
}

fn told<'a>(kind: impl Into<Cow<'static, str>>, wrapper: &'static str, details: Details<'a>) -> Told<'a> {
    Told { kind: kind.into(), wrapper: Some(wrapper), details }
}

fn bare(kind: impl Into<Cow<'static, str>>, details: Details<'_>) -> Told<'_> {
    Told { kind: kind.into(), wrapper: None, details }
}

/// The details of an event, member by member.
struct Details<'a> {
    form: Form<'a>,
    body: ObjectBuilder,
}

impl<'a> Details<'a> {
    fn new(form: Form<'a>) -> Self {
        Self { form, body: ObjectBuilder::with_capacity(6) }
    }

    fn with(mut self, name: &'static str, value: impl Into<Document>) -> Self {
        self.body.push(name, value);
        self
    }

    fn input(self, input: &Document) -> Self {
        self.data("input", input).data_details("inputDetails")
    }

    fn output(self, output: &Document) -> Self {
        self.data("output", output).data_details("outputDetails")
    }

    /// A document, if data are told.
    fn data(mut self, name: &'static str, value: &Document) -> Self {
        if self.form.data {
            self.body.push(name, self.form.document(value));
        }
        self
    }

    /// Nothing is ever cut short here.
    fn data_details(mut self, name: &'static str) -> Self {
        if self.form.data && self.form.as_text {
            self.body.push(name, ObjectBuilder::with_capacity(1).with("truncated", false).build());
        }
        self
    }

    /// Variables by name. Their values are text where all documents are.
    fn assigned(mut self, assigned: &[(Text, Document)]) -> Self {
        if !self.form.data || assigned.is_empty() {
            return self;
        }
        let mut variables = ObjectBuilder::with_capacity(assigned.len());
        for (name, value) in assigned {
            variables.push(name.clone(), self.form.document(value));
        }
        self.body.push("assignedVariables", variables.build());
        self.data_details("assignedVariablesDetails")
    }

    /// The field of an expression.
    fn location(self, location: Option<&Text>) -> Self {
        match location {
            Some(location) => self.with("location", location.clone()),
            None => self,
        }
    }

    fn failure(mut self, failure: &Failure) -> Self {
        crate::executions::push_failure(&mut self.body, &self.form.redaction.failure(failure));
        self
    }

    fn iteration(self, name: &Text, index: u32) -> Self {
        self.with("name", name.clone()).with("index", index)
    }

    fn limits(mut self, timeout: Option<Duration>, heartbeat: Option<Duration>) -> Self {
        for (name, limit) in [("timeoutInSeconds", timeout), ("heartbeatInSeconds", heartbeat)] {
            if let Some(limit) = limit {
                self.body.push(name, number(limit.as_secs()));
            }
        }
        self
    }
}

impl Form<'_> {
    fn document(self, value: &Document) -> Document {
        let value = self.redaction.document(value);
        if self.as_text { Document::from(value.to_json()) } else { value }
    }
}

fn number(value: u64) -> Document {
    Document::from(i64::try_from(value).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_service_integration() {
        for (arn, parts) in [
            ("arn:aws:states:::sqs:sendMessage", ("sqs", "sendMessage")),
            ("arn:aws:states:::states:startExecution.sync:2", ("states", "startExecution.sync:2")),
            ("arn:aws:states:::aws-sdk:dynamodb:putItem", ("aws-sdk:dynamodb", "putItem")),
            ("arn:aws:states:us-east-1:000000000000:activity:a", ("activity", "a")),
            ("x", ("", "x")),
        ] {
            assert_eq!(service_parts(arn), parts, "{arn}");
        }
    }
}
