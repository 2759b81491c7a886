//! The gate: who sent a request, whether they may, and which account's service answers it.
//!
//! `POST /` and Lambda's paths take signatures, `/v1/` takes bearer tokens. What belongs to another account is answered as
//! what does not exist, since it is looked up where it is not: in the caller's own service.

use crate::audit::Act;
use crate::aws::{self, Operation};
use crate::fault::{Fault, Kind};
use crate::front::Accounts;
use crate::reply::Reply;
use crate::routed::{self, Asked, split_account};
use crate::service::{HEALTHZ, METRICS, READYZ, nothing_at};
use crate::{Audit, Service, lambda, metrics, web};
use bytes::Bytes;
use fleetstep_document::Document;
use fleetstep_engine::clock;
use fleetstep_identity::{Caller, Guard, Need, Refusal, Scope};
use hyper::body::Body;
use hyper::header::HeaderMap;
use hyper::http::request::Parts;
use hyper::{Method, Request, StatusCode};
use std::net::SocketAddr;
use std::sync::Arc;

/// Members of a request that say what it is about, the most telling first.
const SUBJECTS: [&str; 8] = [
    "executionArn",
    "stateMachineArn",
    "stateMachineVersionArn",
    "stateMachineAliasArn",
    "resourceArn",
    "activityArn",
    "mapRunArn",
    "name",
];

/// What requests to Lambda are signed for.
const LAMBDA: &str = "lambda";

pub(crate) struct Gate {
    guard: Arc<Guard>,
    audit: Audit,
    accounts: Accounts,
    /// The account of the server itself, whose administrators see what concerns the whole process.
    own: String,
}

/// Who is let in, and the service that answers them.
struct Guest<'a> {
    caller: Arc<Caller>,
    service: &'a Service,
}

impl Gate {
    pub(crate) fn new(own: String, accounts: Accounts, guard: Arc<Guard>, audit: Audit) -> Self {
        Self { guard, audit, accounts, own }
    }

    /// Answers a request of whoever it is.
    pub(crate) async fn answer<B>(&self, request: Request<B>, remote: SocketAddr) -> Reply
    where
        B: Body<Data = Bytes>,
    {
        let (head, body) = request.into_parts();
        if head.method == Method::POST && head.uri.path() == "/" {
            return self.aws(head, body, remote).await.unwrap_or_else(|fault| self.own().refuse(&fault).aws_reply());
        }
        let answered = match head.uri.path() {
            METRICS => self.metrics(&head),
            HEALTHZ | READYZ => self.own().health(&head, self.may_see_the_process(&head.headers)),
            path if lambda::is_of(path) => {
                let answered = self.lambda(&head, body, remote).await;
                return answered.unwrap_or_else(|fault| self.own().refuse(&fault).lambda_reply());
            }
            path if path.starts_with("/v1/") => self.plain(&head, body, remote).await,
            _ => self.routed(&head, body, remote).await,
        };
        answered.unwrap_or_else(|fault| self.own().refuse(&fault).problem_reply())
    }

    fn own(&self) -> &Service {
        &self.accounts[&self.own]
    }

    /// The AWS protocol: its body is a part of what is signed.
    async fn aws<B>(&self, head: Parts, body: B, remote: SocketAddr) -> Result<Reply, Fault>
    where
        B: Body<Data = Bytes>,
    {
        let asked = aws::operation(&head.headers);
        let named = asked.as_ref().map_or("unknown", |operation| operation.as_str());
        let nobody = |refusal| self.turned_away(refusal, named, "", remote);
        let claim = self.guard.claim(&head.headers, seconds()).map_err(nobody)?;
        let body = self.own().read(body, self.own().limits().aws_body_bytes_max).await?;
        let caller = self.guard.verify(&claim, &head.method, &head.uri, &head.headers, &body, seconds());
        let guest = self.guest(caller.map_err(nobody)?).map_err(nobody)?;
        let operation = asked?;
        let need = operation.need();
        if !guest.caller.may(need.scope) {
            let subject = subject(&body);
            return Err(self.denied(&guest.caller, need.scope, &format!("states:{named}"), &subject, remote));
        }
        let seen = body.clone();
        let reply = aws::answer(guest.service, head.headers, body).await;
        self.note(need, &guest, Noted::of(&reply, named, || subject(&seen), remote)).await;
        Ok(reply)
    }

