//! Pattern and text beside what is found.

use super::matcher::find;
use super::{Regex, compile};

/// `found` is the whole match and the groups, `-` for one that took no part; empty when nothing is found.
#[track_caller]
fn check(pattern: &str, flags: &str, text: &str, found: &str) {
    let regex = compile::compile(pattern, flags).unwrap_or_else(|reason| panic!("/{pattern}/: {reason}"));
    let mut steps = 1_000_000;
    let actual = find(&regex, text, 0, &mut steps).unwrap_or_else(|_| panic!("/{pattern}/ ran out of steps"));
    let actual = actual.map_or_else(String::new, |found| {
        let groups = found.groups.iter().map(|range| range.clone().map_or("-", |range| &text[range]));
        std::iter::once(&text[found.range.clone()]).chain(groups).collect::<Vec<_>>().join("|")
    });
    assert_eq!(actual, found, "/{pattern}/{flags} in {text:?}");
}

#[test]
fn finds_what_ecmascript_finds() {
    for (pattern, flags, text, found) in [
        ("b+", "", "abbbc", "bbb"),
        ("b+?", "", "abbbc", "b"),
        ("a.c", "", "a\nc abc", "abc"),
        ("a[^]c", "", "a\nc", "a\nc"),
        ("[]", "", "a", ""),
        ("(ab)|(a)", "", "ab", "ab|ab|-"),
        ("(a)|b", "", "b", "b|-"),
        ("hat", "i", "Bowler HAT", "HAT"),
        ("[a-f]+", "i", "xxDEADx", "DEAD"),
        ("[^a-f]+", "i", "DEADxx", "xx"),
        ("straße", "i", "STRAßE", "STRAßE"),
        ("[ä-ü]+", "i", "xÄÖ", "ÄÖ"),
        ("σ+", "i", "Σσς", "Σσς"),
        ("[ς]", "i", "Σ", "Σ"),
        ("^b", "", "a\nb", ""),
        ("^b", "m", "a\nb", "b"),
        ("a$", "m", "a\nb", "a"),
        ("\\bfoo\\b", "", "xfoo foo", "foo"),
        ("\\Boo", "", "foo", "oo"),
        ("(\\w+)\\s(\\w+)", "", "John Smith", "John Smith|John|Smith"),
        ("(?<year>\\d{4})-(?<month>\\d\\d)", "", "on 2024-05-01", "2024-05|2024|05"),
        ("(?<q>['\"]).*?\\k<q>", "", "say \"it's\" now", "\"it's\"|\""),
        ("(a)\\1", "", "aaa", "aa|a"),
        ("(a)\\1", "i", "aA", "aA|a"),
        ("\\1(a)", "", "aa", "a|a"),
        ("(z)((a+)?(b+)?(c))*", "", "zaacbbbcac", "zaacbbbcac|z|ac|a|-|c"),
        ("(a*)*", "", "b", "|-"),
        ("(?:a*?)*$", "", "aa", "aa"),
        ("(?:a|ab)(?:c|bcd)(?:d*)", "", "abcd", "abcd"),
        ("(?=(a+))", "", "baaabac", "|aaa"),
        ("(?=(a+))a*b\\1", "", "baaabac", "aba|a"),
        ("(.*?)a(?!(a+)b\\2c)\\2(.*)", "", "baaabaac", "baaabaac|ba|-|abaac"),
        ("(?<=\\$)\\d+", "", "cost $42", "42"),
        ("(?<!\\$)\\b\\d+", "", "$42 17", "17"),
        ("(?<=(\\d+)(\\d+))$", "", "1053", "|1|053"),
        ("a{2,3}", "", "aaaa", "aaa"),
        ("a{2,3}?", "", "aaaa", "aa"),
        ("(?:ab){2,}", "", "ababab", "ababab"),
        ("(?:ab){2,3}?", "", "ababab", "abab"),
        ("(?:a?){3}b", "", "aab", "aab"),
        ("a{0}b", "", "ab", "b"),
        ("x{,2}", "", "x{,2}", "x{,2}"),
        ("a{", "", "a{", "a{"),
        ("]}", "", "]}", "]}"),
        ("\\x41\\u0042\\cJ\\0", "", "AB\n\0", "AB\n\0"),
        ("\\101", "", "A", "A"),
        ("\\8", "", "8", "8"),
        ("\\u{2}", "", "uu", "uu"),
        ("\\ud83d\\ude00", "", "😀", "😀"),
        ("^.$", "", "😀", "😀"),
        ("[\\w-.]+", "", "!a-b.c!", "a-b.c"),
        ("[\\d-x]+", "", "5-x", "5-x"),
        ("[a\\-z]+", "", "b-az", "-az"),
        ("[\\b]", "", "\u{8}", "\u{8}"),
        ("[\\S]+", "", "\u{a0}\u{feff}ab ", "ab"),
        ("\\/\\.", "", "a/.", "/."),
        ("(?=a)*b", "", "b", "b"),
        ("", "", "abc", ""),
    ] {
        check(pattern, flags, text, found);
    }
}

#[test]
fn refuses_what_is_no_pattern() {
    for (pattern, reason) in [
        ("(", "Unterminated group"),
        ("a)", "Unmatched ')'"),
        ("[a", "Unterminated character class"),
        ("*a", "Nothing to repeat"),
        ("a**", "Nothing to repeat"),
        ("^*", "Nothing to repeat"),
        ("{2}", "Nothing to repeat"),
        ("a{3,2}", "numbers out of order in {} quantifier"),
        ("[z-a]", "Range out of order in character class"),
        ("(?a)", "Invalid group"),
        ("(?<1>a)", "Invalid capture group name"),
        ("(?<a>a)(?<a>b)", "Duplicate capture group name"),
        ("(?<a>a)\\k<b>", "Invalid named capture referenced"),
        ("(?<a>a)\\k", "Invalid named reference"),
        ("a\\", "\\ at end of pattern"),
    ] {
        assert_eq!(compile::compile(pattern, "").err(), Some(reason), "/{pattern}/");
    }
    assert_eq!(compile::compile(&"(".repeat(20_000), "").err(), Some("Too many captures"));
    assert_eq!(compile::compile(&"(?:".repeat(20_000), "").err(), Some("Regular expression too large"));
    assert_eq!(
        Regex::compile("(", "").unwrap_err().to_string(),
        "S0303: Invalid regular expression: /(/: Unterminated group"
    );
}

#[test]
fn runs_out_of_steps_rather_than_of_time() {
    for pattern in
        ["^(a+)+$", "^(a|aa)+$", "^(a|a)*$", "(a*)*b", "(?:(?:){1000000000}){1000000000}b", "(.*)(.*)(.*)(.*)(.*)x"]
    {
        let regex = compile::compile(pattern, "").unwrap_or_else(|reason| panic!("/{pattern}/: {reason}"));
        let mut steps = 3_000_000;
        let found = find(&regex, &format!("{}!", "a".repeat(5_000)), 0, &mut steps);
        assert!(found.is_err(), "/{pattern}/ gave {found:?}");
    }
}

#[test]
fn long_runs_are_cheap() {
    let text = format!("{}b", "a".repeat(100_000));
    let regex = compile::compile("^\\w*b$", "").unwrap();
    let mut steps = 20_000;
    assert!(find(&regex, &text, 0, &mut steps).is_ok_and(|found| found.is_some()));
}
