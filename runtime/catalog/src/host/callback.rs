//! `.waitForTaskToken`, and activities: the answer comes from elsewhere.

use crate::function::Functions;
use crate::integration::Integrations;
use fleetstep_document::Text;
use fleetstep_engine::{Call, Reply, TaskHost};
use std::sync::Arc;

/// Carries a task's request out, whose answer is then dropped, and waits for whoever has the token.
pub(super) struct Callback {
    request: Arc<dyn TaskHost>,
    integrations: Integrations,
}

impl Callback {
    pub(super) fn of(request: Arc<dyn TaskHost>, functions: &Functions) -> Self {
        Self { request, integrations: functions.integrations().clone() }
    }
}

impl TaskHost for Callback {
    fn call(&self, call: Call) -> Reply {
        // It is waited for first: whoever gets the token with the request may be quicker than the request's answer.
        let answer = match self.integrations.executions().and_then(|executions| executions.wait(&call)) {
            Ok(answer) => answer,
            Err(failure) => return Reply::Ready(Err(failure)),
        };
        match self.request.call(call) {
            Reply::Ready(Err(failure)) => Reply::Ready(Err(failure)),
            Reply::Ready(Ok(_)) => Reply::Later(answer),
            Reply::Later(sent) => Reply::Later(Box::pin(async move {
                let mut answer = answer;
                tokio::select! {
                    biased;
                    early = &mut answer => early,
                    sent = sent => match sent {
                        Ok(_) => answer.await,
                        Err(failure) => Err(failure),
                    },
                }
            })),
        }
    }
}

/// A task that workers come for.
pub(super) struct Activity {
    arn: Text,
    integrations: Integrations,
}

impl Activity {
    pub(super) fn new(arn: &Text, functions: &Functions) -> Self {
        Self { arn: arn.clone(), integrations: functions.integrations().clone() }
    }
}

impl TaskHost for Activity {
    fn call(&self, call: Call) -> Reply {
        match self.integrations.executions().and_then(|executions| executions.offer(&self.arn, &call)) {
            Ok(answer) => Reply::Later(answer),
            Err(failure) => Reply::Ready(Err(failure)),
        }
    }
}
