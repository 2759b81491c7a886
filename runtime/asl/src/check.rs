//! Everything that can be wrong with a definition, found in one walk over the tree.
//!
//! The table in [`crate::fields`] says which fields there are; this walk applies it. `choice`, `transitions` and
//! `value` hold what the table cannot say.

mod choice;
mod expressions;
mod scopes;
mod transitions;
mod value;

use crate::fields::{self, Feature, Field, Kind, QueryLanguage, Rule, Shape};
use crate::hint::did_you_mean;
use crate::source::{Extent, Lines, Node, Place, Value};
use crate::{Code, Diagnostic, LONE_STATE_NAME, Options, Severity, WorkflowType};
use fleetstep_expr::VariableNames;
use scopes::Scope;
use std::collections::HashSet;

/// The longest name of a state, in characters.
const STATE_NAME_CHARS_MAX: usize = 80;

/// What a check found.
pub(crate) struct Findings {
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Whether something is right as ASL, but cannot be made part of a program yet.
    pub(crate) incomplete: bool,
}

/// Checks the definition `root`.
pub(crate) fn check(root: &Node, lines: &Lines<'_>, options: &Options) -> Findings {
    let mut checker = Checker::new(root, lines, options);
    let language = checker.machine_language;
    checker.object(root, &fields::MACHINE, Place::Root, language);
    checker.findings()
}

/// Checks the one state of a machine that was made around it.
pub(crate) fn check_state(root: &Node, lines: &Lines<'_>, options: &Options) -> Findings {
    let mut checker = Checker { is_lone: true, ..Checker::new(root, lines, options) };
    if let Some(state) = root.get("States").and_then(|states| states.get(LONE_STATE_NAME)) {
        checker.state(state, Place::Root.field("States").field(LONE_STATE_NAME));
    }
    checker.findings()
}

struct Checker<'a> {
    lines: &'a Lines<'a>,
    target: Option<WorkflowType>,
    /// Whether all that leaves the machine is mocked, so that all of it may stand in the program.
    mocked: bool,
    extended: bool,
    bound: bool,
    machine_language: QueryLanguage,
    /// Whether a state is checked without its machine: which variables there are is not known then.
    is_lone: bool,
    /// The variables that are assigned in each list of states around the place, the outermost first.
    scopes: Vec<Scope<'a>>,
    names: VariableNames,
    diagnostics: Vec<Diagnostic>,
    /// What is wrong with transitions comes after all else, as on the service; with the target that is missing.
    transitions: Vec<(Diagnostic, Option<&'a str>)>,
    incomplete: bool,
    /// Names are unique within the whole machine.
    state_names: HashSet<&'a str>,
    labels: HashSet<&'a str>,
}

impl<'a> Checker<'a> {
    fn new(root: &Node, lines: &'a Lines<'a>, options: &Options) -> Self {
        Checker {
            lines,
            target: options.target,
            mocked: options.mocked,
            extended: options.extended,
            bound: options.bound,
            machine_language: QueryLanguage::of(root).unwrap_or(QueryLanguage::JsonPath),
            is_lone: false,
            scopes: Vec::new(),
            names: VariableNames::default(),
            diagnostics: Vec::new(),
            transitions: Vec::new(),
            incomplete: false,
            state_names: HashSet::new(),
            labels: HashSet::new(),
        }
    }

    fn findings(mut self) -> Findings {
        self.append_transitions();
        Findings { diagnostics: self.diagnostics, incomplete: self.incomplete && !self.mocked }
    }

    fn report(&mut self, severity: Severity, code: Code, message: String, place: Place<'_>, extent: Extent) {
        self.diagnostics.push(Diagnostic {
            severity,
            code,
            message,
            location: place.to_string(),
            span: Some(self.lines.span(extent)),
            hint: None,
        });
    }

    /// An error against the table, as most are.
    fn schema(&mut self, message: impl Into<String>, place: Place<'_>, extent: Extent) {
        self.report(Severity::Error, Code::SchemaValidationFailed, message.into(), place, extent);
    }

    /// Adds what may have been meant to the latest diagnostic.
    fn hint(&mut self, hint: Option<String>) {
        if let Some(latest) = self.diagnostics.last_mut() {
            latest.hint = hint;
        }
    }

