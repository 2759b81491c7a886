//! Connections: accepted within a bound, each with its time limits, and let go of in good order.

use crate::aside::Aside;
use crate::tls::Tls;
use crate::{Front, Limits, cohort};
use fleetstep_engine::clock;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
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

/// Serves HTTP/1.1 and HTTP/2 (by its preface, or by ALPN where there is TLS) on every listener until `shutdown` is
/// ready.
///
/// Then readiness is withdrawn, [`Limits::notice`] passes, the listeners are closed, and what is in flight has
/// [`Limits::patience`] to finish: requests first, then the executions that nobody waits for.
pub async fn serve(
    listeners: Vec<TcpListener>,
    front: impl Into<Front>,
    shutdown: impl Future<Output = ()>,
) -> Drained {
    let front = front.into();
    let service = front.own().clone();
    let limits = service.limits().clone();
    let door = Arc::new(Door {
        builder: builder(&limits),
        connections: Arc::clone(service.connections()),
        order: watch::Sender::new(Order::Serve),
        front,
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

/// What the server wants of its connections; only ever more than before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    Serve,
    /// Finish what is in flight, then end.
    Finish,
    /// End.
    Cut,
}

/// What the listeners share.
struct Door {
    builder: auto::Builder<TokioExecutor>,
    connections: Arc<Semaphore>,
    order: watch::Sender<Order>,
    front: Front,
}

fn builder(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_headers(limits.headers_max)
        .max_buf_size(limits.header_bytes_max)
        // Head and body leave in one buffer: a vectored write of two small pieces costs more than their copy.
        .writev(false)
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
            Ok((stream, remote)) => {
                let connection = Connection {
                    builder: door.builder.clone(),
                    front: door.front.clone(),
                    remote,
                    order: door.order.subscribe(),
                    _permit: permit,
                };
                // Without it a small answer waits for the acknowledgement of the one before. If it cannot be set, the
                // connection is gone already, and the first read says so.
                let _ = stream.set_nodelay(true);
                match door.front.tls().cloned() {
                    None => drop(tokio::spawn(connection.run(stream))),
                    Some(tls) => drop(tokio::spawn(connection.run_encrypted(stream, tls))),
                }
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

struct Connection {
    builder: auto::Builder<TokioExecutor>,
    front: Front,
    remote: SocketAddr,
    order: watch::Receiver<Order>,
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    /// Shakes hands first: within the time that a head may take, and not any more once the server ends.
    async fn run_encrypted(mut self, stream: TcpStream, tls: Tls) {
        let timeout = self.front.own().limits().header_timeout;
        let shaken = tokio::select! {
            shaken = tokio::time::timeout(timeout, tls.accept(stream)) => shaken,
            _ = self.order.changed() => return,
        };
        // A peer that cannot or does not want to is its own business.
        if let Ok(Ok(stream)) = shaken {
            self.run(stream).await;
        }
    }

    async fn run<S>(self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self { builder, front, remote, order, _permit } = self;
        let asked = Arc::new(AtomicBool::new(false));
        let header_timeout = front.own().limits().header_timeout;
        let answer = {
            let asked = Arc::clone(&asked);
            // A count of this connection's own: requests do not meet in one cache line to share the service.
            let front = Arc::new(front);
            service_fn(move |request: hyper::Request<Incoming>| {
                asked.store(true, Ordering::Relaxed);
                let front = Arc::clone(&front);
                async move { Ok::<_, Infallible>(cohort::with_others(front.answer(request, remote)).await) }
            })
        };
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), answer).into_owned());
        let mut signal = Aside::new(first_signal(asked, header_timeout, order));
        poll_fn(|cx| {
            // What broke a connection is the peer's business alone.
            while let Poll::Ready((given, order)) = signal.poll(cx) {
                match given {
                    Order::Serve => {}
                    Order::Finish => connection.as_mut().graceful_shutdown(),
                    Order::Cut => return Poll::Ready(()),
                }
                signal = Aside::new(next_order(order));
            }
            connection.as_mut().poll(cx).map(|_| ())
        })
        .await;
    }
}

/// The first order, or an end to the peer that asks nothing: hyper's own timer starts once it knows the version, and
/// a peer that never gets that far ends here.
async fn first_signal(
    asked: Arc<AtomicBool>,
    timeout: Duration,
    mut order: watch::Receiver<Order>,
) -> (Order, watch::Receiver<Order>) {
    match tokio::time::timeout(timeout, order.changed()).await {
        Ok(_) => given(order),
        Err(_) if asked.load(Ordering::Relaxed) => (Order::Serve, order),
        Err(_) => (Order::Cut, order),
    }
}

async fn next_order(mut order: watch::Receiver<Order>) -> (Order, watch::Receiver<Order>) {
    // That the sender is gone says the same as its last order.
    let _ = order.changed().await;
    given(order)
}

fn given(mut order: watch::Receiver<Order>) -> (Order, watch::Receiver<Order>) {
    let gone = order.has_changed().is_err();
    let given = *order.borrow_and_update();
    (if gone { Order::Cut } else { given }, order)
}

async fn drain(door: Door, limits: &Limits) -> Drained {
    let Door { connections, order, front, .. } = door;
    let started = clock::instant();
    order.send_replace(Order::Finish);
    // Each holds a permit until it has ended.
    let all = u32::try_from(limits.connections_max).expect("a semaphore holds no more");
    let finished = tokio::time::timeout(limits.patience, connections.acquire_many(all)).await;
    let connections_cut = match finished {
        Ok(_) => 0,
        Err(_) => limits.connections_max - connections.available_permits(),
    };
    let executions_cut = front.own().engine().drain(limits.patience.saturating_sub(started.elapsed())).await;
    order.send_replace(Order::Cut);
    Drained { connections_cut, executions_cut }
}
