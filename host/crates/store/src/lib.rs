//! The store: everything that outlives a request. The only crate that names sqlx.
//!
//! - `contract`: the traits, in domain words; what a method promises is written there.
//! - `records`: what goes in and comes out.
//! - `sql`: the one implementation of the traits, generic over the database.
//! - `sqlite`, `postgres`: opening a database the way the implementation needs it, and what is different there.
//! - `statements`: named statements on databases that belong to others, for plugins.
//! - `migrations`: the embedded schema, applying and checking it.
//! - `test_util` (feature `test-util`): database servers for tests.

mod contract;
mod migrations;
mod postgres;
mod records;
mod sql;
mod sqlite;
pub mod statements;
#[cfg(any(test, feature = "test-util"))]
pub mod test_util;

#[cfg(test)]
mod contract_tests;
#[cfg(test)]
mod postgres_tests;
#[cfg(test)]
mod sqlite_tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;

pub use contract::{
    AuditOrder, Clients, Configurations, Credentials, Deferred, Deliveries, Housekeeping, Issuances, Issuers, Jobs,
    Keys, Offers, Outbox, PluginControls, StatusLists, Store, StoreError, Webhooks,
};
pub use migrations::{MigrationName, MigrationStatus};
pub use records::{
    AuditEvent, BootstrapRedemption, ClientRecord, ConfigurationDraft, ConfigurationRecord, CredentialQuery,
    DeadLetter, DeadLetterCount, DeferredLease, DeferredLeasing, DeferredRecord, DeferredState, DeferredUpdate,
    Deletion, DeletionOutcome, DeliveryAdvance, DeliveryFailure, DeliveryLease, DeliveryState, EventOutcome,
    ExpectedEntry, FoundCredential, IssuanceBatch, IssuanceOutcome, IssuerRecord, JobItem, JobItemDone, JobItemState,
    JobLease, JobRecord, JobState, KeyRecord, KeyState, MAX_PENDING_PER_OFFER, NewReply, OfferRecord, PluginControl,
    Published, RedeemOffer, Redemption, Reissue, Replacement, STATUS_LIST_FORMAT, SlotLease, StatusChange, StatusEntry,
    StatusListCredential, StatusListHead, StatusListRecord, StatusListVersion, StatusOutcome, StatusSlot, StatusUpdate,
    StoredCredential, StoredReply, Timestamp, UsedNonce, WebhookPause, webhook_delivery,
};
pub use sql::{MAX_CREDENTIALS_PER_READ, MAX_EVENTS_PER_READ};

/// How a database is opened.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// Create a missing SQLite file and apply missing migrations; else both are refused.
    pub migrate: bool,
    /// SQLite: connections that read side by side. Writes have one of their own.
    pub readers: u32,
    /// PostgreSQL: connections of this host, for reads and writes.
    pub connections: u32,
    /// How long a write waits for a lock: on SQLite for another process to let go of the database, on PostgreSQL for
    /// a row or a key.
    pub busy_timeout: Duration,
    /// PostgreSQL: how long a statement may run, and how long a transaction may lie idle.
    pub statement_timeout: Duration,
    /// How long a call waits for a connection before it answers `Unavailable`.
    pub acquire_timeout: Duration,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            migrate: true,
            readers: 4,
            connections: 16,
            busy_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(10),
            acquire_timeout: Duration::from_secs(10),
        }
    }
}

/// Opens the database at `url`: `sqlite:path/to/file.db`, where the path is taken literally, or
/// `postgres://user:password@host:port/database` (`?sslmode=require` and the like after it; `?host=/folder` for a
/// Unix socket). What such a URL leaves out is taken from `PGHOST`, `PGPASSWORD` and their like, as every PostgreSQL
/// program does.
pub async fn connect(url: &str, options: &StoreOptions) -> Result<Arc<dyn Store>, StoreError> {
    match DatabaseUrl::parse(url)? {
        DatabaseUrl::Sqlite(path) => Ok(Arc::new(sqlite::open(&path, options).await?)),
        DatabaseUrl::Postgres(connect) => Ok(Arc::new(postgres::open(*connect, options).await?)),
    }
}

