//! `TestState`: one state, run by the machine that runs everything else.
//!
//! A Task calls its function; a Pass, Choice, Wait, Succeed or Fail runs; what a Map or a Parallel starts, and what
//! a Task calls of other services, a test answers itself. A retry is told and not made.

mod answer;
mod context;
mod mock;
mod reader;
mod shapes;

use super::input::parse_input;
use super::members::{Checker, Members, TextRule};
use crate::Service;
use crate::fault::{Fault, Kind};
use crate::id::Uuid;
use crate::limits::{ARN_CHARACTERS_MAX, DEFINITION_CHARACTERS_MAX, INPUT_BYTES_MAX, NAME_CHARACTERS_MAX};
use fleetstep_asl::{Resource, Tested, TestedError, compile_tested};
use fleetstep_document::{Document, ObjectBuilder, Text};
use fleetstep_engine::{Identity, Inspection, Start, StateKind, Step, Trial, Variables};
use mock::Mock;
use std::borrow::Cow;
use std::sync::Arc;

const DATA: TextRule = TextRule::to(INPUT_BYTES_MAX).or_empty().sensitive();
const STATE_NAME: TextRule = TextRule::to(NAME_CHARACTERS_MAX).sensitive();
const COUNT_MAX: i64 = i32::MAX as i64;

/// What a request asks for, its members checked one by one.
struct Request<'a> {
    definition: &'a Text,
    state_name: Option<&'a Text>,
    role_arn: Option<&'a Text>,
    input: Option<&'a Text>,
    variables: Option<&'a Text>,
    context: Option<&'a Text>,
    mock: Option<Mock<'a>>,
    configuration: Configuration<'a>,
    reveals_secrets: bool,
    shows_data: bool,
}

/// `stateConfiguration`
#[derive(Default)]
struct Configuration<'a> {
    retries: Option<u32>,
    iterations_failed: Option<u32>,
    failed_within: Option<&'a Text>,
    reader_data: Option<&'a Text>,
}

/// `TestState`
pub(super) async fn test_state(service: &Service, request: &Document) -> Result<Document, Fault> {
    let request = Request::read(request)?;
    let name = request.state_name.map(Text::as_str);
    let (mut program, tested) = compile_tested(request.definition, name).map_err(refusal)?;
    request.check(&tested)?;
    let input = match request.input {
        Some(text) => parse_input(text)?,
        None => Document::empty_object(),
    };
    let trial = request.trial(&tested, &input)?;
    if let Some(items) = request.items(&tested)? {
        tested.set_items(&mut program, items);
    }
    // What a test answers itself is not called, whatever it is.
    let called = tested.resource.as_ref().filter(|_| request.mock.is_none()).map(std::slice::from_ref);
    let host = service.catalog().task_host(called.unwrap_or_default());
    let start = Start {
        program: Arc::new(program),
        host: host.map_err(|diagnostics| Fault::invalid_definition(&diagnostics))?,
        identity: identity(service, request.role_arn),
        input: input.clone(),
        seed: fastrand::u64(..),
        history: None,
    };
    let (outcome, seen) = service.engine().inspect(start, trial).await?;
    request.check_iterations(&seen)?;
    Ok(answer::answer(&tested, &outcome, &seen, request.shows_data.then_some(&input)))
}

