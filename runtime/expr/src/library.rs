//! The functions that the service adds to JSONata, and the one that it leaves out.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html#transforming-data-functions>
//!
//! Where the documentation is silent they do as the service was seen to: a number is cut towards zero, an argument
//! that is not there gives nothing, one of a wrong type is `T0410`, one of a wrong value `D3137`.

use crate::jsonata::{
    Arguments, Code, Dialect, Evaluator, JsonataError, Native, TOO_LARGE, Value, exceeded, number_document,
};
use crate::primitive::{JavaRandom, digest, uuid_of};
use fleetstep_document::{Document, Number, ObjectBuilder, View};
use std::sync::LazyLock;

/// How many items `$range` may give: so many the service gives, and not one more.
const RANGE_ITEMS_MAX: i128 = 360_145;
/// A document takes at most so many times the bytes of its text.
const PARSED_TIMES: usize = 16;
/// Hashing a text takes some times as long as looking through it.
const HASH_COST: usize = 8;

/// JSONata as the states of a workflow have it. `$eval` is not there: what is called would be parsed at run time.
pub(crate) static WORKFLOW: LazyLock<Dialect> = LazyLock::new(|| Dialect::of(FUNCTIONS, &["eval"]).naming_infinities());

#[rustfmt::skip]
const FUNCTIONS: &[Native] = &[
    Native { name: "partition", signature: "<x?n?:a>", arity: 2, call: partition },
    Native { name: "range",     signature: "<nnn?:a>", arity: 3, call: range },
    Native { name: "hash",      signature: "<ss?:s>",  arity: 2, call: hash },
    Native { name: "random",    signature: "<n?:n>",   arity: 1, call: random },
    Native { name: "uuid",      signature: "<:s>",     arity: 0, call: uuid },
    Native { name: "parse",     signature: "<s?:x>",   arity: 1, call: parse },
];

type Outcome = Result<Value, JsonataError>;

/// A wrong value of an argument.
fn refused(message: impl Into<String>) -> JsonataError {
    JsonataError::new(Code::D3137).text("message", message)
}

/// `$partition(array, size)`: the items in arrays of `size`, the last with what is left. Without a size they are all in
/// one array.
fn partition(evaluator: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Outcome {
    let array = arguments.get(0);
    if array.is_undefined() {
        return Ok(Value::Undefined);
    }
    let Some(items) = array.items() else { return Err(JsonataError::new(Code::T0412).number("index", 1.0)) };
    let size = match arguments.number(1) {
        None => items.len(),
        Some(size) if size <= -1.0 => return Err(refused("Second argument must be zero or greater")),
        Some(size) => size as usize,
    };
    if size == 0 || items.len() == 0 {
        return Ok(Value::Undefined);
    }
    evaluator.budget.items(2 * items.len())?;
    let items: Vec<Value> = items.iter().collect();
    Ok(Value::array(items.chunks(size).map(|part| Value::array(part.to_vec())).collect()))
}

/// `$range(first, last, step)`: the last is among them where a step meets it. A step of 0, or away from the last, gives
/// nothing.
fn range(evaluator: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Outcome {
    let whole = |at| arguments.number(at).map(|number| number as i64);
    let (Some(first), Some(last), Some(step)) = (whole(0), whole(1), whole(2)) else { return Ok(Value::Undefined) };
    let (first, last, step) = (i128::from(first), i128::from(last), i128::from(step));
    if step == 0 || (last - first).signum() * step.signum() < 0 {
        return Ok(Value::Undefined);
    }
    let steps = (last - first) / step;
    if steps >= RANGE_ITEMS_MAX {
        return Err(exceeded(TOO_LARGE));
    }
    evaluator.budget.items(steps as usize + 1)?;
    let item = |at: i128| Value::Document(Document::from((first + at * step) as i64));
    Ok(Value::sequence((0..=steps).map(item).collect()))
}

/// `$hash(text, algorithm)`
fn hash(evaluator: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Outcome {
    let (Some(data), Some(algorithm)) = (arguments.text(0), arguments.text(1)) else { return Ok(Value::Undefined) };
    evaluator.budget.read(HASH_COST * data.len())?;
    let digest = digest(algorithm, data);
    digest.map(Value::from).ok_or_else(|| {
        refused(format!("Hash algorithm '{algorithm}' must be one of SHA-1, SHA-384, SHA-256, SHA-512, MD5"))
    })
}

/// `$random(seed)`: a seed gives the same number each time.
fn random(evaluator: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Outcome {
    Ok(Value::from(match arguments.number(0) {
        Some(seed) => JavaRandom::new(seed as i64).next_double(),
        None => evaluator.budget.ambient.random(),
    }))
}

/// `$uuid()`
fn uuid(evaluator: &mut Evaluator<'_, '_>, _: &Arguments<'_>) -> Outcome {
    const HALF: f64 = 4_294_967_296.0;
    let mut bits = || {
        let mut half = || (evaluator.budget.ambient.random() * HALF) as u64;
        half() << 32 | half()
    };
    Ok(Value::from(uuid_of(bits(), bits())))
}

/// `$parse(text)`: the JSON that the text is.
fn parse(evaluator: &mut Evaluator<'_, '_>, arguments: &Arguments<'_>) -> Outcome {
    let Some(text) = arguments.text(0) else { return Ok(Value::Undefined) };
    evaluator.budget.read(text.len())?;
    evaluator.budget.allocate(PARSED_TIMES * text.len())?;
    let parsed = Document::parse(text.as_bytes()).ok().and_then(|parsed| with_doubles(&parsed));
    parsed.map(Value::Document).ok_or_else(|| refused("Invalid JSON"))
}

/// A document whose numbers are what a computation would make of them: `-0` is `0`, `1.0` is `1`. `None` where one is
/// too large for a double, which the service does not read. Documents nest less deep than a stack is.
fn with_doubles(document: &Document) -> Option<Document> {
    Some(match document.view() {
        View::Number(Number::Int(_)) => document.clone(),
        View::Number(number) => {
            let number = number.as_f64();
            number.is_finite().then(|| number_document(number))?
        }
        View::Array(items) => Document::from(items.iter().map(with_doubles).collect::<Option<Vec<_>>>()?),
        View::Object(fields) => {
            let mut object = ObjectBuilder::with_capacity(fields.len());
            for (key, value) in fields.iter() {
                object.push(key.clone(), with_doubles(value)?);
            }
            object.build()
        }
        _ => document.clone(),
    })
}
