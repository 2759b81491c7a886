//! Names of workflow variables, and what an expression refers to.

use fleetstep_document::Text;
use std::collections::HashMap;

/// Names of workflow variables, each with its slot, collected while the expressions of a program are compiled.
#[derive(Clone, Debug, Default)]
pub struct VariableNames {
    names: Vec<Text>,
    slots: HashMap<Text, u32>,
}

impl VariableNames {
    /// The slot of the variable `name` (without its `$`): the one that it has, or a new one.
    pub fn slot(&mut self, name: &str) -> u32 {
        if let Some(&slot) = self.slots.get(name) {
            return slot;
        }
        let (slot, name) = (self.names.len() as u32, Text::from(name));
        self.names.push(name.clone());
        self.slots.insert(name, slot);
        slot
    }

    /// Every name, in the order of the slots.
    #[must_use]
    pub fn names(&self) -> &[Text] {
        &self.names
    }
}

/// Something outside of its own text that an expression reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// JSON pointer, below the value that the [`Expr`](crate::Expr) was compiled from, of the text that reads it.
    pub pointer: String,
    /// What is read.
    pub referent: Referent,
}

/// What a [`Reference`] is to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Referent {
    /// The workflow variable in this slot of [`VariableNames`].
    Variable(u32),
    /// A member of JSONata's `$states` (`input`, `result`, `errorOutput`, `context`, or none that there is); nothing
    /// where the expression takes it whole.
    States(Option<Text>),
}
