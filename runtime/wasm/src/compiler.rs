//! Where modules are compiled: in this process, or in one of its own that is bounded in memory and time.
//!
//! What the compiler makes of a hostile module can take any amount of either. In a process of its own, the limits are the
//! operating system's: it ends, the module is refused, and the host goes on. The host is the parent: it sends the module, and what comes
//! back is machine code of the same program, which [`compile_for_parent`] made there.

use crate::engine;
use crate::module::{self, Compiled, ModuleError};
use crate::{SandboxConfig, preinit};
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;
use wasmtime::Engine;
use wasmtime::component::Component;

/// The largest artefact that is taken from the process that compiles.
const ARTEFACT_BYTES_MAX: u64 = 1 << 30;
/// What the process may say of its own end.
const LAST_WORDS_BYTES_MAX: u64 = 4 << 10;
/// What a program says whose memory has come to its end.
const OUT_OF_MEMORY: &str = "memory allocation of";
/// The status of a program that panicked.
const PANICKED: i32 = 101;

/// Who compiles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compiler {
    /// This process. A module that explodes the compiler takes it along: for tests, and for modules that are trusted.
    InProcess,
    /// A process for each module: `program` with these arguments, which calls [`compile_for_parent`] and must be of
    /// the same version as this process.
    Process {
        /// What is run.
        program: PathBuf,
        /// With which arguments.
        arguments: Vec<OsString>,
        /// All of its environment.
        environment: Vec<(OsString, OsString)>,
    },
}

impl Compiler {
    /// A process of `program`, called with `argument` in this environment.
    #[must_use]
    pub fn process(program: PathBuf, argument: &str, environment: &[(&str, &str)]) -> Self {
        Self::Process {
            program,
            arguments: vec![argument.into()],
            environment: environment.iter().map(|(name, value)| (name.into(), value.into())).collect(),
        }
    }
}

/// Compiles a module for the engine that is to run it. Blocks.
pub(crate) fn compile(
    config: &SandboxConfig,
    engine: &Engine,
    memory_bytes_min: u64,
    bytes: &[u8],
) -> Result<Compiled, ModuleError> {
    let job = if engine::maps_images(memory_bytes_min) { Job::CompileMapped } else { Job::CompileCopied };
    match apart(config, job) {
        None => module::compile(engine, bytes),
        Some((order, command)) => order.send(command, bytes)?.load(engine),
    }
}

/// Runs the start-up of a module, where modules are compiled, and gives the module that begins behind it. Blocks.
pub(crate) fn preinitialise(config: &SandboxConfig, bytes: &[u8]) -> Result<Vec<u8>, ModuleError> {
    match apart(config, Job::Preinitialise) {
        None => preinit::preinitialise(bytes),
        Some((order, command)) => order.send(command, bytes)?.module(),
    }
}

/// The process that does a job, and what it is told; none where this process does it.
fn apart(config: &SandboxConfig, job: Job) -> Option<(Order, Command)> {
    let Compiler::Process { program, arguments, environment } = &config.compiler else { return None };
    let order = Order {
        job,
        memory_bytes_max: config.compile_memory_bytes_max,
        timeout: config.compile_timeout,
        threads: config.compile_threads.max(1) as u64,
    };
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(environment.iter().cloned()).current_dir("/");
    Some((order, command))
}

/// What the process is told before it gets the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Order {
    job: Job,
    memory_bytes_max: u64,
    timeout: Duration,
    threads: u64,
}

const ORDER_BYTES: usize = 32;

