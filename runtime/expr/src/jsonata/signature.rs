//! Signatures of functions, such as `<s-nn?:s>`: parsed once, checked at each call.
//!
//! A signature is a small regular expression over the types of the arguments, each a letter; `m` stands for an
//! argument that is nothing. It is matched as JavaScript would: greedy, with backtracking.

use super::{Code, Items, JsonataError, Value};
use fleetstep_document::{Document, View};

/// A parsed signature.
#[derive(Clone, Debug)]
pub(crate) struct Signature {
    parameters: Vec<Parameter>,
}

#[derive(Clone, Debug)]
struct Parameter {
    /// The types that fit; none where no argument ever does.
    types: String,
    /// The letter as written; `a` makes an array of a single value.
    array: bool,
    /// The context value stands in for a missing argument.
    context: bool,
    optional: bool,
    repeated: bool,
    /// What is in the array, or what the function takes, as written.
    subtype: Option<String>,
    function: bool,
}

const ANY: &str = "asnblfom";

impl Signature {
    /// Parses `<...>`; the part behind `:`, the type of the result, is not checked by jsonata-js either.
    pub(crate) fn parse(text: &str) -> Result<Self, JsonataError> {
        let symbols: Vec<char> = text.chars().collect();
        let mut parameters: Vec<Parameter> = Vec::new();
        let mut at = 1;
        while at < symbols.len() && symbols[at] != ':' {
            let symbol = symbols[at];
            match symbol {
                's' | 'n' | 'b' | 'l' | 'o' => parameters.push(Parameter::new(format!("{symbol}m"))),
                'a' => parameters.push(Parameter { array: true, ..Parameter::new(ANY.to_owned()) }),
                'f' => parameters.push(Parameter { function: true, ..Parameter::new("f".to_owned()) }),
                'j' => parameters.push(Parameter::new("asnblom".to_owned())),
                'x' => parameters.push(Parameter::new(ANY.to_owned())),
                '-' | '?' | '+' => {
                    if let Some(last) = parameters.last_mut() {
                        last.context |= symbol == '-';
                        last.optional |= symbol != '+';
                        last.repeated |= symbol == '+';
                    }
                }
                '(' => {
                    let close = closing(&symbols, at, '(', ')');
                    let choice: String = symbols[at + 1..close.min(symbols.len())].iter().collect();
                    if choice.contains('<') {
                        return Err(JsonataError::new(Code::S0402).text("value", choice));
                    }
                    // To JavaScript a bracket ends the choice, and what stands behind it is no type.
                    let types = if choice.contains(']') { String::new() } else { format!("{choice}m") };
                    parameters.push(Parameter::new(types));
                    at = close;
                }
                '<' => {
                    let last = parameters.last_mut().filter(|last| last.array || last.function);
                    let Some(last) = last else { return Err(JsonataError::new(Code::S0401)) };
                    let close = closing(&symbols, at, '<', '>');
                    last.subtype = Some(symbols[at + 1..close.min(symbols.len())].iter().collect());
                    at = close;
                }
                _ => {}
            }
            at += 1;
        }
        Ok(Self { parameters })
    }

    /// Whether a check looks at the items of arrays.
    pub(crate) fn looks_into_arrays(&self) -> bool {
        self.parameters.iter().any(|parameter| parameter.subtype.is_some())
    }

    /// Whether the context may stand in where so many arguments are given.
    pub(crate) fn may_take_context(&self, given: usize) -> bool {
        given < self.parameters.len() && self.parameters.iter().any(|parameter| parameter.context)
    }

    /// Checks the arguments, fills in the context and wraps single values into arrays.
    pub(crate) fn validate(&self, arguments: Vec<Value>, context: &Value) -> Result<Vec<Value>, JsonataError> {
        let supplied: Vec<char> = arguments.iter().map(symbol).collect();
        let Some(counts) = fit(&self.parameters, &supplied, true) else {
            return Err(self.mismatch(&arguments, &supplied));
        };
        let mut validated = Vec::with_capacity(arguments.len().max(self.parameters.len()));
        let mut arguments = arguments.into_iter();
        let (mut at, mut taken) = (0, 0);
        for (parameter, count) in self.parameters.iter().zip(counts) {
            let matched = &supplied[taken..taken + count];
            taken += count;
            if count == 0 && parameter.context {
                if !parameter.types.contains(symbol(context)) {
                    return Err(JsonataError::new(Code::T0411)
                        .value("value", context)
                        .number("index", (at + 1) as f64));
                }
                validated.push(context.clone());
            } else if count == 0 {
                validated.push(arguments.next().unwrap_or_default());
                at += 1;
            }
            for &single in matched {
                let argument = arguments.next().unwrap_or_default();
                at += 1;
                let argument =
                    if parameter.array { parameter.to_array(argument, single, matched, at)? } else { argument };
                validated.push(argument);
            }
        }
        Ok(validated)
    }

