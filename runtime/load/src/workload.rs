//! What is sent: workflows with weights, their inputs, and the bytes of a request.

use crate::template::{Template, Values};
use memchr::memmem;
use std::fmt::Write as _;
use std::sync::LazyLock;
use thiserror::Error;

/// Workflows of one load.
pub const WORKFLOWS_MAX: usize = 64;
/// Room for the length of a body: spaces before the number are no part of it.
const LENGTH_DIGITS: usize = 8;

/// How a start is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `StartSyncExecution` and `StartExecution` in AWS JSON 1.0.
    Aws,
    /// `POST /v1/workflows/NAME/run`.
    Web,
    /// Any request whose status alone is looked at.
    Plain,
}

/// What came of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The execution succeeded; or, of a plain request, its status was below 400.
    Succeeded,
    /// An asynchronous start was acknowledged.
    Accepted,
    /// The execution failed: a result, not a fault.
    Failed,
    /// The execution took too long: a result too.
    TimedOut,
    /// The execution was aborted.
    Aborted,
    /// The server refused the request with this status.
    Refused(u16),
}

/// A workload that cannot be.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum WorkloadError {
    /// None at all.
    #[error("there is no workflow to start")]
    Empty,
    /// More than there is room for.
    #[error("{0} workflows: {WORKFLOWS_MAX} are the most")]
    TooMany(usize),
    /// All weights are 0.
    #[error("the weights add up to nothing")]
    Weightless,
}

/// A request that is written by copying: its head once, its body from a template.
#[derive(Clone, Debug)]
pub struct Request {
    /// Up to the body; empty where there is no HTTP around it.
    head: Vec<u8>,
    body: Template,
    /// Head and body, where no placeholder changes them.
    fixed: Option<Vec<u8>>,
}

impl Request {
    /// `POST path` with these headers, and the body that `body` makes.
    #[must_use]
    pub fn post(host: &str, path: &str, headers: &[(&str, &str)], body: Template) -> Self {
        let mut head = format!("POST {path} HTTP/1.1\r\nhost: {host}\r\n");
        for (name, value) in headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let _ = write!(head, "content-length: {:LENGTH_DIGITS$}\r\n\r\n", 0);
        Self::of(head.into_bytes(), body)
    }

    /// A whole request as it goes over the wire.
    #[must_use]
    pub fn raw(bytes: Vec<u8>) -> Self {
        Self { head: Vec::new(), body: Template::empty(), fixed: Some(bytes) }
    }

    /// The input alone, for a target that is no server.
    #[must_use]
    pub fn bare(input: Template) -> Self {
        Self::of(Vec::new(), input)
    }

    /// A start of the workflow with this ARN.
    #[must_use]
    pub fn aws(host: &str, machine_arn: &str, input: &Template, is_async: bool) -> Self {
        let action = if is_async { "StartExecution" } else { "StartSyncExecution" };
        let target = format!("AWSStepFunctions.{action}");
        let before = format!("{{\"stateMachineArn\":{},\"input\":\"", serde_json::Value::from(machine_arn));
        let headers = [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", target.as_str())];
        Self::post(host, "/", &headers, input.within_json_string().between(&before, "\"}"))
    }

    /// A start of the workflow with this name, its version or its alias, by its HTTP trigger.
    #[must_use]
    pub fn web(host: &str, workflow: &str, input: &Template, is_async: bool) -> Self {
        let path = format!("/v1/workflows/{workflow}/run");
        let all = [("content-type", "application/json"), ("prefer", "respond-async")];
        Self::post(host, &path, &all[..if is_async { 2 } else { 1 }], input.clone())
    }

    fn of(head: Vec<u8>, body: Template) -> Self {
        let mut request = Self { head, body, fixed: None };
        if request.body.fixed().is_some() {
            let mut bytes = Vec::new();
            request.write(&mut Values::new(0, 0, 1), &mut bytes);
            request.fixed = Some(bytes);
        }
        request
    }

    /// Appends the request.
    pub fn write(&self, values: &mut Values, out: &mut Vec<u8>) {
        if let Some(fixed) = &self.fixed {
            return out.extend_from_slice(fixed);
        }
        out.extend_from_slice(&self.head);
        let start = out.len();
        self.body.render(values, out);
        if self.head.is_empty() {
            return;
        }
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(out.len() - start).as_bytes();
        let end = start - 4;
        out[end - LENGTH_DIGITS..end].fill(b' ');
        out[end - digits.len()..end].copy_from_slice(digits);
    }
}

/// One workflow of a mix.
#[derive(Clone, Debug)]
pub struct Workflow {
    /// As a report calls it.
    pub name: String,
    /// Its share is this of the sum of all weights.
    pub weight: u32,
    /// What starts it.
    pub request: Request,
}

/// The workflows of a load.
#[derive(Clone, Debug)]
pub struct Workload {
    workflows: Vec<Workflow>,
    total: u32,
    /// How they are asked for.
    pub protocol: Protocol,
    /// Whether starts are acknowledged and not waited for.
    pub is_async: bool,
    /// What the body of an answer to a plain request must hold.
    expected: Vec<u8>,
}

impl Workload {
    /// A mix of workflows.
    ///
    /// # Errors
    /// None, too many, or none with a weight.
    pub fn new(workflows: Vec<Workflow>, protocol: Protocol, is_async: bool) -> Result<Self, WorkloadError> {
        if workflows.is_empty() {
            return Err(WorkloadError::Empty);
        }
        if workflows.len() > WORKFLOWS_MAX {
            return Err(WorkloadError::TooMany(workflows.len()));
        }
        let total = workflows.iter().fold(0_u32, |sum, workflow| sum.saturating_add(workflow.weight));
        if total == 0 {
            return Err(WorkloadError::Weightless);
        }
        Ok(Self { workflows, total, protocol, is_async, expected: Vec::new() })
    }

