//! RFC 3339 timestamps, as strictly as the service reads them.

use jiff::Timestamp;

/// The instant of an RFC 3339 timestamp: `2016-08-18T17:33:00Z`, `2016-08-18T19:33:00.25+02:00`. The date and the
/// time are complete, `T` and `Z` are capitals, an offset has a colon.
#[must_use]
pub fn parse_timestamp(text: &str) -> Option<Timestamp> {
    is_rfc3339(text.as_bytes()).then(|| text.parse().ok())?
}

fn is_rfc3339(text: &[u8]) -> bool {
    const SHAPE: &[u8] = b"dddd-dd-ddTdd:dd:dd";
    const FRACTION_DIGITS_MAX: usize = 9;
    let Some((head, tail)) = text.split_at_checked(SHAPE.len()) else { return false };
    let shaped = |text: &[u8], shape: &[u8]| {
        text.len() == shape.len()
            && text.iter().zip(shape).all(|(c, s)| if *s == b'd' { c.is_ascii_digit() } else { c == s })
    };
    // The parser behind this one would take a leap second for the second before it.
    if !shaped(head, SHAPE) || &head[17..] > b"59".as_slice() {
        return false;
    }
    let offset = match tail.split_first() {
        Some((b'.', fraction)) => {
            let digits = fraction.iter().take_while(|c| c.is_ascii_digit()).count();
            if !(1..=FRACTION_DIGITS_MAX).contains(&digits) {
                return false;
            }
            &fraction[digits..]
        }
        _ => tail,
    };
    offset == b"Z" || shaped(offset, b"+dd:dd") || shaped(offset, b"-dd:dd")
}

#[cfg(test)]
mod tests {
    use super::parse_timestamp;

    #[test]
    fn only_complete_timestamps_are_read() {
        for (text, microseconds) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("1970-01-01T00:00:01.5Z", Some(1_500_000)),
            ("1970-01-01T01:00:00+01:00", Some(0)),
            ("1969-12-31T23:00:00-01:00", Some(0)),
            ("2016-03-05T21:29:29.243167252Z", Some(1_457_213_369_243_167)),
            ("2016-13-05T21:29:29Z", None),
            ("2016-02-30T21:29:29Z", None),
            ("05-12-2016T21:29:29Z", None),
            ("2016-12-05 21:29:29Z", None),
            ("2016-12-05t21:29:29z", None),
            ("2016-12-05T21:29:29", None),
            ("2016-12-05T21:29Z", None),
            ("2016-12-05T25:29:29Z", None),
            ("2016-12-05T21:29:60Z", None),
            ("2016-12-05T21:29:29.Z", None),
            ("2016-12-05T21:29:29+0100", None),
            ("2016-12-05T21:29:29+01", None),
            ("2016-12-05", None),
            ("", None),
            ("日本-12-05T21:29:29Z", None),
        ] {
            assert_eq!(parse_timestamp(text).map(|t| t.as_microsecond()), microseconds, "{text}");
        }
    }
}
