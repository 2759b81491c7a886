//! What a bench returns: figures with a name, and the tables that a person reads.

use crate::stats;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// Which way a figure is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
}

/// One figure: the median of its rounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    /// What targets, histories and comparisons know it by: `bench.what`.
    pub(crate) name: String,
    /// What was measured, in words.
    pub(crate) what: String,
    /// `ns`, `µs`, `/s`, `%`, `×`, `B`, `MB`, `ms`.
    pub(crate) unit: String,
    /// Which way it is better.
    pub(crate) better: Better,
    /// The median of the rounds.
    pub(crate) value: f64,
    /// The least of the rounds.
    pub(crate) low: f64,
    /// The greatest of the rounds.
    pub(crate) high: f64,
}

impl Figure {
    /// The figure that `rounds` give together.
    pub(crate) fn of(
        name: impl Into<String>,
        what: impl Into<String>,
        unit: &str,
        better: Better,
        rounds: &[f64],
    ) -> Self {
        let (low, high) = stats::range(rounds);
        Self {
            name: name.into(),
            what: what.into(),
            unit: unit.to_owned(),
            better,
            value: stats::median(rounds),
            low,
            high,
        }
    }

    /// A time or size in `unit`: less is better.
    pub(crate) fn lower(name: impl Into<String>, what: impl Into<String>, unit: &str, rounds: &[f64]) -> Self {
        Self::of(name, what, unit, Better::Lower, rounds)
    }

    /// A rate or share in `unit`: more is better.
    pub(crate) fn higher(name: impl Into<String>, what: impl Into<String>, unit: &str, rounds: &[f64]) -> Self {
        Self::of(name, what, unit, Better::Higher, rounds)
    }
}

/// What a bench found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    /// A heading.
    pub(crate) title: String,
    /// Sentences below the heading: what was done, what could not be.
    pub(crate) notes: Vec<String>,
    /// A table that says all that the figures do, and more; without one, the figures are listed.
    pub(crate) table: Option<String>,
    /// The figures.
    pub(crate) figures: Vec<Figure>,
}

impl Report {
    /// A report that lists its figures.
    pub(crate) fn of(title: impl Into<String>, figures: Vec<Figure>) -> Self {
        Self { title: title.into(), notes: Vec::new(), table: None, figures }
    }

    /// Heading, notes, and the table or the figures.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("### {}\n\n", self.title);
        for note in &self.notes {
            let _ = writeln!(text, "{note}\n");
        }
        let rows = self.figures.iter().map(|figure| {
            vec![figure.what.clone(), quantity(figure.value, &figure.unit), spread(figure), figure.name.clone()]
        });
        match &self.table {
            Some(table) => text + table,
            None => text + &markdown_table(&["what", "median", "rounds", "name"], rows),
        }
    }
}

fn spread(figure: &Figure) -> String {
    if figure.low == figure.high {
        return String::new();
    }
    format!("{} to {}", number(figure.low), number(figure.high))
}

/// A table of Markdown; a `|` within a cell is escaped.
pub(crate) fn markdown_table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut text = format!("| {} |\n|{}\n", head.join(" | "), " --- |".repeat(head.len()));
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}

/// `value` with its unit, with as many digits as it deserves.
pub(crate) fn quantity(value: f64, unit: &str) -> String {
    match (unit, number(value)) {
        (_, number) if value.is_nan() => number,
        ("", number) => number,
        ("/s", number) => format!("{number}/s"),
        (unit, number) => format!("{number} {unit}"),
    }
}

/// Three significant digits below a thousand, thousands in groups above.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if value.is_nan() => "–".to_owned(),
        _ if size >= 1000.0 => grouped(value),
        _ if size >= 100.0 || size == size.trunc() => format!("{value:.0}"),
        _ if size >= 10.0 => format!("{value:.1}"),
        _ if size >= 0.01 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let first = digits.len() % 3;
    let mut text = if value < 0.0 { "-".to_owned() } else { String::new() };
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && at % 3 == first {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_the_digits_that_it_deserves() {
        let cases = [
            (0.0, "0"),
            (0.00123, "0.0012"),
            (0.123, "0.12"),
            (1.0, "1"),
            (5.678, "5.68"),
            (56.78, "56.8"),
            (567.8, "568"),
            (5_678.0, "5,678"),
            (100_000.0, "100,000"),
            (1_234_567.0, "1,234,567"),
            (-1_234.0, "-1,234"),
            (f64::NAN, "–"),
        ];
        for (value, expected) in cases {
            assert_eq!(number(value), expected);
        }
    }

    #[test]
    fn a_report_lists_its_figures_with_their_spread() {
        let figures = vec![
            Figure::lower("step.pass", "a Pass | with a bar", "ns", &[30.0, 10.0, 20.0]),
            Figure::higher("http.rate", "starts", "/s", &[5000.0]),
        ];
        let mut report = Report::of("A state", figures);
        report.notes.push("In process.".to_owned());
        assert_eq!(
            report.markdown(),
            "### A state\n\nIn process.\n\n| what | median | rounds | name |\n| --- | --- | --- | --- |\n\
             | a Pass \\| with a bar | 20 ns | 10 to 30 | step.pass |\n| starts | 5,000/s |  | http.rate |\n"
        );
    }

    #[test]
    fn a_figure_goes_through_json_and_back() {
        let figure = Figure::higher("a.b", "c", "×", &[1.0, 2.0, 4.0]);
        let text = serde_json::to_string(&figure).unwrap();
        assert!(text.contains(r#""better":"higher""#), "{text}");
        assert_eq!(serde_json::from_str::<Figure>(&text).unwrap(), figure);
    }
}