    /// Does what [`Self::validate`] does where each argument fits the parameter at its place, which is nearly always;
    /// `false`, and nothing done, where that is not so or the context has to fill in.
    pub(crate) fn accept(&self, arguments: &mut Vec<Value>) -> Result<bool, JsonataError> {
        let Some((given, missing)) = self.parameters.split_at_checked(arguments.len()) else { return Ok(false) };
        let plain =
            given.iter().zip(&**arguments).all(|(parameter, argument)| parameter.types.contains(symbol(argument)));
        if !plain
            || self.parameters.iter().any(|one| one.repeated)
            || missing.iter().any(|one| !one.optional || one.context)
        {
            return Ok(false);
        }
        for (at, (parameter, argument)) in given.iter().zip(arguments.iter_mut()).enumerate() {
            if parameter.array {
                let single = symbol(argument);
                *argument = parameter.to_array(std::mem::take(argument), single, &[single], at + 1)?;
            }
        }
        arguments.resize(self.parameters.len(), Value::Undefined);
        Ok(true)
    }

    /// The error that says which argument is the first that does not fit.
    fn mismatch(&self, arguments: &[Value], supplied: &[char]) -> JsonataError {
        let mut good = 0;
        for upto in 1..=self.parameters.len() {
            match fit(&self.parameters[..upto], supplied, false) {
                Some(counts) => good = counts.iter().sum(),
                None => break,
            }
        }
        let value = arguments.get(good).cloned().unwrap_or_default();
        JsonataError::new(Code::T0410).value("value", &value).number("index", (good + 1) as f64)
    }
}

impl Parameter {
    fn new(types: String) -> Self {
        Self { types, array: false, context: false, optional: false, repeated: false, subtype: None, function: false }
    }

    /// The argument as an array whose items are of the type that the signature names. The parameter took an argument
    /// of the type `single` here, and those of the types `matched` altogether: after a parameter that took none they
    /// are not those of the arguments that it gets.
    fn to_array(&self, argument: Value, single: char, matched: &[char], index: usize) -> Result<Value, JsonataError> {
        if single == 'm' {
            return Ok(Value::Undefined);
        }
        if let Some(subtype) = &self.subtype {
            let fits = match argument.items() {
                _ if single != 'a' => subtype.chars().eq(matched.iter().copied()),
                Some(items) => items.len() == 0 || subtype.chars().next().is_some_and(|wanted| all_are(items, wanted)),
                None => true,
            };
            if !fits {
                let error = JsonataError::new(Code::T0412).value("value", &argument).number("index", index as f64);
                return Err(plural(subtype).map_or(error.clone(), |name| error.text("type", name)));
            }
        }
        Ok(if single == 'a' { argument } else { Value::array(vec![argument]) })
    }
}

/// How many arguments each parameter takes, greedily; with `whole`, all arguments must be taken.
fn fit(parameters: &[Parameter], supplied: &[char], whole: bool) -> Option<Vec<usize>> {
    let Some((first, rest)) = parameters.split_first() else {
        return (!whole || supplied.is_empty()).then(Vec::new);
    };
    if first.types.is_empty() {
        return None;
    }
    let most = if first.repeated { supplied.len() } else { 1 };
    let taken = supplied.iter().take(most).take_while(|symbol| first.types.contains(**symbol)).count();
    let least = usize::from(!first.optional);
    (least..=taken).rev().find_map(|count| {
        let mut counts = fit(rest, &supplied[count..], whole)?;
        counts.insert(0, count);
        Some(counts)
    })
}

/// Whether all items are of the type with this letter.
fn all_are(items: Items<'_>, wanted: char) -> bool {
    match items {
        Items::Documents(items) => items.iter().all(|item| document_symbol(item) == wanted),
        Items::Values(items) => items.iter().all(|item| symbol(item) == wanted),
        Items::Range(..) => items.len() == 0 || wanted == 'n',
    }
}

/// The letter of a value's type.
fn symbol(value: &Value) -> char {
    match value {
        Value::Undefined => 'm',
        Value::Function(_) => 'f',
        Value::NotFinite(_) => 'n',
        Value::Array(_) | Value::Tuples(_) => 'a',
        Value::Object(_) => 'o',
        Value::Document(document) => document_symbol(document),
    }
}

fn document_symbol(document: &Document) -> char {
    match document.view() {
        View::Null => 'l',
        View::Bool(_) => 'b',
        View::Number(_) => 'n',
        View::String(_) => 's',
        View::Array(_) => 'a',
        View::Object(_) => 'o',
    }
}

/// A type's name as T0412 uses it.
fn plural(subtype: &str) -> Option<&'static str> {
    Some(match subtype {
        "a" => "arrays",
        "b" => "booleans",
        "f" => "functions",
        "n" => "numbers",
        "o" => "objects",
        "s" => "strings",
        _ => return None,
    })
}

/// The position of the bracket that closes the one at `open`, or the end.
fn closing(symbols: &[char], open: usize, opening: char, closing: char) -> usize {
    let mut depth = 1;
    for (at, &symbol) in symbols.iter().enumerate().skip(open + 1) {
        if symbol == closing {
            depth -= 1;
            if depth == 0 {
                return at;
            }
        } else if symbol == opening {
            depth += 1;
        }
    }
    symbols.len()
}
