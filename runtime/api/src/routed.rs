//! Requests to the routes that an operator configured: who may, what becomes the input, what is answered.

use crate::Service;
use crate::fault::{Fault, Kind};
use crate::launch::Launch;
use crate::limits::INPUT_BYTES_MAX;
use crate::reply::{self, Reply, iso_date};
use crate::service::nothing_at;
use crate::web::{
    finished_body, finished_reply, media_type, named_target, started_reply, text, unsupported_media_type,
};
use bytes::Bytes;
use fleetstep_document::{Document, ObjectBuilder, Text};
use fleetstep_engine::{Identity, Outcome, Timestamp, clock};
use fleetstep_trigger::{Answer, AnswerBody, Content, Delivery, Found, Mode, Request, Route, Taken};
use hyper::body::Body;
use hyper::header::{ACCESS_CONTROL_REQUEST_METHOD, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, ORIGIN};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use std::sync::Arc;

/// By which a browser says whose page made it ask.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The account in `/~ACCOUNT/PATH`, and the path; without an account in it, the path as it is.
pub(crate) fn split_account(path: &str) -> (Option<&str>, &str) {
    let Some(rest) = path.strip_prefix("/~") else { return (None, path) };
    let end = rest.find('/').unwrap_or(rest.len());
    (Some(&rest[..end]), &rest[end..])
}

/// What a request met, and how.
pub(crate) struct Asked<'a> {
    pub(crate) head: &'a Parts,
    /// Without the account.
    pub(crate) path: &'a str,
    pub(crate) found: Found,
    /// Whether the caller showed a token, and may start.
    pub(crate) is_authorized: bool,
}

impl Asked<'_> {
    /// Whether it is answered without a token: the route is open, or a browser asks for leave.
    pub(crate) fn is_open(&self) -> bool {
        match &self.found {
            Found::Route(route, _) => route.is_open(),
            Found::OtherMethods(routes) => is_preflight(self.head) && routes.iter().any(|route| route.cors().is_some()),
            Found::Nothing => false,
        }
    }
}

fn is_preflight(head: &Parts) -> bool {
    head.method == Method::OPTIONS && head.headers.contains_key(ORIGIN)
}

/// Answers where everyone is served who reaches the server.
pub(crate) async fn answer_unguarded<B>(service: &Service, head: &Parts, body: B) -> Result<Reply, Fault>
where
    B: Body<Data = Bytes>,
{
    let (account, path) = split_account(head.uri.path());
    let is_own = account.is_none_or(|account| account == &*service.catalog().place().account);
    let found = if is_own { service.catalog().routes().find(&head.method, path) } else { Found::Nothing };
    let asked = Asked { head, path, found, is_authorized: false };
    // Who is let in without a token is let in by where they are, and a page of another site is there too.
    if let Found::Route(route, _) = &asked.found
        && !route.is_open()
        && is_of_another_site(route, &head.headers)
    {
        let message = "A page of another site may use this route only if its `cors` names the page's origin";
        return Err(Fault::new(Kind::AccessDeniedException, message).unread());
    }
    answer(service, asked, body).await
}

/// Whether a browser asks for a page that the route does not know.
fn is_of_another_site(route: &Route, headers: &HeaderMap) -> bool {
    let site = headers.get(FETCH_SITE).map(|site| site.as_bytes());
    match headers.get(ORIGIN) {
        Some(origin) => {
            !route.cors().is_some_and(|cors| cors.lets_in(origin)) && site != Some(b"same-origin".as_slice())
        }
        None => matches!(site, Some(b"cross-site" | b"same-site")),
    }
}

