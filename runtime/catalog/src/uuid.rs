//! Fresh UUIDs: names of executions, revisions, requests.

use fleetstep_document::Text;

/// How long the text of a UUID is.
pub(crate) const UUID_BYTES: usize = uuid::fmt::Hyphenated::LENGTH;

/// A fresh UUID (version 4, random). Good for telling things apart, not for keeping secrets.
pub(crate) fn uuid() -> Text {
    Text::from(write_uuid(&mut [0; UUID_BYTES]))
}

/// The same, where there is room for it.
pub(crate) fn write_uuid(room: &mut [u8; UUID_BYTES]) -> &str {
    uuid::Builder::from_random_bytes(fastrand::u128(..).to_be_bytes()).into_uuid().hyphenated().encode_lower(room)
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
