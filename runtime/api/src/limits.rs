//! Every bound of the door, in one place.

use std::time::Duration;

/// What one server lets in. The defaults suit one machine behind a load balancer or on a developer's desk.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections open at once; the next one waits in the kernel's queue.
    pub connections_max: usize,
    /// HTTP/2 streams open at once on one connection.
    pub streams_max: u32,
    /// Headers of one request.
    pub headers_max: usize,
    /// Bytes of a request's line and headers together.
    pub header_bytes_max: usize,
    /// From the first byte that could be awaited to the last of the headers. It ends an idle connection too.
    pub header_timeout: Duration,
    /// From the end of the headers to the end of the body.
    pub body_timeout: Duration,
    /// A request to the AWS API: a definition of 1 MiB, escaped as a JSON string, and what surrounds it.
    pub aws_body_bytes_max: usize,
    /// A definition, and any other JSON body of the plain interface.
    pub json_body_bytes_max: usize,
    /// A request to a route of the operator's.
    pub route_body_bytes_max: usize,
    /// A batch of starts.
    pub batch_body_bytes_max: usize,
    /// A module.
    pub module_bytes_max: usize,
    /// Modules that are taken in at once, from the first byte of the body until they are compiled.
    pub uploads_max: usize,
    /// Calls of functions that nobody waits for, and that are not over.
    pub events_max: usize,
    /// Bodies that are still arriving, all together. One that comes in a single piece does not count.
    pub arriving_bytes_max: usize,
    /// Idempotency keys that an account can have.
    pub idempotency_keys_max: usize,
    /// Bytes that those hold together with their answers.
    pub idempotency_bytes_max: usize,
    /// How long a key is kept.
    pub idempotency_kept: Duration,
    /// Executions that [`GET /v1/executions/ARN`](crate::Service) can show.
    pub cache_entries_max: usize,
    /// Bytes that those hold together.
    pub cache_bytes_max: usize,
    /// Histories of executions that are kept in memory; the oldest are forgotten first.
    pub history_entries_max: usize,
    /// Bytes that those hold together.
    pub history_bytes_max: usize,
    /// Events of one execution; of a longer history the newest are kept. It is the service's bound for a STANDARD
    /// execution.
    pub history_events_max: usize,
    /// Bytes that the events of one execution hold.
    pub history_event_bytes_max: usize,
    /// Those who follow an execution, all together.
    pub followers_max: usize,
    /// Deliveries of webhooks that are remembered, of an account.
    pub deliveries_max: usize,
    /// How long the server still accepts connections, its readiness already withdrawn, after it was told to stop:
    /// the time that a load balancer takes to notice.
    pub notice: Duration,
    /// How long the server then waits for requests and executions in flight.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 8_192,
            streams_max: 256,
            headers_max: 64,
            header_bytes_max: 32 << 10,
            header_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(60),
            aws_body_bytes_max: 2 << 20,
            json_body_bytes_max: 1 << 20,
            route_body_bytes_max: 1 << 20,
            batch_body_bytes_max: 8 << 20,
            module_bytes_max: 64 << 20,
            uploads_max: 4,
            events_max: 500,
            arriving_bytes_max: 512 << 20,
            idempotency_keys_max: 100_000,
            idempotency_bytes_max: 64 << 20,
            idempotency_kept: Duration::from_secs(600),
            cache_entries_max: 10_000,
            cache_bytes_max: 64 << 20,
            history_entries_max: 10_000,
            history_bytes_max: 256 << 20,
            history_events_max: 25_000,
            history_event_bytes_max: 8 << 20,
            followers_max: 1_024,
            deliveries_max: 100_000,
            notice: Duration::ZERO,
            patience: Duration::from_secs(30),
        }
    }
}

/// AWS's limit for the input and the output of an execution.
pub(crate) const INPUT_BYTES_MAX: usize = 262_144;
/// Starts of one batch: what the engine takes at once.
pub(crate) const BATCH_STARTS_MAX: usize = fleetstep_engine::BATCH_STARTS_MAX;
/// The longest name of a state machine or an execution, in characters.
pub(crate) const NAME_CHARACTERS_MAX: usize = 80;
/// The longest ARN, in characters.
pub(crate) const ARN_CHARACTERS_MAX: usize = 256;
/// The longest definition, in characters.
pub(crate) const DEFINITION_CHARACTERS_MAX: usize = 1_048_576;
/// The largest page of a listing.
pub(crate) const PAGE_ITEMS_MAX: i64 = 1_000;
/// The longest description of a version or an alias, in characters.
pub(crate) const DESCRIPTION_CHARACTERS_MAX: usize = 256;
/// The reason that comes with an order to stop: an error of 256 characters, a cause of 32,768, both escaped.
pub(crate) const STOP_BODY_BYTES_MAX: usize = 256 << 10;

/// How many items a page holds when so many are asked for: 0 leaves it to the server.
pub(crate) fn page_items(asked: usize) -> usize {
    match asked {
        0 => fleetstep_catalog::PAGE_ITEMS_DEFAULT,
        more => more.min(fleetstep_catalog::PAGE_ITEMS_MAX),
    }
}
