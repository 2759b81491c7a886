//! What may have been meant.

/// Names longer than this are not compared.
const NAME_CHARS_MAX: usize = 80;

/// No more names than this are compared with one: a hint is not worth more.
const CANDIDATE_COUNT_MAX: usize = 200;

/// `did you mean 'Next'?`, if one of `candidates` is close to `name`.
pub(crate) fn did_you_mean<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    let name: Vec<char> = name.chars().collect();
    if name.len() > NAME_CHARS_MAX {
        return None;
    }
    let distance_max = (name.len() / 3).max(1);
    candidates
        .take(CANDIDATE_COUNT_MAX)
        .filter(|candidate| candidate.chars().count().abs_diff(name.len()) <= distance_max)
        .map(|candidate| (distance(&name, candidate), candidate))
        .filter(|&(distance, _)| distance <= distance_max)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| format!("did you mean '{candidate}'?"))
}

/// How many letters must be added, dropped or changed; upper and lower case count as one.
fn distance(from: &[char], to: &str) -> usize {
    let same = |a: char, b: char| a.eq_ignore_ascii_case(&b);
    let mut row: Vec<usize> = (0..=from.len()).collect();
    for (line, letter) in to.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for at in 0..from.len() {
            let changed = diagonal + usize::from(!same(from[at], letter));
            diagonal = row[at + 1];
            row[at + 1] = changed.min(row[at] + 1).min(diagonal + 1);
        }
    }
    row[from.len()]
}
