//! Settings: flags over the manifest's `[server]` table over the defaults.

use crate::bounds::FileBounds;
use crate::cli::COMPILE;
use crate::exposure::{Exposure, ExposureFlags};
use crate::telemetry::{TelemetryFlags, TelemetrySettings};
use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use fleetstep_api::AdmissionConfig;
use fleetstep_engine::HistoryLevel;
use fleetstep_integrations::{BindingConfig, Config, ConnectionConfig, HttpConfig};
use fleetstep_wasm::Compiler;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Where the server listens unless told otherwise: loopback, and the port that Step Functions Local made known.
pub const LISTEN_DEFAULT: &str = "127.0.0.1:8083";
/// The data directory unless told otherwise, below the folder that the server is started in.
pub const DATA_DIR_DEFAULT: &str = ".fleetstep";
/// Executions a second whose whole history is kept unless said: so many that the place for them is taken within minutes,
/// and a server's memory is then what it stays.
pub const HISTORY_SAMPLES_DEFAULT: u32 = 100;

/// The process that compiles has its address space bounded, of which the allocator would take a GiB ahead. In KiB.
const SMALL_ARENAS: (&str, &str) = ("MIMALLOC_ARENA_RESERVE", "32768");

/// The `[server]` table of a manifest; the names are those of the flags.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSettings {
    listen: Option<String>,
    data_dir: Option<PathBuf>,
    in_memory: Option<bool>,
    durability: Option<Durability>,
    journal_mib: Option<u32>,
    region: Option<String>,
    account: Option<String>,
    executions_running_max: Option<usize>,
    calls_running_max: Option<u32>,
    memory_resident_kib: Option<u32>,
    page_scan: Option<bool>,
    memory_max_mib: Option<u32>,
    #[serde(default)]
    bounds: FileBounds,
    #[serde(default)]
    http_invoke: HttpConfig,
    #[serde(default)]
    connections: BTreeMap<String, ConnectionConfig>,
    #[serde(default)]
    bindings: BTreeMap<String, BindingConfig>,
    compile_mib: Option<u32>,
    compile_seconds: Option<u32>,
    drain_seconds: Option<u64>,
    history_level: Option<Level>,
    log_stdout: Option<bool>,
    log_file: Option<PathBuf>,
    aws_extensions: Option<bool>,
    workflow_extensions: Option<bool>,
    redact: Option<Vec<String>>,
    module_registries: Option<Vec<String>>,
    history_samples: Option<u32>,
    console: Option<bool>,
    idempotent_names: Option<bool>,
    idempotency_minutes: Option<u32>,
    log_format: Option<LogFormat>,
    pub(crate) otlp_endpoint: Option<String>,
    pub(crate) trace_sample: Option<f64>,
    pub(crate) log_otlp: Option<bool>,
    pub(crate) keys: Option<PathBuf>,
    pub(crate) signature_repeat_seconds: Option<u32>,
    pub(crate) audit_file: Option<PathBuf>,
    pub(crate) tls_cert: Option<PathBuf>,
    pub(crate) tls_key: Option<PathBuf>,
    pub(crate) insecure_no_authentication: Option<bool>,
}

impl FileSettings {
    /// Paths of the file count from the directory that it lies in.
    pub(crate) fn resolve(&mut self, directory: &Path) {
        let Self { data_dir, log_file, keys, audit_file, tls_cert, tls_key, .. } = self;
        for path in [data_dir, log_file, keys, audit_file, tls_cert, tls_key].into_iter().flatten() {
            *path = directory.join(&*path);
        }
    }

    /// Without keys and certificates, for what only this machine reaches.
    fn unexposed(self) -> Self {
        Self { keys: None, audit_file: None, tls_cert: None, tls_key: None, insecure_no_authentication: None, ..self }
    }
}

/// Flags that a server for development takes.
#[derive(Args, Clone, Debug, Default)]
pub struct DevFlags {
    /// Address and port to listen on [default: 127.0.0.1:8083]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,
    /// Folder that keeps what is deployed over a restart [default: nothing is kept]
    #[arg(long, value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,
}

