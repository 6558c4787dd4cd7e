//! Opens a PostgreSQL database: one pool for reads and writes, READ COMMITTED, and no statement that outlives its
//! timeout.
//!
//! Writes are right at READ COMMITTED because each decides by the condition of the statement that writes: PostgreSQL
//! lets it wait for a racer that holds the row or the key, and then judges it by what that one left.

use std::str::FromStr as _;

use sqlx::error::DatabaseError;
use sqlx::migrate::{AppliedMigration, Migrate as _};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgQueryResult};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgConnection, Postgres};

use crate::StoreOptions;
use crate::contract::StoreError;
use crate::migrations::{self, MIGRATIONS_TABLE, MigrationStatus};
use crate::sql::{Dialect, STATUS_GROUPS, SqlStore, unavailable};

/// SQLSTATE of transactions that the database ended in favour of another one.
const SERIALIZATION_FAILURE: &str = "40001";
const DEADLOCK_DETECTED: &str = "40P01";
/// The advisory lock that a migration holds; any number that no other program is likely to take.
const MIGRATION_LOCK: i64 = 0x6368_616e_6365_7279;
/// What a URL may say. Others are refused, because a misspelt `sslmode` must not go unnoticed.
const PARAMETERS: [&str; 11] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
];

impl Dialect for Postgres {
    const BEGIN_WRITE: &'static str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
    const GROUPS: u32 = 2;
    const GROUPS_EVERY_WRITE: bool = false;
    const SKIP_LOCKED: &'static str = " FOR UPDATE SKIP LOCKED";
    // As an UPDATE that changes no key: rows that refer to these may still be written.
    const LOCK_ROWS: &'static str = " FOR NO KEY UPDATE";
    // Texts of one hash wait for each other in vain, which costs time only.
    const LOCK_TEXT: Option<&'static str> = Some("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))");

    fn is_transient(error: &StoreError) -> bool {
        let StoreError::Unavailable(cause) = error else { return false };
        let cause = cause.downcast_ref::<sqlx::Error>().and_then(sqlx::Error::as_database_error);
        let code = cause.and_then(DatabaseError::code);
        code.is_some_and(|code| code == SERIALIZATION_FAILURE || code == DEADLOCK_DETECTED)
    }

    fn rows_affected(result: &PgQueryResult) -> u64 {
        result.rows_affected()
    }
}

/// The error does not repeat the URL, which may carry a password.
pub(crate) fn parse(url: &str) -> Result<PgConnectOptions, StoreError> {
    let parameters = url.split_once('?').map_or("", |(_, parameters)| parameters).split('&');
    let mut names = parameters.filter(|one| !one.is_empty()).map(|one| one.split('=').next().unwrap_or(one));
    if !names.all(|name| PARAMETERS.contains(&name)) {
        return Err(StoreError::InvalidUrl(
            "after the ? may stand sslmode, sslrootcert, sslcert, sslkey, host, hostaddr, port, dbname, user, password \
             and application_name",
        ));
    }
    let options = PgConnectOptions::from_str(url).map_err(|_| {
        StoreError::InvalidUrl("write it as postgres://user:password@host:port/database?sslmode=require")
    })?;
    let options = options.disable_statement_logging();
    Ok(if options.get_application_name().is_some() { options } else { options.application_name("chancery") })
}

pub(crate) async fn open(connect: PgConnectOptions, options: &StoreOptions) -> Result<SqlStore<Postgres>, StoreError> {
    migrate(&connect, options.migrate).await?;
    let settings = settings(options);
    let pool = PgPoolOptions::new()
        .max_connections(options.connections.max(Postgres::GROUPS + STATUS_GROUPS + 1))
        .acquire_timeout(options.acquire_timeout)
        .after_connect(move |connection, _| {
            let settings = settings.clone();
            Box::pin(async move { connection.execute(AssertSqlSafe(settings)).await.map(drop) })
        })
        .connect_with(connect)
        .await
        .map_err(unavailable)?;
    Ok(SqlStore::new(pool.clone(), pool))
}

/// Changes nothing.
pub(crate) async fn migration_status(connect: &PgConnectOptions) -> Result<MigrationStatus, StoreError> {
    let mut connection = connect.connect().await.map_err(unavailable)?;
    let status =
        applied(&mut connection).await.and_then(|applied| migrations::status(&migrations::postgres(), &applied));
    connection.close().await.map_err(unavailable)?;
    status
}

/// The last one ends the transaction of a host that went away in the middle of it: nobody else waits for longer.
fn settings(options: &StoreOptions) -> String {
    let (statement, lock) = (options.statement_timeout.as_millis(), options.busy_timeout.as_millis());
    format!(
        "SET statement_timeout = {statement}; SET lock_timeout = {lock}; \
         SET idle_in_transaction_session_timeout = {statement}"
    )
}

/// On a connection of its own and without timeouts: a migration takes as long as it takes.
async fn migrate(connect: &PgConnectOptions, apply: bool) -> Result<(), StoreError> {
    let mut connection = connect.connect().await.map_err(unavailable)?;
    let checked = check_or_apply(&mut connection, apply).await;
    connection.close().await.map_err(unavailable)?;
    checked
}

async fn check_or_apply(connection: &mut PgConnection, apply: bool) -> Result<(), StoreError> {
    let migrator = migrations::postgres();
    let status = migrations::status(&migrator, &applied(connection).await?)?;
    if status.pending.is_empty() || !apply {
        return migrations::require_current(&status);
    }
    // All in one transaction that holds the lock: of two hosts that start at once the second one finds the work
    // done, and a failing migration leaves what was there.
    let mut transaction = connection.begin().await.map_err(unavailable)?;
    let lock = sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(MIGRATION_LOCK);
    lock.execute(&mut *transaction).await.map_err(unavailable)?;
    let applied = applied(&mut transaction).await?;
    migrations::apply_missing(&mut *transaction, &migrator, &applied).await?;
    transaction.commit().await.map_err(unavailable)
}

async fn applied(connection: &mut PgConnection) -> Result<Vec<AppliedMigration>, StoreError> {
    let tables = sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()");
    let tables: Vec<String> = tables.fetch_all(&mut *connection).await.map_err(unavailable)?;
    if tables.iter().any(|table| table == MIGRATIONS_TABLE) {
        return connection.list_applied_migrations(MIGRATIONS_TABLE).await.map_err(unavailable);
    }
    migrations::require_empty(&tables)
}
