//! Tags of functions.

use super::Call;
use super::name::{Named, fault, invalid};
use super::request::texts;
use super::shape::{map, one};
use crate::aws::Members;
use crate::fault::Fault;
use fleetstep_document::Document;
use std::collections::BTreeMap;

type Tags = BTreeMap<String, String>;

const KEY_CHARS_MAX: usize = 128;
const VALUE_CHARS_MAX: usize = 256;
/// What may stand in a tag beside letters, digits and white space.
const SYMBOLS: &str = "_.:/=+-@";
/// Keys that begin with this are the service's own.
const RESERVED_PREFIX: &str = "aws:";

/// `Tags` of `CreateFunction`
pub(super) fn at_creation(members: &Members<'_>) -> Result<Tags, Fault> {
    members.get("Tags").map_or_else(|| Ok(Tags::new()), read)
}

fn read(value: &Document) -> Result<Tags, Fault> {
    let tags = texts(value, "Tags")?;
    match tags.iter().find_map(|(key, value)| complaint(key, value)) {
        Some(complaint) => Err(invalid(complaint)),
        None => Ok(tags),
    }
}

fn complaint(key: &str, value: &str) -> Option<String> {
    let allowed = |c: char| c.is_alphanumeric() || c.is_whitespace() || SYMBOLS.contains(c);
    let longer = |text: &str, most: usize| text.len() > most && text.chars().count() > most;
    if key.is_empty() || longer(key, KEY_CHARS_MAX) || longer(value, VALUE_CHARS_MAX) {
        return Some(format!(
            "A tag has a key of 1 to {KEY_CHARS_MAX} characters and a value of up to {VALUE_CHARS_MAX}"
        ));
    }
    if !key.chars().chain(value.chars()).all(allowed) {
        return Some(format!(
            "The tag '{key}' has a character that is no letter, digit, white space or one of {SYMBOLS}"
        ));
    }
    let reserved = key.get(..RESERVED_PREFIX.len()).is_some_and(|head| head.eq_ignore_ascii_case(RESERVED_PREFIX));
    reserved.then(|| format!("The tag '{key}' begins with '{RESERVED_PREFIX}', which is reserved"))
}

/// The function whose ARN stands in the path.
fn tagged(call: &Call<'_>) -> Result<Named, Fault> {
    let arn = call.routed.label();
    if !arn.starts_with("arn:") {
        return Err(invalid(format!("'{arn}' is no ARN of a function")));
    }
    call.named(arn)?.unqualified()
}

/// `TagResource`
pub(super) async fn tag(call: Call<'_>) -> Result<(), Fault> {
    let request = call.json()?;
    let tags = read(Members::of_lambda(&request)?.get("Tags").unwrap_or(&Document::NULL))?;
    let named = tagged(&call)?;
    let tagged = call.service.catalog().change_function_tags(&named.name, move |there| there.extend(tags));
    tagged.await.map_err(fault)
}

/// `UntagResource`: a key that is not there is gone already.
pub(super) async fn untag(call: Call<'_>) -> Result<(), Fault> {
    let keys = call.query().filter(|(name, _)| name == "tagKeys").map(|(_, key)| key.into_owned());
    let keys: Vec<String> = keys.collect();
    if keys.is_empty() {
        return Err(invalid("tagKeys says which tags are to go"));
    }
    let named = tagged(&call)?;
    let changed = call.service.catalog().change_function_tags(&named.name, move |there| {
        there.retain(|key, _| !keys.contains(key));
    });
    changed.await.map_err(fault)
}

/// `ListTags`
pub(super) fn list(call: &Call<'_>) -> Result<Document, Fault> {
    let named = tagged(call)?;
    let found = call.service.catalog().function(&named.name, None).map_err(fault)?;
    Ok(one("Tags", map(&found.tags)))
}
