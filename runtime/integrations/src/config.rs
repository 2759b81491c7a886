//! What the operator may write.

use crate::Secret;
use fleetstep_outbound::RuleSpec;
use serde::Deserialize;
use std::collections::BTreeMap;

/// All of it. What is not there is not reachable.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What `http:invoke` may call without a connection.
    pub http_invoke: HttpConfig,
    /// What it may call with one, by the connection's name.
    pub connections: BTreeMap<String, ConnectionConfig>,
    /// What service integrations run: by `SERVICE:ACTION`, or by what that begins with and a `*`.
    pub bindings: BTreeMap<String, BindingConfig>,
}

/// What `http:invoke` may call without a connection.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// Origins, as outbound grants are written.
    pub allow: Vec<RuleSpec>,
    /// For which accounts beside the server's own; `*` is all.
    pub accounts: Vec<String>,
}

/// Credentials, and where they may go.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConnectionConfig {
    /// The only origins that are called with it.
    pub allow: Vec<RuleSpec>,
    /// User and password.
    pub basic: Option<Basic>,
    /// A header of its own.
    pub api_key: Option<ApiKey>,
    /// A token that is asked for with the client's own credentials.
    pub oauth: Option<OAuth>,
    /// Headers that are set.
    pub headers: BTreeMap<String, Secret>,
    /// Parameters of the query that are set.
    pub query: BTreeMap<String, Secret>,
    /// For which accounts beside the server's own; `*` is all.
    pub accounts: Vec<String>,
}

/// User and password.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Basic {
    /// Who.
    pub user: String,
    /// How it is shown.
    pub password: Secret,
}

/// A header with a key.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    /// The header.
    pub name: String,
    /// The key.
    pub value: Secret,
}

/// OAuth 2.0, client credentials (RFC 6749, section 4.4).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OAuth {
    /// Where a token is asked for. Naming it here allows it.
    pub token_url: String,
    /// Who.
    pub client_id: Secret,
    /// How it is shown.
    pub client_secret: Secret,
    /// What for.
    pub scope: Option<String>,
}

/// What an integration runs: one of the three.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BindingConfig {
    /// The function of that name: it gets the arguments, and its answer is the result.
    pub function: Option<String>,
    /// A URL to which the arguments are POSTed; the answer's body is the result. Naming it here allows it.
    pub http: Option<String>,
    /// The connection for that.
    pub connection: Option<String>,
    /// The service, or one that speaks like it.
    pub aws: Option<AwsConfig>,
    /// For which accounts beside the server's own; `*` is all.
    pub accounts: Vec<String>,
}

/// A service of AWS's, or one that speaks like it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AwsConfig {
    /// Its URL, without a path; that of AWS for the region unless said. Naming it here allows it.
    pub endpoint: Option<String>,
    /// The region that is signed for; `AWS_REGION` or `AWS_DEFAULT_REGION`, or else the server's own, unless said.
    pub region: Option<String>,
    /// `AWS_ACCESS_KEY_ID` unless said.
    pub access_key_id: Option<Secret>,
    /// `AWS_SECRET_ACCESS_KEY` unless said.
    pub secret_access_key: Option<Secret>,
    /// `AWS_SESSION_TOKEN`, where the keys come from there too, unless said.
    pub session_token: Option<Secret>,
}
