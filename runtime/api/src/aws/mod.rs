//! The service's own protocol, AWS JSON 1.0: `POST /` with the operation in `X-Amz-Target`.
//!
//! Signatures are looked at in front of this, in `gate.rs`, where the server has keys. On which Host the request comes
//! does not matter: the SDKs put `sync-` before the name for two of the operations.

mod aliases;
mod callbacks;
mod configuration;
mod extensions;
mod flat;
mod input;
mod machines;
mod members;
mod operations;
mod refusals;
mod start;
mod tags;
mod test_state;
mod validate;
mod versions;

pub(crate) use callbacks::{failure as task_failure, parse_output};
pub(crate) use input::{copy_input, parse_input};
pub(crate) use members::{Checker, Members, TextRule};
pub(crate) use start::write_failure;

pub(crate) use operations::Operation;

use crate::Service;
use crate::fault::{Fault, Kind};
use crate::reply::{self, Reply};
use crate::tracing;
use bytes::Bytes;
use fleetstep_document::Document;
use hyper::header::{HeaderMap, HeaderValue};

/// Answers one call. The answer has the header map of the request, which is there already.
pub(crate) async fn answer(service: &Service, headers: HeaderMap, body: Bytes) -> Reply {
    let called = match operation(&headers) {
        Ok(operation @ (Operation::StartSyncExecution | Operation::StartExecution)) => {
            start::answer(service, operation, &headers, &body).await
        }
        Ok(operation) => Box::pin(call(service, operation, &body)).await.map(|body| (body, None)),
        Err(fault) => Err(fault),
    };
    match called {
        Ok((body, trace)) => {
            let mut reply = reply::aws(body, headers);
            tracing::tell(trace.as_deref(), reply.headers_mut());
            reply
        }
        Err(fault) => service.refuse(&fault).aws_reply(),
    }
}

/// The operation that a request asks for.
pub(crate) fn operation(headers: &HeaderMap) -> Result<Operation, Fault> {
    let Some(target) = headers.get("x-amz-target").map(HeaderValue::as_bytes) else {
        let message = "The header X-Amz-Target is missing: POST / speaks the AWS JSON protocol of Step Functions. \
                       The plain HTTP interface is below /v1/";
        return Err(Fault::new(Kind::UnknownOperationException, message));
    };
    target.strip_prefix(b"AWSStepFunctions.").and_then(Operation::named).ok_or_else(|| {
        let target = String::from_utf8_lossy(target);
        Fault::new(Kind::UnknownOperationException, format!("Step Functions has no operation '{target}'"))
    })
}

fn parse(body: &[u8]) -> Result<Document, Fault> {
    Document::parse(body)
        .map_err(|error| Fault::new(Kind::SerializationException, format!("The request is not valid JSON: {error}")))
}

async fn call(service: &Service, operation: Operation, body: &[u8]) -> Result<Bytes, Fault> {
    let request = parse(body)?;
    if service.has_aws_extensions()
        && let Some(answer) = extensions::answer(service, operation, &request)
    {
        return answer.map(|body| body.to_json().into());
    }
    if service.catalog().is_extended()
        && let Some(answer) = callbacks::answer(service, operation, &request).await
    {
        return answer.map(|body| body.to_json().into());
    }
    let answer = match operation {
        Operation::CreateStateMachine => machines::create(service, &request).await,
        Operation::UpdateStateMachine => machines::update(service, &request).await,
        Operation::DescribeStateMachine => machines::describe(service, &request),
        Operation::DeleteStateMachine => machines::delete(service, &request).await,
        Operation::ListStateMachines => machines::list(service, &request),
        Operation::ValidateStateMachineDefinition => validate::validate(service, &request),
        Operation::TestState => test_state::test_state(service, &request).await,
        Operation::PublishStateMachineVersion => versions::publish(service, &request).await,
        Operation::ListStateMachineVersions => versions::list(service, &request),
        Operation::DeleteStateMachineVersion => versions::delete(service, &request).await,
        Operation::CreateStateMachineAlias => aliases::create(service, &request).await,
        Operation::UpdateStateMachineAlias => aliases::update(service, &request).await,
        Operation::DescribeStateMachineAlias => aliases::describe(service, &request),
        Operation::ListStateMachineAliases => aliases::list(service, &request),
        Operation::DeleteStateMachineAlias => aliases::delete(service, &request).await,
        Operation::TagResource => tags::tag(service, &request).await,
        Operation::UntagResource => tags::untag(service, &request).await,
        Operation::ListTagsForResource => tags::list(service, &request),
        other => refusals::answer(service, other, &request),
    };
    answer.map(|body| body.to_json().into())
}
