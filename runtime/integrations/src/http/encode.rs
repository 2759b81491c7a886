//! Documents as the pairs of a form or a query.

use super::answer::unusable;
use super::parameters::plain;
use fleetstep_document::Document;
use fleetstep_engine::Failure;

/// Pairs of one request.
const PAIRS_MAX: usize = 10_000;
/// How deep a document may go that is written as pairs.
const DEPTH_MAX: usize = 32;

/// How arrays are written: `RequestEncodingOptions.ArrayFormat`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ArrayFormat {
    /// `a[0]=1&a[1]=2`
    #[default]
    Indices,
    /// `a=1&a=2`
    Repeat,
    /// `a=1,2`
    Commas,
    /// `a[]=1&a[]=2`
    Brackets,
}

impl ArrayFormat {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "INDICES" => Self::Indices,
            // As the service: an array that is not to be written in a way of its own is repeated.
            "REPEAT" | "NONE" => Self::Repeat,
            "COMMAS" => Self::Commas,
            "BRACKETS" => Self::Brackets,
            _ => return None,
        })
    }
}

/// Writes the members of an object as pairs; nested names stand in brackets.
pub(super) fn encode(given: &Document, format: ArrayFormat, pairs: &mut Vec<(String, String)>) -> Result<(), Failure> {
    let Some(object) = given.as_object() else {
        return Err(unusable("RequestBody", "A form is made of a JSON object"));
    };
    for (name, value) in object.iter() {
        push(name.to_string(), value, format, pairs, 1)?;
    }
    Ok(())
}

fn push(
    name: String,
    value: &Document,
    format: ArrayFormat,
    pairs: &mut Vec<(String, String)>,
    depth: usize,
) -> Result<(), Failure> {
    if pairs.len() >= PAIRS_MAX || depth > DEPTH_MAX {
        let reason = format!("A form has at most {PAIRS_MAX} values, and at most {DEPTH_MAX} levels");
        return Err(unusable("RequestBody", &reason));
    }
    if let Some(text) = plain(value) {
        pairs.push((name, text.to_string()));
        return Ok(());
    }
    if let Some(object) = value.as_object() {
        for (member, value) in object.iter() {
            push(format!("{name}[{member}]"), value, format, pairs, depth + 1)?;
        }
        return Ok(());
    }
    let items = value.as_array().unwrap_or_default();
    if format == ArrayFormat::Commas {
        let texts: Vec<_> =
            items.iter().map(|item| plain(item).map_or_else(|| item.to_json(), |text| text.to_string())).collect();
        pairs.push((name, texts.join(",")));
        return Ok(());
    }
    for (index, item) in items.iter().enumerate() {
        let name = match format {
            ArrayFormat::Indices => format!("{name}[{index}]"),
            ArrayFormat::Brackets => format!("{name}[]"),
            ArrayFormat::Repeat | ArrayFormat::Commas => name.clone(),
        };
        push(name, item, format, pairs, depth + 1)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_are_written_in_four_ways() {
        let given = Document::parse(br#"{"a":["x",2,{"b":[true,null]}],"c":{"d":{"e":1.5}},"f":[]}"#).unwrap();
        for (format, expected) in [
            ("INDICES", "a[0]=x a[1]=2 a[2][b][0]=true a[2][b][1]=null c[d][e]=1.5"),
            ("REPEAT", "a=x a=2 a[b]=true a[b]=null c[d][e]=1.5"),
            ("NONE", "a=x a=2 a[b]=true a[b]=null c[d][e]=1.5"),
            ("BRACKETS", "a[]=x a[]=2 a[][b][]=true a[][b][]=null c[d][e]=1.5"),
            ("COMMAS", r#"a=x,2,{"b":[true,null]} c[d][e]=1.5 f="#),
        ] {
            let mut pairs = Vec::new();
            encode(&given, ArrayFormat::named(format).unwrap(), &mut pairs).unwrap();
            let written: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
            assert_eq!(written.join(" "), expected, "{format}");
        }
    }

    #[test]
    fn what_is_too_much_is_refused() {
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(DEPTH_MAX + 1), "]".repeat(DEPTH_MAX + 1));
        let wide = format!("{{\"a\":[{}1]}}", "1,".repeat(PAIRS_MAX));
        for text in [&*deep, &*wide, "[1]", "7"] {
            let given = Document::parse(text.as_bytes()).unwrap();
            assert!(encode(&given, ArrayFormat::Indices, &mut Vec::new()).is_err());
        }
    }
}
