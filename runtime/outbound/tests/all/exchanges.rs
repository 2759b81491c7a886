//! What is sent, and to whom.

use crate::server::{Names, Script, Server, client, ok};
use fleetstep_outbound::{
    Bounds, Client, Credentials, Error, Policy, Request, Resolve, Response, ResponseBody, Roots, RuleSpec, Timeouts,
    empty, full,
};
use http_body_util::BodyExt;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub(crate) fn policy(rules: &[RuleSpec]) -> Policy {
    Policy::parse(rules).unwrap()
}

/// A rule for the server at this port of 127.0.0.1.
pub(crate) fn at(port: u16) -> RuleSpec {
    RuleSpec::new(format!("http://127.0.0.1:{port}"))
}

pub(crate) async fn get(client: &Client, policy: &Policy, uri: &str) -> Result<Response<ResponseBody>, Error> {
    let request = Request::get(uri).body(empty()).unwrap();
    client.send(policy, request, Timeouts::default()).await
}

pub(crate) async fn text(response: Response<ResponseBody>) -> Result<String, Error> {
    let bytes = response.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[tokio::test]
async fn connections_are_used_again_by_the_same_policy_alone() {
    let server = Server::start(Script::Answer(ok("hello"))).await;
    let client = client(Bounds::default(), &Names::of(&[]));
    let (one, other) = (policy(&[at(server.port)]), policy(&[at(server.port)]));
    let uri = format!("http://127.0.0.1:{}/a?b=c", server.port);
    for _ in 0..3 {
        assert_eq!(text(get(&client, &one, &uri).await.unwrap()).await.unwrap(), "hello");
    }
    assert_eq!((server.connections(), server.requests().len()), (1, 3));
    assert!(server.requests()[0].starts_with("GET /a?b=c HTTP/1.1\r\n"));
    assert_eq!(text(get(&client, &other, &uri).await.unwrap()).await.unwrap(), "hello");
    assert_eq!(server.connections(), 2);
    assert_eq!(client.in_flight(), 0);
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_costs_no_request() {
    let server = Server::start(Script::AnswerAndClose(ok("bye"))).await;
    let client = client(Bounds::default(), &Names::of(&[]));
    let policy = policy(&[at(server.port)]);
    let uri = format!("http://127.0.0.1:{}/", server.port);
    for n in 1..=3 {
        assert_eq!(text(get(&client, &policy, &uri).await.unwrap()).await.unwrap(), "bye");
        assert_eq!(server.connections(), n);
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer() {
    let elsewhere = Server::start(Script::Answer(ok("secret"))).await;
    let location = format!("http://127.0.0.1:{}/", elsewhere.port);
    let redirect = format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
    let server = Server::start(Script::Answer(redirect)).await;
    let client = client(Bounds::default(), &Names::of(&[]));
    let policy = policy(&[at(server.port)]);
    let answer = get(&client, &policy, &format!("http://127.0.0.1:{}/", server.port)).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["location"].to_str().unwrap()), (302, &*location));
    assert_eq!(elsewhere.connections(), 0);
    assert!(matches!(get(&client, &policy, &location).await, Err(Error::Origin(_))));
}

#[tokio::test]
async fn what_is_sent_is_for_whom_it_goes_to_and_carries_the_credentials() {
    let server = Server::start(Script::Answer(ok(""))).await;
    let names = Names::of(&[("api.example", &[&["127.0.0.1"]])]);
    let client = client(Bounds::default(), &names);
    let headers = [("Authorization", "Bearer tulips"), ("x-api-key", "nine")];
    let headers = Credentials(headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    let origin = format!("http://api.example:{}", server.port);
    let rule = RuleSpec { headers, allow_private: true, ..RuleSpec::new(origin.clone()) };
    assert!(!format!("{rule:?}").contains("tulips"));
    let request = Request::post(format!("http://API.example.:{}/", server.port))
        .header("Host", "internal.example")
        .header("authorization", "Bearer mine")
        .header("authorization", "Bearer mine too")
        .header("connection", "x-drop, close")
        .header("x-drop", "1")
        .header("x-keep", "2")
        .header("transfer-encoding", "identity")
        .header("content-length", "999")
        .header("upgrade", "h2c")
        .header("proxy-authorization", "Basic x")
        .body(full("four"))
        .unwrap();
    text(client.send(&policy(&[rule]), request, Timeouts::default()).await.unwrap()).await.unwrap();
    let seen = server.requests()[0].to_ascii_lowercase();
    let mut lines: Vec<_> = seen.split("\r\n").collect();
    lines[1..].sort_unstable();
    let host = format!("host: api.example:{}", server.port);
    let expected =
        ["post / http/1.1", "authorization: bearer tulips", "content-length: 4", &host, "x-api-key: nine", "x-keep: 2"];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn a_name_is_resolved_once_and_all_of_its_addresses_are_checked() {
    let server = Server::start(Script::Answer(ok("inside"))).await;
    let public = "93.184.216.34";
    let names = |answers| Names::of(&[("rebind.example", answers)]);
    let cases: &[(&[&[&str]], bool)] = &[
        (&[&["127.0.0.1"]], false),
        (&[&[public, "127.0.0.1"]], false),
        (&[&["::ffff:127.0.0.1"]], false),
        (&[&["64:ff9b::127.0.0.1"]], false),
        (&[&["::1"]], false),
        (&[&["169.254.169.254"]], true),
        (&[&["127.0.0.1", "169.254.169.254"]], true),
        (&[&["0.0.0.0"]], true),
    ];
    for (answers, allow_private) in cases {
        let (names, origin) = (names(answers), format!("http://rebind.example:{}", server.port));
        let rule = RuleSpec { allow_private: *allow_private, ..RuleSpec::new(&*origin) };
        let refused = get(&client(Bounds::default(), &names), &policy(&[rule]), &origin).await;
        assert!(matches!(refused, Err(Error::Address { .. })), "{answers:?}: {refused:?}");
        assert_eq!(names.asked.load(SeqCst), 1);
    }
    assert_eq!(server.connections(), 0);
    // What was checked is what is connected to: the second answer is never asked for, and a connection that is used
    // again still leads where the first one was allowed to.
    let names = names(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let (client, origin) = (client(Bounds::default(), &names), format!("http://rebind.example:{}", server.port));
    let policy = policy(&[RuleSpec { allow_private: true, ..RuleSpec::new(&*origin) }]);
    for _ in 0..2 {
        assert_eq!(text(get(&client, &policy, &origin).await.unwrap()).await.unwrap(), "inside");
    }
    assert_eq!((names.asked.load(SeqCst), server.connections()), (1, 1));
}

#[tokio::test]
async fn tls_is_believed_for_the_name_and_by_the_roots_alone() {
    let made = rcgen::generate_simple_self_signed(["api.example".to_owned()]).unwrap();
    let der = made.cert.der().to_vec();
    let port = tls_server(&made).await;
    let names = Names::of(&[("api.example", &[&["127.0.0.1"]]), ("other.example", &[&["127.0.0.1"]])]);
    let resolver = || Arc::clone(&names) as Arc<dyn Resolve>;
    let rule = |name: &str| RuleSpec { allow_private: true, ..RuleSpec::new(format!("https://{name}:{port}")) };
    let policy = policy(&[rule("api.example"), rule("other.example")]);
    let believes = Client::with(Bounds::default(), resolver(), Roots::Only(vec![der]));
    let answer = get(&believes, &policy, &format!("https://api.example:{port}/")).await.unwrap();
    assert_eq!(text(answer).await.unwrap(), "safe");
    let other = get(&believes, &policy, &format!("https://other.example:{port}/")).await;
    assert!(matches!(other, Err(Error::Tls { .. })), "{other:?}");
    let stranger = rcgen::generate_simple_self_signed(["api.example".to_owned()]).unwrap().cert.der().to_vec();
    let doubts = Client::with(Bounds::default(), resolver(), Roots::Only(vec![stranger]));
    let refused = get(&doubts, &policy, &format!("https://api.example:{port}/")).await;
    assert!(matches!(refused, Err(Error::Tls { .. })), "{refused:?}");
    let nobody = client(Bounds::default(), &names);
    let refused = get(&nobody, &policy, &format!("https://api.example:{port}/")).await;
    assert!(matches!(refused, Err(Error::Roots(_))), "{refused:?}");
}

async fn tls_server(made: &rcgen::CertifiedKey<rcgen::KeyPair>) -> u16 {
    use tokio_rustls::rustls::{ServerConfig, crypto::ring, pki_types::PrivatePkcs8KeyDer};
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()).into();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut stream = acceptor.accept(stream).await?;
                let mut some = [0; 1_024];
                let _ = stream.read(&mut some).await?;
                stream.write_all(ok("safe").as_bytes()).await?;
                stream.shutdown().await
            });
        }
    });
    port
}