/// Answers a request of one who may ask.
pub(crate) async fn answer<B>(service: &Service, asked: Asked<'_>, body: B) -> Result<Reply, Fault>
where
    B: Body<Data = Bytes>,
{
    let Asked { head, path, found, is_authorized } = asked;
    match found {
        Found::Nothing => Err(nothing_at(head.uri.path())),
        Found::OtherMethods(routes) => other_methods(head, &routes),
        Found::Route(route, parameters) => {
            let call = Call { service, head, path, route: &route, parameters: &parameters, is_authorized };
            let answered = call.answer(body).await;
            let mut reply = answered.unwrap_or_else(|fault| service.refuse(&fault).problem_reply());
            if let (Some(cors), Some(origin)) = (route.cors(), head.headers.get(ORIGIN)) {
                add(&mut reply, cors.headers(origin));
            }
            Ok(reply)
        }
    }
}

/// A browser asks for leave, or the method is wrong.
fn other_methods(head: &Parts, routes: &[Arc<Route>]) -> Result<Reply, Fault> {
    let origin = head.headers.get(ORIGIN).filter(|_| is_preflight(head));
    let wanted = head.headers.get(ACCESS_CONTROL_REQUEST_METHOD);
    if let (Some(origin), Some(wanted)) = (origin, wanted) {
        let lets_in = |route: &&Arc<Route>| route.cors().is_some_and(|cors| cors.lets_in(origin));
        let asked_for = |route: &&Arc<Route>| route.method().as_str().as_bytes() == wanted.as_bytes();
        let mut known = routes.iter().filter(|route| route.cors().is_some());
        if let Some(route) = known.clone().find(asked_for).or_else(|| known.next())
            && let Some(cors) = route.cors()
        {
            let allowed = methods(routes.iter().filter(lets_in));
            let mut reply = reply::empty(StatusCode::NO_CONTENT);
            add(&mut reply, cors.preflight(origin, &allowed));
            return Ok(reply);
        }
    }
    Err(Fault::method_not_allowed(methods(routes.iter())))
}

/// The methods of routes, as `Allow` lists them.
fn methods<'r>(routes: impl Iterator<Item = &'r Arc<Route>>) -> String {
    routes.map(|route| route.method().as_str()).collect::<Vec<_>>().join(", ")
}

/// A request to a route.
struct Call<'a> {
    service: &'a Service,
    head: &'a Parts,
    path: &'a str,
    route: &'a Route,
    parameters: &'a [(Text, String)],
    is_authorized: bool,
}

/// When, as expressions and signatures count it.
#[derive(Clone, Copy)]
struct Now(Timestamp);

impl Now {
    fn micros(self) -> i64 {
        self.0.as_micros()
    }

    fn seconds(self) -> i64 {
        self.0.as_millis().div_euclid(1_000)
    }
}

