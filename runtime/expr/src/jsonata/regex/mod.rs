//! Regular expressions with the syntax and the meaning of ECMAScript (without its `u` flag), matched within a budget
//! of steps.
//!
//! An expression comes from whoever may create a state machine, and a pattern such as `/^(a+)+$/` costs a backtracking
//! matcher time exponential in the input. So every instruction that the matcher runs is paid for, and its stack is
//! bounded: a pattern that would run away is an error. Text is matched by code point where ECMAScript takes UTF-16
//! units: half a character cannot be written as JSON that everyone reads.

mod class;
mod compile;
mod matcher;
mod parse;

use super::budget::{Budget, exceeded};
use super::{Code, JsonataError};
use class::Class;
use std::ops::Range;

/// A match: byte ranges in the text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Of the whole match.
    pub(crate) range: Range<usize>,
    /// Of the groups; none for a group that took no part.
    pub(crate) groups: Vec<Option<Range<usize>>>,
}

/// A compiled pattern.
#[derive(Debug)]
pub(crate) struct Regex {
    source: String,
    code: Vec<Instruction>,
    /// How many groups there are, the whole match (group 0) included.
    groups: usize,
    /// How many registers the code uses: two for each group, then those of the loops.
    registers: usize,
    ignore_case: bool,
    multiline: bool,
}

/// One step of the matcher. An instruction that reads a character has a direction, since a look-behind is matched
/// from right to left.
#[derive(Debug)]
enum Instruction {
    /// One character of a set.
    One { set: Set, back: bool },
    /// As many characters of a set as there are between `min` and `max`; the most first when `greedy`.
    Many { set: Set, back: bool, min: usize, max: usize, greedy: bool },
    /// Go on here; when that fails, at `other`.
    Try { other: usize },
    /// Go on at `target`.
    Jump { target: usize },
    /// Put the position into a register.
    Save { register: usize },
    /// Forget the groups from `first` up to `last`, exclusive: those within a loop, when its body is entered again.
    Forget { first: usize, last: usize },
    /// Begin a loop, whose count is in `register` and whose last entry in the one after it.
    Begin { register: usize },
    /// Enter the body, which is the next instruction, or leave the loop for `exit`.
    Loop { register: usize, min: usize, max: usize, greedy: bool, exit: usize },
    /// Count one run through the body and go back to the `Loop` at `target`.
    Again { register: usize, target: usize },
    /// `^`
    Start,
    /// `$`
    End,
    /// `\b`, or `\B` when negated.
    Boundary { negated: bool },
    /// What a group matched, once more.
    Same { group: usize, back: bool },
    /// A look-ahead or look-behind, whose code is next and ends with `Accept`; goes on at `after`.
    Look { negated: bool, after: usize },
    /// The end of the pattern or of a look-around.
    Accept,
}

/// Which characters an instruction takes.
#[derive(Clone, Debug)]
enum Set {
    /// `.`: all but the line terminators.
    Any,
    /// This one; already in its canonical case when case is ignored.
    Char(char),
    /// Those of a class.
    Class(Box<Class>),
}

impl Regex {
    /// Compiles `pattern`; of `flags`, `i` and `m` count. What is no pattern is S0303.
    pub(crate) fn compile(pattern: &str, flags: &str) -> Result<Self, JsonataError> {
        compile::compile(pattern, flags)
            .map_err(|reason| JsonataError::new(Code::S0303).text("message", format!("/{pattern}/: {reason}")))
    }

    /// The pattern as it was written.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// The first match that starts at or after the byte `from`, which is a boundary of characters. Each instruction
    /// that this takes is one step of the budget.
    pub(crate) fn find_from(
        &self,
        text: &str,
        from: usize,
        budget: &mut Budget<'_>,
    ) -> Result<Option<Found>, JsonataError> {
        let available = budget.steps_max.saturating_sub(budget.steps);
        let mut left = available;
        let found = matcher::find(self, text, from, &mut left);
        budget.spend(available - left)?;
        found.map_err(|matcher::Exhausted| exceeded("The regular expression takes too many steps to match"))
    }
}

#[cfg(test)]
mod tests;
