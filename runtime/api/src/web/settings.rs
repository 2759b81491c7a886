//! A function's settings as they come in: as query parameters beside a module, or as a JSON object of the same
//! names.

use super::{number, unknown_parameter};
use crate::fault::{Fault, Kind};
use fleetstep_catalog::{FunctionSettings, MASKED, Secrets};
use fleetstep_document::{Document, ObjectBuilder, View};
use std::collections::BTreeMap;

/// What a whole number can be set to: its name and where it is kept.
type NumberField = (&'static str, fn(&mut FunctionSettings) -> &mut u32);

const NUMBERS: [NumberField; 4] = [
    ("memory_mib", |settings| &mut settings.memory_mib),
    ("timeout_seconds", |settings| &mut settings.timeout_seconds),
    ("concurrency", |settings| &mut settings.concurrency_max),
    ("reuse", |settings| &mut settings.reuse),
];
/// Whether the module's start-up is run once for all its instances: `true` or `false`.
const PREINITIALISE: &str = "preinitialise";
const DESCRIPTION: &str = "description";
/// As a query parameter, a variable of the environment is `env.NAME`; as JSON, `environment` is an object.
const VARIABLE_PREFIX: &str = "env.";
const ENVIRONMENT: &str = "environment";
/// Variables that are shown to nobody. There is no query parameter for them: proxies write queries to their logs.
const SECRETS: &str = "secrets";

/// What the function may reach. It may hold credentials: no query parameter either.
const GRANTS: &str = "grants";

/// Sets what one query parameter names.
pub(super) fn apply_parameter(settings: &mut FunctionSettings, name: &str, value: &str) -> Result<(), Fault> {
    if let Some((_, field)) = NUMBERS.iter().find(|(known, _)| *known == name) {
        *field(settings) = number(name, value)?;
    } else if name == PREINITIALISE {
        settings.preinitialise = value.parse().map_err(|_| invalid(&format!("'{name}' must be true or false")))?;
    } else if name == DESCRIPTION {
        value.clone_into(&mut settings.description);
    } else if let Some(variable) = name.strip_prefix(VARIABLE_PREFIX) {
        settings.environment.insert(variable.to_owned(), value.to_owned());
    } else {
        return Err(unknown_parameter(name, &known("env.NAME")));
    }
    Ok(())
}

/// Sets what a JSON object names; `environment`, `secrets` and `grants` replace those that are there.
pub(super) fn apply_json(settings: &mut FunctionSettings, body: &Document) -> Result<(), Fault> {
    let Some(object) = body.as_object() else {
        return Err(invalid("The settings must be a JSON object"));
    };
    for (name, value) in object.iter() {
        match value.view() {
            View::Number(_) if NUMBERS.iter().any(|(known, _)| *known == name.as_str()) => {
                apply_parameter(settings, name, &value.to_json())?;
            }
            View::Bool(_) if name.as_str() == PREINITIALISE => apply_parameter(settings, name, &value.to_json())?,
            View::String(text) if name.as_str() == DESCRIPTION => apply_parameter(settings, name, text)?,
            View::Object(_) if name.as_str() == ENVIRONMENT => settings.environment = variables(name, value)?,
            View::Object(_) if name.as_str() == SECRETS => settings.secrets = Secrets(variables(name, value)?),
            View::Object(_) if name.as_str() == GRANTS => {
                settings.set_grants(&value.to_json()).map_err(|error| invalid(&format!("'{GRANTS}': {error}")))?;
            }
            _ if [ENVIRONMENT, SECRETS, GRANTS, DESCRIPTION, PREINITIALISE].contains(&name.as_str()) => {
                return Err(invalid(&format!("'{name}' must not be of type {}", value.type_name())));
            }
            _ if NUMBERS.iter().any(|(known, _)| *known == name.as_str()) => {
                return Err(invalid(&format!("'{name}' must be a whole number, but it is {value}")));
            }
            _ => return Err(unknown_parameter(name, &known("environment, secrets, grants"))),
        }
    }
    Ok(())
}

/// Adds the settings to a function's description, under the names that set them.
pub(super) fn describe(settings: &FunctionSettings, body: &mut ObjectBuilder) {
    let mut settings = settings.clone();
    for (name, field) in NUMBERS {
        body.push(name, *field(&mut settings));
    }
    body.push(PREINITIALISE, settings.preinitialise);
    let mut environment = ObjectBuilder::with_capacity(settings.environment.len());
    for (name, value) in &settings.environment {
        environment.push(name.as_str(), value.as_str());
    }
    body.push(ENVIRONMENT, environment.build());
    if !settings.secrets.is_empty() {
        let names = settings.secrets.0.keys();
        let secrets = names.fold(ObjectBuilder::default(), |secrets, name| secrets.with(name.as_str(), MASKED));
        body.push(SECRETS, secrets.build());
    }
    if let Some(grants) = settings.grants_shown().and_then(|grants| Document::parse(grants.as_bytes()).ok()) {
        body.push(GRANTS, grants);
    }
    body.push(DESCRIPTION, settings.description);
}

/// The members of an object of texts. What is no text is not repeated in the error: it may be a secret.
fn variables(member: &str, value: &Document) -> Result<BTreeMap<String, String>, Fault> {
    let entries = value.as_object().into_iter().flat_map(|object| object.iter());
    entries
        .map(|(name, value)| match value.as_str() {
            Some(text) => Ok((name.to_string(), text.to_owned())),
            None => {
                let kind = value.type_name();
                Err(invalid(&format!("'{member}.{name}' must be a string, but it is of type {kind}")))
            }
        })
        .collect()
}

fn known(environment: &str) -> String {
    let numbers = NUMBERS.map(|(name, _)| name).join(", ");
    format!("{numbers}, {PREINITIALISE}, {DESCRIPTION}, {environment}")
}

fn invalid(message: &str) -> Fault {
    Fault::new(Kind::ValidationException, message.to_owned())
}
