//! Executions that a task starts, in this process: what they are asked as, and what the task is answered.
//!
//! Shapes: `StartExecution`, `StartSyncExecution` and `DescribeExecution` of the API reference, as their integrations show
//! them, member names in PascalCase.

use crate::Service;
use crate::admission::Way;
use crate::executions::status;
use crate::fault::{Fault, Kind};
use crate::id::Uuid;
use crate::idempotency::{Answer, start_once};
use crate::launch::Launch;
use crate::reply::iso_date;
use crate::service::Connected;
use fleetstep_catalog::{Executions, Nested, Nesting, sdk_metadata};
use fleetstep_document::{Document, ObjectBuilder, Text};
use fleetstep_engine::{Call, Failure, Finished, Identity, Outcome, ReplyFuture, Timestamp};
use std::sync::Arc;

/// How many executions may stand above one, each started by a task of the one before. A state machine that starts
/// itself comes to an end here.
pub(crate) const NESTING_MAX: u32 = 10;

impl Executions for Connected {
    fn start(&self, nested: Nested) -> ReplyFuture {
        let service = self.service();
        Box::pin(async move { start(&service?, nested).await })
    }

    fn wait(&self, call: &Call) -> Result<ReplyFuture, Failure> {
        self.service()?.tasks().wait(call, false)
    }

    fn offer(&self, activity: &str, call: &Call) -> Result<ReplyFuture, Failure> {
        let service = self.service()?;
        if service.catalog().activity(activity).is_none() {
            return Err(Failure::new("States.Runtime", format!("The activity {activity} does not exist.")));
        }
        service.activities().offer(activity, call)
    }
}

async fn start(service: &Service, nested: Nested) -> Result<Document, Failure> {
    let nesting = nested.nesting;
    let in_words = |fault: Fault| refused(nesting, service.refuse(&fault));
    let launch = launch(service, &nested).map_err(in_words)?;
    match nesting {
        Nesting::Start | Nesting::SdkStart => {
            let (arn, started) = detach(service, launch, nested.name.as_ref()).await.map_err(in_words)?;
            Ok(accepted(arn, started))
        }
        Nesting::Sync | Nesting::Sync2 | Nesting::SdkSync => {
            let (identity, input) = (Arc::clone(&launch.identity), launch.input.clone());
            let finished = launch.attend(service).map_err(in_words)?.end().await;
            let ended = Ended { identity: &identity, input: &input, text: &nested.input, finished: &finished };
            match nesting {
                Nesting::SdkSync => Ok(ended.answer_of_sdk()),
                _ => ended.answer(nesting == Nesting::Sync2),
            }
        }
    }
}

fn launch(service: &Service, nested: &Nested) -> Result<Launch, Fault> {
    let Nested { state_machine_arn, name, input, parent, .. } = nested;
    if parent.nesting >= NESTING_MAX {
        let message = format!(
            "{NESTING_MAX} executions stand above this one, each started by a task of the one before, which is the most"
        );
        return Err(Fault::new(Kind::ExecutionLimitExceeded, message));
    }
    Ok(Launch::of_text(service, state_machine_arn, name.as_deref(), Some(input))?.below(parent))
}

/// Starts what goes on by itself. Once it is being made durable it is not given up with the task that asked for it.
async fn detach(service: &Service, launch: Launch, name: Option<&Text>) -> Result<(Text, Timestamp), Fault> {
    let service = service.clone();
    let name = name.filter(|_| service.has_idempotent_names()).cloned();
    let work = async move {
        if let Some(name) = name {
            let key = Text::from(format!("name {name}"));
            return match start_once(&service, launch, key, Way::Async).await? {
                Answer::Started { execution_arn, at } => Ok((execution_arn, at)),
                _ => Err(Fault::throttled()),
            };
        }
        Ok((launch.identity.execution_arn.clone(), launch.detach(&service).await?))
    };
    match tokio::spawn(work).await {
        Ok(started) => started,
        // The server is going down.
        Err(_) => Err(Fault::throttled()),
    }
}

/// What a start answers with.
fn accepted(arn: Text, started: Timestamp) -> Document {
    let [http, response] = sdk_metadata();
    ObjectBuilder::with_capacity(4)
        .with("ExecutionArn", arn)
        .with("SdkHttpMetadata", http)
        .with("SdkResponseMetadata", response)
        .with("StartDate", iso_date(started))
        .build()
}

