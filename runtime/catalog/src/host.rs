//! The tasks of one state machine: which function each of them calls, resolved when the machine is deployed.

use crate::arn::LATEST;
use crate::failure::function_not_found;
use crate::function::{Functions, Slot};
use crate::invoke::{self, Invocation};
use arcstr::literal;
use fleetstep_asl::{Code, Diagnostic, Resource, Severity};
use fleetstep_document::Text;
use fleetstep_engine::{Call, Reply, TaskHost};
use std::sync::Arc;

/// Runs the tasks of one program.
pub(crate) struct MachineHost {
    /// By task.
    targets: Box<[Target]>,
    functions: Arc<Functions>,
}

/// What a task calls.
enum Target {
    /// One function, by its own ARN.
    Function {
        slot: Arc<Slot>,
        /// The ARN as the definition has it: what failures name.
        arn: Text,
    },
    /// Whichever function the input names.
    LambdaInvoke,
}

impl MachineHost {
    /// Resolves the resources of a program. A diagnostic for each that can't be called.
    pub(crate) fn bind(resources: &[Resource], functions: &Arc<Functions>) -> Result<Self, Vec<Diagnostic>> {
        let mut targets = Vec::with_capacity(resources.len());
        let mut diagnostics = Vec::new();
        for resource in resources {
            match Target::bind(resource, functions) {
                Ok(target) => targets.push(target),
                Err(message) => diagnostics.push(not_supported(message)),
            }
        }
        if !diagnostics.is_empty() {
            return Err(diagnostics);
        }
        Ok(Self { targets: targets.into(), functions: Arc::clone(functions) })
    }
}

impl Target {
    fn bind(resource: &Resource, functions: &Functions) -> Result<Self, String> {
        match resource {
            Resource::Function { arn, qualifier: Some(qualifier), .. } if qualifier != LATEST => Err(format!(
                "Versions and aliases of functions are not supported yet: call {} without ':{qualifier}'",
                arn.trim_end_matches(qualifier.as_str()).trim_end_matches(':'),
            )),
            Resource::Function { arn, name, .. } => Ok(Self::Function { slot: functions.slot(name), arn: arn.clone() }),
            Resource::LambdaInvoke => Ok(Self::LambdaInvoke),
            Resource::Service { arn } => Err(format!("The service integration {arn} is not supported yet")),
            Resource::Activity { arn, .. } => Err(format!("Activities are not supported yet: {arn}")),
            Resource::Other { uri } => Err(format!("The resource {uri} is none that this runtime can call")),
        }
    }
}

fn not_supported(message: String) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        code: Code::NotSupported,
        message,
        location: String::new(),
        span: None,
        hint: None,
    }
}

impl TaskHost for MachineHost {
    fn call(&self, call: Call) -> Reply {
        match &self.targets[call.task.index()] {
            Target::Function { slot, arn } => match &*slot.current() {
                Some(deployed) => deployed.invoke_as(call, arn),
                None => Reply::Ready(Err(function_not_found(&latest(arn)))),
            },
            Target::LambdaInvoke => self.invoke(call),
        }
    }
}

impl MachineHost {
    /// `lambda:invoke`: the function that the input names, its answer wrapped.
    fn invoke(&self, mut call: Call) -> Reply {
        let place = self.functions.place();
        let invocation = match Invocation::of(&call.input, place) {
            Ok(invocation) => invocation,
            Err(failure) => return Reply::Ready(Err(failure)),
        };
        let Some(deployed) = self.functions.get(&invocation.function).filter(|_| invocation.is_latest()) else {
            return Reply::Ready(Err(function_not_found(&invocation.arn(place))));
        };
        call.input = invocation.payload;
        match deployed.invoke_as(call, &INVOKE_LABEL) {
            Reply::Ready(answer) => Reply::Ready(answer.map(invoke::answer)),
            Reply::Later(answer) => Reply::Later(Box::pin(async move { answer.await.map(invoke::answer) })),
        }
    }
}

/// What a `States.DataLimitExceeded` of lambda:invoke names in place of the function.
static INVOKE_LABEL: Text = literal!("lambda");

/// A function's ARN with the qualifier that it has when none is given.
fn latest(arn: &str) -> String {
    let bare = arn.strip_suffix(LATEST).map_or(arn, |arn| arn.trim_end_matches(':'));
    format!("{bare}:{LATEST}")
}
