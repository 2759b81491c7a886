//! The answer that a test gives in place of a service, of a function, of branches or of iterations.

use super::shapes;
use crate::aws::members::{Checker, Members, TextRule};
use crate::fault::{Fault, Kind};
use crate::limits::INPUT_BYTES_MAX;
use fleetstep_asl::{Resource, Tested};
use fleetstep_document::{Document, Text};
use fleetstep_engine::{Failure, StateKind};

/// `mock` of a request.
pub(super) struct Mock<'a> {
    result: Option<&'a Text>,
    error_output: Option<ErrorOutput<'a>>,
    mode: &'static str,
}

struct ErrorOutput<'a> {
    error: Option<&'a Text>,
    cause: Option<&'a Text>,
}

impl<'a> Mock<'a> {
    /// Reads the member, if it is there.
    pub(super) fn read(members: &Members<'a>, checker: &mut Checker) -> Option<Self> {
        let mock = members.structure(checker, "mock")?;
        let error_output = mock.structure(checker, "errorOutput").map(|output| ErrorOutput {
            error: output.text(checker, "error", TextRule::to(256).or_empty().sensitive()),
            cause: output.text(checker, "cause", TextRule::to(32_768).or_empty().sensitive()),
        });
        Some(Self {
            result: mock.text(checker, "result", TextRule::to(INPUT_BYTES_MAX).or_empty().sensitive()),
            error_output,
            mode: mock.choice(checker, "fieldValidationMode", &["STRICT", "PRESENT", "NONE"]).unwrap_or("STRICT"),
        })
    }

    /// What the state gets, checked for what it can get.
    pub(super) fn answer(&self, tested: &Tested) -> Result<Result<Document, Failure>, Fault> {
        match (self.result, &self.error_output) {
            (Some(result), None) => self.result(result, tested).map(Ok),
            (None, Some(output)) => {
                let Some(error) = output.error else {
                    return Err(invalid("A mocked error output must have the field [error]."));
                };
                Ok(Err(Failure { error: Some(error.clone()), cause: output.cause.cloned() }))
            }
            _ => Err(invalid("A test mock should have only one of the following fields: [result, errorOutput].")),
        }
    }

    fn result(&self, text: &str, tested: &Tested) -> Result<Document, Fault> {
        let parsed = Document::parse(text.as_bytes()).map_err(|_| invalid("Mocked result must be valid JSON"))?;
        match tested.kind {
            StateKind::Map if tested.writes_results => match parsed.as_object() {
                Some(_) => Ok(parsed),
                None => Err(invalid("Mocked result must be a JSON object.")),
            },
            StateKind::Map | StateKind::Parallel => {
                let Some(items) = parsed.as_array() else { return Err(invalid("Mocked result must be an array.")) };
                if tested.kind == StateKind::Parallel && items.len() != tested.branches {
                    let rule = "Mocked result must contain the same number of items as number of Parallel branches.";
                    return Err(invalid(rule));
                }
                Ok(parsed)
            }
            _ => match self.mismatch(&parsed, tested) {
                Some(problem) => Err(invalid(format!("Mock result schema validation error: {problem}"))),
                None => Ok(parsed),
            },
        }
    }

    fn mismatch(&self, result: &Document, tested: &Tested) -> Option<String> {
        if self.mode == "NONE" {
            return None;
        }
        let shape = match tested.resource.as_ref()? {
            Resource::LambdaInvoke => shapes::response_of("lambda:invoke"),
            Resource::Service { arn } => shapes::response_of(arn.splitn(6, ':').nth(5)?),
            Resource::Function { .. } | Resource::Activity { .. } | Resource::Other { .. } => None,
        };
        if result.as_object().is_none() {
            return shape.map(|_| "Mocked result must be a JSON object".to_owned());
        }
        shapes::mismatch(result, shape?, "", self.mode == "STRICT")
    }
}

fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Fault {
    Fault::new(Kind::ValidationException, message)
}
