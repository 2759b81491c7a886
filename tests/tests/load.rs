//! `fleetstep bench` against a real server, at a low rate: what it tells is what happened.

use fleetstep_tests::program::{Serving, folder};
use fleetstep_tests::succeed;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

const DEFINITIONS: &[(&str, &str)] = &[
    ("pass", r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#),
    ("wait", r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":1,"End":true}}}"#),
    ("fail", r#"{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"Asked","Cause":"as asked"}}}"#),
];

fn served() -> (tempfile::TempDir, Serving) {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, definition) in DEFINITIONS {
        std::fs::write(folder.path().join(format!("{name}.asl.json")), definition).expect("a definition");
    }
    let serving = Serving::start([folder.path().to_str().expect("UTF-8"), "--in-memory"]).expect("a server");
    (folder, serving)
}

/// Runs `fleetstep bench` with these words and gives what it wrote as JSON, and as a page.
fn bench(folder: &Path, arguments: &str) -> (Value, String) {
    let (json, html) = (folder.join("load.json"), folder.join("load.html"));
    let mut command = Command::new(self::folder().expect("the program").join("fleetstep"));
    command.args(["bench", "--warm-up", "0s", "--duration", "1s"]).args(arguments.split(' '));
    succeed(command.arg("--json").arg(&json).arg("--html").arg(&html)).expect("a load");
    let json = std::fs::read_to_string(json).expect("figures");
    (serde_json::from_str(&json).expect("JSON"), std::fs::read_to_string(html).expect("a page"))
}

#[test]
fn every_request_of_an_open_loop_is_sent_and_counted() {
    let (folder, serving) = served();
    let endpoint = format!("--endpoint http://{}", serving.address);
    for protocol in ["aws", "http"] {
        let load =
            format!("{endpoint} --protocol {protocol} --workflow pass --workflow fail --rate 200 --input [${{seq}}]");
        let (report, page) = bench(folder.path(), &load);
        let stage = &report["stages"][0];
        let of = |name: &str| stage["counts"][name].as_u64().expect("a count");
        assert_eq!(of("succeeded") + of("failed"), 200, "{protocol}: {stage}");
        assert!(of("succeeded") > 50 && of("failed") > 50, "{protocol}: {stage}");
        assert_eq!(stage["workflows"][1]["counts"]["failed"], of("failed"));
        assert!(stage["latency_ms"]["p99"].as_f64() >= stage["latency_ms"]["p50"].as_f64());
        assert_eq!(stage["words"][0]["kind"], "FAILED");
        assert!(page.contains("aria-label=\"Latency\""), "{protocol}");
        let beside_it = cfg!(target_os = "linux");
        assert_eq!(stage["server"]["cpu_us_per_answer"].is_number(), beside_it, "{stage}");
    }
}

#[test]
fn asynchronous_starts_are_followed_to_their_end() {
    let (folder, serving) = served();
    let load = format!("--endpoint http://{} --workflow wait --async --rate 50 --patience 30s", serving.address);
    let (report, _) = bench(folder.path(), &load);
    let stage = &report["stages"][0];
    assert_eq!(stage["counts"]["accepted"], 50, "{stage}");
    let seen = &stage["completions"];
    assert_eq!((&seen["ended"]["SUCCEEDED"], &seen["unfinished"]), (&50.into(), &0.into()), "{stage}");
    assert!(seen["latency_ms"]["p50"].as_f64().is_some_and(|ms| ms >= 999.0), "{stage}");
}

#[test]
fn a_closed_loop_in_a_pipeline_and_one_in_process_lose_nothing() {
    let (folder, serving) = served();
    let over_http = format!("--endpoint http://{} --workflow pass --connections 4 --pipeline 4", serving.address);
    let definition = folder.path().join("pass.asl.json");
    let in_process = format!("--in-process {} --workflow pass --connections 4", definition.display());
    for load in [over_http, in_process] {
        let (report, _) = bench(folder.path(), &load);
        let counts = &report["stages"][0]["counts"];
        assert!(counts["succeeded"].as_u64().is_some_and(|count| count > 0), "{load}: {counts}");
        let lost = ["failed", "timed_out", "aborted", "broken", "unanswered", "unsent"];
        assert!(
            lost.iter().all(|kind| counts[*kind] == 0) && counts["refused"] == serde_json::json!({}),
            "{load}: {counts}"
        );
    }
}
