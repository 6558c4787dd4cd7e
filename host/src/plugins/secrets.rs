//! Secrets of the server's configuration, by name. A revealed one is read at each use; injected headers and keys
//! are read once a generation: `reload` takes a rotated one over.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use chancery_sandbox::Kind;
use chancery_sandbox::ports::{Reader, SecretPort};
use chancery_store::Store;
use serde_json::json;
use zeroize::Zeroizing;

use crate::audit::Actor;
use crate::clock::Clock;
use crate::config::Plugins;
use crate::config::plugins::{Secret, environment};
use crate::issuance::issuers::DEFAULT_ISSUER;

/// A secret may be this large.
const MAX_BYTES: usize = 64 * 1024;

pub(super) struct Secrets {
    sources: BTreeMap<String, Secret>,
    /// Where reading one is recorded, and by which time; `None` where no plugin may read any.
    record: Option<(Arc<dyn Store>, Arc<dyn Clock>)>,
}

impl Secrets {
    pub(super) fn new(config: &Plugins, store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { sources: config.secrets.clone(), record: Some((store, clock)) }
    }

    /// For the host's own use alone: plugins cannot read them.
    pub(super) fn unrecorded(config: &Plugins) -> Self {
        Self { sources: config.secrets.clone(), record: None }
    }

    /// The value; the error is for the operator and never holds any of it.
    pub(super) fn read(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, String> {
        let Some(source) = self.sources.get(name) else {
            return Err(format!("the server's configuration has no [plugins.secrets.{name}]"));
        };
        let value = match source {
            Secret { file: Some(file), .. } => read_file(file)?,
            Secret { env: Some(variable), .. } => environment(variable)
                .map(|value| Zeroizing::new(value.into_bytes()))
                .ok_or_else(|| format!("the environment variable {variable} of the secret {name} is not set"))?,
            Secret { .. } => return Err(format!("the secret {name} has no source")),
        };
        if value.is_empty() {
            return Err(format!("the secret {name} is empty"));
        }
        Ok(value)
    }

    pub(super) fn read_text(&self, name: &str) -> Result<Zeroizing<String>, String> {
        let bytes = self.read(name)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| format!("the secret {name} is not UTF-8 text"))?;
        Ok(Zeroizing::new(text.to_owned()))
    }
}

fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let fail = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let file = std::fs::File::open(path).map_err(fail)?;
    // Reserved beforehand: a buffer that grows leaves copies behind that nobody wipes.
    let mut value = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 1));
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut value).map_err(fail)?;
    if value.len() > MAX_BYTES {
        return Err(format!("{} is larger than {MAX_BYTES} bytes", path.display()));
    }
    // What editors add is no part of it.
    if value.ends_with(b"\n") {
        value.pop();
    }
    if value.ends_with(b"\r") {
        value.pop();
    }
    Ok(value)
}

#[async_trait]
impl SecretPort for Secrets {
    fn open(&self, name: &str) -> Result<(), String> {
        self.read(name).map(drop)
    }

    /// No event, no value. What audit plugins read is a log line: its event would be the next one that they deliver,
    /// and so on for ever.
    async fn reveal(&self, name: &str, reader: &Reader) -> Result<Vec<u8>, String> {
        let value = self.read(name)?;
        let Some((store, clock)) = &self.record else {
            tracing::warn!(secret = name, "the plugin reads a secret while it is loaded, which is not done here");
            return Err("secrets are not read here, since nothing records it".to_owned());
        };
        if reader.kind == Kind::Audit {
            tracing::info!(plugin = reader.plugin, secret = name, "an audit plugin reads a secret");
            return Ok(value.to_vec());
        }
        let request_id = Some(reader.request_id.as_str()).filter(|id| !id.is_empty());
        let issuer = if reader.issuer_id.is_empty() { DEFAULT_ISSUER } else { &reader.issuer_id };
        let actor = Actor::new(&format!("plugin:{}", reader.plugin), request_id);
        let mut event = actor.did(issuer, "secret.reveal", name, clock.timestamp());
        event.detail = json!({"plugin_sha256_prefix": reader.digest});
        let written = store.append_events(&[event]).await;
        written.map_err(|error| format!("its audit event cannot be written: {error}"))?;
        Ok(value.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_end_is_no_part_of_a_secret() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        for (content, value) in [("a b\n", "a b"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("a", "a")] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(**read_file(&path).unwrap(), *value.as_bytes());
        }
        std::fs::write(&path, "x".repeat(MAX_BYTES + 1)).unwrap();
        assert!(read_file(&path).unwrap_err().contains("larger"));
        assert!(read_file(&dir.path().join("none")).unwrap_err().contains("none"));
    }
}