/// Whether `connect` would know what to do with the URL. Opens nothing.
pub fn check_url(url: &str) -> Result<(), StoreError> {
    DatabaseUrl::parse(url).map(drop)
}

/// Which migrations the database has and which it lacks. Changes nothing; a missing SQLite file lacks all.
pub async fn migration_status(url: &str) -> Result<MigrationStatus, StoreError> {
    match DatabaseUrl::parse(url)? {
        DatabaseUrl::Sqlite(path) => sqlite::migration_status(&path).await,
        DatabaseUrl::Postgres(connect) => postgres::migration_status(&connect).await,
    }
}

/// Without Debug: it may carry a password, and so no error repeats it either.
enum DatabaseUrl {
    Sqlite(PathBuf),
    Postgres(Box<PgConnectOptions>),
}

impl DatabaseUrl {
    fn parse(url: &str) -> Result<Self, StoreError> {
        match url.split_once(':') {
            Some(("sqlite", path)) => Self::parse_sqlite(path),
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres(Box::new(postgres::parse(url)?))),
            _ => Err(StoreError::InvalidUrl(
                "write it as sqlite:path/to/file.db or postgres://user:password@host:port/database",
            )),
        }
    }

    fn parse_sqlite(rest: &str) -> Result<Self, StoreError> {
        let path = rest.strip_prefix("//").unwrap_or(rest);
        if path.is_empty() || path.ends_with('/') {
            return Err(StoreError::InvalidUrl("the path of the SQLite file is missing"));
        }
        if path == ":memory:" || path.contains('?') {
            return Err(StoreError::InvalidUrl(
                "an SQLite database is a file, without parameters: write sqlite:path/to/file.db",
            ));
        }
        Ok(Self::Sqlite(path.into()))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn sqlite_urls_name_a_file() {
        for (url, path) in [
            ("sqlite:data.db", "data.db"),
            ("sqlite:a/b.db", "a/b.db"),
            ("sqlite:/var/lib/x.db", "/var/lib/x.db"),
            ("sqlite://data.db", "data.db"),
            ("sqlite:///var/lib/x.db", "/var/lib/x.db"),
        ] {
            let parsed = DatabaseUrl::parse(url);
            assert!(matches!(parsed, Ok(DatabaseUrl::Sqlite(parsed)) if parsed == Path::new(path)), "{url}");
        }
    }

    #[test]
    fn postgres_urls_name_a_server() {
        for url in [
            "postgres://u:secret@h/d",
            "postgresql://u:secret@h:5433/d?sslmode=require&application_name=issuer",
            "postgres:///d?host=/run/postgresql&user=u",
        ] {
            let parsed = DatabaseUrl::parse(url);
            assert!(
                matches!(&parsed, Ok(DatabaseUrl::Postgres(connect)) if connect.get_database() == Some("d")),
                "{url}"
            );
        }
    }

    #[test]
    fn other_urls_are_refused_without_repeating_them() {
        for url in [
            "",
            "data.db",
            "sqlite:",
            "sqlite://",
            "sqlite:dir/",
            "sqlite::memory:",
            "sqlite:x.db?mode=ro",
            "mysql://u:secret@h/d",
            "postgres://u:secret@h:secret/d",
            "postgres://u@h/d?passwort=secret",
            "postgres://u@h/d?sslmode=secret",
            "postgres://u:secret@h/d?ssl_mode=require",
        ] {
            let Err(error) = DatabaseUrl::parse(url) else { panic!("{url} was not refused") };
            assert!(matches!(error, StoreError::InvalidUrl(_)), "{url}: {error:?}");
            assert!(!format!("{error:?} {error}").contains("secret"), "{url}");
        }
    }
}
