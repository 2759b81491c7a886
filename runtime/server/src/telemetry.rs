//! Where traces and log records go: flags over the manifest over the variables that OpenTelemetry has for it.

use crate::settings::FileSettings;
use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use fleetstep_telemetry::{Config, Endpoint, Headers, RATIO_DEFAULT, TIMEOUT_DEFAULT, Telemetry, pairs, ratio};
use std::time::Duration;

/// Flags about telemetry. Each overrides the manifest.
#[derive(Args, Clone, Debug, Default)]
pub struct TelemetryFlags {
    /// Send traces of executions to an OpenTelemetry collector, by OTLP over HTTP: http://127.0.0.1:4318 for example
    #[arg(long, value_name = "URL")]
    pub otlp_endpoint: Option<String>,
    /// The share of executions that is traced where their callers don't say, 0 to 1 [default: 0.01]
    #[arg(long, value_name = "RATIO", value_parser = ratio)]
    pub trace_sample: Option<f64>,
    /// Send the events that loggingConfiguration asks for there, as log records
    #[arg(long)]
    pub log_otlp: bool,
}

/// Where telemetry goes, as far as it was said.
#[derive(Clone, Debug, Default)]
pub struct TelemetrySettings {
    /// Without one, nothing is traced.
    pub endpoint: Option<Endpoint>,
    /// The share of executions that is traced.
    pub ratio: Option<f64>,
    /// Whether the log of executions goes there too.
    pub logs: bool,
    headers: Headers,
    /// Beside what everyone has; the last of a name counts.
    resource: Vec<(String, String)>,
    timeout: Option<Duration>,
}

impl TelemetrySettings {
    /// To one collector, with that share of the executions.
    ///
    /// # Errors
    /// What is no URL of HTTP.
    pub fn to(endpoint: &str, ratio: f64) -> Result<Self> {
        Ok(Self { endpoint: Some(Endpoint::below(endpoint)?), ratio: Some(ratio), ..Self::default() })
    }

    /// What flags and the manifest's table give together.
    pub(crate) fn resolve(flags: TelemetryFlags, file: &FileSettings) -> Result<Self> {
        let endpoint = flags.otlp_endpoint.or_else(|| file.otlp_endpoint.clone());
        let endpoint = endpoint.map(|url| Endpoint::below(&url)).transpose().context("otlp-endpoint")?;
        if let Some(ratio) = file.trace_sample {
            ensure!((0.0..=1.0).contains(&ratio), "trace-sample is {ratio}: it should be 0 to 1");
        }
        let logs = flags.log_otlp || file.log_otlp.unwrap_or(false);
        Ok(Self { endpoint, ratio: flags.trace_sample.or(file.trace_sample), logs, ..Self::default() })
    }

    /// The same, with what OpenTelemetry's variables say of it, as `variable` reads them.
    ///
    /// # Errors
    /// A variable that is not of its form; a log without a place to go.
    pub(crate) fn with_environment(mut self, variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        if set("OTEL_SDK_DISABLED").is_some_and(|value| value.trim().eq_ignore_ascii_case("true")) {
            return Ok(Self::default());
        }
        if self.endpoint.is_none() {
            self.endpoint = endpoint_of(&set)?;
        }
        if self.ratio.is_none() {
            self.ratio = ratio_of(&set)?;
        }
        if let Some(headers) = set("OTEL_EXPORTER_OTLP_HEADERS") {
            self.headers = Headers::parse(&headers).context("OTEL_EXPORTER_OTLP_HEADERS")?;
        }
        if let Some(attributes) = set("OTEL_RESOURCE_ATTRIBUTES") {
            self.resource = pairs(&attributes).context("OTEL_RESOURCE_ATTRIBUTES")?;
        }
        self.resource.extend(set("OTEL_SERVICE_NAME").map(|name| ("service.name".to_owned(), name)));
        if let Some(millis) = set("OTEL_EXPORTER_OTLP_TIMEOUT") {
            let millis = millis.trim().parse().context("OTEL_EXPORTER_OTLP_TIMEOUT is no number of milliseconds")?;
            self.timeout = Some(Duration::from_millis(millis));
        }
        if self.logs && self.endpoint.is_none() {
            bail!("log-otlp needs otlp-endpoint: it says where the log goes");
        }
        Ok(self)
    }

