//! Names and ARNs, parsed at the edge: further in they are typed.
//!
//! Rules of names: `CreateStateMachine` and `StartExecution` in the Step Functions API reference, and `Invoke`
//! (`FunctionName`) in Lambda's.

mod activity;

pub use activity::ActivityArn;

use crate::published::version_number;
use fleetstep_document::Text;

/// The longest name of a state machine or an execution.
pub const NAME_CHARS_MAX: usize = 80;
/// The longest name of a function.
pub const FUNCTION_NAME_CHARS_MAX: usize = 64;
/// The longest `FunctionName` with all its parts.
pub const FUNCTION_ARN_CHARS_MAX: usize = 140;

/// Region and account that this server's ARNs name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// For example `us-east-1`.
    pub region: Text,
    /// Twelve digits.
    pub account: Text,
}

impl Default for Place {
    fn default() -> Self {
        Self { region: Text::from("us-east-1"), account: Text::from("000000000000") }
    }
}

impl Place {
    /// A place, if these are a region and an account.
    pub fn new(region: &str, account: &str) -> Result<Self, PlaceError> {
        if !is_region(region) {
            return Err(PlaceError::Region { region: region.to_owned() });
        }
        if !is_account(account) {
            return Err(PlaceError::Account { account: account.to_owned() });
        }
        Ok(Self { region: Text::from(region), account: Text::from(account) })
    }
}

/// Why region and account make no place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// The region has another form.
    #[error("'{region}' is no region: it should look like us-east-1")]
    Region {
        /// As it came.
        region: String,
    },
    /// The account has another form.
    #[error("'{account}' is no account: it should have twelve digits")]
    Account {
        /// As it came.
        account: String,
    },
}

/// Why a text is not the ARN that it should be. The text is what the service puts between the quotes of
/// `Invalid Arn: '…'`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArnError {
    /// It does not begin as an ARN of the service does.
    #[error("Invalid ARN prefix: {text}")]
    Prefix {
        /// As it came.
        text: String,
    },
    /// It is the ARN of something else.
    #[error("Resource type not valid in this context: {kind}")]
    ResourceType {
        /// Its sixth part, for example `express`.
        kind: String,
    },
    /// A part is missing, too much, or not what it should be.
    #[error("{text} does not have the form {form}")]
    Form {
        /// As it came.
        text: String,
        /// How it should look.
        form: &'static str,
    },
}

/// Why a text is no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It has characters that the name of a state machine or an execution must not have.
    #[error("Invalid Name: '{name}'")]
    Characters {
        /// As it came.
        name: String,
    },
    /// It is empty, or longer than [`NAME_CHARS_MAX`] characters.
    #[error("Invalid Name: '{name}'")]
    Length {
        /// As it came.
        name: String,
    },
    /// It is no name of a function.
    #[error(
        "Invalid function name: '{name}': it should have 1 to {FUNCTION_NAME_CHARS_MAX} letters, digits, hyphens and underscores"
    )]
    Function {
        /// As it came.
        name: String,
    },
}

const STATE_MACHINE_FORM: &str = "arn:aws:states:REGION:ACCOUNT:stateMachine:NAME";
const EXECUTION_FORM: &str = "arn:aws:states:REGION:ACCOUNT:express:MACHINE:NAME:UUID";
const FUNCTION_FORM: &str = "NAME, NAME:QUALIFIER or arn:aws:lambda:REGION:ACCOUNT:function:NAME";

/// `arn:aws:states:REGION:ACCOUNT:stateMachine:NAME[:QUALIFIER]`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StateMachineArn {
    text: Text,
    name: Text,
    qualifier: Option<Text>,
}

impl StateMachineArn {
    /// The ARN of the machine `name` at `place`.
    pub fn new(place: &Place, name: &str) -> Result<Self, NameError> {
        check_name(name)?;
        let text = format!("arn:aws:states:{}:{}:stateMachine:{name}", place.region, place.account);
        Ok(Self { text: Text::from(text), name: Text::from(name), qualifier: None })
    }

    /// Parses an ARN, of whatever region and account.
    pub fn parse(text: &str) -> Result<Self, ArnError> {
        let form = || ArnError::Form { text: text.to_owned(), form: STATE_MACHINE_FORM };
        let parts = states_parts(text, STATE_MACHINE_FORM)?;
        if parts.kind != "stateMachine" {
            return Err(ArnError::ResourceType { kind: parts.kind.to_owned() });
        }
        let (name, qualifier) = match parts.rest.split_once(':') {
            Some((name, qualifier)) => (name, Some(qualifier)),
            None => (parts.rest, None),
        };
        check_name(name).map_err(|_| form())?;
        qualifier.map_or(Ok(()), check_name).map_err(|_| form())?;
        Ok(Self { text: Text::from(text), name: Text::from(name), qualifier: qualifier.map(Text::from) })
    }

