//! Prints what comes of a suite: `cargo run -p fleetstep-tester --example report -- FOLDER [text|json|junit|svg] [explore]`.
#![allow(clippy::print_stdout)] // It is what the example is for.

use fleetstep_diagram::{Graph, Options, svg};
use fleetstep_tester::{Settings, Suite};
use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let suite = Suite::read(Path::new(arguments.first().map_or(".", String::as_str)))?;
    let explore = arguments.iter().any(|argument| argument == "explore");
    let report = suite.run(&Settings { explore, ..Settings::default() });
    match arguments.get(1).map(String::as_str) {
        Some("json") => println!("{}", report.json()),
        Some("junit") => print!("{}", report.junit()),
        Some("svg") => {
            for (workflow, report) in suite.workflows.iter().zip(&report.workflows) {
                let graph = Graph::read(&workflow.source, workflow.format)?;
                let overlay = report.coverage.as_ref().map(|coverage| coverage.overlay()).unwrap_or_default();
                println!("{}", svg(&graph, &overlay, &Options::default())?);
            }
        }
        _ => print!("{}", report.text()),
    }
    Ok(())
}
