//! Tokens of callbacks. What made the recorded ones is the secret of the process that ran the execution, so that a
//! replayed execution has others in their places.

use fleetstep_document::{Document, View};

/// Whether two documents are the same but for `token`, which stands in the replayed one, alone or within a longer text,
/// where the recorded one has another.
pub(super) fn same_but_for(recorded: &Document, replayed: &Document, token: &str) -> bool {
    match (recorded.view(), replayed.view()) {
        (View::String(recorded), View::String(replayed)) => match replayed.split_once(token) {
            Some((before, after)) => {
                recorded.strip_prefix(before).is_some_and(|rest| rest.len() > after.len() && rest.ends_with(after))
            }
            None => recorded == replayed,
        },
        (View::Array(recorded), View::Array(replayed)) => {
            recorded.len() == replayed.len()
                && recorded.iter().zip(replayed).all(|(one, other)| same_but_for(one, other, token))
        }
        (View::Object(recorded), View::Object(replayed)) => {
            recorded.len() == replayed.len()
                && replayed
                    .iter()
                    .all(|(name, other)| recorded.get(name).is_some_and(|one| same_but_for(one, other, token)))
        }
        _ => recorded == replayed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_may_differ() {
        let recorded = Document::parse(br#"{"a":["x-secret!",1],"b":"secret","c":"secret"}"#).expect("it is JSON");
        let cases = [
            (r#"{"a":["x-T!",1],"b":"T","c":"secret"}"#, true),
            (r#"{"a":["x-T!",2],"b":"T","c":"secret"}"#, false),
            (r#"{"a":["x-T",1],"b":"T","c":"secret"}"#, true),
            (r#"{"a":["y-T!",1],"b":"T","c":"secret"}"#, false),
            (r#"{"a":["x-T!",1],"b":"T","c":"other"}"#, false),
            (r#"{"a":["x-T!",1],"b":"T"}"#, false),
        ];
        for (replayed, is_same) in cases {
            let replayed = Document::parse(replayed.as_bytes()).expect("it is JSON");
            assert_eq!(same_but_for(&recorded, &replayed, "T"), is_same, "{replayed}");
        }
    }
}
