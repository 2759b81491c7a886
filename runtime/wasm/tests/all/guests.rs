//! Guests, written by hand in the text format.

fn binary(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// A component of the task world whose `handle` has this body. It gets `$ptr` and `$len`, and returns the address of
/// the result: `$ok` and `$err` make one. `items` are further parts of the core module.
pub(crate) fn task(items: &str, body: &str) -> Vec<u8> {
    task_with("", "", items, body)
}

/// As [`task`], with imports: `outer` are parts of the component, `instantiate` the arguments of its core module.
pub(crate) fn task_with(outer: &str, instantiate: &str, items: &str, body: &str) -> Vec<u8> {
    binary(&format!(
        r#"(component
            (import "fleetstep:task/types@0.1.0" (instance $types
                (type $record (record (field "error" string) (field "message" string)))
                (export "task-error" (type (eq $record)))))
            (alias export $types "task-error" (type $task-error))
            {outer}
            (core module $m
                {items}
                (func (export "realloc") (param i32 i32 i32 i32) (result i32)
                    (local.get 3) (call $allocate))
                (func $ok (param $ptr i32) (param $len i32) (result i32)
                    (i32.store8 (i32.const 16) (i32.const 0))
                    (i32.store (i32.const 20) (local.get $ptr))
                    (i32.store (i32.const 24) (local.get $len))
                    (i32.const 16))
                (func $err (param i32 i32 i32 i32) (result i32)
                    (i32.store8 (i32.const 16) (i32.const 1))
                    (i32.store (i32.const 20) (local.get 0))
                    (i32.store (i32.const 24) (local.get 1))
                    (i32.store (i32.const 28) (local.get 2))
                    (i32.store (i32.const 32) (local.get 3))
                    (i32.const 16))
                (global $top (mut i32) (i32.const 4096))
                (func $allocate (param $len i32) (result i32)
                    (global.get $top)
                    (global.set $top (i32.add (global.get $top) (local.get $len))))
                {memory}
                (func (export "handle") (param $ptr i32) (param $len i32) (result i32) {body}))
            (core instance $i (instantiate $m {instantiate}))
            (func $handle (param "event" string) (result (result string (error $task-error)))
                (canon lift (core func $i "handle") (memory $i "memory") (realloc (func $i "realloc"))))
            (export "handle" (func $handle)))"#,
        memory = if items.contains("\"memory\"") { "" } else { "(memory (export \"memory\") 8)" },
    ))
}

/// A core module that carries the task world, as wit-bindgen leaves it in a plain build: it returns its event.
/// `import` is a further import, which it never uses.
pub(crate) fn core_task(import: &str) -> Vec<u8> {
    let mut module = binary(&format!(
        r#"(module
            {import}
            (memory (export "memory") 1)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
            (func (export "handle") (param i32 i32) (result i32)
                (i32.store (i32.const 20) (local.get 0))
                (i32.store (i32.const 24) (local.get 1))
                (i32.const 16)))"#
    ));
    let mut resolve = wit_parser::Resolve::default();
    let contract = include_str!("../../../../guest-sdk/wit/task.wit");
    let package = resolve.push_str("task.wit", contract).unwrap();
    let world = resolve.select_world(&[package], Some("task")).unwrap();
    let encoding = wit_component::StringEncoding::UTF8;
    wit_component::embed_component_metadata(&mut module, &resolve, world, encoding).unwrap();
    module
}

/// Returns its event.
pub(crate) fn echo() -> Vec<u8> {
    task("", "(call $ok (local.get $ptr) (local.get $len))")
}

/// Returns this text, whatever the event.
pub(crate) fn says(text: &str) -> Vec<u8> {
    let data = format!("(data (i32.const 1024) \"{}\")", text.escape_default());
    task(&data, &format!("(call $ok (i32.const 1024) (i32.const {}))", text.len()))
}

/// Returns its event after so many rounds of a loop.
pub(crate) fn counts(rounds: u32) -> Vec<u8> {
    let count = format!(
        "(local $n i32)
         (loop $again
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $n) (i32.const {rounds}))))
         (call $ok (local.get $ptr) (local.get $len))"
    );
    task("", &count)
}

/// Never ends.
pub(crate) fn spins() -> Vec<u8> {
    task("", "(loop $again (br $again)) (unreachable)")
}

/// Asks for memory until there is none, and traps then, as an allocator does.
pub(crate) fn hog() -> Vec<u8> {
    task("", "(loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) (unreachable)")
}

