//! Workflow variables: what an `Assign` sets, and how much may be kept.
//!
//! Each strand has the variables that its owner had when it was forked off, shared until it assigns one, and its own,
//! which end with it.

use crate::recover::Fault;
use crate::run::{Run, Sight};
use crate::strand::StrandId;
use crate::{Assignment, Program, VariableId};
use fleetstep_document::{Document, Text};
use std::sync::Arc;

/// Bytes of JSON that one variable may have, and all that one `Assign` sets.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html>
pub const ASSIGN_BYTES_MAX: usize = 262_144;

/// Bytes of JSON that all variables of an execution may have at once, those of its branches too.
pub const VARIABLES_BYTES_MAX: usize = 10 * 1_024 * 1_024;

/// A variable's new value, not set yet.
pub(crate) struct Assigned {
    variable: VariableId,
    value: Document,
    bytes: usize,
}

/// What is set, by name, as an event of the history tells it.
pub(crate) fn by_name(program: &Program, assigned: &[Assigned]) -> Box<[(Text, Document)]> {
    let named = |one: &Assigned| (program.variables[one.variable.index()].clone(), one.value.clone());
    assigned.iter().map(named).collect()
}

impl Run<'_> {
    /// The values of an `Assign`: all are evaluated before the first is set.
    pub(crate) fn assignments(
        &self,
        id: StrandId,
        assign: &[Assignment],
        sight: Sight<'_>,
    ) -> Result<Vec<Assigned>, Fault> {
        if assign.is_empty() {
            return Ok(Vec::new());
        }
        let mut assigned = Vec::with_capacity(assign.len());
        for one in assign {
            let value = self.evaluate(id, &one.value, sight)?;
            let bytes = value.json_len();
            assigned.push(Assigned { variable: one.variable, value, bytes });
        }
        let together: usize = assigned.iter().map(|one| one.bytes).sum();
        let kept = self.execution.variables_bytes - self.replaced_bytes(id, &assigned);
        if together > ASSIGN_BYTES_MAX || kept + together > VARIABLES_BYTES_MAX {
            return Err(self.variables_over_limit(id));
        }
        Ok(assigned)
    }

    /// Sets what was evaluated.
    pub(crate) fn assign(&mut self, id: StrandId, assigned: Vec<Assigned>) {
        if assigned.is_empty() {
            return;
        }
        let replaced = self.replaced_bytes(id, &assigned);
        let together: usize = assigned.iter().map(|one| one.bytes).sum();
        let strand = self.execution.strand_mut(id);
        let Some(variables) = &mut strand.variables else {
            unreachable!("an execution of a program that assigns has variables");
        };
        let variables = Arc::make_mut(variables);
        for one in assigned {
            variables[one.variable.index()] = Some(one.value);
        }
        // No more than the limit of all variables, which fits.
        strand.variables_bytes = strand.variables_bytes - replaced as u32 + together as u32;
        self.execution.variables_bytes = self.execution.variables_bytes - replaced + together;
    }

    /// Bytes of what the strand has in the slots that are about to be set.
    fn replaced_bytes(&self, id: StrandId, assigned: &[Assigned]) -> usize {
        let strand = self.execution.strand(id);
        let Some(variables) = &strand.variables else { return 0 };
        let old = |one: &Assigned| variables[one.variable.index()].as_ref().map_or(0, Document::json_len);
        // What it did not set itself stays with its owner.
        assigned.iter().map(old).sum::<usize>().min(strand.variables_bytes as usize)
    }
}