impl<'a> Request<'a> {
    fn read(request: &'a Document) -> Result<Self, Fault> {
        let members = Members::of(request)?;
        let mut checker = Checker::default();
        let definition =
            members.text(&mut checker, "definition", TextRule::to(DEFINITION_CHARACTERS_MAX).required().sensitive());
        let state_name = members.text(&mut checker, "stateName", STATE_NAME);
        let role_arn = members.text(&mut checker, "roleArn", TextRule::to(ARN_CHARACTERS_MAX));
        let [input, variables, context] =
            ["input", "variables", "context"].map(|name| members.text(&mut checker, name, DATA));
        let level = members.choice(&mut checker, "inspectionLevel", &["INFO", "DEBUG", "TRACE"]);
        let reveals_secrets = members.boolean(&mut checker, "revealSecrets").unwrap_or(false);
        let mock = Mock::read(&members, &mut checker);
        let configuration = members.structure(&mut checker, "stateConfiguration");
        let configuration = configuration.map(|members| Configuration::read(&members, &mut checker));
        checker.finish()?;
        Ok(Self {
            definition: definition.expect("it is required"),
            state_name,
            role_arn,
            input,
            variables,
            context,
            mock,
            configuration: configuration.unwrap_or_default(),
            reveals_secrets,
            // TRACE shows the requests of HTTP tasks too, which are not run here.
            shows_data: level.is_some_and(|level| level != "INFO"),
        })
    }

    /// What fits together, and fits the state.
    fn check(&self, tested: &Tested) -> Result<(), Fault> {
        match &self.mock {
            None => self.check_unmocked(tested),
            Some(_) if !matches!(tested.kind, StateKind::Task | StateKind::Map | StateKind::Parallel) => {
                let kind = tested.kind.as_str();
                Err(invalid(format!("State type '{kind}' is not supported when a mock is specified")))
            }
            Some(_) if self.reveals_secrets => {
                Err(invalid("TestState does not support RevealSecrets when a mock is specified."))
            }
            Some(_) => self.configuration.check(tested),
        }
    }

    fn check_unmocked(&self, tested: &Tested) -> Result<(), Fault> {
        let configuration = &self.configuration;
        for (name, given) in [
            ("MapIterationFailureCount", configuration.iterations_failed.is_some()),
            ("MapItemReaderData", configuration.reader_data.is_some()),
            ("ErrorCausedByState", configuration.failed_within.is_some()),
            ("Context", self.context.is_some()),
        ] {
            if given {
                return Err(invalid(format!("TestState does not support {name} when a mock is not specified.")));
            }
        }
        match tested.kind {
            StateKind::Map | StateKind::Parallel => Err(Fault::new(
                Kind::InvalidDefinition,
                "TestState API does not support Map or Parallel states. Supported state types include: [Task, Wait, \
                 Pass, Succeed, Fail, Choice]",
            )),
            StateKind::Task if waits(tested) => Err(invalid(
                "TestState does not support Activity tasks and the '.sync' and '.waitForTaskToken' service \
                 integration patterns when a mock is not specified.",
            )),
            StateKind::Task if self.role_arn.is_none() => {
                Err(invalid("RoleArn must be specified when testing a Task state"))
            }
            _ => Ok(()),
        }
    }

    fn trial(&self, tested: &Tested, input: &Document) -> Result<Trial, Fault> {
        let answer = self.mock.as_ref().map(|mock| mock.answer(tested)).transpose()?;
        let is_callback = waits(tested) && !matches!(tested.resource, Some(Resource::Activity { .. }));
        let context = self.context.map(|text| context::parse(text, is_callback)).transpose()?;
        let mut context_extras = Variables::new();
        if tested.is_within_map {
            context_extras.push((Text::from("Map"), map_item(input)));
        }
        if is_callback {
            let token = ObjectBuilder::with_capacity(1).with("Token", Uuid::random().as_str());
            context_extras.push((Text::from("Task"), token.build()));
        }
        Ok(Trial {
            mock: answer,
            context,
            context_extras,
            variables: self.variables()?,
            retries: self.configuration.retries.unwrap_or(0),
            iterations_failed: self.configuration.iterations_failed.filter(|_| tested.is_distributed),
        })
    }

