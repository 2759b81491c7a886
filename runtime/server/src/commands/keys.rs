//! `fleetstep keys`: who may use a server.

use crate::terminal::{self, progress, result};
use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use fleetstep_identity::{KeysFile, Listed, Scope, UnknownScope};
use std::path::PathBuf;
use std::process::ExitCode;

/// Make, list and remove the keys that a server takes.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  fleetstep keys add --keys keys.toml --scopes deploy,start,read
      An access key for boto3 and the AWS CLI. Its secret is shown this once.
  fleetstep keys add --keys keys.toml --token --scopes start --name ci
      A bearer token for /v1.
  fleetstep keys remove --keys keys.toml FSAK…
      A running server takes the change at SIGHUP.")]
pub(crate) struct KeysCommand {
    #[command(subcommand)]
    act: Act,
    /// The keys' file; made where there is none, for its owner alone to read
    #[arg(long, value_name = "FILE", global = true, default_value = "keys.toml")]
    keys: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Add an access key, or a bearer token, and print it
    Add(Add),
    /// List the keys, without their secrets
    List {
        /// Print JSON, a line for each
        #[arg(long)]
        json: bool,
    },
    /// Remove a key or a token
    Remove {
        /// Its id
        id: String,
    },
}

#[derive(Args, Debug)]
struct Add {
    /// What it may do: deploy, start, read, admin; with commas between them
    #[arg(long, value_name = "SCOPES", value_delimiter = ',', required = true)]
    scopes: Vec<String>,
    /// The account that it belongs to
    #[arg(long, default_value = "000000000000")]
    account: String,
    /// What it is for
    #[arg(long, default_value = "")]
    name: String,
    /// A bearer token for /v1 in place of an access key for the AWS protocol
    #[arg(long)]
    token: bool,
}

impl KeysCommand {
    pub(crate) fn execute(self) -> Result<ExitCode> {
        match self.act {
            Act::Add(add) => {
                let mut file = KeysFile::open_or_new(&self.keys)?;
                let shown = add.to(&mut file)?;
                file.save()?;
                result(shown);
                progress("the secret is kept nowhere else: it cannot be shown again");
            }
            Act::List { json } => {
                for Listed { kind, id, name, account, scopes } in KeysFile::open(&self.keys)?.list() {
                    if json {
                        let key = serde_json::json!({"kind": kind, "id": id, "account": account, "scopes": scopes, "name": name});
                        terminal::json(&key.to_string());
                        continue;
                    }
                    result(format_args!("{kind}\t{id}\t{account}\t{scopes}\t{name}"));
                }
            }
            Act::Remove { id } => {
                let mut file = KeysFile::open(&self.keys)?;
                if !file.remove(&id) {
                    bail!("{} has no key {id}", self.keys.display());
                }
                file.save()?;
                progress(format_args!("{id} was removed; a running server takes it until SIGHUP"));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Add {
    /// What is to be shown of the new key, once.
    fn to(&self, file: &mut KeysFile) -> Result<String> {
        let scopes = self.scopes.iter().map(|name| name.parse()).collect::<Result<Vec<Scope>, UnknownScope>>()?;
        let scopes = scopes.into_iter().collect();
        if self.token {
            let (id, token) = file.add_token(&self.account, scopes, &self.name)?;
            return Ok(format!("token {id}\n{}", *token));
        }
        let (id, secret) = file.add_access_key(&self.account, scopes, &self.name)?;
        Ok(format!("AWS_ACCESS_KEY_ID={id}\nAWS_SECRET_ACCESS_KEY={}", *secret))
    }
}
