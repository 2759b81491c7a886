//! What a workflow is beside its definition: its versions and aliases, and what the compiler says of it.

use super::workflows::{arn, diagnostic, named};
use super::{Call, unknown_parameter};
use crate::fault::Fault;
use crate::reply::{self, Reply, iso_date};
use bytes::Bytes;
use fleetstep_asl::{Options, WorkflowType, compile};
use fleetstep_catalog::{Alias, PAGE_ITEMS_MAX, PageRequest, Version};
use fleetstep_document::{Document, ObjectBuilder};
use hyper::StatusCode;
use hyper::body::Body;

/// `GET /v1/workflows/NAME/versions`: versions, a page of them, the latest first; and all aliases.
pub(super) fn versions<B: Body<Data = Bytes>>(call: &Call<'_, B>) -> Result<Reply, Fault> {
    let (arn, request) = (arn(call)?, call.page()?);
    let page = call.service.catalog().list_versions(&arn, &request)?;
    let all = PageRequest { items_max: PAGE_ITEMS_MAX, ..PageRequest::default() };
    let aliases = call.service.catalog().list_aliases(&arn, &all)?;
    let versions: Vec<Document> = page.items.iter().map(|version| told_version(version)).collect();
    let aliases: Vec<Document> = aliases.items.iter().map(|alias| told_alias(alias)).collect();
    let mut body = ObjectBuilder::with_capacity(3).with("versions", versions).with("aliases", aliases);
    if let Some(token) = page.next_token {
        body.push("nextToken", token);
    }
    Ok(reply::json(&body.build(), StatusCode::OK))
}

fn told_version(version: &Version) -> Document {
    let mut body = ObjectBuilder::with_capacity(4)
        .with("version", version.number)
        .with("stateMachineVersionArn", version.arn.as_text().clone())
        .with("creationDate", iso_date(version.created));
    if let Some(description) = &version.description {
        body.push("description", description.clone());
    }
    body.build()
}

fn told_alias(alias: &Alias) -> Document {
    let route = |route: &fleetstep_catalog::Route| {
        ObjectBuilder::with_capacity(2).with("version", route.version.number).with("weight", route.weight).build()
    };
    let mut body = ObjectBuilder::with_capacity(6)
        .with("name", alias.name.clone())
        .with("stateMachineAliasArn", alias.arn.as_text().clone())
        .with("routes", alias.routes.iter().map(route).collect::<Vec<_>>())
        .with("creationDate", iso_date(alias.created))
        .with("updateDate", iso_date(alias.updated));
    if let Some(description) = &alias.description {
        body.push("description", description.clone());
    }
    body.build()
}

/// `GET /v1/workflows/NAME/diagnostics`: what the compiler says of the definition; where it cannot be run, why.
pub(super) fn diagnostics<B: Body<Data = Bytes>>(call: &Call<'_, B>) -> Result<Reply, Fault> {
    if let Some((name, _)) = call.query().next() {
        return Err(unknown_parameter(&name, "none"));
    }
    let machine = named(call)?.machine;
    let found = match &machine.runnable {
        Ok(_) => {
            let target = Some(WorkflowType::Express);
            let extended = call.service.catalog().is_extended();
            // What nothing is bound to, the host tells.
            let options = Options { format: machine.format, target, extended, bound: true, ..Options::default() };
            compile(&machine.definition, &options).diagnostics
        }
        Err(problems) => problems.clone(),
    };
    let found: Vec<Document> = found.iter().map(diagnostic).collect();
    let body = ObjectBuilder::with_capacity(2).with("runs", machine.runnable.is_ok()).with("diagnostics", found);
    Ok(reply::json(&body.build(), StatusCode::OK))
}
