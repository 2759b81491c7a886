//! Fresh UUIDs: names of executions, revisions, requests.

use fleetstep_document::Text;

/// A fresh UUID (version 4, random). Good for telling things apart, not for keeping secrets.
pub(crate) fn uuid() -> Text {
    let uuid = uuid::Builder::from_random_bytes(fastrand::u128(..).to_be_bytes()).into_uuid();
    Text::from(&*uuid.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn uuids_differ_and_are_of_version_four() {
        let (a, b) = (super::uuid(), super::uuid());
        assert_ne!(a, b);
        assert_eq!((a.len(), a.as_bytes()[14]), (36, b'4'));
    }
}
