//! Choice rules: a tree of comparisons. <https://states-language.net/#choice-state>

use crate::expr::runtime;
use crate::path::Path;
use crate::time::parse_timestamp;
use crate::{CompileError, EvalError, Fault, Scope, VariableNames};
use fleetstep_document::{Document, Text, View};
use jiff::Timestamp;
use std::cmp::Ordering;

/// What an operator compares with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperandKind {
    /// A string.
    String,
    /// A number.
    Number,
    /// A boolean.
    Boolean,
    /// A string that is an RFC 3339 timestamp.
    Timestamp,
    /// A JSONPath to a value of the operator's type.
    Path,
}

/// One comparison operator of a Choice rule.
#[derive(Debug)]
pub struct Operator {
    /// The field's name in a rule: `StringEquals`, `StringEqualsPath`, …
    pub name: &'static str,
    /// What must stand there.
    pub operand: OperandKind,
    check: Check,
}

#[derive(Clone, Copy, Debug)]
enum Check {
    Order(Kind, fn(Ordering) -> bool),
    Matches,
    Is(fn(&Document) -> bool),
    IsPresent,
}

/// The types whose values have an order.
#[derive(Clone, Copy, Debug)]
enum Kind {
    String,
    Number,
    Boolean,
    Timestamp,
}

macro_rules! operators {
    ($($name:literal $operand:ident $check:expr;)*) => {
        &[$(Operator { name: $name, operand: OperandKind::$operand, check: $check }),*]
    };
}

/// Every comparison operator.
#[rustfmt::skip]
pub static OPERATORS: &[Operator] = operators! {
    "StringEquals"                   String    Check::Order(Kind::String, Ordering::is_eq);
    "StringEqualsPath"               Path      Check::Order(Kind::String, Ordering::is_eq);
    "StringLessThan"                 String    Check::Order(Kind::String, Ordering::is_lt);
    "StringLessThanPath"             Path      Check::Order(Kind::String, Ordering::is_lt);
    "StringGreaterThan"              String    Check::Order(Kind::String, Ordering::is_gt);
    "StringGreaterThanPath"          Path      Check::Order(Kind::String, Ordering::is_gt);
    "StringLessThanEquals"           String    Check::Order(Kind::String, Ordering::is_le);
    "StringLessThanEqualsPath"       Path      Check::Order(Kind::String, Ordering::is_le);
    "StringGreaterThanEquals"        String    Check::Order(Kind::String, Ordering::is_ge);
    "StringGreaterThanEqualsPath"    Path      Check::Order(Kind::String, Ordering::is_ge);
    "StringMatches"                  String    Check::Matches;
    "NumericEquals"                  Number    Check::Order(Kind::Number, Ordering::is_eq);
    "NumericEqualsPath"              Path      Check::Order(Kind::Number, Ordering::is_eq);
    "NumericLessThan"                Number    Check::Order(Kind::Number, Ordering::is_lt);
    "NumericLessThanPath"            Path      Check::Order(Kind::Number, Ordering::is_lt);
    "NumericGreaterThan"             Number    Check::Order(Kind::Number, Ordering::is_gt);
    "NumericGreaterThanPath"         Path      Check::Order(Kind::Number, Ordering::is_gt);
    "NumericLessThanEquals"          Number    Check::Order(Kind::Number, Ordering::is_le);
    "NumericLessThanEqualsPath"      Path      Check::Order(Kind::Number, Ordering::is_le);
    "NumericGreaterThanEquals"       Number    Check::Order(Kind::Number, Ordering::is_ge);
    "NumericGreaterThanEqualsPath"   Path      Check::Order(Kind::Number, Ordering::is_ge);
    "BooleanEquals"                  Boolean   Check::Order(Kind::Boolean, Ordering::is_eq);
    "BooleanEqualsPath"              Path      Check::Order(Kind::Boolean, Ordering::is_eq);
    "TimestampEquals"                Timestamp Check::Order(Kind::Timestamp, Ordering::is_eq);
    "TimestampEqualsPath"            Path      Check::Order(Kind::Timestamp, Ordering::is_eq);
    "TimestampLessThan"              Timestamp Check::Order(Kind::Timestamp, Ordering::is_lt);
    "TimestampLessThanPath"          Path      Check::Order(Kind::Timestamp, Ordering::is_lt);
    "TimestampGreaterThan"           Timestamp Check::Order(Kind::Timestamp, Ordering::is_gt);
    "TimestampGreaterThanPath"       Path      Check::Order(Kind::Timestamp, Ordering::is_gt);
    "TimestampLessThanEquals"        Timestamp Check::Order(Kind::Timestamp, Ordering::is_le);
    "TimestampLessThanEqualsPath"    Path      Check::Order(Kind::Timestamp, Ordering::is_le);
    "TimestampGreaterThanEquals"     Timestamp Check::Order(Kind::Timestamp, Ordering::is_ge);
    "TimestampGreaterThanEqualsPath" Path      Check::Order(Kind::Timestamp, Ordering::is_ge);
    "IsNull"                         Boolean   Check::Is(Document::is_null);
    "IsPresent"                      Boolean   Check::IsPresent;
    "IsString"                       Boolean   Check::Is(|value| value.as_str().is_some());
    "IsNumeric"                      Boolean   Check::Is(|value| value.as_number().is_some());
    "IsBoolean"                      Boolean   Check::Is(|value| value.as_bool().is_some());
    "IsTimestamp"                    Boolean   Check::Is(|value| timestamp(value).is_some());
};

