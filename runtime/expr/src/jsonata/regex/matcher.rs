//! The matcher: one thread of instructions, and a stack of what to go back to.

use super::class::{canonical, is_line_terminator, is_word};
use super::{Found, Instruction, Regex, Set};
use std::ops::Range;

/// How much the matcher may remember to go back to.
const STACK_ENTRIES_MAX: usize = 500_000;
/// A run of characters costs one step for so many of them.
const CHARS_PER_STEP: usize = 8;
/// A register that holds no position.
const UNSET: usize = usize::MAX;

/// The budget is used up, in steps or in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exhausted;

/// What is undone or tried next when the thread fails.
enum Entry {
    /// Go on elsewhere.
    Branch { at: usize, position: usize },
    /// Put a register back.
    Restore { register: usize, value: usize },
    /// A run that may give characters back until it is as short as it must be.
    Shorter { at: usize, position: usize, shortest: usize, back: bool },
    /// A run that may take one more character.
    Longer { at: usize, position: usize, left: usize },
}

pub(super) fn find(regex: &Regex, text: &str, from: usize, steps: &mut u64) -> Result<Option<Found>, Exhausted> {
    let mut matcher = Matcher { regex, text, steps, registers: vec![UNSET; regex.registers], stack: Vec::new() };
    let mut start = from;
    loop {
        if let Some(end) = matcher.run(0, start)? {
            return Ok(Some(matcher.found(start, end)));
        }
        match text[start..].chars().next() {
            Some(c) => start += c.len_utf8(),
            None => return Ok(None),
        }
    }
}

struct Matcher<'a> {
    regex: &'a Regex,
    text: &'a str,
    steps: &'a mut u64,
    registers: Vec<usize>,
    stack: Vec<Entry>,
}

