//! Traces and logs by OTLP, from a start to a collector.

use fleetstep_engine::clock;
use fleetstep_server::settings::Settings;
use fleetstep_server::telemetry::TelemetrySettings;
use fleetstep_tests::collector::{Collector, Received, attribute, hex};
use fleetstep_tests::program::Serving;
use fleetstep_tests::{Server, http, root};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

fn settings(endpoint: &str, ratio: f64) -> Settings {
    let telemetry = TelemetrySettings::to(endpoint, ratio).expect("a URL");
    Settings { listen: SocketAddr::from(([127, 0, 0, 1], 0)), telemetry, ..Settings::default() }
}

fn orders(endpoint: &str, ratio: f64) -> Server {
    Server::start_with(&root().join("examples/orders"), settings(endpoint, ratio)).expect("the example deploys")
}

fn case(name: &str, file: &str) -> Value {
    let path = root().join("examples/orders/cases").join(name).join(file);
    serde_json::from_slice(&std::fs::read(path).expect("a file")).expect("JSON")
}

/// Starts an order with more headers: status, head and body of the answer.
fn order(server: &Server, name: &str, headers: &[(&str, &str)]) -> (u16, String, Value) {
    let input = case(name, "input.json").to_string();
    http::exchange(server.address(), "POST", "/v1/workflows/orders/run", headers, input.as_bytes()).expect("an answer")
}

/// The value of a header in a head.
fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (known, value) = line.split_once(':')?;
        known.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// The tree of spans, in the order in which they began: what identifies each, how it ended, and its lines.
fn tree(spans: &[Span]) -> String {
    fn within(spans: &[Span], parent: &[u8], depth: usize, out: &mut String) {
        for span in spans.iter().filter(|span| span.parent_span_id == parent) {
            let of = |key| attribute(&span.attributes, key);
            let mut line = format!("{}{} {}", "  ".repeat(depth), span.name, of("fleetstep.status"));
            for (label, key) in [
                ("branch", "fleetstep.parallel.branch"),
                ("item", "fleetstep.map.index"),
                ("try", "fleetstep.task.retry"),
                ("error", "error.type"),
            ] {
                if !of(key).is_empty() {
                    let _ = write!(line, " {label}={}", of(key));
                }
            }
            for event in &span.events {
                let of = |key| attribute(&event.attributes, key);
                let _ = write!(line, " [{}: {}]", of("log.severity"), of("log.message"));
            }
            let _ = writeln!(out, "{line}");
            within(spans, &span.span_id, depth + 1, out);
        }
    }
    let mut out = String::from("\n");
    let ids: HashSet<_> = spans.iter().map(|span| span.span_id.clone()).collect();
    let outer = spans.iter().find(|span| !ids.contains(&span.parent_span_id)).expect("an outermost one");
    within(spans, &outer.parent_span_id, 0, &mut out);
    out
}

const RETRIED: &str = "
orders SUCCEEDED
  Validate order SUCCEEDED
    validation SUCCEEDED try=0
  Reserve stock SUCCEEDED
    Reserve stock iteration SUCCEEDED item=0
      Reserve line SUCCEEDED
        inventory SUCCEEDED try=0
  How much is it? SUCCEEDED
  Ship for free SUCCEEDED
  Charge card SUCCEEDED
    payment FAILED try=0 error=BankUnavailable [WARN: attempt 1 at charging A-1004 failed]
    payment FAILED try=1 error=BankUnavailable [WARN: attempt 2 at charging A-1004 failed]
    payment SUCCEEDED try=2
  Write letters SUCCEEDED
    Write invoice SUCCEEDED branch=0
      invoice SUCCEEDED try=0
    Notify customer SUCCEEDED branch=1
      notification SUCCEEDED try=0
  Order accepted SUCCEEDED
";

