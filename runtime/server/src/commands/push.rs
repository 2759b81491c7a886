//! `fleetstep push`: modules go into an OCI registry.

use crate::deploy::Deployment;
use crate::terminal;
use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use clap::Args;
use fleetstep_registry::{Access, ModuleReference};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Pushes modules to an OCI registry. One module goes where the reference says; of several each goes to a name of its
/// own below it. Credentials are those of `docker login`. Prints a reference with the digest of each.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  fleetstep push ghcr.io/team/charge:1.0 charge.wasm
  fleetstep push localhost:5000/orders:7 charge ship      # localhost:5000/orders/charge:7, localhost:5000/orders/ship:7
  fleetstep push ghcr.io/team/charge:1.0 charge --directory examples/orders")]
pub(crate) struct Push {
    /// Where to: REGISTRY/NAME:TAG
    #[arg(value_name = "REF")]
    reference: String,
    /// Files that end in .wasm, or functions of the directory, which are built
    #[arg(required = true, value_name = "MODULE|FUNCTION")]
    modules: Vec<String>,
    /// The directory whose functions are meant
    #[arg(long, default_value = ".", value_name = "DIR")]
    directory: PathBuf,
    /// Speak to a registry on another machine without TLS
    #[arg(long)]
    plain_http: bool,
}

impl Push {
    pub(crate) fn execute(self) -> Result<ExitCode> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.push())?;
        Ok(ExitCode::SUCCESS)
    }

    async fn push(self) -> Result<()> {
        let access = Access { plain_http: self.plain_http };
        let references = self.references()?;
        for (module, reference) in self.modules.iter().zip(references) {
            let file = self.file(module).await.with_context(|| module.clone())?;
            let bytes = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let pushed = access.push(&reference, Bytes::from(bytes)).await?;
            terminal::result(format_args!("{reference}@{}", pushed.digest));
        }
        Ok(())
    }

    /// Where each module goes.
    fn references(&self) -> Result<Vec<ModuleReference>> {
        let [_, _, ..] = self.modules[..] else { return Ok(vec![self.reference.parse()?]) };
        let (name, tag) = match self.reference.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')) {
            Some((name, tag)) => (name, format!(":{tag}")),
            None => (self.reference.as_str(), String::new()),
        };
        let stems: Vec<&str> = self.modules.iter().map(|module| stem(module)).collect();
        if let Some(twice) = stems.iter().enumerate().find(|(at, stem)| stems[..*at].contains(stem)) {
            bail!("two modules are called {}: push them one by one", twice.1);
        }
        stems.iter().map(|stem| Ok(format!("{name}/{}{tag}", stem.to_ascii_lowercase()).parse()?)).collect()
    }

    /// The file of a module; that of a function is built first, where it is a crate.
    async fn file(&self, module: &str) -> Result<PathBuf> {
        if module.ends_with(".wasm") {
            return Ok(module.into());
        }
        Deployment::at(&self.directory)?.module_file(module).await
    }
}

fn stem(module: &str) -> &str {
    Path::new(module).file_stem().and_then(|stem| stem.to_str()).unwrap_or(module)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references(reference: &str, modules: &[&str]) -> Result<Vec<String>, String> {
        let push = Push {
            reference: reference.into(),
            modules: modules.iter().map(|module| (*module).to_owned()).collect(),
            directory: ".".into(),
            plain_http: false,
        };
        let references = push.references().map_err(|error| error.to_string())?;
        Ok(references.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn one_module_goes_where_the_reference_says_and_several_below_it() {
        for (reference, modules, expected) in [
            ("ghcr.io/team/task:1", &["task.wasm"][..], &["oci://ghcr.io/team/task:1"][..]),
            (
                "localhost:5000/orders:7",
                &["charge", "dist/Ship.wasm"],
                &["oci://localhost:5000/orders/charge:7", "oci://localhost:5000/orders/ship:7"],
            ),
            (
                "localhost:5000/orders",
                &["a", "b"],
                &["oci://localhost:5000/orders/a:latest", "oci://localhost:5000/orders/b:latest"],
            ),
        ] {
            assert_eq!(references(reference, modules).unwrap(), expected, "{reference}");
        }
        assert!(references("ghcr.io/team/task:1", &["a.wasm", "x/a.wasm"]).unwrap_err().contains("two modules"));
        assert!(references("task:1", &["task.wasm"]).is_err());
    }
}
