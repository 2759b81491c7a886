//! A diagnostic as a terminal shows it.

use crate::source::Lines;
use crate::{Diagnostic, Severity};
use std::fmt::Write;

/// How much of a line is shown: a definition may be written in one.
const LINE_CHARS_MAX: usize = 120;

/// A diagnostic for a terminal: `file:line:column`, the line with a caret below, the hint.
///
/// `source` must be the text that the diagnostic came from.
#[must_use]
pub fn code_frame(file: &str, source: &str, diagnostic: &Diagnostic) -> String {
    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let mut out = String::from(file);
    if let Some(span) = diagnostic.span {
        push(&mut out, format_args!(":{}:{}", span.line, span.column));
    }
    // The service's wording of a syntax error ends in a second line that repeats the place.
    let message = diagnostic.message.lines().next().unwrap_or_default().trim_end();
    push(&mut out, format_args!(": {severity}[{}]: {message}", diagnostic.code.as_str()));
    if diagnostic.location.starts_with('/') {
        push(&mut out, format_args!(" at {}", diagnostic.location));
    }
    out.push('\n');
    if let Some(span) = diagnostic.span {
        let (shown, before, width) = window(Lines::of(source).line(span.line), span.column - 1, span.length);
        let number = span.line.to_string();
        let margin = " ".repeat(number.len());
        let caret = format!("{}{}", " ".repeat(before), "^".repeat(width));
        push(&mut out, format_args!("{margin} |\n{number} | {shown}\n{margin} | {caret}\n"));
    }
    if let Some(hint) = &diagnostic.hint {
        push(&mut out, format_args!("  = {hint}\n"));
    }
    out
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a String takes every text");
}

/// The part of `line` around the place at `column`, how many characters of it stand before the place, and how
/// many characters the place covers on it.
fn window(line: &str, column: usize, length_bytes: usize) -> (String, usize, usize) {
    let start = column.saturating_sub(LINE_CHARS_MAX / 2);
    let start = if line.chars().count() <= LINE_CHARS_MAX { 0 } else { start };
    // A tab counts as one column, so it is shown as one.
    let shown: String =
        line.chars().skip(start).take(LINE_CHARS_MAX).map(|c| if c == '\t' { ' ' } else { c }).collect();
    let before = column - start;
    let rest: String = shown.chars().skip(before).collect();
    let covered = rest.char_indices().take_while(|(at, _)| *at < length_bytes).count();
    (String::from(shown.trim_end()), before, covered.max(1))
}
