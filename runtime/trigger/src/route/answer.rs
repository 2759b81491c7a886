//! What a caller is answered with: a document with `status`, `headers` and `body`, read strictly.

use fleetstep_document::{Document, Text};
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, DATE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderName, HeaderValue, StatusCode};

/// Headers of one answer.
const HEADERS_MAX: usize = 32;
/// Bytes of their names and values together.
const HEADER_BYTES_MAX: usize = 8 << 10;
/// What says where an answer ends, and when it was made, is the server's to say.
const RESERVED: [HeaderName; 6] = [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, TRAILER, UPGRADE, DATE];

/// The answer of a route.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Where the expression says one.
    pub status: Option<StatusCode>,
    /// In the order in which they were given. There is a content type where there is a body.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Nothing where there is none.
    pub body: Option<AnswerBody>,
}

/// A body.
#[derive(Clone, Debug, PartialEq)]
pub enum AnswerBody {
    /// A text, as it is.
    Text(Text),
    /// All else, as JSON.
    Json(Document),
}

impl Answer {
    pub(super) fn read(document: &Document) -> Result<Self, String> {
        let form = || "the answer has to be an object with status, headers and body".to_owned();
        let mut answer = Self { status: None, headers: Vec::new(), body: None };
        for (name, value) in document.as_object().ok_or_else(form)?.iter() {
            match name.as_str() {
                "status" => answer.status = Some(status(value)?),
                "headers" => answer.headers = headers(value)?,
                "body" => {
                    answer.body = Some(match value.as_text() {
                        Some(text) => AnswerBody::Text(text.clone()),
                        None => AnswerBody::Json(value.clone()),
                    });
                }
                _ => return Err(form()),
            }
        }
        let media_type = match &answer.body {
            Some(AnswerBody::Text(_)) => "text/plain; charset=utf-8",
            Some(AnswerBody::Json(_)) => "application/json",
            None => return Ok(answer),
        };
        if !answer.headers.iter().any(|(name, _)| *name == CONTENT_TYPE) {
            answer.headers.push((CONTENT_TYPE, HeaderValue::from_static(media_type)));
        }
        Ok(answer)
    }
}

fn status(value: &Document) -> Result<StatusCode, String> {
    let status = value.as_i64().filter(|status| (200..=599).contains(status));
    let status = status.and_then(|status| StatusCode::from_u16(status as u16).ok());
    status.ok_or_else(|| "the status of an answer has to be 200 to 599".to_owned())
}

/// Each a text, or a list of texts; a number or a boolean is a text too.
fn headers(value: &Document) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
    let form = || "the headers of an answer have to be an object of texts".to_owned();
    let mut all = Vec::new();
    let mut bytes = 0;
    for (name, value) in value.as_object().ok_or_else(form)?.iter() {
        let no_name = || format!("'{name}' cannot be a header of an answer");
        let name = HeaderName::try_from(name.as_str()).map_err(|_| no_name())?;
        if RESERVED.contains(&name) {
            return Err(no_name());
        }
        for value in value.as_array().unwrap_or(std::slice::from_ref(value)) {
            let text = match value.as_text() {
                Some(text) => text.to_string(),
                None if value.as_number().is_some() || value.as_bool().is_some() => value.to_json(),
                None => return Err(form()),
            };
            bytes += name.as_str().len() + text.len();
            let value =
                HeaderValue::try_from(text).map_err(|_| format!("the header {name} has characters it cannot"))?;
            all.push((name.clone(), value));
        }
    }
    if all.len() > HEADERS_MAX || bytes > HEADER_BYTES_MAX {
        return Err(format!("an answer has {HEADERS_MAX} headers and {HEADER_BYTES_MAX} bytes of them at most"));
    }
    Ok(all)
}
