//! Calls and what they give, and pictures of chance.

use super::{format_base, format_integer, format_number, from_millis, parse_integer, to_millis};
use crate::jsonata::{Ambient, Budget, Jsonata, JsonataError, Value};

/// The time now as the tests have it: 2024-05-06T07:08:09.010Z.
const NOW: f64 = 1_714_979_289_010.0;

struct World;

impl Ambient for World {
    fn now_millis(&self) -> i64 {
        NOW as i64
    }

    fn random(&mut self) -> f64 {
        0.0
    }
}

/// What an expression gives: JSON, `undefined`, or the code of its error.
fn shown(expression: &str) -> String {
    let mut world = World;
    let answer = Jsonata::compile(expression)
        .and_then(|compiled| compiled.evaluate(None, Vec::new(), &mut Budget::new(&mut world)));
    match answer {
        Ok(answer) => answer.into_document().map_or_else(|| "undefined".to_owned(), |document| document.to_json()),
        Err(error) => error.code().as_str().to_owned(),
    }
}

#[test]
fn calls() {
    let table = include_str!("cases.txt");
    for line in table.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (expression, expected) = line.split_once(" => ").unwrap_or_else(|| panic!("no result: {line}"));
        assert_eq!(shown(expression), expected, "{expression}");
    }
}

/// Any picture and any text may fail, but not panic; the seed is shown when one does.
#[test]
fn no_picture_panics() {
    const ALPHABET: &[char] = &[
        '0',
        '1',
        '9',
        '#',
        ',',
        '.',
        ';',
        'e',
        '%',
        '\u{2030}',
        '-',
        '[',
        ']',
        '*',
        ' ',
        'o',
        't',
        'N',
        'n',
        'a',
        'I',
        'w',
        'W',
        'Y',
        'M',
        'D',
        'd',
        'F',
        'x',
        'X',
        'H',
        'h',
        'P',
        'm',
        's',
        'f',
        'Z',
        'z',
        'C',
        'E',
        '+',
        '(',
        '\\',
        '٠',
        '٩',
        '𝟎',
        '😀',
        '\u{301}',
        '\u{fffd}',
        '\u{10ffff}',
        'ſ',
        'K',
        '\0',
        '\n',
    ];
    let numbers = [0.0, -0.0, 1.0, -12.5, 1e15, 1e21, -1.7e308, 5e-324, f64::NAN, f64::INFINITY, 1_521_801_216_617.0];
    for seed in 0..5_000_u64 {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut next = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        let mut text = |length: usize| (0..next(length)).map(|_| ALPHABET[next(ALPHABET.len())]).collect::<String>();
        let (mut picture, other) = (text(14), text(8));
        if next(2) == 0 {
            picture = format!("[{}{picture}]{other}", ALPHABET[23 + next(17)]);
        }
        let number = numbers[next(numbers.len())];
        let options = Value::object([("zero-digit".into(), Value::from(other.as_str()))]);
        let run = || {
            let formatted = from_millis(number, Some(&picture), Some(&other));
            let _ = to_millis(&formatted.unwrap_or_default(), Some(&picture), NOW);
            let _ = (to_millis(&other, Some(&picture), number), to_millis(&other, None, NOW));
            let formatted = format_integer(number, &picture);
            let _ = (parse_integer(&formatted.unwrap_or_default(), &picture), parse_integer(&other, &picture));
            let _ = (format_number(number, &picture, &Value::Undefined), format_number(number, &picture, &options));
            let _ = (format_base(number, 2.0), format_base(number, 36.0));
        };
        assert!(
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_ok(),
            "seed {seed}: {picture:?} {other:?}"
        );
    }
}

/// What is long is refused, or takes no time to speak of.
#[test]
fn long_pictures_are_bounded() {
    let refused = |outcome: Result<String, JsonataError>| assert_eq!(outcome.unwrap_err().code().as_str(), "U1001");
    let long = "0".repeat(5000);
    refused(format_integer(1.0, &long));
    refused(format_number(1.0, &long, &Value::Undefined));
    refused(format_number(1.0, &format!("0.{}", &long[..200]), &Value::Undefined));
    refused(format_number(1.0, &format!("{}e0", &long[..400]), &Value::Undefined));
    refused(from_millis(1.0, Some(&"[Y]".repeat(200)), None));
    assert_eq!(to_millis(&"one ".repeat(100), Some(&"[Yw]".repeat(64)), NOW).unwrap_err().code().as_str(), "U1001");
    assert!(to_millis(&"9".repeat(100_000), Some("[Y][M][D]"), NOW).unwrap().is_some_and(f64::is_nan));
    assert!(parse_integer(&"z".repeat(100_000), "a").unwrap().is_infinite());
}
