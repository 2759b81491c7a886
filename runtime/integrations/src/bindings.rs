//! Which binding is whose: patterns, accounts, and what is made of them when the server starts.

use crate::ConfigError;
use crate::aws::AwsService;
use crate::config::{BindingConfig, Config};
use crate::connection::Connection;
use crate::endpoint::Endpoint;
use crate::exchange::EXCHANGE_BYTES_MAX;
use crate::http::{HttpInvoke, Reachable};
use fleetstep_catalog::{Bound, Outside};
use fleetstep_document::Text;
use fleetstep_engine::TaskHost;
use fleetstep_outbound::{Bounds, Client, Policy, Timeouts};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Bindings of one server.
const BINDINGS_MAX: usize = 1_000;
/// Connections of one server.
const CONNECTIONS_MAX: usize = 1_000;
/// How long an answer may take to begin, and how long between two parts of it: the whole exchange has its own limit.
const QUIET_MAX: Duration = Duration::from_secs(60);

/// What the operator has set up, read and checked once, for all accounts.
#[derive(Clone)]
pub struct Shared(Arc<Inner>);

struct Inner {
    /// The server's own account.
    account: String,
    http: Grants<Policy>,
    connections: BTreeMap<String, Grants<Arc<Connection>>>,
    /// The most particular first.
    bindings: Vec<(Pattern, Grants<Target>)>,
    client: Client,
    region: String,
}

/// Something, and for which accounts it is there.
struct Grants<T> {
    what: T,
    accounts: Vec<String>,
}

impl<T> Grants<T> {
    fn of(&self, account: &str, own: &str) -> Option<&T> {
        let is_granted = account == own || self.accounts.iter().any(|granted| granted == "*" || granted == account);
        is_granted.then_some(&self.what)
    }
}

/// What a binding leads to, as far as it is the same for every resource.
enum Target {
    Function(Text),
    Endpoint(Arc<Endpoint>),
    Aws(Arc<AwsService>),
}

/// `SERVICE:ACTION`, or what that begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    text: String,
    is_prefix: bool,
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, ConfigError> {
        let (head, is_prefix) = text.strip_suffix('*').map_or((text, false), |head| (head, true));
        let is_clean = head.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":-_".contains(&byte));
        if !is_clean || (!is_prefix && !head.contains(':')) {
            let reason = "a binding is named as `dynamodb:putItem`, `dynamodb:*`, `aws-sdk:sqs:sendMessage` or `*`";
            return Err(ConfigError::new(format!("bindings.\"{text}\""), reason));
        }
        Ok(Self { text: head.to_owned(), is_prefix })
    }

    fn matches(&self, action: &str) -> bool {
        // What every server has is not taken over by a pattern for all.
        let is_built_in = || BUILT_IN.iter().any(|built_in| action.starts_with(built_in));
        match self.is_prefix {
            false => action == self.text,
            true => action.starts_with(&self.text) && (self.text.contains(':') || !is_built_in()),
        }
    }

    /// Longer ones say more; one without a star says it all.
    fn weight(&self) -> (bool, usize) {
        (!self.is_prefix, self.text.len())
    }
}

const BUILT_IN: [&str; 4] = ["http:", "lambda:", "states:", "aws-sdk:sfn:"];

