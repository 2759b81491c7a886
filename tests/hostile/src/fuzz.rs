//! One target under libFuzzer. `tests/hostile/run` builds it with counters in the project's own code, and says by the
//! environment which target it is and where what it finds is kept.
#![no_main]
#![allow(missing_docs, reason = "the symbols that libFuzzer calls are made by a macro")]

use fleetstep_hostile::{Target, target};
use std::sync::LazyLock;

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("FLEETSTEP_TARGET").unwrap_or_default();
    target(&name).unwrap_or_else(|| panic!("FLEETSTEP_TARGET names no target: {name:?}"))
});

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    if input.len() <= TARGET.input_bytes_max {
        (TARGET.check)(input);
    }
});
