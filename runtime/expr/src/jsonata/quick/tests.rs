//! The compiled form against the general engine: the same results, errors, texts and places, over every expression at
//! hand.

use crate::jsonata::{Ambient, Answer, Budget, Code, Jsonata, JsonataError};
use crate::{Chance, Scope, VariableNames};
use fleetstep_document::{Document, ObjectBuilder, Text};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Time and chance that are the same in every run.
struct World(u64);

impl Ambient for World {
    fn now_millis(&self) -> i64 {
        1_767_225_600_000
    }

    fn random(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A result as text: the document, or the error with its place.
fn told(result: &Result<Answer, JsonataError>) -> String {
    match result {
        Ok(Answer::Document(document)) => document.to_json(),
        Ok(Answer::Nothing) => "undefined".to_owned(),
        Ok(Answer::Function) => "function".to_owned(),
        Err(error) => format!("{error:?}"),
    }
}

/// How many expressions there were, and how many the compiled form took.
#[derive(Default)]
struct Tally {
    all: usize,
    quick: usize,
    differences: Vec<String>,
}

impl Tally {
    fn check(&mut self, source: &str, input: Option<&Document>, bindings: &[(Text, Document)]) {
        self.all += 1;
        let Ok(compiled) = Jsonata::compile(source) else { return };
        if !compiled.is_quick() {
            return;
        }
        self.quick += 1;
        let quick = compiled.evaluate(input, bindings.to_vec(), &mut Budget::new(&mut World(1)));
        let general = compiled.evaluate_generally(input, bindings.to_vec(), &mut Budget::new(&mut World(1)));
        let bound = |result: &Result<_, JsonataError>| matches!(result, Err(error) if error.code() == Code::U1001);
        let (quick_told, general_told) = (told(&quick), told(&general));
        // The two count differently, so that only one of them may be at its end.
        if quick_told != general_told && !bound(&general) && !bound(&quick) {
            self.differences.push(format!("{source}\n   quick: {quick_told}\n general: {general_told}"));
        }
    }

    fn finish(self) -> (usize, usize) {
        assert!(self.differences.is_empty(), "{} differ\n{}", self.differences.len(), self.differences.join("\n"));
        (self.quick, self.all)
    }
}

#[test]
fn own_expressions() {
    let input = Document::parse(include_bytes!("input.json")).expect("the test's own JSON");
    let bindings = ["whole", "states"].map(|name| (Text::from(name), input.clone()));
    let table = include_str!("expressions.txt");
    let mut tally = Tally::default();
    for source in table.lines().filter(|line| !line.is_empty() && !line.starts_with("//")) {
        tally.check(source, Some(&input), &bindings);
        tally.check(source, None, &bindings);
        let list = Document::from(vec![input.clone(), Document::NULL, Document::from(vec![input.clone()])]);
        tally.check(source, Some(&list), &bindings);
        assert_eq!(
            Jsonata::compile(source).map(|compiled| compiled.is_quick()).ok(),
            Some(true),
            "is to be quick: {source}"
        );
    }
    let (quick, all) = tally.finish();
    assert_eq!(quick, all);
}

/// The same table as the states of a workflow have it: `$states` of the scope, variables by slot, no `$`.
#[test]
fn own_expressions_in_a_workflow() {
    let document = Document::parse(include_bytes!("input.json")).expect("the test's own JSON");
    let input = document.get("input").expect("it has a member `input`");
    let parts = [("input", input), ("result", &document), ("errorOutput", input), ("context", &document)];
    let states =
        parts.iter().fold(ObjectBuilder::default(), |states, (name, part)| states.with(*name, (*part).clone()));
    let bindings = vec![(Text::from("whole"), document.clone()), (Text::from("states"), states.build())];
    let chance = Chance::new(1);
    let mut differences = Vec::new();
    let mut all = 0;
    for source in include_str!("expressions.txt").lines().filter(|line| !line.is_empty() && !line.starts_with("//")) {
        for member in ["input", "result", "errorOutput", "context"] {
            let source = source.replace("$states.input", &format!("$states.{member}"));
            let compiled = Jsonata::compile(&source).expect("the test's own expression");
            let mut names = VariableNames::default();
            // Only this form knows what `$states` is, and takes no part of it that there is not.
            let Some(quick) = compiled.quick(&mut names) else { continue };
            let variables: Vec<_> =
                names.names().iter().map(|name| (name == "whole").then(|| document.clone())).collect();
            let scope = Scope {
                root: &document,
                input,
                result: Some(&document),
                error_output: Some(input),
                context: &document,
                variables: &variables,
                chance: &chance,
                now_us: 0,
            };
            let result = quick.evaluate(&scope, &mut Budget::new(&mut World(1)));
            let result = result.map(|value| value.map_or(Answer::Nothing, Answer::Document));
            let general = compiled.evaluate_generally(None, bindings.clone(), &mut Budget::new(&mut World(1)));
            if let Some(at_hand) = quick.at_hand(&scope)
                && !matches!(&result, Ok(Answer::Document(document)) if document == at_hand)
            {
                differences.push(format!("{source}\n at hand: {at_hand}\n   quick: {}", told(&result)));
            }
            if told(&result) != told(&general) {
                differences.push(format!("{source}\n   quick: {}\n general: {}", told(&result), told(&general)));
            }
            all += 1;
        }
    }
    assert!(differences.is_empty(), "{} differ\n{}", differences.len(), differences.join("\n"));
    assert!(all > 1000, "only {all} were compared");
}

#[test]
fn expressions_of_the_functions() {
    let table = include_str!("../../../tests/data/jsonata_functions.txt");
    let mut tally = Tally::default();
    for case in table.split("\n\n") {
        let (source, _) = case.split_once("\n=> ").expect("an expression and its result");
        tally.check(source, Some(&Document::NULL), &[]);
    }
    let (quick, all) = tally.finish();
    assert!(quick * 2 > all, "only {quick} of {all} are quick");
}

/// The official cases, where they are at hand.
#[test]
#[allow(clippy::print_stderr, reason = "a test that has no data says so")]
fn official_expressions() {
    let shared = env::var_os("FLEETSTEP_SHARED").map(PathBuf::from);
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let directory = shared.unwrap_or_else(beside).join("jsonata-suite");
    let Ok(cases) = fs::read_dir(directory.join("cases")) else {
        return eprintln!("no {}: nothing to compare", directory.display());
    };
    let mut tally = Tally::default();
    let mut datasets = HashMap::new();
    for file in cases {
        let text = fs::read_to_string(file.expect("an entry").path()).expect("a file of cases");
        for case in text.lines().filter_map(|line| Document::parse(line.as_bytes()).ok()) {
            let Some(source) = case.get("expr").and_then(Document::as_str) else { continue };
            let dataset = case.get("dataset").and_then(Document::as_str);
            let read = |name: &str| {
                let text = fs::read(directory.join("datasets").join(format!("{name}.json"))).expect("a dataset");
                Document::parse(&text).expect("JSON")
            };
            let input = match (case.get("data"), dataset) {
                (Some(data), _) => Some(data.clone()),
                (None, Some(name)) => Some(datasets.entry(name.to_owned()).or_insert_with(|| read(name)).clone()),
                (None, None) => None,
            };
            let bindings = case.get("bindings").and_then(Document::as_object);
            let bindings: Vec<_> = bindings.into_iter().flat_map(|bindings| bindings.iter()).collect();
            let bindings: Vec<_> = bindings.into_iter().map(|(name, value)| (name.clone(), value.clone())).collect();
            tally.check(source, input.as_ref(), &bindings);
        }
    }
    let (quick, all) = tally.finish();
    eprintln!("{quick} of {all} official expressions have the compiled form");
    assert!(quick * 2 > all, "only {quick} of {all} are quick");
}
