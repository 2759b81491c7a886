//! What hostile guests do to the latency of a workflow beside them.

use crate::bench::Plan;
use crate::figure::{Figure, Report};
use crate::http::{fleetstep, start_sync};
use crate::load::closed_loop;
use crate::pin::Pin;
use crate::step;
use anyhow::Result;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

/// The hostile workflows, one of each failure, and how many of each run at once.
const HOSTILE: &[(&str, usize)] = &[("spin", 4), ("hog", 1), ("overflow", 1), ("flood", 1)];
/// Connections of the workflow whose latency is measured: fewer than would fill the machine by themselves.
const CONNECTIONS: usize = 4;
/// How long a hostile caller waits before it calls again. Guests are what is measured here; a caller that floods with
/// starts takes its share of the serving threads like any other load.
const PAUSE: Duration = Duration::from_secs(1);

/// The figures.
pub(crate) fn measure(plan: &Plan) -> Result<Report> {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let server = fleetstep(&Pin::Shared("hostile guests may have every processor".to_owned()))?;
    let request = start_sync("task", step::ORDER);
    let time = Duration::from_secs_f64(plan.seconds);
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    tokio.block_on(async {
        closed_loop(server.address, &request, CONNECTIONS, Duration::from_millis(500)).await?;
        for _ in 0..plan.rounds {
            let quiet = closed_loop(server.address, &request, CONNECTIONS, time).await?;
            alone.push([quiet.percentile_us(0.5), quiet.percentile_us(0.99)].map(f64::from));
            let hostile: Vec<_> = HOSTILE
                .iter()
                .flat_map(|&(workflow, at_once)| std::iter::repeat_n(workflow, at_once))
                .map(|workflow| tokio::spawn(keep_starting(server.address, workflow)))
                .collect();
            tokio::time::sleep(Duration::from_millis(200)).await;
            let loud = closed_loop(server.address, &request, CONNECTIONS, time).await?;
            beside.push([loud.percentile_us(0.5), loud.percentile_us(0.99)].map(f64::from));
            for task in hostile {
                task.abort();
            }
            // The guests that were left alone end by their own deadline of one second.
            tokio::time::sleep(Duration::from_millis(1_500)).await;
        }
        anyhow::Ok(())
    })?;
    Ok(report(&alone, &beside))
}

/// Starts `workflow` again and again, whatever becomes of it.
async fn keep_starting(address: SocketAddr, workflow: &'static str) -> Result<()> {
    let request = start_sync(workflow, "{}");
    let mut stream = TcpStream::connect(address).await?;
    let mut answer = vec![0; 64 << 10];
    loop {
        stream.write_all(&request).await?;
        tokio::io::AsyncReadExt::read(&mut stream, &mut answer).await?;
        tokio::time::sleep(PAUSE).await;
    }
}

fn report(alone: &[[f64; 2]], beside: &[[f64; 2]]) -> Report {
    let percentiles = [("p50", 0), ("p99", 1)];
    let figures = percentiles.into_iter().flat_map(|(name, at)| {
        let millis = |rounds: &[[f64; 2]]| rounds.iter().map(|pair| pair[at] / 1e3).collect::<Vec<_>>();
        let (alone, beside) = (millis(alone), millis(beside));
        let ratios: Vec<f64> = beside.iter().zip(&alone).map(|(beside, alone)| beside / alone).collect();
        [
            Figure::lower(format!("neighbours.{name}-alone"), format!("{name} alone"), "ms", &alone),
            Figure::lower(format!("neighbours.{name}-beside"), format!("{name} beside them"), "ms", &beside),
            Figure::lower(format!("neighbours.{name}-ratio"), format!("{name}, ratio"), "×", &ratios),
        ]
    });
    let mut report = Report::of("One Wasm task beside hostile guests", figures.collect());
    report.notes.push(format!("{CONNECTIONS} connections; {HOSTILE:?}, each again after {PAUSE:?}."));
    report
}