#[test]
fn a_collector_gets_the_trace_of_an_order() {
    let collector = Collector::start().expect("a collector");
    let server = orders(&collector.endpoint(), 0.0);
    let parent = format!("00-{TRACE}-{CALLER}-01");
    let (status, head, answer) = order(&server, "retried", &[("traceparent", &parent), ("tracestate", "shop=7")]);
    assert_eq!((status, &answer), (200, &case("retried", "expected.json")["output"]));
    let received =
        collector.wait(|received| received.spans.len() >= RETRIED.trim().lines().count()).expect("the trace");
    let spans = &received.spans;
    assert_eq!(tree(spans), RETRIED);

    let outer = &spans[0];
    assert_eq!((hex(&outer.parent_span_id).as_str(), outer.trace_state.as_str()), (CALLER, "shop=7"));
    assert_eq!((outer.kind(), outer.flags), (SpanKind::Server, 0x301));
    let told = format!("00-{TRACE}-{}-01", hex(&outer.span_id));
    assert_eq!(header(&head, "traceparent"), Some(told.as_str()), "{head}");
    let of = |key| attribute(&outer.attributes, key);
    let arn = "arn:aws:states:us-east-1:000000000000";
    assert_eq!(of("aws.step_functions.state_machine.arn"), format!("{arn}:stateMachine:orders"));
    assert_eq!(Some(of("fleetstep.execution.arn").as_str()), header(&head, "fleetstep-execution-arn"));
    assert_eq!((of("cloud.region").as_str(), of("cloud.account.id").as_str()), ("us-east-1", "000000000000"));
    let resource = |key| attribute(&received.resources[0], key);
    assert_eq!((resource("service.name").as_str(), resource("telemetry.sdk.language").as_str()), ("fleetstep", "rust"));

    every_span_is_in_order(spans);
    let call = spans.iter().find(|span| span.name == "payment").expect("a call");
    let of = |key| attribute(&call.attributes, key);
    assert_eq!((of("faas.invoked_name").as_str(), of("faas.invoked_region").as_str()), ("payment", "us-east-1"));
    assert_eq!(of("fleetstep.resource"), "arn:aws:lambda:us-east-1:000000000000:function:payment");
    let failed = call.status.as_ref().expect("a status");
    assert!(failed.code == 2 && failed.message.starts_with("BankUnavailable: "), "{failed:?}");
    assert!(of("fleetstep.error.cause").contains("the bank did not answer"), "{call:?}");
}

/// One trace, no id twice, none outside of the one around it.
fn every_span_is_in_order(spans: &[Span]) {
    let ids: HashSet<_> = spans.iter().map(|span| &span.span_id).collect();
    assert_eq!(ids.len(), spans.len());
    for span in spans {
        assert_eq!(hex(&span.trace_id), TRACE);
        assert!(span.start_time_unix_nano > 0 && span.start_time_unix_nano <= span.end_time_unix_nano);
        let Some(around) = spans.iter().find(|around| around.span_id == span.parent_span_id) else { continue };
        let is_within = around.start_time_unix_nano <= span.start_time_unix_nano
            && span.end_time_unix_nano <= around.end_time_unix_nano;
        assert!(is_within, "{span:#?}\nis not within\n{around:#?}");
        assert_eq!((span.flags, span.trace_state.as_str()), (0x101, "shop=7"));
    }
}

#[test]
fn what_guests_log_comes_as_log_records_of_their_calls_spans() {
    let collector = Collector::start().expect("a collector");
    let server = orders(&collector.endpoint(), 1.0);
    let (status, head, _) = order(&server, "retried", &[]);
    assert_eq!(status, 200);
    let received = collector.wait(|received| received.records.len() >= 2).expect("the lines");
    let calls: Vec<&Span> = received.spans.iter().filter(|span| span.name == "payment").collect();
    for (at, record) in received.records.iter().enumerate() {
        let body = format!("{:?}", record.body);
        assert!(body.contains(&format!("attempt {} at charging A-1004 failed", at + 1)), "{body}");
        assert_eq!((&record.trace_id, &record.span_id), (&calls[at].trace_id, &calls[at].span_id));
        let of = |key| attribute(&record.attributes, key);
        assert_eq!((record.severity_text.as_str(), of("faas.invoked_name").as_str()), ("WARN", "payment"));
        assert_eq!(of("fleetstep.state.name"), "Charge card");
        assert_eq!(Some(of("fleetstep.execution.arn").as_str()), header(&head, "fleetstep-execution-arn"));
    }
    // Nobody called: the trace begins here, and X-Ray finds its time in it.
    assert!(received.spans[0].parent_span_id.is_empty() && received.spans[0].flags == 0x101);
    let xray = header(&head, "x-amzn-trace-id").expect("a header");
    let trace = hex(&received.spans[0].trace_id);
    assert_eq!(xray.split(';').next(), Some(format!("Root=1-{}-{}", &trace[..8], &trace[8..]).as_str()));
}

