//! The functions themselves: one table, one function each.
//!
//! Where the service's documentation and what it does differ, this does what it does: an argument of `ArrayRange`,
//! `ArrayPartition`, `ArrayGetItem` or `MathRandom` is cut to a whole number, one of `MathAdd` is rounded half up.

use super::Failure;
use crate::path::{java_text, position};
use crate::primitive::{JavaRandom, digest, uuid_of};
use crate::{Chance, Scope};
use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use fleetstep_document::{Document, Object, Text, View};
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// The most characters that `Base64Encode`, `Base64Decode` and `Hash` take: the service's own limit.
const ENCODED_CHARACTERS_MAX: usize = 10_000;
/// The most elements that `ArrayRange` makes: the service's own limit.
const RANGE_ITEMS_MAX: i64 = 1_000;
/// How long a text `Format` makes at most. More would fit into no state's output.
const FORMATTED_BYTES_MAX: usize = 1024 * 1024;

/// One row of the table.
pub(crate) struct Function {
    name: &'static str,
    arguments_min: usize,
    arguments_max: usize,
    run: fn(&[Document], &Scope<'_>) -> Outcome,
}

/// A value, or what is wrong with the arguments where there is more to say than that.
type Outcome = Result<Document, Option<&'static str>>;

#[rustfmt::skip]
static FUNCTIONS: &[Function] = &[
    Function { name: "States.Format",         arguments_min: 1, arguments_max: usize::MAX, run: format },
    Function { name: "States.StringToJson",   arguments_min: 1, arguments_max: 1, run: string_to_json },
    Function { name: "States.JsonToString",   arguments_min: 1, arguments_max: 1, run: |a, _| Ok(Document::from(a[0].to_json())) },
    Function { name: "States.Array",          arguments_min: 0, arguments_max: usize::MAX, run: |a, _| Ok(Document::from(a.to_vec())) },
    Function { name: "States.ArrayPartition", arguments_min: 2, arguments_max: 2, run: array_partition },
    Function { name: "States.ArrayContains",  arguments_min: 2, arguments_max: 2, run: |a, _| Ok(Document::from(array(&a[0])?.contains(&a[1]))) },
    Function { name: "States.ArrayRange",     arguments_min: 3, arguments_max: 3, run: array_range },
    Function { name: "States.ArrayGetItem",   arguments_min: 2, arguments_max: 2, run: array_get_item },
    Function { name: "States.ArrayLength",    arguments_min: 1, arguments_max: 1, run: |a, _| Ok(Document::from(array(&a[0])?.len() as i64)) },
    Function { name: "States.ArrayUnique",    arguments_min: 1, arguments_max: 1, run: array_unique },
    Function { name: "States.Base64Encode",   arguments_min: 1, arguments_max: 1, run: |a, _| Ok(Document::from(STANDARD.encode(short_text(&a[0])?))) },
    Function { name: "States.Base64Decode",   arguments_min: 1, arguments_max: 1, run: base64_decode },
    Function { name: "States.Hash",           arguments_min: 2, arguments_max: 2, run: hash },
    Function { name: "States.JsonMerge",      arguments_min: 3, arguments_max: 3, run: json_merge },
    Function { name: "States.MathRandom",     arguments_min: 2, arguments_max: 3, run: math_random },
    Function { name: "States.MathAdd",        arguments_min: 2, arguments_max: 2, run: math_add },
    Function { name: "States.StringSplit",    arguments_min: 2, arguments_max: 2, run: string_split },
    Function { name: "States.UUID",           arguments_min: 0, arguments_max: 0, run: uuid },
];

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Function {
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        FUNCTIONS.iter().find(|function| function.name == name)
    }

    /// Whether the result depends on nothing but the arguments: `MathRandom` is chance unless it is given a seed.
    pub(super) fn is_pure(&self, arguments: usize) -> bool {
        match self.name {
            "States.UUID" => false,
            "States.MathRandom" => arguments == 3,
            _ => true,
        }
    }

    /// Whether the first argument is a text with placeholders.
    pub(super) fn takes_pattern(&self) -> bool {
        self.name == "States.Format"
    }

    /// Calls the function. The service, too, looks at the number of arguments no earlier than now.
    pub(super) fn call(&self, arguments: &[Document], scope: &Scope<'_>) -> Result<Document, Failure> {
        if !(self.arguments_min..=self.arguments_max).contains(&arguments.len()) {
            return Err(self.refuse(None));
        }
        (self.run)(arguments, scope).map_err(|detail| self.refuse(detail))
    }

    pub(super) fn refuse(&self, detail: Option<&str>) -> Failure {
        let name = self.name;
        Failure::Refused(match detail {
            Some(detail) => format!("Invalid arguments in {name}: {detail}"),
            None => format!("Invalid arguments in {name}"),
        })
    }
}

fn array(value: &Document) -> Result<&[Document], Option<&'static str>> {
    value.as_array().ok_or(None)
}

fn text(value: &Document) -> Result<&Text, Option<&'static str>> {
    value.as_text().ok_or(None)
}