    /// Something that the service has and this runtime has not yet.
    fn not_built(&mut self, feature: &str, place: Place<'_>, extent: Extent) {
        if self.mocked {
            return;
        }
        let severity = match self.target {
            Some(WorkflowType::Express) => Severity::Error,
            Some(WorkflowType::Standard) | None => Severity::Warning,
        };
        self.report(
            severity,
            Code::NotSupported,
            format!("{feature} is not supported by this runtime yet"),
            place,
            extent,
        );
    }

    /// Something that an EXPRESS machine does not have on the service either, where it is refused as `refusal`. What
    /// does not last longer than such a machine lives can be had as an extension.
    fn standard_only(&mut self, feature: &str, refusal: String, lasts: bool, place: Place<'_>, extent: Extent) {
        match self.target {
            _ if self.mocked => {}
            Some(WorkflowType::Express) if self.extended && !lasts => {}
            Some(WorkflowType::Express) => self.schema(refusal, place, extent),
            Some(WorkflowType::Standard) | None => {
                let message = format!("{feature} needs a STANDARD state machine, an EXPRESS one does not have it");
                self.report(Severity::Warning, Code::NotSupported, message, place, extent);
            }
        }
    }

    /// Checks `node` against `shape`, and all that is below it.
    fn object(&mut self, node: &'a Node, shape: &'static Shape, place: Place<'_>, language: QueryLanguage) {
        if !matches!(node.value, Value::Object(_)) {
            return self.wrong_type("Object", place, node.extent);
        }
        if shape.is_container {
            self.scopes.push(Scope::of(node, self.machine_language));
        }
        self.missing_fields(node, shape, place, language);
        self.groups(node, shape, place, language);
        for entry in node.entries() {
            match shape.field(&entry.key) {
                Some(field) if field.language.is_none_or(|only| only == language) => {
                    self.field(field, &entry.value, place.field(&entry.key), language);
                }
                Some(Field { language: Some(only), .. }) => {
                    let message = format!(
                        "The QueryLanguage is set to '{language}', but field '{}' is only supported for the '{only}' \
                         QueryLanguage",
                        entry.key
                    );
                    self.schema(message, place, entry.key_extent);
                }
                _ if shape.rule == Rule::Choice && fleetstep_expr::Operator::named(&entry.key).is_some() => {}
                _ => {
                    self.schema(format!("Field '{}' is not supported", entry.key), place, entry.key_extent);
                    self.hint(field_hint(&entry.key, shape, language));
                }
            }
        }
        match shape.rule {
            Rule::Choice => self.choice_rule(node, place, language),
            Rule::Retrier => self.retrier(node, place),
            Rule::Catcher | Rule::None => {}
        }
        if shape.is_container {
            self.scopes.pop();
            self.container(node, place);
        }
    }

    fn missing_fields(&mut self, node: &Node, shape: &'static Shape, place: Place<'_>, language: QueryLanguage) {
        let missing: Vec<&str> = shape
            .fields()
            .filter(|field| field.required && field.language.is_none_or(|only| only == language))
            .map(|field| field.name)
            .filter(|name| node.get(name).is_none())
            .collect();
        if !missing.is_empty() {
            self.schema(format!("These fields are required: [{}]", missing.join(", ")), place, opening(node));
            let close = missing.iter().find_map(|missing| {
                let unknown = node.entries().iter().map(|entry| entry.key.as_str());
                did_you_mean(missing, unknown.filter(|key| shape.field(key).is_none()))
                    .map(|_| format!("a field with a name close to '{missing}' is there"))
            });
            self.hint(close);
        }
    }

    fn groups(&mut self, node: &Node, shape: &'static Shape, place: Place<'_>, language: QueryLanguage) {
        let in_language =
            |name: &&&str| shape.field(name).is_some_and(|field| field.language.is_none_or(|only| only == language));
        for group in shape.groups {
            let present: Vec<&str> = group.fields.iter().copied().filter(|name| node.get(name).is_some()).collect();
            if present.len() > 1 {
                self.only_one_of(&present, node, place);
            } else if group.required && present.is_empty() {
                let names: Vec<&str> = group.fields.iter().filter(in_language).copied().collect();
                self.schema(format!("One of these fields is required: [{}]", names.join(", ")), place, opening(node));
            }
        }
    }

    fn only_one_of(&mut self, present: &[&str], node: &Node, place: Place<'_>) {
        let second = node.entries().iter().filter(|entry| present.contains(&entry.key.as_str())).nth(1);
        let extent = second.map_or(opening(node), |entry| entry.key_extent);
        let names = present.join(", ");
        self.schema(format!("There should only be one of the following fields: [{names}]"), place, extent);
    }

