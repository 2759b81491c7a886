//! StartSyncExecution over HTTP/2, many streams on few connections, beside HTTP/1.1 with as many requests under way.

use crate::bench::Plan;
use crate::figure::{Figure, Report};
use crate::http::{CONNECTIONS, fleetstep, start_sync};
use crate::pin::Pin;
use crate::server::Server;
use crate::starts::{Way, one_round};
use crate::step::ORDER;
use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use fleetstep_engine::clock;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use memchr::memmem;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

/// Connections with HTTP/2; each has a share of the streams.
const FEW: usize = 4;

/// The figures. The load is this process, on the other processor.
pub(crate) fn measure(plan: &Plan) -> Result<Report> {
    let pin = Pin::apart();
    let server = fleetstep(&pin)?;
    pin.move_here()?;
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let time = Duration::from_secs_f64(plan.seconds);
    let message = start_sync("pass", ORDER);
    let body = memmem::find(&message, b"\r\n\r\n").map(|at| Bytes::copy_from_slice(&message[at + 4..]));
    let body = body.context("a request has a head")?;
    let way = Way { name: "", what: String::new(), message, starts: 1, connections: CONNECTIONS };
    let (mut one, mut two, mut ratios) = (<(Vec<_>, Vec<_>)>::default(), <(Vec<_>, Vec<_>)>::default(), Vec::new());
    for _ in 0..plan.rounds {
        let (rate, cost) = tokio.block_on(one_round(&server, &way, time))?;
        let (rate2, cost2) = tokio.block_on(streams(&server, &body, time))?;
        one.0.push(rate);
        one.1.push(cost);
        two.0.push(rate2);
        two.1.push(cost2);
        ratios.push(cost2 / cost);
    }
    let what = format!("HTTP/2: {CONNECTIONS} streams on {FEW} connections");
    let mut report = Report::of(
        "StartSyncExecution of one Pass over HTTP/2",
        vec![
            Figure::higher("http2.rate", what.clone(), "/s", &two.0),
            Figure::lower("http2.cpu", format!("server's CPU for each, {what}"), "µs", &two.1),
            Figure::higher("http2.http1-rate", format!("HTTP/1.1: {CONNECTIONS} connections"), "/s", &one.0),
            Figure::lower("http2.http1-cpu", "server's CPU for each, HTTP/1.1", "µs", &one.1),
            Figure::lower("http2.cpu-ratio", "server's CPU of HTTP/2 against HTTP/1.1", "×", &ratios),
        ],
    );
    report
        .notes
        .push("The load of HTTP/2 is hyper's client, which costs more than the server: read the CPU.".to_owned());
    Ok(report)
}

/// Requests a second over [`FEW`] connections, and the server's microseconds of CPU for each.
async fn streams(server: &Server, body: &Bytes, time: Duration) -> Result<(f64, f64)> {
    let (started, cpu) = (clock::instant(), crate::process::cpu_time(server.pid())?);
    let until = started + time;
    let mut tasks = Vec::new();
    for _ in 0..FEW {
        let stream = TcpStream::connect(server.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        tasks.extend((0..CONNECTIONS / FEW).map(|_| tokio::spawn(requests(sender.clone(), body.clone(), until))));
    }
    let mut answered = 0;
    for task in tasks {
        answered += task.await??;
    }
    let spent = crate::process::cpu_time(server.pid())?.saturating_sub(cpu);
    Ok((answered as f64 / started.elapsed().as_secs_f64(), spent.as_secs_f64() * 1e6 / answered as f64))
}

/// One request after another on a stream each; how many were answered.
async fn requests(mut sender: SendRequest<Full<Bytes>>, body: Bytes, until: Instant) -> Result<usize> {
    let mut answered = 0;
    while clock::instant() < until {
        let request = Request::post("http://localhost/")
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", "AWSStepFunctions.StartSyncExecution")
            .body(Full::new(body.clone()))?;
        let answer = sender.send_request(request).await?;
        ensure!(answer.status() == StatusCode::OK, "the server refused: {}", answer.status());
        let text = answer.into_body().collect().await?.to_bytes();
        ensure!(memmem::find(&text, b"SUCCEEDED").is_some(), "not a success: {}", String::from_utf8_lossy(&text));
        answered += 1;
    }
    Ok(answered)
}
