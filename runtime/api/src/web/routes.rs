//! What there is below `/v1/`: paths, their methods, and what each needs of its caller. A request that is not in this
//! table is not served.

use crate::fault::{Fault, Kind};
use fleetstep_identity::Need;
use hyper::Method;
use hyper::http::request::Parts;
use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// What a path is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Run,
    Batch,
    Workflows,
    Workflow,
    Invoke,
    FunctionLog,
    Functions,
    Function,
    Executions,
    Execution,
    History,
    Replay,
    Stop,
    Stats,
    States,
    Versions,
    Diagnostics,
    Events,
    Trigger,
    Triggers,
    Schedule,
    Schedules,
    TaskSuccess,
    TaskFailure,
    TaskHeartbeat,
}

/// A path, its methods, and what they need.
pub(crate) struct Row {
    pub(crate) route: Route,
    /// The path below `/v1/`, `NAME` standing for any name.
    pub(crate) path: &'static str,
    pub(crate) methods: &'static [(Method, Need)],
}

const fn row(route: Route, path: &'static str, methods: &'static [(Method, Need)]) -> Row {
    Row { route, path, methods }
}

/// The methods of what is put, shown and deleted.
const CHANGED: &[(Method, Need)] =
    &[(Method::PUT, Need::DEPLOY), (Method::GET, Need::READ), (Method::DELETE, Need::DEPLOY)];

/// Every path; `GET` is `HEAD` too. What is asked for all the time comes first.
pub(crate) static ROUTES: [Row; 25] = [
    row(Route::Run, "workflows/NAME/run", &[(Method::POST, Need::START)]),
    row(Route::Batch, "workflows/NAME/batch", &[(Method::POST, Need::START)]),
    row(
        Route::Workflow,
        "workflows/NAME",
        &[(Method::PUT, Need::DEPLOY), (Method::GET, Need::READ), (Method::DELETE, Need::DEPLOY)],
    ),
    row(Route::Workflows, "workflows", &[(Method::GET, Need::READ)]),
    row(Route::Invoke, "functions/NAME/invoke", &[(Method::POST, Need::START)]),
    row(Route::FunctionLog, "functions/NAME/logs", &[(Method::GET, Need::READ)]),
    row(
        Route::Function,
        "functions/NAME",
        &[
            (Method::PUT, Need::DEPLOY),
            (Method::PATCH, Need::DEPLOY),
            (Method::GET, Need::READ),
            (Method::DELETE, Need::DEPLOY),
        ],
    ),
    row(Route::Functions, "functions", &[(Method::GET, Need::READ)]),
    row(Route::Execution, "executions/NAME", &[(Method::GET, Need::READ)]),
    row(Route::Executions, "executions", &[(Method::GET, Need::READ)]),
    row(Route::History, "executions/NAME/history", &[(Method::GET, Need::READ)]),
    row(Route::Replay, "executions/NAME/replay", &[(Method::GET, Need::READ)]),
    row(Route::States, "workflows/NAME/states", &[(Method::GET, Need::READ)]),
    row(Route::Versions, "workflows/NAME/versions", &[(Method::GET, Need::READ)]),
    row(Route::Diagnostics, "workflows/NAME/diagnostics", &[(Method::GET, Need::READ)]),
    row(Route::Stats, "stats", &[(Method::GET, Need::READ)]),
    row(Route::Stop, "executions/NAME/stop", &[(Method::POST, Need::STOP)]),
    row(Route::Events, "executions/NAME/events", &[(Method::GET, Need::READ)]),
    row(Route::Trigger, "routes/NAME", CHANGED),
    row(Route::Triggers, "routes", &[(Method::GET, Need::READ)]),
    row(Route::Schedule, "schedules/NAME", CHANGED),
    row(Route::Schedules, "schedules", &[(Method::GET, Need::READ)]),
    row(Route::TaskSuccess, "tasks/NAME/success", &[(Method::POST, Need::START)]),
    row(Route::TaskFailure, "tasks/NAME/failure", &[(Method::POST, Need::START)]),
    row(Route::TaskHeartbeat, "tasks/NAME/heartbeat", &[(Method::POST, Need::START)]),
];

impl Row {
    /// Whether it is the row of a path that falls into these parts.
    fn is_of(&self, collection: &str, name: &str, action: &str) -> bool {
        let (own, rest) = self.path.split_once('/').unwrap_or((self.path, ""));
        let (own_name, own_action) = rest.split_once('/').unwrap_or((rest, ""));
        // Only where nothing follows it, a name that is missing makes it another path.
        own == collection && own_action == action && (!action.is_empty() || own_name.is_empty() == name.is_empty())
    }

    fn need(&self, method: &Method) -> Option<Need> {
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        self.methods.iter().find(|(known, _)| known == method).map(|(_, need)| *need)
    }

    /// The methods, as `Allow` lists them.
    fn allow(&self) -> String {
        let names = self.methods.iter().map(|(method, _)| match *method {
            Method::GET => "GET, HEAD",
            ref method => method.as_str(),
        });
        names.collect::<Vec<_>>().join(", ")
    }
}

/// A request that is in the table.
pub(crate) struct Routed<'a> {
    pub(crate) route: Route,
    pub(crate) need: Need,
    /// What stands behind the collection's name; empty for the collection itself.
    pub(crate) name: Cow<'a, str>,
}

/// Finds a request in the table.
pub(crate) fn routed(head: &Parts) -> Result<Routed<'_>, Fault> {
    let path = head.uri.path().strip_prefix("/v1/").unwrap_or_default();
    let (collection, rest) = path.split_once('/').unwrap_or((path, ""));
    let (name, action) = rest.split_once('/').unwrap_or((rest, ""));
    let name = percent_decode_str(name).decode_utf8().map_err(|_| not_found(head))?;
    let row = ROUTES.iter().find(|row| row.is_of(collection, &name, action)).ok_or_else(|| not_found(head))?;
    let need = row.need(&head.method).ok_or_else(|| Fault::method_not_allowed(row.allow()))?;
    Ok(Routed { route: row.route, need, name })
}

fn not_found(head: &Parts) -> Fault {
    Fault::new(Kind::NotFound, format!("There is nothing at {}", head.uri.path()))
}
