//! Aliases of functions: names for one version, or for two between which calls are divided.

use super::Call;
use super::name::{fault, invalid};
use super::request::DESCRIPTION;
use super::shape;
use crate::aws::{Checker, Members, TextRule};
use crate::fault::{Fault, Kind};
use fleetstep_catalog::{FUNCTION_WEIGHTS_SUM, FunctionAliasChange, FunctionRoute, FunctionVersion};
use fleetstep_document::{Document, Text};

const NAME: TextRule = TextRule::to(128).required();
const NAME_PATTERN: &str = "(?!^[0-9]+$)([a-zA-Z0-9-_]+)";
const VERSION: TextRule = TextRule::to(1_024);
const VERSION_PATTERN: &str = r"(\$LATEST|[0-9]+)";
const REVISION: TextRule = TextRule::to(128);

fn is_alias_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    text.bytes().all(allowed) && !text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_version(text: &str) -> bool {
    FunctionVersion::parse(text).is_some()
}

/// `CreateAlias`
pub(super) async fn create(call: Call<'_>) -> Result<Document, Fault> {
    let request = call.json()?;
    let members = Members::of_lambda(&request)?;
    let mut checker = Checker::default();
    let name = members.matching(&mut checker, "Name", NAME, NAME_PATTERN, is_alias_name);
    let version = members.matching(&mut checker, "FunctionVersion", VERSION.required(), VERSION_PATTERN, is_version);
    let description = members.text(&mut checker, "Description", DESCRIPTION);
    let second = routing(&members, &mut checker)?;
    checker.finish()?;
    let version = version.and_then(|version| FunctionVersion::parse(version)).expect("it is required and fits");
    let named = call.function()?.unqualified()?;
    let route = FunctionRoute { version, second: second.flatten() };
    let description = description.map(Text::to_string).unwrap_or_default();
    let name = name.expect("it is required");
    let alias = call.service.catalog().create_function_alias(&named.name, name, route, description).await;
    let alias = alias.map_err(fault)?;
    Ok(shape::alias(&alias))
}

/// `UpdateAlias`
pub(super) async fn update(call: Call<'_>) -> Result<Document, Fault> {
    let request = call.json()?;
    let members = Members::of_lambda(&request)?;
    let mut checker = Checker::default();
    let version = members.matching(&mut checker, "FunctionVersion", VERSION, VERSION_PATTERN, is_version);
    let change = FunctionAliasChange {
        version: version.and_then(|version| FunctionVersion::parse(version)),
        second: routing(&members, &mut checker)?,
        description: members.text(&mut checker, "Description", DESCRIPTION).map(Text::to_string),
        revision_id: members.text(&mut checker, "RevisionId", REVISION).map(Text::to_string),
    };
    checker.finish()?;
    let named = call.function()?.unqualified()?;
    let alias = call.service.catalog().update_function_alias(&named.name, name(&call)?, change).await;
    let alias = alias.map_err(fault)?;
    Ok(shape::alias(&alias))
}

/// `RoutingConfig.AdditionalVersionWeights`: one version at most. An empty map leaves none.
#[allow(clippy::option_option)] // As `FunctionAliasChange` has it.
fn routing(members: &Members<'_>, checker: &mut Checker) -> Result<Option<Option<(u32, u32)>>, Fault> {
    let Some(routing) = members.structure(checker, "RoutingConfig") else { return Ok(None) };
    let weights = routing.get("AdditionalVersionWeights").and_then(Document::as_object);
    let mut weights = weights.into_iter().flat_map(|weights| weights.iter());
    let (Some((version, weight)), more) = (weights.next(), weights.next()) else { return Ok(Some(None)) };
    if more.is_some() {
        return Err(invalid("Number of items in AdditionalVersionWeights cannot be greater than 1"));
    }
    let Some(FunctionVersion::Number(number)) = FunctionVersion::parse(version) else {
        return Err(invalid(format!(
            "Function version {version} of AdditionalVersionWeights is no number of a version"
        )));
    };
    let share = weight.as_f64().filter(|share| (0.0..=1.0).contains(share));
    let share = share.ok_or_else(|| {
        let message = format!(
            "1 validation error detected: Value '{weight}' at 'routingConfig.additionalVersionWeights' failed to \
             satisfy constraint: Map value must be a number between 0.0 and 1.0"
        );
        Fault::new(Kind::ValidationException, message)
    })?;
    // Within the bounds: what is cut off is less than a millionth.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let weight = (share * f64::from(FUNCTION_WEIGHTS_SUM)).round() as u32;
    Ok(Some(Some((number, weight))))
}

/// The alias in the path.
fn name<'a>(call: &'a Call<'_>) -> Result<&'a str, Fault> {
    let name = call.routed.labels.get(1).map_or("", String::as_str);
    if is_alias_name(name) {
        return Ok(name);
    }
    let message = format!(
        "1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: Member must satisfy \
         regular expression pattern: {NAME_PATTERN}"
    );
    Err(Fault::new(Kind::ValidationException, message))
}

/// `GetAlias`
pub(super) fn get(call: &Call<'_>) -> Result<Document, Fault> {
    let named = call.function()?.unqualified()?;
    let alias = call.service.catalog().function_alias(&named.name, name(call)?);
    let alias = alias.map_err(fault)?;
    Ok(shape::alias(&alias))
}

/// `ListAliases`
pub(super) fn list(call: &Call<'_>) -> Result<Document, Fault> {
    let named = call.function()?.unqualified()?;
    let version = call.parameter("FunctionVersion");
    let version = version.map(|text| {
        FunctionVersion::parse(&text).ok_or_else(|| invalid(format!("'{text}' is no version of a function")))
    });
    let page = call.page()?;
    let page = call.service.catalog().list_function_aliases(&named.name, version.transpose()?, &page).map_err(fault)?;
    let items = page.items.iter().map(|alias| shape::alias(alias)).collect();
    Ok(shape::listing("Aliases", items, page.next_token))
}

/// `DeleteAlias`: one that is not there is deleted already.
pub(super) async fn delete(call: Call<'_>) -> Result<(), Fault> {
    let named = call.function()?.unqualified()?;
    call.service.catalog().delete_function_alias(&named.name, name(&call)?).await.map_err(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_is_no_number() {
        for name in ["live", "v1", "1a", "-", "_"] {
            assert!(is_alias_name(name), "{name}");
        }
        for name in ["1", "", "a.b", "$LATEST", "a:b"] {
            assert!(!is_alias_name(name), "{name}");
        }
    }
}
