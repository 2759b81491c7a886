//! The third kind of module: what its answers mean.

use super::{ask, error, serving, told};
use serde_json::{Value, json};

#[test]
fn a_proxy_component_is_a_task() {
    let server = serving(&[("proxy", "proxy", "timeout_seconds = 2")]);
    let request = told(&server, "proxy", &json!({ "do": "request" }));
    assert_eq!((&request["method"], &request["path"]), (&json!("POST"), &json!("/")));
    let headers = &request["headers"];
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["x-fleetstep-state-name"], "invoke");
    assert_eq!(headers["x-fleetstep-retry-count"], "0");
    assert!(headers["x-fleetstep-execution-arn"].is_string(), "{headers}");

    let answer = |status: u16, body: &str| json!({ "do": "answer", "status": status, "body": body });
    for (status, body, result) in [
        (200, "{\"a\": [1, null]}", json!({ "a": [1, null] })),
        (201, " \"text\"\n", json!("text")),
        (204, "", Value::Null),
    ] {
        assert_eq!(told(&server, "proxy", &answer(status, body)), result);
    }
    for (status, body, name, cause) in [
        (404, "no such cup", "Http.StatusCode.404", "no such cup"),
        (503, "", "Http.StatusCode.503", ""),
        (302, "elsewhere", "Http.StatusCode.302", "elsewhere"),
        (422, r#"{"errorType":"OutOfStock","errorMessage":"none"}"#, "OutOfStock", "none"),
        (200, "<html>", "Runtime.MarshalError", "not valid JSON"),
        (200, "", "Runtime.MarshalError", "no body"),
    ] {
        let (_, answer) = ask(&server, "proxy", &answer(status, body));
        assert_eq!(answer["error"], name, "{answer}");
        assert!(answer["cause"].to_string().contains(cause), "{answer}");
    }
    for (act, name) in [
        ("nothing", "Runtime.ExitError"),
        ("panic", "Runtime.ExitError"),
        ("panic-afterwards", "Runtime.ExitError"),
        ("answer-error", "Runtime.ExitError"),
        ("answer-unfinished", "Runtime.MarshalError"),
        ("answer-without-end", "States.DataLimitExceeded"),
        ("hang", "Sandbox.Timedout"),
        ("spin", "Sandbox.Timedout"),
    ] {
        assert_eq!(error(&server, "proxy", &json!({ "do": act })), name, "{act}");
    }
    let large = |bytes: u32| json!({ "do": "answer-large", "bytes": bytes });
    assert_eq!(told(&server, "proxy", &large(262_144)).as_str().map(str::len), Some(262_142));
    assert_eq!(error(&server, "proxy", &large(262_145)), "States.DataLimitExceeded");
    // What went wrong before leaves nothing behind.
    assert_eq!(told(&server, "proxy", &answer(200, "1")), 1);
}