impl Operator {
    /// The operator of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        OPERATORS.iter().find(|operator| operator.name == name)
    }
}

/// A Choice rule's condition, as the parser of definitions builds it.
#[derive(Debug)]
pub enum Condition {
    /// `And`: all of them.
    And(Box<[Condition]>),
    /// `Or`: one of them.
    Or(Box<[Condition]>),
    /// `Not`: it does not hold.
    Not(Box<Condition>),
    /// One comparison, made by [`Condition::compare`].
    Compare(Comparison),
}

/// `Variable`, operator and operand, compiled.
#[derive(Debug)]
pub struct Comparison {
    variable: Path,
    variable_source: Text,
    test: Test,
}

#[derive(Debug)]
enum Test {
    Order { kind: Kind, holds: fn(Ordering) -> bool, operand: Operand },
    Matches(Pattern),
    Is { test: fn(&Document) -> bool, expected: bool },
    Present { expected: bool },
}

#[derive(Debug)]
enum Operand {
    Literal(Document),
    /// A timestamp is read once.
    Instant(Timestamp),
    Path {
        path: Path,
        source: Text,
    },
}

impl Condition {
    /// A comparison of the value at the path `variable` (the rule's `Variable`) with `operand`.
    ///
    /// # Errors
    /// `variable` is no JSONPath, or `operand` is not of the operator's kind; [`CompileError::field`] says which.
    pub fn compare(
        operator: &'static Operator,
        variable: &str,
        operand: &Document,
        names: &mut VariableNames,
    ) -> Result<Self, CompileError> {
        let path = compile_path(variable, "Variable", names)?;
        let test = operator.test(operand, names)?;
        Ok(Self::Compare(Comparison { variable: path, variable_source: Text::from(variable), test }))
    }

    /// Says which variables it reads.
    pub(crate) fn variables(&self, visit: &mut dyn FnMut(u32)) {
        match self {
            Self::And(conditions) | Self::Or(conditions) => {
                conditions.iter().for_each(|condition| condition.variables(visit));
            }
            Self::Not(condition) => condition.variables(visit),
            Self::Compare(Comparison { variable, test, .. }) => {
                variable.variable().into_iter().for_each(&mut *visit);
                if let Test::Order { operand: Operand::Path { path, .. }, .. } = test {
                    path.variable().into_iter().for_each(visit);
                }
            }
        }
    }