    /// Lambda's protocol: what is asked for stands in the head, and the body is a part of what is signed.
    async fn lambda<B>(&self, head: &Parts, body: B, remote: SocketAddr) -> Result<Reply, Fault>
    where
        B: Body<Data = Bytes>,
    {
        let asked = lambda::routed(head);
        let (operation, path) = (asked.as_ref().map_or("unknown", |routed| routed.row.name), head.uri.path());
        let nobody = |refusal| self.turned_away(refusal, operation, path, remote);
        let claim = self.guard.claim_for(LAMBDA, &head.headers, seconds()).map_err(nobody)?;
        let routed = asked.map_err(Fault::unread)?;
        let received = lambda::receive(self.own(), &routed, head, body).await?;
        let caller = self.guard.verify(&claim, &head.method, &head.uri, &head.headers, &received.body, seconds());
        let guest = self.guest(caller.map_err(nobody)?).map_err(nobody)?;
        let need = routed.row.need;
        let resource = lambda_subject(&routed, &received.body);
        if !guest.caller.may(need.scope) {
            return Err(self.denied(&guest.caller, need.scope, &format!("lambda:{operation}"), &resource, remote));
        }
        let answered = lambda::serve(guest.service, &routed, head, received.body).await;
        let reply = answered.unwrap_or_else(|fault| guest.service.refuse(&fault).lambda_reply());
        self.note(need, &guest, Noted::of(&reply, operation, || resource.clone(), remote)).await;
        Ok(reply)
    }

    /// The plain interface: who it is stands in the head.
    async fn plain<B>(&self, head: &Parts, body: B, remote: SocketAddr) -> Result<Reply, Fault>
    where
        B: Body<Data = Bytes>,
    {
        let (operation, path) = (head.method.as_str(), head.uri.path());
        let nobody = |refusal| self.turned_away(refusal, operation, path, remote);
        let guest = self.guard.bearer(&head.headers).and_then(|caller| self.guest(caller)).map_err(nobody)?;
        let routed = web::routed(head)?;
        let need = routed.need;
        if !guest.caller.may(need.scope) {
            return Err(self.denied(&guest.caller, need.scope, operation, path, remote).unread());
        }
        let subject = routed.name.to_string();
        let answered = web::serve(guest.service, routed, head, body).await;
        let reply = answered.unwrap_or_else(|fault| guest.service.refuse(&fault).problem_reply());
        let subject = || if is_foreign(&subject, "") { subject.clone() } else { path.to_owned() };
        self.note(need, &guest, Noted::of(&reply, operation, subject, remote)).await;
        Ok(reply)
    }

    /// Routes of the operator's: each says for itself whether it wants a token. Without one it is the server's own account
    /// whose route is meant, unless the path names another.
    async fn routed<B>(&self, head: &Parts, body: B, remote: SocketAddr) -> Result<Reply, Fault>
    where
        B: Body<Data = Bytes>,
    {
        let caller = self.guard.bearer(&head.headers);
        let (account, path) = split_account(head.uri.path());
        let account = account.or_else(|| caller.as_ref().ok().map(|caller| caller.account.as_str()));
        let service = self.accounts.get(account.unwrap_or(&self.own));
        let found = service.map(|service| (service, service.catalog().routes().find(&head.method, path)));
        let mut asked = found.map(|(service, found)| (service, Asked { head, path, found, is_authorized: false }));
        if let Some((service, asked)) = asked.take_if(|(_, asked)| asked.is_open()) {
            return routed::answer(service, asked, body).await;
        }
        let (operation, path) = (head.method.as_str(), head.uri.path());
        let nobody = |refusal| self.turned_away(refusal, operation, path, remote);
        let guest = caller.clone().and_then(|caller| self.guest(caller)).map_err(nobody)?;
        let need = Need::START;
        if !guest.caller.may(need.scope) {
            return Err(self.denied(&guest.caller, need.scope, operation, path, remote).unread());
        }
        // What is another account's is not there.
        match asked.filter(|_| account == Some(guest.caller.account.as_str())) {
            Some((service, asked)) => routed::answer(service, Asked { is_authorized: true, ..asked }, body).await,
            None => Err(nothing_at(path)),
        }
    }

