//! Connections: accepted within a bound, each with its time limits, and let go of in good order.

use crate::{Limits, Service};
use fleetstep_engine::clock;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

/// How long a listener pauses when the system refuses a connection, for want of descriptors mostly: without a
/// pause it would spin until some are free again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What was still running when the patience was over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were cut with a request in flight.
    pub connections_cut: usize,
    /// Executions that were left unfinished.
    pub executions_cut: usize,
}

/// Serves HTTP/1.1 and HTTP/2 without TLS (by its preface) on every listener until `shutdown` is ready.
///
/// Then readiness is withdrawn, [`Limits::notice`] passes, the listeners are closed, and what is in flight has
/// [`Limits::patience`] to finish: requests first, then the executions that nobody waits for.
pub async fn serve(listeners: Vec<TcpListener>, service: Service, shutdown: impl Future<Output = ()>) -> Drained {
    let limits = service.limits().clone();
    let (cut, _) = watch::channel(());
    let door = Arc::new(Door {
        builder: builder(&limits),
        graceful: GracefulShutdown::new(),
        connections: Arc::new(Semaphore::new(limits.connections_max)),
        cut,
        service: service.clone(),
    });
    let mut accepting = JoinSet::new();
    for listener in listeners {
        accepting.spawn(accept(listener, Arc::clone(&door)));
    }
    shutdown.await;
    service.withdraw();
    tokio::time::sleep(limits.notice).await;
    accepting.shutdown().await;
    drain(Arc::into_inner(door).expect("the tasks that shared it have ended"), &limits).await
}

/// What the listeners share.
struct Door {
    builder: auto::Builder<TokioExecutor>,
    graceful: GracefulShutdown,
    connections: Arc<Semaphore>,
    /// Dropped when the patience is over: what is still connected then ends.
    cut: watch::Sender<()>,
    service: Service,
}

fn builder(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_headers(limits.headers_max)
        .max_buf_size(limits.header_bytes_max)
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams_max)
        .max_header_list_size(u32::try_from(limits.header_bytes_max).unwrap_or(u32::MAX))
        .keep_alive_interval(limits.header_timeout)
        .keep_alive_timeout(limits.header_timeout);
    builder
}

async fn accept(listener: TcpListener, door: Arc<Door>) {
    loop {
        // The permit comes first: at the bound nothing is accepted, and the kernel's queue fills up.
        let permit = Arc::clone(&door.connections).acquire_owned().await.expect("the semaphore is never closed");
        match listener.accept().await {
            Ok((stream, _)) => {
                let connection = Connection {
                    builder: door.builder.clone(),
                    service: door.service.clone(),
                    watcher: door.graceful.watcher(),
                    cut: door.cut.subscribe(),
                    _permit: permit,
                };
                tokio::spawn(connection.run(stream));
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

struct Connection {
    builder: auto::Builder<TokioExecutor>,
    service: Service,
    watcher: Watcher,
    cut: watch::Receiver<()>,
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    async fn run(self, stream: TcpStream) {
        let Self { builder, service, watcher, mut cut, _permit } = self;
        // Without it a small answer waits for the acknowledgement of the one before. If it cannot be set, the
        // connection is gone already, and the first read says so.
        let _ = stream.set_nodelay(true);
        let asked = Arc::new(AtomicBool::new(false));
        let header_timeout = service.limits().header_timeout;
        let answer = {
            let asked = Arc::clone(&asked);
            service_fn(move |request: hyper::Request<Incoming>| {
                asked.store(true, Ordering::Relaxed);
                let service = service.clone();
                async move { Ok::<_, Infallible>(service.answer(request).await) }
            })
        };
        let connection = builder.serve_connection(TokioIo::new(stream), answer).into_owned();
        let mut connection = pin!(watcher.watch(connection));
        // hyper's own timer starts once it knows the version: a peer that never gets that far ends here.
        tokio::select! {
            _ = &mut connection => return,
            _ = cut.changed() => return,
            () = tokio::time::sleep(header_timeout) => if !asked.load(Ordering::Relaxed) { return },
        }
        // What broke a connection is the peer's business alone.
        tokio::select! {
            _ = connection => {}
            _ = cut.changed() => {}
        }
    }
}

async fn drain(door: Door, limits: &Limits) -> Drained {
    let Door { graceful, connections, cut, service, .. } = door;
    let started = clock::instant();
    let finished = tokio::time::timeout(limits.patience, graceful.shutdown()).await;
    let connections_cut = match finished {
        Ok(()) => 0,
        Err(_) => limits.connections_max - connections.available_permits(),
    };
    let executions_cut = service.engine().drain(limits.patience.saturating_sub(started.elapsed())).await;
    drop(cut);
    Drained { connections_cut, executions_cut }
}