impl Shared {
    /// Reads and checks what the operator has written. Secrets are read now.
    ///
    /// # Errors
    /// What is wrong, and in which table.
    pub fn new(config: &Config, account: &str, region: &str) -> Result<Self, ConfigError> {
        if config.bindings.len() > BINDINGS_MAX || config.connections.len() > CONNECTIONS_MAX {
            let reason = format!("at most {BINDINGS_MAX} bindings and {CONNECTIONS_MAX} connections");
            return Err(ConfigError::new("bindings", reason));
        }
        let timeouts = Timeouts { first_byte: QUIET_MAX, between_bytes: QUIET_MAX, ..Timeouts::default() };
        let client = Client::new(Bounds {
            timeouts,
            request_bytes_max: EXCHANGE_BYTES_MAX,
            response_bytes_max: EXCHANGE_BYTES_MAX,
            ..Bounds::default()
        });
        let allow = Policy::parse(&config.http_invoke.allow).map_err(|error| ConfigError::new("http_invoke", error))?;
        let http = Grants { what: allow, accounts: config.http_invoke.accounts.clone() };
        let mut connections = BTreeMap::new();
        for (name, connection) in &config.connections {
            let what = Arc::new(Connection::new(name, connection)?);
            connections.insert(name.clone(), Grants { what, accounts: connection.accounts.clone() });
        }
        let mut bindings = Vec::with_capacity(config.bindings.len());
        for (pattern, binding) in &config.bindings {
            let what = target(pattern, binding, &connections, region)?;
            bindings.push((Pattern::parse(pattern)?, Grants { what, accounts: binding.accounts.clone() }));
        }
        bindings.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.weight()));
        let (account, region) = (account.to_owned(), region.to_owned());
        Ok(Self(Arc::new(Inner { account, http, connections, bindings, client, region })))
    }

    /// What one account has of it.
    #[must_use]
    pub fn of_account(&self, account: &str) -> Integrations {
        let inner = &self.0;
        let connections = inner
            .connections
            .iter()
            .filter_map(|(name, granted)| Some((name.clone(), Arc::clone(granted.of(account, &inner.account)?))));
        let reachable = Reachable {
            without: inner.http.of(account, &inner.account).cloned().unwrap_or_default(),
            connections: connections.collect(),
            client: inner.client.clone(),
            region: inner.region.clone(),
        };
        let http = Arc::new(HttpInvoke::new(reachable));
        Integrations { shared: self.clone(), account: account.to_owned(), http }
    }
}

fn target(
    pattern: &str,
    binding: &BindingConfig,
    connections: &BTreeMap<String, Grants<Arc<Connection>>>,
    region: &str,
) -> Result<Target, ConfigError> {
    let place = format!("bindings.\"{pattern}\"");
    let connection = match &binding.connection {
        None => None,
        Some(name) => match connections.get(name) {
            Some(granted) => Some(Arc::clone(&granted.what)),
            None => return Err(ConfigError::new(place, format!("there is no connection '{name}'"))),
        },
    };
    match (&binding.function, &binding.http, &binding.aws) {
        (Some(name), None, None) if connection.is_none() => Ok(Target::Function(Text::from(name.as_str()))),
        (None, Some(url), None) => Ok(Target::Endpoint(Arc::new(Endpoint::new(&place, url, connection)?))),
        (None, None, Some(aws)) if connection.is_none() => {
            Ok(Target::Aws(Arc::new(AwsService::new(&place, aws, region)?)))
        }
        _ => Err(ConfigError::new(place, "it needs one of `function`, `http` (with a `connection` or not) and `aws`")),
    }
}

/// What the tasks of one account reach outside.
#[derive(Clone)]
pub struct Integrations {
    shared: Shared,
    account: String,
    http: Arc<HttpInvoke>,
}

impl fmt::Debug for Integrations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Integrations").field("account", &self.account).finish_non_exhaustive()
    }
}

