//! A running server as a place for functions and workflows, over its `/v1`.

use super::target::{Change, Done, Failure, ModuleFacts, Target, digest};
use super::triggers::Trigger;
use crate::client::{Ask, Client, ClientError, RemoteDiagnostic};
use bytes::Bytes;
use fleetstep_asl::{Code, Diagnostic, Severity, Span};
use fleetstep_catalog::{DefinitionFormat, FunctionSettings, MASKED};
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

const WASM: &str = "application/wasm";
const JSON: &str = "application/json";
const YAML: &str = "application/yaml";
/// Of what a server says of a setting that holds nothing.
const SECRETS: &str = "secrets";
/// What a function may reach. A server does not say the values of the headers in it.
const GRANTS: &str = "grants";
/// What a server tells of a schedule beside its spec.
const TOLD_BESIDE: [&str; 3] = ["created", "upcoming", "last"];

impl Target for Client {
    async fn put_function(&self, name: &str, module: Bytes, settings: FunctionSettings) -> Result<Done, Failure> {
        let (wanted, has_secrets) = (members(&settings)?, has_secrets(&settings));
        let there: Option<Value> = self.there(&["functions", name]).await?;
        let sha256 = digest(&module);
        if let Some(there) = there.as_ref().filter(|there| there["module_sha256"] == sha256 && !there["kind"].is_null())
        {
            let is_same = is_as_wanted(there, &wanted);
            if !is_same || has_secrets {
                self.configure(name, &wanted).await?;
            }
            let change = match (is_same, has_secrets) {
                (false, _) => Change::Configured,
                (true, true) => Change::SecretsSent,
                (true, false) => Change::Unchanged,
            };
            return Ok(Done::function(change, facts(there)));
        }
        // What a query can say comes with the module: it may need the memory. The rest follows.
        let ask = Ask::new(Method::PUT, &["functions", name]);
        let answer = self.send(with_settings(ask, &wanted).body(WASM, module)).await?;
        let put: Value = serde_json::from_slice(&answer.body)?;
        if has_secrets || !is_as_wanted(&put, &wanted) {
            self.configure(name, &wanted).await?;
        }
        Ok(Done::function(created_or_updated(answer.status), facts(&put)))
    }

