//! Draws a definition: `draw FILE [svg|light|dark|dot|mermaid]`, to standard output.
#![allow(clippy::print_stdout, reason = "what it draws is its output")]

use fleetstep_asl::Format;
use fleetstep_diagram::{Graph, Options, Overlay, Theme, dot, mermaid, svg};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("which file?")?;
    let what = arguments.next().unwrap_or_else(|| String::from("svg"));
    let format = if file.ends_with(".yaml") || file.ends_with(".yml") { Format::Yaml } else { Format::Json };
    let graph = Graph::read(&std::fs::read_to_string(&file)?, format)?;
    let theme = match what.as_str() {
        "light" => Theme::Light,
        "dark" => Theme::Dark,
        _ => Theme::Auto,
    };
    print!(
        "{}",
        match what.as_str() {
            "dot" => dot(&graph),
            "mermaid" => mermaid(&graph),
            _ => svg(&graph, &Overlay::default(), &Options { theme, ..Options::default() })?,
        }
    );
    Ok(())
}
