//! A table that a person reads: columns as wide as what stands in them, and together no wider than the terminal.

use crate::terminal::{self, Line, Tone};
use fleetstep_document::neutral_line;
use std::fmt::Display;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Between two columns.
const GAP: &str = "  ";
/// No column is made narrower.
const WIDTH_MIN: usize = 8;

/// How a column is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    /// From the left, and as wide as it has to be.
    Left(&'static str),
    /// From the right: numbers.
    Right(&'static str),
    /// From the left, and cut where there is no room.
    Cut(&'static str),
}

impl Column {
    fn title(self) -> &'static str {
        let (Self::Left(title) | Self::Right(title) | Self::Cut(title)) = self;
        title
    }
}

/// Rows below the titles of their columns.
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<(Tone, String)>>,
}

impl Table {
    pub(crate) fn new(columns: &[Column]) -> Self {
        let titles = columns.iter().map(|column| (Tone::Quiet, column.title().to_owned())).collect();
        Self { columns: columns.to_vec(), rows: vec![titles] }
    }

    /// Adds a row with a cell for each column.
    pub(crate) fn row<const CELLS: usize>(&mut self, cells: [(Tone, &dyn Display); CELLS]) {
        let cell = |(tone, text): (Tone, &dyn Display)| (tone, neutral_line(&text.to_string()).to_string());
        self.rows.push(cells.into_iter().map(cell).collect());
    }

    /// Prints it as a result.
    pub(crate) fn print(&self) {
        for line in self.lines(terminal::columns()) {
            line.result();
        }
    }

    fn lines(&self, columns_max: Option<usize>) -> Vec<Line> {
        let widths = self.widths(columns_max);
        self.rows.iter().map(|row| self.line(row, &widths)).collect()
    }

    fn widths(&self, columns_max: Option<usize>) -> Vec<usize> {
        let width = |at: usize| self.rows.iter().map(|row| row[at].1.width()).max().unwrap_or_default();
        let mut widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let Some(columns_max) = columns_max else { return widths };
        let total = widths.iter().sum::<usize>() + GAP.len() * widths.len().saturating_sub(1);
        let mut over = total.saturating_sub(columns_max);
        // The widest gives first, until all are equally wide.
        while over > 0 {
            let cut =
                (0..widths.len()).filter(|at| matches!(self.columns[*at], Column::Cut(_)) && widths[*at] > WIDTH_MIN);
            let Some(widest) = cut.max_by_key(|at| widths[*at]) else { break };
            widths[widest] -= 1;
            over -= 1;
        }
        widths
    }

    fn line(&self, row: &[(Tone, String)], widths: &[usize]) -> Line {
        let mut line = Line::default();
        for (at, ((tone, text), width)) in row.iter().zip(widths).enumerate() {
            let text = cut(text, *width);
            let room = " ".repeat(width - text.width());
            let gap = if at == 0 { "" } else { GAP };
            line = match self.columns[at] {
                Column::Right(_) => line.with(Tone::Plain, format_args!("{gap}{room}")).with(*tone, text),
                Column::Left(_) | Column::Cut(_) => {
                    line.with(Tone::Plain, gap).with(*tone, text).with(Tone::Plain, room)
                }
            };
        }
        line
    }
}

/// The text, or as much of it as `columns` have room for with a mark that there is more.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let (mut cut, mut used) = (String::new(), 1);
    for letter in text.chars() {
        used += letter.width().unwrap_or_default();
        if used > columns {
            break;
        }
        cut.push(letter);
    }
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(table: &Table, columns_max: Option<usize>) -> Vec<String> {
        table.lines(columns_max).iter().map(|line| format!("{line}")).collect()
    }

    fn table() -> Table {
        let mut table = Table::new(&[Column::Left("STATUS"), Column::Right("TIME"), Column::Cut("NAME")]);
        table.row([(Tone::Good, &"SUCCEEDED"), (Tone::Plain, &"1.2 ms"), (Tone::Plain, &"0b1c7a52-aaaa-bbbb")]);
        table.row([(Tone::Bad, &"FAILED"), (Tone::Plain, &"10 s"), (Tone::Plain, &"注文番号一二三四五六\n")]);
        table
    }

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let wide = [
            "STATUS       TIME  NAME",
            "SUCCEEDED  1.2 ms  0b1c7a52-aaaa-bbbb",
            "FAILED       10 s  注文番号一二三四五六\\u000a",
        ];
        assert_eq!(shown(&table(), None), wide);
        assert_eq!(shown(&table(), Some(200)), wide);
    }

    #[test]
    fn what_has_no_room_is_cut_by_its_width_on_the_terminal() {
        let narrow = shown(&table(), Some(30));
        assert_eq!(narrow[1..], ["SUCCEEDED  1.2 ms  0b1c7a52-a…", "FAILED       10 s  注文番号一…"]);
        assert!(narrow.iter().all(|line| line.width() <= 30));
        assert_eq!(shown(&table(), Some(3))[1], "SUCCEEDED  1.2 ms  0b1c7a5…", "as narrow as it gets");
    }
}
