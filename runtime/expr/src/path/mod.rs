//! JSONPath as the service speaks it: Jayway's dialect.
//!
//! A path is one of two things. Nearly every path is a chain of keys and indices, and is walked pointer by
//! pointer; the rest is a query. A path is definite when it can name one place only: it has a value or none. An
//! indefinite path has a list, which may be empty.

mod eval;
mod filter;
mod function;
mod parse;
mod text;

pub(crate) use eval::Miss;
pub(crate) use parse::Flaw;
pub(crate) use text::{clipped_json, java_text};

use crate::{Scope, VariableNames};
use filter::Filter;
use fleetstep_document::{Document, Text};
use function::Function;

/// How many segments a path may have. Each may cost a stack frame.
pub(crate) const SEGMENTS_MAX: usize = 256;

/// Where a path starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Root {
    /// `$`: the document that the field is evaluated against.
    Input,
    /// `$$`: the context object.
    Context,
    /// `$name`: the workflow variable in this slot.
    Variable(u32),
}

/// A compiled path.
#[derive(Debug)]
pub(crate) struct Path {
    root: Root,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// Keys and indices only.
    Reference(Box<[Step]>),
    Query {
        segments: Box<[Segment]>,
        definite: bool,
    },
}

/// One step to one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// `.name`, `['name']`
    Key(Text),
    /// `[0]`, `[-1]`: from the end.
    Index(i64),
}

/// One part of a query.
#[derive(Debug)]
enum Segment {
    Step(Step),
    /// `['a','b']`
    Keys(Box<[Text]>),
    /// `[0,2]`
    Indices(Box<[i64]>),
    /// `[1:5]`; Jayway reads a third number and ignores it.
    Slice {
        from: Option<i64>,
        to: Option<i64>,
    },
    /// `*`
    Wildcard,
    /// `..`: the next segment at every depth.
    Descend,
    /// `[?(…)]`
    Filter(Box<Filter>),
    /// `.length()`; always the last.
    Function(Function),
}

impl Path {
    /// Compiles the text of a path, which starts with `$`.
    pub(crate) fn parse(text: &str, names: &mut VariableNames) -> Result<Self, Flaw> {
        let (start, segments) = parse::path(text)?;
        let root = match start {
            parse::Start::Input => Root::Input,
            parse::Start::Context => Root::Context,
            parse::Start::Variable(name) => Root::Variable(names.slot(name)),
        };
        Ok(Self { root, kind: Kind::of(segments) })
    }

    /// The steps, when the path is nothing but keys and indices below `$`.
    pub(crate) fn reference_steps(&self) -> Option<&[Step]> {
        match &self.kind {
            Kind::Reference(steps) if self.root == Root::Input => Some(steps),
            _ => None,
        }
    }

    /// Where the path starts.
    pub(crate) fn root(&self) -> Root {
        self.root
    }

    /// The slot of the variable that the path starts from, if it starts from one.
    pub(crate) fn variable(&self) -> Option<u32> {
        match self.root {
            Root::Variable(slot) => Some(slot),
            Root::Input | Root::Context => None,
        }
    }

    /// The value at the path where nothing has to be made to reach it: what nearly every path of an execution is.
    #[inline]
    pub(crate) fn at_hand<'d>(&self, scope: &Scope<'d>) -> Option<&'d Document> {
        match (&self.kind, self.root) {
            (Kind::Reference(steps), Root::Input) => follow(steps, scope.root),
            (Kind::Reference(steps), Root::Variable(slot)) => follow(steps, variable(scope, slot)?),
            _ => None,
        }
    }

    /// Hands the value at the path to `look`, without copying it where that can be avoided.
    pub(crate) fn with<R>(&self, scope: &Scope<'_>, look: impl FnOnce(&Document) -> R) -> Result<R, Miss> {
        match self.root {
            Root::Input => self.look(scope.root, look),
            Root::Context => self.look(&scope.context.context(), look),
            Root::Variable(slot) => self.look(variable(scope, slot).ok_or(Miss::Unassigned)?, look),
        }
    }

    /// The same where nothing but its absence is wanted to know of a value that is not there.
    #[inline]
    pub(crate) fn find_with<R>(&self, scope: &Scope<'_>, look: impl FnOnce(&Document) -> R) -> Option<R> {
        match (&self.kind, self.root) {
            (Kind::Reference(steps), Root::Input) => follow(steps, scope.root).map(look),
            _ => self.with(scope, look).ok(),
        }
    }

    /// The value at the path.
    pub(crate) fn read(&self, scope: &Scope<'_>) -> Result<Document, Miss> {
        self.with(scope, Document::clone)
    }

    fn look<R>(&self, root: &Document, look: impl FnOnce(&Document) -> R) -> Result<R, Miss> {
        match &self.kind {
            Kind::Reference(steps) => match follow(steps, root) {
                Some(found) => Ok(look(found)),
                None => Err(eval::explain(steps, root)),
            },
            Kind::Query { segments, definite } => Ok(look(&eval::query(segments, *definite, root)?)),
        }
    }
}

impl Kind {
    fn of(segments: Vec<Segment>) -> Self {
        if segments.iter().all(|segment| matches!(segment, Segment::Step(_))) {
            let step = |segment| match segment {
                Segment::Step(step) => Some(step),
                _ => None,
            };
            return Self::Reference(segments.into_iter().filter_map(step).collect());
        }
        let definite = eval::definite(&segments);
        Self::Query { segments: segments.into(), definite }
    }
}

/// The value of the variable in a slot, where it was assigned one.
#[inline]
pub(crate) fn variable<'d>(scope: &Scope<'d>, slot: u32) -> Option<&'d Document> {
    scope.variables.get(slot as usize)?.as_ref()
}

/// The place that the steps lead to.
#[inline]
fn follow<'d>(steps: &[Step], root: &'d Document) -> Option<&'d Document> {
    let mut at = root;
    for step in steps {
        at = match step {
            Step::Key(key) => at.get(key)?,
            Step::Index(index) => element(at.as_array()?, *index)?,
        };
    }
    Some(at)
}

/// The element at `index`, counted from the end where it is negative.
#[inline]
fn element(items: &[Document], index: i64) -> Option<&Document> {
    items.get(position(items.len(), index)?)
}

/// The position that `index` means in an array of `length` elements.
#[inline]
pub(crate) fn position(length: usize, index: i64) -> Option<usize> {
    let from_start = if index < 0 { i64::try_from(length).ok()?.checked_add(index)? } else { index };
    usize::try_from(from_start).ok().filter(|&at| at < length)
}