#[test]
fn a_refused_order_shows_where_it_failed() {
    let collector = Collector::start().expect("a collector");
    let server = orders(&collector.endpoint(), 1.0);
    let (status, _, _) = order(&server, "out-of-stock", &[]);
    assert_eq!(status, 200);
    drop(server);
    let spans = collector.received().spans;
    let named = |name: &str| spans.iter().filter(|span| span.name == name).collect::<Vec<_>>();
    let status = |span: &Span| attribute(&span.attributes, "fleetstep.status");
    let map = named("Reserve stock")[0];
    assert_eq!((status(map).as_str(), attribute(&map.attributes, "error.type").as_str()), ("CAUGHT", "OutOfStock"));
    assert_eq!(map.status.as_ref().map(|status| status.code), Some(0), "what is caught is no error");
    let iterations = named("Reserve stock iteration");
    assert!(iterations.iter().all(|span| span.parent_span_id == map.span_id));
    assert!(iterations.iter().any(|span| status(span) == "FAILED"), "{}", tree(&spans));
    let released: Vec<_> = spans.iter().flat_map(|span| &span.events).collect();
    assert!(attribute(&released[0].attributes, "log.message").contains("are released"), "{}", tree(&spans));
}

/// The pass of the tests' guests, which needs no module.
fn greeter(folder: &Path) {
    let definition = r#"{"StartAt":"Greet","States":{"Greet":{"Type":"Pass","End":true}}}"#;
    std::fs::write(folder.join("greet.asl.json"), definition).expect("a file");
}

fn aws(server: &Server, operation: &str, headers: &[(&str, &str)], body: &Value) -> (u16, String, Value) {
    let target = format!("AWSStepFunctions.{operation}");
    let headers = [headers, &[("x-amz-target", target.as_str())]].concat();
    let body = body.to_string();
    http::exchange(server.address(), "POST", "/", &headers, body.as_bytes()).expect("an answer")
}

/// Traces that came in, by id, and the parent of the outermost span of each.
fn traces(received: &Received) -> Vec<(String, String)> {
    let outer = received.spans.iter().filter(|span| span.name == "greet");
    outer.map(|span| (hex(&span.trace_id), hex(&span.parent_span_id))).collect()
}

#[test]
fn what_the_caller_decided_about_sampling_holds() {
    let folder = tempfile::tempdir().expect("a folder");
    greeter(folder.path());
    let collector = Collector::start().expect("a collector");
    let server = Server::start_with(folder.path(), settings(&collector.endpoint(), 0.0)).expect("a server");
    let machine = "arn:aws:states:us-east-1:000000000000:stateMachine:greet";
    let xray = |last: char, sampled| {
        format!("Root=1-5759e988-bd862e3fe1be46a99427279{last};Parent=53995c3f42cd8ad8;Sampled={sampled}")
    };
    let w3c = |last: char, flags: &str| format!("00-5759e988bd862e3fe1be46a99427279{last}-53995c3f42cd8ad8-{flags}");
    let run = |headers: &[(&str, &str)]| {
        let (status, head, _) =
            http::exchange(server.address(), "POST", "/v1/workflows/greet/run", headers, b"{}").expect("an answer");
        assert_eq!(status, 200);
        header(&head, "traceparent").map(str::to_owned)
    };
    assert_eq!(run(&[]), None, "nobody asked for a trace");
    assert!(run(&[("traceparent", &w3c('1', "01"))]).is_some_and(|told| told.ends_with("-01")));
    let unsampled = run(&[("traceparent", &w3c('2', "00"))]).expect("it goes on unsampled");
    assert!(unsampled.starts_with(&w3c('2', "00")[..35]) && unsampled.ends_with("-00"), "{unsampled}");
    assert!(run(&[("x-amzn-trace-id", &xray('3', 1))]).is_some());
    assert!(run(&[("traceparent", &w3c('4', "01")), ("x-amzn-trace-id", &xray('5', 0))]).is_some());
    assert_eq!(run(&[("traceparent", "nonsense")]), None);
    let sync = |member: Option<String>, headers: &[(&str, &str)]| {
        let body = json!({"stateMachineArn": machine, "input": "{}", "traceHeader": member});
        let (status, head, answer) = aws(&server, "StartSyncExecution", headers, &body);
        assert_eq!((status, answer["traceHeader"].as_str()), (200, member.as_deref()), "{answer}");
        header(&head, "x-amzn-trace-id").map(str::to_owned)
    };
    assert!(sync(Some(xray('6', 1)), &[]).is_some_and(|told| told.starts_with(&xray('6', 1)[..35])));
    assert!(sync(Some(xray('7', 1)), &[("traceparent", &w3c('8', "00"))]).is_some());
    let (status, head, _) =
        aws(&server, "StartExecution", &[("traceparent", &w3c('9', "01"))], &json!({"stateMachineArn": machine}));
    assert_eq!((status, header(&head, "traceparent").is_some()), (200, true));
    drop(server);
    let mut found = traces(&collector.received());
    found.sort();
    let expected = ['1', '3', '4', '6', '7', '9'].map(|last| format!("5759e988bd862e3fe1be46a99427279{last}"));
    assert_eq!(found, expected.map(|trace| (trace, "53995c3f42cd8ad8".to_owned())));
}

