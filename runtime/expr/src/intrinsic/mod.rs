//! The intrinsic functions, `States.*`.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html>

mod functions;
mod parse;

use crate::expr::runtime;
use crate::path::{Flaw, Miss, Path, clipped_json};
use crate::{Chance, EvalError, Scope, VariableNames};
use fleetstep_document::{Document, Text};
use functions::Function;

/// How deep calls may nest: the service's own limit.
const DEPTH_MAX: usize = 10;
/// How many bytes of JSON the arguments of one call may have together. Documents share their parts, so that an
/// argument of a few bytes of memory may stand for gigabytes of text.
const ARGUMENTS_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A compiled call.
#[derive(Debug)]
pub(crate) struct Call {
    function: &'static Function,
    arguments: Box<[Argument]>,
}

#[derive(Debug)]
enum Argument {
    Literal(Document),
    Path { path: Path, source: Text },
    Call(Call),
}

/// Why a call has no value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// A path among the arguments that finds nothing.
    Missing { source: Text },
    /// What a path or a function has to complain about.
    Refused(String),
}

impl Call {
    /// Compiles the text of a call.
    pub(crate) fn parse(text: &str, names: &mut VariableNames) -> Result<Self, Flaw> {
        parse::call(text, names)
    }

    /// Says which variables the arguments read.
    pub(crate) fn variables(&self, visit: &mut dyn FnMut(u32)) {
        for argument in &self.arguments {
            match argument {
                Argument::Literal(_) => {}
                Argument::Path { path, .. } => path.variable().into_iter().for_each(&mut *visit),
                Argument::Call(call) => call.variables(visit),
            }
        }
    }

    /// The value, when it is the same whatever the scope and there is one.
    pub(crate) fn constant(&self) -> Option<Document> {
        self.is_constant().then(|| {
            let nothing = Document::NULL;
            let scope = Scope {
                root: &nothing,
                input: &nothing,
                result: None,
                error_output: None,
                context: &nothing,
                variables: &[],
                chance: &Chance::new(0),
                now_us: 0,
            };
            self.evaluate(&scope).ok()
        })?
    }

    fn is_constant(&self) -> bool {
        self.function.is_pure(self.arguments.len())
            && self.arguments.iter().all(|argument| match argument {
                Argument::Literal(_) => true,
                Argument::Path { .. } => false,
                Argument::Call(call) => call.is_constant(),
            })
    }

    pub(crate) fn evaluate(&self, scope: &Scope<'_>) -> Result<Document, Failure> {
        let mut values = Vec::with_capacity(self.arguments.len());
        let mut bytes: usize = 0;
        for argument in &self.arguments {
            let value = argument.evaluate(scope)?;
            bytes = bytes.saturating_add(value.json_len());
            if bytes > ARGUMENTS_BYTES_MAX {
                return Err(self.function.refuse(Some("the arguments are too large")));
            }
            values.push(value);
        }
        self.function.call(&values, scope)
    }
}

impl Argument {
    fn evaluate(&self, scope: &Scope<'_>) -> Result<Document, Failure> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Call(call) => call.evaluate(scope),
            Self::Path { path, source } => path.read(scope).map_err(|miss| match miss {
                Miss::NotFound(_) | Miss::Unassigned => Failure::Missing { source: source.clone() },
                Miss::Invalid(_) | Miss::Exhausted => Failure::Refused(miss.message().to_owned()),
            }),
        }
    }
}

impl Failure {
    /// The service's wording, which quotes the whole expression.
    pub(crate) fn worded(self, expression: &str, scope: &Scope<'_>) -> EvalError {
        let detail = match self {
            Self::Refused(detail) => detail,
            // A path into the context object is named within it, but it is always the input that is quoted.
            Self::Missing { source } => format!(
                "The JsonPath argument for the field '{}' could not be found in the input '{}'",
                source.strip_prefix('$').filter(|path| path.starts_with('$')).unwrap_or(&source),
                clipped_json(scope.root)
            ),
        };
        runtime(format!("The function '{expression}' had the following error: {detail}"))
    }
}
