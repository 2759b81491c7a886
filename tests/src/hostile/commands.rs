//! WASI commands: what is wrong with them shows when they are called.

use super::Expected::{Fails, Gets};
use super::tasks::binary;
use super::{Expected, Hostile};

const TIMED_OUT: Expected = Fails("Sandbox.Timedout", "timed out after 1.00 seconds");
const EXIT: &str = "Runtime.ExitError";

pub(super) fn all() -> Vec<Hostile> {
    let one = |name, expected, module| Hostile { name, expected, module };
    let traps = |part| Fails(EXIT, part);
    let calls = |name: &str| format!("(loop $l (call ${name}) (br $l))");
    vec![
        one("a loop", TIMED_OUT, command("", "(loop $l (br $l))")),
        one("a loop of calls", TIMED_OUT, command("(func $f)", &calls("f"))),
        one(
            "a loop of indirect calls",
            TIMED_OUT,
            command("(func $f) (table funcref (elem $f))", "(loop $l (call_indirect (i32.const 0)) (br $l))"),
        ),
        one(
            "memory until there is none",
            Fails("Runtime.OutOfMemory", "memory limit of"),
            command("", "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable"),
        ),
        one(
            "memory that is filled over and over",
            TIMED_OUT,
            command(
                "",
                "(drop (memory.grow (i32.const 900))) (loop $l (memory.fill (i32.const 0) (i32.const 7) (i32.const 58000000)) (br $l))",
            ),
        ),
        one(
            "memory that is copied over and over",
            TIMED_OUT,
            command(
                "",
                "(drop (memory.grow (i32.const 900))) (loop $l (memory.copy (i32.const 0) (i32.const 1000) (i32.const 58000000)) (br $l))",
            ),
        ),
        one(
            "a table until there is none",
            traps("unreachable"),
            command(
                "(table $t 1 funcref)",
                "(loop $l (br_if $l (i32.ne (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1)))) unreachable",
            ),
        ),
        one("recursion without an end", traps("call stack exhausted"), command("(func $f (call $f))", "(call $f)")),
        one(
            "recursion with large frames",
            traps("call stack exhausted"),
            command(
                &format!(
                    "(func $f (param i64) (result i64) {} (i64.add (call $f (local.get 0)) (local.get 9)))",
                    "(local i64)".repeat(200)
                ),
                "(drop (call $f (i64.const 1)))",
            ),
        ),
        one("a trap", traps("unreachable"), command("", "unreachable")),
        one(
            "a division by zero",
            traps("divide by zero"),
            command("", "(drop (i32.div_u (i32.const 1) (i32.load (i32.const 60000))))"),
        ),
        one(
            "a read behind the end of memory",
            traps("out of bounds memory access"),
            command("", "(drop (i32.load (i32.const -4)))"),
        ),
        one(
            "a write far behind it",
            traps("out of bounds memory access"),
            command("", "(i64.store offset=4294967295 (i32.const -1) (i64.const 1))"),
        ),
        one(
            "a call through an empty table",
            traps("uninitialized element"),
            command("(table 10 funcref)", "(call_indirect (i32.const 3))"),
        ),
        one(
            "a call of the wrong type",
            traps("indirect call type mismatch"),
            command("(func $f (param i32)) (table funcref (elem $f))", "(call_indirect (i32.const 0))"),
        ),
        one(
            "a flood of calls of the host: clock",
            TIMED_OUT,
            command("", "(loop $l (drop (call $clock (i32.const 0) (i64.const 1) (i32.const 64))) (br $l))"),
        ),
        one("a flood of calls of the host: yield", TIMED_OUT, command("", "(loop $l (drop (call $yield)) (br $l))")),
        one(
            "random bytes without an end",
            traps("exceeds limit"),
            command(
                "",
                "(drop (memory.grow (i32.const 900))) (loop $l (drop (call $random (i32.const 0) (i32.const 58000000))) (br $l))",
            ),
        ),
        one(
            "random bytes for memory that is not there",
            traps("exceeds limit"),
            command(&format!("{SAY} {DIGITS}"), "(call $say2 (call $random (i32.const 65000) (i32.const 100000)))"),
        ),
        one(
            "a flood of output",
            Fails("States.DataLimitExceeded", "maximum number of bytes"),
            command(
                "",
                &format!(
                    "{} (loop $l (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32))) (br $l))",
                    iov(1024, 60_000)
                ),
            ),
        ),
        one(
            "a flood of error output",
            TIMED_OUT,
            command(
                "",
                &format!(
                    "{} (loop $l (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 32))) (br $l))",
                    iov(1024, 60_000)
                ),
            ),
        ),
        one(
            "output from memory that is not there",
            traps("Pointer out of bounds"),
            command(
                &format!("{SAY} {DIGITS}"),
                &format!(
                    "{} (call $say2 (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32)))",
                    iov(65_000, 100_000)
                ),
            ),
        ),
        one(
            "a billion pieces of output",
            Gets("\"48\""),
            command(
                &format!("{SAY} {DIGITS}"),
                "(call $say2 (call $write (i32.const 1) (i32.const 0) (i32.const 1000000000) (i32.const 32)))",
            ),
        ),
        one("output that is no JSON", Fails("Runtime.MarshalError", "not valid JSON"), says("{\\22a\\22:")),
        one("output that is no text", Fails("Runtime.MarshalError", "not valid"), says("\\22\\ff\\fe\\22")),
        one("output of 60,000 brackets", Fails("Runtime.MarshalError", "not valid JSON"), says_many("[", 60_000)),
        one("a sleep without an end", TIMED_OUT, command("", SLEEP)),
        one("an exit with a status", traps("exit status 77"), exits()),
        one(
            "a file that nobody gave it",
            Gets("\"08\""),
            command(
                &format!("{SAY} {DIGITS} (data (i32.const 512) \"/etc/passwd\")"),
                "(call $say2 (call $open (i32.const 3) (i32.const 0) (i32.const 512) (i32.const 11) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 64)))",
            ),
        ),
        one(
            "the host's environment",
            Gets("\"00\""),
            command(
                &format!("{SAY} {DIGITS}"),
                "(drop (call $environ (i32.const 64) (i32.const 68))) (call $say2 (i32.load (i32.const 64)))",
            ),
        ),
        one("20,000 functions", Gets("7"), functions(20_000)),
        one("data of 48 MiB", Gets("7"), data(48)),
        one("blocks in blocks, 20,000 deep", Gets("7"), blocks(20_000)),
        one("a jump table of 50,000", Gets("7"), jumps(50_000)),
        one("a function of 100,000 instructions", Gets("7"), long(100_000)),
    ]
}

