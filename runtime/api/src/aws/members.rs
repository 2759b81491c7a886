//! The members of a request, each checked by the constraints of the service's API model. What breaks a
//! constraint is collected, so that one answer names all of it.

use crate::fault::{Fault, Kind};
use fleetstep_document::{Document, Object, Text, View};
use std::borrow::Cow;
use std::fmt::Write as _;

/// Collects what is wrong with a request.
#[derive(Default)]
pub(crate) struct Checker {
    violations: Vec<String>,
    /// A member of the wrong JSON type: the protocol refuses the request before any constraint is looked at.
    mismatch: Option<String>,
}

/// What a string must be.
#[derive(Clone, Copy)]
pub(crate) struct TextRule {
    pub(crate) required: bool,
    pub(crate) characters_min: usize,
    pub(crate) characters_max: usize,
    /// Its value is not repeated in messages.
    pub(crate) sensitive: bool,
}

impl TextRule {
    /// A string of at least one and at most `characters_max` characters.
    pub(crate) const fn to(characters_max: usize) -> Self {
        Self { required: false, characters_min: 1, characters_max, sensitive: false }
    }

    pub(crate) const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    pub(crate) const fn sensitive(self) -> Self {
        Self { sensitive: true, ..self }
    }

    pub(crate) const fn or_empty(self) -> Self {
        Self { characters_min: 0, ..self }
    }

    /// Checks a value that is there; `path` says where.
    fn check<'a>(self, checker: &mut Checker, value: &'a Document, path: impl FnOnce() -> String) -> Option<&'a Text> {
        let Some(text) = value.as_text() else {
            checker.mismatch(value, "a String");
            return None;
        };
        // No string has more characters than bytes: most need no counting.
        let too_long = text.len() > self.characters_max && text.chars().count() > self.characters_max;
        let too_short = text.is_empty() && self.characters_min > 0;
        if too_long || too_short {
            let shown = (!self.sensitive).then(|| format!("'{text}'"));
            let (relation, bound) =
                if too_long { ("less", self.characters_max) } else { ("greater", self.characters_min) };
            let constraint = format!("Member must have length {relation} than or equal to {bound}");
            checker.violation(shown.as_deref(), &path(), constraint);
        }
        Some(text)
    }
}

impl Checker {
    /// Ends the check.
    pub(crate) fn finish(self) -> Result<(), Fault> {
        if let Some(mismatch) = self.mismatch {
            return Err(Fault::new(Kind::SerializationException, mismatch));
        }
        if self.violations.is_empty() {
            return Ok(());
        }
        let count = self.violations.len();
        let plural = if count == 1 { "" } else { "s" };
        let all = self.violations.join("; ");
        Err(Fault::new(Kind::ValidationException, format!("{count} validation error{plural} detected: {all}")))
    }

    pub(crate) fn violation(&mut self, value: Option<&str>, path: &str, constraint: impl std::fmt::Display) {
        let mut text = String::from("Value ");
        if let Some(value) = value {
            let _ = write!(text, "{value} ");
        }
        let _ = write!(text, "at '{path}' failed to satisfy constraint: {constraint}");
        self.violations.push(text);
    }

    fn mismatch(&mut self, value: &Document, wanted: &str) {
        let text = match value.view() {
            View::Object(_) => "Start of structure or map found where not expected.".into(),
            View::Array(_) => "Start of list found where not expected".into(),
            View::String(_) => format!("STRING_VALUE can not be converted to {wanted}"),
            View::Number(_) => format!("NUMBER_VALUE can not be converted to {wanted}"),
            View::Bool(true) => format!("TRUE_VALUE can not be converted to {wanted}"),
            View::Bool(false) => format!("FALSE_VALUE can not be converted to {wanted}"),
            View::Null => format!("null can not be converted to {wanted}"),
        };
        self.mismatch.get_or_insert(text);
    }
}

/// The members of a structure, and where it stands in the request.
pub(crate) struct Members<'a> {
    object: &'a Object,
    path: Cow<'static, str>,
    /// Lambda writes the names of members with a small letter where it says what is wrong with them.
    is_lambda: bool,
}

