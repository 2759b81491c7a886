//! Lambda's protocol on the wire: what SDKs do not show, and what they never send.

use crate::harness::{Answer, Client, Server};
use serde_json::{Value, json};
use std::io::{Cursor, Write as _};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const FUNCTIONS: &str = "/2015-03-31/functions";
const OK_COMMAND: &[u8] = include_bytes!("../data/ok.wasm");

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = (0..3).fold(0_usize, |word, at| word << 8 | usize::from(chunk.get(at).copied().unwrap_or(0)));
        for at in 0..4 {
            let digit = char::from(DIGITS[word >> (18 - 6 * at) & 63]);
            text.push(if at <= chunk.len() { digit } else { '=' });
        }
    }
    text
}

fn zipped(name: &str, contents: &[u8]) -> String {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(name, SimpleFileOptions::default()).unwrap();
    zip.write_all(contents).unwrap();
    base64(&zip.finish().unwrap().into_inner())
}

fn creation(name: &str, zip_file: &str) -> Value {
    json!({
        "FunctionName": name, "Role": "arn:aws:iam::000000000000:role/r", "Handler": "h", "Runtime": "provided",
        "Code": {"ZipFile": zip_file},
    })
}

async fn ask(server: &Server, method: &str, path: &str, body: &Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    server.http(method, path, &["Content-Type: application/json"], body.as_bytes()).await
}

async fn created(server: &Server, name: &str) {
    let answer = ask(server, "POST", FUNCTIONS, &creation(name, &zipped("ok.wasm", OK_COMMAND))).await;
    assert_eq!(answer.status, 201, "{answer:?}");
}

fn error(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.header("x-amzn-errortype").unwrap_or_default())
}

#[tokio::test]
async fn a_function_lives_as_tools_see_it() {
    let server = Server::start().await;
    let answer = ask(&server, "POST", FUNCTIONS, &creation("f", &zipped("a/ok.wasm", OK_COMMAND))).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("x-amzn-requestid").map(str::len), Some(36));
    let made = answer.json();
    for (member, value) in [
        ("FunctionArn", json!("arn:aws:lambda:us-east-1:000000000000:function:f")),
        ("Version", json!("$LATEST")),
        ("State", json!("Active")),
        ("LastUpdateStatus", json!("Successful")),
        ("PackageType", json!("Zip")),
        ("Timeout", json!(3)),
        ("MemorySize", json!(128)),
        ("Architectures", json!(["x86_64"])),
        ("EphemeralStorage", json!({"Size": 512})),
        ("TracingConfig", json!({"Mode": "PassThrough"})),
        ("LoggingConfig", json!({"LogFormat": "Text", "LogGroup": "/aws/lambda/f"})),
    ] {
        assert_eq!(made[member], value, "{member}");
    }
    let modified = made["LastModified"].as_str().unwrap();
    assert!(modified.len() == 28 && modified.ends_with("+0000"), "{modified}");
    assert!(made.get("Environment").is_none() && made.get("Layers").is_none(), "{made}");

    // Functions of the plain interface are the same functions.
    let plain = server.http("GET", "/v1/functions/f", &[], b"").await.json();
    assert_eq!((plain["kind"].as_str(), plain["timeout_seconds"].as_u64()), (Some("command"), Some(3)));
    let answer = server.http("POST", &format!("{FUNCTIONS}/f/invocations"), &[], b"{}").await;
    assert_eq!((answer.status, answer.header("x-amz-executed-version")), (200, Some("$LATEST")), "{answer:?}");
    assert_eq!(answer.header("x-amz-function-error"), None);
    let answer = ask(&server, "DELETE", &format!("{FUNCTIONS}/f"), &Value::Null).await;
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    let answer = ask(&server, "GET", &format!("{FUNCTIONS}/f"), &Value::Null).await;
    assert_eq!(error(&answer), (404, "ResourceNotFoundException"));
    assert_eq!(
        answer.json(),
        json!({"Type": "User", "Message": "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f"})
    );
}

#[tokio::test]
async fn the_module_itself_is_taken_without_an_archive() {
    let server = Server::start().await;
    let answer = ask(&server, "POST", FUNCTIONS, &creation("f", &base64(OK_COMMAND))).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.json()["CodeSize"], OK_COMMAND.len());
}

