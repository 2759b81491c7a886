//! WASI for the modules that import it: clocks, chance, bounded standard streams and the function's environment. No
//! directory is open and no socket can be.

use crate::logs::{LINE_BYTES_MAX, LogLevel};
use crate::state::{Caller, State};
use crate::{Function, RESULT_BYTES_MAX, traced};
use bytes::Bytes;
use fleetstep_document::Text;
use fleetstep_engine::{Call, CallTrace};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::io::AsyncWrite;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p2::pipe::MemoryInputPipe;
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

/// Bytes that one write may have.
const WRITE_BYTES_MAX: usize = 64 << 10;
/// Random bytes that a guest may ask for at once.
const RANDOM_BYTES_MAX: u64 = 64 << 10;
/// Streams, pollables, errors, requests and headers that a guest may hold: what it can make the host hold is this many
/// times what one of them takes.
const RESOURCES_MAX: usize = 1_000;
/// White space around a result that is let through, to be trimmed.
const MARGIN_BYTES_MAX: usize = 1 << 10;

/// Which WASI a module imports.
#[derive(Clone, Copy)]
pub(crate) enum Preview {
    /// A core module's.
    First,
    /// A component's.
    Second,
}

/// WASI's state of one instance.
pub(crate) enum Wasi {
    First(WasiP1Ctx),
    Second { cx: WasiCtx, table: ResourceTable },
}

impl State {
    /// The linker's way to the state of a core module.
    pub(crate) fn wasi_p1(&mut self) -> &mut WasiP1Ctx {
        match self.wasi() {
            Wasi::First(cx) => cx,
            Wasi::Second { .. } => unreachable!("a core module imports the first preview"),
        }
    }

    pub(crate) fn wasi(&mut self) -> &mut Wasi {
        let Self { wasi, preview, caller, pipes, .. } = self;
        wasi.get_or_insert_with(|| {
            let preview = preview.expect("who asks for WASI was linked with it");
            let environment = caller.as_ref().map_or(&[][..], |caller| &caller.function.environment);
            let streams = Streams::of_a_task(caller.as_ref());
            *pipes = Some([streams.stdout.clone(), streams.stderr.clone()]);
            Box::new(streams.grant(preview, environment))
        })
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        match self.wasi() {
            Wasi::Second { cx, table } => WasiCtxView { ctx: cx, table },
            Wasi::First(_) => unreachable!("a component imports the second preview"),
        }
    }
}

/// The standard streams of one call.
pub(crate) struct Streams {
    pub(crate) stdin: Bytes,
    pub(crate) stdout: Pipe,
    pub(crate) stderr: Pipe,
    /// What the environment has beside the function's own variables, in a call that is a part of a trace.
    pub(crate) traced: Vec<(String, String)>,
}

impl Streams {
    /// Nothing to read, and the function's log to write to; nobody listens where nobody calls.
    fn of_a_task(caller: Option<&Caller>) -> Self {
        let pipe = || match caller {
            Some(Caller { function, call }) => Pipe::to_log(Arc::clone(function), call),
            None => Pipe::to_nobody(),
        };
        // An instance that serves several calls keeps its environment: what one call's trace is, the next must not take
        // for its own.
        let once = caller.filter(|caller| caller.function.workers.is_none());
        let traced = once.map(|caller| traced::variables(&caller.function, &caller.call)).unwrap_or_default();
        Self { stdin: Bytes::new(), stdout: pipe(), stderr: pipe(), traced }
    }

    /// WASI with these streams and this environment.
    pub(crate) fn grant(self, preview: Preview, environment: &[(String, String)]) -> Wasi {
        let mut grants = self.grants(environment);
        match preview {
            Preview::First => Wasi::First(grants.build_p1()),
            Preview::Second => {
                let mut table = ResourceTable::new();
                table.set_max_capacity(RESOURCES_MAX);
                Wasi::Second { cx: grants.build(), table }
            }
        }
    }

    fn grants(self, environment: &[(String, String)]) -> WasiCtxBuilder {
        let mut grants = WasiCtx::builder();
        grants
            .stdin(MemoryInputPipe::new(self.stdin))
            .stdout(self.stdout)
            .stderr(self.stderr)
            .envs(environment)
            .envs(&self.traced)
            .max_random_size(RANDOM_BYTES_MAX)
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false);
        grants
    }
}

