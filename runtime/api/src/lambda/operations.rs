//! What there is of Lambda's API model (2015-03-31): methods, paths, and what each operation needs of its caller. A
//! request that is not in this table is not served.

use crate::fault::{Fault, Kind};
use fleetstep_identity::Need;
use hyper::Method;
use hyper::http::request::Parts;
use percent_encoding::percent_decode_str;

macro_rules! operations {
    ($($name:ident $method:ident $path:literal $need:ident;)*) => {
        /// An operation of Lambda.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Operation { $($name,)* }

        /// Every operation. In a path `{}` stands for any text without a slash.
        pub(crate) static OPERATIONS: &[Row] = &[$(Row {
            operation: Operation::$name,
            name: stringify!($name),
            method: Method::$method,
            path: $path,
            need: Need::$need,
        },)*];
    };
}

/// An operation's row in the table.
pub(crate) struct Row {
    pub(crate) operation: Operation,
    pub(crate) name: &'static str,
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) need: Need,
}

// What is called all the time comes first.
operations! {
    Invoke POST "/2015-03-31/functions/{}/invocations" START;
    CreateAlias POST "/2015-03-31/functions/{}/aliases" DEPLOY;
    CreateFunction POST "/2015-03-31/functions" DEPLOY;
    DeleteAlias DELETE "/2015-03-31/functions/{}/aliases/{}" DEPLOY;
    DeleteFunction DELETE "/2015-03-31/functions/{}" DEPLOY;
    DeleteFunctionConcurrency DELETE "/2017-10-31/functions/{}/concurrency" DEPLOY;
    GetAlias GET "/2015-03-31/functions/{}/aliases/{}" READ;
    GetFunction GET "/2015-03-31/functions/{}" READ;
    GetFunctionCodeSigningConfig GET "/2020-06-30/functions/{}/code-signing-config" READ;
    GetFunctionConcurrency GET "/2019-09-30/functions/{}/concurrency" READ;
    GetFunctionConfiguration GET "/2015-03-31/functions/{}/configuration" READ;
    GetPolicy GET "/2015-03-31/functions/{}/policy" READ;
    ListAliases GET "/2015-03-31/functions/{}/aliases" READ;
    ListFunctions GET "/2015-03-31/functions" READ;
    ListTags GET "/2017-03-31/tags/{}" READ;
    ListVersionsByFunction GET "/2015-03-31/functions/{}/versions" READ;
    PublishVersion POST "/2015-03-31/functions/{}/versions" DEPLOY;
    PutFunctionConcurrency PUT "/2017-10-31/functions/{}/concurrency" DEPLOY;
    TagResource POST "/2017-03-31/tags/{}" DEPLOY;
    UntagResource DELETE "/2017-03-31/tags/{}" DEPLOY;
    UpdateAlias PUT "/2015-03-31/functions/{}/aliases/{}" DEPLOY;
    UpdateFunctionCode PUT "/2015-03-31/functions/{}/code" DEPLOY;
    UpdateFunctionConfiguration PUT "/2015-03-31/functions/{}/configuration" DEPLOY;
}

/// What Lambda has and this server has not, by a part of its paths, and what there is instead.
const NOT_HERE: &[(&str, &str)] = &[
    ("policy", "Permissions of functions: what a key may do is said by its scopes"),
    ("resource-policy", "Permissions of functions: what a key may do is said by its scopes"),
    ("layers", "Layers: link what they hold into the module"),
    ("event-source-mappings", "Event source mappings: start a workflow by its trigger"),
    ("url", "Function URLs: call a function by Invoke, or by POST /v1/functions/NAME/invoke"),
    ("urls", "Function URLs: call a function by Invoke, or by POST /v1/functions/NAME/invoke"),
    ("provisioned-concurrency", "Provisioned concurrency: every function answers within microseconds without"),
    ("event-invoke-config", "Destinations and retries of events: a workflow has Retry and Catch"),
    ("code-signing-config", "Code signing"),
    ("code-signing-configs", "Code signing"),
    ("response-streaming-invocations", "Streamed responses: an answer comes whole, by Invoke"),
    ("invoke-async", "InvokeAsync, which is deprecated: Invoke takes the invocation type Event"),
    ("runtime-management-config", "Managed runtimes: a module brings its own"),
    ("recursion-config", "Recursion detection"),
    ("function-scaling-config", "Capacity providers"),
    ("capacity-providers", "Capacity providers"),
    ("durable-executions", "Durable executions: a workflow is one"),
    ("durable-execution-callbacks", "Durable executions: a workflow is one"),
    ("account-settings", "Account settings: GET /metrics tells what is in use"),
];