/// Flags that a server takes. Each overrides the manifest.
#[derive(Args, Clone, Debug, Default)]
pub struct ServerFlags {
    /// Address and port to listen on [default: 127.0.0.1:8083]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,
    /// Folder that keeps what is deployed over a restart [default: .fleetstep]
    #[arg(long, value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,
    /// Keep nothing over a restart
    #[arg(long, conflicts_with = "data_dir")]
    pub in_memory: bool,
    /// Acknowledge asynchronous starts once they are on disk (journal) or at once (memory) [default: journal; memory with --in-memory]
    #[arg(long, value_name = "HOW", hide_possible_values = true)]
    pub durability: Option<Durability>,
    /// MiB of disk that acknowledged starts may take until they are finished; one more is throttled [default: 1024]
    #[arg(long, value_name = "N")]
    pub journal_mib: Option<u32>,
    /// Region in every ARN [default: us-east-1]
    #[arg(long)]
    pub region: Option<String>,
    /// Account id in every ARN [default: 000000000000]
    #[arg(long)]
    pub account: Option<String>,
    /// Executions that may run at once; one more is throttled [default: 100000]
    #[arg(long, value_name = "N")]
    pub executions_running_max: Option<usize>,
    /// Task calls that may run at once in all functions together [default: 1000]
    #[arg(long, value_name = "N")]
    pub calls_running_max: Option<u32>,
    /// KiB of memory that stay in place for each of these calls, once used [default: 256]
    #[arg(long, value_name = "N")]
    pub memory_resident_kib: Option<u32>,
    /// Ask the kernel which pages a call wrote, and clear only these [default: true]
    #[arg(long, value_name = "true|false", hide_possible_values = true)]
    pub page_scan: Option<bool>,
    /// MiB of resident memory above which nothing is started [default: 80 % of the machine's or the container's]
    #[arg(long, value_name = "N")]
    pub memory_max_mib: Option<u32>,
    /// MiB of address space for the process that compiles a module [default: 1024]
    #[arg(long, value_name = "N")]
    pub compile_mib: Option<u32>,
    /// Seconds that it may take [default: 60]
    #[arg(long, value_name = "N")]
    pub compile_seconds: Option<u32>,
    /// Seconds that running executions get to end after SIGTERM [default: 30]
    #[arg(long, value_name = "N")]
    pub drain_seconds: Option<u64>,
    /// Keep the history of every execution in memory: OFF (what its loggingConfiguration asks for), FATAL, ERROR or ALL [default: OFF]
    #[arg(long, value_name = "LEVEL", ignore_case = true, hide_possible_values = true)]
    pub history_level: Option<Level>,
    /// Keep the whole history of so many executions a second, whatever the level: what the console draws [default: 100]
    #[arg(long, value_name = "N")]
    pub history_samples: Option<u32>,
    /// Serve the console at /console [default: true]
    #[arg(long, value_name = "true|false", hide_possible_values = true)]
    pub console: Option<bool>,
    /// Write the events that loggingConfiguration asks for to standard output, as JSON lines
    #[arg(long)]
    pub log_stdout: bool,
    /// Append them to a file
    #[arg(long, value_name = "FILE")]
    pub log_file: Option<PathBuf>,
    /// Let the AWS protocol describe, list, stop and tell the history of express executions, which AWS refuses
    #[arg(long)]
    pub aws_extensions: bool,
    /// Let express workflows wait as only STANDARD ones may on AWS: .sync, .waitForTaskToken, activities; within the five minutes
    #[arg(long)]
    pub workflow_extensions: bool,
    /// Hide the values of members with this name in histories, logs and descriptions of executions; may be given more than once
    #[arg(long, value_name = "NAME")]
    pub redact: Vec<String>,
    /// Let whoever may put functions name a module in this OCI registry instead of sending one; may be given more than once
    #[arg(long = "module-registry", value_name = "HOST")]
    pub module_registries: Vec<String>,
    /// Take the name of a StartExecution for its key, as for STANDARD workflows: the same name and input is the same execution
    #[arg(long)]
    pub idempotent_names: bool,
    /// Minutes that an Idempotency-Key is kept [default: 10]
    #[arg(long, value_name = "N")]
    pub idempotency_minutes: Option<u32>,
    /// How the server says what it does, on standard error: text or json [default: text]
    #[arg(long, value_name = "FORM", hide_possible_values = true)]
    pub log_format: Option<LogFormat>,
    /// Where traces go.
    #[command(flatten)]
    pub telemetry: TelemetryFlags,
    /// Who may reach it.
    #[command(flatten)]
    pub exposure: ExposureFlags,
}

/// How the server says what it does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines for a person
    #[default]
    Text,
    /// A line of JSON for each
    Json,
}

/// What an acknowledgement of an asynchronous start promises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// It runs, at least once, even after a crash of the process or the machine
    Journal,
    /// It runs unless the process ends
    #[default]
    Memory,
}