/// Where a guest's output goes. Clones share it.
#[derive(Clone)]
pub(crate) struct Pipe(Arc<Mutex<Sink>>);

enum Sink {
    /// A command's stdout: the result.
    Result {
        bytes: Vec<u8>,
        overflowed: bool,
    },
    /// Lines for the function's log.
    Lines(Lines),
    Nobody,
}

impl Sink {
    fn lines(function: Arc<Function>, call: &Call) -> Self {
        let (execution_arn, trace) = (call.identity.execution_arn.clone(), call.trace.clone());
        Self::Lines(Lines { function, execution_arn, trace, partial: Vec::new(), last: String::new() })
    }
}

struct Lines {
    function: Arc<Function>,
    execution_arn: Text,
    trace: Option<CallTrace>,
    /// The line that is not ended yet.
    partial: Vec<u8>,
    /// The last line that was not empty.
    last: String,
}

impl Pipe {
    pub(crate) fn to_result() -> Self {
        Self::new(Sink::Result { bytes: Vec::new(), overflowed: false })
    }

    pub(crate) fn to_log(function: Arc<Function>, call: &Call) -> Self {
        Self::new(Sink::lines(function, call))
    }

    /// What is written from now on is for the log, as another call's.
    pub(crate) fn listen(&self, function: Arc<Function>, call: &Call) {
        *self.sink() = Sink::lines(function, call);
    }

    /// Ends the last line; nobody listens any more.
    pub(crate) fn leave(&self) {
        *self.sink() = Sink::Nobody;
    }

    fn to_nobody() -> Self {
        Self::new(Sink::Nobody)
    }

    fn new(sink: Sink) -> Self {
        Self(Arc::new(Mutex::new(sink)))
    }

    fn sink(&self) -> MutexGuard<'_, Sink> {
        // Whoever panicked while writing was this call, and is over.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was written as the result; `None` when it was more than a result may have.
    pub(crate) fn take_result(&self) -> Option<Vec<u8>> {
        match &mut *self.sink() {
            Sink::Result { overflowed: true, .. } => None,
            Sink::Result { bytes, .. } => Some(std::mem::take(bytes)),
            _ => Some(Vec::new()),
        }
    }

    /// Ends the last line and gives the last one that was not empty.
    pub(crate) fn take_last_line(&self) -> String {
        match &mut *self.sink() {
            Sink::Lines(lines) => {
                lines.end();
                std::mem::take(&mut lines.last)
            }
            _ => String::new(),
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.end();
    }
}

impl Lines {
    fn write(&mut self, mut bytes: &[u8]) {
        while let Some(at) = bytes.iter().position(|&byte| byte == b'\n') {
            self.add(&bytes[..at]);
            self.end();
            bytes = &bytes[at + 1..];
        }
        self.add(bytes);
    }

    fn add(&mut self, part: &[u8]) {
        let room = LINE_BYTES_MAX - self.partial.len();
        self.partial.extend_from_slice(&part[..part.len().min(room)]);
    }

    fn end(&mut self) {
        let line = String::from_utf8_lossy(&self.partial);
        let mask = self.function.mask();
        let was_cut = self.partial.len() == LINE_BYTES_MAX;
        let line = if was_cut { mask.apply_to_cut(&line) } else { mask.apply(&line) };
        let line = line.trim_end();
        if !line.is_empty() {
            self.function.say(&self.execution_arn, self.trace.as_ref(), LogLevel::Info, line);
            line.clone_into(&mut self.last);
        }
        self.partial.clear();
    }
}

#[wasmtime_wasi::async_trait]
impl OutputStream for Pipe {
    fn write(&mut self, written: Bytes) -> StreamResult<()> {
        match &mut *self.sink() {
            Sink::Result { bytes, overflowed } => {
                if bytes.len() + written.len() > RESULT_BYTES_MAX + MARGIN_BYTES_MAX {
                    *overflowed = true;
                    return Err(StreamError::trap("the result is larger than a result may be"));
                }
                bytes.extend_from_slice(&written);
            }
            Sink::Lines(lines) => lines.write(&written),
            Sink::Nobody => (),
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES_MAX)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Pipe {
    async fn ready(&mut self) {}
}

impl IsTerminal for Pipe {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Pipe {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }

    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Only asked for by WASI's third preview, which is not linked.
        Box::new(tokio::io::sink())
    }
}
