//! Which functions an expression finds beside its variables: those of the language, or fewer, or more.

use super::Evaluator;
use super::JsonataError;
use super::Value;
use super::functions;
use super::signature::Signature;
use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

/// A function of a library.
#[derive(Clone, Copy)]
pub(crate) struct Native {
    /// The name, without `$`.
    pub(crate) name: &'static str,
    /// The signature, such as `<s-nn?:s>`: the evaluator checks it and fills the context in before the call.
    pub(crate) signature: &'static str,
    /// How many parameters jsonata-js's implementation declares: what `$map` and the like pass to it at most.
    pub(crate) arity: usize,
    /// The implementation.
    pub(crate) call: NativeCall,
}

/// The implementation of a function of a library.
pub(crate) type NativeCall = fn(&mut Evaluator<'_, '_>, &Arguments<'_>) -> Result<Value, JsonataError>;

/// What a function is called with, after its signature was checked. An argument that was not given reads as nothing;
/// where the signature says `a`, a single value was made an array already.
pub(crate) struct Arguments<'a> {
    /// The arguments by position.
    pub(crate) values: &'a [Value],
    /// The context value of the call (`this.input` in jsonata-js); few functions look at it, `$eval` is one.
    pub(crate) context: &'a Value,
}

impl Arguments<'_> {
    /// The argument at `at`, or nothing.
    pub(crate) fn get(&self, at: usize) -> &Value {
        const NOTHING: &Value = &Value::Undefined;
        self.values.get(at).unwrap_or(NOTHING)
    }

    /// The argument at `at`, if it is a string.
    pub(crate) fn text(&self, at: usize) -> Option<&str> {
        self.get(at).as_str()
    }

    /// The argument at `at`, if it is a number.
    pub(crate) fn number(&self, at: usize) -> Option<f64> {
        self.get(at).as_f64()
    }
}

/// A function with its signature parsed.
pub(crate) struct Known {
    pub(crate) native: Native,
    pub(crate) signature: Signature,
}

/// The functions that expressions find by name. A dialect is made once, in a `LazyLock`.
pub struct Dialect {
    functions: HashMap<&'static str, Known>,
    /// Whether an answer may hold a number that is not finite, as a string that names it.
    pub(super) names_infinities: bool,
}

/// The language as jsonata-js has it.
static STANDARD: LazyLock<Dialect> = LazyLock::new(|| Dialect::of(&[], &[]));

impl Dialect {
    /// The language as it is, with all its functions.
    #[must_use]
    pub fn standard() -> &'static Self {
        &STANDARD
    }

    /// The functions of the language with `more` beside them (or in the place of one of the same name), and without
    /// those whose names are `hidden`.
    pub(crate) fn of(more: &'static [Native], hidden: &[&str]) -> Self {
        let known = |native: &Native| {
            let signature = Signature::parse(native.signature).expect("the signatures of a library are well-formed");
            (native.name, Known { native: *native, signature })
        };
        let mut functions: HashMap<_, _> = functions::all().chain(more).map(known).collect();
        functions.retain(|name, _| !hidden.contains(name));
        Self { functions, names_infinities: false }
    }

    /// The same, but for JSON a number that is not finite is `"Infinity"`, `"-Infinity"` or `"NaN"`, no error.
    #[must_use]
    pub(crate) fn naming_infinities(self) -> Self {
        Self { names_infinities: true, ..self }
    }

    /// The function called `name`.
    pub(crate) fn function(&self, name: &str) -> Option<&Known> {
        self.functions.get(name)
    }
}

impl fmt::Debug for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialect").field("functions", &self.functions.len()).finish()
    }
}
