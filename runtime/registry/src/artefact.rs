//! A module as an OCI artefact: the media types that the CNCF's Wasm working group has agreed on, and what came before.
//!
//! Rules: "Wasm OCI Artifact Layout" of the TAG Runtime, <https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/>.

use crate::RegistryError;
use crate::reference::is_digest;
use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const CONFIG: &str = "application/vnd.wasm.config.v0+json";
pub(crate) const LAYER: &str = "application/wasm";
/// Layers of other tools that are one module too.
pub(crate) const LAYERS_BEFORE: [&str; 2] =
    ["application/vnd.wasm.content.layer.v1+wasm", "application/vnd.module.wasm.content.layer.v1+wasm"];

/// When every artefact was made, so that the time of a push does not change it.
const CREATED: &str = "1970-01-01T00:00:00Z";

/// What a core module and a component begin with.
const CORE: &[u8] = b"\0asm\x01\0\0\0";
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// `sha256:…`
pub(crate) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

/// A module with what describes it.
pub(crate) struct Artefact {
    pub(crate) config: Bytes,
    pub(crate) manifest: Bytes,
    pub(crate) layer_digest: String,
    pub(crate) config_digest: String,
}

impl Artefact {
    /// The artefact that a module is: of equal modules the same, with the same digest.
    pub(crate) fn of(module: &[u8]) -> Result<Self, RegistryError> {
        let system = match module {
            _ if module.starts_with(CORE) => "wasip1",
            _ if module.starts_with(COMPONENT) => "wasip2",
            _ => return Err(RegistryError::NoModule),
        };
        let layer_digest = digest(module);
        let config = json!({"created": CREATED, "architecture": "wasm", "os": system, "layerDigests": [&layer_digest]});
        let config = Bytes::from(config.to_string());
        let config_digest = digest(&config);
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor(CONFIG, &config_digest, config.len()),
            "layers": [descriptor(LAYER, &layer_digest, module.len())],
        });
        Ok(Self { config, manifest: manifest.to_string().into(), layer_digest, config_digest })
    }
}

fn descriptor(media_type: &str, digest: &str, bytes: usize) -> Value {
    json!({"mediaType": media_type, "digest": digest, "size": bytes})
}

/// The one layer of a manifest: its digest and its size.
pub(crate) fn layer_of(manifest: &[u8]) -> Result<(String, u64), String> {
    let manifest: Value = serde_json::from_slice(manifest).map_err(|_| "its manifest is no JSON".to_owned())?;
    if manifest.get("manifests").is_some() {
        return Err("it is an index of several images: name one of them by its digest".to_owned());
    }
    let layers = manifest.get("layers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let [layer] = layers else { return Err(format!("it has {} layers, and a module is one", layers.len())) };
    let media_type = layer.get("mediaType").and_then(Value::as_str).unwrap_or_default();
    if media_type != LAYER && !LAYERS_BEFORE.contains(&media_type) {
        return Err(format!("its layer is of type '{media_type}', and not {LAYER}"));
    }
    let digest = layer.get("digest").and_then(Value::as_str).filter(|digest| is_digest(digest));
    let digest = digest.ok_or("the digest of its layer is not sha256:…")?;
    Ok((digest.to_owned(), layer.get("size").and_then(Value::as_u64).ok_or("its layer has no size")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_becomes_an_artefact_that_leads_back_to_it() {
        for (module, system) in [(CORE, "wasip1"), (COMPONENT, "wasip2")] {
            let artefact = Artefact::of(module).unwrap();
            let config: Value = serde_json::from_slice(&artefact.config).unwrap();
            assert_eq!((config["os"].as_str(), config["architecture"].as_str()), (Some(system), Some("wasm")));
            assert_eq!(config["layerDigests"][0], artefact.layer_digest.as_str());
            assert_eq!(layer_of(&artefact.manifest).unwrap(), (digest(module), 8));
        }
        assert!(matches!(Artefact::of(b"PK\x03\x04"), Err(RegistryError::NoModule)));
    }

    #[test]
    fn what_is_no_module_is_told() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let of = |layers: &str| format!(r#"{{"layers":[{layers}]}}"#);
        let wasm = format!(r#"{{"mediaType":"application/wasm","digest":"{digest}","size":1}}"#);
        for (manifest, said) in [
            ("no json".to_owned(), "no JSON"),
            (r#"{"manifests":[]}"#.to_owned(), "index of several images"),
            (of(""), "0 layers"),
            (of(&format!("{wasm},{wasm}")), "2 layers"),
            (of(r#"{"mediaType":"application/wasm","digest":"sha256:../../x","size":1}"#), "not sha256"),
            (of(r#"{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip"}"#), "tar+gzip"),
            (of(r#"{"mediaType":"application/wasm","digest":"md5:0","size":1}"#), "not sha256"),
            (of(&format!(r#"{{"mediaType":"application/wasm","digest":"{digest}"}}"#)), "no size"),
        ] {
            let error = layer_of(manifest.as_bytes()).unwrap_err();
            assert!(error.contains(said), "{manifest}: {error}");
        }
        assert_eq!(layer_of(of(&wasm).as_bytes()).unwrap(), (digest, 1));
    }
}
