//! Buckets: a list of steps in one bucket, and what came of each.

use crate::bindings::wasi::keyvalue::atomics::{self, Cas, CasError};
use crate::bindings::wasi::keyvalue::batch;
use crate::bindings::wasi::keyvalue::store::{self, Bucket, Error};
use crate::text;
use serde_json::{Value, json};

/// Opens `bucket` and takes `steps`: `["set", "key", "value"]` and its like. What fails is told in its place.
pub(crate) fn act(event: &Value) -> Result<Value, String> {
    let bucket = match store::open(text(event, "bucket")) {
        Ok(bucket) => bucket,
        Err(error) => return Ok(json!(told(error))),
    };
    let steps = event["steps"].as_array().ok_or("no steps")?;
    Ok(steps.iter().map(|one| step(&bucket, one).unwrap_or_else(|error| json!({ "error": told(error) }))).collect())
}

fn told(error: Error) -> String {
    match error {
        Error::NoSuchStore => "no-such-store".to_owned(),
        Error::AccessDenied => "access-denied".to_owned(),
        Error::Other(reason) => reason,
    }
}

fn shown(value: Option<Vec<u8>>) -> Value {
    json!(value.map(|value| String::from_utf8_lossy(&value).into_owned()))
}

fn step(bucket: &Bucket, step: &Value) -> Result<Value, Error> {
    let at = |n: usize| step[n].as_str().unwrap_or_default();
    match at(0) {
        "get" => bucket.get(at(1)).map(shown),
        "exists" => bucket.exists(at(1)).map(Value::from),
        "set" => bucket.set(at(1), at(2).as_bytes()).map(Value::from),
        "set-large" => bucket.set(at(1), &vec![b'x'; step[2].as_u64().unwrap_or_default() as usize]).map(Value::from),
        "delete" => bucket.delete(at(1)).map(Value::from),
        "increment" => atomics::increment(bucket, at(1), step[2].as_i64().unwrap_or_default()).map(Value::from),
        "list" => {
            let page = bucket.list_keys(step[1].as_str())?;
            Ok(json!([page.keys, page.cursor]))
        }
        "set-many" => {
            let entries: Vec<_> = (0..step[1].as_u64().unwrap_or_default())
                .map(|n| (format!("{n:05}"), n.to_string().into_bytes()))
                .collect();
            batch::set_many(bucket, &entries).map(Value::from)
        }
        "get-many" => {
            let found = batch::get_many(bucket, &[at(1).to_owned(), at(2).to_owned()])?;
            Ok(json!(
                found.into_iter().map(|entry| entry.map(|(key, value)| (key, shown(Some(value))))).collect::<Vec<_>>()
            ))
        }
        "delete-many" => batch::delete_many(bucket, &[at(1).to_owned(), at(2).to_owned()]).map(Value::from),
        "swap" => {
            let seen = Cas::new(bucket, at(1))?;
            // Somebody is quicker.
            if step[3].is_string() {
                bucket.set(at(1), at(3).as_bytes())?;
            }
            match atomics::swap(seen, at(2).as_bytes()) {
                Ok(()) => Ok(json!("swapped")),
                Err(CasError::StoreError(error)) => Err(error),
                Err(CasError::CasFailed(seen)) => Ok(json!({ "seen": shown(seen.current()?) })),
            }
        }
        other => Ok(json!(format!("no such step: {other}"))),
    }
}
