//! What belongs to a state machine beside its definition: logging, tracing, encryption, tags, versions. Each is
//! checked and kept, or refused; none is ignored.

use super::members::{Checker, Members, TextRule};
use crate::fault::{Fault, Kind};
use crate::limits::{ARN_CHARACTERS_MAX, TAGS_MAX};
use fleetstep_document::{Document, ObjectBuilder};
use std::collections::BTreeMap;

/// `loggingConfiguration` as it is kept and described, checked for what the service checks.
pub(super) fn logging(checker: &mut Checker, request: &Members<'_>) -> Option<Result<Document, Fault>> {
    let logging = request.structure(checker, "loggingConfiguration")?;
    let level = logging.choice(checker, "level", &["ALL", "ERROR", "FATAL", "OFF"]).unwrap_or("OFF");
    let include = logging.boolean(checker, "includeExecutionData").unwrap_or(false);
    let destinations = logging.structures(checker, "destinations");
    let mut groups = 0;
    for destination in destinations.iter().flatten() {
        let group = destination.structure(checker, "cloudWatchLogsLogGroup");
        let arn = group.and_then(|group| group.text(checker, "logGroupArn", TextRule::to(ARN_CHARACTERS_MAX)));
        groups += usize::from(arn.is_some());
    }
    let named = destinations.as_ref().map_or(0, Vec::len);
    if named > 1 || named != groups || (level != "OFF" && groups != 1) {
        let message = "Invalid Logging Configuration: Must specify exactly one Log Destination.";
        return Some(Err(Fault::new(Kind::InvalidLoggingConfiguration, message)));
    }
    let mut kept = ObjectBuilder::with_capacity(3).with("level", level).with("includeExecutionData", include);
    if destinations.is_some() {
        kept.push("destinations", logging.get("destinations")?.clone());
    }
    Some(Ok(kept.build()))
}

/// `tracingConfiguration` as it is kept and described.
pub(super) fn tracing(checker: &mut Checker, request: &Members<'_>) -> Option<Document> {
    let tracing = request.structure(checker, "tracingConfiguration")?;
    let enabled = tracing.boolean(checker, "enabled").unwrap_or(false);
    Some(ObjectBuilder::with_capacity(1).with("enabled", enabled).build())
}

/// `encryptionConfiguration`: there are no keys but the server's own.
pub(super) fn encryption(checker: &mut Checker, request: &Members<'_>) -> Result<(), Fault> {
    let Some(encryption) = request.structure(checker, "encryptionConfiguration") else { return Ok(()) };
    let kind = encryption.choice(checker, "type", &["AWS_OWNED_KEY", "CUSTOMER_MANAGED_KMS_KEY"]);
    let key = encryption.text(checker, "kmsKeyId", TextRule::to(2_048));
    let period = encryption.integer(checker, "kmsDataKeyReusePeriodSeconds", 60, 900);
    if kind == Some("CUSTOMER_MANAGED_KMS_KEY") || key.is_some() || period.is_some() {
        let message = "Invalid Encryption Configuration: customer managed keys are not supported; leave \
                       encryptionConfiguration out";
        return Err(Fault::new(Kind::InvalidEncryptionConfiguration, message));
    }
    if kind.is_none() {
        encryption.text(checker, "type", TextRule::to(64).required());
    }
    Ok(())
}

/// `publish` and `versionDescription`.
pub(super) fn versions(checker: &mut Checker, request: &Members<'_>) -> Result<(), Fault> {
    let publish = request.boolean(checker, "publish").unwrap_or(false);
    let description = request.text(checker, "versionDescription", TextRule::to(256).or_empty().sensitive());
    match (publish, description) {
        (true, _) => Err(super::refusals::not_built("publish", "Versions")),
        (false, Some(_)) => {
            let message = "Version description can only be set when publish is true";
            Err(Fault::new(Kind::ValidationException, message))
        }
        (false, None) => Ok(()),
    }
}

/// `tags`
pub(super) fn tags(checker: &mut Checker, request: &Members<'_>) -> Result<BTreeMap<String, String>, Fault> {
    let mut tags = BTreeMap::new();
    for tag in request.structures(checker, "tags").unwrap_or_default() {
        let key = tag.text(checker, "key", TextRule::to(128).required());
        let value = tag.text(checker, "value", TextRule::to(256).or_empty());
        if let Some(key) = key {
            tags.insert(key.to_string(), value.map(ToString::to_string).unwrap_or_default());
        }
    }
    if tags.len() > TAGS_MAX {
        let message = format!("You can only have {TAGS_MAX} tags on a resource, but {} were given", tags.len());
        return Err(Fault::new(Kind::TooManyTags, message));
    }
    Ok(tags)
}