/// The levels of a `loggingConfiguration`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "UPPERCASE")]
#[value(rename_all = "UPPERCASE")]
pub enum Level {
    /// Nothing
    Off,
    /// The end of an execution that did not succeed
    Fatal,
    /// Every failure
    Error,
    /// Everything
    All,
}

impl From<Level> for HistoryLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Off => Self::Off,
            Level::Fatal => Self::Fatal,
            Level::Error => Self::Error,
            Level::All => Self::All,
        }
    }
}

/// What a server is run with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// Where the catalog lives; `None` keeps it in memory.
    pub data_dir: Option<PathBuf>,
    /// What an acknowledgement of an asynchronous start promises; the journal needs a data directory.
    pub durability: Durability,
    /// MiB of disk that the journal may take.
    pub journal_mib: u32,
    /// Where compiled modules are cached when there is no data directory.
    pub cache_dir: Option<PathBuf>,
    /// Region in every ARN.
    pub region: String,
    /// Account id in every ARN.
    pub account: String,
    /// Executions that may run at once.
    pub executions_running_max: usize,
    /// Task calls that may run at once.
    pub calls_running_max: u32,
    /// KiB of memory that stay in place for each of these calls, so that the next makes no page fault.
    pub memory_resident_kib: u32,
    /// Whether the kernel is asked which pages a call wrote.
    pub page_scan: bool,
    /// Who may start how much.
    pub admission: AdmissionConfig,
    /// The same as it was written, with what bounds calls.
    pub bounds: FileBounds,
    /// Who compiles modules.
    pub compiler: Compiler,
    /// MiB of address space for a process that compiles one.
    pub compile_mib: u32,
    /// Seconds that it may take.
    pub compile_seconds: u32,
    /// Seconds that running executions get to end when the server stops.
    pub drain_seconds: u64,
    /// What is kept in memory of every history.
    pub history_level: HistoryLevel,
    /// Whether the log is written to standard output.
    pub log_stdout: bool,
    /// The file that the log is appended to.
    pub log_file: Option<PathBuf>,
    /// Whether the AWS protocol serves express executions beyond what AWS does.
    pub aws_extensions: bool,
    /// Whether express workflows may wait as only STANDARD ones may on AWS.
    pub workflow_extensions: bool,
    /// What tasks reach outside.
    pub outside: Config,
    /// Names of members that are not shown.
    pub redact: Vec<String>,
    /// Registries that modules may be fetched from.
    pub module_registries: Vec<String>,
    /// Of how many executions a second the whole history is kept.
    pub history_samples: u32,
    /// Whether there is a console.
    pub console: bool,
    /// Whether a `StartExecution` is known again by its name.
    pub idempotent_names: bool,
    /// Minutes that an idempotency key is kept.
    pub idempotency_minutes: u32,
    /// How the server says what it does.
    pub log_format: LogFormat,
    /// Where traces go.
    pub telemetry: TelemetrySettings,
    /// Who may reach it.
    pub exposure: Exposure,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8083)),
            data_dir: None,
            durability: Durability::Memory,
            journal_mib: 1_024,
            cache_dir: user_cache_dir(),
            region: "us-east-1".to_owned(),
            account: "000000000000".to_owned(),
            executions_running_max: 100_000,
            calls_running_max: 1_000,
            memory_resident_kib: 256,
            page_scan: true,
            admission: AdmissionConfig::default(),
            bounds: FileBounds::default(),
            compiler: Compiler::InProcess,
            compile_mib: 1_024,
            compile_seconds: 60,
            drain_seconds: 30,
            history_level: HistoryLevel::Off,
            log_stdout: false,
            log_file: None,
            aws_extensions: false,
            workflow_extensions: false,
            outside: Config::default(),
            redact: Vec::new(),
            module_registries: Vec::new(),
            history_samples: HISTORY_SAMPLES_DEFAULT,
            console: true,
            idempotent_names: false,
            idempotency_minutes: 10,
            log_format: LogFormat::Text,
            telemetry: TelemetrySettings::default(),
            exposure: Exposure::default(),
        }
    }
}

impl Settings {
    /// The settings of one execution in this process: in memory, where the manifest's table says that it is.
    pub(crate) fn in_process(file: FileSettings) -> Result<Self> {
        // Nobody reaches it.
        let file = file.unexposed();
        let durability = Some(Durability::Memory);
        Self::resolve(ServerFlags { in_memory: true, durability, ..ServerFlags::default() }, file)
    }

