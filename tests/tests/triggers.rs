//! Routes and schedules as an operator has them: in a manifest, over a restart, with real time.

use fleetstep_tests::http;
use fleetstep_tests::program::Serving;
use serde_json::{Value, json};
use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

const PASS: &str = r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#;
const MANIFEST: &str = r#"
[[routes]]
name = "order"
method = "POST"
path = "/orders/{id}"
workflow = "pass"
[routes.input]
id = "{% $request.parameters.id %}"
lines = "{% $count($request.body.lines) %}"
[routes.output]
status = 201
headers = { location = "{% '/orders/' & $output.id %}" }
body = "{% $output %}"

[[routes]]
name = "hook"
method = "POST"
path = "/hooks/github"
workflow = "pass"
mode = "async"
verify = { scheme = "github", secrets = ["It's a Secret to Everybody"] }

[[schedules]]
name = "report"
schedule = "cron(0 2 * * ? *)"
timezone = "Europe/Berlin"
workflow = "pass"
missed = "run-once"
input = { slot = "{% $schedule.time %}" }
"#;
/// How often something is looked at again before it counts as missing, and how long that takes between two looks.
const LOOKS_MAX: usize = 500;
const LOOK_PAUSE: Duration = Duration::from_millis(20);

/// A request with more headers: status, head, body.
fn ask(server: &Serving, method: &str, path: &str, headers: &str, body: &str) -> (u16, String, Value) {
    let mut stream = TcpStream::connect(server.address).expect("a connection");
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
    )
    .expect("sent");
    let mut text = String::new();
    std::io::Read::read_to_string(&mut stream, &mut text).expect("an answer");
    let (head, body) = text.split_once("\r\n\r\n").expect("HTTP");
    let status = head.split(' ').nth(1).expect("a status").parse().expect("a number");
    (status, head.to_owned(), serde_json::from_str(body).unwrap_or_default())
}