    fn field(&mut self, field: &'static Field, node: &'a Node, place: Place<'_>, language: QueryLanguage) {
        match field.feature {
            Feature::Built | Feature::InertInline => {}
            Feature::NotBuilt(name) => {
                self.incomplete = true;
                self.not_built(name, place, node.extent);
            }
            Feature::Distributed => self.incomplete = true,
        }
        match field.kind {
            Kind::Object(shape) => self.object(node, shape, place, language),
            Kind::List(shape) => self.list(node, shape, place, language),
            Kind::States => self.states(node, place),
            _ => self.value(field, node, place, language),
        }
    }

    fn list(&mut self, node: &'a Node, shape: &'static Shape, place: Place<'_>, language: QueryLanguage) {
        let Value::List(elements) = &node.value else {
            return self.wrong_type("Array", place, node.extent);
        };
        let may_be_empty = matches!(shape.rule, Rule::Retrier | Rule::Catcher);
        if elements.is_empty() && !may_be_empty {
            return self.schema("Value cannot be empty", place, node.extent);
        }
        for (index, element) in elements.iter().enumerate() {
            self.object(element, shape, place.element(index), language);
        }
        if may_be_empty {
            self.all_errors_last(elements, place);
        }
    }

    fn wrong_type(&mut self, expected: &str, place: Place<'_>, extent: Extent) {
        self.schema(format!("Expected value of type {expected}"), place, extent);
    }

    fn states(&mut self, node: &'a Node, place: Place<'_>) {
        let Value::Object(states) = &node.value else {
            return self.wrong_type("Object", place, node.extent);
        };
        if states.is_empty() {
            return self.schema("Value cannot be empty", place, node.extent);
        }
        for (at, state) in states.iter().enumerate() {
            let place = place.field(&state.key);
            if let Some(scope) = self.scopes.last_mut() {
                scope.enter(at);
            }
            if !self.state_names.insert(&state.key) {
                let message = format!("Duplicate State name: {}", state.key);
                self.report(Severity::Error, Code::DuplicateStateName, message, place, state.key_extent);
            }
            if state.key.is_empty() || state.key.chars().count() > STATE_NAME_CHARS_MAX {
                let message = format!("State names must be 1 to {STATE_NAME_CHARS_MAX} characters long");
                self.report(Severity::Error, Code::InvalidStateName, message, place, state.key_extent);
            }
            self.state(&state.value, place);
        }
    }

    fn state(&mut self, node: &'a Node, place: Place<'_>) {
        if !matches!(node.value, Value::Object(_)) {
            return self.wrong_type("Object", place, node.extent);
        }
        let own = QueryLanguage::of(node);
        if (own, self.machine_language) == (Some(QueryLanguage::JsonPath), QueryLanguage::Jsonata) {
            let extent = node.get("QueryLanguage").map_or(node.extent, |value| value.extent);
            let rule = "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine";
            return self.schema(rule, place, extent);
        }
        let Some(kind) = node.get("Type") else {
            return self.schema("These fields are required: [Type]", place, opening(node));
        };
        let Some(name) = kind.as_text() else {
            return self.wrong_type("String", place.field("Type"), kind.extent);
        };
        let Some((_, shape)) = fields::STATES.iter().find(|(kind, _)| *kind == name) else {
            self.not_one_of(name, fields::STATES.iter().map(|(kind, _)| *kind), place.field("Type"), kind.extent);
            return;
        };
        self.next_or_end(node, shape, place);
        self.object(node, shape, place, own.unwrap_or(self.machine_language));
        match name {
            "Task" => self.heartbeat(node, place),
            "Map" => self.map_mode(node, place),
            _ => {}
        }
    }

    fn not_one_of(
        &mut self,
        value: &str,
        words: impl Iterator<Item = &'static str> + Clone,
        place: Place<'_>,
        extent: Extent,
    ) {
        let list: Vec<&str> = words.clone().collect();
        self.schema(format!("Value must be one of [{}]", list.join(", ")), place, extent);
        self.hint(did_you_mean(value, words));
    }

    /// A state that the spec lets go on must say where, or end.
    fn next_or_end(&mut self, node: &Node, shape: &'static Shape, place: Place<'_>) {
        if shape.field("Next").is_none() {
            return;
        }
        let ends = node.get("End").is_some_and(Node::is_true);
        match (node.get("Next"), ends) {
            (Some(_), true) => self.only_one_of(&["Next", "End"], node, place),
            (None, false) => self.schema("One of these fields is required: [Next, End]", place, opening(node)),
            _ => {}
        }
    }

