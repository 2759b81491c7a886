//! The compiled form of what workflows use all day: paths, operators, constructors, blocks with variables, the
//! functions of the library, and the functions that take a lambda as loops.
//!
//! A whole expression is compiled to it or none of it: [`Quick::compile`] says no to whatever is rare (`%`, `@`, `#`,
//! `^`, `*`, transforms, regular expressions, function values), and the general engine takes the expression then. Results,
//! errors and their texts are those of the general engine, from which this form has its casts, operators and functions;
//! a test runs both over every expression at hand.
//!
//! Variables are slots, and what comes from the scope is borrowed. Nothing can recurse, so that the depth of an
//! evaluation is that of its operations, which is bounded when they are compiled; loops spend of the budget.

mod compile;
mod document;
mod loops;
mod op;
mod path;
mod run;
#[cfg(test)]
mod tests;
mod val;

use super::ast::Node;
use super::value::Array;
use super::{Budget, Dialect, Evaluator, JsonataError, Value};
use crate::{Scope, VariableNames};
use compile::Compiler;
use fleetstep_document::{Document, Text};
use op::{Op, Start};
use run::Run;
use std::cell::OnceCell;
use std::fmt;
use std::rc::Rc;
use val::Val;

/// An expression in its compiled form.
pub(crate) struct Quick {
    root: Op,
    dialect: &'static Dialect,
    /// How many variables of its own it has.
    slots: u32,
    /// The functions of the library that it calls.
    natives: Box<[&'static str]>,
}

/// What an evaluation can see.
#[derive(Clone, Copy)]
struct Roots<'e> {
    /// `$$`, and `$` at the outermost place.
    dollar: Option<&'e Document>,
    /// `$states`
    states: Option<&'e Scope<'e>>,
    variables: &'e [Option<Document>],
}

/// `start.key.key`
#[derive(Debug)]
pub(crate) struct Walk {
    start: Start,
    keys: Box<[Text]>,
}

impl Walk {
    /// What it leads to, where nothing has to be made for it.
    #[inline]
    pub(crate) fn at_hand<'s>(&self, scope: &Scope<'s>) -> Option<&'s Document> {
        follow(self.start, &self.keys, scope)
    }
}

#[inline]
fn follow<'s>(start: Start, keys: &[Text], scope: &Scope<'s>) -> Option<&'s Document> {
    let mut found = match start {
        Start::Input => scope.input,
        Start::Result => scope.result?,
        Start::ErrorOutput => scope.error_output?,
        Start::Variable(slot) => scope.variables.get(slot as usize)?.as_ref()?,
        _ => return None,
    };
    for key in keys {
        found = found.get(key)?;
    }
    Some(found)
}

impl Quick {
    /// Compiles an expression of a workflow, in which `$states` is the state's own; workflow variables get their
    /// slots from `names`. Nothing when the general engine is to take it.
    pub(in crate::jsonata) fn compile(
        root: &Node,
        dialect: &'static Dialect,
        names: &mut VariableNames,
    ) -> Option<Self> {
        Self::from_tree(root, Compiler::new(names, dialect, true))
    }

    /// Compiles an expression of no workflow, in which `$states` is a variable like any other.
    pub(in crate::jsonata) fn compile_plain(
        root: &Node,
        dialect: &'static Dialect,
        names: &mut VariableNames,
    ) -> Option<Self> {
        Self::from_tree(root, Compiler::new(names, dialect, false))
    }

    fn from_tree(root: &Node, mut compiler: Compiler<'_>) -> Option<Self> {
        let root = compiler.node(root)?;
        let Compiler { dialect, slots, natives, .. } = compiler;
        Some(Self { root, dialect, slots, natives: natives.into() })
    }

    /// Whether the expression calls the function of the library of this name.
    pub(in crate::jsonata) fn calls(&self, name: &str) -> bool {
        self.natives.contains(&name)
    }

    /// The value where nothing has to be made for it: a constant, or a place that a walk leads to.
    #[inline]
    pub(crate) fn at_hand<'s>(&'s self, scope: &Scope<'s>) -> Option<&'s Document> {
        match &self.root {
            Op::Constant(document) => Some(document),
            Op::Path(path) => path.walk().and_then(|(start, keys)| follow(start, keys, scope)),
            Op::Start(start) => follow(*start, &[], scope),
            _ => None,
        }
    }

    /// The walk that the whole expression is, if it is one, to be kept where it is found at once: it is what nearly
    /// every field of a state asks for.
    pub(crate) fn walk(&self) -> Option<Walk> {
        match &self.root {
            Op::Path(path) => path.walk().map(|(start, keys)| Walk { start, keys: keys.into() }),
            Op::Start(start) => Some(Walk { start: *start, keys: Box::default() }),
            _ => None,
        }
    }

    /// The value; `None` for JSONata's undefined. Outside of a workflow's own data there is no `$`.
    pub(crate) fn evaluate(
        &self,
        scope: &Scope<'_>,
        budget: &mut Budget<'_>,
    ) -> Result<Option<Document>, JsonataError> {
        self.run(Roots { dollar: None, states: Some(scope), variables: scope.variables }, budget)
    }

    /// The value for an expression of no workflow.
    pub(in crate::jsonata) fn evaluate_plain(
        &self,
        input: Option<&Document>,
        variables: &[Option<Document>],
        budget: &mut Budget<'_>,
    ) -> Result<Option<Document>, JsonataError> {
        self.run(Roots { dollar: input, states: None, variables }, budget)
    }

    fn run(&self, roots: Roots<'_>, budget: &mut Budget<'_>) -> Result<Option<Document>, JsonataError> {
        let context = OnceCell::new();
        let locals = if self.slots == 0 { Vec::new() } else { vec![Val::NOTHING; self.slots as usize] };
        let mut run =
            Run { evaluator: Evaluator::new(budget, self.dialect), roots, context: &context, locals, unwritable: None };
        let at = match roots.dollar {
            // An array is the one context value, rather than a sequence of them.
            Some(input) if input.as_array().is_some() => {
                let mut wrapper = Array::sequence(vec![Value::Document(input.clone())]);
                wrapper.outer_wrapper = true;
                Val::Own(Value::Array(Rc::new(wrapper)))
            }
            input => Val::of(input),
        };
        let value = run.document(&self.root, &at)?;
        run.unwritable.map_or(Ok(value), Err)
    }
}

impl fmt::Debug for Quick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Quick").finish_non_exhaustive()
    }
}
