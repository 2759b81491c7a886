//! `wasi:config` and `wasi:logging`: other names for what a function has anyway, so that a component need not know which
//! host it runs on.

use crate::logs::LogLevel;
use crate::state::{Caller, State};
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, Linker, LinkerInstance, Lower, WasmStr};

/// What components are built against. Names of drafts stand for nothing but themselves.
const CONFIG: &[&str] = &[
    "wasi:config/store@0.2.0-rc.1",
    "wasi:config/store@0.2.0-draft",
    "wasi:config/store@0.2.0-draft-2024-09-27",
    "wasi:config/runtime@0.2.0-draft",
];
const LOGGING: &str = "wasi:logging/logging@0.1.0-draft";

/// Nothing goes wrong with a configuration that is in memory.
#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
enum ConfigFailed {
    #[component(name = "upstream")]
    Upstream(String),
    #[component(name = "io")]
    Io(String),
}

#[derive(Clone, Copy, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "only `Lift` makes them, and by their numbers")]
enum Level {
    #[component(name = "trace")]
    Trace,
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
    #[component(name = "error")]
    Error,
    #[component(name = "critical")]
    Critical,
}

impl From<Level> for LogLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Trace => Self::Trace,
            Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warn => Self::Warn,
            Level::Error | Level::Critical => Self::Error,
        }
    }
}

pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    for name in CONFIG {
        config(&mut linker.instance(name)?)?;
    }
    logging(&mut linker.instance(LOGGING)?)
}

/// The function's environment, its secrets with it.
fn config(interface: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    interface.func_wrap("get", |cx: StoreContextMut<'_, State>, (name,): (WasmStr,)| {
        let name = name.to_str(&cx)?;
        let config = cx.data().caller()?.function.config();
        let value = config.environment.get(&*name).or_else(|| config.secrets.0.get(&*name)).cloned();
        Ok((Ok::<_, ConfigFailed>(value),))
    })?;
    interface.func_wrap("get-all", |cx: StoreContextMut<'_, State>, (): ()| {
        Ok((Ok::<_, ConfigFailed>(cx.data().caller()?.function.environment.clone()),))
    })
}

fn logging(interface: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    interface.func_wrap(
        "log",
        |cx: StoreContextMut<'_, State>, (level, context, message): (Level, WasmStr, WasmStr)| {
            let (context, message) = (context.to_str(&cx)?, message.to_str(&cx)?);
            let Caller { function, call } = cx.data().caller()?;
            let colon = if context.is_empty() { "" } else { ": " };
            let line = format!("{context}{colon}{message}");
            let line = function.mask().apply(&line);
            function.say(&call.identity.execution_arn, call.trace.as_ref(), level.into(), &line);
            Ok(())
        },
    )
}