    fn heartbeat(&mut self, node: &Node, place: Place<'_>) {
        let seconds = |name| node.get(name).and_then(|value| Some((value.as_i64()?, value.extent)));
        if let (Some((timeout, _)), Some((heartbeat, extent))) =
            (seconds("TimeoutSeconds"), seconds("HeartbeatSeconds"))
            && heartbeat >= timeout
        {
            let rule = "HeartbeatSeconds must be smaller than TimeoutSeconds";
            self.schema(rule, place.field("HeartbeatSeconds"), extent);
        }
    }

    /// A distributed Map, or an inline one with fields that only a distributed one has.
    fn map_mode(&mut self, node: &'a Node, place: Place<'_>) {
        let processor = ["ItemProcessor", "Iterator"].into_iter().find_map(|name| Some((name, node.get(name)?)));
        let mode = processor.and_then(|(_, processor)| processor.get("ProcessorConfig")?.get("Mode"));
        if let (Some((name, _)), Some(mode)) = (processor, mode)
            && mode.as_text() == Some("DISTRIBUTED")
        {
            self.incomplete = true;
            let place = place.field(name);
            let place = place.field("ProcessorConfig");
            let refusal = String::from("Express state machine does not support Map states with Mode 'DISTRIBUTED'");
            self.standard_only("A distributed Map", refusal, true, place.field("Mode"), mode.extent);
            return;
        }
        for entry in node.entries() {
            let field =
                fields::STATES.iter().find(|(kind, _)| *kind == "Map").and_then(|(_, map)| map.field(&entry.key));
            let (key, extent) = (&entry.key, entry.value.extent);
            match field.map(|field| field.feature) {
                Some(Feature::Distributed) => {
                    let refusal = format!("Field '{key}' needs a Map with Mode 'DISTRIBUTED'");
                    self.standard_only(
                        &format!("'{key}' of a distributed Map"),
                        refusal,
                        true,
                        place.field(key),
                        extent,
                    );
                }
                Some(Feature::InertInline) => {
                    let message = format!("'{key}' has no effect in an inline Map: one failed iteration fails it");
                    self.report(Severity::Warning, Code::NotSupported, message, place.field(key), extent);
                }
                _ => {}
            }
        }
        if let Some(label) = node.get("Label") {
            self.label(label, place.field("Label"));
        }
    }

    fn label(&mut self, node: &'a Node, place: Place<'_>) {
        /// The longest label, in characters.
        const LABEL_CHARS_MAX: usize = 40;
        let Some(label) = node.as_text() else { return };
        let is_forbidden = |c: char| c.is_control() || c.is_whitespace() || "?*<>{}[]\"#%\\^|~`$&,;:/".contains(c);
        if label.is_empty() || label.chars().count() > LABEL_CHARS_MAX || label.contains(is_forbidden) {
            let message = format!(
                "A Label must be 1 to {LABEL_CHARS_MAX} characters long, without blanks, brackets, wildcards and \
                 special characters"
            );
            self.report(Severity::Error, Code::InvalidLabelName, message, place, node.extent);
        } else if !self.labels.insert(label) {
            let message = format!("Duplicate Label name: {label}");
            self.report(Severity::Error, Code::DuplicateLabelName, message, place, node.extent);
        }
    }
}

/// Where something is missing: the brace that opens the object.
fn opening(node: &Node) -> Extent {
    Extent { start: node.extent.start, end: (node.extent.start + 1).min(node.extent.end) }
}

/// A field with a similar name, or else the kinds of state that do have the field.
fn field_hint(name: &str, shape: &'static Shape, language: QueryLanguage) -> Option<String> {
    let known = shape.fields().filter(|field| field.language.is_none_or(|only| only == language));
    let operators = fleetstep_expr::OPERATORS.iter().map(|operator| operator.name);
    let operators = operators.filter(|_| shape.rule == Rule::Choice);
    did_you_mean(name, known.map(|field| field.name).chain(operators)).or_else(|| {
        let is_state = shape.field("Type").is_some();
        let kinds = fields::STATES.iter().filter(|(_, other)| is_state && other.field(name).is_some());
        let kinds: Vec<&str> = kinds.map(|(kind, _)| *kind).collect();
        (!kinds.is_empty()).then(|| format!("only these states have it: {}", kinds.join(", ")))
    })
}
