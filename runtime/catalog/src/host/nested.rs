//! `states:startExecution` and the SDK's two: what they take as parameters.

use crate::failure::unusable_parameters;
use crate::function::Functions;
use crate::integration::{Integrations, Nested, Nesting, member};
use fleetstep_document::{Document, Text};
use fleetstep_engine::{Call, Reply, TaskHost};
use fleetstep_machine::Failure;

/// Starts an execution of another state machine, or of the same.
pub(super) struct StartsExecution {
    nesting: Nesting,
    integrations: Integrations,
}

const STATE_MACHINE_ARN: &str = "StateMachineArn";
const NAME: &str = "Name";
const INPUT: &str = "Input";
/// Taken by the SDK's integrations, and of no use here.
const TRACE_HEADER: &str = "TraceHeader";
const INCLUDED_DATA: &str = "IncludedData";

impl StartsExecution {
    pub(super) fn new(nesting: Nesting, functions: &Functions) -> Self {
        Self { nesting, integrations: functions.integrations().clone() }
    }

    fn nested(&self, call: &Call) -> Result<Nested, Failure> {
        let parameters = &call.input;
        check_form(self.nesting, parameters)?;
        let text = |name| member(parameters, name).and_then(Document::as_text).cloned();
        Ok(Nested {
            nesting: self.nesting,
            state_machine_arn: text(STATE_MACHINE_ARN).unwrap_or_default(),
            name: text(NAME),
            input: input_text(member(parameters, INPUT)),
            parent: call.identity.clone(),
        })
    }
}

impl TaskHost for StartsExecution {
    fn call(&self, call: Call) -> Reply {
        let started = self.nested(&call).and_then(|nested| Ok(self.integrations.executions()?.start(nested)));
        match started {
            Ok(answer) => Reply::Later(answer),
            Err(failure) => Reply::Ready(Err(failure)),
        }
    }
}

/// The API's `input` is text: what is text is taken as it stands, all else as the JSON that it is.
fn input_text(given: Option<&Document>) -> Text {
    match given {
        None => Text::from("{}"),
        Some(input) => input.as_text().cloned().unwrap_or_else(|| Text::from(input.to_json())),
    }
}

fn check_form(nesting: Nesting, parameters: &Document) -> Result<(), Failure> {
    let Some(object) = parameters.as_object() else {
        let problem = format!("Expected an object, but was a value of type {}", parameters.type_name());
        return Err(unusable_parameters(&parameters.to_json(), &[problem]));
    };
    let is_sdk = matches!(nesting, Nesting::SdkStart | Nesting::SdkSync);
    let mut problems = Vec::new();
    for (name, value) in object.iter() {
        let is_known = matches!(&**name, STATE_MACHINE_ARN | NAME | INPUT)
            || (is_sdk && name == TRACE_HEADER)
            || (nesting == Nesting::SdkSync && name == INCLUDED_DATA);
        if !is_known {
            problems.push(format!("The field '{name}' is not supported by Step Functions"));
        } else if name != INPUT && value.as_text().is_none() && !value.is_null() {
            problems.push(format!("The value for the field '{name}' must be a STRING"));
        }
    }
    if member(parameters, STATE_MACHINE_ARN).is_none() {
        problems.push(format!("The field '{STATE_MACHINE_ARN}' is required but was missing"));
    }
    if problems.is_empty() { Ok(()) } else { Err(unusable_parameters(&parameters.to_json(), &problems)) }
}
