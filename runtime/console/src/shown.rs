//! Numbers, times and texts as a person reads them.

use maud::{Markup, html};
use serde_json::Value;

/// A date of the API's, in microseconds since 1970.
pub(crate) fn micros_of(date: &Value) -> Option<i64> {
    Some(date.as_str()?.parse::<jiff::Timestamp>().ok()?.as_microsecond())
}

/// The time between two moments; none between what comes in the wrong order.
pub(crate) fn micros_between(from: i64, to: i64) -> i64 {
    to.saturating_sub(from).max(0)
}

/// A duration in the unit that suits it: `12.3 ms`.
pub(crate) fn duration(micros: i64) -> String {
    let micros = micros.max(0) as f64;
    let (value, unit) = match micros {
        ..1e3 => (micros, "µs"),
        ..1e6 => (micros / 1e3, "ms"),
        _ => (micros / 1e6, "s"),
    };
    let digits = usize::from(value < 100.0 && value.fract() > 0.05);
    format!("{value:.digits$} {unit}")
}

/// A size in the unit that suits it.
pub(crate) fn bytes(bytes: f64) -> String {
    let (value, unit) = match bytes {
        ..1024.0 => return format!("{bytes:.0} B"),
        ..1_048_576.0 => (bytes / 1024.0, "KiB"),
        ..1_073_741_824.0 => (bytes / 1_048_576.0, "MiB"),
        _ => (bytes / 1_073_741_824.0, "GiB"),
    };
    format!("{value:.1} {unit}")
}

/// A whole number with its thousands apart.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap_or_default()).collect();
    groups.join(",")
}

/// A rate, with as many digits as it needs.
pub(crate) fn rate(per_second: f64) -> String {
    match per_second {
        0.0 => "0".to_owned(),
        ..10.0 => format!("{per_second:.2}"),
        ..1_000.0 => format!("{per_second:.0}"),
        _ => count(per_second.round() as u64),
    }
}

/// A date, with the day and the time apart so that a narrow column can break it.
pub(crate) fn date(date: &Value) -> Markup {
    let text = date.as_str().unwrap_or_default();
    let (day, time) = text.split_once('T').unwrap_or((text, ""));
    html! {
        time datetime=(text) { (day) " " (time.trim_end_matches('Z')) }
    }
}

/// A JSON value over several lines.
pub(crate) fn json(value: &Value) -> String {
    visible(&serde_json::to_string_pretty(value).unwrap_or_default())
}

/// What would turn the direction of the text around, or is a control character, as its number: others wrote it.
pub(crate) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if turns || (c.is_control() && !matches!(c, '\n' | '\t')) {
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}

/// What a status is called, and the class that colours it.
pub(crate) fn status(status: &str) -> Markup {
    let (class, text) = match status {
        "RUNNING" => ("running", "Running"),
        "SUCCEEDED" => ("succeeded", "Succeeded"),
        "FAILED" => ("failed", "Failed"),
        "TIMED_OUT" => ("failed", "Timed out"),
        "ABORTED" => ("cancelled", "Aborted"),
        other => ("cancelled", other),
    };
    html! { span.status data-status=(class) { (text) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_right() {
        for (micros, text) in [
            (0, "0 µs"),
            (999, "999 µs"),
            (1_500, "1.5 ms"),
            (12_000, "12 ms"),
            (300_000_000, "300 s"),
            (-5, "0 µs"),
            (1_250_000, "1.2 s"),
        ] {
            assert_eq!(duration(micros), text);
        }
        assert_eq!((count(7), count(1_234_567)), ("7".to_owned(), "1,234,567".to_owned()));
        assert_eq!((bytes(512.0), bytes(1_572_864.0)), ("512 B".to_owned(), "1.5 MiB".to_owned()));
        assert_eq!((rate(0.0), rate(0.5), rate(12_345.6)), ("0".into(), "0.50".into(), "12,346".into()));
    }

    #[test]
    fn texts_of_others_turn_nothing_around() {
        assert_eq!(visible("a\u{202e}b\u{1b}[2J\n"), "a\\u202eb\\u001b[2J\n");
    }
}