    /// The service of a caller's account.
    fn guest(&self, caller: Arc<Caller>) -> Result<Guest<'_>, Refusal> {
        let service = self.accounts.get(&caller.account).ok_or(Refusal::Unrecognized)?;
        Ok(Guest { caller, service })
    }

    /// The figures of the process and of all accounts, for an administrator of the server itself.
    fn metrics(&self, head: &Parts) -> Result<Reply, Fault> {
        if !self.may_see_the_process(&head.headers) {
            return Err(Fault::from(Refusal::Missing));
        }
        let others = self.accounts.iter().filter(|(account, _)| **account != self.own).map(|(_, service)| service);
        metrics::answer(head, &std::iter::once(self.own()).chain(others).collect::<Vec<_>>())
    }

    /// Whether a request comes from an administrator of the server itself.
    fn may_see_the_process(&self, headers: &HeaderMap) -> bool {
        self.guard.bearer(headers).is_ok_and(|caller| caller.may(Scope::Admin) && caller.account == self.own)
    }

    fn turned_away(&self, refusal: Refusal, operation: &str, resource: &str, remote: SocketAddr) -> Fault {
        let fault = Fault::from(refusal);
        self.audit.refusal(Act { caller: None, operation, resource, outcome: fault.name(), remote });
        fault
    }

    fn denied(&self, caller: &Caller, scope: Scope, action: &str, resource: &str, remote: SocketAddr) -> Fault {
        let Caller { account, key_id, .. } = caller;
        let message = format!(
            "User: arn:aws:iam::{account}:user/{key_id} is not authorized to perform: {action} because its key does not \
             have the scope {}",
            scope.as_str()
        );
        let fault = Fault::new(Kind::AccessDeniedException, message);
        self.audit.refusal(Act { caller: Some(caller), operation: action, resource, outcome: fault.name(), remote });
        fault
    }

    /// Writes down a change, whatever came of it, and that somebody asked for what is another account's.
    async fn note<S: Fn() -> String>(&self, need: Need, guest: &Guest<'_>, noted: Noted<'_, S>) {
        let Noted { operation, subject, status, headers, remote } = noted;
        let caller = Some(&*guest.caller);
        let refused = status.is_client_error();
        if !need.is_change && !refused {
            return;
        }
        let (resource, outcome) = (subject(), outcome(status, headers));
        if refused && is_foreign(&resource, &guest.caller.account) {
            self.audit.refusal(Act { caller, operation, resource: &resource, outcome: "ForeignAccount", remote });
        } else if need.is_change {
            self.audit.change(Act { caller, operation, resource: &resource, outcome: &outcome, remote }).await;
        }
    }
}

/// A request that was answered.
struct Noted<'a, S> {
    operation: &'a str,
    /// What it was about.
    subject: S,
    /// Of the answer, whose body others cannot look at while it is noted.
    status: StatusCode,
    headers: &'a HeaderMap,
    remote: SocketAddr,
}

impl<'a, S> Noted<'a, S> {
    fn of(reply: &'a Reply, operation: &'a str, subject: S, remote: SocketAddr) -> Self {
        Self { operation, subject, status: reply.status(), headers: reply.headers(), remote }
    }
}

