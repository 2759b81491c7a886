//! `GET /v1/executions/ARN`: what is remembered of an execution.

use super::Call;
use crate::fault::{Fault, Kind};
use crate::reply::{self, Reply};
use fleetstep_catalog::ExecutionArn;
use hyper::StatusCode;

pub(super) fn get<B>(call: &Call<'_, B>) -> Result<Reply, Fault> {
    let arn = &*call.name;
    if let Some(description) = call.service.executions().describe(arn) {
        return Ok(reply::json(&description, StatusCode::OK));
    }
    ExecutionArn::parse(arn)?;
    let message = format!("Execution Does Not Exist: '{arn}', or it is so long over that it was forgotten");
    Err(Fault::new(Kind::ExecutionDoesNotExist, message))
}
