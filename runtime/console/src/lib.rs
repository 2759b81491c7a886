//! The pages that a person looks at, rendered from what the API answers.
//!
//! The console is a client of the API like any other: it sees JSON, and what it asks for is asked with the token of
//! whoever looks. Pages are whole without a script; the script, our own, replaces parts of them as they change and
//! takes files that are dropped. Nothing is loaded from anywhere else.
#![forbid(unsafe_code)]

mod ask;
mod cost;
mod execution;
mod executions;
mod functions;
mod live;
mod page;
mod run;
mod shown;
mod sign_in;
mod system;
mod workflow;
mod workflows;

use ask::{Problem, Visitor, wants_events};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use maud::html;
use page::{Page, Tab};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Where the console is.
pub const CONSOLE: &str = "/console";
/// Pages that may be told of their changes at the same time.
pub const LIVE_PAGES_MAX: usize = 64;
/// The longest body of a form, in bytes: a definition or an input, percent-encoded.
const FORM_BYTES_MAX: usize = 4 << 20;

/// What the console asks.
pub trait Api: Send + Sync {
    /// Answers a request to the API as if the peer at `remote` had sent it.
    fn ask(&self, request: Request<Bytes>, remote: SocketAddr) -> BoxFuture<'_, Response<Bytes>>;

    /// The largest module that it takes, in bytes.
    fn module_bytes_max(&self) -> usize;
}

/// What a page is sent as.
pub enum PageBody {
    /// In one piece.
    Whole(Bytes),
    /// Piece by piece, for as long as it is looked at.
    Live(BoxStream<'static, Bytes>),
}

impl std::fmt::Debug for PageBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Whole(_) => "Whole",
            Self::Live(_) => "Live",
        })
    }
}

/// The console over one API. Cheap to clone.
#[derive(Clone)]
pub struct Console {
    api: Arc<dyn Api>,
    /// One permit for each page that is told of its changes.
    live: Arc<Semaphore>,
}

impl std::fmt::Debug for Console {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Console").finish_non_exhaustive()
    }
}

/// What a request came to.
enum Answer {
    Page(Page),
    /// Go on there.
    Redirect(String),
    /// Go on there, with a cookie.
    SetCookie(String, HeaderValue),
    /// A file: its type, its name where it is to be saved, and what is in it.
    File(&'static str, Option<String>, Bytes),
}

/// What is served as it is: its path, type and contents.
const ASSETS: [(&str, &str, &str); 3] = [
    ("console.css", "text/css; charset=utf-8", include_str!("../assets/console.css")),
    ("console.js", "text/javascript; charset=utf-8", include_str!("../assets/console.js")),
    ("icon.svg", "image/svg+xml", include_str!("../assets/icon.svg")),
];

impl Console {
    /// A console that asks `api`.
    #[must_use]
    pub fn new(api: Arc<dyn Api>) -> Self {
        Self { api, live: Arc::new(Semaphore::new(LIVE_PAGES_MAX)) }
    }

    /// Whether a path is the console's.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        path.strip_prefix(CONSOLE).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The longest body that a path takes, in bytes.
    #[must_use]
    pub fn body_bytes_max(&self, path: &str) -> usize {
        if path.ends_with("/module") { self.api.module_bytes_max() } else { FORM_BYTES_MAX }
    }

