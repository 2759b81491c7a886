//! Inputs from templates: JSON with placeholders that are filled in for every request.
//!
//! A template is taken apart once; to fill it in is to copy its parts one after the other.

use fastrand::Rng;
use thiserror::Error;

/// Alternatives of one `${pick:…}`.
const PICKS_MAX: usize = 1_000;
/// What a placeholder may be, as an error tells it.
const KNOWN: &str = "${seq}, ${uuid}, ${random:1..100}, ${pick:a,b,c}; write $${ for ${ itself";

/// A template that cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TemplateError {
    /// A placeholder without its closing brace.
    #[error("`{0}` has no closing brace")]
    Open(String),
    /// A placeholder that does not exist.
    #[error("`${{{0}}}` is no placeholder; there are {KNOWN}")]
    Unknown(String),
    /// A range that is none.
    #[error("`{0}` is no range such as 1..100")]
    Range(String),
    /// Too many alternatives.
    #[error("`${{pick:…}}` has {0} alternatives: {PICKS_MAX} are the most")]
    Picks(usize),
    /// What it makes is not JSON.
    #[error("filled in, the input is no JSON: {0}")]
    NotJson(String),
}

/// An input, or a whole body, with its placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    /// The number of the request.
    Sequence,
    Uuid,
    /// A whole number, both ends included.
    Random(i64, i64),
    Pick(Vec<String>),
}

/// What placeholders are filled in with: a number that no other request has, and seeded chance.
#[derive(Clone, Debug)]
pub struct Values {
    next: u64,
    stride: u64,
    /// The chance of this part of the load.
    pub chance: Rng,
}

