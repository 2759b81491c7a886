//! Modules that are to be refused when they are uploaded.

use super::Expected::Refused;
use super::tasks::binary;
use super::{Expected, Hostile};

/// What a module begins with, and a component.
const MODULE: &[u8] = b"\0asm\x01\0\0\0";
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

const INVALID: &str = "InvalidModule";

pub(super) fn all() -> Vec<Hostile> {
    let one = |name, expected, module| Hostile { name, expected, module };
    let said = |part| Refused(INVALID, part);
    let start = |body: &str| binary(&format!("(module (func $f {body}) (start $f) (func (export \"_start\")))"));
    let mut all = vec![
        one("a text", said("not WebAssembly"), b"(module)".to_vec()),
        one("a program for this machine", said("not WebAssembly"), [b"\x7fELF".as_slice(), &[0; 400]].concat()),
        one("a module of noise", said("not valid"), [MODULE, &[0xff; 64]].concat()),
        one("a component of noise", said("not valid"), [COMPONENT, &[0xff; 64]].concat()),
        one(
            "a section that says it has 4 GiB",
            said("not valid"),
            [MODULE, &[10, 0xff, 0xff, 0xff, 0xff, 0x0f]].concat(),
        ),
        one(
            "a count of 4 billion functions",
            said("not valid"),
            [MODULE, &[3, 5, 0xff, 0xff, 0xff, 0xff, 0x0f]].concat(),
        ),
        one(
            "an import of the host's shell",
            said("env.system"),
            binary("(module (import \"env\" \"system\" (func)) (func (export \"_start\")))"),
        ),
        one(
            "an import of another system's devices",
            said("wasi:usb/device"),
            binary("(component (import \"wasi:usb/device@0.2.0\" (instance (export \"open\" (func)))))"),
        ),
        one(
            "a memory of 4 GiB",
            Refused("ValidationException", "bytes of memory"),
            binary("(module (memory 65536) (func (export \"_start\")))"),
        ),
        one(
            "more memory than the function has",
            Expected::Refused("ValidationException", "bytes of memory"),
            binary("(module (memory 2048) (func (export \"_start\")))"),
        ),
        one(
            "a hundred memories",
            said("memory does not fit"),
            binary(&format!("(module {} (func (export \"_start\")))", "(memory 1)".repeat(100))),
        ),
        one(
            "a table of ten million",
            said("table does not fit"),
            binary("(module (table 10000000 funcref) (func (export \"_start\")))"),
        ),
        one(
            "a hundred tables",
            said("table does not fit"),
            binary(&format!("(module {} (func (export \"_start\")))", "(table 1 funcref)".repeat(100))),
        ),
        one(
            "more locals than a function may have",
            said("failed to compile"),
            binary(&format!("(module (func (export \"_start\") {}))", "(local i64)".repeat(50_001))),
        ),
        one(
            "data that never fits",
            said("out of bounds"),
            binary("(module (memory 1) (data (i32.const 65530) \"0123456789\") (func (export \"_start\")))"),
        ),
        one("a start function that never ends", said("deadline"), start("(loop $l (br $l))")),
        one("a start function that traps", said("unreachable"), start("unreachable")),
        one(
            "a start function that takes all memory",
            said("unreachable"),
            binary(
                "(module (memory 1) (func $f (loop $l (br_if $l (i32.ne (memory.grow (i32.const 100)) (i32.const -1)))) unreachable) (start $f) (func (export \"_start\")))",
            ),
        ),
        one("a hundred thousand exports", said("more"), exports(100_000)),
        one("a component in a component in a component …", said("exports nothing"), nested_components(1_000)),
        one("a component of 10,000 instances", said("instances"), instances(10_000)),
        one("a type that doubles 60 times", said("not valid"), doubling_type(60)),
    ];
    all.push(one("a bomb for the compiler: blocks and locals", said("too costly"), blocks_and_locals()));
    all
}

fn exports(count: usize) -> Vec<u8> {
    let exports: String = (0..count).map(|number| format!("(export \"e{number}\" (func $f))")).collect();
    binary(&format!("(module (func $f) {exports})"))
}

/// Components within one another. By hand: the text format has bounds of its own.
fn nested_components(depth: usize) -> Vec<u8> {
    let mut component = COMPONENT.to_vec();
    for _ in 0..depth {
        component = [COMPONENT, &[4], &leb128(component.len()), &component].concat();
    }
    component
}

fn leb128(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn instances(count: usize) -> Vec<u8> {
    let instances = "(core instance (instantiate $m))".repeat(count);
    binary(&format!("(component (core module $m (memory 1)) {instances})"))
}

fn doubling_type(times: usize) -> Vec<u8> {
    let mut types = "(type $t0 (tuple u8 u8))".to_owned();
    for number in 1..=times {
        let before = number - 1;
        types.push_str(&format!("(type $t{number} (tuple $t{before} $t{before}))"));
    }
    binary(&format!("(component {types} (import \"f\" (func (param \"x\" $t{times}))))"))
}

/// Many values that live across many joins: what compilers spend more than their share of time on.
fn blocks_and_locals() -> Vec<u8> {
    let locals = 2_000;
    let mut body = "(local $x i32)".to_owned();
    (0..locals).for_each(|number| body.push_str(&format!("(local $l{number} i64)")));
    for round in 0..20_000 {
        let (to, from) = (round * 7_919 % locals, round * 104_729 % locals);
        body.push_str(&format!(
            "(block (loop (br_if 1 (local.get $x)) (local.set $l{to} (i64.add (local.get $l{from}) (local.get $l{to}))) (br_if 0 (local.get $x))))"
        ));
    }
    binary(&format!("(module (func $bomb {body}) (func (export \"_start\") (call $bomb)))"))
}