/// Ends with a status of its own.
pub(crate) fn exits() -> Vec<u8> {
    command("", "(call $exit (i32.const 77))")
}

/// What a command may call, by short names.
const WASI: &str = r#"
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
    (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_open"
        (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))"#;

/// Says the bytes from 128 on, so many of them.
const SAY: &str = r#"
    (func $say (param $len i32)
        (i32.store (i32.const 0) (i32.const 128)) (i32.store (i32.const 4) (local.get $len))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32))))"#;

/// Says a number below 100: a text of two digits.
const DIGITS: &str = r#"
    (func $say2 (param $n i32)
        (i32.store8 (i32.const 128) (i32.const 34))
        (i32.store8 (i32.const 129) (i32.add (i32.const 48) (i32.div_u (local.get $n) (i32.const 10))))
        (i32.store8 (i32.const 130) (i32.add (i32.const 48) (i32.rem_u (local.get $n) (i32.const 10))))
        (i32.store8 (i32.const 131) (i32.const 34))
        (call $say (i32.const 4)))"#;

/// Waits on the clock for a century.
const SLEEP: &str = r#"
    (i64.store (i32.const 64) (i64.const 1)) (i32.store8 (i32.const 72) (i32.const 0))
    (i32.store (i32.const 80) (i32.const 1)) (i64.store (i32.const 88) (i64.const 3000000000000000000))
    (drop (call $poll (i32.const 64) (i32.const 256) (i32.const 1) (i32.const 32)))"#;

/// A piece of output, described at 0.
fn iov(from: u32, bytes: u32) -> String {
    format!("(i32.store (i32.const 0) (i32.const {from})) (i32.store (i32.const 4) (i32.const {bytes}))")
}

fn command(items: &str, body: &str) -> Vec<u8> {
    binary(&format!("(module {WASI} (memory (export \"memory\") 1) {items} (func (export \"_start\") {body}))"))
}

fn says(text: &str) -> Vec<u8> {
    let bytes = text.replace("\\22", "\"").replace("\\ff", "x").replace("\\fe", "y").len();
    command(&format!("{SAY} (data (i32.const 128) \"{text}\")"), &format!("(call $say (i32.const {bytes}))"))
}

fn says_many(text: &str, times: usize) -> Vec<u8> {
    command(
        &format!("{SAY} (data (i32.const 128) \"{}\")", text.repeat(times)),
        &format!("(call $say (i32.const {times}))"),
    )
}

fn functions(count: usize) -> Vec<u8> {
    let functions: String = (0..count)
        .map(|number| format!("(func (param i32) (result i32) (i32.mul (local.get 0) (i32.const {number})))"))
        .collect();
    command(&format!("{SAY} (data (i32.const 128) \"7\") {functions}"), "(call $say (i32.const 1))")
}

fn data(mebibytes: usize) -> Vec<u8> {
    let pages = mebibytes * 16 + 1;
    let text = "x".repeat(mebibytes << 20);
    binary(&format!(
        "(module {WASI} (memory (export \"memory\") {pages}) {SAY} (data (i32.const 65536) \"{text}\") \
         (data (i32.const 128) \"7\") (func (export \"_start\") (call $say (i32.const 1))))"
    ))
}

fn blocks(depth: usize) -> Vec<u8> {
    // Written flat: the parser of the folded form is recursive.
    let body = format!("{} {} i32.const 1 call $say", "block ".repeat(depth), "end ".repeat(depth));
    command(&format!("{SAY} (data (i32.const 128) \"7\")"), &body)
}

fn jumps(count: usize) -> Vec<u8> {
    let targets = "0 ".repeat(count);
    let body = format!("block i32.const 3 br_table {targets} 0 end i32.const 1 call $say");
    command(&format!("{SAY} (data (i32.const 128) \"7\")"), &body)
}

fn long(count: usize) -> Vec<u8> {
    let body = format!("i32.const 0 {} drop i32.const 1 call $say", "i32.const 3 i32.add ".repeat(count / 2));
    command(&format!("{SAY} (data (i32.const 128) \"7\")"), &body)
}