fn short_text(value: &Document) -> Result<&str, Option<&'static str>> {
    short(text(value)?)
}

fn short(text: &str) -> Result<&str, Option<&'static str>> {
    let fits = text.len() <= ENCODED_CHARACTERS_MAX || text.chars().count() <= ENCODED_CHARACTERS_MAX;
    if fits { Ok(text) } else { Err(Some("the text is longer than 10000 characters")) }
}

/// A number without its fraction, if it fits Java's `int`.
fn whole(value: &Document) -> Result<i64, Option<&'static str>> {
    int32(value.as_f64().ok_or(None)?.trunc())
}

fn int32(value: f64) -> Result<i64, Option<&'static str>> {
    let fits = (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&value);
    if fits { Ok(value as i64) } else { Err(Some("a number does not fit into 32 bits")) }
}

/// Fills in a pattern: each `{}` takes the next argument; `\{`, `\}` and `\\` stand for the character escaped.
fn format(arguments: &[Document], _: &Scope<'_>) -> Outcome {
    const MISMATCH: &str = "number of arguments do not match the occurrences of {}.";
    let pattern = text(&arguments[0])?;
    let mut values = arguments[1..].iter();
    let mut out = String::with_capacity(pattern.len() + 16 * values.len());
    let mut characters = pattern.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\\' => out.push(characters.next_if(|next| matches!(next, '\\' | '{' | '}')).unwrap_or('\\')),
            '{' if characters.next_if_eq(&'}').is_some() => {
                let value = values.next().ok_or(Some(MISMATCH))?;
                if !java_text(value, FORMATTED_BYTES_MAX, &mut out) {
                    return Err(Some("the text is too long"));
                }
            }
            '{' => return Err(Some("matching '}' not found for '{'.")),
            '}' => return Err(Some("matching '{' not found for '}'.")),
            other => out.push(other),
        }
    }
    if values.len() > 0 { Err(Some(MISMATCH)) } else { Ok(Document::from(out)) }
}

/// A text of blanks, or of nothing, is null.
fn string_to_json(arguments: &[Document], _: &Scope<'_>) -> Outcome {
    let text = text(&arguments[0])?;
    if text.trim().is_empty() {
        return Ok(Document::NULL);
    }
    Document::parse(text.as_bytes()).map_err(|_| Some("the text is not valid JSON"))
}

fn array_partition(arguments: &[Document], _: &Scope<'_>) -> Outcome {
    let items = array(&arguments[0])?;
    let size = usize::try_from(whole(&arguments[1])?).ok().filter(|&size| size > 0).ok_or(None)?;
    Ok(Document::from(items.chunks(size).map(|chunk| Document::from(chunk.to_vec())).collect::<Vec<_>>()))
}

/// From the first to the second, both included, by steps of the third.
fn array_range(arguments: &[Document], _: &Scope<'_>) -> Outcome {
    let (first, last, step) = (whole(&arguments[0])?, whole(&arguments[1])?, whole(&arguments[2])?);
    if step == 0 {
        return Err(Some("the step is 0"));
    }
    if (last - first).signum() * step.signum() < 0 {
        return Ok(Document::from(Vec::new()));
    }
    let steps = (last - first) / step;
    if steps >= RANGE_ITEMS_MAX {
        return Err(Some("the array would have more than 1000 items"));
    }
    Ok(Document::from((0..=steps).map(|at| Document::from(first + at * step)).collect::<Vec<_>>()))
}

/// The service has null for any index of an empty array, and an error for one past the end of another.
fn array_get_item(arguments: &[Document], _: &Scope<'_>) -> Outcome {
    let items = array(&arguments[0])?;
    let index = whole(&arguments[1])?;
    if items.is_empty() {
        return Ok(Document::NULL);
    }
    let at = if index < 0 { None } else { position(items.len(), index) };
    at.map(|at| items[at].clone()).ok_or(Some("the index is out of bounds"))
}

/// The first of each run of equal elements, in order.
#[allow(clippy::mutable_key_type, reason = "what a document remembers of its size is no part of its value")]
fn array_unique(arguments: &[Document], _: &Scope<'_>) -> Outcome {
    let mut seen = HashSet::new();
    let unique = array(&arguments[0])?.iter().filter(|&item| seen.insert(Hashed(item)));
    Ok(Document::from(unique.cloned().collect::<Vec<_>>()))
}

/// A document by value: equal ones hash alike.
struct Hashed<'d>(&'d Document);

impl PartialEq for Hashed<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Hashed<'_> {}

impl Hash for Hashed<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.0.view() {
            View::Null => 0_u8.hash(state),
            View::Bool(value) => value.hash(state),
            // Adding zero makes one of the two zeros.
            View::Number(number) => (number.as_f64() + 0.0).to_bits().hash(state),
            View::String(text) => text.as_str().hash(state),
            View::Array(items) => items.iter().for_each(|item| Hashed(item).hash(state)),
            // Equal objects may have their keys in another order, which a sum does not tell.
            View::Object(object) => {
                let entry = |(key, value): (&Text, &Document)| {
                    let mut hasher = DefaultHasher::new();
                    (key.as_str(), Hashed(value)).hash(&mut hasher);
                    hasher.finish()
                };
                object.iter().map(entry).fold(0, u64::wrapping_add).hash(state);
            }
        }
    }
}

