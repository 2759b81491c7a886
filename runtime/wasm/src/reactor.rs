//! A WASI reactor as a task: a core module that exports `handle` of the module contract, and is called as a component
//! calls its core module, without a component around it.
//!
//! That is how a tool chain that knows WASI's first preview, but no components, builds the fast kind of task: its
//! runtime starts once for an instance, in `_initialize`, and an instance can be pre-initialised (`preinit.rs`) or used
//! again (`reuse.rs`).

use crate::linker::{self, Linkers};
use crate::module::{Code, Linked, ModuleError, granted, wrong_imports};
use crate::output::{Handled, Output, TaskError};
use crate::state::State;
use crate::wasi::Preview;
use wasmtime::{ExternType, InstancePre, Memory, Module, ModuleExport, Store, TypedFunc};

const MEMORY: &str = "memory";
pub(crate) const HANDLE: &str = "handle";
const REALLOC: &str = "cabi_realloc";
const POST_RETURN: &str = "cabi_post_handle";
/// What the guest's runtime does before anything else.
pub(crate) const INITIALIZE: &str = "_initialize";
/// Bytes of `result<string, task-error>` in memory: which of the two it is, and two words or four.
const RESULT_BYTES: usize = 20;

type Realloc = TypedFunc<(u32, u32, u32, u32), u32>;

/// A reactor with its imports answered and its exports looked up.
#[derive(Clone)]
pub(crate) struct Reactor {
    pub(crate) pre: InstancePre<State>,
    memory: ModuleExport,
    handle: ModuleExport,
    realloc: ModuleExport,
    post_return: Option<ModuleExport>,
    initialize: Option<ModuleExport>,
}

/// An instance that can be called.
pub(crate) struct Instance {
    memory: Memory,
    handle: TypedFunc<(u32, u32), u32>,
    realloc: Realloc,
    post_return: Option<TypedFunc<u32, ()>>,
}

