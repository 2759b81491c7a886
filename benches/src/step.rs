//! Nanoseconds of a state, with no task and no HTTP: the pure core in a plain loop.

use crate::bench::Plan;
use crate::figure::{Figure, Report};
use crate::median;
use anyhow::{Context as _, Result, bail};
use fleetstep_asl::{Options, compile};
use fleetstep_document::Document;
use fleetstep_engine::clock;
use fleetstep_machine::{
    Effects, Event, Execution, ExecutionStart, HistoryLevel, Identity, Outcome, Program, Status, Timestamp,
};
use std::fmt::Write as _;
use std::sync::Arc;

/// Executions of each round.
const EXECUTIONS: u32 = 20_000;
/// States of the longer machine; the difference to the one with a single state is what a further state costs.
const STATES: usize = 51;
/// The size that the load over HTTP has too.
pub(crate) const ORDER: &str = r#"{"orderId":"A-1001","customer":{"id":42,"name":"Ada Lovelace","email":"ada@example.com"},"lines":[{"sku":"tea","quantity":2,"price":4.5},{"sku":"cup","quantity":1,"price":12.25}],"address":{"street":"12 St James's Square","city":"London","postcode":"SW1Y 4JH"},"total":21.25,"currency":"GBP","express":true}"#;

/// The figures.
pub(crate) fn measure(plan: &Plan) -> Result<Report> {
    let pass = |name: usize, next: &str| format!(r#""S{name}":{{"Type":"Pass",{next}}}"#);
    let choice = |name: usize, next: &str| {
        let target = next.trim_start_matches(r#""Next":"#);
        let target = if next.starts_with(r#""End""#) { r#""Done""# } else { target };
        format!(
            r#""S{name}":{{"Type":"Choice","Choices":[{{"Variable":"$.total","NumericGreaterThan":20,"Next":{target}}}]}}"#
        )
    };
    let executions = plan.count(EXECUTIONS);
    let whole = nanos(&machine(1, pass)?, plan.rounds, executions)?;
    Ok(Report::of(
        "A state, in the pure core",
        vec![
            Figure::lower("step.execution", "a whole execution of one Pass and a Succeed, without JSON", "ns", &whole),
            Figure::lower("step.further-pass", "a further Pass", "ns", &marginal(pass, plan.rounds, executions)?),
            Figure::lower(
                "step.further-choice",
                "a further Choice with one condition",
                "ns",
                &marginal(choice, plan.rounds, executions)?,
            ),
        ],
    ))
}

/// A chain of `states` states, then a Succeed.
fn machine(states: usize, state: impl Fn(usize, &str) -> String) -> Result<Program> {
    let mut text = String::from(r#"{"StartAt":"S0","States":{"#);
    for at in 0..states {
        let next = if at + 1 == states { r#""Next":"Done""#.to_owned() } else { format!(r#""Next":"S{}""#, at + 1) };
        write!(text, "{},", state(at, &next))?;
    }
    text.push_str(r#""Done":{"Type":"Succeed"}}}"#);
    let compilation = compile(&text, &Options::default());
    let compiled = compilation.compiled.with_context(|| format!("{:?}", compilation.diagnostics))?;
    Ok(compiled.program)
}

/// Nanoseconds of a further state, round by round.
fn marginal(state: impl Fn(usize, &str) -> String, rounds: usize, executions: u32) -> Result<Vec<f64>> {
    let (long, short) = (machine(STATES, &state)?, machine(1, &state)?);
    let once = |program: &Program| Ok::<_, anyhow::Error>(median(nanos(program, 1, executions)?));
    (0..rounds).map(|_| Ok((once(&long)? - once(&short)?) / (STATES - 1) as f64)).collect()
}

/// Nanoseconds of a whole execution, round by round.
fn nanos(program: &Program, rounds: usize, executions: u32) -> Result<Vec<f64>> {
    let input = Document::parse(ORDER.as_bytes())?;
    let identity = Arc::new(Identity::default());
    let round = |_| {
        let started = clock::instant();
        for seed in 0..executions {
            execute(program, &input, &identity, seed.into())?;
        }
        Ok(started.elapsed().as_nanos() as f64 / f64::from(executions))
    };
    (0..rounds).map(round).collect()
}

fn execute(program: &Program, input: &Document, identity: &Arc<Identity>, seed: u64) -> Result<()> {
    let started = Timestamp::from_micros(0);
    let (input, identity) = (input.clone(), Arc::clone(identity));
    let start = ExecutionStart { input, identity, seed, started, history: HistoryLevel::Off };
    let mut execution = Execution::new(program, start);
    let mut effects = Effects::default();
    match execution.step(program, Event::Start, started, &mut effects) {
        Status::Finished(Outcome::Succeeded(_)) => Ok(()),
        other => bail!("the execution did not succeed in one step: {other:?}"),
    }
}
