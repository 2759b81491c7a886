//! Nanoseconds of a state, with no task and no HTTP: the pure core in a plain loop.

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

/// Prints the figures.
pub(crate) fn measure(rounds: usize) -> Result<()> {
    let pass = |name: usize, next: &str| format!(r#""S{name}":{{"Type":"Pass",{next}}}"#);
    let choice = |name: usize, next: &str| {
        let target = next.trim_start_matches(r#""Next":"#);
        let target = if next.starts_with(r#""End""#) { r#""Done""# } else { target };
        format!(
            r#""S{name}":{{"Type":"Choice","Choices":[{{"Variable":"$.total","NumericGreaterThan":20,"Next":{target}}}]}}"#
        )
    };
    println!("## A state, in process\n\n| state | ns |\n| --- | --- |");
    println!("| a whole execution of one Pass, without JSON | {:.0} |", nanos(&machine(1, pass)?, rounds)?);
    println!("| a further Pass | {:.0} |", marginal(pass, rounds)?);
    println!("| a further Choice with one condition | {:.0} |\n", marginal(choice, rounds)?);
    Ok(())
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

fn marginal(state: impl Fn(usize, &str) -> String, rounds: usize) -> Result<f64> {
    let (long, short) = (machine(STATES, &state)?, machine(1, &state)?);
    let further = (0..rounds).map(|_| Ok((nanos(&long, 1)? - nanos(&short, 1)?) / (STATES - 1) as f64));
    Ok(median(further.collect::<Result<_>>()?))
}

/// Nanoseconds of a whole execution.
fn nanos(program: &Program, rounds: usize) -> Result<f64> {
    let input = Document::parse(ORDER.as_bytes())?;
    let identity = Arc::new(Identity::default());
    let mut figures = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let started = clock::instant();
        for seed in 0..EXECUTIONS {
            execute(program, &input, &identity, seed.into())?;
        }
        figures.push(started.elapsed().as_nanos() as f64 / f64::from(EXECUTIONS));
    }
    Ok(median(figures))
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
