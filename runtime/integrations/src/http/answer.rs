//! What `http:invoke` answers with, and how it fails.

use crate::connection::Connection;
use crate::exchange::Answer;
use fleetstep_document::{Document, ObjectBuilder, Text};
use fleetstep_engine::Failure;

/// Characters of an answer that a failure tells.
const CAUSE_CHARS_MAX: usize = 32_000;

/// An answer as a workflow may see it.
pub(super) struct Told {
    status: u16,
    status_text: &'static str,
    /// By name, in the order in which they came.
    headers: Vec<(String, Vec<String>)>,
    body: String,
    is_json: bool,
}

impl Told {
    pub(super) fn of(answer: &Answer) -> Self {
        let mut headers: Vec<(String, Vec<String>)> = Vec::new();
        for name in answer.headers.keys() {
            let values = answer.headers.get_all(name).iter();
            let values = values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
            headers.push((name.as_str().to_owned(), values.collect()));
        }
        let content_type = answer.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let content_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        Self {
            status: answer.status.as_u16(),
            status_text: answer.status.canonical_reason().unwrap_or_default(),
            headers,
            body: String::from_utf8_lossy(&answer.body).into_owned(),
            is_json: content_type == "application/json" || content_type.ends_with("+json"),
        }
    }

    /// Without the connection's secrets, which a server may have sent back.
    pub(super) async fn masked(mut self, connection: &Connection) -> Self {
        self.body = connection.masked(self.body).await;
        for value in self.headers.iter_mut().flat_map(|(_, values)| values) {
            *value = connection.masked(std::mem::take(value)).await;
        }
        self
    }
}

/// The result of a call that went well: a body of JSON as it is, any other as text.
pub(super) fn result(told: Told) -> Result<Document, Failure> {
    let Told { status, status_text, headers, body, is_json } = told;
    let mut shown = ObjectBuilder::with_capacity(headers.len());
    for (name, values) in headers {
        shown.push(name, values.into_iter().map(Document::from).collect::<Vec<_>>());
    }
    let body = match Document::parse(body.as_bytes()) {
        Ok(document) if is_json => document,
        _ => Document::from(body),
    };
    let result = ObjectBuilder::with_capacity(4)
        .with("Headers", shown.build())
        .with("ResponseBody", body)
        .with("StatusCode", u32::from(status))
        .with("StatusText", status_text);
    Ok(result.build())
}

/// The failure of one that did not.
pub(super) fn failed(told: Told) -> Failure {
    let cause = if told.body.is_empty() { told.status_text.to_owned() } else { told.body };
    let cause: String = cause.chars().take(CAUSE_CHARS_MAX).collect();
    Failure::new(format!("States.Http.StatusCode.{}", told.status), cause)
}

/// An answer is larger than a task's result may be.
pub(crate) fn over_limit() -> Failure {
    let cause =
        "The state/task 'http' returned a result with a size exceeding the maximum number of bytes service limit.";
    Failure::new("States.DataLimitExceeded", cause)
}

/// One of the parameters can't be used.
pub(crate) fn unusable(field: &str, reason: &str) -> Failure {
    let cause = format!("The parameters could not be used to start the Task: [{field}: {reason}]");
    Failure::new("States.Runtime", cause)
}

/// The parameters can't be used: `problems` in the service's words.
pub(super) fn unusable_all(parameters: &Document, problems: &[String]) -> Failure {
    let (parameters, problems) = (Text::from(parameters.to_json()), problems.join(", "));
    let cause = format!("The Parameters '{parameters}' could not be used to start the Task: [{problems}]");
    Failure::new("States.Runtime", cause)
}
