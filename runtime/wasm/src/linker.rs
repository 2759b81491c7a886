//! What a module may import, and what answers it.
//!
//! There is one linker for components and one for core modules. An instance pays only for what it imports: everything
//! is looked up when the module is loaded.

use crate::logs::LogLevel;
use crate::state::{Caller, State};
use crate::{interfaces, keyvalue, traced};
use fleetstep_document::Text;
use wasmtime::component::{Component, Linker, LinkerInstance, WasmStr};
use wasmtime::{Engine, Module, StoreContextMut};
use wasmtime_wasi::{p1, p2};
use wasmtime_wasi_http::p2 as http;

/// Import module of WASI's first preview.
const WASI_P1: &str = "wasi_snapshot_preview1";
/// By which a component sends requests.
const OUTGOING: &str = "wasi:http/outgoing-handler";
/// What components may import: the start of an interface's name, and its version.
const INTERFACES: &[(&str, &str)] = &[
    ("fleetstep:task/types", "0.1."),
    ("fleetstep:task/context", "0.1."),
    ("fleetstep:task/environment", "0.1."),
    ("fleetstep:task/logging", "0.1."),
    ("wasi:cli/", "0.2."),
    ("wasi:clocks/", "0.2."),
    ("wasi:io/", "0.2."),
    ("wasi:random/", "0.2."),
    // Programs of a standard library import these two even when they never open anything: there is nothing to open.
    ("wasi:filesystem/", "0.2."),
    ("wasi:sockets/", "0.2."),
    ("wasi:http/types", "0.2."),
    (OUTGOING, "0.2."),
    ("wasi:config/", "0.2.0-"),
    ("wasi:keyvalue/", "0.2.0-draft"),
    ("wasi:logging/logging", "0.1.0-draft"),
];

/// The linkers.
pub(crate) struct Linkers {
    pub(crate) component: Linker<State>,
    pub(crate) core: wasmtime::Linker<State>,
}

/// What a module imports.
#[derive(Default)]
pub(crate) struct Imports {
    /// Any part of WASI.
    pub(crate) wasi: bool,
    /// The way out for requests.
    pub(crate) outgoing: bool,
    /// What nobody offers, by name.
    pub(crate) unknown: Vec<String>,
}

impl Linkers {
    pub(crate) fn new(engine: &Engine) -> wasmtime::Result<Self> {
        let mut component = Linker::new(engine);
        p2::add_to_linker_async(&mut component)?;
        context(&mut component.instance("fleetstep:task/context@0.1.0")?)?;
        environment(&mut component.instance("fleetstep:task/environment@0.1.0")?)?;
        logging(&mut component.instance("fleetstep:task/logging@0.1.0")?)?;
        http::add_only_http_to_linker_async(&mut component)?;
        keyvalue::add_to_linker(&mut component)?;
        interfaces::add_to_linker(&mut component)?;
        let mut core = wasmtime::Linker::new(engine);
        p1::add_to_linker_async(&mut core, State::wasi_p1)?;
        Ok(Self { component, core })
    }
}

/// The imports of a component.
pub(crate) fn component_imports(component: &Component) -> Imports {
    let mut imports = Imports::default();
    let engine = component.engine();
    for (name, _) in component.component_type().imports(engine) {
        match INTERFACES.iter().find(|(start, version)| names(name, start, version)) {
            Some((start, _)) => {
                imports.wasi |= start.starts_with("wasi:");
                imports.outgoing |= *start == OUTGOING;
            }
            None => imports.unknown.push(name.to_owned()),
        }
    }
    imports
}

fn names(import: &str, start: &str, version: &str) -> bool {
    import.split_once('@').is_some_and(|(interface, v)| {
        v.starts_with(version) && (interface == start || start.ends_with('/') && interface.starts_with(start))
    })
}

/// The imports of a core module.
pub(crate) fn core_imports(module: &Module) -> Imports {
    let mut imports = Imports::default();
    for import in module.imports() {
        if import.module() == WASI_P1 {
            imports.wasi = true;
        } else {
            imports.unknown.push(format!("{}.{}", import.module(), import.name()));
        }
    }
    imports
}

type Cx<'a> = StoreContextMut<'a, State>;

fn context(interface: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    type Part = fn(&Caller) -> &Text;
    let parts: [(&str, Part); 4] = [
        ("execution-arn", |caller| &caller.call.identity.execution_arn),
        ("execution-name", |caller| &caller.call.identity.execution_name),
        ("state-machine-arn", |caller| &caller.call.identity.state_machine_arn),
        ("state-name", |caller| &caller.call.state),
    ];
    for (name, part) in parts {
        interface.func_wrap(name, move |cx: Cx<'_>, (): ()| Ok((part(cx.data().caller()?).to_string(),)))?;
    }
    interface.func_wrap("retry-count", |cx: Cx<'_>, (): ()| Ok((cx.data().caller()?.call.retry_count,)))?;
    interface.func_wrap("remaining-ms", |cx: Cx<'_>, (): ()| {
        let remaining = cx.data().deadline.saturating_duration_since(fleetstep_engine::clock::instant());
        Ok((u64::try_from(remaining.as_millis()).unwrap_or(u64::MAX),))
    })
}

fn environment(interface: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    interface.func_wrap("get", |cx: Cx<'_>, (name,): (WasmStr,)| {
        let name = name.to_str(&cx)?;
        let Caller { function, call } = cx.data().caller()?;
        let config = function.config();
        let configured = config.environment.get(&*name).or_else(|| config.secrets.0.get(&*name)).cloned();
        Ok((configured.or_else(|| traced::variable(call, &name)),))
    })
}

fn logging(interface: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    interface.func_wrap("log", |cx: Cx<'_>, (level, message): (LogLevel, WasmStr)| {
        let message = message.to_str(&cx)?;
        let Caller { function, call } = cx.data().caller()?;
        function.say(&call.identity.execution_arn, call.trace.as_ref(), level, &function.mask().apply(&message));
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_is_granted() {
        let known = |name: &str| INTERFACES.iter().any(|(start, version)| names(name, start, version));
        for name in
            ["fleetstep:task/context@0.1.7", "wasi:io/streams@0.2.3", "wasi:cli/stdin@0.2.0", "wasi:http/types@0.2.0"]
        {
            assert!(known(name), "{name}");
        }
        for name in [
            "fleetstep:task/context@0.2.0",
            "fleetstep:task/contexts@0.1.0",
            "wasi:http/handler@0.3.0",
            "wasi:http/types@0.3.0",
            "wasi:io/streams@0.3.0",
            "log",
        ] {
            assert!(!known(name), "{name}");
        }
    }
}