macro_rules! bytes {
    ($(#[$about:meta])* $type:ident: $($name:ident $byte:literal),*) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        enum $type { $($name = $byte,)* }

        impl $type {
            fn of(byte: u8) -> Option<Self> {
                match byte { $($byte => Some(Self::$name),)* _ => None }
            }
        }
    };
}

bytes! {
    /// What is to be done.
    Job: CompileCopied 0, CompileMapped 1, Preinitialise 2
}

bytes! {
    /// What its answer begins with: what the rest of it is.
    Kind: Component 1, Core 2, NotWasm 3, NeedsAdapter 4, Invalid 5, Preinitialised 6, NotPreinitialisable 7
}

/// An answer.
struct Answer {
    kind: Kind,
    contents: Vec<u8>,
}

impl Order {
    fn to_bytes(self) -> [u8; ORDER_BYTES] {
        let words = [self.job as u64, self.memory_bytes_max, self.timeout.as_secs().max(1), self.threads];
        let mut bytes = [0; ORDER_BYTES];
        bytes.chunks_exact_mut(8).zip(words).for_each(|(place, word)| place.copy_from_slice(&word.to_le_bytes()));
        bytes
    }

    /// `None` when it asks for nothing that is known here.
    fn from_bytes(bytes: [u8; ORDER_BYTES]) -> Option<Self> {
        let word = |at: usize| u64::from_le_bytes(bytes[8 * at..8 * at + 8].try_into().expect("eight bytes"));
        let job = Job::of(u8::try_from(word(0)).ok()?)?;
        Some(Self { job, memory_bytes_max: word(1), timeout: Duration::from_secs(word(2)), threads: word(3) })
    }

    /// Has a module compiled by a process that `command` starts.
    fn send(self, mut command: Command, module: &[u8]) -> Result<Answer, ModuleError> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let host = |error: io::Error| ModuleError::Host(format!("the compiler could not be run: {error}"));
        let mut child = Reaped(command.spawn().map_err(host)?);
        let (stdin, stdout, stderr) = (child.0.stdin.take(), child.0.stdout.take(), child.0.stderr.take());
        if let Some(mut stdin) = stdin {
            // It reads all before it says anything. One that has ended already says why by its status.
            let _may_have_ended = stdin.write_all(&self.to_bytes()).and_then(|()| stdin.write_all(module));
        }
        let mut answer = Vec::new();
        if let Some(stdout) = stdout {
            stdout.take(ARTEFACT_BYTES_MAX + 1).read_to_end(&mut answer).map_err(host)?;
        }
        let mut last_words = Vec::new();
        if let Some(stderr) = stderr {
            stderr.take(LAST_WORDS_BYTES_MAX).read_to_end(&mut last_words).map_err(host)?;
        }
        if answer.len() as u64 > ARTEFACT_BYTES_MAX {
            return Err(ModuleError::TooCostly(format!("compiled, it has more than {ARTEFACT_BYTES_MAX} bytes")));
        }
        let status = child.0.wait().map_err(host)?;
        match answer.split_first().and_then(|(kind, _)| Kind::of(*kind)) {
            Some(kind) if status.success() => {
                answer.remove(0);
                Ok(Answer { kind, contents: answer })
            }
            _ => Err(self.ended(status, &String::from_utf8_lossy(&last_words))),
        }
    }

    /// Why a process ended that gave no answer.
    fn ended(self, status: ExitStatus, last_words: &str) -> ModuleError {
        let mebibytes = self.memory_bytes_max >> 20;
        match status.signal() {
            Some(libc::SIGALRM | libc::SIGXCPU) => {
                ModuleError::TooCostly(format!("that takes more than {} seconds", self.timeout.as_secs()))
            }
            Some(libc::SIGABRT) if last_words.contains(OUT_OF_MEMORY) => {
                ModuleError::TooCostly(format!("that takes more than {mebibytes} MiB of memory"))
            }
            Some(signal) => ModuleError::TooCostly(format!(
                "the compiler was ended by signal {signal}; it may use {mebibytes} MiB of memory"
            )),
            None if status.code() == Some(PANICKED) => ModuleError::gave_up(),
            None => ModuleError::Host(format!("the compiler ended with {status}: {}", last_words.trim())),
        }
    }
}

/// A process that does not outlive what waits for it.
struct Reaped(Child);

impl Drop for Reaped {
    fn drop(&mut self) {
        // It has ended already, mostly.
        let _gone = self.0.kill().and_then(|()| self.0.wait());
    }
}

impl Answer {
    fn load(self, engine: &Engine) -> Result<Compiled, ModuleError> {
        let host = |error: wasmtime::Error| ModuleError::Host(format!("what was compiled can't be loaded: {error:#}"));
        // The engine that runs it has bounds of its own, which compiling did not look at.
        let invalid = |error: wasmtime::Error| match error.to_string() {
            text if text.contains("incompatible") => host(error),
            _ => ModuleError::Invalid(format!("{error:#}")),
        };
        // SAFETY: what is loaded must be an artefact of wasmtime's own making. It was made by `compile_for_parent` in a process that runs
        // this very program and came through a pipe that only that process held the other end of. That version and
        // settings are the same is what wasmtime itself checks.
        unsafe {
            match self.kind {
                Kind::Component => {
                    Component::deserialize(engine, &self.contents).map(Compiled::Component).map_err(invalid)
                }
                Kind::Core => {
                    wasmtime::Module::deserialize(engine, &self.contents).map(Compiled::Core).map_err(invalid)
                }
                _ => Err(self.refusal()),
            }
        }
    }

    /// The module that was made of another.
    fn module(self) -> Result<Vec<u8>, ModuleError> {
        if self.kind == Kind::Preinitialised { Ok(self.contents) } else { Err(self.refusal()) }
    }

    fn refusal(self) -> ModuleError {
        let text = || String::from_utf8_lossy(&self.contents).into_owned();
        match self.kind {
            Kind::NotWasm => ModuleError::NotWasm,
            Kind::NeedsAdapter => ModuleError::NeedsAdapter,
            Kind::Invalid => ModuleError::Invalid(text()),
            Kind::NotPreinitialisable => ModuleError::NotPreinitialisable(text()),
            Kind::Component | Kind::Core | Kind::Preinitialised => {
                ModuleError::Host("the compiler answered what it was not asked".into())
            }
        }
    }
}

