//! Service integrations: what is built in, what the operator has bound, and what fails.

use super::Invokes;
use super::callback::Callback;
use super::nested::StartsExecution;
use crate::failure::not_bound;
use crate::function::{Functions, Slot};
use crate::integration::{Bound, Nesting};
use arcstr::literal;
use fleetstep_asl::Integration;
use fleetstep_document::Text;
use fleetstep_engine::{Call, Reply, TaskHost};
use std::sync::Arc;

/// What runs a service integration, and whether nothing does.
pub(super) fn bind(arn: &Text, functions: &Arc<Functions>) -> Result<(Arc<dyn TaskHost>, bool), String> {
    let Some(integration) = Integration::of(arn) else { return Err(format!("{arn} is no service integration")) };
    let (host, is_unbound) = resolve(arn, integration, functions);
    let host: Arc<dyn TaskHost> = if integration.is_callback { Arc::new(Callback::of(host, functions)) } else { host };
    Ok((host, is_unbound))
}

fn resolve(arn: &Text, integration: Integration<'_>, functions: &Arc<Functions>) -> (Arc<dyn TaskHost>, bool) {
    // What the operator says comes first: a real Step Functions may be meant.
    match functions.integrations().bound(integration.action) {
        Bound::Host(host) => return (host, false),
        Bound::Function(name) => {
            return (Arc::new(BoundFunction { arn: arn.clone(), slot: functions.slot(&name), name }), false);
        }
        Bound::Nothing => {}
    }
    let nesting = match (integration.action, integration.sync) {
        ("lambda:invoke", _) => return (Arc::new(Invokes(Arc::clone(functions))), false),
        ("states:startExecution", None) => Nesting::Start,
        ("states:startExecution", Some("sync")) => Nesting::Sync,
        ("states:startExecution", Some(_)) => Nesting::Sync2,
        ("aws-sdk:sfn:startExecution", _) => Nesting::SdkStart,
        ("aws-sdk:sfn:startSyncExecution", _) => Nesting::SdkSync,
        _ => return (Arc::new(Unbound(arn.clone())), true),
    };
    (Arc::new(StartsExecution::new(nesting, functions)), false)
}

/// A function in the place of a service: it gets the arguments, and its answer is the result.
struct BoundFunction {
    arn: Text,
    name: Text,
    slot: Arc<Slot>,
}

impl TaskHost for BoundFunction {
    fn call(&self, call: Call) -> Reply {
        match &*self.slot.current() {
            Some(deployed) => deployed.invoke_as(call, &self.arn),
            None => Reply::Ready(Err(not_bound(&self.arn, Some(self.name.as_str())))),
        }
    }
}

/// Nothing is bound: the call says so.
struct Unbound(Text);

impl TaskHost for Unbound {
    fn call(&self, _call: Call) -> Reply {
        Reply::Ready(Err(not_bound(&self.0, None)))
    }
}

/// What a `States.DataLimitExceeded` of lambda:invoke names in place of the function.
pub(super) static INVOKE_LABEL: Text = literal!("lambda");
