//! Functions: create, update, get, list, delete.

use super::Call;
use super::name::{fault, invalid};
use super::package::unpack;
use super::request::{Configuration, zip_file};
use super::shape::{self, ArnForm};
use super::tags;
use crate::aws::{Checker, Members, TextRule};
use crate::fault::{Fault, Kind};
use fleetstep_catalog::{FunctionChange, FunctionChanged, FunctionExpected, FunctionVersion, Publication};
use fleetstep_document::Document;

const FUNCTION_NAME: TextRule = TextRule::to(140).required();

/// `CreateFunction`
pub(super) async fn create(call: Call<'_>) -> Result<Document, Fault> {
    let request = call.json()?;
    let members = Members::of_lambda(&request)?;
    let mut checker = Checker::default();
    let name = members.text(&mut checker, "FunctionName", FUNCTION_NAME);
    let configuration = Configuration::of_new(&members, &mut checker)?;
    let publish = members.boolean(&mut checker, "Publish").unwrap_or(false);
    let code = members.required_structure(&mut checker, "Code");
    let tags = tags::at_creation(&members)?;
    checker.finish()?;
    let named = call.named(name.expect("it is required"))?.unqualified()?;
    let archive = zip_file(&code.expect("it is required"), &mut Checker::default())?;
    drop(call.body);
    let module = unpack(archive, call.service.limits().module_bytes_max).await?;
    let (settings, profile) = configuration.changes();
    let change = FunctionChange {
        module: Some(module),
        settings: Some(settings),
        profile: Some(profile),
        tags,
        publish: publish.then(Publication::default),
        ..FunctionChange::expecting(FunctionExpected::Nothing)
    };
    let changed = call.service.catalog().change_function(&named.name, change).await.map_err(fault)?;
    Ok(shape::configuration(changed.version.as_ref().unwrap_or(&changed.function), ArnForm::Bare))
}

/// `UpdateFunctionCode`
pub(super) async fn update_code(call: Call<'_>) -> Result<Document, Fault> {
    let request = call.json()?;
    let members = Members::of_lambda(&request)?;
    let mut checker = Checker::default();
    // Only `Architectures` and `RevisionId` are members of this operation.
    let configuration = Configuration::of_update(&members, &mut checker)?;
    let publish = members.boolean(&mut checker, "Publish").unwrap_or(false);
    let dry_run = members.boolean(&mut checker, "DryRun").unwrap_or(false);
    let archive = zip_file(&members, &mut checker)?;
    checker.finish()?;
    let named = call.function()?.unqualified()?;
    drop((call.body, request));
    let module = unpack(archive, call.service.limits().module_bytes_max).await?;
    let revision_id = configuration.revision_id.clone();
    let change = FunctionChange {
        module: Some(module),
        profile: Some(configuration.changes().1),
        publish: publish.then(Publication::default),
        dry_run,
        ..FunctionChange::expecting(FunctionExpected::One { revision_id })
    };
    let changed = call.service.catalog().change_function(&named.name, change).await.map_err(fault)?;
    Ok(described(&changed))
}

/// `UpdateFunctionConfiguration`
pub(super) async fn update_configuration(call: Call<'_>) -> Result<Document, Fault> {
    let request = call.json()?;
    let members = Members::of_lambda(&request)?;
    let mut checker = Checker::default();
    let configuration = Configuration::of_update(&members, &mut checker)?;
    checker.finish()?;
    let named = call.function()?.unqualified()?;
    let revision_id = configuration.revision_id.clone();
    let (settings, profile) = configuration.changes();
    let change = FunctionChange {
        settings: Some(settings),
        profile: Some(profile),
        ..FunctionChange::expecting(FunctionExpected::One { revision_id })
    };
    let changed = call.service.catalog().change_function(&named.name, change).await.map_err(fault)?;
    Ok(described(&changed))
}

fn described(changed: &FunctionChanged) -> Document {
    match &changed.version {
        Some(version) => shape::configuration(version, ArnForm::Versioned),
        None => shape::configuration(&changed.function, ArnForm::Bare),
    }
}

/// `GetFunction`
pub(super) fn get(call: &Call<'_>) -> Result<Document, Fault> {
    let named = call.function()?;
    let qualifier = named.qualifier.as_deref();
    let found = call.service.catalog().function(&named.name, qualifier).map_err(fault)?;
    Ok(shape::found(&found, form(qualifier)))
}

/// `GetFunctionConfiguration`
pub(super) fn configuration(call: &Call<'_>) -> Result<Document, Fault> {
    let named = call.function()?;
    let qualifier = named.qualifier.as_deref();
    let found = call.service.catalog().function(&named.name, qualifier).map_err(fault)?;
    Ok(shape::configuration(&found.function, form(qualifier)))
}

/// Whoever asks with a qualifier is told it.
fn form(qualifier: Option<&str>) -> ArnForm<'_> {
    qualifier.map_or(ArnForm::Bare, ArnForm::Qualified)
}

/// `GetFunctionCodeSigningConfig`: there is none, which is what tools ask.
pub(super) fn code_signing(call: &Call<'_>) -> Result<Document, Fault> {
    let named = call.function()?;
    call.service.catalog().describe_function(&named.name).map_err(fault)?;
    Ok(Document::empty_object())
}

/// `GetPolicy`: no function has one.
pub(super) fn policy(call: &Call<'_>) -> Fault {
    let found = call
        .function()
        .and_then(|named| call.service.catalog().function(&named.name, named.qualifier.as_deref()).map_err(fault));
    match found {
        Ok(_) => Fault::new(Kind::ResourceNotFoundException, "The resource you requested does not exist."),
        Err(fault) => fault,
    }
}

/// `ListFunctions`
pub(super) fn list(call: &Call<'_>) -> Result<Document, Fault> {
    if call.parameter("FunctionVersion").is_some() || call.parameter("MasterRegion").is_some() {
        return Err(invalid(
            "FunctionVersion and MasterRegion are not supported: ListVersionsByFunction lists the versions of a function",
        ));
    }
    let page = call.service.catalog().list_functions(&call.page()?).map_err(|error| fault(error.into()))?;
    let items = page.items.iter().map(|function| shape::configuration(function, ArnForm::Bare)).collect();
    Ok(shape::listing("Functions", items, page.next_token))
}

/// `DeleteFunction`: the function with all that is published of it, or one version.
pub(super) async fn delete(call: Call<'_>) -> Result<(), Fault> {
    let named = call.function()?;
    let catalog = call.service.catalog();
    let deleted = match named.qualifier.as_deref().map(|qualifier| (qualifier, FunctionVersion::parse(qualifier))) {
        None => catalog.delete_function(&named.name).await,
        Some((_, Some(FunctionVersion::Number(number)))) => catalog.delete_function_version(&named.name, number).await,
        Some((_, Some(FunctionVersion::Latest))) => {
            return Err(invalid("$LATEST version cannot be deleted without deleting the function."));
        }
        Some((alias, None)) => {
            return Err(invalid(format!("Deletion of aliases is not currently supported: {alias}: use DeleteAlias")));
        }
    };
    deleted.map_err(fault)
}
