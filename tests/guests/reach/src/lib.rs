//! Does what its event says with what its function may reach: `{"do": "fetch", "url": …}` and its like. The same in all
//! three kinds of module.

mod keyvalue;
mod misbehaves;

use fleetstep_guest::http::{self, Request};
use serde_json::{Value, json};

mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "imports", generate_all });
}

use bindings::wasi::config::store as config;
use bindings::wasi::logging::logging;

/// Does it, or says why not.
pub fn act(event: &Value) -> Result<Value, String> {
    match text(event, "do") {
        "fetch" => fetch(event),
        "config" => config::get(text(event, "name")).map(|value| json!(value)).map_err(|error| format!("{error:?}")),
        "config-all" => config::get_all().map(|all| json!(all)).map_err(|error| format!("{error:?}")),
        "log" => {
            logging::log(logging::Level::Critical, text(event, "context"), text(event, "message"));
            Ok(Value::Null)
        }
        "keyvalue" => keyvalue::act(event),
        other => misbehaves::act(other, text(event, "url")),
    }
}

pub(crate) fn text<'e>(event: &'e Value, name: &str) -> &'e str {
    event[name].as_str().unwrap_or_default()
}

/// Sends what the event says, and tells what came back.
fn fetch(event: &Value) -> Result<Value, String> {
    let method = event["method"].as_str().unwrap_or("GET");
    let mut request = Request::new(method, text(event, "url"));
    for (name, value) in event["headers"].as_object().into_iter().flatten() {
        request = request.header(name, value.as_str().unwrap_or_default());
    }
    if let Some(body) = event["body"].as_str() {
        request = request.body(body);
    }
    match request.send() {
        Ok(answer) => Ok(json!({
            "status": answer.status,
            "body": answer.text(),
            "location": answer.header("location"),
        })),
        Err(http::Error::Denied(reason)) => Ok(json!({ "denied": reason })),
        Err(http::Error::Timeout(reason)) => Ok(json!({ "timeout": reason })),
        Err(error) => Ok(json!({ "failed": error.to_string() })),
    }
}
