//! A function and its aliases as Lambda describes them.

use fleetstep_catalog::{FUNCTION_WEIGHTS_SUM, FunctionAlias, FunctionDescription, FunctionFound};
use fleetstep_document::{Document, ObjectBuilder, Text};
use fleetstep_engine::Timestamp;

/// How a function's ARN is told.
#[derive(Clone, Copy)]
pub(super) enum ArnForm<'a> {
    /// The function's own.
    Bare,
    /// With this version or alias behind it.
    Qualified(&'a str),
    /// With its version behind it.
    Versioned,
}

/// `FunctionConfiguration`. A function is ready when it is there: it was compiled and tried before.
pub(super) fn configuration(function: &FunctionDescription, form: ArnForm<'_>) -> Document {
    let FunctionDescription { settings, profile, .. } = function;
    let version = function.version.to_string();
    let arn = match form {
        ArnForm::Bare => function.arn.clone(),
        ArnForm::Qualified(qualifier) => function.arn.qualified_by(qualifier),
        ArnForm::Versioned => function.arn.qualified_by(&version),
    };
    let bytes = function.package.as_ref().map_or(function.module_bytes, |package| package.bytes);
    let mut body = ObjectBuilder::with_capacity(24)
        .with("FunctionName", function.name.clone())
        .with("FunctionArn", arn.as_text().clone())
        .with("Runtime", profile.runtime.as_str())
        .with("Role", profile.role.as_str())
        .with("Handler", profile.handler.as_str())
        .with("CodeSize", i64::try_from(bytes).unwrap_or(i64::MAX))
        .with("Description", settings.description.as_str())
        .with("Timeout", settings.timeout_seconds)
        .with("MemorySize", settings.memory_mib)
        .with("LastModified", last_modified(function.updated))
        .with("CodeSha256", function.code_sha256())
        .with("Version", version)
        .with("TracingConfig", one("Mode", profile.tracing_mode.as_str()))
        .with("RevisionId", function.revision());
    if !settings.environment.is_empty() {
        body.push("Environment", one("Variables", map(&settings.environment)));
    }
    push_state(&mut body, function.problem.as_deref());
    body.push("PackageType", "Zip");
    body.push("Architectures", vec![Document::from(profile.architecture.as_str())]);
    body.push("EphemeralStorage", one("Size", profile.ephemeral_storage_mib));
    body.push("SnapStart", two(("ApplyOn", "None"), ("OptimizationStatus", "Off")));
    let log_group = format!("/aws/lambda/{}", function.name);
    body.push("LoggingConfig", two(("LogFormat", "Text"), ("LogGroup", &log_group)));
    body.build()
}

/// That a function can be called, or why not.
fn push_state(body: &mut ObjectBuilder, problem: Option<&str>) {
    let Some(problem) = problem else {
        body.push("State", "Active");
        body.push("LastUpdateStatus", "Successful");
        return;
    };
    body.push("State", "Failed");
    body.push("StateReason", problem);
    body.push("StateReasonCode", "InvalidZipFileException");
    body.push("LastUpdateStatus", "Failed");
    body.push("LastUpdateStatusReason", problem);
    body.push("LastUpdateStatusReasonCode", "InvalidZipFileException");
}

/// `GetFunction`'s answer.
pub(super) fn found(found: &FunctionFound, form: ArnForm<'_>) -> Document {
    let mut body = ObjectBuilder::with_capacity(4)
        .with("Configuration", configuration(&found.function, form))
        .with("Code", one("RepositoryType", "fleetstep"));
    if !found.tags.is_empty() {
        body.push("Tags", map(&found.tags));
    }
    if let Some(reserved) = found.function.reserved_concurrency {
        body.push("Concurrency", one("ReservedConcurrentExecutions", reserved));
    }
    body.build()
}

/// `AliasConfiguration`
pub(super) fn alias(alias: &FunctionAlias) -> Document {
    let mut body = ObjectBuilder::with_capacity(6)
        .with("AliasArn", alias.arn.as_text().clone())
        .with("Name", alias.name.clone())
        .with("FunctionVersion", alias.route.version.to_string())
        .with("Description", alias.description.as_str());
    if let Some((version, weight)) = alias.route.second {
        let share = f64::from(weight) / f64::from(FUNCTION_WEIGHTS_SUM);
        let weights = ObjectBuilder::with_capacity(1).with(Text::from(version.to_string()), share).build();
        body.push("RoutingConfig", one("AdditionalVersionWeights", weights));
    }
    body.push("RevisionId", alias.revision_id.clone());
    body.build()
}

/// An object with one member.
pub(super) fn one(name: &'static str, value: impl Into<Document>) -> Document {
    ObjectBuilder::with_capacity(1).with(name, value).build()
}

fn two(first: (&'static str, &str), second: (&'static str, &str)) -> Document {
    ObjectBuilder::with_capacity(2).with(first.0, first.1).with(second.0, second.1).build()
}

/// A map of texts.
pub(super) fn map(texts: &std::collections::BTreeMap<String, String>) -> Document {
    let each = |body: ObjectBuilder, (name, value): (&String, &String)| body.with(name.as_str(), value.as_str());
    texts.iter().fold(ObjectBuilder::with_capacity(texts.len()), each).build()
}

/// A list, and what to ask for the next page with.
pub(super) fn listing(name: &'static str, items: Vec<Document>, next_marker: Option<String>) -> Document {
    let mut body = ObjectBuilder::with_capacity(2).with(name, items);
    if let Some(marker) = next_marker {
        body.push("NextMarker", marker);
    }
    body.build()
}

/// `2026-11-30T14:00:00.000+0000`
fn last_modified(time: Timestamp) -> String {
    let shown = crate::reply::iso_date(time);
    shown.as_str().map(|text| text.replace('Z', "+0000")).unwrap_or_default()
}
