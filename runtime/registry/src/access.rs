//! How a registry is reached: over TLS unless it is on this machine, with the credentials that the user has for it.

use crate::{ModuleReference, RegistryError};
use docker_credential::{CredentialRetrievalError, DockerCredential, get_credential};
use std::path::PathBuf;

/// Under what Docker keeps the credentials for its own registry.
const DOCKER_HUB: (&str, &str) = ("docker.io", "https://index.docker.io/v1/");

/// How registries may be reached.
#[derive(Clone, Copy, Debug, Default)]
pub struct Access {
    /// Without TLS, wherever the registry is; one on this machine is spoken to without in any case.
    pub plain_http: bool,
}

/// A user's name and password.
pub(crate) struct Credentials {
    pub(crate) user: String,
    pub(crate) password: String,
}

/// Whether there is a file of logins, which need not be readable.
fn has_logins() -> bool {
    let folder = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let folder = folder.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".docker")));
    folder.is_some_and(|folder| folder.join("config.json").exists())
}

/// What the user has logged in to a registry with, by `docker login` or another tool that keeps to its file.
pub(crate) async fn credentials(reference: &ModuleReference) -> Result<Option<Credentials>, RegistryError> {
    let registry = reference.registry().to_owned();
    let named = if registry == DOCKER_HUB.0 { DOCKER_HUB.1.to_owned() } else { registry.clone() };
    let nothing = || Err(CredentialRetrievalError::NoCredentialConfigured);
    // A helper may be asked, which is another program.
    let found =
        tokio::task::spawn_blocking(move || if has_logins() { get_credential(&named) } else { nothing() }).await;
    let wrong = |reason: String| RegistryError::Credentials { registry: registry.clone(), reason };
    match found.map_err(|error| wrong(error.to_string()))? {
        Ok(DockerCredential::UsernamePassword(user, password)) => Ok(Some(Credentials { user, password })),
        Ok(DockerCredential::IdentityToken(_)) => {
            Err(wrong("they are an identity token, which is not supported: log in with a user name".to_owned()))
        }
        Err(CredentialRetrievalError::NoCredentialConfigured) => Ok(None),
        // A helper's own words may hold what it was asked for.
        Err(CredentialRetrievalError::HelperFailure { helper, .. }) => Err(wrong(format!("{helper} failed"))),
        Err(error) => Err(wrong(error.to_string())),
    }
}