impl Matcher<'_> {
    fn found(&self, start: usize, end: usize) -> Found {
        Found { range: start..end, groups: (1..self.regex.groups).map(|group| self.group(group)).collect() }
    }

    fn group(&self, group: usize) -> Option<Range<usize>> {
        let (start, end) = (self.registers[group * 2], self.registers[group * 2 + 1]);
        (start != UNSET && end != UNSET).then_some(start..end)
    }

    /// Runs the code from `at` to its `Accept`, and gives the position there. What it leaves on the stack are ways
    /// back; a failure leaves nothing there, and the registers as they were.
    fn run(&mut self, mut at: usize, mut position: usize) -> Result<Option<usize>, Exhausted> {
        let bottom = self.stack.len();
        loop {
            self.pay(1)?;
            let next = match &self.regex.code[at] {
                Instruction::Accept => return Ok(Some(position)),
                Instruction::Look { negated, after } => {
                    self.look(at + 1, position, *negated)?.then_some((*after, position))
                }
                _ => self.step(at, position)?,
            };
            match next {
                Some(next) => (at, position) = next,
                None => match self.back(bottom) {
                    Some(next) => (at, position) = next,
                    None => return Ok(None),
                },
            }
        }
    }

    /// A look-around is run on its own; once it has matched there is no way back into it, but what it captured is
    /// undone with all the rest.
    fn look(&mut self, at: usize, position: usize, negated: bool) -> Result<bool, Exhausted> {
        let bottom = self.stack.len();
        let found = self.run(at, position)?.is_some();
        if found && negated {
            self.undo_to(bottom);
        } else if found {
            let mut kept = bottom;
            for i in bottom..self.stack.len() {
                if matches!(self.stack[i], Entry::Restore { .. }) {
                    self.stack.swap(kept, i);
                    kept += 1;
                }
            }
            self.stack.truncate(kept);
        }
        Ok(found != negated)
    }

    fn step(&mut self, at: usize, position: usize) -> Result<Option<(usize, usize)>, Exhausted> {
        let next = at + 1;
        Ok(match &self.regex.code[at] {
            Instruction::One { set, back } => self.one(set, position, *back).map(|position| (next, position)),
            Instruction::Many { .. } => self.many(at, position)?,
            Instruction::Try { other } => {
                self.push(Entry::Branch { at: *other, position })?;
                Some((next, position))
            }
            Instruction::Jump { target } => Some((*target, position)),
            Instruction::Save { register } => {
                self.set(*register, position)?;
                Some((next, position))
            }
            Instruction::Forget { first, last } => {
                for register in first * 2..last * 2 {
                    self.set(register, UNSET)?;
                }
                Some((next, position))
            }
            Instruction::Begin { register } => {
                self.set(*register, 0)?;
                Some((next, position))
            }
            Instruction::Loop { .. } => self.enter(at, position)?,
            Instruction::Again { register, target } => self.again(*register, *target, position)?,
            Instruction::Start => {
                let before = self.before(position);
                let here = before.is_none_or(|c| self.regex.multiline && is_line_terminator(c));
                here.then_some((next, position))
            }
            Instruction::End => {
                let after = self.after(position);
                let here = after.is_none_or(|c| self.regex.multiline && is_line_terminator(c));
                here.then_some((next, position))
            }
            Instruction::Boundary { negated } => {
                let edge = self.before(position).is_some_and(is_word) != self.after(position).is_some_and(is_word);
                (edge != *negated).then_some((next, position))
            }
            Instruction::Same { group, back } => self.same(*group, position, *back)?.map(|position| (next, position)),
            Instruction::Look { .. } | Instruction::Accept => None,
        })
    }

    /// At the top of a loop: its body, or what follows it, or first one and then the other.
    fn enter(&mut self, at: usize, position: usize) -> Result<Option<(usize, usize)>, Exhausted> {
        let Instruction::Loop { register, min, max, greedy, exit } = self.regex.code[at] else { return Ok(None) };
        let count = self.registers[register];
        if count >= max {
            return Ok(Some((exit, position)));
        }
        if count >= min {
            if !greedy {
                // The body is entered on the way back, through the instruction after this one, with the entry noted.
                self.set(register + 1, position)?;
                self.push(Entry::Branch { at: at + 1, position })?;
                return Ok(Some((exit, position)));
            }
            self.push(Entry::Branch { at: exit, position })?;
        }
        // A run that the minimum asks for may match nothing, a further one may not.
        self.set(register + 1, if count >= min { position } else { UNSET })?;
        Ok(Some((at + 1, position)))
    }

    fn again(&mut self, register: usize, target: usize, position: usize) -> Result<Option<(usize, usize)>, Exhausted> {
        if self.registers[register + 1] == position {
            return Ok(None);
        }
        self.set(register, self.registers[register] + 1)?;
        Ok(Some((target, position)))
    }

    /// A run of characters of one set.
    fn many(&mut self, at: usize, position: usize) -> Result<Option<(usize, usize)>, Exhausted> {
        let Instruction::Many { set, back, min, max, greedy } = &self.regex.code[at] else { return Ok(None) };
        let (mut end, mut shortest, mut count) = (position, position, 0);
        let wanted = if *greedy { *max } else { *min };
        while count < wanted {
            let Some(next) = self.one(set, end, *back) else { break };
            (end, count) = (next, count + 1);
            if count == *min {
                shortest = end;
            }
        }
        self.pay((count / CHARS_PER_STEP) as u64)?;
        if count < *min {
            return Ok(None);
        }
        if *greedy && end != shortest {
            self.push(Entry::Shorter { at: at + 1, position: end, shortest, back: *back })?;
        } else if !*greedy && min < max {
            self.push(Entry::Longer { at, position: end, left: max - min })?;
        }
        Ok(Some((at + 1, end)))
    }

    fn same(&mut self, group: usize, position: usize, back: bool) -> Result<Option<usize>, Exhausted> {
        let Some(range) = self.group(group) else { return Ok(Some(position)) };
        self.pay((range.len() / CHARS_PER_STEP) as u64)?;
        let wanted = &self.text[range];
        let fold = |c: char| if self.regex.ignore_case { canonical(c) } else { c };
        let mut at = position;
        let mut wanted: Box<dyn Iterator<Item = char>> =
            if back { Box::new(wanted.chars().rev()) } else { Box::new(wanted.chars()) };
        Ok(wanted
            .all(|wanted| {
                let found = if back { self.before(at) } else { self.after(at) };
                found.is_some_and(|c| {
                    at = if back { at - c.len_utf8() } else { at + c.len_utf8() };
                    fold(c) == fold(wanted)
                })
            })
            .then_some(at))
    }

    /// The position beyond one character of `set`.
    fn one(&self, set: &Set, position: usize, back: bool) -> Option<usize> {
        let c = if back { self.before(position)? } else { self.after(position)? };
        let taken = match set {
            Set::Any => !is_line_terminator(c),
            Set::Char(wanted) => c == *wanted || self.regex.ignore_case && canonical(c) == *wanted,
            Set::Class(class) => class.matches(c, self.regex.ignore_case),
        };
        taken.then(|| if back { position - c.len_utf8() } else { position + c.len_utf8() })
    }

    /// Takes the stack down to the last way that is left above `bottom`, and goes it.
    fn back(&mut self, bottom: usize) -> Option<(usize, usize)> {
        while self.stack.len() > bottom {
            match self.stack.pop()? {
                Entry::Branch { at, position } => return Some((at, position)),
                Entry::Restore { register, value } => self.registers[register] = value,
                Entry::Shorter { at, position, shortest, back } => {
                    let c = if back { self.after(position)? } else { self.before(position)? };
                    let position = if back { position + c.len_utf8() } else { position - c.len_utf8() };
                    if position != shortest {
                        self.stack.push(Entry::Shorter { at, position, shortest, back });
                    }
                    return Some((at, position));
                }
                Entry::Longer { at, position, left } => {
                    let Instruction::Many { set, back, .. } = &self.regex.code[at] else { continue };
                    let Some(position) = self.one(set, position, *back) else { continue };
                    if left > 1 {
                        self.stack.push(Entry::Longer { at, position, left: left - 1 });
                    }
                    return Some((at + 1, position));
                }
            }
        }
        None
    }

    /// Takes everything above `bottom` off the stack, putting the registers back.
    fn undo_to(&mut self, bottom: usize) {
        while self.stack.len() > bottom {
            if let Some(Entry::Restore { register, value }) = self.stack.pop() {
                self.registers[register] = value;
            }
        }
    }

    fn set(&mut self, register: usize, value: usize) -> Result<(), Exhausted> {
        let old = std::mem::replace(&mut self.registers[register], value);
        if old == value { Ok(()) } else { self.push(Entry::Restore { register, value: old }) }
    }

    fn push(&mut self, entry: Entry) -> Result<(), Exhausted> {
        if self.stack.len() >= STACK_ENTRIES_MAX {
            return Err(Exhausted);
        }
        self.stack.push(entry);
        Ok(())
    }

    fn pay(&mut self, steps: u64) -> Result<(), Exhausted> {
        *self.steps = self.steps.checked_sub(steps).ok_or(Exhausted)?;
        Ok(())
    }

    fn after(&self, position: usize) -> Option<char> {
        self.text[position..].chars().next()
    }

    fn before(&self, position: usize) -> Option<char> {
        self.text[..position].chars().next_back()
    }
}
