//! Versions: publish, list, delete. One is described as a state machine is.

use super::configuration::DESCRIPTION;
use super::machines::{STATE_MACHINE_ARN, page_request, push_token};
use super::members::{Checker, Members, TextRule};
use crate::Service;
use crate::fault::Fault;
use crate::reply::epoch_seconds;
use fleetstep_catalog::{StateMachineArn, Version};
use fleetstep_document::{Document, ObjectBuilder};

const VERSION_ARN: TextRule = TextRule::to(2_000).required();
/// The API model has no bound for it; ours are UUIDs.
const REVISION_ID: TextRule = TextRule::to(256);

/// `PublishStateMachineVersion`
pub(super) async fn publish(service: &Service, request: &Document) -> Result<Document, Fault> {
    let members = Members::of(request)?;
    let mut checker = Checker::default();
    let arn = members.text(&mut checker, "stateMachineArn", STATE_MACHINE_ARN);
    let revision_id = members.text(&mut checker, "revisionId", REVISION_ID);
    let description = members.text(&mut checker, "description", DESCRIPTION);
    checker.finish()?;
    let arn = StateMachineArn::parse(arn.expect("it is required"))?;
    let (revision_id, description) = (revision_id.map(ToString::to_string), description.map(ToString::to_string));
    let version = service.catalog().publish_version(&arn, revision_id, description).await?;
    Ok(list_item(&version))
}

/// `ListStateMachineVersions`
pub(super) fn list(service: &Service, request: &Document) -> Result<Document, Fault> {
    let members = Members::of(request)?;
    let mut checker = Checker::default();
    let arn = members.text(&mut checker, "stateMachineArn", STATE_MACHINE_ARN);
    let page = page_request(&members, &mut checker);
    checker.finish()?;
    let arn = StateMachineArn::parse(arn.expect("it is required"))?;
    let page = service.catalog().list_versions(&arn, &page)?;
    let versions: Vec<Document> = page.items.iter().map(|version| list_item(version)).collect();
    let mut body = ObjectBuilder::with_capacity(2).with("stateMachineVersions", versions);
    push_token(&mut body, page.next_token);
    Ok(body.build())
}

fn list_item(version: &Version) -> Document {
    ObjectBuilder::with_capacity(2)
        .with("creationDate", epoch_seconds(version.created))
        .with("stateMachineVersionArn", version.arn.as_text().clone())
        .build()
}

/// `DeleteStateMachineVersion`: one that is not there is deleted already.
pub(super) async fn delete(service: &Service, request: &Document) -> Result<Document, Fault> {
    let members = Members::of(request)?;
    let mut checker = Checker::default();
    let arn = members.text(&mut checker, "stateMachineVersionArn", VERSION_ARN);
    checker.finish()?;
    let arn = StateMachineArn::parse(arn.expect("it is required"))?;
    service.catalog().delete_version(&arn).await?;
    Ok(Document::empty_object())
}
