//! Times and durations as people say them, and as they give them.

use anyhow::{Result, bail};
use fleetstep_engine::Timestamp;
use jiff::{Span, SpanRelativeTo};

/// A duration in three digits or so.
pub(crate) fn duration(micros: i64) -> String {
    let seconds = micros as f64 / 1e6;
    match micros {
        ..1_000 => format!("{micros} µs"),
        1_000..100_000 => format!("{:.1} ms", seconds * 1e3),
        100_000..1_000_000 => format!("{:.0} ms", seconds * 1e3),
        1_000_000..60_000_000 => format!("{seconds:.1} s"),
        _ => {
            let seconds = micros / 1_000_000;
            format!("{} min {} s", seconds / 60, seconds % 60)
        }
    }
}

/// How long before `now` a time was that the server told: `12 s ago`; the time itself where it cannot be read.
pub(crate) fn ago(now: Timestamp, then: &str) -> String {
    let Ok(moment) = then.parse::<jiff::Timestamp>() else { return then.to_owned() };
    // Clocks of two machines may differ a little.
    let seconds = (now.as_micros() - moment.as_microsecond()).max(0) / 1_000_000;
    match seconds {
        0 => "now".to_owned(),
        1..60 => format!("{seconds} s ago"),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..86_400 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

/// How long after one time another was, both as the server tells them.
pub(crate) fn between(from: &str, to: &str) -> Option<i64> {
    let micros = |text: &str| text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_microsecond);
    Some(micros(to)? - micros(from)?)
}

/// The time that `text` says, as the server takes it: a time, or how long before `now`.
pub(crate) fn since(now: Timestamp, text: &str) -> Result<String> {
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return Ok(moment.to_string());
    }
    let ago = text.parse::<Span>().and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()));
    let moment = ago.and_then(|ago| jiff::Timestamp::from_microsecond(now.as_micros())?.checked_sub(ago.abs()));
    match moment {
        Ok(moment) => Ok(moment.to_string()),
        Err(_) => {
            bail!("`{text}` is neither how long ago, such as 10m, 2h or 1d, nor a time such as 2026-11-22T16:10:37Z")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-22T16:10:37Z.
    const NOW: Timestamp = Timestamp::from_micros(1_795_363_837_000_000);

    #[test]
    fn durations_are_short() {
        let shown = [0, 412, 1_234, 99_960, 512_000, 3_412_000, 125_000_000].map(duration);
        assert_eq!(shown, ["0 µs", "412 µs", "1.2 ms", "100.0 ms", "512 ms", "3.4 s", "2 min 5 s"]);
    }

    #[test]
    fn times_are_told_from_now() {
        for (then, told) in [
            ("2026-11-22T16:10:36.500Z", "now"),
            ("2026-11-22T16:10:25Z", "12 s ago"),
            ("2026-11-22T16:07:00Z", "3 min ago"),
            ("2026-11-22T10:00:00Z", "6 h ago"),
            ("2026-11-01T00:00:00Z", "21 d ago"),
            ("2026-11-22T16:10:40Z", "now"),
            ("soon", "soon"),
        ] {
            assert_eq!(ago(NOW, then), told, "{then}");
        }
        assert_eq!(between("2026-11-22T16:10:36.500Z", "2026-11-22T16:10:37Z"), Some(500_000));
    }

    #[test]
    fn a_time_is_given_as_itself_or_as_how_long_ago() {
        for (text, time) in [
            ("10m", "2026-11-22T16:00:37Z"),
            ("1d", "2026-11-21T16:10:37Z"),
            ("1h 30m", "2026-11-22T14:40:37Z"),
            ("90 seconds", "2026-11-22T16:09:07Z"),
            ("2026-11-22T17:00:00+01:00", "2026-11-22T16:00:00Z"),
        ] {
            assert_eq!(since(NOW, text).unwrap(), time, "{text}");
        }
        assert!(since(NOW, "yesterday").unwrap_err().to_string().contains("such as 10m"));
    }
}
