//! A function without a workflow around it: one call, what its calls have logged, and how the latest failed.

use super::Catalog;
use crate::Diagnostic;
use crate::arn::FunctionArn;
use crate::function::Deployed;
use crate::host::MachineHost;
use crate::{FunctionDescription, FunctionError};
use fleetstep_asl::Resource;
use fleetstep_engine::{Call, Reply, TaskHost};
use fleetstep_wasm::{CallFailure, LogLine};
use std::sync::Arc;

impl Catalog {
    /// Calls a function. No program is behind it: the call's task says nothing.
    pub fn call_function(&self, name: &str, call: Call) -> Result<Reply, FunctionError> {
        let deployed = self.deployed(name)?;
        Ok(deployed.invoke_as(call, deployed.description.arn.as_text()))
    }

    /// Calls the version or the alias of a function that `qualifier` names; what was called comes with the reply.
    pub fn call_function_version(
        &self,
        name: &str,
        qualifier: &str,
        call: Call,
    ) -> Result<(Reply, FunctionDescription), FunctionError> {
        let found = self.version_called(name, qualifier)?;
        Ok((found.invoke_as(call, found.description.arn.as_text()), found.description.clone()))
    }

    /// What a call by that qualifier meets; of an alias with two versions, what it would meet this time.
    pub fn function_called(&self, name: &str, qualifier: &str) -> Result<FunctionDescription, FunctionError> {
        Ok(self.version_called(name, qualifier)?.description.clone())
    }

    fn version_called(&self, name: &str, qualifier: &str) -> Result<Arc<Deployed>, FunctionError> {
        let arn = FunctionArn::new(self.place(), name)?;
        let found = self.inner.functions.get(name).and_then(|deployed| deployed.qualified(qualifier));
        found.ok_or_else(|| FunctionError::NotFound { arn: arn.qualified_by(qualifier).as_text().to_string() })
    }

    /// What runs the tasks of a program that is not deployed, by their resources. A diagnostic for each that can't be
    /// called.
    pub fn task_host(&self, resources: &[Resource]) -> Result<Arc<dyn TaskHost>, Vec<Diagnostic>> {
        let (host, _) = MachineHost::bind(resources, &self.inner.functions)?;
        Ok(Arc::new(host))
    }

    /// The newest lines of a function's log, oldest first, at most `lines_max` of them.
    pub fn function_log(&self, name: &str, lines_max: usize) -> Result<Vec<LogLine>, FunctionError> {
        let deployed = self.deployed(name)?;
        Ok(deployed.function.as_ref().map(|function| function.log(lines_max)).unwrap_or_default())
    }

    /// How the latest calls of a function failed, the oldest first.
    pub fn function_failures(&self, name: &str) -> Result<Vec<CallFailure>, FunctionError> {
        let deployed = self.deployed(name)?;
        Ok(deployed.function.as_ref().map(|function| function.latest_failures()).unwrap_or_default())
    }

    fn deployed(&self, name: &str) -> Result<Arc<Deployed>, FunctionError> {
        let arn = FunctionArn::new(self.place(), name)?;
        let found = self.inner.functions.get(name);
        found.ok_or_else(|| FunctionError::NotFound { arn: arn.as_text().to_string() })
    }
}