impl Outside for Integrations {
    fn bound(&self, action: &str) -> Bound {
        let inner = &self.shared.0;
        let target = inner
            .bindings
            .iter()
            .filter(|(pattern, _)| pattern.matches(action))
            .find_map(|(_, granted)| granted.of(&self.account, &inner.account));
        match target {
            Some(Target::Function(name)) => Bound::Function(name.clone()),
            Some(Target::Endpoint(endpoint)) => Bound::Host(endpoint.host(action, &inner.client)),
            Some(Target::Aws(service)) => Bound::Host(service.host(action, &inner.client)),
            None if action == "http:invoke" => Bound::Host(Arc::clone(&self.http) as Arc<dyn TaskHost>),
            None => Bound::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(config: &str) -> Result<Shared, ConfigError> {
        Shared::new(&toml::from_str(config).expect("a configuration"), "000000000000", "us-east-1")
    }

    fn bound(config: &str, account: &str, action: &str) -> String {
        match shared(config).unwrap().of_account(account).bound(action) {
            Bound::Nothing => "nothing".to_owned(),
            Bound::Function(name) => name.to_string(),
            Bound::Host(_) => "host".to_owned(),
        }
    }

    #[test]
    fn the_most_particular_binding_counts_and_what_is_built_in_is_not_taken_by_a_star() {
        let config = r#"
            [bindings."*"]
            function = "any"
            [bindings."dynamodb:*"]
            function = "tables"
            [bindings."dynamodb:put*"]
            function = "puts"
            [bindings."dynamodb:putItem"]
            function = "put"
            [bindings."aws-sdk:sqs:*"]
            http = "http://127.0.0.1:1/queue"
        "#;
        for (action, expected) in [
            ("dynamodb:putItem", "put"),
            ("dynamodb:putMore", "puts"),
            ("dynamodb:getItem", "tables"),
            ("sns:publish", "any"),
            ("aws-sdk:sqs:sendMessage", "host"),
            ("states:startExecution", "nothing"),
            ("aws-sdk:sfn:startSyncExecution", "nothing"),
            ("lambda:invoke", "nothing"),
            ("http:invoke", "host"),
        ] {
            assert_eq!(bound(config, "000000000000", action), expected, "{action}");
        }
        assert_eq!(bound("[bindings.\"states:*\"]\nfunction = \"f\"", "000000000000", "states:startExecution"), "f");
    }

    #[test]
    fn another_account_has_what_it_was_granted() {
        let config = r#"
            [bindings."sns:*"]
            function = "own"
            [bindings."sqs:*"]
            function = "granted"
            accounts = ["111111111111"]
            [bindings."ecs:*"]
            function = "all"
            accounts = ["*"]
        "#;
        for (account, action, expected) in [
            ("000000000000", "sns:publish", "own"),
            ("111111111111", "sns:publish", "nothing"),
            ("111111111111", "sqs:sendMessage", "granted"),
            ("222222222222", "sqs:sendMessage", "nothing"),
            ("222222222222", "ecs:runTask", "all"),
        ] {
            assert_eq!(bound(config, account, action), expected, "{account} {action}");
        }
    }

    #[test]
    fn what_is_not_clear_is_refused_with_its_place() {
        for (config, place, reason) in [
            ("[bindings.\"dynamodb:putItem\"]", "bindings.\"dynamodb:putItem\"", "needs one of"),
            ("[bindings.\"a:b\"]\nfunction = \"f\"\nhttp = \"http://x.example\"", "bindings.\"a:b\"", "needs one of"),
            ("[bindings.\"dynamodb\"]\nfunction = \"f\"", "bindings.\"dynamodb\"", "is named as"),
            ("[bindings.\"a b:*\"]\nfunction = \"f\"", "bindings.\"a b:*\"", "is named as"),
            ("[bindings.\"a:b\"]\nhttp = \"x\"", "bindings.\"a:b\"", ""),
            (
                "[bindings.\"a:b\"]\nhttp = \"http://x.example\"\nconnection = \"c\"",
                "bindings.\"a:b\"",
                "no connection 'c'",
            ),
            ("[http_invoke]\nallow = [\"x\"]", "http_invoke", ""),
            ("[connections.c]\nbasic = { user = \"u\", password = \"p\" }", "connections.c", "`allow`"),
            (
                "[connections.c]\nallow = [\"https://a.example\"]\napi_key = { name = \"x-k\", value = { env = \"FLEETSTEP_NO_SUCH\" } }",
                "connections.c",
                "FLEETSTEP_NO_SUCH is not set",
            ),
        ] {
            let error = shared(config).map(|_| ()).expect_err(config);
            assert_eq!(error.place, place);
            assert!(error.reason.contains(reason), "{error}");
        }
    }
}
