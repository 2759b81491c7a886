//! The gate: who is let in, to what, and what is written down. Signatures are made by AWS's signer, as clients make them.

use crate::harness::{Answer, Server, catalog, service};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use fleetstep_api::{Audit, Front, Options};
use fleetstep_engine::clock;
use fleetstep_identity::{Caller, Guard, GuardConfig, Keys, KeysFile, Scope};
use serde_json::{Value, json};
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

const OWN: &str = "000000000000";
const OTHER: &str = "111111111111";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// What the audit wrote.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A server behind a gate. The key `ACCOUNT-SCOPE` of each account and scope has the secret [`SECRET`]; so do tokens.
struct Guarded {
    server: Server,
    audit: Audit,
    lines: Lines,
    /// By account and scope.
    tokens: Vec<(String, String)>,
}

fn key(account: &str, scope: &str) -> String {
    format!("{account}-{scope}")
}

impl Guarded {
    async fn start(repeat_seconds: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut file = KeysFile::open_or_new(&folder.path().join("keys.toml")).unwrap();
        let mut tokens = Vec::new();
        for (account, scope) in pairs() {
            let (_, token) = file.add_token(account, [scope].into_iter().collect(), "").unwrap();
            tokens.push((key(account, scope.as_str()), token.to_string()));
        }
        let mut keys: Keys = file.keys().unwrap();
        for (account, scope) in pairs() {
            let key_id = key(account, scope.as_str());
            let caller = Caller { account: account.into(), key_id, scopes: [scope].into_iter().collect() };
            keys.insert_access_key(caller, String::from(SECRET).into());
        }
        let config = GuardConfig { region: "us-east-1".into(), service: "states".into(), repeat_seconds };
        let lines = Lines::default();
        let audit = Audit::open(Box::new(lines.clone()), |_| ()).unwrap();
        let own = service(Options { aws_extensions: true, ..Options::default() }).await;
        let other = own.beside(catalog(OTHER).await);
        let front = Front::new(own, vec![other]).guarded(Arc::new(Guard::new(keys, config)), audit.clone());
        Self { server: Server::of(front).await, audit, lines, tokens }
    }

    /// A call of the AWS protocol, signed with the key of an account and a scope.
    async fn aws(&self, account: &str, scope: &str, operation: &str, body: &Value) -> Answer {
        self.send(&Signed::new(&key(account, scope), operation, body)).await
    }

    async fn send(&self, signed: &Signed) -> Answer {
        let headers: Vec<&str> = signed.headers.iter().map(String::as_str).collect();
        self.server.http("POST", "/", &headers, signed.body.as_bytes()).await
    }

    /// A request of the plain interface with the token of an account and a scope.
    async fn plain(&self, account: &str, scope: &str, method: &str, path: &str, body: &str) -> Answer {
        let token = self.tokens.iter().find(|(of, _)| *of == key(account, scope)).unwrap();
        let authorization = format!("Authorization: Bearer {}", token.1);
        let headers = [authorization.as_str(), "Content-Type: application/json"];
        self.server.http(method, path, &headers, body.as_bytes()).await
    }