    /// Begins to send, where there is a place to send to.
    pub(crate) fn open(&self) -> Result<Option<Telemetry>> {
        let Some(config) = self.config() else { return Ok(None) };
        Ok(Some(Telemetry::open(config, crate::serving::report)?))
    }

    fn config(&self) -> Option<Config> {
        let endpoint = self.endpoint.clone()?;
        let headers = self.headers.clone();
        let (ratio, timeout) = (self.ratio.unwrap_or(RATIO_DEFAULT), self.timeout.unwrap_or(TIMEOUT_DEFAULT));
        Some(Config { endpoint, headers, resource: self.resource(), ratio, timeout })
    }

    /// Who sends. The instance is another one after each start.
    fn resource(&self) -> Vec<(String, String)> {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let mut all: Vec<(String, String)> = [
            ("service.name", "fleetstep".to_owned()),
            ("service.version", version.clone()),
            ("service.instance.id", format!("{:032x}", fastrand::u128(..))),
            ("telemetry.sdk.name", "fleetstep".to_owned()),
            ("telemetry.sdk.language", "rust".to_owned()),
            ("telemetry.sdk.version", version),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        for (name, value) in &self.resource {
            all.retain(|(known, _)| known != name);
            all.push((name.clone(), value.clone()));
        }
        all
    }
}

fn endpoint_of(set: &impl Fn(&str) -> Option<String>) -> Result<Option<Endpoint>> {
    let named = |name: &str| format!("OTEL_EXPORTER_OTLP_{name}");
    let (base, traces, logs) = (named("ENDPOINT"), named("TRACES_ENDPOINT"), named("LOGS_ENDPOINT"));
    // A place for traces alone is one for logs too, at the same host, unless there is another.
    let endpoint = match (set(&base), set(&traces)) {
        (Some(url), _) => Endpoint::below(&url).context(base)?,
        (None, Some(url)) => Endpoint::below(url.trim_end_matches("/v1/traces")).context(traces.clone())?,
        (None, None) => return Ok(None),
    };
    if set("OTEL_EXPORTER_OTLP_PROTOCOL").is_some_and(|protocol| protocol.trim() == "grpc") {
        bail!("OTEL_EXPORTER_OTLP_PROTOCOL is grpc, but http/protobuf is what is spoken here: mostly at port 4318");
    }
    let endpoint = match set(&traces) {
        Some(url) => endpoint.with_traces(&url).context(traces)?,
        None => endpoint,
    };
    Ok(Some(match set(&logs) {
        Some(url) => endpoint.with_logs(&url).context(logs)?,
        None => endpoint,
    }))
}

/// The share that OpenTelemetry's samplers would keep.
fn ratio_of(set: &impl Fn(&str) -> Option<String>) -> Result<Option<f64>> {
    let Some(sampler) = set("OTEL_TRACES_SAMPLER") else { return Ok(None) };
    match sampler.trim() {
        "always_on" | "parentbased_always_on" => Ok(Some(1.0)),
        "always_off" | "parentbased_always_off" => Ok(Some(0.0)),
        "traceidratio" | "parentbased_traceidratio" => {
            let share = set("OTEL_TRACES_SAMPLER_ARG").map(|share| ratio(&share)).transpose();
            Ok(Some(share.context("OTEL_TRACES_SAMPLER_ARG")?.unwrap_or(1.0)))
        }
        other => bail!("OTEL_TRACES_SAMPLER is {other}, which is not known here: say --trace-sample"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn resolved(flags: TelemetryFlags, file: &str, environment: &[(&str, &str)]) -> Result<TelemetrySettings> {
        let environment: HashMap<&str, &str> = environment.iter().copied().collect();
        let variable = |name: &str| environment.get(name).map(|value| (*value).to_owned());
        TelemetrySettings::resolve(flags, &toml::from_str(file).unwrap())?.with_environment(variable)
    }

    fn flag(url: &str) -> TelemetryFlags {
        TelemetryFlags { otlp_endpoint: Some(url.to_owned()), ..TelemetryFlags::default() }
    }

    #[test]
    fn nothing_is_sent_unless_someone_says_where() {
        assert!(resolved(TelemetryFlags::default(), "", &[]).unwrap().open().unwrap().is_none());
        let settings = resolved(flag("http://a:1"), "", &[("OTEL_SDK_DISABLED", "true")]).unwrap();
        assert!(settings.config().is_none());
    }

    #[test]
    fn a_flag_comes_before_the_file_and_the_file_before_the_environment() {
        let below = |url| Some(Endpoint::below(url).unwrap());
        let environment = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:3"), ("OTEL_TRACES_SAMPLER", "always_on")];
        let file = "otlp_endpoint = \"http://b:2\"\ntrace_sample = 0.5";
        let settings = resolved(flag("http://a:1"), file, &environment).unwrap();
        assert_eq!((settings.endpoint, settings.ratio), (below("http://a:1"), Some(0.5)));
        let settings = resolved(TelemetryFlags::default(), file, &environment).unwrap();
        assert_eq!((settings.endpoint, settings.ratio), (below("http://b:2"), Some(0.5)));
        let settings = resolved(TelemetryFlags::default(), "", &environment).unwrap();
        assert_eq!((settings.endpoint, settings.ratio), (below("http://c:3"), Some(1.0)));
        let signals = [
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://d:4/v1/traces"),
            ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
        ];
        let settings = resolved(TelemetryFlags::default(), "", &signals).unwrap();
        assert_eq!((settings.endpoint, settings.ratio), (below("http://d:4"), Some(0.25)));
    }

    #[test]
    fn the_resource_is_what_the_environment_says_of_it() {
        let environment = [
            ("OTEL_SERVICE_NAME", "orders"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,deployment.environment.name=prod"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20secret"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "1500"),
        ];
        let settings = resolved(flag("http://a:1"), "", &environment).unwrap();
        assert!(!format!("{settings:?}").contains("secret"), "{settings:?}");
        let config = settings.config().unwrap();
        let named = |name| config.resource.iter().filter(|(known, _)| known == name).collect::<Vec<_>>();
        assert_eq!(named("service.name"), [&("service.name".to_owned(), "orders".to_owned())]);
        assert_eq!(named("deployment.environment.name").len(), 1);
        assert_eq!((config.timeout, config.ratio), (Duration::from_millis(1_500), RATIO_DEFAULT));
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let said = |flags, file: &str, environment: &[(&str, &str)]| {
            format!("{:#}", resolved(flags, file, environment).expect_err("refused"))
        };
        let none = TelemetryFlags::default;
        assert!(said(flag("a:1"), "", &[]).contains("otlp-endpoint: `a:1` is no URL"));
        assert!(said(none(), "trace_sample = 2.0", &[]).contains("trace-sample is 2"));
        assert!(said(none(), "log_otlp = true", &[]).contains("needs otlp-endpoint"));
        let grpc = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a:4317"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")];
        assert!(said(none(), "", &grpc).contains("http/protobuf"));
        for (name, value) in [
            ("OTEL_EXPORTER_OTLP_HEADERS", "x"),
            ("OTEL_RESOURCE_ATTRIBUTES", "x"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "x"),
            ("OTEL_TRACES_SAMPLER", "x"),
        ] {
            assert!(said(none(), "", &[(name, value)]).contains(name), "{name}");
        }
    }
}
