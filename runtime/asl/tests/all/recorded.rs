//! What the service itself answered: refusals of CreateStateMachine, ValidateStateMachineDefinition, and every
//! definition that it ran.

use fleetstep_asl::{Format, Options, WorkflowType, compile, definition_error_message};
use serde_json::Value;

fn cases(area: &str) -> Vec<Value> {
    let Some(text) = super::shared(&format!("conformance/cases/{area}.jsonl")) else { return Vec::new() };
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn definition_text(case: &Value) -> String {
    match case["definition_text"].as_str() {
        Some(text) => String::from(text),
        None => case["definition"].to_string(),
    }
}

fn options(workflow_type: Option<&str>) -> Options {
    let target = match workflow_type {
        Some("EXPRESS") => WorkflowType::Express,
        _ => WorkflowType::Standard,
    };
    Options { format: Format::Json, target: Some(target), ..Options::default() }
}

#[test]
fn refusals_of_create_state_machine() {
    for case in cases("create-error") {
        let compilation = compile(&definition_text(&case), &options(case["workflow_type_recorded"].as_str()));
        assert!(compilation.compiled.is_none(), "{} was accepted", case["id"]);
        let message = definition_error_message(&compilation.diagnostics);
        // The one recorded pattern loosens the partition of an ARN and escapes the rest.
        let expected = match case["expect"]["error"]["message"].as_str() {
            Some(text) => String::from(text),
            None => {
                let pattern = case["expect"]["error"]["message"]["$regex"].as_str().unwrap();
                let plain = pattern.trim_start_matches('^').trim_end_matches('$');
                plain.replace("[a-z-]*", "").replace('\\', "")
            }
        };
        assert_eq!(message, expected, "{}", case["id"]);
    }
}

#[test]
fn validations() {
    for case in cases("validate") {
        let text = definition_text(&case);
        let compilation = compile(&text, &options(case["params"]["type"].as_str()));
        let said: Vec<Value> = super::errors(&compilation)
            .into_iter()
            .map(|diagnostic| {
                let mut said = serde_json::json!({
                    "severity": diagnostic.severity.as_str(),
                    "code": diagnostic.code.as_str(),
                    "message": diagnostic.message,
                });
                if !diagnostic.location.is_empty() {
                    said["location"] = Value::from(diagnostic.location.as_str());
                }
                said
            })
            .collect();
        assert_eq!(Value::from(said), case["expect"]["response"]["diagnostics"], "{}", case["id"]);
    }
}

/// Every definition that the service ran compiles.
#[test]
fn executed_definitions_compile() {
    const AREAS: &[&str] = &[
        "base",
        "choice",
        "choice-scenarios",
        "context-object",
        "errors",
        "express",
        "intrinsics",
        "jsonata",
        "lambda",
        "logs",
        "map",
        "parallel",
        "scenarios",
        "timeouts",
        "variables",
        "wait",
    ];
    if cases("base").is_empty() {
        return;
    }
    let mut compiled = 0;
    let mut failed = Vec::new();
    for case in AREAS.iter().flat_map(|area| cases(area)) {
        let text = definition_text(&case);
        if !matches!(case["kind"].as_str(), Some("execution" | "logs")) || case["standard_only"] == true {
            continue;
        }
        let compilation = compile(&text, &options(Some("EXPRESS")));
        match &compilation.compiled {
            Some(_) => compiled += 1,
            None => failed.push(format!("{}: {:?}", case["id"], compilation.diagnostics)),
        }
    }
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), failed.len() + compiled, failed.join("\n"));
    assert!(compiled > 600, "only {compiled} definitions were checked");
}

/// Several errors stand in one line, as in a refusal of 2024-12-03; a problem without a place is at `null`.
#[test]
fn errors_are_joined() {
    let text =
        r#"{"StartAt": "a", "States": {"a": {"Type": "Pass", "Next": "c"}, "b": {"Type": "Pass", "End": true}}}"#;
    let message = definition_error_message(&compile(text, &options(None)).diagnostics);
    assert_eq!(
        message,
        "Invalid State Machine Definition: 'MISSING_TRANSITION_TARGET: Missing 'Next' target: c at /States/a/Next, \
         MISSING_TRANSITION_TARGET: State \"b\" is not reachable. at /States/b'"
    );
    let text = r#"{"StartAt": "a", "States": {"a": {"Type": "Pass", "Next": "a"}}}"#;
    let message = definition_error_message(&compile(text, &options(None)).diagnostics);
    assert_eq!(
        message,
        "Invalid State Machine Definition: 'MISSING_END_STATE: Workflow has no terminal state at null'"
    );
}