    /// The settings of a server for whoever works on this machine: every history is kept, and nothing over a restart unless
    /// it is said where.
    pub(crate) fn of_dev(flags: DevFlags, file: FileSettings) -> Result<Self> {
        let in_memory = flags.data_dir.is_none();
        let file = file.unexposed();
        let flags = ServerFlags {
            listen: flags.listen,
            data_dir: flags.data_dir,
            in_memory,
            durability: in_memory.then_some(Durability::Memory),
            history_level: file.history_level.or(Some(Level::All)),
            ..ServerFlags::default()
        };
        Self::resolve(flags, file)
    }

    /// The same, with modules compiled by processes of this program, even where its file was replaced since it was
    /// started: for those that are it.
    #[must_use]
    pub(crate) fn with_compiler(self) -> Self {
        self.compiled_by("/proc/self/exe".into())
    }

    /// The same, with modules compiled by processes of `program`: a `fleetstep` of this version.
    #[must_use]
    pub fn compiled_by(self, program: PathBuf) -> Self {
        Self { compiler: Compiler::process(program, COMPILE, &[SMALL_ARENAS]), ..self }
    }

    /// The same, with what the environment says of telemetry where nothing else does.
    ///
    /// # Errors
    /// A variable that is not of its form.
    pub(crate) fn with_environment(self) -> Result<Self> {
        let variable = |name: &str| std::env::var(name).ok();
        Ok(Self { telemetry: self.telemetry.with_environment(variable)?, ..self })
    }

    /// The settings that `flags` and the manifest's table give together.
    ///
    /// # Errors
    /// An address that cannot be read, no calls, or a journal without a place.
    pub fn resolve(flags: ServerFlags, file: FileSettings) -> Result<Self> {
        let defaults = Self::default();
        let exposure = Exposure::resolve(flags.exposure, &file)?;
        let telemetry = TelemetrySettings::resolve(flags.telemetry, &file)?;
        let listen = flags.listen.or(file.listen).unwrap_or_else(|| LISTEN_DEFAULT.to_owned());
        let in_memory = flags.in_memory || (flags.data_dir.is_none() && file.in_memory.unwrap_or(false));
        let data_dir = flags.data_dir.or(file.data_dir).unwrap_or_else(|| PathBuf::from(DATA_DIR_DEFAULT));
        let by_default = if in_memory { Durability::Memory } else { Durability::Journal };
        let durability = flags.durability.or(file.durability).unwrap_or(by_default);
        if in_memory && durability == Durability::Journal {
            bail!("durability is journal, but nothing is kept over a restart: name a data directory instead");
        }
        let calls_running_max =
            flags.calls_running_max.or(file.calls_running_max).unwrap_or(defaults.calls_running_max);
        if calls_running_max == 0 {
            bail!("calls-running-max is 0: no task could be called");
        }
        Ok(Self {
            listen: listen
                .parse()
                .with_context(|| format!("`{listen}` is no ADDRESS:PORT such as {LISTEN_DEFAULT}"))?,
            data_dir: (!in_memory).then_some(data_dir),
            durability,
            journal_mib: flags.journal_mib.or(file.journal_mib).unwrap_or(defaults.journal_mib).max(1),
            cache_dir: defaults.cache_dir,
            region: flags.region.or(file.region).unwrap_or(defaults.region),
            account: flags.account.or(file.account).unwrap_or(defaults.account),
            executions_running_max: flags
                .executions_running_max
                .or(file.executions_running_max)
                .unwrap_or(defaults.executions_running_max),
            calls_running_max,
            memory_resident_kib: flags
                .memory_resident_kib
                .or(file.memory_resident_kib)
                .unwrap_or(defaults.memory_resident_kib),
            page_scan: flags.page_scan.or(file.page_scan).unwrap_or(defaults.page_scan),
            admission: file.bounds.admission(flags.memory_max_mib.or(file.memory_max_mib))?,
            bounds: file.bounds,
            compiler: defaults.compiler,
            compile_mib: flags.compile_mib.or(file.compile_mib).unwrap_or(defaults.compile_mib),
            compile_seconds: flags.compile_seconds.or(file.compile_seconds).unwrap_or(defaults.compile_seconds).max(1),
            drain_seconds: flags.drain_seconds.or(file.drain_seconds).unwrap_or(defaults.drain_seconds),
            history_level: flags.history_level.or(file.history_level).map_or(defaults.history_level, Into::into),
            log_stdout: flags.log_stdout || file.log_stdout.unwrap_or(false),
            log_file: flags.log_file.or(file.log_file),
            aws_extensions: flags.aws_extensions || file.aws_extensions.unwrap_or(false),
            workflow_extensions: flags.workflow_extensions || file.workflow_extensions.unwrap_or(false),
            outside: Config { http_invoke: file.http_invoke, connections: file.connections, bindings: file.bindings },
            redact: file.redact.unwrap_or_default().into_iter().chain(flags.redact).collect(),
            module_registries: file
                .module_registries
                .unwrap_or_default()
                .into_iter()
                .chain(flags.module_registries)
                .collect(),
            history_samples: flags.history_samples.or(file.history_samples).unwrap_or(defaults.history_samples),
            console: flags.console.or(file.console).unwrap_or(defaults.console),
            idempotent_names: flags.idempotent_names || file.idempotent_names.unwrap_or(false),
            idempotency_minutes: flags
                .idempotency_minutes
                .or(file.idempotency_minutes)
                .unwrap_or(defaults.idempotency_minutes)
                .max(1),
            log_format: flags.log_format.or(file.log_format).unwrap_or_default(),
            telemetry,
            exposure,
        })
    }
}