#[test]
fn every_line_of_a_batch_follows_from_its_request() {
    let folder = tempfile::tempdir().expect("a folder");
    greeter(folder.path());
    let collector = Collector::start().expect("a collector");
    let server = Server::start_with(folder.path(), settings(&collector.endpoint(), 0.0)).expect("a server");
    let parent = format!("00-{TRACE}-{CALLER}-01");
    let headers = [("traceparent", parent.as_str()), ("content-type", "application/x-ndjson")];
    let mut stream = http::send_with(server.address(), "POST", "/v1/workflows/greet/batch", &headers, b"{}\n{}\n{}\n");
    let mut answer = String::new();
    std::io::Read::read_to_string(stream.as_mut().expect("sent"), &mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    drop(server);
    assert_eq!(traces(&collector.received()), vec![(TRACE.to_owned(), CALLER.to_owned()); 3]);
}

#[test]
fn a_state_machine_that_asks_for_traces_has_the_first_of_a_second() {
    let folder = tempfile::tempdir().expect("a folder");
    greeter(folder.path());
    let collector = Collector::start().expect("a collector");
    let server = Server::start_with(folder.path(), settings(&collector.endpoint(), 0.0)).expect("a server");
    let machine = "arn:aws:states:us-east-1:000000000000:stateMachine:greet";
    let update = json!({"stateMachineArn": machine, "tracingConfiguration": {"enabled": true}});
    assert_eq!(aws(&server, "UpdateStateMachine", &[], &update).0, 200);
    let began = clock::instant();
    for _ in 0..20 {
        let (status, _) = server.post("/v1/workflows/greet/run", "{}").expect("an answer");
        assert_eq!(status, 200);
    }
    let seconds = began.elapsed().as_secs() as usize + 2;
    drop(server);
    let count = traces(&collector.received()).len();
    assert!((1..=seconds).contains(&count), "{count} in {seconds} s");
}

#[test]
fn the_log_of_executions_goes_to_the_collector_where_that_is_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    greeter(folder.path());
    let collector = Collector::start().expect("a collector");
    let mut settings = settings(&collector.endpoint(), 0.0);
    settings.telemetry.logs = true;
    let server = Server::start_with(folder.path(), settings).expect("a server");
    let machine = "arn:aws:states:us-east-1:000000000000:stateMachine:greet";
    let group = "arn:aws:logs:us-east-1:000000000000:log-group:greet:*";
    let logging = json!({"level": "ALL", "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}]});
    let update = json!({"stateMachineArn": machine, "loggingConfiguration": logging});
    let (status, _, answer) = aws(&server, "UpdateStateMachine", &[], &update);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(server.post("/v1/workflows/greet/run", "{}").expect("an answer").0, 200);
    drop(server);
    let received = collector.received();
    let names: Vec<_> = received.records.iter().map(|record| record.event_name.as_str()).collect();
    assert_eq!(names, ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]);
    assert!(received.spans.is_empty());
}

#[test]
fn what_a_collector_does_not_take_yet_is_sent_again() {
    let folder = tempfile::tempdir().expect("a folder");
    greeter(folder.path());
    let collector = Collector::answering([503, 429]).expect("a collector");
    let server = Server::start_with(folder.path(), settings(&collector.endpoint(), 1.0)).expect("a server");
    assert_eq!(server.post("/v1/workflows/greet/run", "{}").expect("an answer").0, 200);
    let received = collector.wait(|received| received.spans.len() >= 2).expect("the trace");
    assert_eq!((received.heads.len(), received.spans.len()), (3, 2));
    let (_, text) = metrics(&server);
    assert!(text.contains("fleetstep_otlp_requests_failed_total 2\n"), "{text}");
    assert!(text.contains("fleetstep_trace_spans_dropped_total 0\n"), "{text}");
}

#[test]
fn what_a_collector_refuses_is_dropped_and_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    greeter(folder.path());
    let collector = Collector::answering([400]).expect("a collector");
    let server = Server::start_with(folder.path(), settings(&collector.endpoint(), 1.0)).expect("a server");
    assert_eq!(server.post("/v1/workflows/greet/run", "{}").expect("an answer").0, 200);
    collector.wait(|received| received.heads.len() == 1).expect("a request");
    let until = clock::instant() + Duration::from_secs(30);
    while !metrics(&server).1.contains("fleetstep_trace_spans_dropped_total 2\n") {
        assert!(clock::instant() < until, "{}", metrics(&server).1);
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(collector.received().spans.is_empty());
}

/// The other end is a server of ours that speaks TLS: it has no such route, and says so.
#[test]
fn a_collector_behind_tls_is_reached_by_those_who_trust_it() {
    let folder = tempfile::tempdir().expect("a folder");
    greeter(folder.path());
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let (certificate, key) = (folder.path().join("certificate.pem"), folder.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).expect("a file");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("a file");
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("its mode");
    let mut other = Settings { listen: SocketAddr::from(([127, 0, 0, 1], 0)), ..Settings::default() };
    other.exposure.tls = Some((certificate.clone(), key));
    let other = Server::start_with(folder.path(), other).expect("a server with TLS");
    let endpoint = format!("https://localhost:{}", other.address().port());
    let directory = folder.path().to_str().expect("UTF-8");
    let arguments = [directory, "--in-memory", "--otlp-endpoint", &endpoint, "--trace-sample", "1"];
    let trusted = certificate.to_str().expect("UTF-8");
    for (environment, expected) in [(&[("SSL_CERT_FILE", trusted)][..], "404"), (&[][..], "certificate")] {
        let server = Serving::start_in(environment, arguments).expect("a server");
        let run = http::request(server.address, "POST", "/v1/workflows/greet/run", http::JSON, b"{}");
        assert_eq!(run.expect("an answer").0, 200);
        server.terminate().expect("SIGTERM");
        let (status, said) = server.wait().expect("its end");
        assert!(status.success() && said.contains(expected), "{status}: {said}");
    }
}

fn metrics(server: &Server) -> (String, String) {
    http::page(server.address(), "/metrics").expect("an answer")
}

/// Neither one that is not there nor one that never answers holds a start up, or the end of the server for long.
#[test]
fn a_dead_collector_loses_nothing_but_spans() {
    let gone = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    for address in [gone, silent.local_addr().expect("an address")] {
        let server = orders(&format!("http://{address}"), 1.0);
        for name in ["accepted", "small", "large", "out-of-stock", "invalid"] {
            let expected = case(name, "expected.json");
            let (status, head, answer) = order(&server, name, &[]);
            assert_eq!((status, &answer), (200, &expected["output"]), "{name}");
            assert!(header(&head, "traceparent").is_some(), "{head}");
        }
        let waiting = metrics(&server).1;
        assert!(!waiting.contains("fleetstep_otlp_waiting_bytes 0\n"), "{waiting}");
        let began = clock::instant();
        drop(server);
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    }
}

#[test]
fn the_server_says_what_it_does_in_json_where_that_is_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    greeter(folder.path());
    let directory = folder.path().to_str().expect("UTF-8");
    let server = Serving::start([directory, "--in-memory", "--log-format", "json"]).expect("a server");
    let announced = server.announced.clone();
    server.terminate().expect("SIGTERM");
    let (status, said) = server.wait().expect("its end");
    assert!(status.success(), "{status}: {said}");
    let lines: Vec<Value> = [announced, said]
        .iter()
        .flat_map(|text| text.lines())
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let said =
        |part: &str| lines.iter().any(|line| line["message"].as_str().is_some_and(|message| message.contains(part)));
    assert!(said("listens on http://127.0.0.1:") && said("stopping: "), "{lines:?}");
    assert!(lines.iter().all(|line| line["level"] == "INFO" && line["timestamp"].is_string()), "{lines:?}");
}
