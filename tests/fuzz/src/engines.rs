//! The two engines behind one question: what does an expression come to?

use fleetstep_document::Document;
use fleetstep_expr::jsonata::{Ambient, Answer, Budget, Jsonata};
use jlens_core::{Bindings, Expression, Options};
use serde_json::Value;
use std::fmt;

/// The time that both engines are given, in milliseconds since 1970.
const NOW_MS: i64 = 1_700_000_000_123;

/// Steps that jlens may take.
const STEPS_MAX: u64 = 200_000;

/// An expression and what it is evaluated over.
#[derive(Clone)]
pub(crate) struct Case {
    /// The expression.
    pub(crate) expression: String,
    /// The input as JSON; `None` for nothing.
    pub(crate) input: Option<&'static str>,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  over:  {}", self.expression, self.input.unwrap_or("nothing"))
    }
}

/// What an engine makes of a case.
pub(crate) enum Outcome {
    /// A value. Of a function jlens makes a value too, so that ours counts as one.
    Value(Value),
    /// Nothing.
    Nothing,
    /// A function, which no JSON can show.
    Function,
    /// The code and the message of an error.
    Error(String, String),
    /// A bound of the engine, or something that this program cannot compare.
    GivenUp,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => write!(f, "{value}"),
            Self::Nothing => f.write_str("nothing"),
            Self::Function => f.write_str("a function"),
            Self::Error(code, message) => write!(f, "{code}: {message}"),
            Self::GivenUp => f.write_str("given up"),
        }
    }
}

/// What both make of a case.
pub(crate) struct Pair {
    /// Our engine.
    pub(crate) ours: Outcome,
    /// The other one.
    pub(crate) theirs: Outcome,
}

impl Pair {
    /// Asks both.
    pub(crate) fn of(case: &Case) -> Self {
        Self { ours: ours(case), theirs: theirs(case) }
    }

    /// Whether there is no difference to speak of.
    pub(crate) fn agree(&self) -> bool {
        match (&self.ours, &self.theirs) {
            (Outcome::GivenUp, _) | (_, Outcome::GivenUp) | (Outcome::Nothing, Outcome::Nothing) => true,
            // jlens shows functions as values of its own.
            (Outcome::Function, Outcome::Value(_) | Outcome::Nothing) => true,
            (Outcome::Value(a), Outcome::Value(b)) => equal(a, b),
            (Outcome::Error(a, _), Outcome::Error(b, _)) => a == b,
            _ => false,
        }
    }

    /// The kinds of the two outcomes: `value`, `nothing`, `function` or an error's code.
    pub(crate) fn classes(&self) -> (&str, &str) {
        (self.ours.class(), self.theirs.class())
    }
}

impl Outcome {
    fn class(&self) -> &str {
        match self {
            Self::Value(_) => "value",
            Self::Nothing => "nothing",
            Self::Function => "function",
            Self::Error(code, _) => code,
            Self::GivenUp => "given-up",
        }
    }
}

/// Numbers count as doubles, and the order of fields does not count.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| equal(a, b)))
        }
        _ => a == b,
    }
}

struct Still;

impl Ambient for Still {
    fn now_millis(&self) -> i64 {
        NOW_MS
    }

    fn random(&mut self) -> f64 {
        0.5
    }
}

fn ours(case: &Case) -> Outcome {
    let input = case.input.map(|json| Document::parse(json.as_bytes()).expect("the inputs are JSON"));
    let mut still = Still;
    let mut budget = Budget::new(&mut still);
    let compiled = Jsonata::compile(&case.expression);
    match compiled.and_then(|compiled| compiled.evaluate(input.as_ref(), [], &mut budget)) {
        Ok(Answer::Nothing) => Outcome::Nothing,
        Ok(Answer::Function) => Outcome::Function,
        Ok(Answer::Document(value)) => serde_json::from_str(&value.to_json()).map_or(Outcome::GivenUp, Outcome::Value),
        Err(error) => match error.code().as_str() {
            "U1001" => Outcome::GivenUp,
            code => Outcome::Error(code.to_owned(), error.message()),
        },
    }
}

fn theirs(case: &Case) -> Outcome {
    let input: Option<Value> = case.input.map(|json| serde_json::from_str(json).expect("the inputs are JSON"));
    let options = Options::new().now(NOW_MS).seed(1).max_steps(STEPS_MAX).max_depth(400).max_array_length(100_000);
    let compiled = Expression::compile(&case.expression);
    match compiled.and_then(|compiled| compiled.evaluate_with(input.as_ref(), &Bindings::new(), &options)) {
        Ok(None) => Outcome::Nothing,
        Ok(Some(value)) => Outcome::Value(value),
        Err(error) => match error.code() {
            "D1011" | "D1012" | "U1001" | "U1003" | "U1006" => Outcome::GivenUp,
            code => Outcome::Error(code.to_owned(), error.message()),
        },
    }
}
