//! Pages beside the interfaces: who serves them, and how they go out, whole or as they become.

use crate::Service;
use crate::fault::Fault;
use crate::reply::{self, Reply};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, Stream, StreamExt as _};
use hyper::body::Body;
use hyper::{Request, Response};
use std::net::SocketAddr;

/// Who serves pages.
pub trait Pages: Send + Sync {
    /// Whether a path is one of theirs.
    fn has(&self, path: &str) -> bool;

    /// The longest body that a path takes, in bytes.
    fn body_bytes_max(&self, path: &str) -> usize;

    /// Answers a request of the peer at `remote`, whose body was read.
    fn answer(&self, request: Request<Bytes>, remote: SocketAddr) -> BoxFuture<'_, Response<PageBody>>;
}

/// What a page is sent as.
pub enum PageBody {
    /// In one piece.
    Whole(Bytes),
    /// Piece by piece, until the stream or the server ends. A piece has to come now and then: the end of the server is
    /// looked for between two.
    Live(BoxStream<'static, Bytes>),
}

impl std::fmt::Debug for PageBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole(body) => f.debug_tuple("Whole").field(&body.len()).finish(),
            Self::Live(_) => f.debug_tuple("Live").finish_non_exhaustive(),
        }
    }
}

/// Answers a request for a page.
pub(crate) async fn answer<B>(pages: &dyn Pages, service: &Service, request: Request<B>, remote: SocketAddr) -> Reply
where
    B: Body<Data = Bytes>,
{
    let (head, body) = request.into_parts();
    let body = match service.read(body, pages.body_bytes_max(head.uri.path())).await {
        Ok(body) => body,
        Err(fault) => return refused(service, &fault),
    };
    let response = pages.answer(Request::from_parts(head, body), remote).await;
    response.map(|body| match body {
        PageBody::Whole(body) => reply::whole(body),
        PageBody::Live(pieces) => reply::live(until_withdrawn(service.clone(), pieces)),
    })
}

fn refused(service: &Service, fault: &Fault) -> Reply {
    service.refuse(fault).problem_reply()
}

fn until_withdrawn(service: Service, pieces: BoxStream<'static, Bytes>) -> impl Stream<Item = Bytes> + Send + 'static {
    pieces.take_while(move |_| std::future::ready(!service.is_withdrawn()))
}
