//! What the service does for STANDARD executions only, done for express ones: served where the operator asks for it
//! with `aws_extensions`, and refused in the service's words otherwise ([`super::refusals`]).

use super::machines::{INCLUDED_DATA, STATE_MACHINE_ARN, page_request};
use super::members::{Checker, Members, TextRule};
use super::operations::Operation;
use super::refusals::EXECUTION_STATUSES;
use crate::Service;
use crate::executions::{ListRequest, Summary, is_of, push_failure, push_qualified};
use crate::fault::{Fault, Kind};
use crate::history::{HistoryRequest, number_of_token, token_of_number};
use crate::limits::{PAGE_ITEMS_MAX, page_items};
use crate::reply::epoch_seconds;
use fleetstep_catalog::ExecutionArn;
use fleetstep_document::{Document, ObjectBuilder, Text};
use fleetstep_engine::{Failure, clock};

pub(super) const ERROR: TextRule = TextRule::to(256).or_empty().sensitive();
pub(super) const CAUSE: TextRule = TextRule::to(32_768).or_empty().sensitive();
const TOKEN: TextRule = TextRule::to(1_024);

/// Answers one of them; `None` is any other operation, or one about what is no express execution.
pub(super) fn answer(service: &Service, operation: Operation, request: &Document) -> Option<Result<Document, Fault>> {
    let names = |member: &str| request.get(member).and_then(Document::as_str).unwrap_or_default();
    let is_express = || ExecutionArn::parse(names("executionArn")).is_ok();
    match operation {
        Operation::DescribeExecution if is_express() => Some(describe(service, request)),
        Operation::GetExecutionHistory if is_express() => Some(history(service, request)),
        Operation::StopExecution if is_express() => Some(stop(service, request)),
        Operation::ListExecutions if !names("stateMachineArn").is_empty() && names("mapRunArn").is_empty() => {
            Some(list(service, request))
        }
        _ => None,
    }
}

fn describe(service: &Service, request: &Document) -> Result<Document, Fault> {
    let members = Members::of(request)?;
    let mut checker = Checker::default();
    let arn = members.text(&mut checker, "executionArn", STATE_MACHINE_ARN);
    let included = members.choice(&mut checker, "includedData", INCLUDED_DATA) != Some("METADATA_ONLY");
    checker.finish()?;
    let arn = arn.expect("it is required");
    let description = service.described_execution(arn).ok_or_else(|| unknown(arn))?;
    let details = || ObjectBuilder::with_capacity(1).with("included", included).build();
    let mut body = summarized(&description.summary).with("inputDetails", details());
    if included {
        body.push("input", description.input.text());
    }
    if let Some(output) = &description.output {
        body.push("outputDetails", details());
        if included {
            body.push("output", output.text());
        }
    }
    push_failure(&mut body, &description.failure);
    body.push("redriveStatus", "NOT_REDRIVABLE");
    body.push("redriveStatusReason", "Express executions cannot be redriven");
    Ok(body.build())
}

fn summarized(summary: &Summary) -> ObjectBuilder {
    let Summary { arn, origin, started, stopped, status } = summary;
    let mut body = ObjectBuilder::with_capacity(16)
        .with("executionArn", arn.clone())
        .with("stateMachineArn", origin.machine.clone());
    push_qualified(&mut body, origin);
    body.push("name", summary.name());
    body.push("status", *status);
    body.push("startDate", epoch_seconds(*started));
    body.push("redriveCount", 0_u32);
    if let Some(stopped) = stopped {
        body.push("stopDate", epoch_seconds(*stopped));
    }
    body
}

fn list(service: &Service, request: &Document) -> Result<Document, Fault> {
    let members = Members::of(request)?;
    let mut checker = Checker::default();
    let arn = members.text(&mut checker, "stateMachineArn", STATE_MACHINE_ARN);
    let status = members.choice(&mut checker, "statusFilter", EXECUTION_STATUSES);
    let redriven = members.choice(&mut checker, "redriveFilter", &["REDRIVEN", "NOT_REDRIVEN"]);
    let page = page_request(&members, &mut checker);
    checker.finish()?;
    let arn = arn.expect("it is required");
    service.state_machine(arn)?;
    let request =
        ListRequest { items_max: page_items(page.items_max), token: page.token, status, ..ListRequest::default() };
    let is_wanted = |origin: &_| redriven != Some("REDRIVEN") && is_of(origin, arn);
    let (page, token) = service.executions().list(&request, is_wanted)?;
    let items: Vec<_> = page.iter().map(|summary| summarized(summary).build()).collect();
    let mut body = ObjectBuilder::with_capacity(2).with("executions", items);
    if let Some(token) = token {
        body.push("nextToken", token);
    }
    Ok(body.build())
}

fn history(service: &Service, request: &Document) -> Result<Document, Fault> {
    let members = Members::of(request)?;
    let mut checker = Checker::default();
    let arn = members.text(&mut checker, "executionArn", STATE_MACHINE_ARN);
    let events_max = members.integer(&mut checker, "maxResults", 0, PAGE_ITEMS_MAX);
    let token = members.text(&mut checker, "nextToken", TOKEN);
    let reverse = members.boolean(&mut checker, "reverseOrder").unwrap_or(false);
    let wants_data = members.boolean(&mut checker, "includeExecutionData").unwrap_or(true);
    checker.finish()?;
    let arn = arn.expect("it is required");
    let events_max = page_items(events_max.unwrap_or(0) as usize);
    let after = token.map(|token| number_of_token(token)).transpose()?;
    let Some(page) = service.histories().page(arn, HistoryRequest { events_max, reverse, after }) else {
        // What is known, but is not recorded, is a history without events.
        let events = || ObjectBuilder::with_capacity(1).with("events", Vec::new()).build();
        return service.executions().knows(arn).then(events).ok_or_else(|| unknown(arn));
    };
    let shows_data = wants_data && page.shows_data;
    let events: Vec<_> = page.events.iter().map(|event| page.subject.aws_event(event, shows_data)).collect();
    let mut body = ObjectBuilder::with_capacity(2).with("events", events);
    if let Some(after) = page.next_after {
        body.push("nextToken", token_of_number(after));
    }
    Ok(body.build())
}

fn stop(service: &Service, request: &Document) -> Result<Document, Fault> {
    let members = Members::of(request)?;
    let mut checker = Checker::default();
    let arn = members.text(&mut checker, "executionArn", STATE_MACHINE_ARN);
    let error = members.text(&mut checker, "error", ERROR);
    let cause = members.text(&mut checker, "cause", CAUSE);
    checker.finish()?;
    let arn = arn.expect("it is required");
    let failure = Failure { error: error.cloned(), cause: cause.cloned() };
    let stopped = service.executions().stop(arn, failure, clock::now()).ok_or_else(|| unknown(arn))?;
    Ok(ObjectBuilder::with_capacity(1).with("stopDate", epoch_seconds(stopped)).build())
}

fn unknown(arn: &Text) -> Fault {
    Fault::new(Kind::ExecutionDoesNotExist, format!("Execution Does Not Exist: '{arn}'"))
}
