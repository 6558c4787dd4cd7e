//! The operator's configuration file, `chancery.toml`: typed sections, unknown keys refused, everything checked
//! before a port opens. Environment variables override it: `CHANCERY_SERVER__LISTEN` is `server.listen`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use serde::{Deserialize, Serialize};
use url::Url;

pub use self::credentials::Credentials;
pub use self::jobs::Jobs;
pub use self::plugins::Plugins;
pub use self::status::Status;
use self::webhooks::Webhooks;
use crate::audit::Keep;
use crate::issuance::lifecycle::policy::Policy;
use crate::{duration, telemetry};

pub mod credentials;
pub mod jobs;
pub mod plugins;
pub mod status;
pub mod webhooks;

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read {path}: {source}")]
    Unreadable { path: PathBuf, source: std::io::Error },
    /// Names the key and where its value came from.
    #[error("{0}")]
    Invalid(String),
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub server: Server,
    pub data: Data,
    pub store: Store,
    pub keys: Keys,
    pub plugins: Plugins,
    pub issuance: Issuance,
    /// By issuer; one that is not named does as by default.
    pub credentials: BTreeMap<String, Credentials>,
    pub status: Status,
    pub jobs: Jobs,
    pub audit: Audit,
    pub webhooks: Webhooks,
    pub log: Log,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    pub listen: SocketAddr,
    /// What wallets reach us by: the identifier of the default issuer, and the base of every other one. No
    /// trailing slash, no query. `http` is for this machine only.
    pub public_url: String,
    /// Bytes of a request body; larger ones are answered 413.
    pub max_body: usize,
    /// The same, for credentials that an issuer's backend hands in.
    pub max_credential_body: usize,
    /// Connections open at once; further clients wait in the system's queue.
    pub max_connections: usize,
    /// How long a client may take to send a request's head, and to send the next request.
    #[serde(with = "duration")]
    pub header_timeout: Duration,
    /// How long a client may take nothing of what it is sent.
    #[serde(with = "duration")]
    pub write_timeout: Duration,
    /// A request that takes longer is answered 503.
    #[serde(with = "duration")]
    pub request_timeout: Duration,
    /// After SIGTERM the host is not ready any more, but takes requests for this long: load balancers need to see it.
    #[serde(with = "duration")]
    pub drain_grace: Duration,
    /// How long requests under way may go on after that.
    #[serde(with = "duration")]
    pub drain_timeout: Duration,
    /// Requests worked on at once; more are answered 503 with `Retry-After`.
    pub max_concurrent_requests: usize,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: "http://localhost:8080".to_owned(),
            max_body: 256 * 1024,
            max_credential_body: 10 * 1024 * 1024,
            max_connections: 4096,
            header_timeout: Duration::from_secs(15),
            write_timeout: Duration::from_secs(15),
            request_timeout: Duration::from_secs(30),
            drain_grace: Duration::from_secs(2),
            drain_timeout: Duration::from_secs(20),
            max_concurrent_requests: 1024,
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Data {
    /// Where the database, the key-encryption key and the compile cache live unless named elsewhere.
    pub dir: PathBuf,
}

