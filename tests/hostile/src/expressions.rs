//! Expressions, each over a document: the first line of an input is the expression, the rest the document, and where
//! that is no JSON a document of this file takes its place.

use fleetstep_document::{Document, Text};
use fleetstep_expr::jsonata::{Ambient, Answer, Budget, Code, Jsonata, JsonataError};
use fleetstep_expr::{Chance, CompileError, EvalError, Expr, ReferencePath, Scope, VariableNames, parse_timestamp};

const SAMPLE: &str = r#"{"a":{"b":[1,2.5,{"c":"x"}],"d":null},"list":[3,1,2,{"a":1,"b":"y"},[4,[5]]],"s":"a,b;{}","n":-7,"t":true,
"when":"2026-01-02T03:04:05.678Z","o":{"k":"v","l":{"m":[]}}}"#;

/// What a call may make of documents that are as small as these: the bound of what intrinsic functions print, and
/// some more for what is around it.
const RESULT_BYTES_MAX: usize = 8 << 20;

/// The time of every evaluation, in microseconds since 1970.
const NOW_US: i64 = 1_767_225_600_000_000;

/// The expression; the document, once taken apart and once as a text that was kept.
fn parts(input: &[u8]) -> Option<(&str, Document, Document)> {
    let text = std::str::from_utf8(input).ok()?;
    let (expression, document) = text.split_once('\n').unwrap_or((text, ""));
    let document = if Document::parse(document.as_bytes()).is_ok() { document } else { SAMPLE };
    let parsed = Document::parse(document.as_bytes()).ok()?;
    Some((expression, parsed, Document::parse_lazily(document.as_bytes()).ok()?))
}

/// A JSONPath is refused with a place in its text, or finds the same each time, in every form of a document; where a
/// reference path puts a value, there the path finds it.
pub(crate) fn paths(input: &[u8]) {
    let Some((text, parsed, lazily)) = parts(input) else { return };
    let compiled = Expr::path(text, "InputPath", &mut VariableNames::default());
    let compiled = accepted(text, compiled);
    if let Some(path) = &compiled {
        same_each_time(path, &parsed, &lazily).ok();
    }
    if let Some(reference) = accepted(text, ReferencePath::parse(text, "ResultPath")) {
        let path = compiled.unwrap_or_else(|| panic!("{text} is a reference path, but no path"));
        let before = parsed.to_json();
        let mark = Document::from("placed");
        if let Ok(placed) = reference.place(&parsed, mark.clone()) {
            assert_eq!(evaluated(&path, &placed), Ok(mark), "what {text} puts, it finds");
            assert_eq!(reference.place(&lazily, Document::from("placed")).as_ref(), Ok(&placed));
        }
        assert_eq!(parsed.to_json(), before, "the document that a value is put into stays as it was");
    }
    // Any text may come to where a time is expected.
    let _ = parse_timestamp(text);
}

/// A path or a call in a template's field, a template around it, and what they make, which has a bound.
pub(crate) fn intrinsics(input: &[u8]) {
    let Some((text, parsed, lazily)) = parts(input) else { return };
    let single = accepted(text, Expr::path_or_intrinsic(text, "v.$", &mut VariableNames::default()));
    let template = fleetstep_document::ObjectBuilder::default().with("v.$", Document::from(text)).build();
    let template = Expr::template(&template, &mut VariableNames::default()).ok();
    assert_eq!(single.is_some(), template.is_some(), "{text} is something only in one of two fields");
    let (Some(single), Some(template)) = (single, template) else { return };
    let value = same_each_time(&single, &parsed, &lazily);
    let whole = same_each_time(&template, &parsed, &lazily);
    if let (Ok(value), Ok(whole)) = (value, whole) {
        assert!(value.json_len() <= parsed.json_len() + RESULT_BYTES_MAX, "{} bytes", value.json_len());
        assert_eq!(whole.get("v"), Some(&value), "in a template it is something else");
    }
}

/// An expression ends within its budget; the compiled form and the general engine come to the same, and so does the
/// field of a state.
pub(crate) fn jsonata(input: &[u8]) {
    let Some((text, parsed, lazily)) = parts(input) else { return };
    if let Ok(compiled) = Jsonata::compile(text) {
        let bindings = [("states", &parsed), ("v", &lazily)].map(|(name, value)| (Text::from(name), value.clone()));
        for document in [Some(&parsed), Some(&lazily), None] {
            let quick = compiled.evaluate(document, bindings.clone(), &mut Budget::new(&mut World(1)));
            let general = compiled.evaluate_generally(document, bindings.to_vec(), &mut Budget::new(&mut World(1)));
            let (quick_told, general_told) = (told(&quick), told(&general));
            // The two count differently, so that only one of them may be at its end.
            let alike = quick_told == general_told || is_bound(&quick) || is_bound(&general);
            assert!(alike, "{text}\n  quick:   {quick_told}\n  general: {general_told}");
        }
    }
    let field = Document::from(format!("{{% {text} %}}"));
    if let Ok(field) = Expr::jsonata(&field, "Output", &mut VariableNames::default()) {
        same_each_time(&field, &parsed, &lazily).ok();
    }
}

/// Time and chance that are the same in every run.
struct World(u64);

impl Ambient for World {
    fn now_millis(&self) -> i64 {
        NOW_US / 1_000
    }

    fn random(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn told(result: &Result<Answer, JsonataError>) -> String {
    match result {
        Ok(Answer::Document(document)) => document.to_json(),
        Ok(Answer::Nothing) => "undefined".to_owned(),
        Ok(Answer::Function) => "function".to_owned(),
        Err(error) => format!("{error:?}"),
    }
}

fn is_bound(result: &Result<Answer, JsonataError>) -> bool {
    matches!(result, Err(error) if error.code() == Code::U1001)
}

/// What was compiled; a refusal has a place in the text, and says something.
fn accepted<T>(text: &str, compiled: Result<T, CompileError>) -> Option<T> {
    compiled
        .map_err(|error| {
            assert!(error.offset <= text.len(), "{text}: {error:?}");
            assert!(!error.message.is_empty() && !error.reason.is_empty() && !error.field.is_empty(), "{error:?}");
        })
        .ok()
}

fn same_each_time(expr: &Expr, parsed: &Document, lazily: &Document) -> Result<Document, EvalError> {
    let first = evaluated(expr, parsed);
    assert_eq!(evaluated(expr, parsed), first, "the same again");
    assert_eq!(evaluated(expr, lazily), first, "over a text that was kept");
    match &first {
        // What is too long to be counted is too long to be written, too.
        Ok(value) if value.json_len() == usize::MAX => {}
        Ok(value) => assert_eq!(value.json_len(), value.to_json().len()),
        Err(error) => assert!(!error.message.is_empty(), "{error:?}"),
    }
    first
}

fn evaluated(expr: &Expr, document: &Document) -> Result<Document, EvalError> {
    let chance = Chance::new(7);
    let scope = Scope {
        root: document,
        input: document,
        result: None,
        error_output: None,
        context: document,
        variables: &[],
        chance: &chance,
        now_us: NOW_US,
    };
    expr.evaluate(&scope)
}