impl Values {
    /// Those of part `part` of `parts`: its numbers are `part`, `part + parts`, `part + 2 × parts` and so on.
    #[must_use]
    pub fn new(seed: u64, part: usize, parts: usize) -> Self {
        let chance = Rng::with_seed(seed ^ (part as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        Self { next: part as u64, stride: parts.max(1) as u64, chance }
    }

    /// The number of the next request.
    pub fn sequence(&mut self) -> u64 {
        let number = self.next;
        self.next += self.stride;
        number
    }
}

impl Template {
    /// Takes `text` apart, and makes sure that what it makes is JSON.
    ///
    /// # Errors
    /// A placeholder that does not exist, or text that is no JSON once it is filled in.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let template = Self { parts: parts(text)? };
        let mut sample = Vec::new();
        template.render(&mut Values::new(0, 0, 1), &mut sample);
        match serde_json::from_slice::<serde::de::IgnoredAny>(&sample) {
            Ok(_) => Ok(template),
            Err(error) => Err(TemplateError::NotJson(error.to_string())),
        }
    }

    /// No text at all.
    #[must_use]
    pub fn empty() -> Self {
        Self { parts: Vec::new() }
    }

    /// The same text as it stands within a JSON string.
    #[must_use]
    pub fn within_json_string(&self) -> Self {
        let parts = self.parts.iter().map(|part| match part {
            Part::Literal(text) => Part::Literal(escaped(text)),
            Part::Pick(picks) => Part::Pick(picks.iter().map(|pick| escaped(pick)).collect()),
            other => other.clone(),
        });
        Self { parts: parts.collect() }
    }

    /// The same between two texts.
    #[must_use]
    pub fn between(mut self, before: &str, after: &str) -> Self {
        self.parts.insert(0, Part::Literal(before.to_owned()));
        self.parts.push(Part::Literal(after.to_owned()));
        self.joined()
    }

    /// The whole text, where there is no placeholder.
    #[must_use]
    pub fn fixed(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// Appends the text, filled in.
    pub fn render(&self, values: &mut Values, out: &mut Vec<u8>) {
        let number = values.sequence();
        for part in &self.parts {
            match part {
                Part::Literal(text) => out.extend_from_slice(text.as_bytes()),
                Part::Sequence => out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
                Part::Uuid => {
                    let uuid = uuid::Builder::from_random_bytes(values.chance.u128(..).to_ne_bytes()).into_uuid();
                    let mut text = uuid::Uuid::encode_buffer();
                    out.extend_from_slice(uuid.hyphenated().encode_lower(&mut text).as_bytes());
                }
                Part::Random(from, to) => {
                    let drawn = values.chance.i64(*from..=*to);
                    out.extend_from_slice(itoa::Buffer::new().format(drawn).as_bytes());
                }
                Part::Pick(picks) => out.extend_from_slice(picks[values.chance.usize(..picks.len())].as_bytes()),
            }
        }
    }

    /// Neighbouring literals as one.
    fn joined(self) -> Self {
        let mut parts: Vec<Part> = Vec::with_capacity(self.parts.len());
        for part in self.parts {
            match (parts.last_mut(), part) {
                (Some(Part::Literal(before)), Part::Literal(text)) => before.push_str(&text),
                (_, part) => parts.push(part),
            }
        }
        Self { parts }
    }
}

fn parts(text: &str) -> Result<Vec<Part>, TemplateError> {
    let (mut parts, mut literal, mut rest) = (Vec::new(), String::new(), text);
    while let Some(at) = rest.find("${") {
        if let Some(before) = rest[..at].strip_suffix('$') {
            literal.push_str(before);
            literal.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        literal.push_str(&rest[..at]);
        let open = &rest[at..];
        let Some(end) = open.find('}') else {
            return Err(TemplateError::Open(open.chars().take(40).collect()));
        };
        if !literal.is_empty() {
            parts.push(Part::Literal(std::mem::take(&mut literal)));
        }
        parts.push(placeholder(&open[2..end])?);
        rest = &open[end + 1..];
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        parts.push(Part::Literal(literal));
    }
    Ok(parts)
}

fn placeholder(name: &str) -> Result<Part, TemplateError> {
    match name.split_once(':') {
        None if name == "seq" => Ok(Part::Sequence),
        None if name == "uuid" => Ok(Part::Uuid),
        Some(("random", range)) => random(range),
        Some(("pick", picks)) => {
            let picks: Vec<String> = picks.split(',').map(str::to_owned).collect();
            if picks.len() > PICKS_MAX { Err(TemplateError::Picks(picks.len())) } else { Ok(Part::Pick(picks)) }
        }
        _ => Err(TemplateError::Unknown(name.to_owned())),
    }
}

fn random(range: &str) -> Result<Part, TemplateError> {
    let ends = range.split_once("..").and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
    match ends {
        Some((from, to)) if from <= to => Ok(Part::Random(from, to)),
        _ => Err(TemplateError::Range(range.to_owned())),
    }
}

fn escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(text: &str, requests: usize) -> Vec<String> {
        let template = Template::parse(text).unwrap();
        let mut values = Values::new(7, 0, 1);
        let render = |_| {
            let mut out = Vec::new();
            template.render(&mut values, &mut out);
            String::from_utf8(out).unwrap()
        };
        (0..requests).map(render).collect()
    }

    #[test]
    fn placeholders_are_filled_in() {
        assert_eq!(rendered(r#"{"n":${seq}}"#, 3), [r#"{"n":0}"#, r#"{"n":1}"#, r#"{"n":2}"#]);
        assert_eq!(rendered(r#"{"n":"$${seq}"}"#, 1), [r#"{"n":"${seq}"}"#]);
        for text in rendered(r#"[${random:-2..2},"${pick:a,b}"]"#, 100) {
            let (number, pick): (i64, String) = serde_json::from_str(&text).unwrap();
            assert!((-2..=2).contains(&number) && ["a", "b"].contains(&pick.as_str()), "{text}");
        }
        let uuids = rendered(r#""${uuid}""#, 2);
        assert!(uuids.iter().all(|uuid| uuid.len() == 38 && uuid.as_bytes()[15] == b'4'), "{uuids:?}");
        assert_ne!(uuids[0], uuids[1]);
    }

    #[test]
    fn the_same_seed_gives_the_same_inputs_and_two_parts_never_the_same_number() {
        assert_eq!(rendered(r#"["${uuid}",${random:0..9}]"#, 5), rendered(r#"["${uuid}",${random:0..9}]"#, 5));
        let numbers = |part| {
            let mut values = Values::new(1, part, 3);
            [values.sequence(), values.sequence()]
        };
        assert_eq!([numbers(0), numbers(1), numbers(2)], [[0, 3], [1, 4], [2, 5]]);
    }

    #[test]
    fn within_a_json_string_it_is_escaped_and_reads_back_the_same() {
        let template = Template::parse("{\"a\":\"${pick:\\u0041,\\n}\",\n\"é\":\"\\\\\"}").unwrap();
        let body = template.within_json_string().between("{\"input\":\"", "\"}");
        let (mut plain, mut wrapped) = (Vec::new(), Vec::new());
        template.render(&mut Values::new(3, 0, 1), &mut plain);
        body.render(&mut Values::new(3, 0, 1), &mut wrapped);
        let wrapped: serde_json::Value = serde_json::from_slice(&wrapped).unwrap();
        assert_eq!(wrapped["input"].as_str().unwrap().as_bytes(), plain);
    }

    #[test]
    fn what_cannot_be_used_is_told() {
        let error = |text| Template::parse(text).unwrap_err();
        assert_eq!(error("${seq"), TemplateError::Open("${seq".into()));
        assert!(error("${now}").to_string().contains("${random:1..100}"));
        assert_eq!(error("${random:9..1}"), TemplateError::Range("9..1".into()));
        assert!(matches!(error("{\"a\":${uuid}}"), TemplateError::NotJson(_)));
        assert_eq!(error(&format!("${{pick:{}}}", ",".repeat(PICKS_MAX))), TemplateError::Picks(PICKS_MAX + 1));
    }
}
