//! Names of members: integrations have them in PascalCase, some services in camelCase on the wire.

use fleetstep_document::{Document, ObjectBuilder};

/// `putItem` as `PutItem`.
pub(super) fn pascal_case(name: &str) -> String {
    first_letter(name, |first| first.to_ascii_uppercase())
}

fn camel_case(name: &str) -> String {
    first_letter(name, |first| first.to_ascii_lowercase())
}

fn first_letter(name: &str, change: impl FnOnce(char) -> char) -> String {
    let mut characters = name.chars();
    characters.next().map(change).into_iter().chain(characters).collect()
}

/// The document with all its members renamed.
pub(super) fn in_pascal_case(document: &Document) -> Document {
    renamed(document, pascal_case)
}

/// The document with all its members renamed.
pub(super) fn in_camel_case(document: &Document) -> Document {
    renamed(document, camel_case)
}

/// Documents are bounded in depth where they are read.
fn renamed(document: &Document, rename: fn(&str) -> String) -> Document {
    if let Some(object) = document.as_object() {
        let mut out = ObjectBuilder::with_capacity(object.len());
        for (name, value) in object.iter() {
            out.push(rename(name), renamed(value, rename));
        }
        return out.build();
    }
    match document.as_array() {
        Some(items) => Document::from(items.iter().map(|item| renamed(item, rename)).collect::<Vec<_>>()),
        None => document.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_renamed_all_the_way_down() {
        let given = Document::parse(br#"{"Tags":[{"Key":"K","Value":"V"}],"Name":"N"}"#).unwrap();
        let small = in_camel_case(&given);
        assert_eq!(small.to_json(), r#"{"tags":[{"key":"K","value":"V"}],"name":"N"}"#);
        assert_eq!(in_pascal_case(&small), given);
    }
}
