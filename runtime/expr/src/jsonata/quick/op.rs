//! The operations.

use crate::jsonata::ast::Operator;
use crate::jsonata::dialect::Known;
use fleetstep_document::{Document, Text};

/// One operation and what it works on.
pub(super) enum Op {
    Constant(Document),
    Start(Start),
    Path(Box<Path>),
    /// The field of the context, as a step of a path.
    Name(Text),
    Binary(Box<Binary>),
    Concat(Box<[Part]>),
    Negate {
        operand: Box<Op>,
        position: usize,
    },
    Array {
        items: Box<[Item]>,
        cons: bool,
    },
    Object(Box<Object>),
    Call(Box<Call>),
    Loop(Box<Loop>),
    Condition(Box<Condition>),
    Default {
        left: Box<Op>,
        right: Box<Op>,
        coalesce: bool,
    },
    Block(Box<[Statement]>),
    /// Predicates on a value that is no step of a path, its group, its `[]`.
    Filtered(Box<Filtered>),
    /// A call in the place of a lambda's result: what it gives is not collapsed.
    Tail(Box<Op>),
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// `$`
    Current,
    /// `$$`
    Whole,
    /// `$states.input`
    Input,
    /// `$states.result`
    Result,
    /// `$states.errorOutput`
    ErrorOutput,
    /// `$states.context`
    Context,
    /// A variable that comes in.
    Variable(u32),
    /// A variable of the expression's own.
    Local(u32),
}

/// `head.key.key…`, then whatever else.
pub(super) struct Path {
    pub(super) head: Head,
    /// The plain names behind the head.
    pub(super) keys: Box<[Text]>,
    pub(super) rest: Box<[Step]>,
    pub(super) keep_singleton: bool,
    /// There is nothing behind the keys.
    pub(super) is_walk: bool,
    pub(super) group: Option<Box<Object>>,
}

impl Path {
    /// The start and the keys of a path that is nothing else.
    #[inline]
    pub(super) fn walk(&self) -> Option<(Start, &[Text])> {
        match self.head {
            Head::Start(start) if self.is_walk => Some((start, &self.keys)),
            Head::Relative if self.is_walk => Some((Start::Current, &self.keys)),
            _ => None,
        }
    }
}

pub(super) enum Head {
    /// A variable.
    Start(Start),
    /// A variable with predicates: a step over the context as one value.
    Absolute(Step),
    /// An array constructor.
    Constructor(Op),
    /// The context: the first step is among the others.
    Relative,
}

/// A step that is no plain name.
pub(super) struct Step {
    pub(super) op: Op,
    pub(super) filters: Box<[Filter]>,
    /// What an item costs of the budget.
    pub(super) weight: u64,
}

pub(super) enum Filter {
    /// The place that a literal number names.
    Index(f64),
    Test {
        op: Op,
        weight: u64,
    },
}

pub(super) struct Binary {
    pub(super) operator: Operator,
    pub(super) left: Op,
    pub(super) right: Op,
    pub(super) position: usize,
}

/// A part of a text, and the place of the `&` that adds it.
pub(super) struct Part {
    pub(super) op: Op,
    pub(super) position: usize,
}

pub(super) struct Item {
    pub(super) op: Op,
    /// An array constructor becomes an item, another array is joined.
    pub(super) nested: bool,
}

/// An object constructor, or the group of a path.
pub(super) struct Object {
    pub(super) pairs: Box<[(Key, Op)]>,
    pub(super) position: usize,
}

pub(super) enum Key {
    Literal(Text),
    Computed(Op),
}

impl Object {
    /// Whether the keys are the same whatever the context; they are different ones then.
    pub(super) fn is_plain(&self) -> bool {
        self.pairs.iter().all(|(key, _)| matches!(key, Key::Literal(_)))
    }
}

/// A call of a function of the library.
pub(super) struct Call {
    pub(super) known: &'static Known,
    pub(super) arguments: Box<[Op]>,
    pub(super) place: Place,
}

/// What the error of a call says.
pub(super) struct Place {
    pub(super) position: usize,
    pub(super) name: Text,
    /// In the tail of a lambda there is no context that an argument could come from.
    pub(super) tail: bool,
}

/// A function of the library that calls a function, which is given as a lambda.
pub(super) struct Loop {
    pub(super) known: &'static Known,
    pub(super) kind: LoopKind,
    pub(super) over: Op,
    /// The first value of `$reduce`.
    pub(super) initial: Option<Op>,
    /// The slots of the lambda's parameters.
    pub(super) parameters: Box<[u32]>,
    pub(super) body: Op,
    pub(super) place: Place,
    /// What a call of the lambda costs of the budget.
    pub(super) weight: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum LoopKind {
    Map,
    Filter,
    Single,
    Reduce,
    Each,
    Sift,
}

/// The loops by the function's name.
pub(super) const LOOPS: &[(&str, LoopKind)] = &[
    ("map", LoopKind::Map),
    ("filter", LoopKind::Filter),
    ("single", LoopKind::Single),
    ("reduce", LoopKind::Reduce),
    ("each", LoopKind::Each),
    ("sift", LoopKind::Sift),
];

pub(super) struct Condition {
    pub(super) condition: Op,
    pub(super) then: Op,
    pub(super) otherwise: Option<Op>,
}

/// An expression of a block, and the variable that it is bound to.
pub(super) struct Statement {
    pub(super) slots: Box<[u32]>,
    pub(super) op: Op,
}

pub(super) struct Filtered {
    pub(super) op: Op,
    pub(super) filters: Box<[Filter]>,
    pub(super) group: Option<Box<Object>>,
    pub(super) keep_array: bool,
}
