//! A module goes into a registry.

use crate::artefact::{Artefact, MANIFEST, digest};
use crate::client::{Client, Order};
use crate::{Access, ModuleReference, RegistryError, in_time};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode, Uri};

/// What was pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// The digest of its manifest: with it a reference means this and nothing else.
    pub digest: String,
}

impl Access {
    /// Puts a module where `reference` says.
    pub async fn push(self, reference: &ModuleReference, module: Bytes) -> Result<Pushed, RegistryError> {
        in_time(reference, self.push_module(reference, module)).await
    }

    async fn push_module(self, reference: &ModuleReference, module: Bytes) -> Result<Pushed, RegistryError> {
        let artefact = Artefact::of(&module)?;
        let pushed = Pushed { digest: digest(&artefact.manifest) };
        if let Some(expected) = reference.digest().filter(|expected| *expected != pushed.digest) {
            let (reference, expected) = (reference.to_string(), expected.to_owned());
            return Err(RegistryError::OtherDigest { reference, found: pushed.digest, expected });
        }
        let mut client = Client::new(self, reference, "pull,push").await?;
        // What a manifest names is there before it.
        put_blob(&mut client, module, &artefact.layer_digest).await?;
        put_blob(&mut client, artefact.config, &artefact.config_digest).await?;
        let uri = client.place(&format!("manifests/{}", reference.kept_under()))?;
        let order = Order { body: artefact.manifest, ..Order::new(Method::PUT, uri) };
        let answer = client.send(order.with(CONTENT_TYPE, MANIFEST)).await?;
        client.expect(answer, &[StatusCode::CREATED, StatusCode::OK]).await?;
        Ok(pushed)
    }
}

/// Puts a blob, unless it is there.
async fn put_blob(client: &mut Client<'_>, blob: Bytes, digest: &str) -> Result<(), RegistryError> {
    let place = client.place(&format!("blobs/{digest}"))?;
    if client.send(Order::new(Method::HEAD, place)).await?.status == StatusCode::OK {
        return Ok(());
    }
    let begin = client.place("blobs/uploads/")?;
    let begun = client.send(Order::new(Method::POST, begin)).await?;
    let begun = client.expect(begun, &[StatusCode::ACCEPTED]).await?;
    let uri =
        with_digest(&client.location(&begun)?, digest).ok_or_else(|| client.refused("it says to go on nowhere"))?;
    let order = Order { body: blob, ..Order::new(Method::PUT, uri) }.with(CONTENT_TYPE, "application/octet-stream");
    let answer = client.send(order).await?;
    client.expect(answer, &[StatusCode::CREATED]).await?;
    Ok(())
}

fn with_digest(uri: &Uri, digest: &str) -> Option<Uri> {
    let mark = if uri.query().is_some() { '&' } else { '?' };
    format!("{uri}{mark}digest={}", digest.replace(':', "%3A")).parse().ok()
}
