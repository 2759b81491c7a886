//! What `http:invoke` takes as parameters.

use super::answer::{unusable, unusable_all};
use super::encode::{ArrayFormat, encode};
use fleetstep_document::{Document, Text};
use fleetstep_engine::Failure;
use fleetstep_outbound::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

const FORM: &str = "application/x-www-form-urlencoded";
/// Headers that are not the workflow's to set.
const OWN_HEADERS: [&str; 8] =
    ["host", "content-length", "transfer-encoding", "connection", "upgrade", "user-agent", "te", "expect"];

/// A call, ready to be sent but for the connection's part.
#[derive(Debug)]
pub(super) struct Parameters {
    endpoint: String,
    /// Name and value, encoded by `encode`.
    query: Vec<(String, String)>,
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Vec<u8>>,
    /// Name of the connection.
    pub(super) connection: Option<String>,
}

impl Parameters {
    /// Reads the parameters. A failure names everything that is wrong with their form.
    pub(super) fn read(input: &Document) -> Result<Self, Failure> {
        check_form(input)?;
        let text = |name| input.get(name).and_then(Document::as_str);
        let method = text("Method").unwrap_or_default();
        let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes())
            .map_err(|_| unusable("Method", &format!("'{method}' is no method")))?;
        let headers = headers(input.get("Headers"))?;
        let array_format = transform(input.get("Transform"), &headers)?;
        let body = body(input.get("RequestBody"), array_format)?;
        let mut query = Vec::new();
        if let Some(parameters) = input.get("QueryParameters").filter(|given| !given.is_null()) {
            encode(parameters, array_format.unwrap_or_default(), &mut query)?;
        }
        let endpoint = text("ApiEndpoint").unwrap_or_default().to_owned();
        let connection = connection(input)?;
        Ok(Self { endpoint, query, method, headers, body, connection })
    }

    /// Where it goes, with the query and what a connection adds to that.
    pub(super) fn uri(&self, more: &[(String, String)]) -> Result<Uri, Failure> {
        let fault = |reason: String| unusable("ApiEndpoint", &reason);
        let base = self.endpoint.split('#').next().unwrap_or_default();
        let mut target = base.to_owned();
        if !(self.query.is_empty() && more.is_empty()) {
            target.push(if base.contains('?') { '&' } else { '?' });
            let mut form = form_urlencoded::Serializer::new(String::new());
            form.extend_pairs(self.query.iter().chain(more));
            // A space is %20 in a query, whoever reads it.
            target.push_str(&form.finish().replace('+', "%20"));
        }
        let uri: Uri = target.parse().map_err(|error| fault(format!("'{base}' is no URL: {error}")))?;
        match uri.scheme_str() {
            Some("http" | "https") if uri.host().is_some() => Ok(uri),
            _ => Err(fault(format!("'{base}' is no URL as https://host/path"))),
        }
    }
}

fn check_form(input: &Document) -> Result<(), Failure> {
    const FIELDS: [(&str, &str); 8] = [
        ("ApiEndpoint", "STRING"),
        ("Method", "STRING"),
        ("Authentication", "object"),
        ("InvocationConfig", "object"),
        ("Headers", "object"),
        ("QueryParameters", "object"),
        ("RequestBody", ""),
        ("Transform", "object"),
    ];
    let Some(object) = input.as_object() else {
        let problem = format!("Expected an object, but was a value of type {}", input.type_name());
        return Err(unusable_all(input, &[problem]));
    };
    let mut problems = Vec::new();
    for (name, value) in object.iter() {
        match FIELDS.iter().find(|(field, _)| field == name) {
            None => problems.push(format!("The field '{name}' is not supported by Step Functions")),
            Some((_, "STRING")) if value.as_text().is_none() => {
                problems.push(format!("The value for the field '{name}' must be a STRING"));
            }
            Some((_, "object")) if value.as_object().is_none() && !value.is_null() => {
                problems.push(format!("The value for the field '{name}' must be a JSON object"));
            }
            Some(_) => {}
        }
    }
    for name in ["ApiEndpoint", "Method"] {
        if !object.contains_key(name) {
            problems.push(format!("The field '{name}' is required but was missing"));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(unusable_all(input, &problems)) }
}

/// The name in `arn:aws:events:REGION:ACCOUNT:connection/NAME/ID`, or a bare name.
fn connection(input: &Document) -> Result<Option<String>, Failure> {
    for field in ["Authentication", "InvocationConfig"] {
        let Some(given) = input.get(field).filter(|given| !given.is_null()) else { continue };
        let Some(arn) = given.get("ConnectionArn").and_then(Document::as_str) else {
            return Err(unusable(field, "The field 'ConnectionArn' is required but was missing"));
        };
        let name = match arn.split_once(":connection/") {
            Some((_, rest)) => rest.split('/').next().unwrap_or_default(),
            None => arn,
        };
        return Ok(Some(name.to_owned()));
    }
    Ok(None)
}

fn headers(given: Option<&Document>) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    let Some(object) = given.and_then(Document::as_object) else { return Ok(headers) };
    for (name, value) in object.iter() {
        let header =
            HeaderName::try_from(name.as_str()).map_err(|_| unusable("Headers", &format!("'{name}' is no header")))?;
        if OWN_HEADERS.contains(&header.as_str()) {
            return Err(unusable("Headers", &format!("The header '{name}' cannot be set")));
        }
        let single = std::slice::from_ref(value);
        for value in value.as_array().unwrap_or(single) {
            let text = plain(value).ok_or_else(|| unusable("Headers", &format!("'{name}' must be a STRING")))?;
            let value = HeaderValue::from_str(&text).map_err(|_| {
                unusable("Headers", &format!("the value of '{name}' has characters that none may have"))
            })?;
            headers.append(header.clone(), value);
        }
    }
    Ok(headers)
}

