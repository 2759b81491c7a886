//! The result as a document: what an expression makes in its outermost place is written as it will be read.

use super::op::{Item, Key, Object, Op};
use super::run::{Chosen, Outcome, Run};
use super::val::Val;
use crate::jsonata::Value;
use fleetstep_document::{Document, ObjectBuilder};

impl<'e> Run<'e, '_, '_> {
    /// The value of an operation as a document; `None` for nothing.
    pub(super) fn document(&mut self, op: &'e Op, at: &Val<'e>) -> Outcome<Option<Document>> {
        match op {
            Op::Constant(document) => Ok(Some(document.clone())),
            Op::Object(object) if object.is_plain() => self.object_document(object, at).map(Some),
            Op::Array { items, .. } => self.array_document(items, at).map(Some),
            Op::Condition(_) | Op::Default { .. } | Op::Block(_) => match self.choose(op, at)? {
                Chosen::Op(op) => self.document(op, at),
                Chosen::Value(value) => Ok(self.written(value)),
            },
            op => {
                let value = self.eval(op, at)?;
                Ok(self.written(value))
            }
        }
    }

    fn object_document(&mut self, object: &'e Object, at: &Val<'e>) -> Outcome<Document> {
        let at = self.group_context(at);
        let mut entries = ObjectBuilder::with_capacity(object.pairs.len());
        for (key, op) in &object.pairs {
            if let Some(value) = self.document(op, &at)?
                && let Key::Literal(key) = key
            {
                entries.push(key.clone(), value);
            }
        }
        Ok(entries.build())
    }

    fn array_document(&mut self, items: &'e [Item], at: &Val<'e>) -> Outcome<Document> {
        let mut made = Vec::with_capacity(items.len());
        for item in items {
            if item.nested || matches!(item.op, Op::Object(_)) {
                made.push(self.document(&item.op, at)?.unwrap_or_default());
                continue;
            }
            let value = self.eval(&item.op, at)?;
            self.pay(value.source().len())?;
            match value {
                Val::Ref(document) => match document.as_array() {
                    Some(_) if items.len() == 1 => return Ok(document.clone()),
                    Some(more) => made.extend_from_slice(more),
                    None => made.push(document.clone()),
                },
                Val::Many(documents) => made.extend(documents.into_iter().cloned()),
                Val::Own(value) => match value.items() {
                    Some(more) => made.extend(more.iter().map(|item| self.written(Val::Own(item)).unwrap_or_default())),
                    None if value.is_undefined() => {}
                    None => made.push(self.written(Val::Own(value)).unwrap_or_default()),
                },
            }
        }
        Ok(Document::from(made))
    }

    /// A value as a document. What cannot be written is remembered: the general engine would find it only when
    /// everything else is evaluated.
    fn written(&mut self, value: Val<'e>) -> Option<Document> {
        match value {
            Val::Ref(document) => Some(document.clone()),
            Val::Many(documents) => Some(Document::from(documents.into_iter().cloned().collect::<Vec<_>>())),
            Val::Own(Value::Document(document)) => Some(document),
            Val::Own(value) => value.into_answer(self.evaluator.names_infinities()).unwrap_or_else(|error| {
                self.unwritable.get_or_insert(error);
                Some(Document::NULL)
            }),
        }
    }
}
