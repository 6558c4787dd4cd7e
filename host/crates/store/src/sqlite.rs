//! Opens an SQLite database: write-ahead log, `synchronous=FULL` (an answered write survives a power cut), one
//! writer and several readers.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sqlx::migrate::{AppliedMigration, Migrate as _};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteQueryResult, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Row as _, Sqlite, SqliteConnection};

use crate::StoreOptions;
use crate::contract::StoreError;
use crate::migrations::{self, MIGRATIONS_TABLE, MigrationStatus};
use crate::sql::{Dialect, SqlStore, unavailable};

/// SQLite's result codes for a locked file and for one that is no database.
const SQLITE_BUSY: u32 = 5;
const SQLITE_NOTADB: u32 = 26;
/// Attempts to open a locked file, spread over the busy timeout.
const OPEN_ATTEMPTS: u32 = 50;

impl Dialect for Sqlite {
    /// Takes the write lock at once. A transaction that reads first and then writes fails under load, because
    /// SQLite can't give it a lock that keeps what it has read true.
    const BEGIN_WRITE: &'static str = "BEGIN IMMEDIATE";
    /// There is one writer.
    const GROUPS: u32 = 1;
    const GROUPS_EVERY_WRITE: bool = true;
    const SKIP_LOCKED: &'static str = "";
    const LOCK_ROWS: &'static str = "";
    const LOCK_TEXT: Option<&'static str> = None;

    /// Waiting for the lock is SQLite's own part, by the busy timeout.
    fn is_transient(_: &StoreError) -> bool {
        false
    }

    fn rows_affected(result: &SqliteQueryResult) -> u64 {
        result.rows_affected()
    }
}

pub(crate) async fn open(path: &Path, options: &StoreOptions) -> Result<SqlStore<Sqlite>, StoreError> {
    prepare_file(path, options.migrate)?;
    let connect = connect_options(path, options);
    migrate(&connect, options).await?;

    let pool = SqlitePoolOptions::new()
        .acquire_timeout(options.acquire_timeout)
        // A connection to a file does not die of age or idleness.
        .max_lifetime(None)
        .idle_timeout(None)
        .test_before_acquire(false);
    let writer = pool
        .clone()
        .max_connections(1)
        .after_release(|connection, _| Box::pin(is_reusable(connection)))
        .connect_with(connect.clone())
        .await
        .map_err(open_error)?;
    let readers = pool
        .max_connections(options.readers.max(1))
        .connect_with(connect.pragma("query_only", "ON"))
        .await
        .map_err(open_error)?;
    Ok(SqlStore::new(readers, writer))
}

/// Changes nothing, not even the journal mode.
pub(crate) async fn migration_status(path: &Path) -> Result<MigrationStatus, StoreError> {
    let migrator = migrations::sqlite();
    if !path.try_exists().map_err(unavailable)? {
        return migrations::status(&migrator, &[]);
    }
    let connect = SqliteConnectOptions::new().filename(path).create_if_missing(false).read_only(true);
    let mut connection = connect.connect().await.map_err(open_error)?;
    let status = applied(&mut connection).await.and_then(|applied| migrations::status(&migrator, &applied));
    connection.close().await.map_err(open_error)?;
    status
}

fn connect_options(path: &Path, options: &StoreOptions) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(options.busy_timeout)
        .disable_statement_logging()
}

/// Makes a missing file readable by its owner only, before SQLite would make it readable by all; the log
/// beside it inherits the mode.
fn prepare_file(path: &Path, create: bool) -> Result<(), StoreError> {
    // Closing a file drops the locks that SQLite has on it in the same process: nobody may open it meanwhile.
    static CREATING: Mutex<()> = Mutex::new(());
    let _creating = CREATING.lock().unwrap_or_else(PoisonError::into_inner);
    if path.try_exists().map_err(unavailable)? {
        return Ok(());
    }
    if !create {
        return Err(StoreError::Incompatible(format!("{} is not there, run `chancery migrate`", path.display())));
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path).and_then(|file| file.sync_all()) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
        done => done.map_err(unavailable)?,
    }
    // Else a power cut could take the file's name away from under what was committed to it.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(unavailable)
}

/// On a connection of its own, which is gone before the pools open.
async fn migrate(connect: &SqliteConnectOptions, options: &StoreOptions) -> Result<(), StoreError> {
    let mut connection = connect_with_log(connect, options.busy_timeout).await.map_err(open_error)?;
    let checked = check_or_apply(&mut connection, options.migrate).await;
    connection.close().await.map_err(open_error)?;
    checked
}

/// Turns the write-ahead log on, which is for good. That needs the file for a moment alone, and SQLite does not
/// wait for it by itself when two processes start at once.
async fn connect_with_log(connect: &SqliteConnectOptions, busy_timeout: Duration) -> sqlx::Result<SqliteConnection> {
    let connect = connect.clone().journal_mode(SqliteJournalMode::Wal);
    for _ in 1..OPEN_ATTEMPTS {
        match connect.connect().await {
            Err(error) if is_busy(&error) => tokio::time::sleep(busy_timeout / OPEN_ATTEMPTS).await,
            done => return done,
        }
    }
    connect.connect().await
}

async fn check_or_apply(connection: &mut SqliteConnection, apply: bool) -> Result<(), StoreError> {
    let migrator = migrations::sqlite();
    let status = migrations::status(&migrator, &applied(connection).await?)?;
    if status.pending.is_empty() || !apply {
        return migrations::require_current(&status);
    }
    // All in one transaction that holds the write lock: of two processes that start at once the second one
    // finds the work done, and a failing migration leaves what was there.
    let mut transaction = connection.begin_with(Sqlite::BEGIN_WRITE).await.map_err(unavailable)?;
    let applied = applied(&mut transaction).await?;
    migrations::apply_missing(&mut *transaction, &migrator, &applied).await?;
    transaction.commit().await.map_err(unavailable)
}

async fn applied(connection: &mut SqliteConnection) -> Result<Vec<AppliedMigration>, StoreError> {
    let tables: Vec<String> = sqlx::query("SELECT name FROM sqlite_master WHERE type = 'table'")
        .fetch_all(&mut *connection)
        .await
        .and_then(|rows| rows.iter().map(|row| row.try_get(0)).collect())
        .map_err(open_error)?;
    if tables.iter().any(|table| table == MIGRATIONS_TABLE) {
        return connection.list_applied_migrations(MIGRATIONS_TABLE).await.map_err(unavailable);
    }
    migrations::require_empty(&tables)
}

/// A full disk makes SQLite end the transaction by itself. sqlx does not learn of it, its own ROLLBACK then
/// fails, and it would refuse every later BEGIN on this connection: such a connection is replaced.
async fn is_reusable(connection: &mut SqliteConnection) -> sqlx::Result<bool> {
    if connection.is_in_transaction() {
        // A rollback may be on its way; it comes before this.
        connection.ping().await?;
    }
    Ok(!connection.is_in_transaction())
}

fn is_busy(error: &sqlx::Error) -> bool {
    // The lowest byte is the kind, the rest its reason.
    result_code(error).is_some_and(|code| code & 0xff == SQLITE_BUSY)
}

fn open_error(error: sqlx::Error) -> StoreError {
    if result_code(&error) == Some(SQLITE_NOTADB) {
        return StoreError::Incompatible("the file is not an SQLite database".into());
    }
    unavailable(error)
}

fn result_code(error: &sqlx::Error) -> Option<u32> {
    error.as_database_error()?.code()?.parse().ok()
}
