//! The compiled form of what workflows use all day.
//!
//! A whole expression is compiled to it or none of it: [`Quick::compile`] says no to whatever is rare, and the general
//! engine takes the expression then. Results, errors and their texts are those of the general engine.

use super::ast::Node;
use super::{Budget, JsonataError};
use crate::{Scope, VariableNames};
use fleetstep_document::Document;

/// An expression in its compiled form.
#[derive(Debug)]
pub(crate) struct Quick;

impl Quick {
    /// Compiles an expression of a workflow, in which `$states` is the state's own; workflow variables get their
    /// slots from `names`. Nothing when the general engine is to take it.
    pub(in crate::jsonata) fn compile(_root: &Node, _names: &mut VariableNames) -> Option<Self> {
        None
    }

    /// The value where nothing has to be made for it: a path that leads to a place, a constant.
    #[inline]
    pub(crate) fn at_hand<'s>(&'s self, _scope: &Scope<'s>) -> Option<&'s Document> {
        None
    }

    /// The value; `None` for JSONata's undefined.
    pub(crate) fn evaluate(
        &self,
        _scope: &Scope<'_>,
        _budget: &mut Budget<'_>,
    ) -> Result<Option<Document>, JsonataError> {
        Ok(None)
    }
}