impl Default for Data {
    fn default() -> Self {
        Self { dir: PathBuf::from("data") }
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// `sqlite:PATH` or `postgres://USER@HOST/DATABASE`. Default: `chancery.db` in `data.dir`.
    pub url: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Keys {
    /// The key-encryption key that seals private keys and personal data at rest. Made at first start where the
    /// store is empty. Default: `kek` in `data.dir`.
    pub kek_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Issuance {
    /// How long an offer can be taken, unless it says so itself.
    #[serde(with = "duration")]
    pub offer_lifetime: Duration,
    /// The longest that an offer may ask for.
    #[serde(with = "duration")]
    pub max_offer_lifetime: Duration,
    /// Wrong transaction codes until an offer's code dies.
    pub tx_code_attempts: u32,
    /// How long access tokens ask: bearer tokens, so at most five minutes (OpenID4VCI 1.0, security considerations). What
    /// they may poll for later is the configuration's `deferred_lifetime`.
    #[serde(with = "duration")]
    pub access_token_lifetime: Duration,
    #[serde(with = "duration")]
    pub nonce_lifetime: Duration,
    /// How old a key proof's `iat` may be.
    #[serde(with = "duration")]
    pub proof_max_age: Duration,
    /// How far ahead of ours a client's clock may be.
    #[serde(with = "duration")]
    pub clock_skew: Duration,
    /// Key proofs, and so credentials, in one request.
    pub batch_size: usize,
}

impl Default for Issuance {
    fn default() -> Self {
        Self {
            offer_lifetime: Duration::from_mins(10),
            max_offer_lifetime: Duration::from_hours(7 * 24),
            tx_code_attempts: 5,
            access_token_lifetime: Duration::from_mins(5),
            nonce_lifetime: Duration::from_mins(5),
            proof_max_age: Duration::from_mins(5),
            clock_skew: Duration::from_secs(30),
            batch_size: 16,
        }
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Audit {
    /// Audit plugins without whose receipt no wallet gets its credential: until then it gets a deferred answer.
    pub required: Vec<String>,
    /// How long events stay in the database after every known sink has them: `forever`, or a duration.
    pub keep: Keep,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// `text` or `json`, one line an event, on standard error.
    pub format: LogFormat,
    /// A `tracing` filter such as `info` or `warn,chancery=debug`.
    pub filter: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "info".to_owned() }
    }
}

impl Config {
    /// Reads `path`, then the environment; relative paths in it are taken from the file's directory.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        let base = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Only names with a section: others are set by people and orchestrators for ends of their own.
        let env = Env::prefixed("CHANCERY_").filter(|name| name.as_str().contains("__")).split("__");
        Self::parse(&text, env, base).map_err(|e| ConfigError::Invalid(format!("{}: {e}", path.display())))
    }

    fn parse(text: &str, env: Env, base: &Path) -> Result<Self, String> {
        let mut config: Self = Figment::from(Serialized::defaults(Self::default()))
            .merge(Toml::string(text))
            .merge(env)
            .extract()
            .map_err(|e| e.to_string())?;
        config.data.dir = base.join(&config.data.dir);
        config.plugins.resolve(base);
        webhooks::resolve(&mut config.webhooks, base);
        config.keys.kek_file = config.keys.kek_file.map(|f| base.join(f));
        config.store.url = config.store.url.map(|url| resolve_sqlite(&url, base));
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        check_public_url(&self.server.public_url)?;
        let issuance = &self.issuance;
        let server = &self.server;
        for (key, value, most) in [
            ("server.max_body", server.max_body, 64 * 1024 * 1024),
            ("server.max_credential_body", server.max_credential_body, 64 * 1024 * 1024),
            ("server.max_connections", server.max_connections, 1_000_000),
            ("server.max_concurrent_requests", server.max_concurrent_requests, 1_000_000),
            ("plugins.max_instances", self.plugins.max_instances as usize, 10_000),
            ("issuance.tx_code_attempts", issuance.tx_code_attempts as usize, 100),
            ("issuance.batch_size", issuance.batch_size, 1_000),
        ] {
            if !(1..=most).contains(&value) {
                return Err(format!("{key} must be 1 to {most}, but is {value}"));
            }
        }
        let (second, minute, day) = (Duration::from_secs(1), Duration::from_mins(1), Duration::from_hours(24));
        for (key, value, least, most) in [
            ("server.header_timeout", server.header_timeout, second / 10, 10 * minute),
            ("server.write_timeout", server.write_timeout, second / 10, 10 * minute),
            ("server.request_timeout", server.request_timeout, second / 10, 10 * minute),
            ("server.drain_grace", server.drain_grace, Duration::ZERO, 10 * minute),
            ("server.drain_timeout", server.drain_timeout, Duration::ZERO, 60 * minute),
            ("plugins.rescan", self.plugins.rescan, second / 10, day),
            ("issuance.offer_lifetime", issuance.offer_lifetime, second, 365 * day),
            ("issuance.max_offer_lifetime", issuance.max_offer_lifetime, second, 365 * day),
            // Access tokens are bearer tokens: at most five minutes.
            ("issuance.access_token_lifetime", issuance.access_token_lifetime, second, 5 * minute),
            ("issuance.nonce_lifetime", issuance.nonce_lifetime, second, day),
            ("issuance.proof_max_age", issuance.proof_max_age, second, day),
            ("issuance.clock_skew", issuance.clock_skew, Duration::ZERO, 10 * minute),
        ] {
            if !(least..=most).contains(&value) {
                let [least, most, value] = [least, most, value].map(duration::format);
                return Err(format!("{key} must be {least} to {most}, but is {value}"));
            }
        }
        telemetry::filter(&self.log)?;
        self.plugins.check()?;
        self.policies()?;
        self.status.check()?;
        self.jobs.check()?;
        webhooks::check(&self.webhooks)?;
        chancery_store::check_url(&self.store_url()).map_err(|e| format!("store.url: {e}"))?;
        if issuance.offer_lifetime > issuance.max_offer_lifetime {
            return Err("issuance.offer_lifetime is longer than issuance.max_offer_lifetime".into());
        }
        Ok(())
    }

    /// What issuers do with credentials that are handed in.
    pub fn policies(&self) -> Result<BTreeMap<String, Policy>, String> {
        let compile = |(issuer, written): (&String, &Credentials)| {
            let policy = Policy::compile(written).map_err(|e| format!("credentials.{issuer}.{e}"))?;
            Ok((issuer.clone(), policy))
        };
        self.credentials.iter().map(compile).collect()
    }

    pub fn store_url(&self) -> String {
        self.store.url.clone().unwrap_or_else(|| format!("sqlite:{}", self.data.dir.join("chancery.db").display()))
    }

    pub fn kek_file(&self) -> PathBuf {
        self.keys.kek_file.clone().unwrap_or_else(|| self.data.dir.join("kek"))
    }

    pub fn cache_dir(&self) -> PathBuf {
        self.data.dir.join("cache")
    }
}

/// A path in a database URL is taken from `base`.
fn resolve_sqlite(url: &str, base: &Path) -> String {
    match url.strip_prefix("sqlite:") {
        Some(path) => format!("sqlite:{}", base.join(path.trim_start_matches("//")).display()),
        None => url.to_owned(),
    }
}

/// Issuer identifiers are compared byte for byte, so only one spelling may get in.
fn check_public_url(text: &str) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("server.public_url {why}, but is {text:?}"));
    let Ok(url) = Url::parse(text) else { return wrong("must be an absolute URL") };
    let local = matches!(url.host_str(), Some("localhost" | "127.0.0.1"));
    if url.scheme() != "https" && !(url.scheme() == "http" && local) {
        return wrong("must be https (http only for localhost)");
    }
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
        return wrong("must have no query, fragment or user");
    }
    if text.ends_with('/') || url.as_str().trim_end_matches('/') != text {
        return wrong(&format!("must be written {:?}", url.as_str().trim_end_matches('/')));
    }
    if url.path() != "/" {
        return wrong("must have no path: further issuers live at /issuers/ID below it");
    }
    chancery_keys::did::did_web_from_url(text).map(drop).or_else(|e| wrong(&format!("must have a did:web form ({e})")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, Env::prefixed("CHANCERY_NO_SUCH_PREFIX_"), Path::new("/srv"))
    }

    #[test]
    fn an_empty_file_gives_the_defaults() {
        let config = parse("").unwrap();
        assert_eq!(config.data.dir, Path::new("/srv/data"));
        assert_eq!(config.store_url(), "sqlite:/srv/data/chancery.db");
    }

    #[test]
    fn an_unknown_key_is_named() {
        let error = parse("[server]\nlisten_on = \"0.0.0.0:1\"\n").unwrap_err();
        assert!(error.contains("listen_on"), "{error}");
    }

    #[test]
    fn public_urls_that_wallets_would_spell_otherwise_are_refused() {
        for (url, part) in [
            ("http://issuer.example", "https"),
            ("https://issuer.example/", "must be written"),
            ("https://ISSUER.example", "must be written"),
            ("https://issuer.example:443", "must be written"),
            ("https://issuer.example/a", "no path"),
            ("https://issuer.example?x=1", "no query"),
            ("issuer.example", "absolute"),
            ("http://[::1]:8080", "https"),
            ("https://[2001:db8::1]", "did:web"),
        ] {
            let error = parse(&format!("[server]\npublic_url = {url:?}\n")).unwrap_err();
            assert!(error.contains(part), "{url}: {error}");
        }
        parse("[server]\npublic_url = \"https://issuer.example\"\n").unwrap();
    }

    #[test]
    fn zero_limits_and_long_tokens_are_refused() {
        for (text, hint) in [
            ("[issuance]\nbatch_size = 0\n", "issuance.batch_size must be 1 to"),
            ("[server]\nmax_concurrent_requests = 9223372036854775807\n", "server.max_concurrent_requests"),
            ("[server]\nrequest_timeout = \"0s\"\n", "server.request_timeout must be 100ms to"),
            ("[issuance]\nnonce_lifetime = \"0s\"\n", "issuance.nonce_lifetime"),
            ("[log]\nfilter = \"][\"\n", "log.filter"),
            ("[store]\nurl = \"mysql://x\"\n", "store.url"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(hint), "{error}");
        }
        assert_eq!(parse("[store]\nurl = \"sqlite:x.db\"\n").unwrap().store_url(), "sqlite:/srv/x.db");
        assert!(parse("[issuance]\naccess_token_lifetime = \"1h\"\n").unwrap_err().contains("5m"));
        assert!(parse("[issuance]\nnonce_lifetime = \"soon\"\n").unwrap_err().contains("soon"));
    }
}