/// Reads as the service does, which passes over what is not of the alphabet and stops at the padding.
fn base64_decode(arguments: &[Document], _: &Scope<'_>) -> Outcome {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::RequireNone)
            .with_decode_allow_trailing_bits(true),
    );
    let encoded = short_text(&arguments[0])?;
    let mut digits: Vec<u8> = encoded
        .bytes()
        .take_while(|&b| b != b'=')
        .map(|b| match b {
            b'-' => b'+',
            b'_' => b'/',
            other => other,
        })
        .filter(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
        .collect();
    if digits.len() % 4 == 1 {
        digits.pop();
    }
    let bytes = LENIENT.decode(digits).map_err(|_| None)?;
    Ok(Document::from(String::from_utf8_lossy(&bytes).into_owned()))
}

/// The digest in hexadecimal. What is no string is hashed as it is printed.
fn hash(arguments: &[Document], _: &Scope<'_>) -> Outcome {
    let mut printed = String::new();
    let data = match arguments[0].as_str() {
        Some(text) => text,
        None => {
            let _within = java_text(&arguments[0], FORMATTED_BYTES_MAX, &mut printed);
            &printed
        }
    };
    let data = short(data)?;
    let digest = digest(text(&arguments[1])?, data);
    digest.map(Document::from).ok_or(Some("the algorithm is none of MD5, SHA-1, SHA-256, SHA-384 and SHA-512"))
}

/// The second object laid over the first, at the top level only; a deep merge the service refuses.
fn json_merge(arguments: &[Document], _: &Scope<'_>) -> Outcome {
    let (below, above) = match (arguments[0].as_object(), arguments[1].as_object()) {
        (Some(below), Some(above)) => (below, above),
        _ => return Err(Some("the first two arguments must be objects")),
    };
    if arguments[2].as_bool() == Some(true) {
        return Err(Some("deep merging is not supported; the third argument must be false"));
    }
    let entries = below.iter().chain(above.iter()).map(|(key, value)| (key.clone(), value.clone()));
    Ok(Document::from(Object::from_entries(entries.collect())))
}

/// A whole number from the first up to, but not with, the second.
fn math_random(arguments: &[Document], scope: &Scope<'_>) -> Outcome {
    let (from, to) = (whole(&arguments[0])?, whole(&arguments[1])?);
    if from >= to {
        return Err(Some("the start must be less than the end"));
    }
    let width = (to - from) as u64;
    let offset = match arguments.get(2) {
        Some(seed) => seeded(seed.as_f64().ok_or(None)? as i64, width),
        None => below(scope.chance, width),
    };
    Ok(Document::from(from + offset as i64))
}

/// A number below `width`, each as likely.
fn below(chance: &Chance, width: u64) -> u64 {
    ((u128::from(chance.next_u64()) * u128::from(width)) >> 64) as u64
}

/// A number below `width` by the algorithm of `java.util.Random`, so that a seed means the same number everywhere.
fn seeded(seed: i64, width: u64) -> u64 {
    let mut random = JavaRandom::new(seed);
    let mut next = |bits: u32| random.next(bits);
    if width > i32::MAX as u64 {
        return ((next(32) << 32) | next(32)) % width;
    }
    if width.is_power_of_two() {
        return (width * next(31)) >> 31;
    }
    // Draws from the incomplete last run of `width` numbers below 2^31 would favour the small ones. There are fewer
    // of them than of the others, so that so many in a row do not happen.
    const DRAWS_MAX: usize = 128;
    let fair = (1 << 31) / width * width;
    let draw = (0..DRAWS_MAX).map(|_| next(31)).find(|&draw| draw < fair).unwrap_or(0);
    draw % width
}

fn math_add(arguments: &[Document], _: &Scope<'_>) -> Outcome {
    let rounded = |value: &Document| int32((value.as_f64().ok_or(None)? + 0.5).floor());
    let sum = rounded(&arguments[0])? + rounded(&arguments[1])?;
    int32(sum as f64).map(Document::from)
}

/// The parts between any of the separator's characters, without the empty ones.
fn string_split(arguments: &[Document], _: &Scope<'_>) -> Outcome {
    let (text, separators) = (text(&arguments[0])?, text(&arguments[1])?);
    let separators: HashSet<char> = separators.chars().collect();
    let parts = text.split(|c| separators.contains(&c)).filter(|part| !part.is_empty());
    Ok(Document::from(parts.map(Document::from).collect::<Vec<_>>()))
}

/// A version 4 UUID from the execution's own chance.
fn uuid(_: &[Document], scope: &Scope<'_>) -> Outcome {
    Ok(Document::from(uuid_of(scope.chance.next_u64(), scope.chance.next_u64())))
}
