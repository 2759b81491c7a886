//! What tasks answer in a case: by the state's name and the number of the call, as AWS's `MockConfigFile.json` has it.

use crate::MOCKED_ANSWERS_MAX;
use fleetstep_document::Document;
use fleetstep_engine::simulator::Response;
use fleetstep_machine::Failure;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

/// The answers of a case, by the names of states.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mocks(BTreeMap<String, MockedCalls>);

/// The answers of one state. Its calls are numbered from 0 within an execution, whatever makes them: a retry, an
/// iteration of a Map, a loop.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MockedCalls(Vec<(RangeInclusive<u32>, Response)>);

/// The longest delay of an answer, in seconds: beyond the five-minute cap it makes no difference.
const DELAY_SECONDS_MAX: f64 = 3_600.0;

impl Mocks {
    /// Reads `{"STATE": ANSWERS, …}`. The error says what is wrong, and where.
    pub fn parse(text: &Document) -> Result<Self, String> {
        let states = text.as_object().ok_or("mocks are an object with a member for each state")?;
        let parsed = states.iter().map(|(state, calls)| {
            let calls = MockedCalls::parse(calls).map_err(|problem| format!("{state}: {problem}"))?;
            Ok((state.to_string(), calls))
        });
        parsed.collect::<Result<_, String>>().map(Self)
    }

    /// The cases that a `MockConfigFile.json` has for a state machine, by their names.
    pub fn parse_config(config: &Document, state_machine: &str) -> Result<BTreeMap<String, Self>, String> {
        let machines = member(config, "StateMachines")?;
        let Some(machine) = machines.get(state_machine) else { return Ok(BTreeMap::new()) };
        let responses = member(config, "MockedResponses")?;
        let cases = member(machine, "TestCases")?.as_object().ok_or("TestCases is an object")?;
        let mut parsed = BTreeMap::new();
        for (case, states) in cases.iter() {
            let states = states.as_object().ok_or_else(|| format!("test case {case} is an object"))?;
            let mut mocks = BTreeMap::new();
            for (state, name) in states.iter() {
                let name = name.as_str().ok_or_else(|| format!("{case}/{state} is the name of a mocked response"))?;
                let calls = responses.get(name).ok_or_else(|| format!("there is no mocked response {name}"))?;
                let calls = MockedCalls::parse(calls).map_err(|problem| format!("{name}: {problem}"))?;
                mocks.insert(state.to_string(), calls);
            }
            parsed.insert(case.to_string(), Self(mocks));
        }
        Ok(parsed)
    }

    /// The answers of a state, if there are any.
    #[must_use]
    pub fn of(&self, state: &str) -> Option<&MockedCalls> {
        self.0.get(state)
    }

    /// The states that have answers.
    pub fn states(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// These, and those of `others` for the states that have none here.
    #[must_use]
    pub fn or(mut self, others: Self) -> Self {
        for (state, calls) in others.0 {
            self.0.entry(state).or_insert(calls);
        }
        self
    }
}

impl MockedCalls {
    /// Reads `{"0": ANSWER, "1-2": ANSWER}`, or one `ANSWER` for all calls. An answer is `{"Return": …}` or
    /// `{"Throw": {"Error": …, "Cause": …}}`; our own `DelaySeconds` beside it says how long it takes.
    pub fn parse(text: &Document) -> Result<Self, String> {
        let entries = text.as_object().ok_or("answers are an object")?;
        if entries.contains_key("Return") || entries.contains_key("Throw") {
            return Ok(Self(vec![(0..=u32::MAX, parse_response(text)?)]));
        }
        if entries.len() > MOCKED_ANSWERS_MAX {
            return Err(format!("there are more than {MOCKED_ANSWERS_MAX} answers"));
        }
        let parsed = entries.iter().map(|(calls, answer)| {
            let response = parse_response(answer).map_err(|problem| format!("{calls}: {problem}"))?;
            Ok((parse_range(calls)?, response))
        });
        let mut parsed = parsed.collect::<Result<Vec<_>, String>>()?;
        parsed.sort_by_key(|(calls, _)| *calls.start());
        if let Some(two) = parsed.windows(2).find(|two| two[0].0.end() >= two[1].0.start()) {
            return Err(format!("two answers for call {}", two[1].0.start()));
        }
        Ok(Self(parsed))
    }

    /// The answer to a call.
    #[must_use]
    pub fn answer(&self, call: u32) -> Option<&Response> {
        let at = self.0.partition_point(|(calls, _)| *calls.end() < call);
        self.0.get(at).filter(|(calls, _)| calls.contains(&call)).map(|(_, response)| response)
    }

    /// The last answer; a good one, if there is any.
    #[must_use]
    pub fn usual(&self) -> Option<&Response> {
        let good = self.0.iter().rev().find(|(_, response)| response.answer.is_ok());
        good.or(self.0.last()).map(|(_, response)| response)
    }
}

fn member<'a>(object: &'a Document, name: &str) -> Result<&'a Document, String> {
    object
        .get(name)
        .filter(|found| found.as_object().is_some())
        .ok_or_else(|| format!("{name} is missing or no object"))
}

/// `"3"`, or `"1-2"` with both ends.
fn parse_range(text: &str) -> Result<RangeInclusive<u32>, String> {
    let number = |digits: &str| match digits.bytes().all(|byte| byte.is_ascii_digit()) {
        true => digits.parse::<u32>().ok(),
        false => None,
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => Ok(first..=last),
        _ => Err(format!("{text} is no call number, as 0, and no range of them, as 1-2")),
    }
}

fn parse_response(text: &Document) -> Result<Response, String> {
    let members = text.as_object().ok_or("an answer is an object with Return or Throw")?;
    if let Some((name, _)) =
        members.iter().find(|(name, _)| !["Return", "Throw", "DelaySeconds"].contains(&name.as_str()))
    {
        return Err(format!("an answer has Return or Throw, and DelaySeconds, but not {name}"));
    }
    let answer = match (members.get("Return"), members.get("Throw")) {
        (Some(output), None) => Ok(output.clone()),
        (None, Some(failure)) => Err(parse_failure(failure)?),
        _ => return Err(String::from("an answer has either Return or Throw")),
    };
    let seconds = match members.get("DelaySeconds") {
        Some(delay) => delay.as_f64().filter(|seconds| (0.0..=DELAY_SECONDS_MAX).contains(seconds)),
        None => Some(0.0),
    };
    let seconds = seconds.ok_or_else(|| format!("DelaySeconds is a number from 0 to {DELAY_SECONDS_MAX}"))?;
    Ok(Response::after(Duration::from_secs_f64(seconds), answer))
}

fn parse_failure(text: &Document) -> Result<Failure, String> {
    let members = text.as_object().ok_or("Throw is an object with Error and Cause")?;
    let part = |name: &str| match members.get(name) {
        Some(part) => part.as_text().cloned().map(Some).ok_or_else(|| format!("{name} of Throw is a text")),
        None => Ok(None),
    };
    let failure = Failure { error: part("Error")?, cause: part("Cause")? };
    if failure.error.is_none() { Err(String::from("Throw has an Error")) } else { Ok(failure) }
}
