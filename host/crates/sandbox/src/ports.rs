//! What stands behind the capabilities: the host's own clients, pools and keys, as this crate sees
//! them. The sandbox opens no socket and no database and reads no secret itself.
//!
//! Each port is asked to `open` a grant when a generation is loaded, so that a database that nobody
//! configured is a rejected plugin, and not a failing call. Errors of `open` are for the operator.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;

pub use crate::bindings::host::kv::KvError;
pub use crate::bindings::host::sign::SignError;
pub use crate::bindings::host::sql::{DatabaseError, Rows, SqlError, Value as SqlValue};
use crate::grant::{HttpGrant, KvGrant, SignGrant, StatementGrant};
use crate::status::Kind;

/// All of them. Clones share everything.
#[derive(Clone)]
pub struct Ports {
    /// Outbound HTTP.
    pub http: Arc<dyn HttpPort>,
    /// Named SQL statements.
    pub sql: Arc<dyn SqlPort>,
    /// The key-value cache.
    pub kv: Arc<dyn KvPort>,
    /// Secrets.
    pub secrets: Arc<dyn SecretPort>,
    /// Signatures.
    pub sign: Arc<dyn SignPort>,
    /// The time of day.
    pub clock: Arc<dyn ClockPort>,
}

/// Outbound HTTP.
pub trait HttpPort: Send + Sync {
    /// A client within one grant.
    fn open(&self, grant: &HttpGrant) -> Result<Arc<dyn HttpClient>, String>;
}

/// A client within one grant.
#[async_trait]
pub trait HttpClient: Send + Sync {
    /// Sends a request to its absolute URI and reads the whole response.
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, HttpFault>;
}

/// Why there is no response. The texts are for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpFault {
    /// The grant does not allow it, or the address is refused.
    Denied(String),
    /// The name does not resolve.
    Dns(String),
    /// No connection.
    Connect(String),
    /// No connection in time.
    ConnectTimeout,
    /// No whole response in time.
    Timeout,
    /// The peer's certificate or the handshake.
    Tls(String),
    /// The request's body exceeds the grant. Carries the limit in bytes.
    RequestTooLarge(u64),
    /// The response's body exceeds the grant. Carries the limit in bytes.
    ResponseTooLarge(u64),
    /// The peer does not speak HTTP.
    Protocol(String),
    /// Too many requests are under way.
    Busy,
}

/// Named SQL statements.
#[async_trait]
pub trait SqlPort: Send + Sync {
    /// A statement within its grant. A database that does not answer now is no error.
    async fn open(&self, grant: &StatementGrant) -> Result<Arc<dyn SqlStatement>, String>;
}

/// One statement.
#[async_trait]
pub trait SqlStatement: Send + Sync {
    /// Runs it with all its parameters, for at most `within`.
    async fn run(&self, params: Vec<SqlValue>, within: Duration) -> Result<Rows, SqlError>;
}

/// The key-value cache.
pub trait KvPort: Send + Sync {
    /// A plugin's caches, one for each issuer.
    fn open(&self, plugin: &str, grant: &KvGrant) -> Result<Arc<dyn KvStore>, String>;
}

/// A plugin's caches. Keys and values have been checked against the grant.
#[async_trait]
pub trait KvStore: Send + Sync {
    /// The value of a key.
    async fn get(&self, issuer: &str, key: &str) -> Result<Option<Vec<u8>>, KvError>;
    /// Sets a key.
    async fn put(&self, issuer: &str, key: &str, value: Vec<u8>, ttl: Duration) -> Result<(), KvError>;
    /// Removes a key.
    async fn delete(&self, issuer: &str, key: &str) -> Result<(), KvError>;
}

/// Secrets of the server's configuration.
#[async_trait]
pub trait SecretPort: Send + Sync {
    /// Whether there is such a secret.
    fn open(&self, name: &str) -> Result<(), String>;
    /// Its value, for the use of a plugin that was granted it. The host writes the audit event.
    async fn reveal(&self, name: &str, reader: &Reader) -> Result<Vec<u8>, String>;
}

/// Who reads a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    /// The plugin.
    pub plugin: String,
    /// First digits of its digest, in hex.
    pub digest: String,
    /// What it is for.
    pub kind: Kind,
    /// The issuer of the call; empty where there is none.
    pub issuer_id: String,
    /// The request of the call; empty where there is none.
    pub request_id: String,
}

/// Signatures.
pub trait SignPort: Send + Sync {
    /// A key within its grant.
    fn open(&self, grant: &SignGrant) -> Result<Arc<dyn SignKey>, String>;
}

/// One key. Only the function of its purpose is called.
#[async_trait]
pub trait SignKey: Send + Sync {
    /// A JWT over these claims, with what the grant fixes.
    async fn jwt(&self, claims: &str) -> Result<String, SignError>;
    /// A compact JWS with detached payload.
    async fn detached_jws(&self, payload: &[u8]) -> Result<String, SignError>;
    /// HMAC-SHA-256.
    async fn mac(&self, message: &[u8]) -> Result<Vec<u8>, SignError>;
}

/// The time of day, as plugins read it from `wasi:clocks/wall-clock`. What measures durations, and every
/// limit, goes by the system's own clock.
pub trait ClockPort: Send + Sync {
    /// What time it is. A plugin reads a time before 1970 as 1970.
    fn now(&self) -> SystemTime;

    /// When something was made that the file system dates `dated`. A clock with a time of its own has its own answer.
    fn made(&self, dated: SystemTime) -> SystemTime {
        dated
    }
}

impl Ports {
    /// Nothing behind any capability: every grant of one is refused. The time is the system's.
    pub fn none() -> Self {
        let nothing = Arc::new(Nothing);
        Self {
            http: nothing.clone(),
            sql: nothing.clone(),
            kv: nothing.clone(),
            secrets: nothing.clone(),
            sign: nothing.clone(),
            clock: nothing,
        }
    }
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ports")
    }
}

struct Nothing;

const NOTHING: &str = "this server does not offer it";

impl HttpPort for Nothing {
    fn open(&self, _: &HttpGrant) -> Result<Arc<dyn HttpClient>, String> {
        Err(NOTHING.to_owned())
    }
}

#[async_trait]
impl SqlPort for Nothing {
    async fn open(&self, _: &StatementGrant) -> Result<Arc<dyn SqlStatement>, String> {
        Err(NOTHING.to_owned())
    }
}

impl KvPort for Nothing {
    fn open(&self, _: &str, _: &KvGrant) -> Result<Arc<dyn KvStore>, String> {
        Err(NOTHING.to_owned())
    }
}

#[async_trait]
impl SecretPort for Nothing {
    fn open(&self, _: &str) -> Result<(), String> {
        Err(NOTHING.to_owned())
    }

    async fn reveal(&self, _: &str, _: &Reader) -> Result<Vec<u8>, String> {
        Err(NOTHING.to_owned())
    }
}

impl SignPort for Nothing {
    fn open(&self, _: &SignGrant) -> Result<Arc<dyn SignKey>, String> {
        Err(NOTHING.to_owned())
    }
}

impl ClockPort for Nothing {
    fn now(&self) -> SystemTime {
        #[expect(clippy::disallowed_methods, reason = "what a host gets that hands in no clock")]
        SystemTime::now()
    }
}