    /// The whole ARN.
    #[must_use]
    pub fn as_text(&self) -> &Text {
        &self.text
    }

    /// The machine's name.
    #[must_use]
    pub fn name(&self) -> &Text {
        &self.name
    }

    /// A version's number or an alias.
    #[must_use]
    pub fn qualifier(&self) -> Option<&Text> {
        self.qualifier.as_ref()
    }

    /// The number of the version that it names.
    #[must_use]
    pub fn version(&self) -> Option<u32> {
        self.qualifier.as_deref().and_then(version_number)
    }

    /// The ARN of the machine alone.
    #[must_use]
    pub fn unqualified(&self) -> Self {
        let length = self.qualifier.as_ref().map_or(0, |qualifier| qualifier.len() + 1);
        let text = Text::from(&self.text[..self.text.len() - length]);
        Self { text, name: self.name.clone(), qualifier: None }
    }

    /// The ARN of a version or an alias of this machine.
    pub(crate) fn qualified_by(&self, qualifier: &str) -> Self {
        let text = format!("{}:{qualifier}", self.unqualified().text);
        Self { text: Text::from(text), name: self.name.clone(), qualifier: Some(Text::from(qualifier)) }
    }
}

/// `arn:aws:states:REGION:ACCOUNT:express:MACHINE:NAME:UUID`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ExecutionArn {
    text: Text,
    machine: Text,
    name: Text,
}

impl ExecutionArn {
    /// Parses the ARN of an express execution, of whatever region and account.
    pub fn parse(text: &str) -> Result<Self, ArnError> {
        let form = || ArnError::Form { text: text.to_owned(), form: EXECUTION_FORM };
        let parts = states_parts(text, EXECUTION_FORM)?;
        if parts.kind != "express" {
            return Err(ArnError::ResourceType { kind: parts.kind.to_owned() });
        }
        let mut names = parts.rest.split(':');
        let (Some(machine), Some(name), Some(id), None) = (names.next(), names.next(), names.next(), names.next())
        else {
            return Err(form());
        };
        for part in [machine, name, id] {
            check_name(part).map_err(|_| form())?;
        }
        Ok(Self { text: Text::from(text), machine: Text::from(machine), name: Text::from(name) })
    }

    /// The whole ARN.
    #[must_use]
    pub fn as_text(&self) -> &Text {
        &self.text
    }

    /// Name of the state machine.
    #[must_use]
    pub fn state_machine_name(&self) -> &Text {
        &self.machine
    }

    /// Name of the execution.
    #[must_use]
    pub fn name(&self) -> &Text {
        &self.name
    }
}

/// `arn:aws:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FunctionArn {
    text: Text,
    name: Text,
    qualifier: Option<Text>,
}

impl FunctionArn {
    /// The ARN of the function `name` at `place`.
    pub fn new(place: &Place, name: &str) -> Result<Self, NameError> {
        check_function_name(name)?;
        Ok(Self::of_parts(&place.region, &place.account, name, None))
    }

    /// Parses what Lambda takes as a `FunctionName`: `NAME`, `NAME:QUALIFIER`, `ACCOUNT:function:NAME` or a whole
    /// ARN. What the text leaves out is that of `place`.
    pub fn parse(place: &Place, text: &str) -> Result<Self, ArnError> {
        let form = || ArnError::Form { text: text.to_owned(), form: FUNCTION_FORM };
        if text.len() > FUNCTION_ARN_CHARS_MAX {
            return Err(form());
        }
        let mut rest = match text.strip_prefix("arn:") {
            Some(rest) => rest.strip_prefix("aws").and_then(|rest| rest.split_once(":lambda:")).ok_or_else(form)?.1,
            None => text,
        };
        let mut optional = |is: fn(&str) -> bool| {
            let (part, after) = rest.split_once(':').filter(|(part, _)| is(part))?;
            rest = after;
            Some(part)
        };
        let region = optional(is_region).unwrap_or(&place.region);
        let account = optional(is_account).unwrap_or(&place.account);
        let _ = optional(|part| part == "function");
        let (name, qualifier) = match rest.split_once(':') {
            Some((name, qualifier)) => (name, Some(qualifier)),
            None => (rest, None),
        };
        check_function_name(name).map_err(|_| form())?;
        if qualifier.is_some_and(|qualifier| !is_function_qualifier(qualifier)) {
            return Err(form());
        }
        Ok(Self::of_parts(region, account, name, qualifier))
    }

    /// The ARN of the function alone.
    #[must_use]
    pub fn unqualified(&self) -> Self {
        let length = self.qualifier.as_ref().map_or(0, |qualifier| qualifier.len() + 1);
        let text = Text::from(&self.text[..self.text.len() - length]);
        Self { text, name: self.name.clone(), qualifier: None }
    }