/// The time as identities count it.
fn seconds() -> i64 {
    clock::now().as_millis() / 1_000
}

impl Operation {
    /// Its name.
    fn as_str(&self) -> &'static str {
        Self::ALL.iter().find(|(_, known)| known == self).map_or("unknown", |(name, _)| name)
    }
}

/// What a request to Lambda is about: the function in its path, or the one that it makes.
fn lambda_subject(routed: &lambda::Routed, body: &[u8]) -> String {
    if !routed.label().is_empty() {
        return routed.labels.join("/");
    }
    // A module in it is not taken apart for its name alone where nobody may know it.
    let request = Document::parse_lazily(body).ok();
    let name = request.as_ref().and_then(|request| request.get("FunctionName")).and_then(Document::as_str);
    name.unwrap_or_default().to_owned()
}

/// What a request of the AWS protocol is about; empty where it does not say.
fn subject(body: &[u8]) -> String {
    let Ok(request) = Document::parse(body) else { return String::new() };
    let member = |name: &&str| request.get(name).and_then(Document::as_str).map(str::to_owned);
    SUBJECTS.iter().find_map(member).unwrap_or_default()
}

/// Whether a text is an ARN of another account.
fn is_foreign(resource: &str, account: &str) -> bool {
    let mut parts = resource.split(':');
    parts.next() == Some("arn") && parts.nth(3).is_some_and(|owner| !owner.is_empty() && owner != account)
}

/// How a request ended: the exception's name where there is one.
fn outcome(status: StatusCode, headers: &HeaderMap) -> String {
    let name = headers.get("x-amzn-errortype").and_then(|name| name.to_str().ok());
    match name {
        Some(name) => name.to_owned(),
        None if status.is_success() => "ok".to_owned(),
        None => status.as_str().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_of_another_account_is_foreign_and_a_name_is_not() {
        let own = "123456789012";
        for foreign in
            ["arn:aws:states:us-east-1:210987654321:stateMachine:a", "arn:aws:states:us-east-1:x:express:a:b:c"]
        {
            assert!(is_foreign(foreign, own), "{foreign}");
        }
        for not in ["orders", "", "arn", "arn:aws:states:us-east-1:123456789012:stateMachine:a", "arn:aws:states:::x"] {
            assert!(!is_foreign(not, own), "{not}");
        }
    }

    #[test]
    fn the_subject_is_the_most_telling_member() {
        assert_eq!(subject(br#"{"name":"n","stateMachineArn":"arn:m"}"#), "arn:m");
        assert_eq!(subject(br#"{"name":"n"}"#), "n");
        assert_eq!(subject(b"{"), "");
        assert_eq!(subject(br#"{"name":7}"#), "");
    }

    /// docs/identity.md has the tables of the code: what each operation and each route needs.
    #[test]
    fn the_documentation_lists_every_operation_and_route_with_its_scope() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/identity.md");
        let text = std::fs::read_to_string(path).unwrap();
        let mut expected = Vec::new();
        for scope in [Scope::Deploy, Scope::Start, Scope::Read] {
            let of_scope = Operation::ALL.iter().filter(|(_, operation)| operation.need().scope == scope);
            let names: Vec<String> = of_scope.map(|(name, _)| format!("`{name}`")).collect();
            expected.push(format!("| `{}` | {} |", scope.as_str(), names.join(", ")));
        }
        for row in &web::ROUTES {
            let line = |(method, need): &(Method, Need)| {
                format!("| `{method} /v1/{}` | `{}` |", row.path, need.scope.as_str())
            };
            expected.extend(row.methods.iter().map(line));
        }
        for row in crate::lambda::OPERATIONS {
            expected.push(format!(
                "| `{}` | `{} {}` | `{}` |",
                row.name,
                row.method,
                row.path,
                row.need.scope.as_str()
            ));
        }
        for line in expected {
            assert!(text.lines().any(|found| found == line), "docs/identity.md lacks:\n{line}");
        }
    }
}
