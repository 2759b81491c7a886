//! The tasks of one state machine: what each of them calls, resolved when the machine is deployed.

mod callback;
mod nested;
mod service;

use crate::arn::LATEST;
use crate::failure::function_not_found;
use crate::function::{Functions, Slot};
use crate::invoke::{self, Invocation};
use callback::Activity;
use fleetstep_asl::{Code, Diagnostic, Resource, Severity};
use fleetstep_document::Text;
use fleetstep_engine::{Call, Reply, TaskHost};
use service::INVOKE_LABEL;
use std::sync::Arc;

/// Runs the tasks of one program.
pub(crate) struct MachineHost {
    /// By task.
    targets: Box<[Target]>,
    invokes: Invokes,
}

/// What a task calls.
enum Target {
    /// One function, by its own ARN.
    Function {
        slot: Arc<Slot>,
        /// The ARN as the definition has it: what failures name.
        arn: Text,
    },
    /// A version or an alias of one, by its own ARN.
    Qualified { slot: Arc<Slot>, arn: Text, qualifier: Text },
    /// Whichever function the input names.
    LambdaInvoke,
    /// A service integration, or an activity.
    Service(Arc<dyn TaskHost>),
}

impl MachineHost {
    /// Resolves the resources of a program, with a warning for each that nothing is bound to; or a diagnostic for each
    /// that can't be called.
    pub(crate) fn bind(
        resources: &[Resource],
        functions: &Arc<Functions>,
    ) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let mut targets = Vec::with_capacity(resources.len());
        let (mut diagnostics, mut warnings) = (Vec::new(), Vec::new());
        for resource in resources {
            match Target::bind(resource, functions) {
                Ok((target, warning)) => {
                    targets.push(target);
                    warnings.extend(warning.map(|message| diagnostic(Severity::Warning, Code::NotBound, message)));
                }
                Err(message) => diagnostics.push(diagnostic(Severity::Error, Code::NotSupported, message)),
            }
        }
        if !diagnostics.is_empty() {
            return Err(diagnostics);
        }
        Ok((Self { targets: targets.into(), invokes: Invokes(Arc::clone(functions)) }, warnings))
    }
}

impl Target {
    /// What a resource is, and what is to be warned of.
    fn bind(resource: &Resource, functions: &Arc<Functions>) -> Result<(Self, Option<String>), String> {
        let target = match resource {
            Resource::Function { arn, name, qualifier: Some(qualifier) } if qualifier != LATEST => {
                let (slot, arn, qualifier) = (functions.slot(name), arn.clone(), qualifier.clone());
                Ok(Self::Qualified { slot, arn, qualifier })
            }
            Resource::Function { arn, name, .. } => Ok(Self::Function { slot: functions.slot(name), arn: arn.clone() }),
            Resource::LambdaInvoke => Ok(Self::LambdaInvoke),
            Resource::Service { arn } => {
                let (host, is_unbound) = service::bind(arn, functions)?;
                let warning = is_unbound.then(|| format!("Nothing is bound to {arn}: every call of it fails"));
                return Ok((Self::Service(host), warning));
            }
            Resource::Activity { arn, .. } => Ok(Self::Service(Arc::new(Activity::new(arn, functions)))),
            Resource::Other { uri } => Err(format!("The resource {uri} is none that this runtime can call")),
        };
        target.map(|target| (target, None))
    }
}

fn diagnostic(severity: Severity, code: Code, message: String) -> Diagnostic {
    Diagnostic { severity, code, message, location: String::new(), span: None, hint: None }
}

impl TaskHost for MachineHost {
    fn call(&self, call: Call) -> Reply {
        match &self.targets[call.task.index()] {
            Target::Function { slot, arn } => match &*slot.current() {
                Some(deployed) => deployed.invoke_as(call, arn),
                None => Reply::Ready(Err(function_not_found(&latest(arn)))),
            },
            Target::Qualified { slot, arn, qualifier } => {
                match slot.current().as_ref().and_then(|deployed| deployed.qualified(qualifier)) {
                    Some(deployed) => deployed.invoke_as(call, arn),
                    None => Reply::Ready(Err(function_not_found(arn))),
                }
            }
            Target::LambdaInvoke => self.invokes.call(call),
            Target::Service(host) => host.call(call),
        }
    }
}

/// `lambda:invoke`: the function that the input names, its answer wrapped.
struct Invokes(Arc<Functions>);

impl TaskHost for Invokes {
    fn call(&self, mut call: Call) -> Reply {
        let place = self.0.place();
        let invocation = match Invocation::of(&call.input, place) {
            Ok(invocation) => invocation,
            Err(failure) => return Reply::Ready(Err(failure)),
        };
        let found = self.0.get(&invocation.function);
        let found = match invocation.qualifier.as_deref().filter(|_| !invocation.is_latest()) {
            None => found,
            Some(qualifier) => found.and_then(|deployed| deployed.qualified(qualifier)),
        };
        let Some(deployed) = found else {
            return Reply::Ready(Err(function_not_found(&invocation.arn(place))));
        };
        call.input = invocation.payload;
        let version = deployed.description.version;
        match deployed.invoke_as(call, &INVOKE_LABEL) {
            Reply::Ready(answer) => Reply::Ready(answer.map(|payload| invoke::answer(payload, version))),
            Reply::Later(answer) => {
                Reply::Later(Box::pin(async move { answer.await.map(|payload| invoke::answer(payload, version)) }))
            }
        }
    }
}

/// A function's ARN with the qualifier that it has when none is given.
fn latest(arn: &str) -> String {
    let bare = arn.strip_suffix(LATEST).map_or(arn, |arn| arn.trim_end_matches(':'));
    format!("{bare}:{LATEST}")
}