    /// The ARN of a version or an alias of this function.
    #[must_use]
    pub fn qualified_by(&self, qualifier: &str) -> Self {
        let text = format!("{}:{qualifier}", self.unqualified().text);
        Self { text: Text::from(text), name: self.name.clone(), qualifier: Some(Text::from(qualifier)) }
    }

    fn of_parts(region: &str, account: &str, name: &str, qualifier: Option<&str>) -> Self {
        let mut text = format!("arn:aws:lambda:{region}:{account}:function:{name}");
        if let Some(qualifier) = qualifier {
            text.push(':');
            text.push_str(qualifier);
        }
        Self { text: Text::from(text), name: Text::from(name), qualifier: qualifier.map(Text::from) }
    }

    /// The whole ARN.
    #[must_use]
    pub fn as_text(&self) -> &Text {
        &self.text
    }

    /// The function's name.
    #[must_use]
    pub fn name(&self) -> &Text {
        &self.name
    }

    /// A version's number or an alias.
    #[must_use]
    pub fn qualifier(&self) -> Option<&Text> {
        self.qualifier.as_ref()
    }
}

/// Whether `name` may name an execution: the rules of a state machine's name.
pub fn check_execution_name(name: &str) -> Result<(), NameError> {
    check_name(name)
}

fn check_name(name: &str) -> Result<(), NameError> {
    // A character has a byte at least, so that a very long text is not counted through.
    if name.is_empty() || name.len() > NAME_CHARS_MAX * 4 || name.chars().count() > NAME_CHARS_MAX {
        return Err(NameError::Length { name: name.to_owned() });
    }
    if name.chars().any(is_forbidden) {
        return Err(NameError::Characters { name: name.to_owned() });
    }
    Ok(())
}

fn is_forbidden(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || "<>{}[]?*\"#%\\^|~`$&,;:/".contains(c)
        || matches!(c, '\u{fffe}' | '\u{ffff}' | '\u{10ffff}')
}

fn check_function_name(name: &str) -> Result<(), NameError> {
    if is_function_name(name) { Ok(()) } else { Err(NameError::Function { name: name.to_owned() }) }
}

/// Whether a text is the bare name of a function.
pub(crate) fn is_function_name(text: &str) -> bool {
    (1..=FUNCTION_NAME_CHARS_MAX).contains(&text.len()) && text.bytes().all(is_function_name_byte)
}

fn is_function_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

fn is_function_qualifier(text: &str) -> bool {
    text == LATEST || (!text.is_empty() && text.bytes().all(is_function_name_byte))
}

/// The qualifier of what was deployed last.
pub(crate) const LATEST: &str = "$LATEST";

/// `us-east-1`, `us-gov-west-1`: words of small letters between hyphens, the last a number.
fn is_region(text: &str) -> bool {
    let mut parts = text.split('-').rev();
    let number = parts.next().is_some_and(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    let words = parts.clone().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase()));
    number && words && parts.count() >= 2
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// What follows the account in an ARN of Step Functions.
struct StatesParts<'a> {
    kind: &'a str,
    rest: &'a str,
}

