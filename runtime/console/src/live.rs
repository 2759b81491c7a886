//! A page that is told of its changes: the parts that have become others, as server-sent events.

use crate::ask::Visitor;
use crate::{Console, PageBody, shown};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;

/// How often a page is looked at again.
const INTERVAL: Duration = Duration::from_millis(1_000);
/// How often, while an execution runs that somebody looks at.
const INTERVAL_OF_RUN: Duration = Duration::from_millis(300);
/// How much less often at most, where nothing has changed for a while.
const QUIET_MAX: u32 = 4;
/// How long a page is told of its changes: its script asks again.
const LOOKS_MAX: u32 = 3_600;

/// A page that somebody looks at.
struct Look {
    console: Console,
    head: Parts,
    remote: SocketAddr,
    /// The parts as they were sent last.
    sent: HashMap<&'static str, String>,
    looks: u32,
    /// What the page was marked with.
    mark: Option<String>,
    /// How many looks in a row found nothing new.
    quiet: u32,
    is_over: bool,
    _permit: OwnedSemaphorePermit,
}

impl Console {
    /// Answers with a stream of a page's changes.
    pub(crate) async fn live(&self, head: Parts, remote: SocketAddr) -> Response<PageBody> {
        let Ok(permit) = self.live.clone().try_acquire_owned() else {
            let mut response = Response::new(PageBody::Whole(Bytes::from_static(b"too many pages are open")));
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            return response;
        };
        let look = Look {
            console: self.clone(),
            head,
            remote,
            sent: HashMap::new(),
            looks: 0,
            mark: None,
            quiet: 0,
            is_over: false,
            _permit: permit,
        };
        let mut response = Response::new(PageBody::Live(stream::unfold(look, next).boxed()));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

async fn next(mut look: Look) -> Option<(Bytes, Look)> {
    if look.is_over || look.looks >= LOOKS_MAX {
        return None;
    }
    if look.looks > 0 {
        tokio::time::sleep(look.interval()).await;
    }
    let events = look.events().await;
    look.looks += 1;
    Some((events.into(), look))
}

impl Look {
    fn interval(&self) -> Duration {
        let is_run = self.head.uri.path().starts_with("/console/executions/");
        let interval = if is_run { INTERVAL_OF_RUN } else { INTERVAL };
        interval * (1 + self.quiet).min(QUIET_MAX)
    }

    /// The parts that have changed; a comment where none has, so that both sides see that the other is there.
    async fn events(&mut self) -> String {
        let visitor = Visitor {
            api: &*self.console.api,
            remote: self.remote,
            head: &self.head,
            body: Bytes::new(),
            looks: self.looks,
            mark: self.mark.as_deref(),
        };
        let path = visitor.path();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let Ok(page) = shown(&visitor, &path).await else {
            self.is_over = true;
            return "event: gone\ndata: {}\n\n".to_owned();
        };
        if page.mark.is_some() {
            self.mark = page.mark;
        }
        let mut events = String::new();
        for region in page.regions {
            let html = region.html.into_string();
            // What no longer changes by itself may have changed once more.
            if self.sent.get(region.id).is_some_and(|sent| *sent == html) {
                continue;
            }
            if region.is_live || self.sent.contains_key(region.id) {
                let data = serde_json::json!({"id": region.id, "html": html});
                events.push_str(&format!("event: part\ndata: {data}\n\n"));
                self.sent.insert(region.id, html);
            }
        }
        if !page.is_live {
            self.is_over = true;
            events.push_str("event: over\ndata: {}\n\n");
        }
        self.quiet = if events.is_empty() { self.quiet + 1 } else { 0 };
        if events.is_empty() { ": nothing new\n\n".to_owned() } else { events }
    }
}