/// How an integration words what the API refuses.
fn refused(nesting: Nesting, fault: &Fault) -> Failure {
    let (name, status, message) = (fault.name(), fault.aws_status(), fault.message());
    // The classes of the service's SDK, after which errors are named, all end so.
    let class = if name.ends_with("Exception") { name.to_owned() } else { format!("{name}Exception") };
    let id = Uuid::random();
    let id = id.as_str();
    match nesting {
        Nesting::SdkStart | Nesting::SdkSync => Failure::new(
            format!("Sfn.{class}"),
            format!("{message} (Service: Sfn, Status Code: {status}, Request ID: {id})"),
        ),
        Nesting::Start | Nesting::Sync | Nesting::Sync2 => Failure::new(
            format!("StepFunctions.{class}"),
            format!(
                "{message} (Service: AWSStepFunctions; Status Code: {status}; Error Code: {name}; Request ID: {id}; \
                 Proxy: null)"
            ),
        ),
    }
}

/// An execution that was waited for.
struct Ended<'a> {
    identity: &'a Identity,
    input: &'a Document,
    /// The input as it was given.
    text: &'a Text,
    finished: &'a Finished,
}

impl Ended<'_> {
    /// `startExecution.sync`: its description; a failure where it did not succeed.
    fn answer(&self, as_json: bool) -> Result<Document, Failure> {
        let Outcome::Succeeded(output) = &self.finished.outcome else {
            return Err(Failure::new("States.TaskFailed", self.described(false, None).build().to_json()));
        };
        Ok(self.described(as_json, Some(output)).build())
    }

    fn described(&self, as_json: bool, output: Option<&Document>) -> ObjectBuilder {
        let Self { identity, input, text, finished } = self;
        let included = || ObjectBuilder::with_capacity(1).with("Included", true).build();
        let mut body = ObjectBuilder::with_capacity(12);
        if let Some(Failure { error, cause }) = failure_of(&finished.outcome) {
            if let Some(cause) = cause {
                body.push("Cause", cause.clone());
            }
            if let Some(error) = error {
                body.push("Error", error.clone());
            }
        }
        body.push("ExecutionArn", identity.execution_arn.clone());
        body.push("Input", if as_json { (*input).clone() } else { Document::from((*text).clone()) });
        body.push("InputDetails", included());
        body.push("Name", identity.execution_name.clone());
        if let Some(output) = output {
            body.push("Output", if as_json { output.clone() } else { Document::from(output.to_json()) });
            body.push("OutputDetails", included());
        }
        body.push("StartDate", finished.started.as_millis());
        body.push("StateMachineArn", identity.state_machine_arn.clone());
        body.push("Status", status(&finished.outcome));
        body.push("StopDate", finished.stopped.as_millis());
        body
    }

    /// `aws-sdk:sfn:startSyncExecution`: an execution that failed is an answer.
    fn answer_of_sdk(&self) -> Document {
        let Self { finished, .. } = self;
        let output = match &finished.outcome {
            Outcome::Succeeded(output) => Some(output),
            _ => None,
        };
        let billing = ObjectBuilder::with_capacity(2)
            .with("BilledDurationInMilliseconds", crate::billing::billed_millis(finished) as i64)
            .with("BilledMemoryUsedInMB", crate::billing::BILLED_MEMORY_MB);
        let mut body = ObjectBuilder::with_capacity(14).with("BillingDetails", billing.build());
        for (name, value) in
            self.described(false, output).build().as_object().into_iter().flat_map(|object| object.iter())
        {
            let value = match &**name {
                "StartDate" => iso_date(finished.started),
                "StopDate" => iso_date(finished.stopped),
                _ => value.clone(),
            };
            body.push(name.clone(), value);
        }
        body.build()
    }
}

fn failure_of(outcome: &Outcome) -> Option<&Failure> {
    match outcome {
        Outcome::Succeeded(_) => None,
        Outcome::Failed(failure) | Outcome::TimedOut(failure) | Outcome::Aborted(failure) => Some(failure),
    }
}
