//! The tree that is evaluated.

use super::parser::SortTerm;
use super::regex::Regex;
use super::signature::Signature;
use fleetstep_document::{Document, Text};
use std::sync::Arc;

/// Names the place that a `%` looks back to; the evaluator binds the value there under [`Slot::name`].
pub(crate) type SlotId = usize;

/// A node, and what `process` found out about it.
pub(crate) struct Node {
    pub(super) kind: Kind,
    /// In characters of the source, behind the token.
    pub(super) position: usize,
    /// Filters on the value of a node that is not a step.
    pub(super) predicates: Vec<Node>,
    /// Filters and index variables on a step.
    pub(super) stages: Vec<Stage>,
    pub(super) group: Option<Box<Group>>,
    /// `@$name` on a step.
    pub(super) focus: Option<Text>,
    /// `#$name` on a step.
    pub(super) index: Option<Text>,
    /// The slots that the value which this step is applied to is kept under.
    pub(super) ancestors: Vec<Text>,
    /// A step that turns its path into a stream of tuples; a path that hands its tuples on.
    pub(super) tuple: bool,
    /// `[]`: a single result stays an array.
    pub(super) keep_array: bool,
    /// A path in which a step has `[]`.
    pub(super) keep_singleton: bool,
    /// An array constructor that is the first or the last step of a path.
    pub(super) cons_array: bool,
    /// The `%` inside that have not found their place yet; empty once the tree is made.
    pub(super) seeking: Vec<SlotId>,
}

pub(crate) enum Kind {
    Literal(Document),
    Name(Text),
    Variable(Text),
    Regex(Arc<Regex>),
    Wildcard,
    Descendant,
    /// `%`, and the name that its value is bound under.
    Parent(SlotId, Text),
    /// The `?` of a partial application.
    Placeholder,
    Path(Vec<Node>),
    Binary(Operator, Box<Node>, Box<Node>),
    Negate(Box<Node>),
    Array(Vec<Node>),
    Object(Group),
    Call(Call),
    Partial(Call),
    /// A call in the place of a function's result: handed back to the caller, who makes it.
    TailCall(Arc<Node>),
    Lambda(Arc<Lambda>),
    Condition {
        condition: Box<Node>,
        then: Box<Node>,
        otherwise: Option<Box<Node>>,
    },
    /// `?:` (the left side if it is true) and `??` (the left side if there is one).
    Default {
        left: Box<Node>,
        right: Box<Node>,
        coalesce: bool,
    },
    Block(Vec<Node>),
    Bind(Text, Box<Node>),
    Apply(Box<Node>, Box<Node>),
    Sort(Vec<SortTerm<Node>>),
    Transform(Arc<Transform>),
}

pub(crate) enum Stage {
    Filter(Node),
    Index(Text),
}

pub(crate) struct Group {
    pub(super) pairs: Vec<(Node, Node)>,
    pub(super) position: usize,
}

pub(crate) struct Call {
    pub(super) procedure: Box<Node>,
    pub(super) arguments: Vec<Node>,
}

pub(crate) struct Lambda {
    pub(super) parameters: Vec<Text>,
    pub(super) signature: Option<Signature>,
    pub(super) body: Node,
}

pub(crate) struct Transform {
    pub(super) pattern: Node,
    pub(super) update: Node,
    pub(super) delete: Option<Node>,
    pub(super) position: usize,
}

/// An operator between two values.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Concat,
    And,
    Or,
    Range,
    In,
}

/// Every operator as it is written.
const OPERATORS: &[(&str, Operator)] = &[
    ("+", Operator::Add),
    ("-", Operator::Subtract),
    ("*", Operator::Multiply),
    ("/", Operator::Divide),
    ("%", Operator::Modulo),
    ("=", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<", Operator::Less),
    ("<=", Operator::LessOrEqual),
    (">", Operator::Greater),
    (">=", Operator::GreaterOrEqual),
    ("&", Operator::Concat),
    ("and", Operator::And),
    ("or", Operator::Or),
    ("..", Operator::Range),
    ("in", Operator::In),
];

impl Operator {
    pub(super) fn from_text(text: &str) -> Option<Self> {
        OPERATORS.iter().find(|(written, _)| *written == text).map(|(_, operator)| *operator)
    }

    pub(super) fn is_arithmetic(self) -> bool {
        matches!(self, Self::Add | Self::Subtract | Self::Multiply | Self::Divide | Self::Modulo)
    }

    pub(super) fn text(self) -> &'static str {
        OPERATORS.iter().find(|(_, operator)| *operator == self).map_or("", |(written, _)| written)
    }
}

impl Node {
    pub(super) fn new(kind: Kind, position: usize) -> Self {
        Self {
            kind,
            position,
            predicates: Vec::new(),
            stages: Vec::new(),
            group: None,
            focus: None,
            index: None,
            ancestors: Vec::new(),
            tuple: false,
            keep_array: false,
            keep_singleton: false,
            cons_array: false,
            seeking: Vec::new(),
        }
    }

    pub(super) fn is_array_constructor(&self) -> bool {
        matches!(self.kind, Kind::Array(_))
    }

    /// What an error calls a procedure: its name, if it is a plain one; of another call, how that begins.
    pub(super) fn procedure_name(&self) -> Option<&str> {
        match &self.kind {
            Kind::Name(name) | Kind::Variable(name) => Some(name),
            Kind::Path(steps) => steps.first()?.procedure_name(),
            Kind::Literal(literal) => literal.as_str(),
            Kind::Call(_) | Kind::Partial(_) => Some("("),
            Kind::Wildcard => Some("*"),
            Kind::Descendant => Some("**"),
            _ => None,
        }
    }
}
