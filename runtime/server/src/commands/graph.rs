//! `fleetstep graph`: a definition as a picture, or as the text of one.

use crate::commands::validate::format_of;
use crate::terminal;
use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use fleetstep_diagram::{Graph, Options, Overlay, Theme, dot, mermaid, png, svg};
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Pixels for each unit of a picture that becomes a PNG: sharp on the screens that there are.
const SCALE_DEFAULT: f32 = 2.0;

/// Draws a definition: SVG, PNG, dot (Graphviz) or Mermaid. A definition with errors is drawn as far as it goes.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  fleetstep graph orders.asl.json -o orders.svg
  fleetstep graph orders.asl.yaml -o orders.png --theme dark
  fleetstep graph orders.asl.json --format mermaid")]
pub(crate) struct GraphCommand {
    /// A definition, as JSON (*.json) or YAML (*.yaml, *.yml)
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where the picture goes: *.svg, *.png, *.dot, *.mmd; without it, to standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// What it is drawn as; the name of the output says it, and without one it is SVG
    #[arg(long, value_name = "FORMAT")]
    format: Option<FormatFlag>,
    /// Colours of an SVG or PNG; `auto` is as its reader has it, and light in a PNG
    #[arg(long, default_value = "auto")]
    theme: ThemeFlag,
    /// Explain types and colours below the picture
    #[arg(long)]
    legend: bool,
    /// Pixels of a PNG for each unit of the picture
    #[arg(long, value_name = "N", default_value_t = SCALE_DEFAULT)]
    scale: f32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FormatFlag {
    /// A picture that scales, with light and dark in it
    Svg,
    /// Pixels, with a font of its own
    Png,
    /// For Graphviz
    Dot,
    /// For Markdown pages that draw Mermaid
    Mermaid,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ThemeFlag {
    Auto,
    Light,
    Dark,
}

impl GraphCommand {
    pub(crate) fn execute(self) -> Result<ExitCode> {
        let of_file = || self.file.display().to_string();
        let source = std::fs::read_to_string(&self.file).with_context(|| format!("cannot read {}", of_file()))?;
        let format = self.format()?;
        let drawn = self.draw(&source, format).with_context(of_file)?;
        match &self.output {
            Some(path) => {
                std::fs::write(path, &drawn).with_context(|| format!("cannot write {}", path.display()))?;
                terminal::progress(format_args!("{}: {} bytes", path.display(), drawn.len()));
            }
            None if format == FormatFlag::Png && std::io::stdout().is_terminal() => {
                bail!("a PNG is nothing for a terminal: give it a file with -o")
            }
            None => {
                // A closed pipe on the other side is no error of ours.
                let _closed_pipe = std::io::stdout().lock().write_all(&drawn);
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn draw(&self, source: &str, format: FormatFlag) -> Result<Vec<u8>> {
        let graph = Graph::read(source, format_of(&self.file))?;
        let theme = match self.theme {
            ThemeFlag::Auto => Theme::Auto,
            ThemeFlag::Light => Theme::Light,
            ThemeFlag::Dark => Theme::Dark,
        };
        let (overlay, options) = (Overlay::default(), Options { theme, has_legend: self.legend, ..Options::default() });
        Ok(match format {
            FormatFlag::Svg => svg(&graph, &overlay, &options)?.into_bytes(),
            FormatFlag::Png => png(&graph, &overlay, &options, self.scale)?,
            FormatFlag::Dot => dot(&graph).into_bytes(),
            FormatFlag::Mermaid => mermaid(&graph).into_bytes(),
        })
    }

    /// The one that is asked for, or that the output's name says.
    fn format(&self) -> Result<FormatFlag> {
        let Some(path) = self.output.as_deref().filter(|_| self.format.is_none()) else {
            return Ok(self.format.unwrap_or(FormatFlag::Svg));
        };
        Ok(match extension(path) {
            "svg" => FormatFlag::Svg,
            "png" => FormatFlag::Png,
            "dot" | "gv" => FormatFlag::Dot,
            "mmd" | "mermaid" | "md" => FormatFlag::Mermaid,
            _ => bail!("what should {} be? Name it *.svg, *.png, *.dot or *.mmd, or give --format", path.display()),
        })
    }
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}
