//! A bare echo: what HTTP alone costs on a machine, for those who measure. Nothing of the product is in it.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Collected, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use tokio::net::TcpListener;

/// Answers every request with its own body, until the listener fails.
///
/// # Errors
/// What the listener says.
pub async fn serve_echo(listener: TcpListener) -> std::io::Result<Infallible> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let mut builder = hyper::server::conn::http1::Builder::new();
        // Answers to a pipeline leave together, as a server that is made for one would send them.
        builder.timer(TokioTimer::new()).pipeline_flush(true);
        tokio::spawn(builder.serve_connection(TokioIo::new(stream), service_fn(echo)));
    }
}

async fn echo(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.map(Collected::to_bytes).unwrap_or_default();
    Ok(Response::new(Full::new(body)))
}
