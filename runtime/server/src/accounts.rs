//! The catalogs of the accounts beside the server's own: each in a folder of its own below the data directory.

use crate::runtime::Runtime;
use crate::settings::Settings;
use anyhow::{Context as _, Result};
use fleetstep_catalog::Catalog;
use fleetstep_identity::Keys;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Below the data directory, a folder for each account but the server's own, which has the directory itself.
const ACCOUNTS: &str = "accounts";

/// Where the data of an account lies.
pub(crate) fn folder(data_dir: &Path, account: &str) -> PathBuf {
    data_dir.join(ACCOUNTS).join(account)
}

/// Opens the catalog of every account that has keys, and of every one that has data: what it left unfinished runs again
/// even when its keys are gone.
pub(crate) async fn open(settings: &Settings, runtime: &Runtime, keys: Option<&Keys>) -> Result<Vec<Catalog>> {
    let mut accounts: BTreeSet<String> = keys.into_iter().flat_map(Keys::accounts).map(str::to_owned).collect();
    if let Some(data_dir) = &settings.data_dir {
        accounts.extend(on_disk(&data_dir.join(ACCOUNTS))?);
    }
    accounts.remove(&settings.account);
    let mut catalogs = Vec::with_capacity(accounts.len());
    for account in accounts {
        let catalog = runtime.open_account(settings, &account).await;
        catalogs.push(catalog.with_context(|| format!("account {account}"))?);
    }
    Ok(catalogs)
}

/// The accounts that have a folder.
fn on_disk(folder: &Path) -> Result<Vec<String>> {
    let listing = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        listing => listing.with_context(|| format!("cannot list {}", folder.display()))?,
    };
    let mut accounts = Vec::new();
    for entry in listing {
        let name = entry?.file_name();
        accounts.extend(name.to_str().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())).map(str::to_owned));
    }
    Ok(accounts)
}
