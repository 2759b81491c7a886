//! Components of the task world that do not keep to the canonical ABI, or that flood the host.

use super::Expected::Fails;
use super::{Expected, Hostile};

const TIMED_OUT: Expected = Fails("Sandbox.Timedout", "timed out after 1.00 seconds");

pub(super) fn all() -> Vec<Hostile> {
    let one = |name, expected, module| Hostile { name, expected, module };
    let exit = |part| Fails("Runtime.ExitError", part);
    let result = |place: u32, bytes: i32| {
        task(
            BUMP,
            &format!(
                "(i32.store8 (i32.const 16) (i32.const 0)) (i32.store (i32.const 20) (i32.const {place})) (i32.store (i32.const 24) (i32.const {bytes})) (i32.const 16)"
            ),
        )
    };
    vec![
        one("an allocator that gives what is not there", exit("realloc"), task("i32.const -8", RETURN)),
        one("an allocator that never ends", TIMED_OUT, task("(loop $l (br $l)) (i32.const 0)", RETURN)),
        one("an allocator that traps", exit("unreachable"), task("unreachable", RETURN)),
        one("a result behind the end of memory", exit("out of bounds"), task(BUMP, "(i32.const -4)")),
        one("a result at an odd address", exit("aligned"), task(BUMP, "(i32.const 17)")),
        one("a result text behind the end of memory", exit("outside of the memory"), result(u32::MAX - 10, 100)),
        one("a result text of 4 GiB", Fails("States.DataLimitExceeded", "maximum number of bytes"), result(1_024, -1)),
        one(
            "a result that is neither good nor bad",
            exit("discriminant"),
            task(BUMP, "(i32.store8 (i32.const 16) (i32.const 9)) (i32.const 16)"),
        ),
        one(
            "a result that is no text",
            Fails("Runtime.MarshalError", "invalid UTF-8"),
            task(
                BUMP,
                "(i32.store8 (i32.const 1024) (i32.const 255)) (i32.store8 (i32.const 16) (i32.const 0)) (i32.store (i32.const 20) (i32.const 1024)) (i32.store (i32.const 24) (i32.const 1)) (i32.const 16)",
            ),
        ),
        one(
            "a result of more than 256 KiB",
            Fails("States.DataLimitExceeded", "maximum number of bytes"),
            result(1_024, 400_000),
        ),
        one("a flood of log lines", TIMED_OUT, logs(60_000)),
        one("a flood of short log lines", TIMED_OUT, logs(1)),
        one("a log line from memory that is not there", exit("out of bounds"), logs(100_000_000)),
    ]
}

/// Returns its event.
pub(crate) fn echo() -> Vec<u8> {
    task(BUMP, RETURN)
}

/// A component or a module from its text.
pub(super) fn binary(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{}", error.to_string().chars().take(400).collect::<String>()))
}

/// An allocator that never gives anything back.
const BUMP: &str = "(global.get $top) (global.set $top (i32.add (global.get $top) (i32.and (i32.add (local.get 3) (i32.const 7)) (i32.const -8))))";
/// Returns the event.
const RETURN: &str = "(i32.store8 (i32.const 16) (i32.const 0)) (i32.store (i32.const 20) (local.get $ptr)) \
    (i32.store (i32.const 24) (local.get $len)) (i32.const 16)";

fn task(realloc: &str, handle: &str) -> Vec<u8> {
    let memory = r#"(memory (export "memory") 8)"#;
    with_memory("", "", memory, realloc, handle)
}

/// Logs texts of so many bytes, over and over.
fn logs(bytes: u32) -> Vec<u8> {
    let outer = r#"
        (import "fleetstep:task/logging@0.1.0" (instance $logging
            (type $names (enum "trace" "debug" "info" "warn" "error"))
            (export "level" (type $level (eq $names)))
            (export "log" (func (param "level" $level) (param "message" string)))))
        (core module $libc (memory (export "memory") 8))
        (core instance $libc (instantiate $libc))
        (core func $log (canon lower (func $logging "log") (memory $libc "memory")))
        (core instance $host (export "log" (func $log)) (export "memory" (memory $libc "memory")))"#;
    let memory = r#"
        (import "host" "log" (func $log (param i32 i32 i32)))
        (import "host" "memory" (memory 8))
        (export "memory" (memory 0))"#;
    let handle =
        format!("(loop $l (call $log (i32.const 2) (i32.const 1024) (i32.const {bytes})) (br $l)) unreachable");
    with_memory(outer, r#"(with "host" (instance $host))"#, memory, BUMP, &handle)
}

fn with_memory(outer: &str, with: &str, memory: &str, realloc: &str, handle: &str) -> Vec<u8> {
    binary(&format!(
        r#"(component
            (import "fleetstep:task/types@0.1.0" (instance $types
                (type $record (record (field "error" string) (field "message" string)))
                (export "task-error" (type (eq $record)))))
            (alias export $types "task-error" (type $task-error))
            {outer}
            (core module $m
                {memory}
                (global $top (mut i32) (i32.const 4096))
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) {realloc})
                (func (export "handle") (param $ptr i32) (param $len i32) (result i32) {handle}))
            (core instance $i (instantiate $m {with}))
            (func $handle (param "event" string) (result (result string (error $task-error)))
                (canon lift (core func $i "handle") (memory $i "memory") (realloc (func $i "realloc"))))
            (export "handle" (func $handle)))"#
    ))
}