fn get(server: &Serving, path: &str) -> Value {
    let (status, answer) = http::request(server.address, "GET", path, http::JSON, b"").expect("an answer");
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

fn directory(folder: &Path, manifest: &str) -> String {
    std::fs::write(folder.join("pass.asl.json"), PASS).expect("a file");
    std::fs::write(folder.join("fleetstep.toml"), manifest).expect("a file");
    folder.to_str().expect("UTF-8").to_owned()
}

fn stop(server: Serving) {
    server.terminate().expect("SIGTERM");
    let (status, said) = server.wait().expect("its end");
    assert!(status.success(), "{status}: {said}");
}

#[test]
fn a_manifest_has_routes_and_schedules_and_they_outlive_it() {
    let temporary = tempfile::tempdir().expect("a folder");
    let deployed = directory(temporary.path(), MANIFEST);
    let data = temporary.path().join("data");
    let data = data.to_str().expect("UTF-8");
    let server = Serving::start([deployed.as_str(), "--data-dir", data]).expect("a server");
    for part in [
        "route order: created, POST /orders/{id} starts pass",
        "schedule report: created, cron(0 2 * * ? *) starts pass",
    ] {
        assert!(server.announced.contains(part), "{part}\nis not in\n{}", server.announced);
    }
    let json_type = "content-type: application/json\r\n";
    let (status, head, body) = ask(&server, "POST", "/orders/A-7", json_type, r#"{"lines":[1,2,3]}"#);
    assert_eq!((status, body), (201, json!({"id": "A-7", "lines": 3})), "{head}");
    assert!(head.contains("location: /orders/A-7"), "{head}");
    let signature = "content-type: text/plain\r\nx-hub-signature-256: \
                     sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17\r\n";
    assert_eq!(ask(&server, "POST", "/hooks/github", signature, "Hello, World!").0, 202);
    assert_eq!(ask(&server, "POST", "/hooks/github", signature, "Hello, World!").2, json!({"duplicate": true}));
    assert_eq!(ask(&server, "POST", "/hooks/github", json_type, "{}").0, 401);
    let report = get(&server, "/v1/schedules/report");
    stop(server);

    let server = Serving::start(["--data-dir", data]).expect("a server");
    assert_eq!(get(&server, "/v1/schedules/report"), report, "it goes on");
    assert_eq!(ask(&server, "POST", "/orders/B", json_type, r#"{"lines":[]}"#).0, 201);
    assert_eq!(get(&server, "/v1/routes")["routes"].as_array().map(Vec::len), Some(2));
    let (_, shown) = http::request(server.address, "GET", "/v1/routes/hook", http::JSON, b"").expect("an answer");
    assert_eq!(shown["verify"]["secrets"], json!(["***"]));
    stop(server);

    // The manifest gives the path to a route of another name.
    let renamed = directory(temporary.path(), &MANIFEST.replace("\"order\"", "\"orders-v2\""));
    let server = Serving::start([renamed.as_str(), "--data-dir", data]).expect("a server");
    assert!(server.announced.contains("route order is deleted: orders-v2 takes its place"), "{}", server.announced);
    stop(server);
}

#[test]
fn a_manifest_with_a_route_or_a_schedule_that_cannot_be_is_refused_with_places() {
    let temporary = tempfile::tempdir().expect("a folder");
    for (more, told) in [
        (
            "[[routes]]\nname = \"r\"\nmethod = \"POST\"\npath = \"/v1/a\"\nworkflow = \"w\"\ninput = \"{% ( %}\"",
            &["route r", "/path: what begins with /v1", "/input, at "][..],
        ),
        ("[[routes]]\nname = \"r\"\nmethod = \"POST\"", &["missing field `path`"]),
        (
            "[[schedules]]\nname = \"s\"\nschedule = \"cron(0 2 * *)\"\nworkflow = \"w\"",
            &["schedule s", "/schedule, at 5: cron has six fields"],
        ),
        (
            "[[schedules]]\nname = \"report\"\nschedule = \"rate(1 hour)\"\nworkflow = \"w\"",
            &["two schedules with the name 'report'"],
        ),
        (
            "[[routes]]\nname = \"other\"\nmethod = \"POST\"\npath = \"/orders/{n}\"\nworkflow = \"w\"",
            &["route 'other' would answer what route 'order' answers"],
        ),
    ] {
        let deployed = directory(temporary.path(), &format!("{MANIFEST}\n{more}"));
        let Err(refused) = Serving::start([deployed.as_str(), "--in-memory"]) else { panic!("{more} is not refused") };
        let said = format!("{refused:#}");
        for told in told {
            assert!(said.contains(told), "{more}\n{said}\nlacks {told}");
        }
    }
}

#[test]
fn a_slot_that_came_while_the_server_was_down_runs_once_after_its_start() {
    let temporary = tempfile::tempdir().expect("a folder");
    let data = temporary.path().join("data");
    let data = data.to_str().expect("UTF-8");
    let server = Serving::start(["--data-dir", data]).expect("a server");
    let put = |path: &str, body: &str| {
        let (status, answer) =
            http::request(server.address, "PUT", path, http::JSON, body.as_bytes()).expect("an answer");
        assert_eq!(status, 201, "{path}: {answer}");
        answer
    };
    put("/v1/workflows/pass", PASS);
    // The clock is the machine's own: a time that comes while the server is down.
    let far = r#"{"schedule":"cron(0 0 1 1 ? 2199)","workflow":"pass"}"#;
    let created = put("/v1/schedules/far", far)["created"].as_str().expect("a time").to_owned();
    let soon = created.parse::<jiff::Timestamp>().expect("a time") + Duration::from_secs(3);
    let soon = soon.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    put(
        "/v1/schedules/once",
        &json!({"schedule": format!("at({soon})"), "workflow": "pass", "missed": "run-once"}).to_string(),
    );
    server.kill().expect("it is gone");
    std::thread::sleep(Duration::from_secs(4));
    let server = Serving::start(["--data-dir", data]).expect("a server");
    let run = (0..LOOKS_MAX).find_map(|_| {
        std::thread::sleep(LOOK_PAUSE);
        let last = get(&server, "/v1/schedules/once")["last"].clone();
        (!last.is_null()).then_some(last)
    });
    let run = run.expect("it ran");
    assert_eq!(run["time"], format!("{soon}Z"));
    let arn = run["executionArn"].as_str().expect("an ARN");
    let execution = get(&server, &format!("/v1/executions/{arn}"));
    assert_eq!(execution["input"], json!({"name": "once", "time": format!("{soon}Z")}));
    assert_eq!(get(&server, "/v1/schedules/once")["upcoming"], json!([]));
    stop(server);
    let server = Serving::start(["--data-dir", data]).expect("a server");
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(get(&server, "/v1/executions")["executions"], json!([]), "a slot comes once");
    stop(server);
}
