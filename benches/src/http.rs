//! Requests as they go over the wire.

use crate::modules;
use crate::pin::Pin;
use crate::server::Server;
use anyhow::Result;
use fleetstep_document::Document;
use std::ffi::OsStr;

/// Connections of a load; one request at a time on each.
pub(crate) const CONNECTIONS: usize = 64;

/// As long as one that an SDK sends; nobody here checks it, and some servers read the region out of it.
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/states/aws4_request, \
    SignedHeaders=host;x-amz-date, Signature=0000000000000000000000000000000000000000000000000000000000000000";

/// The product with the modules of the tests deployed.
pub(crate) fn fleetstep(pin: &Pin) -> Result<Server> {
    fleetstep_with(pin, &[OsStr::new("--in-memory")])
}

/// The same, with further arguments.
pub(crate) fn fleetstep_with(pin: &Pin, arguments: &[&OsStr]) -> Result<Server> {
    let modules = modules();
    Server::fleetstep(pin, &[&[modules.as_os_str()], arguments].concat())
}

/// A StartSyncExecution of `workflow` with `input`, as it goes over the wire.
pub(crate) fn start_sync(workflow: &str, input: &str) -> Vec<u8> {
    let input = Document::from(input).to_json();
    let machine = format!("arn:aws:states:us-east-1:000000000000:stateMachine:{workflow}");
    aws("StartSyncExecution", &format!(r#"{{"stateMachineArn":"{machine}","input":{input}}}"#))
}

/// A call of the AWS JSON protocol.
pub(crate) fn aws(operation: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-amz-json-1.0\r\n\
         x-amz-target: AWSStepFunctions.{operation}\r\nauthorization: {AUTHORIZATION}\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// A POST of `body` as JSON.
pub(crate) fn post(body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}
