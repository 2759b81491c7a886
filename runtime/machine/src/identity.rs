//! Who an execution is. To this room these are texts that the context object shows, nothing more.

use crate::Ticket;
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
    /// ARN of the execution whose task started it, where one did.
    pub started_by: Option<Text>,
    /// How many executions stand above it, each started by a task of the one before.
    pub nesting: u32,
    /// Makes the tokens of its callbacks.
    pub tokens: TokenSource,
}

/// Names a wait for a callback: a text that the task hands to whoever is to answer. The same identity and ticket must
/// give the same token whenever they are asked for. Whether it can be guessed is the source's business: this room has no
/// secrets.
#[derive(Clone, Copy)]
pub struct TokenSource(pub fn(&Identity, Ticket) -> Text);

impl TokenSource {
    /// The token of one wait.
    #[must_use]
    pub fn token(self, identity: &Identity, ticket: Ticket) -> Text {
        (self.0)(identity, ticket)
    }
}

impl Default for TokenSource {
    /// Tokens that everyone can guess: of executions that nobody can reach, in tests and in the simulator.
    fn default() -> Self {
        Self(|identity, ticket| {
            let name = &identity.execution_name;
            Text::from(format!("token-of-{name}-{}-{}", ticket.strand, ticket.generation))
        })
    }
}

impl std::fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenSource")
    }
}
