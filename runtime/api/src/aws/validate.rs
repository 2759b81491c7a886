//! `ValidateStateMachineDefinition`: what is wrong with a definition, without making anything of it.

use super::machines::{DEFINITION, TYPES};
use super::members::{Checker, Members};
use crate::Service;
use crate::fault::Fault;
use fleetstep_asl::{Diagnostic, Severity, WorkflowType, compile};
use fleetstep_document::{Document, ObjectBuilder};

/// Diagnostics of an answer, as in the service.
const DIAGNOSTICS_MAX: i64 = 100;

pub(super) fn validate(service: &Service, request: &Document) -> Result<Document, Fault> {
    let members = Members::of(request)?;
    let mut checker = Checker::default();
    let definition = members.text(&mut checker, "definition", DEFINITION.required());
    let kind = members.choice(&mut checker, "type", TYPES);
    let severity = members.choice(&mut checker, "severity", &["ERROR", "WARNING"]);
    let results_max = members.integer(&mut checker, "maxResults", 0, DIAGNOSTICS_MAX);
    checker.finish()?;
    let target = if kind == Some("EXPRESS") { WorkflowType::Express } else { WorkflowType::Standard };
    let extended = service.catalog().is_extended();
    let options = fleetstep_asl::Options { target: Some(target), extended, ..Default::default() };
    let all = compile(definition.expect("it is required"), &options).diagnostics;
    let failed = all.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    let wanted = |diagnostic: &&Diagnostic| severity == Some("WARNING") || diagnostic.severity == Severity::Error;
    let shown: Vec<Document> = all.iter().filter(wanted).map(validated).collect();
    let results_max = results_max.filter(|max| *max > 0).unwrap_or(DIAGNOSTICS_MAX) as usize;
    let truncated = shown.len() > results_max;
    Ok(ObjectBuilder::with_capacity(3)
        .with("result", if failed { "FAIL" } else { "OK" })
        .with("diagnostics", shown.into_iter().take(results_max).collect::<Vec<_>>())
        .with("truncated", truncated)
        .build())
}

fn validated(diagnostic: &Diagnostic) -> Document {
    let mut body = ObjectBuilder::with_capacity(4)
        .with("severity", diagnostic.severity.as_str())
        .with("code", diagnostic.code.as_str())
        .with("message", diagnostic.message.as_str());
    if !diagnostic.location.is_empty() {
        body.push("location", diagnostic.location.as_str());
    }
    body.build()
}