    fn variables(&self) -> Result<Variables, Fault> {
        let Some(text) = self.variables else { return Ok(Variables::new()) };
        let parsed = Document::parse(text.as_bytes()).ok();
        let Some(object) = parsed.as_ref().and_then(Document::as_object) else {
            return Err(invalid("Variables must be a valid JSON object"));
        };
        Ok(object.iter().map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    /// The items that a Map with an `ItemReader` gets.
    fn items(&self, tested: &Tested) -> Result<Option<Document>, Fault> {
        match (&tested.reader, self.configuration.reader_data) {
            (Some(config), Some(data)) => match reader::items(data, config) {
                Ok(items) => Ok(Some(items)),
                Err(problem) => Err(invalid(format!("Invalid MapItemReaderData provided: {problem}"))),
            },
            (Some(_), None) => {
                Err(invalid("MapItemReaderData must be specified when testing a Map state with an ItemReader."))
            }
            (None, Some(_)) => Err(invalid("TestState does not support MapItemReaderData without an ItemReader.")),
            (None, None) => Ok(None),
        }
    }

    fn check_iterations(&self, seen: &Inspection) -> Result<(), Fault> {
        let items = seen.at(Step::Items).and_then(Document::as_array);
        match (items, self.configuration.iterations_failed) {
            (Some(items), Some(failed)) if failed as usize > items.len() => {
                Err(invalid("Map iteration failure count must be less than or equal to the number of Map iterations"))
            }
            _ => Ok(()),
        }
    }
}

impl<'a> Configuration<'a> {
    fn read(members: &Members<'a>, checker: &mut Checker) -> Self {
        let mut count = |name| members.integer(checker, name, 0, COUNT_MAX).and_then(|count| u32::try_from(count).ok());
        Self {
            retries: count("retrierRetryCount"),
            iterations_failed: count("mapIterationFailureCount"),
            failed_within: members.text(checker, "errorCausedByState", STATE_NAME),
            reader_data: members.text(checker, "mapItemReaderData", DATA),
        }
    }

    fn check(&self, tested: &Tested) -> Result<(), Fault> {
        if self.iterations_failed.is_some() && tested.kind != StateKind::Map {
            return Err(invalid("TestState supports MapIterationFailureCount for Map states only."));
        }
        match self.failed_within {
            Some(name) if !tested.has_within(name) => {
                Err(invalid("ErrorCausedByState must be a state within the tested Map or Parallel state."))
            }
            _ => Ok(()),
        }
    }
}

/// Whether a Task waits for more than a response: for a job, for a token, for a worker of an activity.
fn waits(tested: &Tested) -> bool {
    match &tested.resource {
        Some(Resource::Activity { .. }) => true,
        Some(Resource::Service { arn }) => {
            [".sync", ".sync:2", ".waitForTaskToken"].into_iter().any(|pattern| arn.ends_with(pattern))
        }
        _ => false,
    }
}

/// A state within a Map is tested as in its first iteration.
fn map_item(input: &Document) -> Document {
    let item = ObjectBuilder::with_capacity(2).with("Index", 0_i64).with("Value", input.clone());
    ObjectBuilder::with_capacity(1).with("Item", item.build()).build()
}

/// Who the execution of a test is: nobody that anyone could find.
fn identity(service: &Service, role_arn: Option<&Text>) -> Arc<Identity> {
    let place = service.catalog().place();
    let (machine, name, id) = (Uuid::random(), Uuid::random(), Uuid::random());
    let (machine, name, id) = (machine.as_str(), name.as_str(), id.as_str());
    let prefix = format!("arn:aws:states:{}:{}", place.region, place.account);
    Arc::new(Identity {
        execution_arn: Text::from(format!("{prefix}:express:{machine}:{name}:{id}")),
        execution_name: Text::from(name),
        role_arn: role_arn.cloned().unwrap_or_default(),
        state_machine_arn: Text::from(format!("{prefix}:stateMachine:{machine}")),
        state_machine_name: Text::from(machine),
        ..Identity::default()
    })
}

fn refusal(error: TestedError) -> Fault {
    match error {
        TestedError::Invalid(diagnostics) => Fault::invalid_definition(&diagnostics),
        TestedError::NotFound => invalid("State not found in definition"),
    }
}

fn invalid(message: impl Into<Cow<'static, str>>) -> Fault {
    Fault::new(Kind::ValidationException, message)
}
