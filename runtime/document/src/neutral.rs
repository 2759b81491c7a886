//! Texts of others, as a terminal may show them.

use std::fmt::{self, Display};

/// Shows a text so that it does nothing to the terminal it is printed on: what would move the cursor, set colours or
/// turn the direction of writing comes out as an escape of JSON's, `\u001b`. So a JSON text means the same as before.
/// Line breaks and tabs stay as they are.
#[must_use]
pub fn neutral(text: &str) -> impl Display {
    Neutral { text, is_plain: |c| matches!(c, '\n' | '\t') || !is_active(c) }
}

/// As [`neutral`], and it stays one line: line breaks and tabs come out as escapes too.
#[must_use]
pub fn neutral_line(text: &str) -> impl Display {
    Neutral { text, is_plain: |c| !is_active(c) }
}

/// Whether a terminal acts on the character instead of showing it.
fn is_active(c: char) -> bool {
    // Beside the control characters, those that turn the direction in which a text is read.
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

struct Neutral<'a> {
    text: &'a str,
    is_plain: fn(char) -> bool,
}

impl Display for Neutral<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.text;
        while let Some(at) = rest.find(|c| !(self.is_plain)(c)) {
            let mut active = rest[at..].chars();
            f.write_str(&rest[..at])?;
            if let Some(c) = active.next() {
                write!(f, "\\u{:04x}", u32::from(c))?;
            }
            rest = active.as_str();
        }
        f.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Document;

    #[test]
    fn what_acts_on_a_terminal_is_escaped() {
        let cases = [
            ("plain, ünd 漢字 🙂", "plain, ünd 漢字 🙂", "plain, ünd 漢字 🙂"),
            ("\u{1b}[2Jgone", "\\u001b[2Jgone", "\\u001b[2Jgone"),
            ("\u{9b}31m\u{7f}\u{8}\r", "\\u009b31m\\u007f\\u0008\\u000d", "\\u009b31m\\u007f\\u0008\\u000d"),
            ("a\n\tb\0", "a\n\tb\\u0000", "a\\u000a\\u0009b\\u0000"),
            ("\u{202e}dm\u{2066}", "\\u202edm\\u2066", "\\u202edm\\u2066"),
            ("", "", ""),
        ];
        for (text, lines, line) in cases {
            assert_eq!(neutral(text).to_string(), lines);
            assert_eq!(neutral_line(text).to_string(), line);
        }
    }

    #[test]
    fn a_json_text_keeps_its_meaning() {
        let document = Document::from("\u{9b}31m\u{1b}]0;t\u{7}\u{7f}\n\u{202e}");
        let shown = neutral(&document.to_json()).to_string();
        assert!(!shown.contains(is_active), "{shown:?}");
        assert_eq!(Document::parse(shown.as_bytes()).unwrap(), document);
    }
}
