//! Servers and askers that flood, stall, or never read.

use crate::exchanges::{at, get, policy, text};
use crate::server::{Names, Script, Server, client, ok};
use bytes::Bytes;
use fleetstep_outbound::{Bounds, BoxError, Error, Request, Timeouts, full, request_body};
use http_body_util::StreamBody;
use hyper::body::Frame;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// So long that a test which waits for it has failed, so short that one which does waits little.
const SHORT: Duration = Duration::from_millis(80);
const PATIENCE: Duration = Duration::from_secs(10);

fn impatient() -> Bounds {
    let timeouts = Timeouts { connect: PATIENCE, first_byte: SHORT, between_bytes: SHORT };
    Bounds { timeouts, ..Bounds::default() }
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("nobody waits that long")
}

#[tokio::test]
async fn a_server_that_never_answers_is_not_waited_for() {
    let server = Server::start(Script::Stall(String::new())).await;
    let client = client(impatient(), &Names::of(&[]));
    let sent = within(get(&client, &policy(&[at(server.port)]), &format!("http://127.0.0.1:{}", server.port))).await;
    assert!(matches!(sent, Err(Error::FirstByteTimeout(_))), "{sent:?}");
    assert_eq!(client.in_flight(), 0);
}

#[tokio::test]
async fn an_answer_that_stops_in_the_middle_is_not_waited_for() {
    for head in ["content-length: 100", "transfer-encoding: chunked"] {
        let head = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n5\r\nhello\r\n");
        let server = Server::start(Script::Stall(head)).await;
        let client = client(impatient(), &Names::of(&[]));
        let policy = policy(&[at(server.port)]);
        let answer = within(get(&client, &policy, &format!("http://127.0.0.1:{}", server.port))).await.unwrap();
        let body = within(text(answer)).await;
        assert!(matches!(body, Err(Error::BetweenBytesTimeout(_))), "{body:?}");
        assert_eq!(client.in_flight(), 0);
    }
}

#[tokio::test]
async fn a_request_may_ask_for_shorter_waits_and_not_for_longer_ones() {
    let server = Server::start(Script::Stall(String::new())).await;
    let uri = format!("http://127.0.0.1:{}", server.port);
    let policy = policy(&[at(server.port)]);
    let forever = Duration::from_secs(1_000_000);
    let ask = |first_byte| Timeouts { connect: forever, first_byte, between_bytes: forever };
    for (client, asked) in
        [(client(impatient(), &Names::of(&[])), forever), (client(Bounds::default(), &Names::of(&[])), SHORT)]
    {
        let request = Request::get(&uri).body(full("")).unwrap();
        let sent = within(client.send(&policy, request, ask(asked))).await;
        assert!(matches!(sent, Err(Error::FirstByteTimeout(SHORT))), "{sent:?}");
    }
}

#[tokio::test]
async fn a_flood_ends_at_its_bound() {
    let server = Server::start(Script::Flood).await;
    let bounds = Bounds { response_bytes_max: 1 << 20, ..Bounds::default() };
    let client = client(bounds, &Names::of(&[]));
    let policy = policy(&[at(server.port)]);
    let answer = get(&client, &policy, &format!("http://127.0.0.1:{}", server.port)).await.unwrap();
    assert!(matches!(within(text(answer)).await, Err(Error::ResponseTooLarge(1_048_576))));
    assert_eq!(client.in_flight(), 0);
}

#[tokio::test]
async fn a_request_ends_at_its_bound_whether_or_not_it_says_its_size() {
    let server = Server::start(Script::Stall(String::new())).await;
    let bounds = Bounds { request_bytes_max: 1_000, ..Bounds::default() };
    let client = client(bounds, &Names::of(&[]));
    let (policy, uri) = (policy(&[at(server.port)]), format!("http://127.0.0.1:{}", server.port));
    let endless = StreamBody::new(Endless);
    for body in [full(vec![0; 1_001]), request_body(endless)] {
        let request = Request::post(&uri).body(body).unwrap();
        let sent = within(client.send(&policy, request, Timeouts::default())).await;
        assert!(matches!(sent, Err(Error::RequestTooLarge(1_000))), "{sent:?}");
    }
}

/// A body without an end.
struct Endless;

impl futures_core::Stream for Endless {
    type Item = Result<Frame<Bytes>, BoxError>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[0; 100])))))
    }
}

/// A body that never comes.
struct Never;

impl futures_core::Stream for Never {
    type Item = Result<Frame<Bytes>, BoxError>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Pending
    }
}

#[tokio::test]
async fn a_request_that_is_never_finished_is_not_waited_for() {
    let server = Server::start(Script::Stall(String::new())).await;
    let client = client(impatient(), &Names::of(&[]));
    let uri = format!("http://127.0.0.1:{}", server.port);
    let request = Request::post(uri).body(request_body(StreamBody::new(Never))).unwrap();
    let sent = within(client.send(&policy(&[at(server.port)]), request, Timeouts::default())).await;
    assert!(sent.as_ref().is_err_and(Error::is_timeout), "{sent:?}");
    assert_eq!(client.in_flight(), 0);
}

#[tokio::test]
async fn one_request_more_than_may_be_in_flight_fails_at_once() {
    let server = Server::start(Script::Flood).await;
    let bounds = Bounds { in_flight_max: 3, in_flight_per_policy_max: 2, ..Bounds::default() };
    let client = client(bounds, &Names::of(&[]));
    let (one, other) = (policy(&[at(server.port)]), policy(&[at(server.port)]));
    let uri = format!("http://127.0.0.1:{}", server.port);
    let (a, _b) = (get(&client, &one, &uri).await.unwrap(), get(&client, &one, &uri).await.unwrap());
    assert!(matches!(get(&client, &one, &uri).await, Err(Error::Busy(2))));
    let _c = get(&client, &other, &uri).await.unwrap();
    assert!(matches!(get(&client, &other, &uri).await, Err(Error::Busy(3))));
    drop(a);
    assert!(get(&client, &other, &uri).await.is_ok(), "one that is not read any more is not in flight");
}

#[tokio::test]
async fn what_is_no_http_is_an_error() {
    let many_headers = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(200));
    let long_header = format!("HTTP/1.1 200 OK\r\na: {}\r\n\r\n", "x".repeat(200_000));
    let two_lengths = "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab".to_owned();
    for answer in ["hello\r\n\r\n".to_owned(), many_headers, long_header, two_lengths] {
        let server = Server::start(Script::Answer(answer)).await;
        let client = client(Bounds::default(), &Names::of(&[]));
        let uri = format!("http://127.0.0.1:{}", server.port);
        let sent = within(get(&client, &policy(&[at(server.port)]), &uri)).await;
        assert!(matches!(sent, Err(Error::Http(_))), "{sent:?}");
    }
    let server = Server::start(Script::Answer(ok(""))).await;
    drop(server);
}
