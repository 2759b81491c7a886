//! Routes: which requests start which workflow, what of them becomes its input, and what its output becomes.

mod answer;
mod cors;
mod pattern;
mod request;

pub use answer::{Answer, AnswerBody};
pub use cors::{Cors, CorsSpec, Preflight};
pub use request::{Content, Request, Unreadable};

use crate::expressions::{Template, World};
use crate::name::check_workflow;
use crate::problem::Found;
use crate::verify::{Verifier, VerifySpec};
use crate::{MASKED, Problem, Problems, check_name};
use fleetstep_document::Document;
use fleetstep_expr::EvalError;
use http::Method;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The longest spec of a route or a schedule, as JSON.
pub const SPEC_BYTES_MAX: usize = 64 << 10;

/// The methods that a route can have. `HEAD` and `OPTIONS` start nothing.
const METHODS: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// Whether the caller waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// For the output.
    #[default]
    Sync,
    /// Until it is acknowledged.
    Async,
}

/// A route as an operator writes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteSpec {
    /// By which it is known.
    pub name: String,
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: String,
    /// `/orders/{id}`, `/files/{*path}`.
    pub path: String,
    /// What is started: `NAME`, `NAME:VERSION` or `NAME:ALIAS`.
    pub workflow: String,
    /// Whether the caller waits for the output.
    #[serde(default)]
    pub mode: Mode,
    /// Whether whoever reaches the server may use it.
    #[serde(default)]
    pub public: bool,
    /// How whoever uses it signs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<VerifySpec>,
    /// The input of the workflow: JSON, in which `{% … %}` may read `$request`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// The answer: JSON with `status`, `headers` and `body`, in which `{% … %}` may read `$request`, `$output` and
    /// `$execution`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// Which pages of other sites may use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cors: Option<CorsSpec>,
}

/// A route, compiled.
#[derive(Clone, Debug)]
pub struct Route {
    spec: RouteSpec,
    method: Method,
    verifier: Option<Verifier>,
    cors: Option<Cors>,
    input: Option<Template>,
    output: Option<Template>,
}

/// What is read as JSON; the name is put in where it is left out.
pub(crate) fn read_spec<S: DeserializeOwned>(json: &[u8], name: &str) -> Result<S, Problems> {
    let refused = |error: serde_json::Error| Problems::from(Problem::at("", error.to_string()));
    let mut value: Value = serde_json::from_slice(json).map_err(refused)?;
    if let Some(members) = value.as_object_mut() {
        let named = members.entry("name").or_insert_with(|| Value::from(name));
        if *named != name {
            return Err(Problem::at("/name", format!("it has to be '{name}' here, or left out")).into());
        }
    }
    serde_json::from_value(value).map_err(refused)
}

/// A spec as JSON.
pub(crate) fn shown(spec: &impl Serialize) -> Document {
    let json = serde_json::to_vec(spec).expect("a spec has a JSON form");
    Document::parse(&json).expect("it is JSON, and no deeper than what it was read from")
}

impl RouteSpec {
    /// Reads one from JSON. The name may be left out where it is known otherwise.
    ///
    /// # Errors
    /// It is no JSON, or has other members.
    pub fn from_json(json: &[u8], name: &str) -> Result<Self, Problems> {
        read_spec(json, name)
    }

    /// The same with the secrets of `before`, where it is to be signed the same way and says none.
    #[must_use]
    pub fn with_secrets_of(mut self, before: &Self) -> Self {
        if let (Some(verify), Some(before)) = (&mut self.verify, &before.verify)
            && verify.secrets.is_empty()
            && verify.scheme == before.scheme
        {
            verify.secrets.clone_from(&before.secrets);
        }
        self
    }

    /// The same as it may be shown.
    #[must_use]
    pub fn masked(&self) -> Self {
        Self { verify: self.verify.as_ref().map(VerifySpec::masked), ..self.clone() }
    }

    /// The same, as JSON.
    #[must_use]
    pub fn shown(&self) -> Document {
        shown(&self.masked())
    }

    /// Compiles it.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn compile(self) -> Result<Route, Problems> {
        let mut found = Found::default();
        found.take(check_name(&self.name));
        found.take(check_workflow(&self.workflow));
        let method = METHODS.iter().find(|method| method.as_str() == self.method).cloned();
        if method.is_none() {
            found.push(Problem::at("/method", "it has to be GET, POST, PUT, PATCH or DELETE"));
        }
        found.take(pattern::check(&self.path));
        let verifier = self.verify.as_ref().and_then(|verify| verify.compile(&mut found));
        let cors = self.cors.as_ref().and_then(|cors| found.take(cors.compile()));
        let mut template = |value: &Option<Value>, field, variables: &[&str]| {
            value.as_ref().and_then(|value| found.take(Template::compile(value, field, variables)))
        };
        let input = template(&self.input, "input", &["request"]);
        let output = template(&self.output, "output", &["request", "output", "execution"]);
        if self.verify.iter().any(|verify| verify.secrets.iter().any(|secret| secret.reveal() == MASKED)) {
            found.push(Problem::at("/verify/secrets", "this is what is shown in the place of secrets: leave them out"));
        }
        if serde_json::to_vec(&self).map_or(usize::MAX, |json| json.len()) > SPEC_BYTES_MAX {
            found.push(Problem::at("", format!("a route has {SPEC_BYTES_MAX} bytes at most")));
        }
        found.finish()?;
        let method = method.expect("there was no problem");
        Ok(Route { spec: self, method, verifier, cors, input, output })
    }
}

impl Route {
    /// What was written.
    #[must_use]
    pub fn spec(&self) -> &RouteSpec {
        &self.spec
    }

    /// Its method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Whether it is used without a token: everyone may, or who signs.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.spec.public || self.verifier.is_some()
    }

    /// Who believes what is sent; nobody where nothing has to be signed.
    #[must_use]
    pub fn verifier(&self) -> Option<&Verifier> {
        self.verifier.as_ref()
    }

    /// Which pages of other sites may use it.
    #[must_use]
    pub fn cors(&self) -> Option<&Cors> {
        self.cors.as_ref()
    }

    /// The workflow's input, of a request as `$request` has it.
    ///
    /// # Errors
    /// An expression failed: mostly since the request is not what it expects.
    pub fn input(&self, request: &Document, now_us: i64, seed: u64) -> Result<Document, EvalError> {
        match &self.input {
            Some(input) => input.evaluate(&[Some(request.clone())], World { now_us, seed }),
            None => Ok(request::by_default(request)),
        }
    }

    /// The answer that the route makes of an output, if it has an expression for it. Without an output, it is that of an
    /// execution that was acknowledged.
    ///
    /// # Errors
    /// An expression failed, or gave no answer.
    pub fn answer(
        &self,
        request: &Document,
        output: Option<&Document>,
        execution: Document,
        now_us: i64,
        seed: u64,
    ) -> Option<Result<Answer, String>> {
        let template = self.output.as_ref()?;
        let variables = [Some(request.clone()), output.cloned(), Some(execution)];
        let made = template.evaluate(&variables, World { now_us, seed });
        Some(made.map_err(|error| error.message.clone()).and_then(|made| Answer::read(&made)))
    }
}
