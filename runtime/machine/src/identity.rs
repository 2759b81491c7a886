//! Who an execution is. To this room these are texts that the context object shows, nothing more.

use fleetstep_document::Text;

/// Who an execution is, as its context object and its tasks see it.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    /// ARN of the execution (`$$.Execution.Id`).
    pub execution_arn: Text,
    /// Name of the execution (`$$.Execution.Name`).
    pub execution_name: Text,
    /// ARN of the role that it was started under (`$$.Execution.RoleArn`).
    pub role_arn: Text,
    /// ARN of the state machine (`$$.StateMachine.Id`).
    pub state_machine_arn: Text,
    /// Name of the state machine (`$$.StateMachine.Name`).
    pub state_machine_name: Text,
    /// ARN of the version that it runs, where it was started by a version or by an alias.
    pub state_machine_version_arn: Option<Text>,
    /// ARN of the alias that it was started by.
    pub state_machine_alias_arn: Option<Text>,
    /// How often it was begun again after it was cut off (`$$.Execution.RedriveCount`).
    pub redrive_count: u32,
}
