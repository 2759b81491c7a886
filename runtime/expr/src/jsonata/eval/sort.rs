//! The `order-by` operator.

use super::operators::{is_orderable, order};
use super::{Env, Evaluator, Outcome};
use crate::jsonata::ast::Node;
use crate::jsonata::functions::merge_sort;
use crate::jsonata::parser::SortTerm;
use crate::jsonata::value::Tuple;
use crate::jsonata::{Code, JsonataError, Value};
use std::cmp::Ordering;

impl Evaluator<'_, '_> {
    /// `^(terms)` over the items of a sequence.
    pub(super) fn sort(&mut self, node: &Node, terms: &[SortTerm<Node>], input: &Value, env: &Env) -> Outcome {
        let Some(items) = input.items() else { return Ok(input.clone()) };
        if items.len() <= 1 {
            return Ok(input.clone());
        }
        self.budget.items(items.len())?;
        let sorted = merge_sort(items.iter().collect(), &mut |a, b| {
            Ok(self.compare_terms(node, terms, (a, env), (b, env))? == Ordering::Greater)
        })?;
        Ok(Value::array(sorted))
    }

    /// `^(terms)` over a stream of tuples.
    pub(super) fn sort_tuples(
        &mut self,
        node: &Node,
        terms: &[SortTerm<Node>],
        tuples: Vec<Tuple>,
        env: &Env,
    ) -> Result<Vec<Tuple>, JsonataError> {
        merge_sort(tuples, &mut |a, b| {
            let frames = (self.tuple_frame(a, env)?, self.tuple_frame(b, env)?);
            Ok(self.compare_terms(node, terms, (&a.value, &frames.0), (&b.value, &frames.1))? == Ordering::Greater)
        })
    }

    fn compare_terms(
        &mut self,
        node: &Node,
        terms: &[SortTerm<Node>],
        left: (&Value, &Env),
        right: (&Value, &Env),
    ) -> Result<Ordering, JsonataError> {
        for term in terms {
            let left = self.eval(&term.expression, left.0, left.1)?;
            let right = self.eval(&term.expression, right.0, right.1)?;
            let found = match (left.is_undefined(), right.is_undefined()) {
                // What has no key comes last, whichever the direction.
                (true, true) => continue,
                (true, false) => return Ok(Ordering::Greater),
                (false, true) => return Ok(Ordering::Less),
                (false, false) => compare_keys(node, &left, &right)?,
            };
            match found {
                Ordering::Equal => {}
                found => return Ok(if term.descending { found.reverse() } else { found }),
            }
        }
        Ok(Ordering::Equal)
    }
}

fn compare_keys(node: &Node, left: &Value, right: &Value) -> Result<Ordering, JsonataError> {
    if !is_orderable(left) || !is_orderable(right) {
        let culprit = if is_orderable(left) { right } else { left };
        return Err(JsonataError::new(Code::T2008).at(node.position).value("value", culprit));
    }
    if left.as_str().is_some() != right.as_str().is_some() {
        let error = JsonataError::new(Code::T2007).at(node.position);
        return Err(error.value("value", left).value("value2", right));
    }
    // A number that is not one is behind every other, as `<` has it.
    Ok(order(left, right).unwrap_or(Ordering::Greater))
}