impl<'a> Members<'a> {
    /// The members of the request itself.
    pub(crate) fn of(request: &'a Document) -> Result<Self, Fault> {
        match request.as_object() {
            Some(object) => Ok(Self { object, path: Cow::Borrowed(""), is_lambda: false }),
            None => {
                Err(Fault::new(Kind::SerializationException, "Unexpected token: the request must be a JSON object"))
            }
        }
    }

    /// The members of a request to Lambda.
    pub(crate) fn of_lambda(request: &'a Document) -> Result<Self, Fault> {
        Ok(Self { is_lambda: true, ..Self::of(request)? })
    }

    /// A member as it stands; `null` says the same as nothing.
    pub(crate) fn get(&self, name: &str) -> Option<&'a Document> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn path_of(&self, name: &str) -> String {
        let mut name = name.to_owned();
        if self.is_lambda
            && let Some(first) = name.get_mut(..1)
        {
            first.make_ascii_lowercase();
        }
        if self.path.is_empty() { name } else { format!("{}.{name}", self.path) }
    }

    fn present(&self, checker: &mut Checker, name: &str, required: bool) -> Option<&'a Document> {
        let value = self.get(name);
        if value.is_none() && required {
            checker.violation(Some("null"), &self.path_of(name), "Member must not be null");
        }
        value
    }

    /// A string.
    pub(crate) fn text(&self, checker: &mut Checker, name: &str, rule: TextRule) -> Option<&'a Text> {
        let value = self.present(checker, name, rule.required)?;
        rule.check(checker, value, || self.path_of(name))
    }

    /// A string of ASCII characters.
    pub(crate) fn ascii(&self, checker: &mut Checker, name: &str, rule: TextRule) -> Option<&'a Text> {
        self.matching(checker, name, rule, r"\p{ASCII}*", str::is_ascii)
    }

    /// A string that fits a pattern; `fits` says whether it does.
    pub(crate) fn matching(
        &self,
        checker: &mut Checker,
        name: &str,
        rule: TextRule,
        pattern: &str,
        fits: impl FnOnce(&str) -> bool,
    ) -> Option<&'a Text> {
        let text = self.text(checker, name, rule)?;
        if !fits(text) {
            let constraint = format!("Member must satisfy regular expression pattern: {pattern}");
            checker.violation(Some(&format!("'{text}'")), &self.path_of(name), constraint);
        }
        Some(text)
    }

    /// A string of a set.
    pub(crate) fn choice(&self, checker: &mut Checker, name: &str, set: &[&'static str]) -> Option<&'static str> {
        let value = self.get(name)?;
        let Some(text) = value.as_text() else {
            checker.mismatch(value, "a String");
            return None;
        };
        let found = set.iter().find(|choice| **choice == text.as_str()).copied();
        if found.is_none() {
            let constraint = format!("Member must satisfy enum value set: [{}]", set.join(", "));
            checker.violation(Some(&format!("'{text}'")), &self.path_of(name), constraint);
        }
        found
    }

    /// An integer between two bounds that must be there.
    pub(crate) fn required_integer(&self, checker: &mut Checker, name: &str, min: i64, max: i64) -> Option<i64> {
        self.present(checker, name, true)?;
        self.integer(checker, name, min, max)
    }

    /// An integer between two bounds.
    pub(crate) fn integer(&self, checker: &mut Checker, name: &str, min: i64, max: i64) -> Option<i64> {
        let value = self.get(name)?;
        let Some(number) = value.as_i64() else {
            checker.mismatch(value, "an Integer");
            return None;
        };
        if !(min..=max).contains(&number) {
            let (relation, bound) = if number > max { ("less", max) } else { ("greater", min) };
            let constraint = format!("Member must have value {relation} than or equal to {bound}");
            checker.violation(Some(&format!("'{number}'")), &self.path_of(name), constraint);
        }
        Some(number)
    }

    /// A boolean.
    pub(crate) fn boolean(&self, checker: &mut Checker, name: &str) -> Option<bool> {
        let value = self.get(name)?;
        if value.as_bool().is_none() {
            checker.mismatch(value, "a Boolean");
        }
        value.as_bool()
    }

    /// A structure within this one.
    pub(crate) fn structure(&self, checker: &mut Checker, name: &str) -> Option<Members<'a>> {
        self.nested(checker, self.get(name)?, self.path_of(name))
    }

    /// A structure within this one that must be there.
    pub(crate) fn required_structure(&self, checker: &mut Checker, name: &str) -> Option<Members<'a>> {
        self.present(checker, name, true)?;
        self.structure(checker, name)
    }

    /// A list of structures that must be there.
    pub(crate) fn required_structures(&self, checker: &mut Checker, name: &str) -> Option<Vec<Members<'a>>> {
        self.present(checker, name, true)?;
        self.structures(checker, name)
    }

    /// A list of strings that must be there.
    pub(crate) fn required_texts(&self, checker: &mut Checker, name: &str, rule: TextRule) -> Option<Vec<&'a Text>> {
        self.present(checker, name, true)?;
        let items = self.list(checker, name)?;
        let path = self.path_of(name);
        let numbered = items.iter().enumerate();
        Some(numbered.filter_map(|(at, item)| rule.check(checker, item, || member_path(&path, at))).collect())
    }

    /// A list of structures.
    pub(crate) fn structures(&self, checker: &mut Checker, name: &str) -> Option<Vec<Members<'a>>> {
        let items = self.list(checker, name)?;
        let path = self.path_of(name);
        let numbered = items.iter().enumerate();
        Some(numbered.filter_map(|(at, item)| self.nested(checker, item, member_path(&path, at))).collect())
    }

    fn list(&self, checker: &mut Checker, name: &str) -> Option<&'a [Document]> {
        let value = self.get(name)?;
        if value.as_array().is_none() {
            checker.mismatch.get_or_insert_with(|| "Expected list or null".into());
        }
        value.as_array()
    }

    fn nested(&self, checker: &mut Checker, value: &'a Document, path: String) -> Option<Members<'a>> {
        let Some(object) = value.as_object() else {
            checker.mismatch.get_or_insert_with(|| "Unexpected field type".into());
            return None;
        };
        Some(Members { object, path: Cow::Owned(path), is_lambda: self.is_lambda })
    }
}

