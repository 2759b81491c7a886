//! Asynchronous starts over HTTP: how many are acknowledged, one by one, in a pipeline and in batches.

use crate::bench::Plan;
use crate::figure::{Figure, Report};
use crate::http::{CONNECTIONS, aws, fleetstep};
use crate::pin::Pin;
use crate::process::cpu_time;
use crate::server::Server;
use crate::step::ORDER;
use anyhow::{Result, bail};
use fleetstep_document::Document;
use fleetstep_engine::clock;
use memchr::memmem;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Requests that are on their way at once on a connection with a pipeline.
const PIPELINE: usize = 16;
/// Lines of a batch.
const BATCH: usize = 250;
/// Connections that send batches.
const BATCH_CONNECTIONS: usize = 4;
/// The longest that an answer may take.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);

/// A way to start many.
pub(crate) struct Way {
    pub(crate) name: &'static str,
    pub(crate) what: String,
    /// What is written at once.
    pub(crate) message: Vec<u8>,
    /// Executions that it starts, each of which has its ARN in the answer.
    pub(crate) starts: usize,
    pub(crate) connections: usize,
}

/// The figures. Server and load have all processors in common: an acknowledged start is to be had on this machine.
pub(crate) fn measure(plan: &Plan) -> Result<Report> {
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ways = ways();
    let mut found: Vec<(Vec<f64>, Vec<f64>)> = ways.iter().map(|_| Default::default()).collect();
    let server = fleetstep(&Pin::Shared("the load and the server share this machine".to_owned()))?;
    for _ in 0..plan.rounds {
        for (way, (rates, costs)) in ways.iter().zip(&mut found) {
            let (rate, cost) = tokio.block_on(one_round(&server, way, Duration::from_secs_f64(plan.seconds)))?;
            rates.push(rate);
            costs.push(cost);
        }
    }
    let mut figures = Vec::new();
    for (way, (rates, costs)) in ways.iter().zip(&found) {
        figures.push(Figure::higher(format!("async.{}", way.name), format!("acknowledged {}", way.what), "/s", rates));
        let what = format!("server's CPU for each, {}", way.what);
        figures.push(Figure::lower(format!("async.{}-cpu", way.name), what, "µs", costs));
    }
    let of = |name: &str| ways.iter().position(|way| way.name == name).map(|at| &found[at].0);
    if let (Some(batches), Some(single)) = (of("acknowledged"), of("single")) {
        let ratios: Vec<f64> = batches.iter().zip(single).map(|(batches, single)| batches / single).collect();
        let what = "batches against single requests, each round by itself";
        figures.push(Figure::higher("async.batch-over-single", what, "×", &ratios));
    }
    let mut report = Report::of("Asynchronous starts of one Pass, acknowledged over HTTP", figures);
    report.notes.push(format!("{} B of input each; in memory only.", ORDER.len()));
    Ok(report)
}

fn ways() -> [Way; 3] {
    let machine = "arn:aws:states:us-east-1:000000000000:stateMachine:pass";
    let input = Document::from(ORDER).to_json();
    let single = aws("StartExecution", &format!(r#"{{"stateMachineArn":"{machine}","input":{input}}}"#));
    let lines = format!("{ORDER}\n").repeat(BATCH);
    let batch = format!(
        "POST /v1/workflows/pass/batch HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-ndjson\r\n\
         prefer: respond-async\r\ncontent-length: {}\r\n\r\n{lines}",
        lines.len()
    );
    [
        Way {
            name: "acknowledged",
            what: format!("in batches of {BATCH}"),
            message: batch.into_bytes(),
            starts: BATCH,
            connections: BATCH_CONNECTIONS,
        },
        Way {
            name: "pipelined",
            what: format!("by StartExecution, {PIPELINE} in a pipeline on each of {CONNECTIONS} connections"),
            message: single.repeat(PIPELINE),
            starts: PIPELINE,
            connections: CONNECTIONS,
        },
        Way {
            name: "single",
            what: format!("by StartExecution, one at a time on each of {CONNECTIONS} connections"),
            message: single,
            starts: 1,
            connections: CONNECTIONS,
        },
    ]
}

/// Starts a second, and the server's microseconds of CPU for each.
pub(crate) async fn one_round(server: &Server, way: &Way, time: Duration) -> Result<(f64, f64)> {
    let (started, cpu) = (clock::instant(), cpu_time(server.pid())?);
    let until = started + time;
    let connection = |_| tokio::spawn(send(server.address, way.message.clone(), way.starts, until));
    let tasks: Vec<_> = (0..way.connections).map(connection).collect();
    let mut starts = 0;
    for task in tasks {
        starts += tokio::time::timeout(time + ANSWER_TIME_MAX, task).await???;
    }
    let spent = cpu_time(server.pid())?.saturating_sub(cpu);
    Ok((starts as f64 / started.elapsed().as_secs_f64(), spent.as_secs_f64() * 1e6 / starts as f64))
}

/// Sends the message again and again, once all of its starts are acknowledged. Returns how many were.
async fn send(address: SocketAddr, message: Vec<u8>, starts: usize, until: Instant) -> Result<usize> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let arn = memmem::Finder::new(b"\"executionArn\":\"arn:");
    let mut buffer = Vec::with_capacity(256 << 10);
    let mut acknowledged = 0;
    while clock::instant() < until {
        stream.write_all(&message).await?;
        let (mut found, mut looked_at) = (0, 0);
        buffer.clear();
        while found < starts {
            if stream.read_buf(&mut buffer).await? == 0 {
                bail!("the server closed the connection: {}", String::from_utf8_lossy(&buffer));
            }
            for at in arn.find_iter(&buffer[looked_at..]).map(|at| looked_at + at).collect::<Vec<_>>() {
                found += 1;
                looked_at = at + arn.needle().len();
            }
            if memmem::find(&buffer, b"Exception").is_some() {
                bail!("the server refused: {}", String::from_utf8_lossy(&buffer));
            }
        }
        acknowledged += found;
    }
    Ok(acknowledged)
}