/// Compiles what comes from a parent on standard input, within the limits that come with it, and answers on standard
/// output. To be called by a process that does nothing else, before it has started any thread: see [`Compiler::Process`].
///
/// # Errors
/// Its input or output failed, or it can't limit itself.
pub fn compile_for_parent() -> io::Result<()> {
    let mut order = [0; ORDER_BYTES];
    let mut input = io::stdin().lock();
    input.read_exact(&mut order)?;
    let order = Order::from_bytes(order).ok_or_else(|| io::Error::other("an order that makes no sense"))?;
    restrict(order)?;
    let mut module = Vec::new();
    input.read_to_end(&mut module)?;
    let threads = usize::try_from(order.threads).unwrap_or(1);
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().map_err(io::Error::other)?;
    let done = match order.job {
        Job::CompileCopied => compile_alone(false, &module),
        Job::CompileMapped => compile_alone(true, &module),
        Job::Preinitialise => preinit::preinitialise(&module).map(|module| (Kind::Preinitialised, module)),
    };
    let (kind, contents) = match done {
        Ok((kind, contents)) => (kind, contents),
        Err(ModuleError::NotWasm) => (Kind::NotWasm, Vec::new()),
        Err(ModuleError::NeedsAdapter) => (Kind::NeedsAdapter, Vec::new()),
        Err(ModuleError::Invalid(text)) => (Kind::Invalid, text.into_bytes()),
        Err(ModuleError::NotPreinitialisable(text)) => (Kind::NotPreinitialisable, text.into_bytes()),
        Err(other) => return Err(io::Error::other(other.to_string())),
    };
    let mut output = io::stdout().lock();
    output.write_all(&[kind as u8])?;
    output.write_all(&contents)?;
    output.flush()
}

fn compile_alone(maps_images: bool, module: &[u8]) -> Result<(Kind, Vec<u8>), ModuleError> {
    let host = |error: wasmtime::Error| ModuleError::Host(format!("{error:#}"));
    let engine = engine::compiler(maps_images).map_err(host)?;
    let compiled = module::compile(&engine, module)?;
    let kind = match &compiled {
        Compiled::Component(_) => Kind::Component,
        Compiled::Core(_) => Kind::Core,
    };
    Ok((kind, compiled.serialize().map_err(host)?))
}

/// Limits this process for the rest of its life.
fn restrict(order: Order) -> io::Result<()> {
    let seconds = u32::try_from(order.timeout.as_secs()).unwrap_or(u32::MAX);
    // The first image of a start-up's memory is a file, in memory.
    let file_bytes_max = if order.job == Job::Preinitialise { preinit::MEMORY_BYTES_MAX } else { 0 };
    let limits = [
        (libc::RLIMIT_AS, order.memory_bytes_max),
        (libc::RLIMIT_CPU, u64::from(seconds).saturating_mul(order.threads.max(1))),
        (libc::RLIMIT_CORE, 0),
        (libc::RLIMIT_FSIZE, file_bytes_max),
    ];
    for (resource, limit) in limits {
        let limit = libc::rlimit { rlim_cur: limit, rlim_max: limit };
        // SAFETY: a plain system call with a pointer to a structure that lives as long as the call.
        if unsafe { libc::setrlimit(resource, &limit) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    crate::lane::stand_back();
    // SAFETY: a plain system call. The signal, for which nobody has a handler, ends the process.
    unsafe { libc::alarm(seconds) };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: Order =
        Order { job: Job::CompileMapped, memory_bytes_max: 64 << 20, timeout: Duration::from_secs(3), threads: 2 };

    fn shell(script: &str) -> Result<Vec<u8>, String> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        ORDER.send(command, b"module").map(|answer| answer.contents).map_err(|error| error.to_string())
    }

    #[test]
    fn an_order_arrives_as_it_was_given() {
        for order in [ORDER, Order { job: Job::Preinitialise, memory_bytes_max: u64::MAX, ..ORDER }] {
            assert_eq!(Order::from_bytes(order.to_bytes()), Some(order));
        }
        assert_eq!(Order::from_bytes([7; ORDER_BYTES]), None);
    }

    #[test]
    fn an_answer_is_what_came_with_a_good_status() {
        assert_eq!(shell("tail -c 6 > /dev/null; printf '\\005why'"), Ok(b"why".to_vec()));
    }

    #[test]
    fn how_the_process_ended_is_told() {
        for (script, told) in [
            ("kill -ALRM $$", "takes more than 3 seconds"),
            ("kill -XCPU $$", "takes more than 3 seconds"),
            ("echo memory allocation of 9 bytes failed >&2; kill -ABRT $$", "takes more than 64 MiB of memory"),
            ("kill -SEGV $$", "ended by signal 11"),
            ("exit 101", "could not make sense of it"),
            ("echo no room >&2; exit 1", "exit status: 1: no room"),
            ("exit 0", "exit status: 0"),
            ("printf '\\011'", "exit status: 0"),
        ] {
            let error = shell(script).unwrap_err();
            assert!(error.contains(told), "{script}: {error}");
        }
        let missing = ORDER.send(Command::new("/no/such/program"), b"").err().expect("it can't be run").to_string();
        assert!(missing.contains("could not be run"), "{missing}");
    }
}
