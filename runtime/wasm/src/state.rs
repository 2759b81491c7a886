//! What the host keeps beside one instance.

use crate::Function;
use crate::http_out::Http;
use crate::limits::Limits;
use crate::wasi::{Pipe, Preview, Wasi};
use fleetstep_engine::Call;
use std::sync::Arc;
use std::time::Instant;
use tokio::runtime::Handle;

/// The host's side of an instance. Interfaces that a module does not import have no part here.
pub(crate) struct State {
    pub(crate) limits: Limits,
    /// When the guest is stopped.
    pub(crate) deadline: Instant,
    /// Whose call it is; nobody's while a module is tried at its upload.
    pub(crate) caller: Option<Caller>,
    /// What the module imports of WASI.
    pub(crate) preview: Option<Preview>,
    /// Made when it is asked for: most calls of a component never do, and what a program's standard library imports
    /// costs them nothing.
    pub(crate) wasi: Option<Box<Wasi>>,
    /// Made when it is asked for, too.
    pub(crate) http: Option<Box<Http>>,
    /// Where requests are sent from; only of a module that imports a way to send some.
    pub(crate) runtime: Option<Handle>,
    /// Where a task's standard output and error go, once it has WASI.
    pub(crate) pipes: Option<[Pipe; 2]>,
}

/// A call, and the function that it calls.
pub(crate) struct Caller {
    pub(crate) function: Arc<Function>,
    pub(crate) call: Call,
}

/// A host function was called while the module was only tried.
#[derive(Debug, thiserror::Error)]
#[error("a module must not ask for its call before it is called")]
pub(crate) struct NobodyCalls;

impl State {
    /// Lets go of all that the guest has open: it has ended.
    pub(crate) fn close(&mut self) {
        self.wasi = None;
        self.http = None;
    }

    /// The next call of an instance that was called before.
    pub(crate) fn begin(&mut self, caller: Caller, deadline: Instant) {
        for pipe in self.pipes.iter().flatten() {
            pipe.listen(Arc::clone(&caller.function), &caller.call);
        }
        if let Some(http) = &mut self.http {
            http.begin(&caller);
        }
        self.caller = Some(caller);
        self.deadline = deadline;
    }

    /// Its call is over: what the guest wrote last is told as that call's, and nothing here holds the function, beside
    /// what the guest left open: that is let go with the instance.
    pub(crate) fn end(&mut self) {
        self.pipes.iter().flatten().for_each(Pipe::leave);
        if let Some(http) = &mut self.http {
            http.end();
        }
        self.caller = None;
    }

    pub(crate) fn caller(&self) -> wasmtime::Result<&Caller> {
        self.caller.as_ref().ok_or_else(|| NobodyCalls.into())
    }
}