/// A component that imports `$log`, one more interface of a host, as a core function.
pub(crate) fn task_that_logs(body: &str) -> Vec<u8> {
    let outer = r#"
        (import "fleetstep:task/logging@0.1.0" (instance $logging
            (type $names (enum "trace" "debug" "info" "warn" "error"))
            (export "level" (type $level (eq $names)))
            (export "log" (func (param "level" $level) (param "message" string)))))
        (core module $libc (memory (export "memory") 8))
        (core instance $libc (instantiate $libc))
        (core func $log (canon lower (func $logging "log") (memory $libc "memory")))
        (core instance $host (export "log" (func $log)) (export "memory" (memory $libc "memory")))"#;
    let items = r#"
        (import "host" "log" (func $log (param i32 i32 i32)))
        (import "host" "memory" (memory 8))
        (export "memory" (memory 0))"#;
    task_with(outer, r#"(with "host" (instance $host))"#, items, body)
}

/// A component whose `$ask` is one function of a host's interface, `interface#function`: its signature, and its
/// parameters as a core function. Texts that it answers lie at 2049. At 512 stands `GREETING`, at 528
/// `TRACEPARENT`.
pub(crate) fn task_that_asks(interface: &str, signature: &str, parameters: &str, ask: &str) -> Vec<u8> {
    let (interface_name, function) = interface.split_once('#').unwrap();
    let outer = format!(
        r#"
        (import "{interface_name}" (instance $host (export "{function}" (func {signature}))))
        (core module $libc
            (memory (export "memory") 8)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 2049)))
        (core instance $libc (instantiate $libc))
        (core func $ask (canon lower (func $host "{function}")
            (memory $libc "memory") (realloc (func $libc "realloc"))))
        (core instance $host (export "ask" (func $ask)) (export "memory" (memory $libc "memory")))"#
    );
    let items = format!(
        r#"
        (import "host" "ask" (func $ask (param {parameters})))
        (import "host" "memory" (memory 8))
        (export "memory" (memory 0))
        (data (i32.const 512) "GREETING")
        (data (i32.const 528) "TRACEPARENT")"#
    );
    task_with(&outer, r#"(with "host" (instance $host))"#, &items, ask)
}

/// A component with one more import, which it never uses.
pub(crate) fn task_that_imports(name: &str) -> Vec<u8> {
    let import = format!(r#"(import "{name}" (instance (export "f" (func))))"#);
    task_with(&import, "", "", "(call $ok (local.get $ptr) (local.get $len))")
}

/// A command of WASI's first preview whose `_start` has this body. `$write` and `$read` take a file descriptor and
/// a stretch of memory and give how many bytes they moved; `$exit` and `$sleep` (milliseconds) are there too.
pub(crate) fn command(body: &str) -> Vec<u8> {
    binary(&format!(
        r#"(module
            (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "path_open"
                (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes (param i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 8)
            (func $vector (param $ptr i32) (param $len i32)
                (i32.store (i32.const 0) (local.get $ptr))
                (i32.store (i32.const 4) (local.get $len)))
            (func $write (param $fd i32) (param $ptr i32) (param $len i32) (result i32)
                (call $vector (local.get $ptr) (local.get $len))
                (if (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable))
                (i32.load (i32.const 8)))
            (func $read (param $fd i32) (param $ptr i32) (param $len i32) (result i32)
                (call $vector (local.get $ptr) (local.get $len))
                (if (call $fd_read (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable))
                (i32.load (i32.const 8)))
            (func $sleep (param $ms i64)
                (i32.store (i32.const 80) (i32.const 1))
                (i64.store (i32.const 88) (i64.mul (local.get $ms) (i64.const 1000000)))
                (if (call $poll (i32.const 64) (i32.const 128) (i32.const 1) (i32.const 8)) (then unreachable)))
            (func (export "_start") (local $n i32) {body}))"#
    ))
}

/// Writes what it reads.
pub(crate) fn command_echo() -> Vec<u8> {
    command(
        "(loop $again
            (local.set $n (call $read (i32.const 0) (i32.const 1024) (i32.const 4096)))
            (if (local.get $n) (then
                (drop (call $write (i32.const 1) (i32.const 1024) (local.get $n)))
                (br $again))))",
    )
}

/// Writes this text to stderr, and ends with this status.
pub(crate) fn command_fails(status: i32, text: &str) -> Vec<u8> {
    let put: String = text
        .bytes()
        .enumerate()
        .map(|(at, byte)| format!("(i32.store8 (i32.const {}) (i32.const {byte}))", 1024 + at))
        .collect();
    command(&format!(
        "{put} (drop (call $write (i32.const 2) (i32.const 1024) (i32.const {}))) (call $exit (i32.const {status}))",
        text.len()
    ))
}

/// Sleeps, and returns `null` then.
pub(crate) fn command_sleeps(ms: u64) -> Vec<u8> {
    command(&format!(
        "(call $sleep (i64.const {ms})) (i32.store (i32.const 1024) (i32.const 0x6c6c756e))
         (drop (call $write (i32.const 1) (i32.const 1024) (i32.const 4)))"
    ))
}

/// A component that exports `wasi:cli/run` and succeeds or fails at once, without a word.
pub(crate) fn command_component(result: i32) -> Vec<u8> {
    binary(&format!(
        r#"(component
            (core module $m (func (export "run") (result i32) (i32.const {result})))
            (core instance $i (instantiate $m))
            (func $run (result (result)) (canon lift (core func $i "run")))
            (instance $cli (export "run" (func $run)))
            (export "wasi:cli/run@0.2.3" (instance $cli)))"#
    ))
}

/// A reactor whose `handle` has this body: `$ptr` and `$len` come in, `$ok` and `$err` make a result. `items` are further
/// parts of the module.
pub(crate) fn reactor(items: &str, body: &str) -> Vec<u8> {
    binary(&format!(
        r#"(module
            {items}
            (memory (export "memory") 1)
            (global $top (mut i32) (i32.const 4096))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                (global.get $top)
                (global.set $top (i32.add (global.get $top) (local.get 3))))
            (func $ok (param $ptr i32) (param $len i32) (result i32)
                (i32.store8 (i32.const 16) (i32.const 0))
                (i32.store (i32.const 20) (local.get $ptr))
                (i32.store (i32.const 24) (local.get $len))
                (i32.const 16))
            (func $err (param i32 i32 i32 i32) (result i32)
                (i32.store8 (i32.const 16) (i32.const 1))
                (i32.store (i32.const 20) (local.get 0))
                (i32.store (i32.const 24) (local.get 1))
                (i32.store (i32.const 28) (local.get 2))
                (i32.store (i32.const 32) (local.get 3))
                (i32.const 16))
            (func (export "handle") (param $ptr i32) (param $len i32) (result i32) {body}))"#
    ))
}

