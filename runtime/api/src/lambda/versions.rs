//! Versions of functions, and how many calls of them all may run at once.

use super::Call;
use super::name::fault;
use super::request::DESCRIPTION;
use super::shape::{self, ArnForm, one};
use crate::aws::{Checker, Members, TextRule};
use crate::fault::Fault;
use fleetstep_catalog::{CONCURRENCY, PublishFunction};
use fleetstep_document::{Document, Text};

const CODE_SHA256: TextRule = TextRule::to(64);
const REVISION: TextRule = TextRule::to(128);
const RESERVED: &str = "ReservedConcurrentExecutions";

/// `PublishVersion`
pub(super) async fn publish(call: Call<'_>) -> Result<Document, Fault> {
    let request = call.json()?;
    let members = Members::of_lambda(&request)?;
    let mut checker = Checker::default();
    let text = |value: Option<&Text>| value.map(Text::to_string);
    let publish = PublishFunction {
        description: text(members.text(&mut checker, "Description", DESCRIPTION)),
        code_sha256: text(members.text(&mut checker, "CodeSha256", CODE_SHA256)),
        revision_id: text(members.text(&mut checker, "RevisionId", REVISION)),
    };
    checker.finish()?;
    let named = call.function()?.unqualified()?;
    let version = call.service.catalog().publish_function(&named.name, publish).await.map_err(fault)?;
    Ok(shape::configuration(&version, ArnForm::Versioned))
}

/// `ListVersionsByFunction`
pub(super) fn list(call: &Call<'_>) -> Result<Document, Fault> {
    let named = call.function()?.unqualified()?;
    let page = call.service.catalog().list_function_versions(&named.name, &call.page()?).map_err(fault)?;
    let items = page.items.iter().map(|function| shape::configuration(function, ArnForm::Versioned)).collect();
    Ok(shape::listing("Versions", items, page.next_token))
}

/// `PutFunctionConcurrency`; with 0 nothing is called.
pub(super) async fn reserve(call: Call<'_>) -> Result<Document, Fault> {
    let request = call.json()?;
    let members = Members::of_lambda(&request)?;
    let mut checker = Checker::default();
    let reserved = members.required_integer(&mut checker, RESERVED, 0, (*CONCURRENCY.end()).into());
    checker.finish()?;
    let reserved = reserved.and_then(|reserved| u32::try_from(reserved).ok()).unwrap_or(0);
    let named = call.function()?.unqualified()?;
    call.service.catalog().reserve_concurrency(&named.name, Some(reserved)).await.map_err(fault)?;
    Ok(one(RESERVED, reserved))
}

/// `GetFunctionConcurrency`
pub(super) fn reserved(call: &Call<'_>) -> Result<Document, Fault> {
    let named = call.function()?.unqualified()?;
    let function = call.service.catalog().describe_function(&named.name).map_err(fault)?;
    Ok(function.reserved_concurrency.map_or_else(Document::empty_object, |reserved| one(RESERVED, reserved)))
}

/// `DeleteFunctionConcurrency`
pub(super) async fn free(call: Call<'_>) -> Result<(), Fault> {
    let named = call.function()?.unqualified()?;
    call.service.catalog().reserve_concurrency(&named.name, None).await.map_err(fault)?;
    Ok(())
}