    /// What the audit has, parsed.
    async fn audited(&self) -> Vec<Value> {
        let audit = self.audit.clone();
        assert!(tokio::task::spawn_blocking(move || audit.flush(Duration::from_secs(10))).await.unwrap());
        let lines = self.lines.0.lock().unwrap().clone();
        String::from_utf8(lines).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn pairs() -> impl Iterator<Item = (&'static str, Scope)> {
    [OWN, OTHER].into_iter().flat_map(|account| Scope::ALL.iter().map(move |scope| (account, *scope)))
}

/// A signed request.
#[derive(Clone)]
struct Signed {
    headers: Vec<String>,
    body: String,
}

impl Signed {
    fn new(key_id: &str, operation: &str, body: &Value) -> Self {
        Self::at(key_id, SECRET, operation, body, 0)
    }

    /// Signed by a clock that is off by so many seconds.
    fn at(key_id: &str, secret: &str, operation: &str, body: &Value, off: i64) -> Self {
        let body = body.to_string();
        let seconds = clock::now().as_millis() / 1_000 + off;
        let target = format!("AWSStepFunctions.{operation}");
        let signed = [("host", "sync-localhost"), ("x-amz-target", &*target)];
        let identity = Credentials::new(key_id, secret, None, None, "test").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name("states")
            .time(UNIX_EPOCH + Duration::from_secs(seconds.try_into().unwrap()))
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let bytes = SignableBody::Bytes(body.as_bytes());
        let request = SignableRequest::new("POST", "http://sync-localhost/", signed.into_iter(), bytes).unwrap();
        let (instructions, _) = sign(request, &params).unwrap().into_parts();
        let mut headers: Vec<String> = instructions.headers().map(|(name, value)| format!("{name}: {value}")).collect();
        headers.push(format!("X-Amz-Target: {target}"));
        Self { headers, body }
    }
}

/// The exception of a refusal.
fn refusal(answer: &Answer) -> (u16, String) {
    let body = answer.json();
    let name = body.get("__type").or_else(|| body.get("title")).and_then(Value::as_str).unwrap_or_default();
    (answer.status, name.to_owned())
}

fn is(status: u16, name: &str) -> (u16, String) {
    (status, name.to_owned())
}

const PASS: &str = r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#;

fn create(name: &str) -> Value {
    json!({"name": name, "definition": PASS, "type": "EXPRESS", "roleArn": "arn:aws:iam::000000000000:role/r"})
}

fn arn(account: &str, name: &str) -> Value {
    json!({"stateMachineArn": format!("arn:aws:states:us-east-1:{account}:stateMachine:{name}")})
}

#[tokio::test]
async fn without_credentials_nothing_is_told_and_nothing_done() {
    let guarded = Guarded::start(2).await;
    let server = &guarded.server;
    let missing = "MissingAuthenticationTokenException";
    for operation in ["StartSyncExecution", "ListStateMachines", "NoSuchOperation"] {
        assert_eq!(refusal(&server.aws(operation, &json!({})).await), is(400, missing));
    }
    for (method, path) in [("GET", "/v1/workflows"), ("POST", "/v1/workflows/a/run"), ("GET", "/v1/x"), ("GET", "/x")] {
        let answer = server.http(method, path, &["Content-Type: application/json"], b"").await;
        assert_eq!(refusal(&answer), is(401, missing), "{path}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    let wrong = format!("Authorization: Bearer fst_ID_{}", "0".repeat(64));
    let answer = server.http("GET", "/v1/workflows", &[&wrong], b"").await;
    assert_eq!(refusal(&answer), is(401, "UnrecognizedClientException"));
    for path in ["/healthz", "/readyz"] {
        let answer = server.http("GET", path, &[], b"").await;
        assert_eq!((answer.status, answer.json()), (200, json!({"status": "ok"})), "{path}");
    }
    assert_eq!(refusal(&server.http("GET", "/metrics", &[], b"").await), is(401, missing));
    assert!(guarded.plain(OWN, "admin", "GET", "/metrics", "").await.text().contains("fleetstep_executions_running 0"));
    assert_eq!(guarded.plain(OTHER, "admin", "GET", "/metrics", "").await.status, 401);
    assert!(guarded.plain(OWN, "admin", "GET", "/healthz", "").await.json()["executionsRunning"].is_number());
    for (account, scope) in [(OWN, "read"), (OTHER, "admin")] {
        assert_eq!(guarded.plain(account, scope, "GET", "/healthz", "").await.json(), json!({"status": "ok"}));
    }
}

#[tokio::test]
async fn a_signature_counts_for_its_request_once_and_in_its_time() {
    let guarded = Guarded::start(0).await;
    let (id, list, nothing) = (key(OWN, "read"), "ListStateMachines", json!({}));
    let invalid = is(400, "InvalidSignatureException");
    let good = Signed::new(&id, list, &nothing);
    assert_eq!(guarded.send(&good).await.status, 200);
    let again = guarded.send(&good).await;
    assert_eq!(refusal(&again), invalid, "a replay");
    assert!(again.text().contains("Signature expired: "), "{again:?}");
    for (off, said) in [(-301, "Signature expired: "), (310, "Signature not yet current: ")] {
        let answer = guarded.send(&Signed::at(&id, SECRET, list, &nothing, off)).await;
        assert_eq!(refusal(&answer), invalid, "{off}");
        assert!(answer.text().contains(said), "{answer:?}");
    }
    let wrong_secret = Signed::at(&id, &SECRET.replace('K', "k"), list, &nothing, 0);
    assert_eq!(refusal(&guarded.send(&wrong_secret).await), invalid, "a wrong secret");
    let unknown = Signed::new("AKIDUNKNOWN", list, &nothing);
    assert_eq!(refusal(&guarded.send(&unknown).await), is(400, "UnrecognizedClientException"));
    let changed = Signed { body: json!({"maxResults": 1}).to_string(), ..Signed::new(&id, list, &nothing) };
    assert_eq!(refusal(&guarded.send(&changed).await), invalid, "a changed body");
    let mut changed = Signed::new(&id, list, &nothing);
    let target = changed.headers.iter_mut().find(|header| header.starts_with("X-Amz-Target")).unwrap();
    *target = "X-Amz-Target: AWSStepFunctions.CreateActivity".into();
    assert_eq!(refusal(&guarded.send(&changed).await), invalid, "a changed header");
    let unsigned = ["Authorization: AWS4-HMAC-SHA256 Credential=x", "X-Amz-Target: AWSStepFunctions.ListStateMachines"];
    let answer = guarded.server.http("POST", "/", &unsigned, b"{}").await;
    assert_eq!(refusal(&answer), is(400, "IncompleteSignatureException"));
}

#[tokio::test]
async fn equal_requests_of_one_second_are_served() {
    let guarded = Guarded::start(600).await;
    let signed = Signed::new(&key(OWN, "read"), "ListStateMachines", &json!({}));
    for _ in 0..3 {
        assert_eq!(guarded.send(&signed).await.status, 200);
    }
}

#[tokio::test]
async fn a_key_does_what_its_scope_is_for_and_nothing_else() {
    let guarded = Guarded::start(600).await;
    assert_eq!(guarded.aws(OWN, "deploy", "CreateStateMachine", &create("a")).await.status, 200);
    assert_eq!(guarded.plain(OWN, "deploy", "PUT", "/v1/workflows/b", PASS).await.status, 201);
    let aws = [
        (
            "deploy",
            "UpdateStateMachine",
            json!({"stateMachineArn": arn(OWN, "a")["stateMachineArn"], "definition": PASS}),
        ),
        ("start", "StartSyncExecution", arn(OWN, "a")),
        ("start", "StartExecution", arn(OWN, "a")),
        ("read", "DescribeStateMachine", arn(OWN, "a")),
        ("read", "ListStateMachines", json!({})),
    ];
    for (scope, operation, body) in &aws {
        for held in ["deploy", "start", "read", "admin"] {
            let answer = guarded.aws(OWN, held, operation, body).await;
            if held == *scope || held == "admin" {
                assert_eq!(answer.status, 200, "{held} {operation}: {answer:?}");
            } else {
                assert_eq!(refusal(&answer), is(400, "AccessDeniedException"), "{held} {operation}");
                assert!(answer.text().contains(&format!("is not authorized to perform: states:{operation}")));
            }
        }
    }
    let plain = [
        ("deploy", "PUT", "/v1/workflows/b", PASS),
        ("start", "POST", "/v1/workflows/b/run", "{}"),
        ("read", "GET", "/v1/workflows/b", ""),
        ("read", "GET", "/v1/executions", ""),
        ("read", "HEAD", "/v1/functions", ""),
    ];
    for (scope, method, path, body) in plain {
        for held in ["deploy", "start", "read", "admin"] {
            let answer = guarded.plain(OWN, held, method, path, body).await;
            let expected = if held == scope || held == "admin" { 200 } else { 403 };
            assert_eq!(answer.status, expected, "{held} {method} {path}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn an_account_sees_nothing_of_another() {
    let guarded = Guarded::start(600).await;
    let aws = |account, operation, body: Value| {
        let guarded = &guarded;
        async move { guarded.aws(account, "admin", operation, &body).await }
    };
    // The same name in both, and one that only the first has.
    for (account, name) in [(OWN, "same"), (OTHER, "same"), (OWN, "only")] {
        assert_eq!(aws(account, "CreateStateMachine", create(name)).await.status, 200);
    }
    let names = async |account| {
        let machines = aws(account, "ListStateMachines", json!({})).await.json()["stateMachines"].take();
        machines.as_array().unwrap().iter().map(|machine| machine["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(OWN).await, ["only", "same"]);
    assert_eq!(names(OTHER).await, ["same"]);

    // What exists in another account is answered as what does not exist.
    for operation in ["StartSyncExecution", "StartExecution", "DescribeStateMachine", "ListExecutions"] {
        let foreign = aws(OTHER, operation, arn(OWN, "only")).await;
        let absent = aws(OTHER, operation, arn(OWN, "none")).await;
        assert_eq!(foreign.status, 400, "{operation}");
        assert_eq!(foreign.text().replace("only", "none"), absent.text(), "{operation}");
    }
    let update = json!({"stateMachineArn": arn(OWN, "only")["stateMachineArn"], "definition": "{}"});
    assert_ne!(aws(OTHER, "UpdateStateMachine", update).await.status, 200);
    assert_eq!(aws(OTHER, "DeleteStateMachine", arn(OWN, "only")).await.json(), json!({}), "as on AWS, for any ARN");
    assert_eq!(aws(OWN, "DescribeStateMachine", arn(OWN, "only")).await.status, 200, "it is still there");

    // Executions, their histories, and their ends.
    let started = aws(OWN, "StartSyncExecution", arn(OWN, "only")).await.json();
    let execution = json!({"executionArn": started["executionArn"]});
    for operation in ["DescribeExecution", "GetExecutionHistory", "StopExecution"] {
        assert_eq!(aws(OWN, operation, execution.clone()).await.status, 200, "{operation}");
        let answer = aws(OTHER, operation, execution.clone()).await;
        assert_eq!(refusal(&answer), is(400, "ExecutionDoesNotExist"), "{operation}");
    }
    let path = format!("/v1/executions/{}", started["executionArn"].as_str().unwrap());
    for end in ["", "/history"] {
        let path = format!("{path}{end}");
        assert_eq!(guarded.plain(OWN, "read", "GET", &path, "").await.status, 200, "{path}");
        assert_eq!(guarded.plain(OTHER, "read", "GET", &path, "").await.status, 404, "{path}");
    }
    let listed = guarded.plain(OTHER, "read", "GET", "/v1/executions", "").await.json();
    assert_eq!(listed, json!({"executions": []}));

    // Functions and their logs.
    let module = include_bytes!("../data/ok.wasm");
    let token = guarded.tokens.iter().find(|(of, _)| *of == key(OWN, "deploy")).unwrap();
    let authorization = format!("Authorization: Bearer {}", token.1);
    let headers = [authorization.as_str(), "Content-Type: application/wasm"];
    assert_eq!(guarded.server.http("PUT", "/v1/functions/f", &headers, module).await.status, 201);
    for (method, path) in
        [("GET", "/v1/functions/f"), ("GET", "/v1/functions/f/logs"), ("POST", "/v1/functions/f/invoke")]
    {
        assert_ne!(guarded.plain(OWN, "admin", method, path, "").await.status, 404, "{path}");
        assert_eq!(guarded.plain(OTHER, "admin", method, path, "").await.status, 404, "{path}");
    }
    assert_eq!(guarded.plain(OTHER, "read", "GET", "/v1/functions", "").await.json(), json!({"functions": []}));
}

#[tokio::test]
async fn every_change_and_every_refusal_is_written_down() {
    let guarded = Guarded::start(600).await;
    guarded.aws(OWN, "deploy", "CreateStateMachine", &create("a")).await;
    guarded.aws(OWN, "deploy", "CreateStateMachine", &json!({"name": "bad name"})).await;
    guarded.aws(OWN, "start", "StartSyncExecution", &arn(OWN, "a")).await;
    guarded.aws(OWN, "read", "ListStateMachines", &json!({})).await;
    guarded.aws(OWN, "read", "DeleteStateMachine", &arn(OWN, "a")).await;
    guarded.aws(OTHER, "read", "DescribeStateMachine", &arn(OWN, "a")).await;
    guarded.server.aws("ListStateMachines", &json!({})).await;
    guarded.plain(OWN, "deploy", "PUT", "/v1/workflows/b", PASS).await;
    guarded.plain(OWN, "start", "DELETE", "/v1/workflows/b", "").await;
    guarded.server.http("GET", "/v1/workflows", &["Authorization: Bearer fst_x"], b"").await;
    let a = &arn(OWN, "a")["stateMachineArn"];
    let expected = [
        json!(["change", OWN, "000000000000-deploy", "CreateStateMachine", "a", "ok"]),
        json!(["change", OWN, "000000000000-deploy", "CreateStateMachine", "bad name", "ValidationException"]),
        json!(["refusal", OWN, "000000000000-read", "states:DeleteStateMachine", a, "AccessDeniedException"]),
        json!(["refusal", OTHER, "111111111111-read", "DescribeStateMachine", a, "ForeignAccount"]),
        json!(["refusal", null, null, "ListStateMachines", "", "MissingAuthenticationTokenException"]),
        json!(["change", OWN, "token", "PUT", "/v1/workflows/b", "ok"]),
        json!(["refusal", OWN, "token", "DELETE", "/v1/workflows/b", "AccessDeniedException"]),
        json!(["refusal", null, null, "GET", "/v1/workflows", "UnrecognizedClientException"]),
    ];
    let lines = guarded.audited().await;
    let found: Vec<Value> = lines
        .iter()
        .map(|line| {
            // A token's id is random.
            let key = match line["key"].as_str() {
                Some(key) if !key.contains('-') => json!("token"),
                _ => line["key"].clone(),
            };
            json!([line["event"], line["account"], key, line["operation"], line["resource"], line["outcome"]])
        })
        .collect();
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
    for line in &lines {
        assert!(line["time"].as_str().unwrap().ends_with('Z') && line["remote"].as_str().unwrap().starts_with("127."));
    }
    let text = String::from_utf8(guarded.lines.0.lock().unwrap().clone()).unwrap();
    assert!(!text.contains(SECRET) && !guarded.tokens.iter().any(|(_, token)| text.contains(token)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_route_is_for_tokens_of_its_account_unless_it_says_otherwise() {
    let guarded = Guarded::start(2).await;
    let hook = json!({"scheme": "github", "secrets": ["It's a Secret to Everybody"]});
    for account in [OWN, OTHER] {
        assert_eq!(guarded.plain(account, "deploy", "PUT", "/v1/workflows/w", PASS).await.status, 201);
        for (name, spec) in [
            (
                "closed",
                json!({"method": "POST", "path": "/closed", "workflow": "w", "input": "{% $request.headers %}"}),
            ),
            ("public", json!({"method": "POST", "path": "/public", "workflow": "w", "public": true, "input": account})),
            ("hook", json!({"method": "POST", "path": "/hook", "workflow": "w", "verify": hook, "input": account})),
            (
                "cors",
                json!({"method": "POST", "path": "/cors", "workflow": "w", "cors": {"origins": ["https://a.example"]}}),
            ),
        ] {
            let path = format!("/v1/routes/{name}");
            let refused = guarded.plain(account, "start", "PUT", &path, &spec.to_string()).await;
            assert_eq!(refusal(&refused), is(403, "AccessDeniedException"));
            assert_eq!(guarded.plain(account, "deploy", "PUT", &path, &spec.to_string()).await.status, 201);
        }
    }
    let nobody = async |method: &str, path: &str, headers: &[&str], body: &str| {
        guarded.server.http(method, path, headers, body.as_bytes()).await
    };
    let json_type = "Content-Type: application/json";
    assert_eq!(
        refusal(&nobody("POST", "/closed", &[json_type], "{}").await),
        is(401, "MissingAuthenticationTokenException")
    );
    assert_eq!(nobody("POST", "/nothing", &[json_type], "{}").await.status, 401, "what there is, is not told");
    let stranger = [json_type, "Authorization: Bearer fst_x_y"];
    assert_eq!(nobody("POST", "/closed", &stranger, "{}").await.status, 401);
    assert_eq!(nobody("POST", "/public", &stranger, "{}").await.json(), json!(OWN), "the token may be the workflow's");
    assert_eq!(refusal(&guarded.plain(OWN, "read", "POST", "/closed", "{}").await), is(403, "AccessDeniedException"));
    let seen = guarded.plain(OWN, "start", "POST", "/closed", "{}").await;
    assert_eq!((seen.status, seen.json().get("authorization")), (200, None), "the token is not the workflow's");
    // Whose route it is, a token says, or the path.
    assert_eq!(nobody("POST", "/public", &[json_type], "{}").await.json(), json!(OWN));
    assert_eq!(guarded.plain(OTHER, "start", "POST", "/public", "{}").await.json(), json!(OTHER));
    let of_other = format!("/~{OTHER}");
    assert_eq!(nobody("POST", &format!("{of_other}/public"), &[json_type], "{}").await.json(), json!(OTHER));
    assert_eq!(guarded.plain(OTHER, "start", "POST", &format!("{of_other}/closed"), "{}").await.status, 200);
    assert_eq!(
        refusal(&guarded.plain(OWN, "admin", "POST", &format!("{of_other}/closed"), "{}").await),
        is(404, "NotFound")
    );
    assert_eq!(nobody("POST", "/~999999999999/public", &[json_type], "{}").await.status, 401);
    // A signature lets in by itself.
    let signature = "X-Hub-Signature-256: sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let signed =
        nobody("POST", &format!("{of_other}/hook"), &["Content-Type: text/plain", signature], "Hello, World!").await;
    assert_eq!((signed.status, signed.json()), (200, json!(OTHER)));
    assert_eq!(refusal(&nobody("POST", "/hook", &[json_type], "{}").await), is(401, "InvalidSignatureException"));
    // A browser asks for leave without a token.
    let asks = ["Origin: https://a.example", "Access-Control-Request-Method: POST"];
    assert_eq!(nobody("OPTIONS", "/cors", &asks, "").await.status, 204);
    assert_eq!(nobody("OPTIONS", "/closed", &asks, "").await.status, 401);
    let audited = guarded.audited().await;
    let of = |outcome: &str, resource: &str| {
        audited.iter().any(|line| line["outcome"] == outcome && line["resource"] == resource)
    };
    assert!(
        of("MissingAuthenticationTokenException", "/closed") && of("AccessDeniedException", "/closed"),
        "{audited:?}"
    );
    assert!(of("ok", "/v1/routes/hook"), "{audited:?}");
    assert!(!audited.iter().any(|line| line.to_string().contains("Secret to Everybody")));
}
