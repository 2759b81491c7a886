//! Which server, and who asks: flags that every command has which works on a server.

use super::{Client, Token};
use crate::terminal::progress;
use anyhow::Result;
use clap::Args;

/// The server unless told otherwise: where `fleetstep serve` and `fleetstep dev` listen.
pub(crate) const ENDPOINT_DEFAULT: &str = "http://127.0.0.1:8083";

/// The server that a command works on.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ServerArgs {
    /// URL of the server
    #[arg(long, value_name = "URL", env = "FLEETSTEP_ENDPOINT", default_value = ENDPOINT_DEFAULT, hide_env_values = true)]
    pub(crate) endpoint: String,
    /// Bearer token for a server that has keys; other users of this machine may see arguments, not the variable
    #[arg(long, value_name = "TOKEN", env = "FLEETSTEP_TOKEN", hide_env_values = true, value_parser = token)]
    token: Option<Token>,
}

/// Never fails: an error of clap's would repeat the value.
fn token(text: &str) -> Result<Token, std::convert::Infallible> {
    Ok(Token::from(text))
}

impl ServerArgs {
    /// A client of the server.
    pub(crate) fn client(&self) -> Result<Client> {
        // A variable that is set to nothing says nothing.
        let token = self.token.as_ref().filter(|token| **token != Token::from(""));
        let client = Client::new(&self.endpoint, token)?;
        if client.shows_token() {
            progress("warning: the token crosses the network in clear text: use an https endpoint");
        }
        Ok(client)
    }
}
