//! Tree to instructions.

use super::class::canonical;
use super::parse::{Node, Parsed, parse};
use super::{Instruction, Regex, Set};

/// The longest program that is accepted.
const INSTRUCTIONS_MAX: usize = 20_000;

pub(super) fn compile(pattern: &str, flags: &str) -> Result<Regex, &'static str> {
    let Parsed { node, groups, names } = parse(pattern)?;
    let ignore_case = flags.contains('i');
    let mut compiler = Compiler { code: Vec::new(), registers: groups * 2, names, ignore_case };
    compiler.node(&node, false)?;
    compiler.push(Instruction::Accept);
    let Compiler { code, registers, .. } = compiler;
    if code.len() > INSTRUCTIONS_MAX {
        return Err("Regular expression too large");
    }
    Ok(Regex { source: pattern.to_owned(), code, groups, registers, ignore_case, multiline: flags.contains('m') })
}

struct Compiler {
    code: Vec<Instruction>,
    registers: usize,
    names: Vec<(String, usize)>,
    ignore_case: bool,
}

impl Compiler {
    fn push(&mut self, instruction: Instruction) -> usize {
        self.code.push(instruction);
        self.code.len() - 1
    }

    /// Adds the code of `node`; `back` when it is matched from right to left.
    fn node(&mut self, node: &Node, back: bool) -> Result<(), &'static str> {
        match node {
            Node::Empty => {}
            Node::Any | Node::Char(_) | Node::Class(_) => {
                let set = self.set(node).expect("these are sets of characters");
                self.push(Instruction::One { set, back });
            }
            Node::Sequence(items) if back => items.iter().rev().try_for_each(|item| self.node(item, back))?,
            Node::Sequence(items) => items.iter().try_for_each(|item| self.node(item, back))?,
            Node::Either(alternatives) => self.either(alternatives, back)?,
            Node::Group(number, body) => {
                let (first, second) = (number * 2 + usize::from(back), number * 2 + usize::from(!back));
                self.push(Instruction::Save { register: first });
                self.node(body, back)?;
                self.push(Instruction::Save { register: second });
            }
            Node::Repeat { body, min, max, greedy, groups } => match self.set(body) {
                Some(set) => {
                    self.push(Instruction::Many { set, back, min: *min, max: *max, greedy: *greedy });
                }
                None => self.repeat(body, (*min, *max), *greedy, *groups, back)?,
            },
            Node::Look { body, behind, negated } => {
                let look = self.push(Instruction::Look { negated: *negated, after: 0 });
                self.node(body, *behind)?;
                self.push(Instruction::Accept);
                self.code[look] = Instruction::Look { negated: *negated, after: self.code.len() };
            }
            Node::Start => {
                self.push(Instruction::Start);
            }
            Node::End => {
                self.push(Instruction::End);
            }
            Node::Boundary { negated } => {
                self.push(Instruction::Boundary { negated: *negated });
            }
            Node::BackReference(group) => {
                self.push(Instruction::Same { group: *group, back });
            }
            Node::NamedReference(name) => {
                let known = self.names.iter().find(|(known, _)| known == name);
                let group = known.ok_or("Invalid named capture referenced")?.1;
                self.push(Instruction::Same { group, back });
            }
        }
        Ok(())
    }

    fn set(&self, node: &Node) -> Option<Set> {
        Some(match node {
            Node::Any => Set::Any,
            Node::Char(c) => Set::Char(if self.ignore_case { canonical(*c) } else { *c }),
            Node::Class(class) => Set::Class(Box::new(class.clone())),
            _ => return None,
        })
    }

    fn either(&mut self, alternatives: &[Node], back: bool) -> Result<(), &'static str> {
        let mut jumps = Vec::new();
        for (i, alternative) in alternatives.iter().enumerate() {
            let last = i + 1 == alternatives.len();
            let choice = (!last).then(|| self.push(Instruction::Try { other: 0 }));
            self.node(alternative, back)?;
            if let Some(choice) = choice {
                jumps.push(self.push(Instruction::Jump { target: 0 }));
                self.code[choice] = Instruction::Try { other: self.code.len() };
            }
        }
        let target = self.code.len();
        for jump in jumps {
            self.code[jump] = Instruction::Jump { target };
        }
        Ok(())
    }

    fn repeat(
        &mut self,
        body: &Node,
        (min, max): (usize, usize),
        greedy: bool,
        (first, last): (usize, usize),
        back: bool,
    ) -> Result<(), &'static str> {
        let register = self.registers;
        self.registers += 2;
        self.push(Instruction::Begin { register });
        let top = self.push(Instruction::Accept);
        if first < last {
            self.push(Instruction::Forget { first, last });
        }
        self.node(body, back)?;
        self.push(Instruction::Again { register, target: top });
        self.code[top] = Instruction::Loop { register, min, max, greedy, exit: self.code.len() };
        Ok(())
    }
}
