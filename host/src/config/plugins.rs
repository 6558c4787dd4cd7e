//! `[plugins]`: the directory, whom to trust, and what grant files refer to by name: secrets and databases.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::duration;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plugins {
    /// Drop `NAME.wasm` and its grant file `NAME.toml` here.
    pub dir: PathBuf,
    /// Sandboxes at work at once, over all plugins.
    pub max_instances: u32,
    /// The directory is looked at this often even where the operating system reports no change.
    #[serde(with = "duration")]
    pub rescan: Duration,
    pub trust: Trust,
    /// What grant files name as `secret:NAME`.
    pub secrets: BTreeMap<String, Secret>,
    /// What SQL statements of grant files run on.
    pub databases: BTreeMap<String, Database>,
}

impl Default for Plugins {
    fn default() -> Self {
        Self {
            dir: PathBuf::from("plugins"),
            max_instances: 128,
            rescan: Duration::from_secs(5),
            trust: Trust::default(),
            secrets: BTreeMap::new(),
            databases: BTreeMap::new(),
        }
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Trust {
    pub require: Require,
    /// Who may sign plugins: Ed25519 public keys as Multikeys (`z6Mk…`) or PEM files.
    pub keys: Vec<String>,
}

/// What a plugin must bring to be run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Require {
    /// Nothing: who can write into the plugin directory decides.
    #[default]
    Off,
    /// Its digest in its grant file.
    Pinned,
    /// A signature beside it, by one of the keys.
    Signed,
}

/// Where a secret is: exactly one of the two.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    /// Its content without a trailing line end.
    pub file: Option<PathBuf>,
    /// An environment variable.
    pub env: Option<String>,
}

/// How a database is reached: exactly one way.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// `postgres://…`, `mysql://…`, `mariadb://…` or `sqlite:path/to/file.db`.
    pub url: Option<String>,
    /// A file that holds the URL.
    pub url_file: Option<PathBuf>,
    /// An environment variable that holds the URL.
    pub url_env: Option<String>,
    /// Connections of this host. Default 8.
    pub max_connections: Option<u32>,
}

impl Plugins {
    /// Relative paths are taken from the configuration file's directory.
    pub(super) fn resolve(&mut self, base: &Path) {
        self.dir = base.join(&self.dir);
        let join = |file: &mut Option<PathBuf>| *file = file.take().map(|file| base.join(file));
        self.secrets.values_mut().for_each(|secret| join(&mut secret.file));
        for database in self.databases.values_mut() {
            join(&mut database.url_file);
            database.url = database.url.take().map(|url| super::resolve_sqlite(&url, base));
        }
        for key in self.trust.keys.iter_mut().filter(|key| key.contains(['.', '/'])) {
            *key = base.join(&*key).display().to_string();
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        for (name, secret) in &self.secrets {
            if secret.file.is_some() == secret.env.is_some() {
                return Err(format!("plugins.secrets.{name} needs either file or env"));
            }
        }
        for (name, database) in &self.databases {
            let ways = [database.url.is_some(), database.url_file.is_some(), database.url_env.is_some()];
            if ways.into_iter().filter(|is_there| *is_there).count() != 1 {
                return Err(format!("plugins.databases.{name} needs one of url, url_file and url_env"));
            }
            if database.max_connections.is_some_and(|most| !(1..=1_000).contains(&most)) {
                return Err(format!("plugins.databases.{name}.max_connections must be 1 to 1000"));
            }
        }
        if self.trust.require == Require::Signed && self.trust.keys.is_empty() {
            return Err("plugins.trust.require = \"signed\" needs plugins.trust.keys".to_owned());
        }
        Ok(())
    }
}

/// What grant files and databases name by `env`.
pub fn environment(variable: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "configuration names the variable")]
    std::env::var(variable).ok()
}

/// A URL may carry a password.
impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database")
            .field("url", &self.url.as_ref().map(|_| "[redacted]"))
            .field("url_file", &self.url_file)
            .field("url_env", &self.url_env)
            .field("max_connections", &self.max_connections)
            .finish()
    }
}
