//! A task that misbehaves as the variable `BEHAVIOUR` says. Each way must end in a failure of its own call only.

use fleetstep_guest::{TaskError, env, log};
use std::hint::black_box;

#[fleetstep_guest::task]
fn hostile() -> Result<u64, TaskError> {
    match env("BEHAVIOUR").unwrap_or_default().as_str() {
        "loop" => run_for_ever(),
        "allocate" => allocate_for_ever(),
        "overflow-stack" => Ok(overflow_stack(0)),
        "overflow-calls" => Ok(ackermann(4, 2)),
        "log" => log_for_ever(),
        "panic" => panic!("a panic on purpose"),
        other => Err(TaskError::new("NotConfigured", format!("the variable BEHAVIOUR is {other:?}"))),
    }
}

fn run_for_ever() -> ! {
    let mut turn: u64 = 0;
    loop {
        turn = black_box(turn.wrapping_add(1));
    }
}

/// Touches each page, so that the memory is not only promised.
fn allocate_for_ever() -> ! {
    let mut kept = Vec::new();
    loop {
        kept.push(black_box(vec![1u8; 64 << 10]));
    }
}

/// Runs down the stack that lies in the module's memory.
#[expect(unconditional_recursion, reason = "that is what it is for")]
fn overflow_stack(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    overflow_stack(frame[0] + 1) + frame[1]
}

/// Runs down the host's stack: its frames hold no memory of the module, and it calls itself far deeper than any stack.
fn ackermann(m: u64, n: u64) -> u64 {
    match (m, n) {
        (0, n) => n + 1,
        (m, 0) => ackermann(m - 1, 1),
        (m, n) => ackermann(m - 1, ackermann(m, n - 1)),
    }
}

fn log_for_ever() -> ! {
    loop {
        log::info!("again and again");
    }
}
