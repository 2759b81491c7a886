//! Amazon States Language text (JSON or YAML) in; a [`Program`] with its [`Resource`]s, or every [`Diagnostic`]
//! at once, each with its place, out.
//!
//! How anything is run is not known here. Expressions are compiled by `fleetstep_expr`; what a resource is
//! bound to, the catalog decides.
#![forbid(unsafe_code)]

mod check;
mod diagnostic;
mod fields;
mod frame;
mod hint;
mod lone;
mod lower;
mod resource;
mod source;
mod tested;

pub use diagnostic::{Code, Diagnostic, Severity, Span, definition_error_message};
pub use frame::code_frame;
pub use lone::LONE_STATE_NAME;
pub use resource::{Integration, Resource};
pub use tested::{Tested, TestedError, compile_tested};

use check::Findings;
use fleetstep_machine::Program;
use source::{Lines, Node, SyntaxError, SyntaxErrorKind};

/// How a definition is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// JSON, as the service takes it.
    #[default]
    Json,
    /// YAML, for files.
    Yaml,
}

/// The type of a state machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkflowType {
    /// `STANDARD`
    Standard,
    /// `EXPRESS`
    Express,
}

/// What a definition is compiled for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// How the text is written.
    pub format: Format,
    /// The type that the machine is to have. With `Express`, what only STANDARD has and what this runtime does
    /// not have yet are errors; with `None` (a lint of the language) and `Standard` they are warnings.
    pub target: Option<WorkflowType>,
    /// Whether what leaves the machine is answered by a test and not run (`TestState` with a mock). Then nothing is
    /// refused for being STANDARD's or for not being there yet, and every Task and Map becomes part of the program.
    pub mocked: bool,
    /// Whether an EXPRESS machine may have what only STANDARD ones have on the service and what fits into five minutes:
    /// `.sync`, `.waitForTaskToken` and activities.
    pub extended: bool,
    /// Whether someone else says which service integrations can be called. Else there is a warning for each that needs
    /// the operator's doing.
    pub bound: bool,
}

/// A definition, compiled.
#[derive(Debug)]
pub struct Compiled {
    /// What the machine runs.
    pub program: Program,
    /// What each of its tasks is, by `TaskId`.
    pub resources: Vec<Resource>,
}

/// What came of a definition.
#[derive(Debug)]
pub struct Compilation {
    /// The program. `None` if a diagnostic is an error, and also where a feature that this runtime does not have
    /// was only warned about: a program never leaves out a part of its definition.
    pub compiled: Option<Compiled>,
    /// All that is wrong: fields in the order of the text, then transitions.
    pub diagnostics: Vec<Diagnostic>,
}

/// Compiles a definition.
///
/// Bounds: a text of at most 1 MiB, values nested at most 128 deep.
#[must_use]
pub fn compile(source: &str, options: &Options) -> Compilation {
    compile_tree(source, options, |root| root, check::check)
}

/// Compiles one state, as `TestState` takes it: the text is the object of the state, which is named
/// [`LONE_STATE_NAME`] and is where the program starts. Where it leads (`Next`, `Default`, `Catch`) is not checked;
/// each of these names is a Succeed state of the program.
#[must_use]
pub fn compile_state(source: &str, options: &Options) -> Compilation {
    compile_tree(source, options, lone::machine_of, check::check_state)
}

fn compile_tree(
    source: &str,
    options: &Options,
    machine: impl FnOnce(Node) -> Node,
    check: impl FnOnce(&Node, &Lines<'_>, &Options) -> Findings,
) -> Compilation {
    let lines = Lines::of(source);
    let root = match source::read(source, options.format) {
        Ok(root) => machine(root),
        Err(error) => {
            let diagnostics = vec![syntax_diagnostic(source, &lines, options.format, error)];
            return Compilation { compiled: None, diagnostics };
        }
    };
    let Findings { mut diagnostics, incomplete } = check(&root, &lines, options);
    if incomplete || diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
        return Compilation { compiled: None, diagnostics };
    }
    let compiled = lower::lower(&root).map_err(|defect| {
        diagnostics.push(Diagnostic {
            severity: Severity::Error,
            code: Code::SchemaValidationFailed,
            message: defect.to_string(),
            location: String::new(),
            span: None,
            hint: None,
        });
    });
    Compilation { compiled: compiled.ok(), diagnostics }
}

/// A definition as JSON text, however it is written; `None` if it cannot be read.
#[must_use]
pub fn definition_json(source: &str, format: Format) -> Option<String> {
    Some(source::read(source, format).ok()?.to_document().to_json())
}

/// What Jackson, the service's parser, says of a text that is no JSON, with the place; `None` if the text is JSON or
/// blank, or nested so deeply that there is nothing else to say about it.
#[must_use]
pub fn json_complaint(text: &str) -> Option<String> {
    match source::json_problem(text)?.kind {
        SyntaxErrorKind::Json { message, reported } => {
            Some(format!("{message}\n at {}", source::jackson_location(text, reported)))
        }
        _ => None,
    }
}

fn syntax_diagnostic(source: &str, lines: &Lines<'_>, format: Format, error: SyntaxError) -> Diagnostic {
    let (code, message, location) = match error.kind {
        SyntaxErrorKind::Json { message, reported } => {
            let location = source::jackson_location(source, reported);
            (Code::InvalidJsonDescription, format!("{message}\n at {location}"), location)
        }
        SyntaxErrorKind::Yaml(message) => {
            let (line, column) = lines.position(error.extent.start);
            let location = format!("line: {line}, column: {column}");
            (Code::InvalidJsonDescription, format!("Invalid YAML: {message}"), location)
        }
        SyntaxErrorKind::NotAnObject => {
            let kind = match format {
                Format::Json => "JSON object",
                Format::Yaml => "YAML mapping",
            };
            (Code::SchemaValidationFailed, format!("Definition must be a valid {kind}"), String::new())
        }
        SyntaxErrorKind::TooLong => {
            let message = format!("Definition must not be longer than {} bytes", source::DEFINITION_BYTES_MAX);
            (Code::SchemaValidationFailed, message, String::new())
        }
        SyntaxErrorKind::TooDeep => {
            let message = format!("Definition must not be nested deeper than {}", source::NESTING_DEPTH_MAX);
            (Code::TooDeeplyNested, message, String::new())
        }
    };
    let span = Some(lines.span(error.extent));
    Diagnostic { severity: Severity::Error, code, message, location, span, hint: None }
}