    /// One plain request, whose status alone is looked at.
    #[must_use]
    pub fn plain(name: &str, request: Request) -> Self {
        let workflows = vec![Workflow { name: name.to_owned(), weight: 1, request }];
        Self { workflows, total: 1, protocol: Protocol::Plain, is_async: false, expected: Vec::new() }
    }

    /// The same, where the body of every answer must hold `expected`: a server that answers fast with something else
    /// would look fast.
    #[must_use]
    pub fn expecting(self, expected: &[u8]) -> Self {
        Self { expected: expected.to_vec(), ..self }
    }

    /// The workflows, in the order in which they are counted.
    #[must_use]
    pub fn workflows(&self) -> &[Workflow] {
        &self.workflows
    }

    /// Draws the next workflow and appends its request.
    pub fn write_next(&self, values: &mut Values, out: &mut Vec<u8>) -> usize {
        let drawn = self.draw(values);
        self.workflows[drawn].request.write(values, out);
        drawn
    }

    fn draw(&self, values: &mut Values) -> usize {
        if self.workflows.len() == 1 {
            return 0;
        }
        let mut left = values.chance.u32(..self.total);
        for (index, workflow) in self.workflows.iter().enumerate() {
            if left < workflow.weight {
                return index;
            }
            left -= workflow.weight;
        }
        self.workflows.len() - 1
    }

    fn holds(&self, body: &[u8]) -> bool {
        self.expected.is_empty() || memmem::find(body, &self.expected).is_some()
    }

    /// What an answer says of its execution.
    #[must_use]
    pub fn judge(&self, status: u16, body: &[u8]) -> Verdict {
        match (self.protocol, status) {
            (Protocol::Plain, ..400) if self.holds(body) => Verdict::Succeeded,
            (Protocol::Aws, 200) if self.is_async => Verdict::Accepted,
            (Protocol::Web, 202) => Verdict::Accepted,
            (Protocol::Web, 200) => Verdict::Succeeded,
            // Of a start, the service's status is in the body, and its own: the documents are strings within it.
            (Protocol::Aws, 200) => status_of(body).unwrap_or(Verdict::Refused(status)),
            // A result begins with the status; a problem has a type, a title and a number as its status.
            (Protocol::Web, 422 | 503 | 504) => status_of(body).unwrap_or(Verdict::Refused(status)),
            _ => Verdict::Refused(status),
        }
    }
}

/// The verdict that the body of a result names.
fn status_of(body: &[u8]) -> Option<Verdict> {
    static MEMBER: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(b"\"status\":\""));
    let value = &body[MEMBER.find(body)? + MEMBER.needle().len()..];
    let verdicts: [(&[u8], Verdict); 4] = [
        (b"SUCCEEDED\"", Verdict::Succeeded),
        (b"FAILED\"", Verdict::Failed),
        (b"TIMED_OUT\"", Verdict::TimedOut),
        (b"ABORTED\"", Verdict::Aborted),
    ];
    verdicts.into_iter().find(|(name, _)| value.starts_with(name)).map(|(_, verdict)| verdict)
}