fn states_parts<'a>(text: &'a str, form: &'static str) -> Result<StatesParts<'a>, ArnError> {
    let malformed = || ArnError::Form { text: text.to_owned(), form };
    let mut parts = text.splitn(7, ':');
    let mut next = || parts.next().unwrap_or_default();
    let (arn, partition, service) = (next(), next(), next());
    if arn != "arn" || !partition.starts_with("aws") || service != "states" {
        return Err(ArnError::Prefix { text: text.to_owned() });
    }
    let (region, account, kind, rest) = (next(), next(), next(), next());
    if !is_region(region) || !is_account(account) || kind.is_empty() || rest.is_empty() {
        return Err(malformed());
    }
    Ok(StatesParts { kind, rest })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text, and the name and the qualifier in it, or the error.
    type Case = (&'static str, Result<(&'static str, Option<&'static str>), &'static str>);

    #[test]
    fn state_machine_arns() {
        let cases: &[Case] = &[
            ("arn:aws:states:us-east-1:000000000000:stateMachine:orders", Ok(("orders", None))),
            ("arn:aws:states:us-east-1:000000000000:stateMachine:orders:3", Ok(("orders", Some("3")))),
            ("arn:aws-us-gov:states:us-gov-west-1:123456789012:stateMachine:a.b", Ok(("a.b", None))),
            ("invalid_arn", Err("Invalid ARN prefix: invalid_arn")),
            ("", Err("Invalid ARN prefix: ")),
            (
                "arn:aws:lambda:us-east-1:000000000000:function:f",
                Err("Invalid ARN prefix: arn:aws:lambda:us-east-1:000000000000:function:f"),
            ),
            (
                "arn:aws:states:us-east-1:000000000000:express:m:n:u",
                Err("Resource type not valid in this context: express"),
            ),
        ];
        for (text, expected) in cases {
            match (StateMachineArn::parse(text), expected) {
                (Ok(arn), Ok((name, qualifier))) => {
                    assert_eq!(arn.as_text(), text);
                    assert_eq!((arn.name().as_str(), arn.qualifier().map(Text::as_str)), (*name, *qualifier));
                }
                (Err(error), Err(message)) => assert_eq!(error.to_string(), *message),
                (got, expected) => panic!("{text}: {got:?}, not {expected:?}"),
            }
        }
        for text in [
            "arn:aws:states",
            "arn:aws:states:us-east-1:1:stateMachine:orders",
            "arn:aws:states::000000000000:stateMachine:orders",
            "arn:aws:states:us-east-1:000000000000:stateMachine",
            "arn:aws:states:us-east-1:000000000000:stateMachine:",
            "arn:aws:states:us-east-1:000000000000:stateMachine:a b",
            "arn:aws:states:us-east-1:000000000000:stateMachine:a:",
            "arn:aws:states:us-east-1:000000000000:stateMachine:a:b:c",
        ] {
            assert!(matches!(StateMachineArn::parse(text), Err(ArnError::Form { .. })), "{text}");
        }
    }

    #[test]
    fn execution_arns() {
        let text = "arn:aws:states:eu-west-1:123456789012:express:orders:run 1:u";
        assert!(matches!(ExecutionArn::parse(text), Err(ArnError::Form { .. })));
        let text = "arn:aws:states:eu-west-1:123456789012:express:orders:run-1:0f8b";
        let arn = ExecutionArn::parse(text).unwrap();
        assert_eq!((arn.state_machine_name().as_str(), arn.name().as_str()), ("orders", "run-1"));
        let text = "arn:aws:states:eu-west-1:123456789012:execution:orders:run-1";
        assert_eq!(
            ExecutionArn::parse(text).unwrap_err().to_string(),
            "Resource type not valid in this context: execution"
        );
    }

    #[test]
    fn function_names() {
        let place = Place::default();
        for (text, arn, name, qualifier) in [
            ("charge", "arn:aws:lambda:us-east-1:000000000000:function:charge", "charge", None),
            ("charge:7", "arn:aws:lambda:us-east-1:000000000000:function:charge:7", "charge", Some("7")),
            (
                "charge:$LATEST",
                "arn:aws:lambda:us-east-1:000000000000:function:charge:$LATEST",
                "charge",
                Some("$LATEST"),
            ),
            ("function:charge", "arn:aws:lambda:us-east-1:000000000000:function:charge", "charge", None),
            ("function", "arn:aws:lambda:us-east-1:000000000000:function:function", "function", None),
            ("123456789012:function:charge", "arn:aws:lambda:us-east-1:123456789012:function:charge", "charge", None),
            (
                "arn:aws:lambda:eu-west-1:123456789012:function:charge:prod",
                "arn:aws:lambda:eu-west-1:123456789012:function:charge:prod",
                "charge",
                Some("prod"),
            ),
        ] {
            let parsed = FunctionArn::parse(&place, text).unwrap();
            assert_eq!(parsed.as_text(), arn);
            assert_eq!((parsed.name().as_str(), parsed.qualifier().map(Text::as_str)), (name, qualifier));
        }
        let long = "a".repeat(65);
        for text in
            ["", "a b", "a:", "a:b:c", ":a", "arn:aws:states:us-east-1:000000000000:stateMachine:a", "\u{e9}", &long]
        {
            assert!(FunctionArn::parse(&place, text).is_err(), "{text}");
        }
    }

    #[test]
    fn names() {
        let longest = "\u{e9}".repeat(80);
        for name in ["a", "a.b-c_d", "a=b@c!(d)'e'+f", "\u{4e2d}\u{6587}", &longest] {
            assert_eq!(check_execution_name(name), Ok(()), "{name}");
        }
        let long = "a".repeat(81);
        for name in ["", long.as_str()] {
            assert!(matches!(check_execution_name(name), Err(NameError::Length { .. })));
        }
        for c in " \t\n<>{}[]?*\"#%\\^|~`$&,;:/\u{0}\u{1f}\u{7f}\u{9f}\u{fffe}\u{ffff}".chars() {
            let name = format!("a{c}");
            assert_eq!(check_execution_name(&name).unwrap_err().to_string(), format!("Invalid Name: '{name}'"));
        }
        assert!(check_function_name("a.b").is_err());
    }

    #[test]
    fn places() {
        assert!(Place::new("us-gov-west-1", "123456789012").is_ok());
        for (region, account) in
            [("", "123456789012"), ("useast1", "123456789012"), ("us-east-1", "12"), ("us-east-1", "x")]
        {
            assert!(Place::new(region, account).is_err(), "{region} {account}");
        }
    }
}
