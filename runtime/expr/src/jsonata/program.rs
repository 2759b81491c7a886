//! An expression, compiled.

use super::ast::Node;
use super::eval::Evaluator;
use super::references::{References, references};
use super::stack::Stack;
use super::top_level::top_level;
use super::{Budget, JsonataError, Value, parser, process};
use fleetstep_document::{Document, Text};
use std::fmt;

/// An expression, compiled once and evaluated many times; threads may share it.
pub struct Jsonata {
    root: Node,
}

/// What an expression came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Nothing: jsonata-js's `undefined`.
    Nothing,
    /// A JSON value.
    Document(Document),
    /// A function, which is no JSON value.
    Function,
}

impl Answer {
    /// The value, if there is one.
    #[must_use]
    pub fn into_document(self) -> Option<Document> {
        match self {
            Self::Document(document) => Some(document),
            Self::Nothing | Self::Function => None,
        }
    }
}

impl Jsonata {
    /// Compiles an expression. The errors have codes that begin with `S`.
    pub fn compile(source: &str) -> Result<Self, JsonataError> {
        let stack = Stack::here();
        Ok(Self { root: process::process(parser::parse(source, stack)?, stack)? })
    }

    /// What the expression reads of its surroundings.
    pub(crate) fn references(&self) -> References {
        references(&self.root)
    }

    /// The names that it looks up in the context item, `$` itself and `$$` among them: a workflow gives it none.
    #[must_use]
    pub fn top_level(&self) -> Vec<Text> {
        top_level(&self.root)
    }

    /// Evaluates the expression. `input` is what `$` stands for, `None` for nothing; `bindings` are variables, their
    /// names without `$`.
    pub fn evaluate(
        &self,
        input: Option<&Document>,
        bindings: impl IntoIterator<Item = (Text, Document)>,
        budget: &mut Budget<'_>,
    ) -> Result<Answer, JsonataError> {
        let input = input.cloned().map_or(Value::Undefined, Value::Document);
        let bindings = bindings.into_iter().map(|(name, value)| (name, Value::Document(value))).collect();
        let mut evaluator = Evaluator::new(budget);
        let value = evaluator.run(&self.root, input, bindings)?;
        Ok(match value {
            Value::Function(_) => Answer::Function,
            value => value.to_document()?.map_or(Answer::Nothing, Answer::Document),
        })
    }
}

impl fmt::Debug for Jsonata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jsonata").finish_non_exhaustive()
    }
}

const fn shared_by_threads<T: Send + Sync>() {}
const _: () = shared_by_threads::<Jsonata>();
