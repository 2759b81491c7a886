//! The registries that a server may fetch modules from, for whoever may put functions.

use fleetstep_api::{FetchError, FetchedModule, ModuleSource};
use fleetstep_registry::{Access, ModuleReference};

/// Fetches modules from these registries and from no other.
#[derive(Clone, Debug)]
pub(crate) struct Registries(pub(crate) Vec<String>);

impl Registries {
    fn allowed(&self, reference: &str) -> Result<ModuleReference, FetchError> {
        let parsed: ModuleReference = reference
            .parse()
            .map_err(|error: fleetstep_registry::RegistryError| FetchError::Failed(error.to_string()))?;
        if self.0.iter().any(|registry| registry == parsed.registry()) {
            return Ok(parsed);
        }
        Err(FetchError::NotAllowed(format!(
            "This server fetches no modules from {}: its operator names registries by --module-registry",
            parsed.registry()
        )))
    }
}

impl ModuleSource for Registries {
    fn fetch(&self, reference: String, bytes_max: u64) -> FetchedModule {
        let allowed = self.allowed(&reference);
        Box::pin(async move {
            let pulled = Access::default().pull(&allowed?, bytes_max).await;
            pulled.map(|pulled| pulled.module).map_err(|error| FetchError::Failed(error.to_string()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_registries_are_asked() {
        let registries = Registries(vec!["ghcr.io".to_owned(), "localhost:5000".to_owned()]);
        for reference in ["oci://ghcr.io/team/task:1", "localhost:5000/task"] {
            assert!(registries.allowed(reference).is_ok(), "{reference}");
        }
        for reference in ["ghcr.io:443/task", "ghcr.io.example.com/task", "localhost:5001/task", "127.0.0.1:5000/task"]
        {
            assert!(matches!(registries.allowed(reference), Err(FetchError::NotAllowed(_))), "{reference}");
        }
        assert!(matches!(registries.allowed("task"), Err(FetchError::Failed(_))));
    }
}
