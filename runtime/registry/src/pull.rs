//! A module comes out of a registry.

use crate::artefact::{MANIFEST, digest, layer_of};
use crate::client::{Client, Order};
use crate::{Access, ModuleReference, RegistryError, in_time};
use bytes::Bytes;
use http::header::ACCEPT;
use http::{Method, StatusCode};

/// The largest manifest that is read.
const MANIFEST_BYTES_MAX: u64 = 1 << 20;

/// What was pulled.
#[derive(Clone, Debug)]
pub struct Pulled {
    /// The module.
    pub module: Bytes,
    /// The digest of its manifest.
    pub digest: String,
}

impl Access {
    /// The module that `reference` names, if it has `bytes_max` bytes at most.
    pub async fn pull(self, reference: &ModuleReference, bytes_max: u64) -> Result<Pulled, RegistryError> {
        in_time(reference, self.pull_module(reference, bytes_max)).await
    }

    async fn pull_module(self, reference: &ModuleReference, bytes_max: u64) -> Result<Pulled, RegistryError> {
        let mut client = Client::new(self, reference, "pull").await?;
        let uri = client.place(&format!("manifests/{}", reference.manifest()))?;
        let answer = client.send(Order::new(Method::GET, uri).with(ACCEPT, MANIFEST)).await?;
        let answer = client.expect(answer, &[StatusCode::OK]).await?;
        let manifest = client.read(answer, MANIFEST_BYTES_MAX).await?;
        let pulled = digest(&manifest);
        check(reference, &pulled, reference.digest())?;
        let no_artefact = |reason| RegistryError::NoArtefact { reference: reference.to_string(), reason };
        let (layer, size) = layer_of(&manifest).map_err(no_artefact)?;
        if size > bytes_max {
            return Err(RegistryError::TooLarge { reference: reference.to_string(), bytes_max });
        }
        let uri = client.place(&format!("blobs/{layer}"))?;
        let answer = client.send(Order::new(Method::GET, uri)).await?;
        let answer = client.expect(answer, &[StatusCode::OK]).await?;
        let module = client.read(answer, size).await?;
        check(reference, &digest(&module), Some(&layer))?;
        Ok(Pulled { module, digest: pulled })
    }
}

fn check(reference: &ModuleReference, found: &str, expected: Option<&str>) -> Result<(), RegistryError> {
    match expected.filter(|expected| *expected != found) {
        None => Ok(()),
        Some(expected) => Err(RegistryError::OtherDigest {
            reference: reference.to_string(),
            found: found.to_owned(),
            expected: expected.to_owned(),
        }),
    }
}