    /// Whether it holds. How deep conditions nest is bounded by the parser of definitions.
    pub(crate) fn holds(&self, scope: &Scope<'_>) -> Result<bool, EvalError> {
        match self {
            Self::And(conditions) => {
                for condition in conditions {
                    if !condition.holds(scope)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Or(conditions) => {
                for condition in conditions {
                    if condition.holds(scope)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Not(condition) => Ok(!condition.holds(scope)?),
            Self::Compare(comparison) => comparison.holds(scope),
        }
    }
}

impl Operator {
    fn test(&self, operand: &Document, names: &mut VariableNames) -> Result<Test, CompileError> {
        let wrong = || CompileError {
            fault: Fault::Schema,
            message: format!("The value for the field '{}' must be {}", self.name, self.operand.described()),
            reason: format!("it is {}", operand.to_json()),
            field: self.name.to_owned(),
            offset: 0,
        };
        Ok(match self.check {
            Check::Order(kind, holds) => {
                let literal = || Operand::Literal(operand.clone());
                let operand = match self.operand {
                    OperandKind::Path => {
                        let source = operand.as_text().ok_or_else(wrong)?;
                        Operand::Path { path: compile_path(source, self.name, names)?, source: source.clone() }
                    }
                    OperandKind::Timestamp => Operand::Instant(timestamp(operand).ok_or_else(wrong)?),
                    OperandKind::String => operand.as_str().map(|_| literal()).ok_or_else(wrong)?,
                    OperandKind::Number => operand.as_number().map(|_| literal()).ok_or_else(wrong)?,
                    OperandKind::Boolean => operand.as_bool().map(|_| literal()).ok_or_else(wrong)?,
                };
                Test::Order { kind, holds, operand }
            }
            Check::Matches => Test::Matches(Pattern::new(operand.as_str().ok_or_else(wrong)?)),
            Check::Is(test) => Test::Is { test, expected: operand.as_bool().ok_or_else(wrong)? },
            Check::IsPresent => Test::Present { expected: operand.as_bool().ok_or_else(wrong)? },
        })
    }
}

impl OperandKind {
    fn described(self) -> &'static str {
        match self {
            Self::String => "a string",
            Self::Number => "a number",
            Self::Boolean => "a boolean",
            Self::Timestamp => "an RFC3339 timestamp",
            Self::Path => "a valid JSONPath",
        }
    }
}

impl Comparison {
    fn holds(&self, scope: &Scope<'_>) -> Result<bool, EvalError> {
        let found = self.variable.find_with(scope, |value| match &self.test {
            Test::Order { kind, holds, operand } => operand.compare(*kind, value, scope).map(|o| o.is_some_and(*holds)),
            Test::Matches(pattern) => Ok(value.as_str().is_some_and(|text| pattern.matches(text))),
            Test::Is { test, expected } => Ok(test(value) == *expected),
            Test::Present { expected } => Ok(*expected),
        });
        match (found, &self.test) {
            (Some(holds), _) => holds,
            (None, Test::Present { expected }) => Ok(!expected),
            (None, _) => Err(invalid(&self.variable_source)),
        }
    }
}

impl Operand {
    /// How `value` stands to the operand; nothing when one of them is not of the `kind`.
    fn compare(&self, kind: Kind, value: &Document, scope: &Scope<'_>) -> Result<Option<Ordering>, EvalError> {
        match self {
            Self::Literal(operand) => Ok(kind.compare(value, operand)),
            Self::Instant(instant) => Ok(timestamp(value).map(|value| value.cmp(instant))),
            Self::Path { path, source } => {
                path.find_with(scope, |operand| kind.compare(value, operand)).ok_or_else(|| invalid(source))
            }
        }
    }
}

impl Kind {
    fn compare(self, left: &Document, right: &Document) -> Option<Ordering> {
        match (self, left.view(), right.view()) {
            (Self::String, View::String(left), View::String(right)) => Some(compare_text(left, right)),
            (Self::Number, View::Number(left), View::Number(right)) => Some(left.compare(&right)),
            (Self::Boolean, View::Bool(left), View::Bool(right)) => Some(left.cmp(&right)),
            (Self::Timestamp, ..) => Some(timestamp(left)?.cmp(&timestamp(right)?)),
            _ => None,
        }
    }
}

/// Java's order of strings: by UTF-16 units, which differs from the order of code points above U+FFFF.
fn compare_text(left: &str, right: &str) -> Ordering {
    if left.is_ascii() || right.is_ascii() || left == right {
        return left.cmp(right);
    }
    left.encode_utf16().cmp(right.encode_utf16())
}

fn timestamp(value: &Document) -> Option<Timestamp> {
    value.as_str().and_then(parse_timestamp)
}

fn compile_path(text: &str, field: &str, names: &mut VariableNames) -> Result<Path, CompileError> {
    Path::parse(text, names).map_err(|flaw| CompileError {
        fault: Fault::Schema,
        message: format!("The value for the field '{field}' must be a valid JSONPath"),
        reason: flaw.reason,
        field: field.to_owned(),
        offset: flaw.offset,
    })
}

fn invalid(path: &str) -> EvalError {
    runtime(format!("Invalid path '{path}': The choice state's condition path references an invalid value."))
}

/// A `StringMatches` pattern: `*` stands for any run of characters, `\*` for a star, `\\` for a backslash.
#[derive(Debug)]
struct Pattern {
    /// The texts between the stars: one when there is no star.
    parts: Box<[String]>,
}

impl Pattern {
    fn new(text: &str) -> Self {
        let mut parts = vec![String::new()];
        let mut characters = text.chars().peekable();
        while let Some(c) = characters.next() {
            let literal = match c {
                '*' => {
                    parts.push(String::new());
                    continue;
                }
                '\\' => characters.next_if(|next| matches!(next, '*' | '\\')).unwrap_or('\\'),
                other => other,
            };
            if let Some(part) = parts.last_mut() {
                part.push(literal);
            }
        }
        Self { parts: parts.into() }
    }

    /// The first part starts the text, the last ends it, and each part between is taken at its first place.
    fn matches(&self, text: &str) -> bool {
        let (first, between, last) = match &*self.parts {
            [] => return text.is_empty(),
            [only] => return text == only,
            [first, between @ .., last] => (first, between, last),
        };
        let Some(mut rest) = text.strip_prefix(first.as_str()) else { return false };
        for part in between {
            match rest.find(part.as_str()) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
        rest.ends_with(last.as_str())
    }
}
