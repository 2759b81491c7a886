//! Conditions and what a state does, told shortly.

use crate::graph::Kind;
use fleetstep_document::Document;

/// The longest label, in characters: what is longer ends in an ellipsis.
const LABEL_CHARS_MAX: usize = 400;

/// Comparisons: how the name of the operator begins or ends, and its sign. The first that fits counts.
const SIGNS: [(&str, &str); 5] =
    [("GreaterThanEquals", "≥"), ("LessThanEquals", "≤"), ("GreaterThan", ">"), ("LessThan", "<"), ("Equals", "=")];

/// The condition of a rule of a Choice.
pub(crate) fn rule(rule: &Document) -> String {
    let mut text = match rule.get("Condition").and_then(Document::as_str) {
        Some(condition) => bare(condition).to_owned(),
        None => comparison(rule, false),
    };
    if let Some((end, _)) = text.char_indices().nth(LABEL_CHARS_MAX) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// A JSONata expression without its marks.
fn bare(text: &str) -> &str {
    text.trim().strip_prefix("{%").and_then(|text| text.strip_suffix("%}")).unwrap_or(text).trim()
}

fn comparison(rule: &Document, is_inner: bool) -> String {
    let joined = |rules: &[Document], word: &str| {
        let parts: Vec<String> = rules.iter().map(|rule| comparison(rule, true)).collect();
        let text = parts.join(word);
        if is_inner && parts.len() > 1 { format!("({text})") } else { text }
    };
    if let Some(rules) = rule.get("And").and_then(Document::as_array) {
        return joined(rules, " and ");
    }
    if let Some(rules) = rule.get("Or").and_then(Document::as_array) {
        return joined(rules, " or ");
    }
    if let Some(inner) = rule.get("Not") {
        return format!("not {}", comparison(inner, true));
    }
    let variable = rule.get("Variable").and_then(Document::as_str).map_or("?", path);
    let operator = rule.as_object().and_then(|fields| {
        fields.iter().find(|(name, _)| !matches!(name.as_str(), "Variable" | "Next" | "Comment" | "Assign" | "Output"))
    });
    let Some((operator, value)) = operator else { return format!("{variable} ?") };
    tell(variable, operator, value)
}

fn tell(variable: &str, operator: &str, value: &Document) -> String {
    let is_true = value.as_bool() != Some(false);
    if let Some(what) = operator.strip_prefix("Is") {
        let what = match what {
            "Present" | "Null" | "Numeric" | "String" | "Boolean" | "Timestamp" => what.to_lowercase(),
            _ => what.to_owned(),
        };
        return format!("{variable} is {}{what}", if is_true { "" } else { "not " });
    }
    let (operator, value) = match operator.strip_suffix("Path") {
        Some(operator) => (operator, value.as_str().map_or_else(|| value.to_json(), |text| path(text).to_owned())),
        None => (operator, value.to_json()),
    };
    if operator == "StringMatches" {
        return format!("{variable} ~ {value}");
    }
    if operator == "BooleanEquals" {
        return if is_true { variable.to_owned() } else { format!("not {variable}") };
    }
    match SIGNS.iter().find(|(name, _)| operator.ends_with(name)) {
        Some((_, sign)) => format!("{variable} {sign} {value}"),
        None => format!("{variable} {operator} {value}"),
    }
}

/// A path without its root, which is the same for all.
fn path(path: &str) -> &str {
    match path.strip_prefix("$.") {
        Some(rest) if !rest.is_empty() => rest,
        _ => path,
    }
}

/// What a state does, in a few words.
pub(crate) fn caption(kind: Kind, state: &Document) -> String {
    let text = |field: &str| state.get(field).and_then(Document::as_str);
    match kind {
        Kind::Task => text("Resource").map_or_else(|| String::from("Task"), resource),
        Kind::Wait => wait(state),
        Kind::Fail => text("Error").map_or_else(|| String::from("Fail"), |error| format!("Fail · {}", bare(error))),
        Kind::Parallel => {
            let branches = state.get("Branches").and_then(Document::as_array).map_or(0, <[Document]>::len);
            format!("Parallel · {branches} {}", if branches == 1 { "branch" } else { "branches" })
        }
        Kind::Map => {
            let items = text("Items").or_else(|| text("ItemsPath")).map(|items| path(bare(items)));
            items.map_or_else(|| String::from("Map · each item"), |items| format!("Map · each of {items}"))
        }
        Kind::Unknown => text("Type").map_or_else(|| String::from("no type"), |name| format!("unknown type {name}")),
        Kind::Pass | Kind::Choice | Kind::Succeed | Kind::Missing => String::from(kind.name()),
    }
}

fn wait(state: &Document) -> String {
    for (field, unit) in [("Seconds", " s"), ("SecondsPath", " s"), ("Timestamp", ""), ("TimestampPath", "")] {
        if let Some(value) = state.get(field) {
            let value = value.as_str().map_or_else(|| value.to_json(), |text| path(bare(text)).to_owned());
            return format!("Wait · {value}{unit}");
        }
    }
    String::from("Wait")
}

/// What a task calls: the service and its action, or the function's name.
fn resource(arn: &str) -> String {
    let parts: Vec<&str> = arn.split(':').collect();
    match parts.as_slice() {
        ["arn", _, "states", "", "", "aws-sdk", service, action @ ..] => {
            format!("{} · {}", title(service), title_action(action))
        }
        ["arn", _, "states", "", "", service, action @ ..] => format!("{} · {}", title(service), title_action(action)),
        ["arn", _, "lambda", _, _, "function", name, ..] => format!("Lambda · {name}"),
        ["arn", _, "states", _, _, "activity", name, ..] => format!("Activity · {name}"),
        _ => bare(arn).to_owned(),
    }
}

fn title_action(action: &[&str]) -> String {
    action.join(":").replace(".waitForTaskToken", " (token)").replace(".sync:2", " (sync)").replace(".sync", " (sync)")
}

/// A service's name as it is written, where that is not its name with a capital.
const SERVICES: [(&str, &str); 10] = [
    ("dynamodb", "DynamoDB"),
    ("sqs", "SQS"),
    ("sns", "SNS"),
    ("s3", "S3"),
    ("ecs", "ECS"),
    ("ec2", "EC2"),
    ("events", "EventBridge"),
    ("http", "HTTP"),
    ("states", "Step Functions"),
    ("apigateway", "API Gateway"),
];

fn title(service: &str) -> String {
    if let Some((_, name)) = SERVICES.iter().find(|(key, _)| *key == service) {
        return (*name).to_owned();
    }
    let mut chars = service.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
