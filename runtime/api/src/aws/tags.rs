//! Tags of a state machine: at its creation, added, removed, listed.

use super::machines::STATE_MACHINE_ARN;
use super::members::{Checker, Members, TextRule};
use crate::Service;
use crate::fault::{Fault, Kind};
use fleetstep_catalog::StateMachineArn;
use fleetstep_document::{Document, ObjectBuilder};
use std::collections::BTreeMap;

const KEY: TextRule = TextRule::to(128).required();
const VALUE: TextRule = TextRule::to(256).or_empty();
/// What may stand in a tag beside letters, digits and white space.
const SYMBOLS: &str = "_.:/=+-@";
/// Keys that begin with this are the service's own.
const RESERVED_PREFIX: &str = "aws:";

type Tags = BTreeMap<String, String>;

/// `tags` of `CreateStateMachine`
pub(super) fn at_creation(checker: &mut Checker, request: &Members<'_>) -> Result<Tags, Fault> {
    let tags = request.structures(checker, "tags");
    read(checker, &tags.unwrap_or_default())
}

/// `TagResource`
pub(super) async fn tag(service: &Service, request: &Document) -> Result<Document, Fault> {
    let members = Members::of(request)?;
    let mut checker = Checker::default();
    let arn = members.text(&mut checker, "resourceArn", STATE_MACHINE_ARN);
    let tags = members.required_structures(&mut checker, "tags");
    let tags = read(&mut checker, &tags.unwrap_or_default());
    checker.finish()?;
    let arn = StateMachineArn::parse(arn.expect("it is required"))?;
    service.catalog().tag(&arn, tags?).await?;
    Ok(Document::empty_object())
}

/// `UntagResource`
pub(super) async fn untag(service: &Service, request: &Document) -> Result<Document, Fault> {
    let members = Members::of(request)?;
    let mut checker = Checker::default();
    let arn = members.text(&mut checker, "resourceArn", STATE_MACHINE_ARN);
    let keys = members.required_texts(&mut checker, "tagKeys", KEY);
    checker.finish()?;
    let arn = StateMachineArn::parse(arn.expect("it is required"))?;
    let keys = keys.expect("it is required").into_iter().map(ToString::to_string).collect();
    service.catalog().untag(&arn, keys).await?;
    Ok(Document::empty_object())
}

/// `ListTagsForResource`
pub(super) fn list(service: &Service, request: &Document) -> Result<Document, Fault> {
    let members = Members::of(request)?;
    let mut checker = Checker::default();
    let arn = members.text(&mut checker, "resourceArn", STATE_MACHINE_ARN);
    checker.finish()?;
    let arn = StateMachineArn::parse(arn.expect("it is required"))?;
    let tags = service.catalog().tags(&arn)?;
    let tag = |(key, value): (&String, &String)| {
        ObjectBuilder::with_capacity(2).with("key", key.as_str()).with("value", value.as_str()).build()
    };
    Ok(ObjectBuilder::with_capacity(1).with("tags", tags.iter().map(tag).collect::<Vec<_>>()).build())
}

fn read(checker: &mut Checker, items: &[Members<'_>]) -> Result<Tags, Fault> {
    let mut tags = Tags::new();
    let mut problem = None;
    for item in items {
        let key = item.text(checker, "key", KEY);
        let value = item.text(checker, "value", VALUE);
        let (Some(key), value) = (key, value.map_or("", |value| value.as_str())) else { continue };
        problem = problem.or_else(|| complaint(key, value));
        tags.insert(key.to_string(), value.to_owned());
    }
    match problem {
        Some(message) => Err(Fault::new(Kind::ValidationException, message)),
        None => Ok(tags),
    }
}

/// What is wrong with a tag, beside its size.
fn complaint(key: &str, value: &str) -> Option<String> {
    let allowed = |c: char| c.is_alphanumeric() || c.is_whitespace() || SYMBOLS.contains(c);
    if !key.chars().chain(value.chars()).all(allowed) {
        return Some(format!(
            "The tag '{key}' may only contain Unicode letters, digits, white space, or these symbols: _ . : / = + - @"
        ));
    }
    let reserved = key.get(..RESERVED_PREFIX.len()).is_some_and(|head| head.eq_ignore_ascii_case(RESERVED_PREFIX));
    reserved.then(|| format!("The tag '{key}' begins with '{RESERVED_PREFIX}', which is reserved"))
}