/// A value without a structure, as text.
pub(super) fn plain(value: &Document) -> Option<Text> {
    match value.as_text() {
        Some(text) => Some(text.clone()),
        None if value.as_object().is_some() || value.as_array().is_some() => None,
        None => Some(Text::from(value.to_json())),
    }
}

/// How arrays are written in a form, where the body is to be one.
fn transform(given: Option<&Document>, headers: &HeaderMap) -> Result<Option<ArrayFormat>, Failure> {
    let Some(given) = given.filter(|given| !given.is_null()) else { return Ok(None) };
    let fault = |reason: &str| unusable("Transform", reason);
    let encoding = given.get("RequestBodyEncoding").and_then(Document::as_str);
    let format = given.get("RequestEncodingOptions").and_then(|options| options.get("ArrayFormat"));
    let format = match format.map(|format| format.as_str()) {
        None => ArrayFormat::default(),
        Some(name) => name.and_then(ArrayFormat::named).ok_or_else(|| {
            fault("The value for the field 'ArrayFormat' must be one of INDICES, REPEAT, COMMAS, BRACKETS, NONE")
        })?,
    };
    match encoding {
        None | Some("NONE") => Ok(None),
        Some("URL_ENCODED") => {
            let is_form = headers
                .get("content-type")
                .and_then(|value| value.to_str().ok())
                .is_some_and(|value| value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(FORM));
            let missing = "The Content-Type header must be application/x-www-form-urlencoded for URL_ENCODED";
            if is_form { Ok(Some(format)) } else { Err(fault(missing)) }
        }
        Some(other) => Err(fault(&format!(
            "The value for the field 'RequestBodyEncoding' must be one of NONE, URL_ENCODED, but was: {other}"
        ))),
    }
}

