//! HTTP as it comes over the wire: pieces, sizes, patience.

use crate::harness::{Server, service};
use fleetstep_api::{Limits, Options};
use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use serde_json::json;
use std::time::Duration;

const PASS: &str = r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#;

fn limited(change: impl FnOnce(&mut Limits)) -> impl Future<Output = Server> {
    let mut limits = Limits::default();
    change(&mut limits);
    Server::with(limits, fleetstep_engine::Limits::default())
}

async fn pass(server: &Server) -> String {
    server.create("p", &serde_json::from_str(PASS).unwrap()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_carry_the_headers_of_the_protocol() {
    let server = Server::start().await;
    let arn = pass(&server).await;
    for (operation, request) in [("StartSyncExecution", json!({"stateMachineArn": arn})), ("StopExecution", json!({}))]
    {
        let answer = server.aws(operation, &request).await;
        assert_eq!(answer.header("content-type"), Some("application/x-amz-json-1.0"));
        assert_eq!(answer.header("x-amzn-requestid").map(str::len), Some(36));
        assert!(answer.header("date").is_some());
    }
    let signed = "Authorization: AWS4-HMAC-SHA256 Credential=test/20261122/us-east-1/states/aws4_request, Signature=0";
    let target = "X-Amz-Target: AWSStepFunctions.ListStateMachines";
    assert_eq!(server.http("POST", "/", &[signed, target], b"{}").await.status, 200);
    let refused = server.http("GET", "/v1/workflows/p/run", &[], b"").await;
    assert_eq!((refused.status, refused.header("allow")), (405, Some("POST")));
}

/// It is moved several times for each request, so that what only seldom is needed stands in a box of its own.
#[tokio::test]
async fn what_answers_a_request_is_small() {
    let service = service(Options::default()).await;
    let bytes = size_of_val(&service.answer(Request::new(Full::<Bytes>::default())));
    assert!(bytes <= 1_536, "{bytes}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_may_come_in_pieces() {
    let server = Server::start().await;
    let arn = pass(&server).await;
    let body = json!({"stateMachineArn": arn, "input": "{\"a\":\"ä\"}"}).to_string();
    let mut client = server.connect().await;
    client
        .send(b"POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: AWSStepFunctions.StartSyncExecution\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await;
    for piece in body.as_bytes().chunks(7) {
        client.send(format!("{:x}\r\n", piece.len()).as_bytes()).await;
        client.send(piece).await;
        client.send(b"\r\n").await;
    }
    client.send(b"0\r\n\r\n").await;
    let answer = client.receive().await.unwrap();
    assert_eq!((answer.status, &answer.json()["output"]), (200, &json!("{\"a\":\"ä\"}")), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_requests_in_one_packet_get_two_answers_in_order() {
    let server = Server::start().await;
    let arn = pass(&server).await;
    let mut packet = String::new();
    for name in ["first", "second"] {
        let body = json!({"stateMachineArn": arn, "name": name}).to_string();
        packet += &format!(
            "POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: AWSStepFunctions.StartSyncExecution\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
    }
    let mut client = server.connect().await;
    client.send(packet.as_bytes()).await;
    for name in ["first", "second"] {
        assert_eq!(client.receive().await.unwrap().json()["name"], name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_does_not_wait_for_the_rest_of_the_next_request() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.send(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\nGET /readyz HT").await;
    assert_eq!(client.receive().await.unwrap().status, 200);
    client.send(b"TP/1.1\r\nHost: h\r\n\r\n").await;
    assert_eq!(client.receive().await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_2_by_its_preface() {
    let server = Server::start().await;
    let stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let executor = hyper_util::rt::TokioExecutor::new();
    let io = hyper_util::rt::TokioIo::new(stream);
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    let driver = tokio::spawn(connection);
    for _ in 0..3 {
        let request =
            hyper::Request::get("http://h/healthz").body(http_body_util::Empty::<bytes::Bytes>::new()).unwrap();
        assert_eq!(sender.send_request(request).await.unwrap().status(), 200);
    }
    driver.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_large_is_refused() {
    let server = limited(|limits| {
        limits.aws_body_bytes_max = 1_000;
        limits.json_body_bytes_max = 1_000;
        limits.module_bytes_max = 1_000;
    })
    .await;
    let large = vec![b' '; 1_001];
    let answer = server.connect().await.aws("ListStateMachines", &large).await;
    assert_eq!((answer.status, &answer.json()["__type"]), (413, &json!("RequestEntityTooLarge")), "{answer:?}");
    assert_eq!(answer.header("connection"), Some("close"));
    for (path, kind) in [("/v1/workflows/a", "application/yaml"), ("/v1/functions/f", "application/wasm")] {
        let answer = server.http("PUT", path, &[&format!("Content-Type: {kind}")], &large).await;
        assert_eq!(answer.status, 413, "{path}: {answer:?}");
    }
    // In chunks, nothing says beforehand how large it gets.
    let mut client = server.connect().await;
    client
        .send(b"PUT /v1/workflows/a HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await;
    for _ in 0..3 {
        client.send(b"190\r\n").await;
        client.send(&[b' '; 400]).await;
        client.send(b"\r\n").await;
    }
    assert_eq!(client.receive().await.unwrap().status, 413);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_arrive_slowly_share_a_budget() {
    let server = limited(|limits| limits.arriving_bytes_max = 1 << 20).await;
    let head = |length: usize| format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n ");
    let mut slow = server.connect().await;
    slow.send(head(800_000).as_bytes()).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let mut second = server.connect().await;
    second.send(head(800_000).as_bytes()).await;
    let refused = second.receive().await.unwrap();
    assert_eq!((refused.status, &refused.json()["__type"]), (400, &json!("ThrottlingException")), "{refused:?}");
    assert_eq!(server.aws("ListStateMachines", &json!({})).await.status, 200, "a small one needs no budget");
    drop(slow);
    let large = format!("{{\"pad\": \"{}\"}}", "x".repeat(800_000));
    let mut freed = false;
    for _ in 0..50 {
        freed = freed || server.connect().await.aws("ListStateMachines", large.as_bytes()).await.status == 200;
        tokio::time::sleep(Duration::from_millis(if freed { 0 } else { 50 })).await;
    }
    assert!(freed, "what an ended connection had is free again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_another_site_starts_nothing() {
    let server = Server::start().await;
    pass(&server).await;
    let origin = "Origin: https://elsewhere.example";
    assert_eq!(server.http("POST", "/v1/workflows/p/run", &[origin], b"").await.status, 415);
    assert_eq!(
        server.http("POST", "/v1/workflows/p/run", &[origin, "Content-Type: text/plain"], b"{}").await.status,
        415
    );
    assert_eq!(server.http("POST", "/v1/workflows/p/run", &[], b"").await.status, 200);
    let asked =
        server.http("OPTIONS", "/v1/workflows/p/run", &[origin, "Access-Control-Request-Method: POST"], b"").await;
    assert_eq!((asked.status, asked.header("access-control-allow-origin")), (405, None), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_largest_input_is_262144_bytes() {
    let server = Server::start().await;
    let arn = pass(&server).await;
    // The quotes count; so does each byte of a character.
    for (text, fits) in [("x".repeat(262_142), true), ("x".repeat(262_143), false), ("é".repeat(131_072), false)] {
        let input = format!("\"{text}\"");
        let answer = server.aws("StartSyncExecution", &json!({"stateMachineArn": arn, "input": input})).await;
        assert_eq!(answer.status == 200, fits, "{} bytes: {}", input.len(), answer.status);
        if fits {
            assert_eq!(answer.json()["output"].as_str(), Some(input.as_str()));
        }
        let run =
            server.http("POST", "/v1/workflows/p/run", &["Content-Type: application/json"], input.as_bytes()).await;
        assert_eq!(run.status, if fits { 200 } else { 413 }, "{} bytes", input.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_have_bounds() {
    let server = limited(|limits| {
        limits.headers_max = 8;
        limits.header_bytes_max = 8_192;
    })
    .await;
    let many: Vec<String> = (0..20).map(|at| format!("X-{at}: 1")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(server.http("GET", "/healthz", &many, b"").await.status, 431);
    let mut client = server.connect().await;
    client.send(format!("GET /healthz HTTP/1.1\r\nHost: h\r\nX-Long: {}", "x".repeat(10_000)).as_bytes()).await;
    // The server closes with bytes unread, which may take its answer along.
    assert!(client.receive().await.is_none_or(|answer| answer.status == 431));
    assert_eq!(server.http("GET", "/healthz", &many[..4], b"").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_says_nothing_is_not_waited_for() {
    let server = limited(|limits| {
        limits.header_timeout = Duration::from_millis(200);
        limits.body_timeout = Duration::from_millis(200);
    })
    .await;
    // Nothing at all; the start of both versions' first line; a head without an end; silence after an answer.
    for start in ["", "P", "PRI * HTTP", "GET /healthz HTTP/1.1\r\nHost"] {
        let began = fleetstep_engine::clock::instant();
        let mut client = server.connect().await;
        client.send(start.as_bytes()).await;
        if let Some(answer) = client.receive().await {
            assert_eq!(answer.status, 408, "{start}: {answer:?}");
        }
        assert!(began.elapsed() < Duration::from_secs(5), "{start}");
    }
    let mut client = server.connect().await;
    assert_eq!(client.http("GET", "/healthz", &[], b"").await.status, 200);
    assert!(client.receive().await.is_none_or(|answer| answer.status == 408));
    let mut client = server.connect().await;
    client.send(b"POST /v1/workflows/p/run HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n{").await;
    let answer = client.receive().await.unwrap();
    assert_eq!(answer.status, 404, "the workflow is looked for first: {answer:?}");
    let mut client = server.connect().await;
    client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n{").await;
    let answer = client.receive().await.unwrap();
    assert_eq!((answer.status, answer.header("connection")), (408, Some("close")), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_too_many_waits_its_turn() {
    let server = limited(|limits| limits.connections_max = 1).await;
    let mut first = server.connect().await;
    assert_eq!(first.http("GET", "/healthz", &[], b"").await.status, 200);
    let mut second = server.connect().await;
    second.send(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert!(tokio::time::timeout(Duration::from_millis(200), second.receive()).await.is_err(), "there is no room");
    drop(first);
    assert_eq!(second.receive().await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nonsense_does_no_harm() {
    let server = Server::start().await;
    for bytes in [&b"\0\xff\x16\x03\x01\x02\0\x01"[..], b"GET\r\n\r\n", b"POST / HTTP/9.9\r\n\r\n", b"\r\n\r\n\r\n"] {
        let mut client = server.connect().await;
        client.send(bytes).await;
        drop(client);
    }
    let mut client = server.connect().await;
    client.send(b"GARBAGE\r\n\r\n").await;
    assert_eq!(client.receive().await.unwrap().status, 400);
    let target = "X-Amz-Target: \u{e9}";
    assert_eq!(server.http("POST", "/", &[target], b"{}").await.status, 400);
    let deep = "[".repeat(100_000);
    let answer = server.connect().await.aws("ListStateMachines", deep.as_bytes()).await;
    assert_eq!((answer.status, &answer.json()["__type"]), (400, &json!("SerializationException")), "{answer:?}");
    assert_eq!(server.http("HEAD", "/healthz", &[], b"").await.status, 200);
}