#[tokio::test]
async fn what_no_sdk_sends_is_refused() {
    let server = Server::start().await;
    created(&server, "f").await;
    let invocations = format!("{FUNCTIONS}/f/invocations");
    for (method, path, headers, body, status, name) in [
        ("POST", FUNCTIONS, &[][..], "no json", 400, "InvalidRequestContentException"),
        ("POST", FUNCTIONS, &[], "[]", 400, "SerializationException"),
        ("POST", FUNCTIONS, &[], "{}", 400, "ValidationException"),
        ("PATCH", FUNCTIONS, &[], "{}", 404, "UnknownOperationException"),
        ("GET", "/2015-03-31/unheard-of", &[], "", 404, "UnknownOperationException"),
        ("GET", "/2018-10-31/layers", &[], "", 400, "InvalidParameterValueException"),
        ("GET", "/2015-03-31/functions?MaxItems=0", &[], "", 400, "ValidationException"),
        ("GET", "/2015-03-31/functions/a%20b", &[], "", 400, "ValidationException"),
        ("GET", "/2015-03-31/functions/%ff", &[], "", 404, "UnknownOperationException"),
        ("GET", "/2017-03-31/tags/f", &[], "", 400, "InvalidParameterValueException"),
        ("DELETE", "/2015-03-31/functions/f?Qualifier=live", &[], "", 400, "InvalidParameterValueException"),
        ("DELETE", "/2015-03-31/functions/f?Qualifier=$LATEST", &[], "", 400, "InvalidParameterValueException"),
        ("PUT", "/2015-03-31/functions/f:1/code", &[], r#"{"ZipFile":"AA=="}"#, 400, "InvalidParameterValueException"),
        ("PUT", "/2015-03-31/functions/f/code", &[], r#"{"ZipFile":"!"}"#, 400, "InvalidParameterValueException"),
        ("PUT", "/2015-03-31/functions/f/aliases/7", &[], "{}", 400, "ValidationException"),
        ("POST", &invocations, &["X-Amz-Invocation-Type: Later"], "{}", 400, "ValidationException"),
        ("POST", &invocations, &["X-Amz-Log-Type: All"], "{}", 400, "ValidationException"),
        ("POST", &invocations, &["X-Amz-Client-Context: e30="], "{}", 400, "InvalidParameterValueException"),
    ] {
        let answer = server.http(method, path, headers, body.as_bytes()).await;
        assert_eq!(error(&answer), (status, name), "{method} {path} {headers:?} {body}: {answer:?}");
    }
}

/// A browser sends such a request for any page, without asking first.
#[tokio::test]
async fn a_page_of_another_site_starts_nothing() {
    let server = Server::start().await;
    created(&server, "f").await;
    let path = format!("{FUNCTIONS}/f/invocations");
    let from_page = ["Origin: https://elsewhere.example", "Content-Type: text/plain"];
    let answer = server.http("POST", &path, &from_page, b"{}").await;
    assert_eq!(error(&answer), (415, "UnsupportedMediaTypeException"));
    let asked_first = ["Origin: https://elsewhere.example", "Content-Type: application/json"];
    assert_eq!(server.http("POST", &path, &asked_first, b"{}").await.status, 200);
}

/// A body that is too large by what it says is not waited for.
#[tokio::test]
async fn what_is_too_large_is_refused_before_it_comes() {
    let server = Server::start().await;
    for (path, length, name) in [
        (format!("{FUNCTIONS}/f/invocations"), 6_291_457, "RequestTooLargeException"),
        (FUNCTIONS.to_owned(), 70_167_212, "RequestEntityTooLargeException"),
        (format!("{FUNCTIONS}/f/versions"), 2 << 20, "RequestEntityTooLargeException"),
    ] {
        let mut client: Client = server.connect().await;
        client.send(format!("POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n").as_bytes()).await;
        let answer = client.receive().await.expect("an answer");
        assert_eq!(error(&answer), (413, name), "{path}");
        assert_eq!(answer.header("connection"), Some("close"));
    }
}