    async fn put_workflow(&self, name: &str, definition: &str, format: DefinitionFormat) -> Result<Done, Failure> {
        let (media_type, format_name) = match format {
            DefinitionFormat::Json => (JSON, "json"),
            DefinitionFormat::Yaml => (YAML, "yaml"),
        };
        let there: Option<Value> = self.there(&["workflows", name]).await?;
        if there.is_some_and(|there| there["definition"] == definition && there["format"] == format_name) {
            return Ok(Done::workflow(Change::Unchanged, Vec::new()));
        }
        let ask = Ask::new(Method::PUT, &["workflows", name]).body(media_type, definition.to_owned());
        match self.send(ask).await {
            Ok(answer) => {
                let put: Put = serde_json::from_slice(&answer.body)?;
                Ok(Done::workflow(created_or_updated(answer.status), diagnostics(put.diagnostics)))
            }
            Err(ClientError::Refused(problem)) if !problem.diagnostics.is_empty() => {
                Err(Failure::Invalid(definition.to_owned(), diagnostics(problem.diagnostics)))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn put_trigger(&self, trigger: &Trigger, _all: &[Trigger]) -> Result<Done, Failure> {
        let segments = path(trigger);
        let wanted = trigger.json()?;
        let there: Option<Value> = self.there(&segments).await?;
        if !trigger.has_secrets() && there.is_some_and(|there| is_spec(&there, &wanted)) {
            return Ok(Done::trigger(Change::Unchanged));
        }
        let answer = self.send(Ask::new(Method::PUT, &segments).body(JSON, wanted.to_string())).await?;
        Ok(Done::trigger(created_or_updated(answer.status)))
    }

    async fn remove_function(&self, name: &str) -> Result<Done, Failure> {
        self.send(Ask::new(Method::DELETE, &["functions", name])).await?;
        Ok(Done::removed())
    }

    async fn remove_workflow(&self, name: &str) -> Result<Done, Failure> {
        self.send(Ask::new(Method::DELETE, &["workflows", name])).await?;
        Ok(Done::removed())
    }

    async fn remove_trigger(&self, trigger: &Trigger) -> Result<Done, Failure> {
        self.send(Ask::new(Method::DELETE, &path(trigger))).await?;
        Ok(Done::removed())
    }
}

impl Client {
    /// What is there under a name; nothing, too, for a token that may not read.
    async fn there(&self, segments: &[&str]) -> Result<Option<Value>, ClientError> {
        match self.json(Ask::get(segments)).await {
            Ok(there) => Ok(Some(there)),
            Err(error) if matches!(error.status(), Some(403 | 404)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn configure(&self, name: &str, wanted: &Map<String, Value>) -> Result<(), ClientError> {
        let body = Value::Object(wanted.clone()).to_string();
        self.send(Ask::new(Method::PATCH, &["functions", name]).body(JSON, body)).await?;
        Ok(())
    }
}

/// The settings as `/v1` names them. The manifest says them all: what it leaves out is the default again. A description is
/// not its matter.
fn members(settings: &FunctionSettings) -> serde_json::Result<Map<String, Value>> {
    let FunctionSettings { memory_mib, timeout_seconds, concurrency_max, reuse, preinitialise, .. } = settings;
    let FunctionSettings { environment, secrets, grants, description: _, .. } = settings;
    let members = json!({
        "memory_mib": memory_mib,
        "timeout_seconds": timeout_seconds,
        "concurrency": concurrency_max,
        "reuse": reuse,
        "preinitialise": preinitialise,
        "environment": environment,
        SECRETS: secrets.0,
        GRANTS: serde_json::to_value(grants)?,
    });
    let Value::Object(members) = members else { unreachable!("it is written as an object") };
    Ok(members)
}

/// Whether there is something in the settings that a server does not show: whether it is the same cannot be seen.
fn has_secrets(settings: &FunctionSettings) -> bool {
    !settings.secrets.is_empty() || settings.grants.http.iter().any(|rule| !rule.headers.is_empty())
}

/// Whether a description of a function has these settings; of secrets and of the headers in grants, the same names.
fn is_as_wanted(there: &Value, wanted: &Map<String, Value>) -> bool {
    let names = |value: &Value| value.as_object().map(|value| value.keys().cloned().collect::<Vec<_>>());
    wanted.iter().all(|(member, value)| match &there[member] {
        Value::Null => value.as_object().is_some_and(Map::is_empty),
        there if member == SECRETS => names(there) == names(value),
        there if member == GRANTS => *there == shown(value),
        there => there == value,
    })
}

/// Grants as a server shows them.
fn shown(grants: &Value) -> Value {
    let mut grants = grants.clone();
    let rules = grants.get_mut("http").and_then(Value::as_array_mut).into_iter().flatten();
    let headers = rules.filter_map(|rule| rule.get_mut("headers").and_then(Value::as_object_mut));
    headers.flat_map(Map::values_mut).for_each(|value| *value = MASKED.into());
    grants
}

fn path(trigger: &Trigger) -> [&str; 2] {
    match trigger {
        Trigger::Route(route) => ["routes", &route.name],
        Trigger::Schedule(schedule) => ["schedules", &schedule.name],
    }
}

/// Whether a description of a route or a schedule is that of this spec.
fn is_spec(there: &Value, wanted: &Value) -> bool {
    let (Some(there), Some(wanted)) = (there.as_object(), wanted.as_object()) else { return false };
    let is_told = |member: &str| TOLD_BESIDE.contains(&member) || wanted.contains_key(member);
    wanted.iter().all(|(member, value)| there.get(member) == Some(value)) && there.keys().all(|member| is_told(member))
}

/// The settings that a query can say: numbers, and variables that are no secret.
fn with_settings(mut ask: Ask, wanted: &Map<String, Value>) -> Ask {
    for (member, value) in wanted.iter().filter(|(_, value)| value.is_number()) {
        ask = ask.query(member, &value.to_string());
    }
    for (name, value) in wanted["environment"].as_object().into_iter().flatten() {
        ask = ask.query(&format!("env.{name}"), value.as_str().unwrap_or_default());
    }
    ask
}

fn created_or_updated(status: StatusCode) -> Change {
    if status == StatusCode::CREATED { Change::Created } else { Change::Updated }
}

fn facts(function: &Value) -> ModuleFacts {
    ModuleFacts {
        kind: function["kind"].as_str().map(str::to_owned),
        bytes: function["module_bytes"].as_u64().unwrap_or_default(),
        sha256: function["module_sha256"].as_str().unwrap_or_default().to_owned(),
    }
}

/// The answer to a workflow that was put, as far as it concerns us.
#[derive(Deserialize)]
struct Put {
    diagnostics: Vec<RemoteDiagnostic>,
}

fn diagnostics(remote: Vec<RemoteDiagnostic>) -> Vec<Diagnostic> {
    remote.into_iter().map(diagnostic).collect()
}

fn diagnostic(remote: RemoteDiagnostic) -> Diagnostic {
    let known = Code::ALL.iter().copied().find(|code| code.as_str() == remote.code);
    let message = match known {
        Some(_) => remote.message,
        // Of a server that knows more than this command.
        None => format!("{}: {}", remote.code, remote.message),
    };
    let place = remote.line.zip(remote.column).filter(|(line, column)| *line > 0 && *column > 0);
    Diagnostic {
        severity: if remote.severity == Severity::Warning.as_str() { Severity::Warning } else { Severity::Error },
        code: known.unwrap_or(Code::SchemaValidationFailed),
        message,
        location: remote.location,
        span: place.map(|(line, column)| Span { offset: 0, length: 1, line, column }),
        hint: remote.hint,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleetstep_catalog::Secrets;

    #[test]
    fn settings_are_compared_as_far_as_they_are_shown() {
        let mut settings = FunctionSettings { memory_mib: 32, ..FunctionSettings::default() };
        settings.environment.insert("A".to_owned(), "1".to_owned());
        let there = json!({
            "memory_mib": 32, "timeout_seconds": 60, "concurrency": 1000, "reuse": 1, "preinitialise": false,
            "environment": {"A": "1"},
            "description": "by hand", "module_sha256": "00",
        });
        assert!(is_as_wanted(&there, &members(&settings).unwrap()));
        let with = |change: fn(&mut FunctionSettings)| {
            let mut settings = settings.clone();
            change(&mut settings);
            is_as_wanted(&there, &members(&settings).unwrap())
        };
        assert!(!with(|settings| settings.timeout_seconds = 5));
        assert!(!with(|settings| settings.environment.clear()));
        let secret = |value: &str| Secrets([("KEY".to_owned(), value.to_owned())].into());
        assert!(!with(|settings| settings.secrets = Secrets([("KEY".to_owned(), "12345678".to_owned())].into())));
        let masked = json!({
            "memory_mib": 32, "timeout_seconds": 60, "concurrency": 1000, "reuse": 1, "preinitialise": false,
            "environment": {"A": "1"},
            "secrets": {"KEY": "***"},
        });
        settings.secrets = secret("12345678");
        assert!(is_as_wanted(&masked, &members(&settings).unwrap()));
        settings.secrets = Secrets::default();
        assert!(!is_as_wanted(&masked, &members(&settings).unwrap()), "one that is to go");
    }

    #[test]
    fn grants_are_compared_without_the_values_of_their_headers() {
        let with = |json: &str| {
            let mut settings = FunctionSettings::default();
            settings.set_grants(json).unwrap();
            settings
        };
        let granted =
            r#"{"http": ["https://a.example", {"origin": "https://b.example", "headers": {"key": "12345678"}}]}"#;
        let settings = with(granted);
        let mut there =
            json!({"memory_mib": 128, "timeout_seconds": 60, "concurrency": 1000, "reuse": 1, "preinitialise": false});
        assert!(!is_as_wanted(&there, &members(&settings).unwrap()), "none is there");
        assert!(is_as_wanted(&there, &members(&with("{}")).unwrap()));
        there[GRANTS] = serde_json::from_str(&settings.grants_shown().unwrap()).unwrap();
        assert_eq!(there[GRANTS]["http"][1]["headers"]["key"], MASKED);
        assert!(is_as_wanted(&there, &members(&settings).unwrap()) && has_secrets(&settings));
        for other in ["{}", r#"{"http": ["https://a.example"]}"#, r#"{"keyvalue": ["default"]}"#] {
            assert!(!is_as_wanted(&there, &members(&with(other)).unwrap()), "{other}");
            assert!(!has_secrets(&with(other)));
        }
    }

    #[test]
    fn a_schedule_is_known_by_its_spec() {
        let wanted =
            json!({"name": "n", "schedule": "rate(1 minute)", "workflow": "w", "missed": "skip", "enabled": true});
        let mut there = wanted.clone();
        there["upcoming"] = json!(["2026-11-22T16:10:37Z"]);
        assert!(is_spec(&there, &wanted));
        there["timezone"] = json!("Europe/Berlin");
        assert!(!is_spec(&there, &wanted), "it is to have none");
        assert!(!is_spec(&json!({"name": "n"}), &wanted));
    }

    #[test]
    fn a_diagnostic_of_a_newer_server_is_shown_as_it_is() {
        let remote = json!({"severity": "ERROR", "code": "NEW_ONE", "message": "m", "line": 0, "column": 3});
        let shown = diagnostic(serde_json::from_value(remote).unwrap());
        assert_eq!((shown.message.as_str(), shown.span), ("NEW_ONE: m", None));
    }
}
