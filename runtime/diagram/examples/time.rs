//! How long each definition takes to be drawn: `time FILES`; a `.jsonl` file has a definition in each line's
//! `definition`. The best of five is told, in milliseconds.
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "it measures, and prints what it measured")]

use fleetstep_asl::Format;
use fleetstep_diagram::{Graph, Options, Overlay, svg};
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut worst = (0.0, String::new());
    for file in std::env::args().skip(1) {
        let text = std::fs::read_to_string(&file)?;
        let mut cases = Vec::new();
        if file.ends_with(".jsonl") {
            for line in text.lines() {
                let case: serde_json::Value = serde_json::from_str(line)?;
                let source = case["text"].as_str().map_or_else(|| case["definition"].to_string(), String::from);
                cases.push((case["id"].as_str().unwrap_or_default().to_owned(), source));
            }
        } else {
            cases.push((file.clone(), text));
        }
        for (name, source) in cases {
            let (mut best, mut told) = (f64::INFINITY, String::new());
            for _ in 0..5 {
                let start = Instant::now();
                let drawn = Graph::read(&source, Format::Json)
                    .and_then(|graph| Ok((graph.states.len(), svg(&graph, &Overlay::default(), &Options::default())?)));
                let took = start.elapsed().as_secs_f64() * 1e3;
                best = best.min(took);
                told = match drawn {
                    Ok((states, svg)) => format!("{states} states, {} bytes", svg.len()),
                    Err(error) => error.to_string(),
                };
            }
            println!("{best:8.3} ms  {name}: {told}");
            if best > worst.0 {
                worst = (best, name);
            }
        }
    }
    println!("the longest: {:.3} ms, {}", worst.0, worst.1);
    Ok(())
}
