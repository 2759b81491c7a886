//! `SendTaskSuccess`, `SendTaskFailure`, `SendTaskHeartbeat`, and the operations on activities: where the operator has
//! extended express workflows by tasks that others answer. Else they are refused ([`super::refusals`]).

use super::extensions::{CAUSE, ERROR};
use super::machines::{NAME, STATE_MACHINE_ARN, page_request};
use super::members::{Checker, Members, TextRule};
use super::operations::Operation;
use super::tags;
use crate::Service;
use crate::fault::{Fault, Kind};
use crate::limits::{INPUT_BYTES_MAX, NAME_CHARACTERS_MAX};
use crate::reply::epoch_seconds;
use fleetstep_catalog::{Activity, ActivityArn};
use fleetstep_document::{Document, ObjectBuilder, Text};
use fleetstep_engine::Failure;
use std::time::Duration;

/// The longest token that is looked into.
const TOKEN: TextRule = TextRule::to(2_048).required();
/// How long a worker waits for a task.
const POLL_MAX: Duration = Duration::from_secs(60);
/// How soon a worker that waits hears that the server is told to stop.
const POLL_STEP: Duration = Duration::from_secs(1);

/// Answers one of them; `None` is any other operation.
pub(super) async fn answer(
    service: &Service,
    operation: Operation,
    request: &Document,
) -> Option<Result<Document, Fault>> {
    Some(match operation {
        Operation::SendTaskSuccess => succeed(service, request),
        Operation::SendTaskFailure => fail(service, request),
        Operation::SendTaskHeartbeat => beat(service, request),
        Operation::CreateActivity => create(service, request).await,
        Operation::DescribeActivity => describe(service, request),
        Operation::DeleteActivity => delete(service, request).await,
        Operation::ListActivities => list(service, request),
        Operation::GetActivityTask => task(service, request).await,
        _ => return None,
    })
}

fn succeed(service: &Service, request: &Document) -> Result<Document, Fault> {
    let members = Members::of(request)?;
    let mut checker = Checker::default();
    let token = members.text(&mut checker, "taskToken", TOKEN);
    let output = members.text(&mut checker, "output", TextRule::to(INPUT_BYTES_MAX).or_empty().sensitive().required());
    checker.finish()?;
    let output = parse_output(output.expect("it is required"))?;
    service.answer_task(token.expect("it is required"), Ok(output))?;
    Ok(Document::empty_object())
}

/// What a task is answered with.
pub(crate) fn parse_output(text: &str) -> Result<Document, Fault> {
    if text.len() > INPUT_BYTES_MAX {
        let message = format!("Invalid Output: 'the output exceeds {INPUT_BYTES_MAX} bytes'");
        return Err(Fault::new(Kind::InvalidOutput, message));
    }
    Document::parse(text.as_bytes())
        .map_err(|error| Fault::new(Kind::InvalidOutput, format!("Invalid Output: '{error}'")))
}

fn fail(service: &Service, request: &Document) -> Result<Document, Fault> {
    let members = Members::of(request)?;
    let mut checker = Checker::default();
    let token = members.text(&mut checker, "taskToken", TOKEN);
    let failure = failure(&members, &mut checker);
    checker.finish()?;
    service.answer_task(token.expect("it is required"), Err(failure))?;
    Ok(Document::empty_object())
}

/// `error` and `cause`
pub(crate) fn failure(members: &Members<'_>, checker: &mut Checker) -> Failure {
    let [error, cause] =
        [("error", ERROR), ("cause", CAUSE)].map(|(name, rule)| members.text(checker, name, rule).cloned());
    Failure { error, cause }
}

fn beat(service: &Service, request: &Document) -> Result<Document, Fault> {
    let members = Members::of(request)?;
    let mut checker = Checker::default();
    let token = members.text(&mut checker, "taskToken", TOKEN);
    checker.finish()?;
    service.beat_task(token.expect("it is required"))?;
    Ok(Document::empty_object())
}

async fn create(service: &Service, request: &Document) -> Result<Document, Fault> {
    let members = Members::of(request)?;
    let mut checker = Checker::default();
    let name = members.text(&mut checker, "name", NAME.required());
    let tags = tags::at_creation(&mut checker, &members);
    checker.finish()?;
    let activity = service.catalog().create_activity(name.expect("it is required"), tags?).await?;
    Ok(ObjectBuilder::with_capacity(2)
        .with("activityArn", activity.arn.as_text().clone())
        .with("creationDate", epoch_seconds(activity.created))
        .build())
}

fn describe(service: &Service, request: &Document) -> Result<Document, Fault> {
    Ok(shown(&there(service, &arn(request)?)?))
}

async fn delete(service: &Service, request: &Document) -> Result<Document, Fault> {
    service.catalog().delete_activity(&arn(request)?).await?;
    Ok(Document::empty_object())
}

fn list(service: &Service, request: &Document) -> Result<Document, Fault> {
    let members = Members::of(request)?;
    let mut checker = Checker::default();
    let page = page_request(&members, &mut checker);
    checker.finish()?;
    let page = service.catalog().list_activities(&page)?;
    let items: Vec<_> = page.items.iter().map(shown).collect();
    let mut body = ObjectBuilder::with_capacity(2).with("activities", items);
    if let Some(token) = page.next_token {
        body.push("nextToken", token);
    }
    Ok(body.build())
}

/// `GetActivityTask`: the next task, as soon as there is one; after a minute, none.
async fn task(service: &Service, request: &Document) -> Result<Document, Fault> {
    let members = Members::of(request)?;
    let mut checker = Checker::default();
    // It is for the history of STANDARD executions.
    members.text(&mut checker, "workerName", TextRule::to(NAME_CHARACTERS_MAX));
    checker.finish()?;
    let activity = there(service, &arn(request)?)?;
    let mut worker = service.activities().come(activity.arn.as_text())?;
    let mut waited = Duration::ZERO;
    let task = loop {
        match tokio::time::timeout(POLL_STEP, worker.task()).await {
            Ok(Some(task)) => break Some(task),
            // It was given up in this moment.
            Ok(None) => worker = service.activities().come(activity.arn.as_text())?,
            Err(_) => waited += POLL_STEP,
        }
        if waited >= POLL_MAX || service.is_withdrawn() {
            break None;
        }
    };
    let mut body = ObjectBuilder::with_capacity(2);
    body.push("taskToken", task.as_ref().map_or(Document::NULL, |task| Document::from(task.token.clone())));
    body.push("input", task.map_or(Document::NULL, |task| Document::from(task.input.to_json())));
    Ok(body.build())
}

fn arn(request: &Document) -> Result<ActivityArn, Fault> {
    let members = Members::of(request)?;
    let mut checker = Checker::default();
    let arn = members.text(&mut checker, "activityArn", STATE_MACHINE_ARN);
    checker.finish()?;
    Ok(ActivityArn::parse(arn.expect("it is required"))?)
}

fn there(service: &Service, arn: &ActivityArn) -> Result<Activity, Fault> {
    let activity = service.catalog().activity(arn.as_text());
    activity.ok_or_else(|| does_not_exist(arn.as_text()))
}

/// No activity of that ARN.
pub(super) fn does_not_exist(arn: &Text) -> Fault {
    Fault::new(Kind::ActivityDoesNotExist, format!("Activity Does Not Exist: '{arn}'"))
}

fn shown(activity: &Activity) -> Document {
    ObjectBuilder::with_capacity(3)
        .with("activityArn", activity.arn.as_text().clone())
        .with("name", activity.arn.name().clone())
        .with("creationDate", epoch_seconds(activity.created))
        .build()
}