/// How the service names an item of a list: `tags.1.member`.
fn member_path(list: &str, at: usize) -> String {
    format!("{list}.{}.member", at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, checks: impl FnOnce(&Members<'_>, &mut Checker), expected: &str) {
        let document = Document::parse(json.as_bytes()).unwrap();
        let mut checker = Checker::default();
        checks(&Members::of(&document).unwrap(), &mut checker);
        let message = checker.finish().err().map(|fault| fault.message().to_owned()).unwrap_or_default();
        assert_eq!(message, expected, "{json}");
    }

    #[test]
    fn every_violation_is_named_at_once() {
        let rule = TextRule::to(3).required();
        let both = |members: &Members<'_>, checker: &mut Checker| {
            members.text(checker, "name", rule);
            members.integer(checker, "maxResults", 0, 1_000);
        };
        check(r#"{"name":"äöü"}"#, both, "");
        check(
            r#"{"name":"abcd","maxResults":1001}"#,
            both,
            "2 validation errors detected: Value 'abcd' at 'name' failed to satisfy constraint: Member must have \
             length less than or equal to 3; Value '1001' at 'maxResults' failed to satisfy constraint: Member must \
             have value less than or equal to 1000",
        );
        check(
            r#"{"name":null,"maxResults":-1}"#,
            both,
            "2 validation errors detected: Value null at 'name' failed to satisfy constraint: Member must not be \
             null; Value '-1' at 'maxResults' failed to satisfy constraint: Member must have value greater than or \
             equal to 0",
        );
        check(r#"{"name":7,"maxResults":-1}"#, both, "NUMBER_VALUE can not be converted to a String");
    }

    #[test]
    fn places_within_lists_are_counted_from_one() {
        check(
            r#"{"tags":[{"key":"a"},{"key":""}]}"#,
            |members, checker| {
                for tag in members.structures(checker, "tags").unwrap() {
                    tag.text(checker, "key", TextRule::to(128));
                }
            },
            "1 validation error detected: Value '' at 'tags.2.member.key' failed to satisfy constraint: Member must \
             have length greater than or equal to 1",
        );
    }

    #[test]
    fn a_sensitive_value_is_not_repeated() {
        check(
            r#"{"input":"secret"}"#,
            |members, checker| {
                members.text(checker, "input", TextRule::to(3).sensitive());
            },
            "1 validation error detected: Value at 'input' failed to satisfy constraint: Member must have length \
             less than or equal to 3",
        );
    }
}
