//! The grants of one generation, opened: what its capability imports work with.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::grant::{Grant, KvGrant, Parameter, Purpose, SecretsGrant};
use crate::imports::journal::Journal;
use crate::ports::{HttpClient, KvStore, Ports, SecretPort, SignKey, SqlStatement};

/// What one generation was granted, besides files.
#[derive(Default)]
pub(crate) struct Capabilities {
    pub(crate) http: Option<Http>,
    pub(crate) sql: BTreeMap<String, Statement>,
    pub(crate) kv: Option<Kv>,
    pub(crate) secrets: Option<Secrets>,
    pub(crate) sign: BTreeMap<String, Key>,
    pub(crate) journal: Option<Arc<Journal>>,
}

pub(crate) struct Http {
    pub(crate) client: Arc<dyn HttpClient>,
    pub(crate) request_max: u64,
}

pub(crate) struct Statement {
    pub(crate) port: Arc<dyn SqlStatement>,
    pub(crate) params: Vec<Parameter>,
    pub(crate) timeout: Duration,
}

#[derive(Clone)]
pub(crate) struct Kv {
    pub(crate) store: Arc<dyn KvStore>,
    pub(crate) grant: KvGrant,
}

pub(crate) struct Secrets {
    pub(crate) port: Arc<dyn SecretPort>,
    pub(crate) grant: SecretsGrant,
}

pub(crate) struct Key {
    pub(crate) key: Arc<dyn SignKey>,
    pub(crate) purpose: Purpose,
}

impl Capabilities {
    /// Opens every grant. The error names the grant.
    pub(crate) async fn open(plugin: &str, grant: &Grant, ports: &Ports) -> Result<Self, String> {
        let mut opened = Self::default();
        if let Some(http) = &grant.http {
            let client = ports.http.open(http).map_err(|error| format!("grants.http: {error}"))?;
            opened.http = Some(Http { client, request_max: http.request_max });
        }
        for (name, statement) in &grant.sql {
            let port = ports.sql.open(statement).await;
            let port = port.map_err(|error| format!("grants.sql.statements.{name}: {error}"))?;
            let statement = Statement { port, params: statement.params.clone(), timeout: statement.timeout };
            opened.sql.insert(name.clone(), statement);
        }
        if let Some(kv) = &grant.kv {
            let store = ports.kv.open(plugin, kv).map_err(|error| format!("grants.kv: {error}"))?;
            opened.kv = Some(Kv { store, grant: kv.clone() });
        }
        if let Some(secrets) = &grant.secrets {
            for name in &secrets.names {
                ports.secrets.open(name).map_err(|error| format!("grants.secrets: {name}: {error}"))?;
            }
            opened.secrets = Some(Secrets { port: ports.secrets.clone(), grant: secrets.clone() });
        }
        for (name, key) in &grant.sign {
            let port = ports.sign.open(key).map_err(|error| format!("grants.sign.keys.{name}: {error}"))?;
            opened.sign.insert(name.clone(), Key { key: port, purpose: key.purpose });
        }
        if let Some(journal) = &grant.journal {
            let journal = Journal::open(journal).map_err(|error| format!("grants.journal: {error}"))?;
            opened.journal = Some(Arc::new(journal));
        }
        Ok(opened)
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capabilities")
            .field("http", &self.http.is_some())
            .field("sql", &self.sql.keys())
            .field("kv", &self.kv.is_some())
            .field("secrets", &self.secrets.is_some())
            .field("sign", &self.sign.keys())
            .field("journal", &self.journal.is_some())
            .finish()
    }
}