impl Call<'_> {
    async fn answer<B: Body<Data = Bytes>>(&self, body: B) -> Result<Reply, Fault> {
        let body = self.service.read(body, self.service.limits().route_body_bytes_max).await?;
        let now = Now(clock::now());
        let mut taking = match self.take(&body, now)? {
            Some(taking) => taking,
            None => return Ok(duplicate()),
        };
        let request = self.request(&body)?;
        let launch = self.launch(&request, now)?;
        let reply = match self.route.spec().mode {
            Mode::Sync => {
                // From here on it runs, whether somebody waits or not.
                taking.is_kept = true;
                let reply = self.run(launch, &request, now).await;
                taking.is_kept = reply.as_ref().is_ok_and(|reply| reply.status().as_u16() < 400);
                reply
            }
            Mode::Async => {
                let started = self.start(launch, &request, now).await;
                taking.is_kept = started.is_ok();
                started
            }
        };
        drop(taking);
        reply
    }

    /// Believes what was sent, and notes it; nothing where it was taken before.
    fn take(&self, body: &[u8], now: Now) -> Result<Option<Taking<'_>>, Fault> {
        let Some(verifier) = self.route.verifier() else {
            return Ok(Some(Taking { service: self.service, delivery: None, is_kept: true }));
        };
        let delivery = verifier.verify(&self.head.headers, body, now.seconds())?;
        let delivery = delivery.of_route(&self.route.spec().name);
        match self.service.deliveries().take(delivery, now.seconds()) {
            Taken::New => Ok(Some(Taking { service: self.service, delivery: Some(delivery), is_kept: false })),
            Taken::Before => Ok(None),
            Taken::NoRoom => Err(Fault::throttled()),
        }
    }

    /// The request as expressions see it.
    fn request(&self, body: &Bytes) -> Result<Document, Fault> {
        let media_type = media_type(&self.head.headers);
        let content = match Content::of(&media_type) {
            _ if body.is_empty() => Content::Nothing,
            Some(content) => content,
            None => return Err(unsupported_media_type(&media_type, "application/json, a form or a text")),
        };
        let request = Request {
            method: &self.head.method,
            path: self.path,
            parameters: self.parameters,
            query: self.head.uri.query().unwrap_or_default(),
            headers: &self.head.headers,
            content,
            body: text(body)?,
            is_authorized: self.is_authorized,
        };
        Ok(request.document()?)
    }

    fn launch(&self, request: &Document, now: Now) -> Result<Launch, Fault> {
        let input = self.route.input(request, now.micros(), fastrand::u64(..));
        // Who is nobody to this server learns nothing of its expressions.
        let input = input.map_err(|error| match self.route.is_open() {
            true => Fault::unfit("something that is needed is missing, or of another kind"),
            false => Fault::unfit(&error.message),
        })?;
        let bytes = input.json_len();
        if bytes > INPUT_BYTES_MAX {
            return Err(Fault::input_too_large());
        }
        Launch::new(self.service, named_target(self.service, &self.route.spec().workflow)?, None, input, bytes)
    }

    async fn run(&self, launch: Launch, request: &Document, now: Now) -> Result<Reply, Fault> {
        let finished = launch.run(self.service).await?;
        let (status, body) = finished_body(&launch.identity, &finished);
        let identity = Arc::clone(&launch.identity);
        let output = match &finished.outcome {
            Outcome::Succeeded(output) => Some(output.clone()),
            _ => None,
        };
        launch.keep(self.service, finished, body.len());
        let usual = finished_reply(&identity.execution_arn, status, body.into());
        match output {
            Some(output) => self.told(request, Some(&output), told_of(&identity, None), now, usual),
            None => Ok(usual),
        }
    }

    async fn start(&self, launch: Launch, request: &Document, now: Now) -> Result<Reply, Fault> {
        let identity = Arc::clone(&launch.identity);
        let started = launch.detach(self.service).await?;
        let usual = started_reply(&identity.execution_arn, started);
        self.told(request, None, told_of(&identity, Some(started)), now, usual)
    }

    /// The answer that the route's expression makes; without one, the usual.
    fn told(
        &self,
        request: &Document,
        output: Option<&Document>,
        execution: Document,
        now: Now,
        mut usual: Reply,
    ) -> Result<Reply, Fault> {
        let Some(answer) = self.route.answer(request, output, execution, now.micros(), fastrand::u64(..)) else {
            return Ok(usual);
        };
        let Answer { status, headers, body } = answer.map_err(|problem| {
            let name = &self.route.spec().name;
            self.service.report_seldom(&format!("route '{name}' could not make its answer: {problem}"));
            let message = "The execution succeeded, but the route's output expression gave no answer";
            match self.route.is_open() {
                true => Fault::new(Kind::InternalFailure, message),
                false => Fault::new(Kind::InternalFailure, format!("{message}: {problem}")),
            }
        })?;
        *usual.body_mut() = reply::whole(match body {
            None => Bytes::new(),
            Some(AnswerBody::Text(text)) => Bytes::copy_from_slice(text.as_bytes()),
            Some(AnswerBody::Json(document)) => document.to_json().into(),
        });
        usual.headers_mut().remove(CONTENT_TYPE);
        add(&mut usual, headers);
        if let Some(status) = status {
            *usual.status_mut() = status;
        }
        Ok(usual)
    }
}

fn add(reply: &mut Reply, headers: Vec<(HeaderName, HeaderValue)>) {
    for (name, value) in headers {
        reply.headers_mut().append(name, value);
    }
}

/// `$execution`
fn told_of(identity: &Identity, started: Option<Timestamp>) -> Document {
    let mut told = ObjectBuilder::with_capacity(3)
        .with("arn", identity.execution_arn.clone())
        .with("name", identity.execution_name.clone());
    if let Some(started) = started {
        told.push("startDate", iso_date(started));
    }
    told.build()
}

/// A delivery that came again: who sends it need not send it a third time.
fn duplicate() -> Reply {
    reply::json(&ObjectBuilder::with_capacity(1).with("duplicate", true).build(), StatusCode::OK)
}

/// A delivery that is being taken; given back when it comes to nothing.
struct Taking<'a> {
    service: &'a Service,
    delivery: Option<Delivery>,
    is_kept: bool,
}

impl Drop for Taking<'_> {
    fn drop(&mut self) {
        if let Some(delivery) = self.delivery.filter(|_| !self.is_kept) {
            self.service.deliveries().give_back(delivery);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::split_account;

    #[test]
    fn a_path_may_name_an_account() {
        for (path, expected) in [
            ("/orders/7", (None, "/orders/7")),
            ("/~111111111111/orders/7", (Some("111111111111"), "/orders/7")),
            ("/~111111111111", (Some("111111111111"), "")),
            ("/~/a", (Some(""), "/a")),
            ("/a/~b/c", (None, "/a/~b/c")),
        ] {
            assert_eq!(split_account(path), expected, "{path}");
        }
    }
}
