//! The operations that have nothing to work on here: what only STANDARD workflows have. Each answers as the service
//! would about a thing that is not there, and says so where it cannot.

use super::callbacks::does_not_exist;
use super::machines::{NAME, STATE_MACHINE_ARN, page_request};
use super::members::{Checker, Members, TextRule};
use super::operations::Operation;
use crate::Service;
use crate::fault::{Fault, Kind};
use crate::limits::ARN_CHARACTERS_MAX;
use fleetstep_catalog::ExecutionArn;
use fleetstep_catalog::arn::check_execution_name;
use fleetstep_document::{Document, ObjectBuilder, Text};

const LONG_ARN: TextRule = TextRule::to(2_000).required();
/// In the order of the service's own message.
pub(super) const EXECUTION_STATUSES: &[&str] =
    &["SUCCEEDED", "TIMED_OUT", "PENDING_REDRIVE", "ABORTED", "FAILED", "RUNNING"];

/// Answers one of them.
pub(super) fn answer(service: &Service, operation: Operation, request: &Document) -> Result<Document, Fault> {
    use Operation as Op;
    let members = Members::of(request)?;
    let required = |name, rule: TextRule| required(&members, name, rule);
    match operation {
        Op::DescribeExecution
        | Op::DescribeStateMachineForExecution
        | Op::GetExecutionHistory
        | Op::ListMapRuns
        | Op::RedriveExecution
        | Op::StopExecution => Err(no_execution(required("executionArn", STATE_MACHINE_ARN)?)),
        Op::ListExecutions => list_executions(service, &members),
        Op::DescribeMapRun | Op::UpdateMapRun => {
            let arn = required("mapRunArn", LONG_ARN)?;
            check_arn(arn, "mapRun")?;
            Err(Fault::new(Kind::ResourceNotFound, format!("Resource not found: '{arn}'"))
                .with("resourceName", arn.clone()))
        }
        Op::CreateActivity => {
            check_execution_name(required("name", NAME.required())?)?;
            let message =
                "Activities are not supported: express workflows cannot use them, unless the server is extended";
            Err(Fault::new(Kind::ActivityLimitExceeded, message))
        }
        Op::DescribeActivity | Op::GetActivityTask => {
            let arn = activity(&members)?;
            Err(does_not_exist(arn))
        }
        // What is not there is deleted already, as everywhere in this API.
        Op::DeleteActivity => activity(&members).map(|_| Document::empty_object()),
        Op::ListActivities => nothing(&members, "activities"),
        Op::SendTaskFailure | Op::SendTaskHeartbeat | Op::SendTaskSuccess => {
            required("taskToken", TextRule::to(2_048).required())?;
            Err(Fault::new(Kind::InvalidToken, "Invalid Token: 'Invalid token'"))
        }
        Op::StartSyncExecution
        | Op::StartExecution
        | Op::CreateStateMachine
        | Op::UpdateStateMachine
        | Op::DescribeStateMachine
        | Op::DeleteStateMachine
        | Op::ListStateMachines
        | Op::PublishStateMachineVersion
        | Op::ListStateMachineVersions
        | Op::DeleteStateMachineVersion
        | Op::CreateStateMachineAlias
        | Op::UpdateStateMachineAlias
        | Op::DescribeStateMachineAlias
        | Op::ListStateMachineAliases
        | Op::DeleteStateMachineAlias
        | Op::TagResource
        | Op::UntagResource
        | Op::ListTagsForResource
        | Op::TestState
        | Op::ValidateStateMachineDefinition => unreachable!("{operation:?} is answered before"),
    }
}

fn required<'a>(members: &Members<'a>, name: &str, rule: TextRule) -> Result<&'a Text, Fault> {
    let mut checker = Checker::default();
    let text = members.text(&mut checker, name, rule);
    checker.finish()?;
    Ok(text.expect("it is required"))
}

/// The service describes no execution of an express workflow, and there are no others.
fn no_execution(arn: &str) -> Fault {
    if ExecutionArn::parse(arn).is_ok() {
        return invalid_arn("Resource type not valid in this context: express");
    }
    match check_arn(arn, "execution") {
        Err(fault) => fault,
        Ok(()) => Fault::new(Kind::ExecutionDoesNotExist, format!("Execution Does Not Exist: '{arn}'")),
    }
}

fn list_executions(service: &Service, members: &Members<'_>) -> Result<Document, Fault> {
    let mut checker = Checker::default();
    let machine = members.text(&mut checker, "stateMachineArn", TextRule::to(ARN_CHARACTERS_MAX));
    let map_run = members.text(&mut checker, "mapRunArn", TextRule::to(2_000));
    members.choice(&mut checker, "statusFilter", EXECUTION_STATUSES);
    members.choice(&mut checker, "redriveFilter", &["REDRIVEN", "NOT_REDRIVEN"]);
    page_request(members, &mut checker);
    checker.finish()?;
    match (machine, map_run) {
        (Some(arn), None) => {
            service.state_machine(arn)?;
            let message = "This operation is not supported by this type of state machine";
            Err(Fault::new(Kind::StateMachineTypeNotSupported, message))
        }
        (None, Some(arn)) => Err(Fault::new(Kind::ResourceNotFound, format!("Resource not found: '{arn}'"))
            .with("resourceName", arn.clone())),
        _ => {
            let message = "Exactly one of stateMachineArn and mapRunArn must be specified";
            Err(Fault::new(Kind::ValidationException, message))
        }
    }
}

fn activity<'a>(members: &Members<'a>) -> Result<&'a Text, Fault> {
    let arn = required(members, "activityArn", STATE_MACHINE_ARN)?;
    check_arn(arn, "activity")?;
    Ok(arn)
}

fn nothing(members: &Members<'_>, list: &'static str) -> Result<Document, Fault> {
    let mut checker = Checker::default();
    page_request(members, &mut checker);
    checker.finish()?;
    Ok(ObjectBuilder::with_capacity(1).with(list, Vec::new()).build())
}

/// Checks that `arn` is one of this service, and of a resource of that type.
fn check_arn(arn: &str, resource_type: &str) -> Result<(), Fault> {
    let mut parts = arn.splitn(7, ':');
    let head = (parts.next(), parts.next(), parts.next());
    if head.0 != Some("arn") || head.1.is_none() || head.2 != Some("states") {
        return Err(invalid_arn(&format!("Invalid ARN prefix: {arn}")));
    }
    match parts.nth(2) {
        Some(found) if found == resource_type => Ok(()),
        found => Err(invalid_arn(&format!("Resource type not valid in this context: {}", found.unwrap_or_default()))),
    }
}

fn invalid_arn(problem: &str) -> Fault {
    Fault::new(Kind::InvalidArn, format!("Invalid Arn: '{problem}'"))
}
