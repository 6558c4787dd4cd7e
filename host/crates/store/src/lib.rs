//! The store: everything that outlives a request. The only crate that names sqlx.
//!
//! - `contract`: the traits, in domain words; what a method promises is written there.
//! - `records`: what goes in and comes out.
//! - `sql`: the one implementation of the traits, generic over the database.
//! - `sqlite`: opening an SQLite database the way the implementation needs it.
//! - `migrations`: the embedded schema, applying and checking it.

mod contract;
mod migrations;
mod records;
mod sql;
mod sqlite;

#[cfg(test)]
mod contract_tests;
#[cfg(test)]
mod sqlite_tests;

use std::sync::Arc;
use std::time::Duration;

pub use contract::{
    Clients, Configurations, Housekeeping, Issuances, Issuers, Keys, Offers, Outbox, Store, StoreError,
};
pub use migrations::{MigrationName, MigrationStatus};
pub use records::{
    AuditEvent, BootstrapRedemption, ClientRecord, ConfigurationDraft, ConfigurationRecord, EventOutcome,
    IssuanceBatch, IssuanceOutcome, IssuerRecord, KeyRecord, KeyState, OfferRecord, Published, RedeemOffer, Redemption,
    StoredCredential, Timestamp, UsedNonce,
};
pub use sql::MAX_EVENTS_PER_READ;

/// How a database is opened.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// Create a missing database and apply missing migrations; else both are refused.
    pub migrate: bool,
    /// Connections that read side by side. Writes have one of their own.
    pub readers: u32,
    /// How long a write waits for another process to let go of the database.
    pub busy_timeout: Duration,
    /// How long a call waits for a connection before it answers `Unavailable`.
    pub acquire_timeout: Duration,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            migrate: true,
            readers: 4,
            busy_timeout: Duration::from_secs(5),
            acquire_timeout: Duration::from_secs(10),
        }
    }
}

/// Opens the database at `url`: `sqlite:path/to/file.db`, where the path is taken literally.
pub async fn connect(url: &str, options: &StoreOptions) -> Result<Arc<dyn Store>, StoreError> {
    match DatabaseUrl::parse(url)? {
        DatabaseUrl::Sqlite(path) => Ok(Arc::new(sqlite::open(&path, options).await?)),
    }
}

/// Which migrations the database has and which it lacks. Changes nothing; a missing database lacks all.
pub async fn migration_status(url: &str) -> Result<MigrationStatus, StoreError> {
    match DatabaseUrl::parse(url)? {
        DatabaseUrl::Sqlite(path) => sqlite::migration_status(&path).await,
    }
}

#[derive(Debug, PartialEq, Eq)]
enum DatabaseUrl {
    Sqlite(std::path::PathBuf),
}

impl DatabaseUrl {
    /// No error repeats the URL: it may carry a password.
    fn parse(url: &str) -> Result<Self, StoreError> {
        let (scheme, rest) = url.split_once(':').ok_or(StoreError::InvalidUrl("write it as sqlite:path/to/file.db"))?;
        match scheme {
            "sqlite" => {}
            "postgres" | "postgresql" => {
                return Err(StoreError::InvalidUrl(
                    "this release has no PostgreSQL support yet, write sqlite:path/to/file.db",
                ));
            }
            _ => return Err(StoreError::InvalidUrl("unknown scheme, write sqlite:path/to/file.db")),
        }
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
            assert_eq!(DatabaseUrl::parse(url).ok(), Some(DatabaseUrl::Sqlite(path.into())), "{url}");
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
            "postgres://u:secret@h/d",
        ] {
            let text = DatabaseUrl::parse(url).map_err(|error| error.to_string());
            assert!(text.as_ref().is_err_and(|text| text.contains("sqlite") || text.contains("SQLite")), "{url}");
            assert!(!format!("{text:?}").contains("secret"));
        }
    }
}
