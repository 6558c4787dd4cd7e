//! The embedded migrations. How to write one: `migrations/README.md`.

use sqlx::migrate::{AppliedMigration, Migrate, Migration, MigrationType, Migrator};
use sqlx::{SqlSafeStr, SqlStr};

use crate::contract::StoreError;
use crate::sql::unavailable;

/// Where a database keeps which migrations it has.
pub(crate) const MIGRATIONS_TABLE: &str = "_sqlx_migrations";

/// Which migrations a database has and lacks, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationStatus {
    pub applied: Vec<MigrationName>,
    pub pending: Vec<MigrationName>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationName {
    pub version: i64,
    pub description: String,
}

/// Number, verb and noun of the file's name, and its text.
type Embedded = (i64, &'static str, &'static str);

macro_rules! embedded {
    ($folder:literal, $number:literal, $name:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../migrations/",
            $folder,
            "/",
            $number,
            "_",
            $name,
            ".sql"
        ))
    };
}

const SQLITE: [Embedded; 1] = [(1, "create_tables", embedded!("sqlite", "0001", "create_tables"))];

const POSTGRES: [Embedded; 1] = [(1, "create_tables", embedded!("postgres", "0001", "create_tables"))];

pub(crate) fn sqlite() -> Migrator {
    migrator(&SQLITE)
}

pub(crate) fn postgres() -> Migrator {
    migrator(&POSTGRES)
}

/// Compares what the database says it has with what this release has.
pub(crate) fn status(migrator: &Migrator, applied: &[AppliedMigration]) -> Result<MigrationStatus, StoreError> {
    for one in applied {
        match migrator.iter().find(|known| known.version == one.version) {
            None => {
                let text = format!("it has migration {}, which only a newer release knows", one.version);
                return Err(StoreError::Incompatible(text));
            }
            Some(known) if known.checksum != one.checksum => {
                let text = format!("its migration {} is not the one of this release", one.version);
                return Err(StoreError::Incompatible(text));
            }
            Some(_) => {}
        }
    }
    let (applied, pending) =
        migrator.iter().partition::<Vec<_>, _>(|known| applied.iter().any(|one| one.version == known.version));
    Ok(MigrationStatus { applied: names(&applied), pending: names(&pending) })
}

/// In the transaction and under the lock of the caller.
pub(crate) async fn apply_missing(
    connection: &mut impl Migrate,
    migrator: &Migrator,
    applied: &[AppliedMigration],
) -> Result<(), StoreError> {
    connection.ensure_migrations_table(MIGRATIONS_TABLE).await.map_err(unavailable)?;
    for migration in migrator.iter().filter(|one| applied.iter().all(|applied| applied.version != one.version)) {
        connection.apply(MIGRATIONS_TABLE, migration).await.map_err(unavailable)?;
        tracing::info!(version = migration.version, "migrated the database");
    }
    Ok(())
}

/// Of a database without a table of migrations: it has none of them, or it is not ours.
pub(crate) fn require_empty(tables: &[String]) -> Result<Vec<AppliedMigration>, StoreError> {
    if tables.is_empty() {
        Ok(Vec::new())
    } else {
        Err(StoreError::Incompatible("it belongs to something else".into()))
    }
}

/// Refuses a database that lacks something.
pub(crate) fn require_current(status: &MigrationStatus) -> Result<(), StoreError> {
    match status.pending.len() {
        0 => Ok(()),
        lacking => Err(StoreError::Incompatible(format!("it lacks {lacking} migration(s), run `chancery migrate`"))),
    }
}

fn migrator(embedded: &'static [Embedded]) -> Migrator {
    let migrations = embedded.iter().map(|(version, name, text)| {
        let sql: SqlStr = text.into_sql_str();
        Migration::new(*version, name.replace('_', " ").into(), MigrationType::Simple, sql, false)
    });
    Migrator::with_migrations(migrations.collect())
}

fn names(migrations: &[&Migration]) -> Vec<MigrationName> {
    let name = |one: &&Migration| MigrationName { version: one.version, description: one.description.to_string() };
    migrations.iter().map(name).collect()
}
