//! What connections ask: one service for whoever comes, or, behind a gate, a service for each account; and pages beside
//! the interfaces, for people.

use crate::gate::Gate;
use crate::pages::{self, Pages};
use crate::reply::ReplyBody;
use crate::tls::Tls;
use crate::{AcceptedStart, Audit, Service};
use bytes::Bytes;
use fleetstep_identity::Guard;
use fleetstep_journal::Unfinished;
use futures_util::future::{Either, join_all};
use http_body_util::{BodyExt as _, Collected, Full};
use hyper::body::Body;
use hyper::{Request, Response};
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;

/// The door's other side. Cheap to clone; every clone is the same.
#[derive(Clone)]
pub struct Front {
    own: Service,
    accounts: Accounts,
    gate: Option<Arc<Gate>>,
    tls: Option<Tls>,
    pages: Option<Arc<dyn Pages>>,
}

/// The services of all accounts, the server's own among them. They are those that the server was started with: nothing
/// is locked to find one.
pub(crate) type Accounts = Arc<HashMap<String, Service>>;

impl From<Service> for Front {
    /// Everyone who comes is served, by this.
    fn from(own: Service) -> Self {
        Self::new(own, Vec::new())
    }
}

impl Front {
    /// Everyone who comes is served by `own`; what others left unfinished can run again.
    #[must_use]
    pub fn new(own: Service, others: Vec<Service>) -> Self {
        let all = others.into_iter().chain([own.clone()]);
        let accounts = all.map(|service| (service.catalog().place().account.to_string(), service)).collect();
        Self { own, accounts: Arc::new(accounts), gate: None, tls: None, pages: None }
    }

    /// Whoever has a key that `guard` knows is served, within its scopes, by the service of the key's account.
    #[must_use]
    pub fn guarded(self, guard: Arc<Guard>, audit: Audit) -> Self {
        let own = self.own.catalog().place().account.to_string();
        let gate = Gate::new(own, Arc::clone(&self.accounts), guard, audit);
        Self { gate: Some(Arc::new(gate)), ..self }
    }

    /// Connections speak TLS.
    #[must_use]
    pub fn with_tls(self, tls: Tls) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// Serves pages too.
    #[must_use]
    pub fn with_pages(self, pages: Arc<dyn Pages>) -> Self {
        Self { pages: Some(pages), ..self }
    }

    /// Answers a request to an interface, as if it had come over a connection of the peer at `remote`.
    pub async fn ask(&self, request: Request<Bytes>, remote: SocketAddr) -> Response<Bytes> {
        let (head, body) = self.interfaces(request.map(Full::new), remote).await.into_parts();
        // What is at hand here does not break off.
        let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
        Response::from_parts(head, body)
    }

    /// Whether there is a service for that account.
    #[must_use]
    pub fn serves(&self, account: &str) -> bool {
        self.accounts.contains_key(account)
    }

    /// Runs again what an earlier life of this server accepted and did not finish, each for the account that it was
    /// accepted for: how many have begun. See [`Service::rerun`].
    pub async fn rerun(&self, unfinished: Vec<Unfinished>) -> usize {
        let mut by_account: BTreeMap<String, Vec<Unfinished>> = BTreeMap::new();
        for start in unfinished {
            // What cannot be read is the own service's to report.
            let account = AcceptedStart::read(&start.payload).and_then(|start| start.account().map(str::to_owned));
            let account = account.unwrap_or_else(|| self.own.catalog().place().account.to_string());
            by_account.entry(account).or_default().push(start);
        }
        let mut begun = 0;
        for (account, unfinished) in by_account {
            match self.accounts.get(&account) {
                Some(service) => begun += service.rerun(unfinished).await,
                None => self.own.report(&format!(
                    "{} starts of account {account} were accepted and cannot be run again, and stay in the journal: \
                     this server has no such account",
                    unfinished.len()
                )),
            }
        }
        begun
    }

    /// Starts what the schedules of all accounts ask for, for as long as the server is not told to stop.
    pub async fn run_schedules(&self) {
        join_all(self.accounts.values().map(Service::run_schedules)).await;
    }

    pub(crate) fn own(&self) -> &Service {
        &self.own
    }

    pub(crate) fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// Answers a request of the peer at `remote`.
    pub(crate) fn answer<B>(
        &self,
        request: Request<B>,
        remote: SocketAddr,
    ) -> impl Future<Output = Response<ReplyBody>> + use<'_, B>
    where
        B: Body<Data = Bytes>,
    {
        match &self.pages {
            Some(pages) if pages.has(request.uri().path()) => {
                Either::Right(Box::pin(pages::answer(&**pages, &self.own, request, remote)))
            }
            _ => Either::Left(self.interfaces(request, remote)),
        }
    }

    fn interfaces<B>(
        &self,
        request: Request<B>,
        remote: SocketAddr,
    ) -> impl Future<Output = Response<ReplyBody>> + use<'_, B>
    where
        B: Body<Data = Bytes>,
    {
        // A server without keys does not carry the gate along, nor is the request moved once more.
        match &self.gate {
            None => Either::Left(self.own.answer(request)),
            Some(gate) => Either::Right(Box::pin(gate.answer(request, remote))),
        }
    }
}
