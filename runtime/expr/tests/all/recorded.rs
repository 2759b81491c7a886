//! The service's recorded answers: every machine made of Pass, Choice, Succeed and Fail states, and what JSONata machines
//! have of others, run here by a few lines over the expressions alone.

use crate::conditions::condition;
use crate::{json, no_names, over};
use fleetstep_document::{Document, Object, View};
use fleetstep_expr::{Chance, EvalError, Expr, ReferencePath, Scope, VariableNames};
use std::path::{Path, PathBuf};

/// No recorded machine without a loop takes more steps.
const STEPS_MAX: usize = 100;
/// Fewer would mean that the cases are not read as they should be.
const CASES_MIN: usize = 545;

fn cases_directory() -> PathBuf {
    let shared = std::env::var_os("FLEETSTEP_SHARED").map(PathBuf::from);
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    shared.unwrap_or_else(beside).join("conformance/cases")
}

#[test]
fn recorded_answers() {
    let directory = cases_directory();
    let Ok(files) = std::fs::read_dir(&directory) else {
        eprintln!("no recorded answers at {}: nothing to compare", directory.display());
        return;
    };
    let (mut ran, mut wrong) = (0, Vec::new());
    for file in
        files.map(|file| file.expect("an entry").path()).filter(|path| path.extension().is_some_and(|e| e == "jsonl"))
    {
        for line in std::fs::read_to_string(file).expect("a file").lines() {
            let case = json(line);
            if let Some(outcome) = run(&case) {
                ran += 1;
                let expected = case.get("expect").expect("an expectation");
                if let Err(difference) = matches_outcome(&outcome, expected) {
                    wrong.push(format!("{}: {difference}", case.get("id").and_then(Document::as_str).unwrap_or("?")));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {ran} cases differ:\n{}", wrong.len(), wrong.join("\n"));
    eprintln!("{ran} recorded answers compared");
    assert!(ran >= CASES_MIN, "only {ran} cases were found");
}

/// Output, or error and cause.
type Outcome = Result<Document, (String, Option<String>)>;

/// The outcome of a case that is within reach of expressions; nothing of any other.
fn run(case: &Document) -> Option<Outcome> {
    let definition = case.get("definition").filter(|definition| definition.get("States").is_some())?;
    let text = definition.to_json();
    let execution = case.get("kind")?.as_str() == Some("execution");
    let states = definition.get("States")?.as_object()?;
    let says =
        |document: &Document, language| document.get("QueryLanguage").and_then(Document::as_str) == Some(language);
    let is_jsonata = states.iter().all(|(_, state)| says(definition, "JSONata") || says(state, "JSONata"));
    if !execution || (!is_jsonata && (text.contains("JSONata") || text.contains("\"Assign\""))) {
        return None;
    }
    let fails = case.get("expect")?.get("status")?.as_str() == Some("FAILED");
    let within = |state: &Document| match state.get("Type").and_then(Document::as_str) {
        Some("Pass" | "Choice" | "Succeed" | "Fail") => true,
        Some("Wait") => is_jsonata,
        // What the iterations do is not for expressions to say.
        Some("Map") => is_jsonata && fails && state.get("Items").is_some(),
        _ => false,
    };
    if !states.iter().all(|(_, state)| within(state)) {
        return None;
    }
    let input = case.get("input").cloned().unwrap_or_else(Document::empty_object);
    Some(machine(states, definition.get("StartAt")?.as_str()?, input, is_jsonata))
}

fn machine(states: &Object, start: &str, input: Document, is_jsonata: bool) -> Outcome {
    let mut memory = Memory::default();
    let (mut at, mut data, mut events) = (start.to_owned(), input.clone(), 2);
    for _ in 0..STEPS_MAX {
        let state = states.get(&at).expect("a state");
        let prefix =
            format!("An error occurred while executing the state '{at}' (entered at the event id #{events}). ");
        let context = context(&at, &input);
        let step = if is_jsonata { memory.step(state, &data, &context) } else { step(state, &data, &context) };
        let step = step.map_err(|failure| match failure {
            Failure::Eval(error) => (error.name.as_str().to_owned(), Some(prefix + &error.message)),
            Failure::Own(error, cause) => (error, cause),
        })?;
        data = step.0;
        match step.1 {
            Some(next) => at = next,
            None => return Ok(data),
        }
        events += 2;
    }
    panic!("the machine does not end")
}

enum Failure {
    Eval(fleetstep_expr::EvalError),
    Own(String, Option<String>),
}

impl From<fleetstep_expr::EvalError> for Failure {
    fn from(error: fleetstep_expr::EvalError) -> Self {
        Self::Eval(error)
    }
}

/// The variables of a JSONata machine.
#[derive(Default)]
struct Memory {
    names: VariableNames,
    values: Vec<Option<Document>>,
}

impl Memory {
    /// The output of a JSONata state, and where it goes.
    fn step(
        &mut self,
        state: &Document,
        input: &Document,
        context: &Document,
    ) -> Result<(Document, Option<String>), Failure> {
        let text = |document: &Document, key: &str| document.get(key).and_then(Document::as_str).map(str::to_owned);
        let mut next = text(state, "Next");
        if let Some(rules) = state.get("Choices").and_then(Document::as_array) {
            next = text(state, "Default");
            for (at, rule) in rules.iter().enumerate() {
                let condition = rule.get("Condition").expect("a condition");
                if self.read(&format!("Choices[{at}]/Condition"), condition, input, context, Expr::test)? {
                    next = text(rule, "Next");
                    break;
                }
            }
        }
        let mut read = |key: &str| {
            let value = state.get(key)?;
            Some(self.read(key, value, input, context, |expr, scope| match key {
                "Items" => expr.array(scope),
                "Error" | "Cause" => expr.string(scope).map(Document::from),
                "Seconds" if expr.as_literal().is_none() => expr.seconds(scope).map(|_| Document::NULL),
                "Timestamp" if expr.as_literal().is_none() => expr.timestamp_us(scope).map(|_| Document::NULL),
                _ => expr.evaluate(scope),
            }))
        };
        for key in ["Seconds", "Timestamp", "Items"] {
            read(key).transpose()?;
        }
        let (error, cause) = (read("Error").transpose()?, read("Cause").transpose()?);
        if text(state, "Type").as_deref() == Some("Fail") {
            let part = |part: Option<Document>| part.and_then(|part| part.as_str().map(str::to_owned));
            return Err(Failure::Own(part(error).unwrap_or_default(), part(cause)));
        }
        let (assigned, output) = (read("Assign").transpose()?, read("Output").transpose()?);
        for (name, value) in assigned.iter().flat_map(|assigned| assigned.as_object().expect("an object").iter()) {
            let slot = self.names.slot(name) as usize;
            self.values.resize(self.values.len().max(slot + 1), None);
            self.values[slot] = Some(value.clone());
        }
        Ok((output.unwrap_or_else(|| input.clone()), next))
    }

    fn read<T>(
        &mut self,
        field: &str,
        value: &Document,
        input: &Document,
        context: &Document,
        read: impl FnOnce(&Expr, &Scope<'_>) -> Result<T, EvalError>,
    ) -> Result<T, Failure> {
        let expr = Expr::jsonata(value, field, &mut self.names).expect("a field");
        let scope = Scope {
            root: input,
            input,
            result: None,
            error_output: None,
            context,
            variables: &self.values,
            chance: &Chance::new(7),
            now_us: 0,
        };
        Ok(read(&expr, &scope)?)
    }
}

/// The output of a state, and where it goes.
fn step(state: &Document, raw: &Document, context: &Document) -> Result<(Document, Option<String>), Failure> {
    let text = |key: &str| state.get(key).and_then(Document::as_str);
    let next = || text("Next").map(str::to_owned);
    let input = filtered(state, "InputPath", raw, context)?;
    let (value, next) = match text("Type").expect("a type") {
        "Pass" => {
            let mut value = input.clone();
            if let Some(template) = state.get("Parameters") {
                let template = Expr::template(template, &mut no_names()).expect("a template");
                value = over(&input, context, |scope| template.evaluate(scope))?;
            }
            if let Some(result) = state.get("Result") {
                value = result.clone();
            }
            (placed(state, raw, value)?, next())
        }
        "Choice" => {
            let mut next = text("Default").map(str::to_owned);
            for rule in state.get("Choices").and_then(Document::as_array).expect("rules") {
                let condition = Expr::condition(condition(rule).expect("a condition"));
                if over(&input, context, |scope| condition.test(scope))? {
                    next = rule.get("Next").and_then(Document::as_str).map(str::to_owned);
                    break;
                }
            }
            (input, Some(next.expect("a rule or a default")))
        }
        "Fail" => return Err(failure(state, &input, context)?),
        _ => (input, None),
    };
    Ok((filtered(state, "OutputPath", &value, context)?, next))
}

fn filtered(state: &Document, field: &str, value: &Document, context: &Document) -> Result<Document, Failure> {
    match state.get(field).map(Document::view) {
        None => Ok(value.clone()),
        Some(View::Null) => Ok(Document::empty_object()),
        Some(View::String(text)) => {
            let path = Expr::path(text, field, &mut no_names()).expect("a path");
            Ok(over(value, context, |scope| path.evaluate(scope))?)
        }
        _ => panic!("{field} is no path"),
    }
}

fn placed(state: &Document, raw: &Document, value: Document) -> Result<Document, Failure> {
    match state.get("ResultPath").map(Document::view) {
        None => Ok(value),
        Some(View::Null) => Ok(raw.clone()),
        Some(View::String(text)) => {
            Ok(ReferencePath::parse(text, "ResultPath").expect("a reference path").place(raw, value)?)
        }
        _ => panic!("ResultPath is no path"),
    }
}

fn failure(state: &Document, input: &Document, context: &Document) -> Result<Failure, Failure> {
    let part = |literal: &str, path: &str| -> Result<Option<String>, Failure> {
        if let Some(text) = state.get(path).and_then(Document::as_str) {
            let expr = Expr::path_or_intrinsic(text, path, &mut no_names()).expect("an expression");
            return Ok(Some(over(input, context, |scope| expr.string(scope))?.to_string()));
        }
        Ok(state.get(literal).and_then(Document::as_str).map(str::to_owned))
    };
    Ok(Failure::Own(part("Error", "ErrorPath")?.unwrap_or_default(), part("Cause", "CausePath")?))
}

fn context(state: &str, input: &Document) -> Document {
    let mut context = json(
        r#"{
          "Execution": {"Id": "arn:aws:states:us-east-1:000000000000:express:conf:run:1", "Input": null, "Name": "run-1",
                        "RoleArn": "arn:aws:iam::000000000000:role/conf", "StartTime": "2026-01-01T00:00:00.000Z"},
          "State": {"EnteredTime": "2026-01-01T00:00:00.000Z", "Name": ""},
          "StateMachine": {"Id": "arn:aws:states:us-east-1:000000000000:stateMachine:conf", "Name": "conf"}
        }"#,
    );
    let fields = context.as_object_mut().expect("an object");
    fields.entry("Execution").as_object_mut().expect("an object").insert("Input".into(), input.clone());
    fields.entry("State").as_object_mut().expect("an object").insert("Name".into(), Document::from(state));
    context
}

fn matches_outcome(outcome: &Outcome, expected: &Document) -> Result<(), String> {
    let succeeded = expected.get("status").and_then(Document::as_str) == Some("SUCCEEDED");
    match outcome {
        Ok(output) if succeeded => matches(output, expected.get("output").unwrap_or(&Document::NULL), "output"),
        Err((error, cause)) if !succeeded => {
            // A failure that has no error or no cause says nothing of it.
            let part = |key: &str, text: Option<&str>| match expected.get(key) {
                Some(expected) => matches(&Document::from(text.unwrap_or_default()), expected, key),
                None if text.is_none_or(str::is_empty) => Ok(()),
                None => Err(format!("{key} should not be there: {text:?}")),
            };
            part("error", Some(error)).and(part("cause", cause.as_deref()))
        }
        _ => Err(format!("{outcome:?}, expected {expected}")),
    }
}

/// The matchers of the recorded cases.
fn matches(got: &Document, expected: &Document, at: &str) -> Result<(), String> {
    let differs = || Err(format!("{at}: {got}, expected {expected}"));
    if expected.as_str() == Some("<any>") {
        return Ok(());
    }
    let only = |key: &str| expected.as_object().filter(|object| object.len() == 1).and_then(|object| object.get(key));
    if let Some(pattern) = only("$regex").and_then(Document::as_str) {
        let pattern = regex::Regex::new(pattern).expect("a pattern");
        return if got.as_str().is_some_and(|text| pattern.is_match(text)) { Ok(()) } else { differs() };
    }
    if let Some(inner) = only("$payload").or_else(|| only("$maybe")) {
        return matches(got, inner, at);
    }
    match (got.view(), expected.view()) {
        (View::Object(object), View::Object(fields)) => {
            if let Some((extra, _)) = object.iter().find(|(key, _)| !fields.contains_key(key)) {
                return Err(format!("{at}: {extra} is too much"));
            }
            for (key, expected) in fields.iter() {
                match object.get(key) {
                    Some(got) => matches(got, expected, &format!("{at}.{key}"))?,
                    None if expected.get("$maybe").is_some() => {}
                    None => return Err(format!("{at}: {key} is missing")),
                }
            }
            Ok(())
        }
        (View::Array(items), View::Array(expected)) if items.len() == expected.len() => {
            items.iter().zip(expected).try_for_each(|(got, expected)| matches(got, expected, at))
        }
        _ if got == expected => Ok(()),
        _ => differs(),
    }
}
