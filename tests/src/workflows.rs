//! The workflows of `data/workflows/*.md`; what their blocks mean is said in `tests/workflows.rs`, which runs them.

use crate::markdown::{self, Block, Case};
use crate::root;
use fleetstep_asl::{Compiled, Format, Options, Severity, WorkflowType, compile};
use fleetstep_document::Document;

/// Every case with its definition.
///
/// # Panics
/// On cases that cannot be read, or have no definition.
#[must_use]
pub fn cases() -> Vec<(Case, Block)> {
    let files = markdown::files(&root().join("tests/data/workflows")).expect("the cases");
    let mut cases = Vec::new();
    for file in files {
        let mut definition = None;
        for case in file {
            definition = case.block("definition").cloned().or(definition);
            let is_whole = ["succeeds", "fails", "times-out", "refused"].iter().any(|role| case.block(role).is_some());
            if is_whole {
                let definition = definition.clone().unwrap_or_else(|| panic!("{}: no definition", case.name));
                cases.push((case, definition));
            }
        }
    }
    cases
}

/// The program.
///
/// # Errors
/// The errors as lines.
pub fn compiled(definition: &Block) -> Result<Compiled, String> {
    let format = if definition.language == "yaml" { Format::Yaml } else { Format::Json };
    let compilation =
        compile(&definition.text, &Options { format, target: Some(WorkflowType::Express), ..Options::default() });
    let errors = compilation.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error);
    let lines = errors.map(|error| format!("{}: {} at {}\n", error.code.as_str(), error.message, error.location));
    compilation.compiled.ok_or_else(|| lines.collect())
}

/// A document that a test was written with.
///
/// # Panics
/// On what is no JSON.
#[must_use]
pub fn json(text: &str) -> Document {
    Document::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"))
}
