//! State machines: create, update, describe, delete, list, validate.

use super::members::{Checker, Members, TextRule};
use super::{configuration, tags};
use crate::Service;
use crate::fault::{Fault, Kind};
use crate::limits::{ARN_CHARACTERS_MAX, DEFINITION_CHARACTERS_MAX, NAME_CHARACTERS_MAX, PAGE_ITEMS_MAX};
use crate::reply::epoch_seconds;
use fleetstep_asl::{Diagnostic, Format, Severity, WorkflowType, compile};
use fleetstep_catalog::{
    CreateStateMachine, DefinitionFormat, PageRequest, StateMachine, StateMachineArn, StateMachineStatus,
    UpdateStateMachine, Version, WorkflowType as DeployedType,
};
use fleetstep_document::{Document, ObjectBuilder, Text};

pub(super) const STATE_MACHINE_ARN: TextRule = TextRule::to(ARN_CHARACTERS_MAX).required();
pub(super) const NAME: TextRule = TextRule::to(NAME_CHARACTERS_MAX);
pub(super) const INCLUDED_DATA: &[&str] = &["ALL_DATA", "METADATA_ONLY"];
const DEFINITION: TextRule = TextRule::to(DEFINITION_CHARACTERS_MAX).sensitive();
const ROLE_ARN: TextRule = TextRule::to(ARN_CHARACTERS_MAX);
const TYPES: &[&str] = &["STANDARD", "EXPRESS"];
/// Diagnostics of an answer, as in the service.
const DIAGNOSTICS_MAX: i64 = 100;

/// `CreateStateMachine`
pub(super) async fn create(service: &Service, request: &Document) -> Result<Document, Fault> {
    let members = Members::of(request)?;
    let mut checker = Checker::default();
    let name = members.text(&mut checker, "name", NAME.required());
    let definition = members.text(&mut checker, "definition", DEFINITION.required());
    let role_arn = members.text(&mut checker, "roleArn", ROLE_ARN.required());
    let kind = members.choice(&mut checker, "type", TYPES);
    let logging = configuration::logging(&mut checker, &members);
    let tracing = configuration::tracing(&mut checker, &members);
    let tags = tags::at_creation(&mut checker, &members);
    let encryption = configuration::encryption(&mut checker, &members);
    let publish = configuration::publication(&mut checker, &members);
    checker.finish()?;
    let publish = publish?;
    encryption?;
    let logging = logging.transpose()?;
    let definition = definition.expect("it is required");
    if kind != Some("EXPRESS") {
        return Err(refuse_standard(definition, kind.is_some()));
    }
    let created = service
        .catalog()
        .create_state_machine(CreateStateMachine {
            name: name.expect("it is required").to_string(),
            definition: definition.to_string(),
            format: DefinitionFormat::Json,
            role_arn: role_arn.expect("it is required").to_string(),
            workflow_type: DeployedType::Express,
            logging,
            tracing,
            tags: tags?,
            publish,
        })
        .await?;
    let machine = &created.machine;
    let mut body = ObjectBuilder::with_capacity(3)
        .with("creationDate", epoch_seconds(machine.created))
        .with("stateMachineArn", machine.arn.as_text().clone());
    push_version(&mut body, created.version.as_deref());
    Ok(body.build())
}

/// Adds the version that a creation or an update published.
fn push_version(body: &mut ObjectBuilder, version: Option<&Version>) {
    if let Some(version) = version {
        body.push("stateMachineVersionArn", version.arn.as_text().clone());
    }
}

/// STANDARD is not run here. What is wrong with the definition itself is said first: it would be wrong as
/// EXPRESS too.
fn refuse_standard(definition: &str, named: bool) -> Fault {
    let options = fleetstep_asl::Options { target: Some(WorkflowType::Standard), ..Default::default() };
    let compilation = compile(definition, &options);
    if compilation.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
        return Fault::invalid_definition(&compilation.diagnostics);
    }
    let message = if named {
        "State machines of type STANDARD are not supported: create it with type EXPRESS"
    } else {
        "State machines of type STANDARD are not supported, and that is what a state machine without a type is: \
         create it with type EXPRESS"
    };
    Fault::new(Kind::StateMachineTypeNotSupported, message)
}

/// `UpdateStateMachine`
pub(super) async fn update(service: &Service, request: &Document) -> Result<Document, Fault> {
    let members = Members::of(request)?;
    let mut checker = Checker::default();
    let arn = members.text(&mut checker, "stateMachineArn", STATE_MACHINE_ARN);
    let definition = members.text(&mut checker, "definition", DEFINITION);
    let role_arn = members.text(&mut checker, "roleArn", ROLE_ARN);
    let logging = configuration::logging(&mut checker, &members);
    let tracing = configuration::tracing(&mut checker, &members);
    let encryption = configuration::encryption(&mut checker, &members);
    let publish = configuration::publication(&mut checker, &members);
    checker.finish()?;
    let publish = publish?;
    encryption?;
    let arn = StateMachineArn::parse(arn.expect("it is required"))?;
    let update = UpdateStateMachine {
        definition: definition.map(|text| (text.to_string(), DefinitionFormat::Json)),
        role_arn: role_arn.map(Text::to_string),
        logging: logging.transpose()?,
        tracing,
        publish,
    };
    let updated = service.catalog().update_state_machine(&arn, update).await?;
    let mut body = ObjectBuilder::with_capacity(3).with("updateDate", epoch_seconds(updated.machine.updated));
    if let Some(revision_id) = &updated.machine.revision_id {
        body.push("revisionId", revision_id.clone());
    }
    push_version(&mut body, updated.version.as_deref());
    Ok(body.build())
}

