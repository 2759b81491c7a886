//! The fields of one object, read in its query language.

use super::{Defect, Lowered, text};
use crate::fields::QueryLanguage;
use crate::source::Node;
use fleetstep_document::Document;
use fleetstep_expr::{Condition, Expr, Operator, ReferencePath, VariableNames};
use fleetstep_machine::{Assignment, Placement, Settle, VariableId};

/// A state, or a rule or an entry of `Catch` within one.
pub(super) struct Fields<'a, 'n> {
    pub(super) node: &'a Node,
    pub(super) language: QueryLanguage,
    /// What stands before the name of a field in a message: `Choices[0]/`, and nothing for a state's own fields.
    within: String,
    names: &'n mut VariableNames,
}

impl<'a, 'n> Fields<'a, 'n> {
    pub(super) fn of(node: &'a Node, language: QueryLanguage, names: &'n mut VariableNames) -> Self {
        Self { node, language, within: String::new(), names }
    }

    /// Each element of a list of the state, with its fields.
    pub(super) fn each<T>(
        &mut self,
        list: &'static str,
        mut lower: impl FnMut(&mut Fields<'a, '_>) -> Lowered<T>,
    ) -> Lowered<Box<[T]>> {
        let elements = self.node.get(list).map_or(&[][..], Node::elements).iter().enumerate();
        let lowered = elements.map(|(at, node)| {
            let within = format!("{list}[{at}]/");
            lower(&mut Fields { node, language: self.language, within, names: &mut *self.names })
        });
        lowered.collect()
    }

    pub(super) fn is_jsonata(&self) -> bool {
        self.language == QueryLanguage::Jsonata
    }

    /// A field in which JSONata may stand at any depth.
    pub(super) fn jsonata(&mut self, field: &str) -> Lowered<Option<Expr>> {
        let Some(value) = self.node.get(field) else { return Ok(None) };
        let name = format!("{}{field}", self.within);
        Ok(Some(Expr::jsonata(&value.to_document(), &name, self.names)?))
    }

    /// A payload template in JSONPath.
    pub(super) fn template(&mut self, field: &str) -> Lowered<Option<Expr>> {
        let template = self.node.get(field).map(|value| Expr::template(&value.to_document(), self.names));
        Ok(template.transpose()?)
    }

    /// `Parameters` or `Arguments`.
    pub(super) fn arguments(&mut self) -> Lowered<Option<Expr>> {
        if self.is_jsonata() { self.jsonata("Arguments") } else { self.template("Parameters") }
    }

    /// A field that is written out, has a `…Path` form, or is JSONata.
    pub(super) fn computed(&mut self, field: &'static str, path_field: &'static str) -> Lowered<Option<Expr>> {
        if self.is_jsonata() {
            return self.jsonata(field);
        }
        if self.node.get(path_field).is_some() {
            return self.path(path_field).map(Some);
        }
        Ok(self.node.get(field).map(|value| Expr::literal(value.to_document())))
    }

    /// `Error` or `Cause`.
    pub(super) fn message(&mut self, field: &'static str, path_field: &'static str) -> Lowered<Option<Expr>> {
        if !self.is_jsonata() && self.node.get(path_field).is_some() {
            return Ok(Some(Expr::path_or_intrinsic(text(self.node, path_field)?, path_field, self.names)?));
        }
        self.computed(field, path_field)
    }

    pub(super) fn path(&mut self, field: &'static str) -> Lowered<Expr> {
        Ok(Expr::path(text(self.node, field)?, field, self.names)?)
    }

    /// `InputPath` or `OutputPath`. `$` changes nothing, `null` gives an empty object.
    pub(super) fn filter(&mut self, field: &'static str) -> Lowered<Option<Expr>> {
        match self.node.get(field) {
            None => Ok(None),
            Some(path) if path.is_null() => Ok(Some(Expr::literal(Document::empty_object()))),
            Some(path) if path.as_text() == Some("$") => Ok(None),
            Some(_) => self.path(field).map(Some),
        }
    }

    /// `ResultSelector` and `ResultPath`, or `Output`.
    pub(super) fn settle(&mut self) -> Lowered<Settle> {
        let selector = if self.is_jsonata() { self.jsonata("Output")? } else { self.template("ResultSelector")? };
        Ok(Settle { selector, placement: self.placement()? })
    }

    pub(super) fn placement(&self) -> Lowered<Placement> {
        let Some(path) = self.node.get("ResultPath") else { return Ok(Placement::Replace) };
        if path.is_null() {
            return Ok(Placement::Discard);
        }
        let path = ReferencePath::parse(text(self.node, "ResultPath")?, "ResultPath")?;
        Ok(if path.is_root() { Placement::Replace } else { Placement::At(path) })
    }

    /// `Assign`. In JSONPath a name that ends in `.$` has a path or a call, and any other a payload template.
    pub(super) fn assign(&mut self) -> Lowered<Box<[Assignment]>> {
        let within = format!("{}Assign/", self.within);
        let entries = self.node.get("Assign").map_or(&[][..], Node::entries).iter().map(|entry| {
            let value = entry.value.to_document();
            let (name, value) = if self.is_jsonata() {
                (entry.key.as_str(), Expr::jsonata(&value, &format!("{within}{}", entry.key), self.names)?)
            } else if let Some(name) = entry.key.strip_suffix(".$") {
                let text = entry.value.as_text().ok_or(Defect::Field("Assign"))?;
                (name, Expr::path_or_intrinsic(text, &entry.key, self.names)?)
            } else {
                (entry.key.as_str(), Expr::template(&value, self.names)?)
            };
            Ok(Assignment { variable: VariableId(self.names.slot(name)), value })
        });
        entries.collect()
    }

    /// The condition of a rule.
    pub(super) fn condition(&mut self) -> Lowered<Expr> {
        if self.is_jsonata() {
            return self.jsonata("Condition")?.ok_or(Defect::Field("Condition"));
        }
        Ok(Expr::condition(condition(self.node, self.names)?))
    }
}

fn condition(node: &Node, names: &mut VariableNames) -> Lowered<Condition> {
    for entry in node.entries() {
        let all = |names: &mut VariableNames| {
            entry.value.elements().iter().map(|node| condition(node, names)).collect::<Lowered<Box<[_]>>>()
        };
        match entry.key.as_str() {
            "And" => return Ok(Condition::And(all(names)?)),
            "Or" => return Ok(Condition::Or(all(names)?)),
            "Not" => return Ok(Condition::Not(Box::new(condition(&entry.value, names)?))),
            name => {
                if let Some(operator) = Operator::named(name) {
                    let variable = text(node, "Variable")?;
                    return Ok(Condition::compare(operator, variable, &entry.value.to_document(), names)?);
                }
            }
        }
    }
    Err(Defect::Field("Choices"))
}