/// The guest gave an address that is none.
#[derive(Debug, thiserror::Error)]
#[error("{0} lies outside of the memory")]
struct Outside(&'static str);

/// Whether a core module means to be one.
pub(crate) fn is_reactor(module: &Module) -> bool {
    module.get_export_index(HANDLE).is_some()
}

pub(crate) fn link(linkers: &Linkers, module: &Module, memory_bytes_min: u64) -> Result<Linked, ModuleError> {
    let find = |name: &str, signature: &str, matches: fn(&ExternType) -> bool| {
        let wrong = || ModuleError::WrongType(format!("a reactor must export `{name}` as {signature}"));
        let export = module.get_export(name).filter(matches).and_then(|_| module.get_export_index(name));
        export.ok_or_else(wrong)
    };
    let optional = |name: &str, signature: &str, matches: fn(&ExternType) -> bool| match module.get_export(name) {
        Some(_) => find(name, signature, matches).map(Some),
        None => Ok(None),
    };
    let (memory, handle, realloc, post_return, initialize) = (
        find(MEMORY, "a memory", |export| export.memory().is_some_and(|memory| !memory.is_64()))?,
        find(HANDLE, "`func(event: i32, event-length: i32) -> i32`", |export| takes_words(export, 2, 1))?,
        find(REALLOC, "`func(i32, i32, i32, i32) -> i32`", |export| takes_words(export, 4, 1))?,
        optional(POST_RETURN, "`func(i32)`", |export| takes_words(export, 1, 0))?,
        optional(INITIALIZE, "`func()`", |export| takes_words(export, 0, 0))?,
    );
    let wasi = granted(linker::core_imports(module))?.wasi.then_some(Preview::First);
    let pre = linkers.core.instantiate_pre(module).map_err(wrong_imports)?;
    let reactor = Reactor { pre, memory, handle, realloc, post_return, initialize };
    Ok(Linked { code: Code::Reactor(reactor), wasi, outgoing: false, memory_bytes_min })
}

/// Whether it is a function of so many parameters and results, all of 32 bits.
fn takes_words(export: &ExternType, params: usize, results: usize) -> bool {
    export.func().is_some_and(|func| {
        let mut types = func.params().chain(func.results());
        func.params().len() == params && func.results().len() == results && types.all(|ty| ty.is_i32())
    })
}

impl Reactor {
    /// Makes an instance and lets its runtime start.
    pub(crate) async fn instantiate(&self, store: &mut Store<State>) -> wasmtime::Result<Instance> {
        let instance = self.pre.instantiate_async(&mut *store).await?;
        if let Some(initialize) = &self.initialize {
            let initialize = func(&instance, store, initialize).typed::<(), ()>(&*store)?;
            initialize.call_async(&mut *store, ()).await?;
        }
        let memory = instance.get_module_export(&mut *store, &self.memory).and_then(wasmtime::Extern::into_memory);
        let post_return = match &self.post_return {
            Some(export) => Some(func(&instance, store, export).typed(&*store)?),
            None => None,
        };
        Ok(Instance {
            memory: memory.expect("`memory` was one when the module was loaded"),
            handle: func(&instance, store, &self.handle).typed(&*store)?,
            realloc: func(&instance, store, &self.realloc).typed(&*store)?,
            post_return,
        })
    }
}

fn func(instance: &wasmtime::Instance, store: &mut Store<State>, export: &ModuleExport) -> wasmtime::Func {
    let export = instance.get_module_export(store, export).and_then(wasmtime::Extern::into_func);
    export.expect("the export was a function when the module was loaded")
}

impl Instance {
    /// One call.
    pub(crate) async fn handle(&self, store: &mut Store<State>, input: &str) -> wasmtime::Result<Handled> {
        let length = u32::try_from(input.len())?;
        let event = self.realloc.call_async(&mut *store, (0, 0, 1, length)).await?;
        self.memory.write(&mut *store, event as usize, input.as_bytes()).map_err(|_| Outside("the event"))?;
        let result = self.handle.call_async(&mut *store, (event, length)).await?;
        let handled = read(self.memory.data(&*store), result)?;
        if let Some(post_return) = &self.post_return {
            post_return.call_async(&mut *store, result).await?;
        }
        Ok(handled)
    }
}

/// Reads `result<string, task-error>` where it lies in the guest's memory.
fn read(memory: &[u8], result: u32) -> wasmtime::Result<Handled> {
    let area = memory.get(result as usize..).and_then(|rest| rest.first_chunk::<RESULT_BYTES>());
    let area = area.ok_or(Outside("the result"))?;
    let word = |at: usize| u32::from_le_bytes([area[at], area[at + 1], area[at + 2], area[at + 3]]) as usize;
    let text = |at: usize| {
        let (start, length) = (word(at), word(at + 4));
        let text = start.checked_add(length).and_then(|end| memory.get(start..end));
        text.ok_or(Outside("a text of the result"))
    };
    let owned = |at: usize| text(at).map(|text| String::from_utf8_lossy(text).into_owned());
    match area[0] {
        0 => Ok(Ok(Output::parse(text(4)?)?)),
        1 => Ok(Err(TaskError { error: owned(4)?, message: owned(12)? })),
        other => Err(wasmtime::Error::msg(format!("the result begins with {other}, neither 0 nor 1"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A memory with these words at 8, and `text` at 100.
    fn memory(words: [u32; 5]) -> Vec<u8> {
        let mut memory = vec![0; 110];
        for (at, word) in words.into_iter().enumerate() {
            memory[8 + 4 * at..12 + 4 * at].copy_from_slice(&word.to_le_bytes());
        }
        memory[100..106].copy_from_slice(b"[1]Bad");
        memory
    }

    #[test]
    fn a_result_is_read_within_the_memory_only() {
        let told = |words, at| match read(&memory(words), at) {
            Ok(Ok(Output(Ok(document)))) => document.to_json(),
            Ok(Ok(Output(Err(_)))) => "no JSON".to_owned(),
            Ok(Err(TaskError { error, message })) => format!("{error}: {message}"),
            Err(error) => error.to_string(),
        };
        assert_eq!(told([0, 100, 3, 0, 0], 8), "[1]");
        assert_eq!(told([0, 103, 3, 0, 0], 8), "no JSON");
        assert_eq!(told([1, 103, 3, 100, 1], 8), "Bad: [");
        for (words, at) in [
            ([0, 100, 11, 0, 0], 8),
            ([0, u32::MAX, u32::MAX, 0, 0], 8),
            ([1, 100, 3, 110, 1], 8),
            ([0, 100, 3, 0, 0], 91),
            ([0, 100, 3, 0, 0], u32::MAX),
        ] {
            assert!(told(words, at).ends_with("outside of the memory"), "{words:?} at {at}");
        }
        assert!(told([7, 100, 3, 0, 0], 8).contains("begins with 7"));
    }
}