/// The ARN of the execution that an acknowledgement names.
#[must_use]
pub fn execution_arn(body: &[u8]) -> Option<&str> {
    const MEMBER: &[u8] = b"\"executionArn\":\"";
    let value = &body[memmem::find(body, MEMBER)? + MEMBER.len()..];
    std::str::from_utf8(&value[..memchr::memchr(b'"', value)?]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(request: &Request) -> String {
        let mut out = b"before".to_vec();
        request.write(&mut Values::new(1, 0, 1), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_request_says_how_long_its_body_is() {
        let fixed = Request::web("h:1", "hello", &Template::parse("{\"a\":1}").unwrap(), false);
        let expected = "beforePOST /v1/workflows/hello/run HTTP/1.1\r\nhost: h:1\r\ncontent-type: application/json\r\n\
                        content-length:        7\r\n\r\n{\"a\":1}";
        assert_eq!(written(&fixed), expected);
        let varying = Request::aws("h", "arn:x", &Template::parse("{\"a\":\"${uuid}\"}").unwrap(), true);
        let text = written(&varying);
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with(&format!("content-length: {:8}", body.len())), "{head}");
        assert!(head.contains("x-amz-target: AWSStepFunctions.StartExecution\r\n"), "{head}");
        assert!(body.starts_with("{\"stateMachineArn\":\"arn:x\",\"input\":\"{\\\"a\\\":\\\""), "{body}");
        assert_eq!(written(&Request::bare(Template::parse("[${seq}]").unwrap())), "before[0]");
    }

    #[test]
    fn workflows_are_drawn_by_their_weights() {
        let workflow = |name: &str, weight| {
            let request = Request::bare(Template::parse("1").unwrap());
            Workflow { name: name.to_owned(), weight, request }
        };
        let mix = vec![workflow("a", 3), workflow("none", 0), workflow("b", 1)];
        let mix = Workload::new(mix, Protocol::Web, false).unwrap();
        let (mut values, mut drawn, mut out) = (Values::new(5, 0, 1), [0_u32; 3], Vec::new());
        for _ in 0..4_000 {
            drawn[mix.write_next(&mut values, &mut out)] += 1;
        }
        assert_eq!(drawn[1], 0);
        assert!((2_880..3_120).contains(&drawn[0]), "{drawn:?}");
        let refused = |workflows| Workload::new(workflows, Protocol::Web, false).unwrap_err();
        assert_eq!(refused(vec![]), WorkloadError::Empty);
        assert_eq!(refused(vec![workflow("a", 0)]), WorkloadError::Weightless);
        assert_eq!(refused(vec![workflow("a", 1); 65]), WorkloadError::TooMany(65));
    }

    #[test]
    fn an_answer_is_judged_by_its_status_and_where_it_has_one_by_that_of_its_execution() {
        use Protocol::{Aws, Plain, Web};
        use Verdict::{Accepted, Failed, Refused, Succeeded, TimedOut};
        let success = r#"{"name":"n","status":"SUCCEEDED","output":"{\"status\":\"FAILED\"}"}"#;
        let cases = [
            (Aws, false, 200, success, Succeeded),
            (Aws, false, 200, r#"{"status":"FAILED","input":"{\"status\":\"SUCCEEDED\"}"}"#, Failed),
            (Aws, false, 200, r#"{"status":"TIMED_OUT"}"#, TimedOut),
            (Aws, false, 200, "{}", Refused(200)),
            (Aws, false, 400, r#"{"__type":"StateMachineDoesNotExist"}"#, Refused(400)),
            (Aws, true, 200, r#"{"executionArn":"arn:x","startDate":1}"#, Accepted),
            (Web, false, 200, r#"{"status":"ACCEPTED"}"#, Succeeded),
            (Web, true, 202, "", Accepted),
            (Web, false, 422, r#"{"status":"FAILED","error":"E"}"#, Failed),
            (Web, false, 422, r#"{"type":"about:blank","title":"InvalidDefinition","status":422}"#, Refused(422)),
            (Web, false, 504, r#"{"status":"TIMED_OUT"}"#, TimedOut),
            (Web, false, 429, "", Refused(429)),
            (Plain, false, 204, "", Succeeded),
            (Plain, false, 500, "", Refused(500)),
            (Plain, false, 200, "x", Succeeded),
        ];
        for (protocol, is_async, status, body, verdict) in cases {
            let mut workload = Workload::plain("x", Request::bare(Template::parse("1").unwrap()));
            (workload.protocol, workload.is_async) = (protocol, is_async);
            assert_eq!(workload.judge(status, body.as_bytes()), verdict, "{protocol:?} {status} {body}");
        }
        let expecting = Workload::plain("x", Request::raw(b"GET / HTTP/1.1\r\n\r\n".to_vec())).expecting(b"SUCC");
        assert_eq!([&b"SUCCEEDED"[..], b"FAILED"].map(|body| expecting.judge(200, body)), [Succeeded, Refused(200)]);
        assert_eq!(written(&expecting.workflows()[0].request), "beforeGET / HTTP/1.1\r\n\r\n");
        assert_eq!(execution_arn(br#"{"executionArn":"arn:x:y","startDate":1}"#), Some("arn:x:y"));
        assert_eq!(execution_arn(b"{}"), None);
    }
}
