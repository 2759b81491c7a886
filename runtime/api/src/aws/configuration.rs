//! What belongs to a state machine beside its definition: logging, tracing, encryption, whether it is published. Each
//! is checked and kept, or refused; none is ignored.

use super::members::{Checker, Members, TextRule};
use crate::fault::{Fault, Kind};
use crate::limits::{ARN_CHARACTERS_MAX, DESCRIPTION_CHARACTERS_MAX};
use fleetstep_catalog::Publication;
use fleetstep_document::{Document, ObjectBuilder};

/// What a version or an alias is described by.
pub(super) const DESCRIPTION: TextRule = TextRule::to(DESCRIPTION_CHARACTERS_MAX).or_empty().sensitive();

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
pub(super) fn publication(checker: &mut Checker, request: &Members<'_>) -> Result<Option<Publication>, Fault> {
    let publish = request.boolean(checker, "publish").unwrap_or(false);
    let description = request.text(checker, "versionDescription", DESCRIPTION).map(ToString::to_string);
    match (publish, description) {
        (true, description) => Ok(Some(Publication { description })),
        (false, Some(_)) => {
            let message = "Version description can only be set when publish is true";
            Err(Fault::new(Kind::ValidationException, message))
        }
        (false, None) => Ok(None),
    }
}
