//! An expression, compiled.

use super::ast::Node;
use super::eval::Evaluator;
use super::references::{References, references};
use super::stack::Stack;
use super::{Budget, Dialect, JsonataError, Quick, Value, parser, process};
use crate::VariableNames;
use fleetstep_document::{Document, Text};
use std::fmt;

/// An expression, compiled once and evaluated many times; threads may share it.
pub struct Jsonata {
    root: Node,
    dialect: &'static Dialect,
    /// The compiled form, where there is one, and the variables that may come in.
    quick: Option<Quick>,
    names: VariableNames,
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
        Self::compile_with(source, Dialect::standard())
    }

    /// Compiles an expression that finds the functions of `dialect`.
    pub fn compile_with(source: &str, dialect: &'static Dialect) -> Result<Self, JsonataError> {
        let stack = Stack::here();
        let root = process::process(parser::parse(source, stack)?, stack)?;
        let mut names = VariableNames::default();
        let quick = Quick::compile_plain(&root, dialect, &mut names);
        Ok(Self { root, dialect, quick, names })
    }

    /// The compiled form for the states of a workflow, where there is one: see [`Quick::compile`].
    pub(crate) fn quick(&self, names: &mut VariableNames) -> Option<Quick> {
        Quick::compile(&self.root, self.dialect, names)
    }

    /// Whether the expression has the compiled form.
    #[cfg(test)]
    pub(in crate::jsonata) fn is_quick(&self) -> bool {
        self.quick.is_some()
    }

    /// What the expression reads of its surroundings.
    pub(crate) fn references(&self) -> References {
        references(&self.root, self.dialect)
    }

    /// Evaluates the expression. `input` is what `$` stands for, `None` for nothing; `bindings` are variables, their
    /// names without `$`.
    pub fn evaluate(
        &self,
        input: Option<&Document>,
        bindings: impl IntoIterator<Item = (Text, Document)>,
        budget: &mut Budget<'_>,
    ) -> Result<Answer, JsonataError> {
        let bindings: Vec<(Text, Document)> = bindings.into_iter().collect();
        // A variable may take the name of a function; the compiled form knows them apart by name.
        let quick = self.quick.as_ref().filter(|quick| !bindings.iter().any(|(name, _)| quick.calls(name)));
        let Some(quick) = quick else { return self.evaluate_generally(input, bindings, budget) };
        let value = |name: &Text| bindings.iter().rev().find(|(known, _)| known == name);
        let variables: Vec<_> = self.names.names().iter().map(|name| Some(value(name)?.1.clone())).collect();
        Ok(quick.evaluate_plain(input, &variables, budget)?.map_or(Answer::Nothing, Answer::Document))
    }

    /// Evaluates with the general engine, whether or not there is a compiled form.
    #[doc(hidden)]
    pub fn evaluate_generally(
        &self,
        input: Option<&Document>,
        bindings: Vec<(Text, Document)>,
        budget: &mut Budget<'_>,
    ) -> Result<Answer, JsonataError> {
        let input = input.cloned().map_or(Value::Undefined, Value::Document);
        let bindings = bindings.into_iter().map(|(name, value)| (name, Value::Document(value))).collect();
        let mut evaluator = Evaluator::new(budget, self.dialect);
        let value = evaluator.run(&self.root, input, bindings)?;
        Ok(match value {
            Value::Function(_) => Answer::Function,
            value => value.to_answer(self.dialect.names_infinities)?.map_or(Answer::Nothing, Answer::Document),
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
