//! The ARN of an activity.

use super::{ArnError, NameError, Place, check_name, states_parts};
use fleetstep_document::Text;

const ACTIVITY_FORM: &str = "arn:aws:states:REGION:ACCOUNT:activity:NAME";

/// `arn:aws:states:REGION:ACCOUNT:activity:NAME`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ActivityArn {
    text: Text,
    name: Text,
}

impl ActivityArn {
    /// The ARN of the activity `name` at `place`.
    pub fn new(place: &Place, name: &str) -> Result<Self, NameError> {
        check_name(name)?;
        let text = format!("arn:aws:states:{}:{}:activity:{name}", place.region, place.account);
        Ok(Self { text: Text::from(text), name: Text::from(name) })
    }

    /// Parses an ARN, of whatever region and account.
    pub fn parse(text: &str) -> Result<Self, ArnError> {
        let parts = states_parts(text, ACTIVITY_FORM)?;
        if parts.kind != "activity" {
            return Err(ArnError::ResourceType { kind: parts.kind.to_owned() });
        }
        let form = |_| ArnError::Form { text: text.to_owned(), form: ACTIVITY_FORM };
        check_name(parts.rest).map_err(form)?;
        Ok(Self { text: Text::from(text), name: Text::from(parts.rest) })
    }

    /// The whole ARN.
    #[must_use]
    pub fn as_text(&self) -> &Text {
        &self.text
    }

    /// The activity's name.
    #[must_use]
    pub fn name(&self) -> &Text {
        &self.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activity_arns() {
        let made = ActivityArn::new(&Place::default(), "paint").unwrap();
        assert_eq!(made.as_text(), "arn:aws:states:us-east-1:000000000000:activity:paint");
        assert_eq!(ActivityArn::parse(made.as_text()).unwrap(), made);
        for wrong in [
            "arn:aws:states:us-east-1:000000000000:stateMachine:paint",
            "arn:aws:states:us-east-1:000000000000:activity:",
            "arn:aws:states:us-east-1:000000000000:activity:a:b",
            "arn:aws:lambda:us-east-1:000000000000:activity:paint",
            "paint",
        ] {
            assert!(ActivityArn::parse(wrong).is_err(), "{wrong}");
        }
    }
}