/// Whether a path is of Lambda's API: it begins with a date, as no other does.
pub(crate) fn is_of(path: &str) -> bool {
    let Some(date) = path.as_bytes().get(..12) else { return false };
    let fits = |(at, byte): (usize, &u8)| match at {
        0 | 11 => *byte == b'/',
        5 | 8 => *byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    date.iter().enumerate().all(fits)
}

/// A request that is in the table.
pub(crate) struct Routed {
    pub(crate) row: &'static Row,
    /// What stands in the path where the table has `{}`, decoded.
    pub(crate) labels: Vec<String>,
}

impl Routed {
    /// The operation.
    pub(crate) fn operation(&self) -> Operation {
        self.row.operation
    }

    /// The first label; empty where the path has none.
    pub(crate) fn label(&self) -> &str {
        self.labels.first().map_or("", String::as_str)
    }
}

/// Finds a request in the table.
pub(crate) fn routed(head: &Parts) -> Result<Routed, Fault> {
    let path = head.uri.path().trim_end_matches('/');
    let method = if head.method == Method::HEAD { &Method::GET } else { &head.method };
    let found = OPERATIONS.iter().filter(|row| row.method == *method);
    let found = found.map(|row| (row, labels(row.path, path))).find_map(|(row, labels)| Some((row, labels?)));
    match found {
        Some((row, labels)) => Ok(Routed { row, labels }),
        None => Err(not_here(method, path)),
    }
}

/// What stands where the template has `{}`, if the path fits.
fn labels(template: &str, path: &str) -> Option<Vec<String>> {
    let mut parts = path.split('/');
    let mut labels = Vec::new();
    for wanted in template.split('/') {
        let part = parts.next()?;
        if wanted == "{}" {
            let label = percent_decode_str(part).decode_utf8().ok()?;
            labels.push(Some(label.into_owned()).filter(|label| !label.is_empty())?);
        } else if part != wanted {
            return None;
        }
    }
    parts.next().is_none().then_some(labels)
}

fn not_here(method: &Method, path: &str) -> Fault {
    match NOT_HERE.iter().find(|(part, _)| path.split('/').any(|of_path| of_path == *part)) {
        Some((_, what)) => Fault::new(
            Kind::InvalidParameterValueException,
            format!("This server does not have what {method} {path} is for. {what}"),
        ),
        None => Fault::new(
            Kind::UnknownOperationException,
            format!("Lambda has no operation {method} {path}, or none that this server knows"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(method: &str, path: &str) -> Result<(&'static str, Vec<String>), &'static str> {
        let (head, ()) = hyper::Request::builder().method(method).uri(path).body(()).unwrap().into_parts();
        routed(&head).map(|routed| (routed.row.name, routed.labels)).map_err(|fault| fault.name())
    }

    #[test]
    fn a_request_is_found_by_method_and_path() {
        let ok = |name, labels: &[&str]| Ok((name, labels.iter().map(|label| (*label).to_owned()).collect()));
        for (method, path, expected) in [
            ("POST", "/2015-03-31/functions", ok("CreateFunction", &[])),
            ("GET", "/2015-03-31/functions/?MaxItems=1", ok("ListFunctions", &[])),
            ("GET", "/2015-03-31/functions/policy", ok("GetFunction", &["policy"])),
            ("DELETE", "/2015-03-31/functions/f", ok("DeleteFunction", &["f"])),
            ("PUT", "/2015-03-31/functions/f/aliases/live", ok("UpdateAlias", &["f", "live"])),
            ("GET", "/2017-03-31/tags/arn%3Aaws%3Alambda%3A", ok("ListTags", &["arn:aws:lambda:"])),
            ("POST", "/2015-03-31/functions/f/policy", Err("InvalidParameterValueException")),
            ("GET", "/2018-10-31/layers", Err("InvalidParameterValueException")),
            ("PUT", "/2015-03-31/functions/f/concurrency", Err("UnknownOperationException")),
            ("GET", "/2015-03-31/functions/f/aliases/live/x", Err("UnknownOperationException")),
            ("PATCH", "/2015-03-31/functions/f", Err("UnknownOperationException")),
        ] {
            assert_eq!(found(method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn a_path_of_lambda_begins_with_a_date() {
        for path in ["/2015-03-31/", "/2015-03-31/functions", "/2026-07-09/x/y"] {
            assert!(is_of(path), "{path}");
        }
        for path in
            ["/", "/v1/functions", "/2015-03-31", "/2015-3-31/functions", "/orders/2015-03-31/", "/2015/03/31/a"]
        {
            assert!(!is_of(path), "{path}");
        }
    }
}