/// Items and body of a task that answers how many calls its instance has served, up to 9. Its event says what else it
/// does: 0 nothing, 1 fail with an error, 2 trap, 3 never end, 4 take 65 MiB of memory, 5 return no JSON, 6 run for long.
pub(crate) const SERVED: (&str, &str) = (
    "(global $calls (mut i32) (i32.const 0)) (global $n (mut i32) (i32.const 0))",
    r#"
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (i32.store8 (i32.const 1024) (i32.add (i32.const 48) (global.get $calls)))
    (i32.store8 (i32.const 1025) (i32.const 125))
    (local.set $ptr (i32.sub (i32.load8_u (local.get $ptr)) (i32.const 48)))
    (if (i32.eq (local.get $ptr) (i32.const 1))
        (then (return (call $err (i32.const 1024) (i32.const 1) (i32.const 1024) (i32.const 1)))))
    (if (i32.eq (local.get $ptr) (i32.const 2)) (then unreachable))
    (if (i32.eq (local.get $ptr) (i32.const 3)) (then (loop $ever (br $ever))))
    (if (i32.eq (local.get $ptr) (i32.const 4)) (then (drop (memory.grow (i32.const 1040)))))
    (if (i32.eq (local.get $ptr) (i32.const 5)) (then (return (call $ok (i32.const 1025) (i32.const 1)))))
    (if (i32.eq (local.get $ptr) (i32.const 6)) (then
        (global.set $n (i32.const 0))
        (loop $again
            (global.set $n (i32.add (global.get $n) (i32.const 1)))
            (br_if $again (i32.lt_u (global.get $n) (i32.const 20000000))))))
    (call $ok (i32.const 1024) (i32.const 1))"#,
);

/// A reactor whose start-up draws random numbers, which every call of it answers.
pub(crate) fn reactor_draws() -> Vec<u8> {
    reactor(
        r#"(import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
        (global $digits (mut i32) (i32.const 0))
        (func (export "_initialize") (local $at i32)
            (if (call $random (i32.const 1025) (i32.const 8)) (then unreachable))
            (i32.store8 (i32.const 1024) (i32.const 49))
            (local.set $at (i32.const 1025))
            (loop $again
                (i32.store8 (local.get $at)
                    (i32.add (i32.const 48) (i32.and (i32.load8_u (local.get $at)) (i32.const 7))))
                (local.set $at (i32.add (local.get $at) (i32.const 1)))
                (br_if $again (i32.lt_u (local.get $at) (i32.const 1033))))
            (global.set $digits (i32.const 9)))"#,
        "(call $ok (i32.const 1024) (global.get $digits))",
    )
}

/// A reactor that writes its event to standard output, without the end of a line.
pub(crate) fn reactor_writes() -> Vec<u8> {
    reactor(
        r#"(import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))"#,
        r#"(i32.store (i32.const 0) (local.get $ptr))
        (i32.store (i32.const 4) (local.get $len))
        (if (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable))
        (call $ok (local.get $ptr) (local.get $len))"#,
    )
}