    /// Answers a request of the peer at `remote`.
    pub async fn answer(&self, request: Request<Bytes>, remote: SocketAddr) -> Response<PageBody> {
        let (head, body) = request.into_parts();
        if wants_events(&head.headers) {
            return self.live(head, remote).await;
        }
        let visitor = Visitor { api: &*self.api, remote, head: &head, body, looks: 0, mark: None };
        let is_signed_in = visitor.token().is_some();
        let answered = match answered(&visitor).await {
            Err(problem) if problem.status == StatusCode::UNAUTHORIZED => Ok(sign_in::ask(&visitor, &problem)),
            answered => answered,
        };
        response(answered.unwrap_or_else(|problem| Answer::Page(told(&problem))), is_signed_in)
    }
}

/// What a request comes to.
async fn answered(visitor: &Visitor<'_>) -> Result<Answer, Problem> {
    let path = visitor.path();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match visitor.head.method {
        Method::GET | Method::HEAD => match path[..] {
            ["assets", name] => asset(name),
            ["sign-in"] => Ok(sign_in::page(visitor, None)),
            ["executions", arn, "replay.json"] => execution::replay(visitor, arn).await,
            _ => Ok(Answer::Page(shown(visitor, &path).await?)),
        },
        Method::POST if !visitor.is_from_here() => Err(Problem {
            status: StatusCode::FORBIDDEN,
            title: "That came from another site".to_owned(),
            detail: "What changes something has to be sent from a page of the console.".to_owned(),
            diagnostics: Vec::new(),
        }),
        Method::POST => match path[..] {
            ["sign-in"] => sign_in::sign_in(visitor).await,
            ["logout"] => Ok(sign_in::sign_out()),
            ["deploy"] => workflow::deploy(visitor).await,
            ["workflows", name, "start"] => workflow::start(visitor, name).await,
            ["executions", arn, "again"] => execution::again(visitor, arn).await,
            ["executions", arn, "stop"] => execution::stop(visitor, arn).await,
            ["functions", name, "module"] => functions::upload(visitor, name).await,
            _ => Err(Problem::not_found(visitor.head.uri.path())),
        },
        _ => Err(Problem {
            status: StatusCode::METHOD_NOT_ALLOWED,
            title: "Method not allowed".to_owned(),
            detail: "Pages are asked for with GET, forms are sent with POST.".to_owned(),
            diagnostics: Vec::new(),
        }),
    }
}

/// A page that only shows.
async fn shown(visitor: &Visitor<'_>, path: &[&str]) -> Result<Page, Problem> {
    match *path {
        [""] => workflows::page(visitor).await,
        ["deploy"] => workflow::deploy_page(visitor).await,
        ["workflows", name] => workflow::page(visitor, name).await,
        ["executions"] => executions::page(visitor).await,
        ["executions", arn] => execution::page(visitor, arn).await,
        ["functions"] => functions::list(visitor).await,
        ["functions", name] => functions::one(visitor, name).await,
        ["system"] => system::page(visitor).await,
        _ => Err(Problem::not_found(visitor.head.uri.path())),
    }
}

fn asset(name: &str) -> Result<Answer, Problem> {
    if name == "diagram.css" {
        return Ok(Answer::File("text/css; charset=utf-8", None, fleetstep_diagram::stylesheet().into()));
    }
    let found = ASSETS.iter().find(|(known, ..)| *known == name);
    let (_, media_type, text) = found.ok_or_else(|| Problem::not_found(name))?;
    Ok(Answer::File(media_type, None, Bytes::from_static(text.as_bytes())))
}

/// A page that tells what went wrong.
fn told(problem: &Problem) -> Page {
    let page = Page::new(&problem.title, Tab::None);
    Page { status: problem.status, ..page.with("problem", explained(problem)) }
}

/// What went wrong, within a page.
fn explained(problem: &Problem) -> maud::Markup {
    html! {
        div.problem role="alert" {
            p { strong { (problem.title) } }
            @if !problem.detail.is_empty() { p { (shown::visible(&problem.detail)) } }
            @if !problem.diagnostics.is_empty() { (diagnosed(&problem.diagnostics)) }
        }
    }
}

/// What the compiler says of a definition, each with its place.
fn diagnosed(diagnostics: &[serde_json::Value]) -> maud::Markup {
    html! {
        ul {
            @for diagnostic in diagnostics {
                li {
                    @if let (Some(line), Some(column)) = (diagnostic["line"].as_u64(), diagnostic["column"].as_u64()) {
                        span.place { "Line " (line) ", column " (column) ": " }
                    }
                    (shown::visible(diagnostic["message"].as_str().unwrap_or_default()))
                    " " code { (shown::visible(diagnostic["location"].as_str().unwrap_or_default())) }
                    @if let Some(hint) = diagnostic["hint"].as_str() { p.hint { (shown::visible(hint)) } }
                }
            }
        }
    }
}

fn response(answer: Answer, is_signed_in: bool) -> Response<PageBody> {
    let whole = |text: String| PageBody::Whole(text.into());
    match answer {
        Answer::Page(page) => page.response(is_signed_in).map(whole),
        Answer::Redirect(location) => redirect(&location),
        Answer::SetCookie(location, cookie) => {
            let mut response = redirect(&location);
            response.headers_mut().insert(http::header::SET_COOKIE, cookie);
            response
        }
        Answer::File(media_type, name, contents) => {
            let mut response = Response::new(PageBody::Whole(contents));
            let headers = response.headers_mut();
            page::guard(headers);
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            if let Some(name) = name
                && let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""))
            {
                headers.insert(http::header::CONTENT_DISPOSITION, value);
            }
            response
        }
    }
}

/// Goes on to another page, by GET.
fn redirect(location: &str) -> Response<PageBody> {
    let mut response = Response::new(PageBody::Whole(Bytes::new()));
    *response.status_mut() = StatusCode::SEE_OTHER;
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    page::guard(response.headers_mut());
    response
}