/// `DescribeStateMachine`
pub(super) fn describe(service: &Service, request: &Document) -> Result<Document, Fault> {
    let members = Members::of(request)?;
    let mut checker = Checker::default();
    let arn = members.text(&mut checker, "stateMachineArn", STATE_MACHINE_ARN);
    let included = members.choice(&mut checker, "includedData", INCLUDED_DATA);
    checker.finish()?;
    let (machine, version) = service.described(arn.expect("it is required"))?;
    Ok(description(&machine, version.as_deref(), included == Some("METADATA_ONLY")))
}

/// A version is described under its own ARN, with its own date.
fn description(machine: &StateMachine, version: Option<&Version>, metadata_only: bool) -> Document {
    let (arn, created) = version.map_or((&machine.arn, machine.created), |version| (&version.arn, version.created));
    let definition = if metadata_only { Text::from("{}") } else { definition_json(machine) };
    let status = match machine.status {
        StateMachineStatus::Active => "ACTIVE",
        StateMachineStatus::Deleting => "DELETING",
    };
    let encryption = ObjectBuilder::with_capacity(1).with("type", "AWS_OWNED_KEY").build();
    let mut body = ObjectBuilder::with_capacity(12)
        .with("stateMachineArn", arn.as_text().clone())
        .with("name", machine.name.clone())
        .with("status", status)
        .with("definition", definition)
        .with("roleArn", machine.role_arn.clone())
        .with("type", machine.workflow_type.as_str())
        .with("creationDate", epoch_seconds(created))
        .with("loggingConfiguration", machine.logging.clone())
        .with("tracingConfiguration", machine.tracing.clone())
        .with("encryptionConfiguration", encryption);
    if let Some(revision_id) = &machine.revision_id {
        body.push("revisionId", revision_id.clone());
    }
    if let Some(text) = version.and_then(|version| version.description.as_ref()) {
        body.push("description", text.clone());
    }
    body.build()
}

/// The definition as the tools of the service expect it, which is JSON even where it was written in YAML.
fn definition_json(machine: &StateMachine) -> Text {
    let json = match machine.format {
        DefinitionFormat::Json => None,
        DefinitionFormat::Yaml => fleetstep_asl::definition_json(&machine.definition, Format::Yaml),
    };
    json.map_or_else(|| machine.definition.clone(), Text::from)
}

/// `DeleteStateMachine`: one that is not there is deleted already.
pub(super) async fn delete(service: &Service, request: &Document) -> Result<Document, Fault> {
    let members = Members::of(request)?;
    let mut checker = Checker::default();
    let arn = members.text(&mut checker, "stateMachineArn", STATE_MACHINE_ARN);
    checker.finish()?;
    let arn = StateMachineArn::parse(arn.expect("it is required"))?;
    if let Some(qualifier) = arn.qualifier() {
        let message = format!("A state machine is deleted by its own ARN, without ':{qualifier}'");
        return Err(Fault::new(Kind::ValidationException, message));
    }
    service.catalog().delete_state_machine(&arn).await?;
    Ok(Document::empty_object())
}

/// `ListStateMachines`
pub(super) fn list(service: &Service, request: &Document) -> Result<Document, Fault> {
    let members = Members::of(request)?;
    let mut checker = Checker::default();
    let page = page_request(&members, &mut checker);
    checker.finish()?;
    let page = service.catalog().list_state_machines(&page)?;
    let machines: Vec<Document> = page.items.iter().map(|machine| list_item(machine)).collect();
    let mut body = ObjectBuilder::with_capacity(2).with("stateMachines", machines);
    push_token(&mut body, page.next_token);
    Ok(body.build())
}

/// Adds the token of the next page, unless this was the last.
pub(super) fn push_token(body: &mut ObjectBuilder, token: Option<String>) {
    if let Some(token) = token {
        body.push("nextToken", token);
    }
}

fn list_item(machine: &StateMachine) -> Document {
    ObjectBuilder::with_capacity(4)
        .with("stateMachineArn", machine.arn.as_text().clone())
        .with("name", machine.name.clone())
        .with("type", machine.workflow_type.as_str())
        .with("creationDate", epoch_seconds(machine.created))
        .build()
}

/// `maxResults` and `nextToken`.
pub(super) fn page_request(members: &Members<'_>, checker: &mut Checker) -> PageRequest {
    let items_max = members.integer(checker, "maxResults", 0, PAGE_ITEMS_MAX).unwrap_or(0);
    let token = members.text(checker, "nextToken", TextRule::to(1_024));
    PageRequest { items_max: usize::try_from(items_max).unwrap_or(0), token: token.map(Text::to_string) }
}

/// `ValidateStateMachineDefinition`
pub(super) fn validate(request: &Document) -> Result<Document, Fault> {
    let members = Members::of(request)?;
    let mut checker = Checker::default();
    let definition = members.text(&mut checker, "definition", DEFINITION.required());
    let kind = members.choice(&mut checker, "type", TYPES);
    let severity = members.choice(&mut checker, "severity", &["ERROR", "WARNING"]);
    let results_max = members.integer(&mut checker, "maxResults", 0, DIAGNOSTICS_MAX);
    checker.finish()?;
    let target = if kind == Some("EXPRESS") { WorkflowType::Express } else { WorkflowType::Standard };
    let options = fleetstep_asl::Options { target: Some(target), ..Default::default() };
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