/// A text is sent as it stands, all else as the JSON that it is, or as a form.
fn body(given: Option<&Document>, form: Option<ArrayFormat>) -> Result<Option<Vec<u8>>, Failure> {
    let Some(given) = given.filter(|given| !given.is_null()) else { return Ok(None) };
    match (form, given.as_text()) {
        (None, Some(text)) => Ok(Some(text.as_bytes().to_vec())),
        (None, None) => Ok(Some(given.to_json().into_bytes())),
        (Some(format), _) => {
            let mut pairs = Vec::new();
            encode(given, format, &mut pairs)?;
            let mut form = form_urlencoded::Serializer::new(String::new());
            form.extend_pairs(&pairs);
            Ok(Some(form.finish().into_bytes()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &str) -> Result<Parameters, Failure> {
        Parameters::read(&Document::parse(input.as_bytes()).unwrap())
    }

    #[test]
    fn targets() {
        for (input, uri) in [
            (r#"{"ApiEndpoint":"https://a.example/x","Method":"GET"}"#, "https://a.example/x"),
            (
                r#"{"ApiEndpoint":"https://a.example/x?a=1#top","Method":"GET","QueryParameters":{"q":"ä &","n":[1,2]}}"#,
                "https://a.example/x?a=1&q=%C3%A4%20%26&n%5B0%5D=1&n%5B1%5D=2",
            ),
            (r#"{"ApiEndpoint":"http://a.example","Method":"get","QueryParameters":null}"#, "http://a.example/"),
        ] {
            let parameters = read(input).unwrap();
            assert_eq!(parameters.uri(&[]).unwrap().to_string(), uri);
            assert_eq!(parameters.method, Method::GET);
        }
        let more = [("key".to_owned(), "s&cret".to_owned())];
        let parameters = read(r#"{"ApiEndpoint":"https://a.example","Method":"GET"}"#).unwrap();
        assert_eq!(parameters.uri(&more).unwrap().to_string(), "https://a.example/?key=s%26cret");
    }

    #[test]
    fn bodies() {
        let form = r#""Headers":{"Content-Type":"application/x-www-form-urlencoded"},"Transform":{"RequestBodyEncoding":"URL_ENCODED""#;
        for (rest, body) in [
            (String::new(), None),
            (r#","RequestBody":null"#.to_owned(), None),
            (r#","RequestBody":"as it is""#.to_owned(), Some("as it is")),
            (r#","RequestBody":{"a":[1, 2]}"#.to_owned(), Some(r#"{"a":[1,2]}"#)),
            (
                format!(r#",{form}}},"RequestBody":{{"a":[1,{{"b":true}}],"c":"x y"}}"#),
                Some("a%5B0%5D=1&a%5B1%5D%5Bb%5D=true&c=x+y"),
            ),
            (
                format!(r#",{form},"RequestEncodingOptions":{{"ArrayFormat":"COMMAS"}}}},"RequestBody":{{"a":[1,2]}}"#),
                Some("a=1%2C2"),
            ),
        ] {
            let input = format!(r#"{{"ApiEndpoint":"https://a.example","Method":"POST"{rest}}}"#);
            let read = read(&input).unwrap();
            assert_eq!(read.body.map(|body| String::from_utf8(body).unwrap()).as_deref(), body, "{input}");
        }
    }

    #[test]
    fn connections_have_names() {
        for (given, name) in
            [("arn:aws:events:us-east-1:123456789012:connection/Stripe/81210c42-8af1", "Stripe"), ("Stripe", "Stripe")]
        {
            let input = format!(
                r#"{{"ApiEndpoint":"https://a.example","Method":"GET","Authentication":{{"ConnectionArn":"{given}"}}}}"#
            );
            assert_eq!(read(&input).unwrap().connection.as_deref(), Some(name));
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (input, part) in [
            ("[]", "Expected an object"),
            (
                r#"{"Method":7,"Url":"x"}"#,
                "[The value for the field 'Method' must be a STRING, The field 'Url' is not supported by Step Functions, The field 'ApiEndpoint' is required but was missing]",
            ),
            (r#"{"ApiEndpoint":"https://a.example","Method":"G T"}"#, "is no method"),
            (r#"{"ApiEndpoint":"https://a.example","Method":"GET","Headers":{"a b":"c"}}"#, "'a b' is no header"),
            (r#"{"ApiEndpoint":"https://a.example","Method":"GET","Headers":{"Host":"c"}}"#, "'Host' cannot be set"),
            (r#"{"ApiEndpoint":"https://a.example","Method":"GET","Headers":{"x":"a\r\nb: c"}}"#, "characters"),
            (r#"{"ApiEndpoint":"https://a.example","Method":"GET","Headers":{"x":{}}}"#, "must be a STRING"),
            (r#"{"ApiEndpoint":"https://a.example","Method":"GET","Authentication":{}}"#, "ConnectionArn"),
            (
                r#"{"ApiEndpoint":"https://a.example","Method":"POST","Transform":{"RequestBodyEncoding":"URL_ENCODED"}}"#,
                "The Content-Type header must be",
            ),
            (
                r#"{"ApiEndpoint":"https://a.example","Method":"POST","Transform":{"RequestBodyEncoding":"XML"}}"#,
                "but was: XML",
            ),
            (
                r#"{"ApiEndpoint":"https://a.example","Method":"GET","Transform":{"RequestEncodingOptions":{"ArrayFormat":"x"}}}"#,
                "must be one of INDICES",
            ),
        ] {
            let failure = read(input).expect_err(input);
            assert_eq!(failure.error.as_deref(), Some("States.Runtime"), "{input}");
            assert!(failure.cause.as_deref().unwrap().contains(part), "{input}: {failure:?}");
        }
        for endpoint in ["", "a.example", "ftp://a.example/", "https://", "https://a b/"] {
            let input = format!(r#"{{"ApiEndpoint":"{endpoint}","Method":"GET"}}"#);
            assert!(read(&input).and_then(|read| read.uri(&[])).is_err(), "{endpoint}");
        }
    }
}
