//! The functions of the language: one table per theme, looked up by name.

mod array;
mod higher_order;
mod matching;
mod numeric;
mod object;
mod pictures;
mod string;

pub(super) use array::merge_sort;
pub(super) use matching::call_regex;

use super::signature::Signature;
use super::eval::Function;
use super::{Code, Evaluator, JsonataError, Value};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::LazyLock;

/// A function of the library.
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

/// The implementation of a function of the library.
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

/// All tables. A theme adds its own `pub(super) const FUNCTIONS: &[Native]` here.
const TABLES: &[&[Native]] = &[
    string::FUNCTIONS,
    matching::FUNCTIONS,
    numeric::FUNCTIONS,
    array::FUNCTIONS,
    object::FUNCTIONS,
    higher_order::FUNCTIONS,
    pictures::FUNCTIONS,
];

/// The functions by name, each with its signature parsed.
static LIBRARY: LazyLock<HashMap<&'static str, (&'static Native, Signature)>> = LazyLock::new(|| {
    let natives = TABLES.iter().flat_map(|table| table.iter());
    let parsed = |native: &'static Native| {
        (native, Signature::parse(native.signature).expect("the library's signatures are well-formed"))
    };
    natives.map(|native| (native.name, parsed(native))).collect()
});

/// The function called `name`.
pub(crate) fn lookup(name: &str) -> Option<&'static Native> {
    LIBRARY.get(name).map(|(native, _)| *native)
}

/// The signature of a function of the library.
pub(super) fn signature(native: &Native) -> &'static Signature {
    &LIBRARY[native.name].1
}

/// The error of a first argument that a function which takes a function next refuses.
pub(super) fn argument_error(name: &str, argument: Value) -> JsonataError {
    let (native, signature) = &LIBRARY[name];
    let function = Value::Function(Rc::new(Function::Native(native)));
    let refused = signature.validate(vec![argument, function], &Value::NULL);
    refused.err().unwrap_or_else(|| JsonataError::new(Code::T0410))
}

#[cfg(test)]
mod tests {
    use super::TABLES;
    use std::collections::HashSet;

    #[test]
    fn no_name_stands_twice() {
        let mut names = HashSet::new();
        for native in TABLES.iter().flat_map(|table| table.iter()) {
            assert!(names.insert(native.name), "{}", native.name);
        }
    }
}
