//! Pages beside the interfaces: who serves them, and how they go out, whole or as they become.

use crate::Service;
use crate::fault::Fault;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, Stream, StreamExt as _};
use http_body_util::{Either, Full, StreamBody};
use hyper::body::{Body, Frame};
use hyper::{Request, Response};
use std::convert::Infallible;
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

/// The body of any answer.
pub(crate) type ReplyBody = Either<Full<Bytes>, LiveBody>;
type LiveBody = StreamBody<BoxStream<'static, Result<Frame<Bytes>, Infallible>>>;

impl std::fmt::Debug for PageBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole(body) => f.debug_tuple("Whole").field(&body.len()).finish(),
            Self::Live(_) => f.debug_tuple("Live").finish_non_exhaustive(),
        }
    }
}

/// Answers a request for a page.
pub(crate) async fn answer<B>(
    pages: &dyn Pages,
    service: &Service,
    request: Request<B>,
    remote: SocketAddr,
) -> Response<ReplyBody>
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
        PageBody::Whole(body) => Either::Left(Full::new(body)),
        PageBody::Live(pieces) => Either::Right(StreamBody::new(until_withdrawn(service.clone(), pieces).boxed())),
    })
}

fn refused(service: &Service, fault: &Fault) -> Response<ReplyBody> {
    service.refuse(fault).problem_reply().map(Either::Left)
}

fn until_withdrawn(
    service: Service,
    pieces: BoxStream<'static, Bytes>,
) -> impl Stream<Item = Result<Frame<Bytes>, Infallible>> {
    pieces.take_while(move |_| std::future::ready(!service.is_withdrawn())).map(|piece| Ok(Frame::data(piece)))
}
