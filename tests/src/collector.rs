//! A small OpenTelemetry collector: takes what is sent by OTLP over HTTP on loopback, and shows it.

use anyhow::{Context as _, Result, bail};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long somebody waits for what was sent, on a machine that is busy with something else.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often they look.
const LOOK: Duration = Duration::from_millis(20);

/// A collector on a loopback port of its own.
pub struct Collector {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    received: Mutex<Received>,
    /// Statuses of the next answers; 200 when there is none.
    statuses: Mutex<VecDeque<u16>>,
    is_over: AtomicBool,
}

/// What came in.
#[derive(Clone, Debug, Default)]
pub struct Received {
    /// In the order in which they came.
    pub spans: Vec<Span>,
    /// The same.
    pub records: Vec<LogRecord>,
    /// Attributes of the resources that sent it, one list for each request that was taken.
    pub resources: Vec<Vec<KeyValue>>,
    /// Heads of all requests, those that were refused too.
    pub heads: Vec<String>,
}

impl Collector {
    /// One that takes everything.
    ///
    /// # Errors
    /// No port.
    pub fn start() -> Result<Self> {
        Self::answering([])
    }

    /// One that answers the first requests with these statuses, and takes everything after that.
    ///
    /// # Errors
    /// No port.
    pub fn answering(statuses: impl IntoIterator<Item = u16>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { statuses: Mutex::new(statuses.into_iter().collect()), ..Shared::default() });
        let of_thread = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if of_thread.is_over.load(Ordering::Acquire) {
                    return;
                }
                let shared = Arc::clone(&of_thread);
                // A connection that breaks is its client's affair.
                std::thread::spawn(move || shared.serve(stream));
            }
        });
        Ok(Self { address, shared })
    }

    /// Its base URL.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What came in so far.
    #[must_use]
    pub fn received(&self) -> Received {
        self.shared.received().clone()
    }

    /// What came in, once it is what somebody waits for.
    ///
    /// # Errors
    /// It never is.
    pub fn wait(&self, is_there: impl Fn(&Received) -> bool) -> Result<Received> {
        for _ in 0..PATIENCE.as_millis() / LOOK.as_millis() {
            let received = self.received();
            if is_there(&received) {
                return Ok(received);
            }
            std::thread::sleep(LOOK);
        }
        bail!("it never came: {:#?}", self.received())
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Release);
        // Wakes whoever waits for the next connection.
        let _gone = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn received(&self) -> MutexGuard<'_, Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, stream: TcpStream) -> Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut writer = stream;
        loop {
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                if reader.read_line(&mut head)? == 0 {
                    return Ok(());
                }
            }
            let head = head.to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:")).context("a length")?;
            let mut body = vec![0; length.trim().parse()?];
            reader.read_exact(&mut body)?;
            let status = self.statuses.lock().unwrap_or_else(PoisonError::into_inner).pop_front().unwrap_or(200);
            self.take(head, &body, status)?;
            write!(writer, "HTTP/1.1 {status} Status\r\ncontent-length: 0\r\n\r\n")?;
        }
    }

    fn take(&self, head: String, body: &[u8], status: u16) -> Result<()> {
        let mut received = self.received();
        let is_protobuf = head.contains("content-type: application/x-protobuf\r\n");
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        received.heads.push(head);
        if status != 200 || !is_protobuf {
            return Ok(());
        }
        match path.as_str() {
            "/v1/traces" => {
                for of_resource in ExportTraceServiceRequest::decode(body)?.resource_spans {
                    received.resources.extend(of_resource.resource.map(|resource| resource.attributes));
                    received.spans.extend(of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
                }
            }
            "/v1/logs" => {
                for of_resource in ExportLogsServiceRequest::decode(body)?.resource_logs {
                    received.records.extend(of_resource.scope_logs.into_iter().flat_map(|scope| scope.log_records));
                }
            }
            other => bail!("nothing is at {other}"),
        }
        Ok(())
    }
}

/// The value of an attribute, as text; empty where there is none.
#[must_use]
pub fn attribute(attributes: &[KeyValue], key: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    match found.and_then(|attribute| attribute.value.as_ref()?.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// An id as headers have it.
#[must_use]
pub fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}
