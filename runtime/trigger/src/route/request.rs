//! A request as an expression sees it.

use fleetstep_document::{Document, Object, ObjectBuilder, Text};
use http::header::{AUTHORIZATION, HeaderMap, PROXY_AUTHORIZATION};
use http::{HeaderName, Method};
use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// There is none.
    Nothing,
    /// JSON.
    Json,
    /// `application/x-www-form-urlencoded`: a text, and its fields beside it.
    Form,
    /// Another text.
    Text,
}

impl Content {
    /// What a media type says, in lower case and without parameters; nothing for what can be no JSON's part.
    #[must_use]
    pub fn of(media_type: &str) -> Option<Self> {
        match media_type {
            "application/json" => Some(Self::Json),
            "application/x-www-form-urlencoded" => Some(Self::Form),
            "application/xml" | "application/x-ndjson" | "application/jsonl" | "application/yaml" => Some(Self::Text),
            json if json.ends_with("+json") => Some(Self::Json),
            text if text.starts_with("text/") || text.ends_with("+xml") => Some(Self::Text),
            _ => None,
        }
    }
}

/// The parts of a request.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its path, as it was sent.
    pub path: &'a str,
    /// Parameters of the path, as they were sent.
    pub parameters: &'a [(Text, String)],
    /// What stands behind the question mark.
    pub query: &'a str,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// What its body is.
    pub content: Content,
    /// Its body.
    pub body: &'a str,
    /// Whether the caller's own credentials for this server are in it, which are nobody else's business.
    pub is_authorized: bool,
}

/// Why a request cannot be shown to an expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// A parameter of the path is not UTF-8 when it is decoded.
    #[error("the parameter '{0}' of the path is not UTF-8")]
    Parameter(Text),
    /// The body is not what it says.
    #[error("the request body is not JSON: {0}")]
    Body(String),
}

/// The members of a request, in their order.
const METHOD: &str = "method";
const PATH: &str = "path";
const PARAMETERS: &str = "parameters";
const QUERY: &str = "query";
const HEADERS: &str = "headers";
const BODY: &str = "body";
const FORM: &str = "form";

impl Request<'_> {
    /// As `$request` has it.
    ///
    /// # Errors
    /// What it says is not what is there.
    pub fn document(&self) -> Result<Document, Unreadable> {
        let mut parameters = ObjectBuilder::with_capacity(self.parameters.len());
        for (name, value) in self.parameters {
            let decoded = percent_decode_str(value).decode_utf8();
            parameters.push(name.clone(), &*decoded.map_err(|_| Unreadable::Parameter(name.clone()))?);
        }
        let body = match self.content {
            Content::Nothing => Document::NULL,
            Content::Json => {
                Document::parse(self.body.as_bytes()).map_err(|error| Unreadable::Body(error.to_string()))?
            }
            Content::Form | Content::Text => Document::from(self.body),
        };
        let mut all = ObjectBuilder::with_capacity(7)
            .with(METHOD, self.method.as_str())
            .with(PATH, self.path)
            .with(PARAMETERS, parameters.build())
            .with(QUERY, fields(self.query))
            .with(HEADERS, self.headers())
            .with(BODY, body);
        if self.content == Content::Form {
            all.push(FORM, fields(self.body));
        }
        Ok(all.build())
    }

    /// By name; what comes more than once is joined, as RFC 9110 has it.
    fn headers(&self) -> Document {
        let is_told = |name: &HeaderName| !self.is_authorized || ![AUTHORIZATION, PROXY_AUTHORIZATION].contains(name);
        let mut all = ObjectBuilder::with_capacity(self.headers.keys_len());
        for name in self.headers.keys().filter(|name| is_told(name)) {
            let values = self.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
            all.push(name.as_str(), values.collect::<Vec<Cow<'_, str>>>().join(", "));
        }
        all.build()
    }
}

/// Fields of a query or a form: a text each, or a list of those that came more than once.
fn fields(text: &str) -> Document {
    let mut all = Object::from_entries(Vec::new());
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        let value = Document::from(&*value);
        match all.get(&name).cloned() {
            None => all.insert(Text::from(&*name), value),
            Some(first) => {
                let mut values = first.as_array().map_or_else(|| vec![first.clone()], <[Document]>::to_vec);
                values.push(value);
                all.insert(Text::from(&*name), Document::from(values));
            }
        }
    }
    Document::from(all)
}

/// What a route without an expression gives its workflow: the request without its headers, in which secrets may be.
pub(super) fn by_default(request: &Document) -> Document {
    let members = [METHOD, PATH, PARAMETERS, QUERY, BODY];
    let mut input = ObjectBuilder::with_capacity(members.len());
    for (name, value) in members.iter().filter_map(|name| Some((*name, request.get(name)?))) {
        input.push(name, value.clone());
    }
    input.build()
}