/// The user's cache folder by the XDG rules, so that a second `run` does not compile its modules again.
fn user_cache_dir() -> Option<PathBuf> {
    let from = |variable: &str| std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    from("XDG_CACHE_HOME").or_else(|| Some(from("HOME")?.join(".cache"))).map(|folder| folder.join("fleetstep"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_overrides_the_file_and_the_file_the_default() {
        let file: FileSettings =
            toml::from_str("listen = \"127.0.0.1:1\"\nregion = \"eu-west-1\"\nin_memory = true").unwrap();
        let flags = ServerFlags { listen: Some("127.0.0.1:2".into()), ..ServerFlags::default() };
        let settings = Settings::resolve(flags, file).unwrap();
        assert_eq!((settings.listen.port(), settings.region.as_str()), (2, "eu-west-1"));
        assert_eq!((settings.account.as_str(), settings.data_dir), ("000000000000", None));
    }

    #[test]
    fn how_memory_is_kept_and_cleared_is_set_by_the_file_and_by_flags() {
        let file = || toml::from_str("memory_resident_kib = 16384\npage_scan = false").unwrap();
        let settings = Settings::resolve(ServerFlags::default(), file()).unwrap();
        assert_eq!((settings.memory_resident_kib, settings.page_scan), (16_384, false));
        let flags = ServerFlags { memory_resident_kib: Some(0), page_scan: Some(true), ..ServerFlags::default() };
        let settings = Settings::resolve(flags, file()).unwrap();
        assert_eq!((settings.memory_resident_kib, settings.page_scan), (0, true));
    }

    #[test]
    fn no_calls_at_all_are_refused() {
        let flags = ServerFlags { calls_running_max: Some(0), ..ServerFlags::default() };
        assert!(Settings::resolve(flags, FileSettings::default()).unwrap_err().to_string().contains("is 0"));
        let file: FileSettings = toml::from_str("calls_running_max = 0").unwrap();
        assert!(Settings::resolve(ServerFlags::default(), file).is_err());
    }

    #[test]
    fn one_execution_has_the_region_and_account_of_the_manifest_and_no_data_directory() {
        let file = "region = \"eu-west-1\"\naccount = \"123456789012\"\ndata_dir = \"data\"";
        let settings = Settings::in_process(toml::from_str(file).unwrap()).unwrap();
        assert_eq!((settings.region.as_str(), settings.account.as_str()), ("eu-west-1", "123456789012"));
        assert_eq!(settings.data_dir, None);
    }

    #[test]
    fn a_journal_needs_a_place_and_is_the_default_where_there_is_one() {
        let resolve = |flags: ServerFlags, file: &str| Settings::resolve(flags, toml::from_str(file).unwrap());
        let durability = |flags, file| resolve(flags, file).unwrap().durability;
        assert_eq!(durability(ServerFlags::default(), ""), Durability::Journal);
        assert_eq!(durability(ServerFlags::default(), "durability = \"memory\""), Durability::Memory);
        assert_eq!(durability(ServerFlags { in_memory: true, ..ServerFlags::default() }, ""), Durability::Memory);
        let error = resolve(ServerFlags::default(), "in_memory = true\ndurability = \"journal\"").unwrap_err();
        assert!(error.to_string().contains("name a data directory"), "{error}");
    }

    #[test]
    fn the_default_listens_on_loopback_and_keeps_its_data() {
        let settings = Settings::resolve(ServerFlags::default(), FileSettings::default()).unwrap();
        assert!(settings.listen.ip().is_loopback());
        assert_eq!(settings.data_dir, Some(PathBuf::from(DATA_DIR_DEFAULT)));
    }
}
