//! The console beside the interfaces: it asks them as any client does.

use bytes::Bytes;
use fleetstep_api::{Front, Limits, PageBody, Pages};
use fleetstep_console::{Api, Console, PageBody as ConsoleBody};
use futures_util::future::{BoxFuture, FutureExt as _};
use http::{Request, Response};
use std::net::SocketAddr;
use std::sync::Arc;

/// The front with the console's pages.
pub(crate) fn with_console(front: Front, limits: &Limits) -> Front {
    let asked = Asked { front: front.clone(), module_bytes_max: limits.module_bytes_max };
    front.with_pages(Arc::new(Served(Console::new(Arc::new(asked)))))
}

/// What the console asks.
struct Asked {
    front: Front,
    module_bytes_max: usize,
}

impl Api for Asked {
    fn ask(&self, request: Request<Bytes>, remote: SocketAddr) -> BoxFuture<'_, Response<Bytes>> {
        self.front.ask(request, remote).boxed()
    }

    fn module_bytes_max(&self) -> usize {
        self.module_bytes_max
    }
}

/// The console as the API serves it.
struct Served(Console);

impl Pages for Served {
    fn has(&self, path: &str) -> bool {
        self.0.has(path)
    }

    fn body_bytes_max(&self, path: &str) -> usize {
        self.0.body_bytes_max(path)
    }

    fn answer(&self, request: Request<Bytes>, remote: SocketAddr) -> BoxFuture<'_, Response<PageBody>> {
        let answer = self.0.answer(request, remote);
        let whole_or_live = |body| match body {
            ConsoleBody::Whole(body) => PageBody::Whole(body),
            ConsoleBody::Live(pieces) => PageBody::Live(pieces),
        };
        answer.map(move |response| response.map(whole_or_live)).boxed()
    }
}
