//! SQLite: a file that another program writes. Values have the type that they are stored with.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::error::DatabaseError;
use sqlx::sqlite::{
    SqliteArguments, SqliteColumn, SqliteConnectOptions, SqliteConnection, SqlitePoolOptions, SqliteRow,
    SqliteStatement,
};
use sqlx::{
    Arguments as _, AssertSqlSafe, ConnectOptions as _, Executor as _, Pool, Row as _, Sqlite, TypeInfo as _,
    ValueRef as _,
};
use tokio::time::Instant;

use super::DatabaseOptions;
use super::backend::{Backend, Dialect, Fault, Pooled};
use super::error::{StatementError, bad_parameter};
use super::value::Value;

/// Result codes; the lowest byte is the kind, the rest its reason.
const SQLITE_BUSY: u32 = 5;
const SQLITE_LOCKED: u32 = 6;
const SQLITE_INTERRUPT: u32 = 9;
/// Steps of SQLite's machine between two looks at the clock: some tens of microseconds.
const STEPS: i32 = 1000;
/// The driver does not survive that a statement has other columns when it runs than when it was prepared. So none is
/// kept, and `SEE_SCHEMA` reads the file first: then its tables are those that the statement is prepared for, and they
/// stay so to the end of the transaction.
const NO_CACHE: usize = 0;
const SEE_SCHEMA: &str = "SELECT 1 FROM sqlite_master LIMIT 1";
/// Rows that are read ahead.
const READ_AHEAD: usize = 16;

/// For reading and for writing: the file is opened read-only unless a statement writes.
pub(super) fn open(path: &str, options: &DatabaseOptions) -> Result<[Arc<dyn Backend>; 2], &'static str> {
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() || path.ends_with('/') || path == ":memory:" || path.contains('?') {
        return Err("write it as sqlite:path/to/file.db, without parameters");
    }
    let connect = SqliteConnectOptions::new()
        .filename(Path::new(path))
        .create_if_missing(false)
        .foreign_keys(true)
        // Views and triggers of somebody else's file call only harmless functions.
        .pragma("trusted_schema", "OFF")
        .statement_cache_capacity(NO_CACHE)
        .row_buffer_size(READ_AHEAD)
        .disable_statement_logging();
    let reading = connect.clone().read_only(true).pragma("query_only", "ON");
    // There is one writer at a time.
    Ok([pooled(reading, options.max_connections, options), pooled(connect, 1, options)])
}

fn pooled(connect: SqliteConnectOptions, connections: u32, options: &DatabaseOptions) -> Arc<dyn Backend> {
    let pool = SqlitePoolOptions::new()
        .max_connections(connections.max(1))
        .acquire_timeout(options.acquire_timeout)
        .test_before_acquire(false)
        .connect_lazy_with(connect);
    Arc::new(Pooled { control: pool.clone(), pool, acquire_timeout: options.acquire_timeout })
}

impl Dialect for Sqlite {
    /// Set, it ends what the connection is doing.
    type Session = Arc<AtomicBool>;

    async fn begin(connection: &mut SqliteConnection, writes: bool, limit: Duration) -> sqlx::Result<Arc<AtomicBool>> {
        let cancelled = Arc::new(AtomicBool::new(false));
        let (flag, deadline) = (cancelled.clone(), Instant::now() + limit);
        let go_on = move || !flag.load(Ordering::Relaxed) && Instant::now() < deadline;
        connection.lock_handle().await?.set_progress_handler(STEPS, go_on);
        let begin = if writes { "BEGIN IMMEDIATE" } else { "BEGIN" };
        let begin = format!("PRAGMA busy_timeout = {}; {begin}; {SEE_SCHEMA}", limit.as_millis());
        connection.execute(AssertSqlSafe(begin)).await?;
        Ok(cancelled)
    }

    async fn cancel(_: &Pool<Sqlite>, session: Arc<AtomicBool>) -> sqlx::Result<()> {
        session.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Counted from the text: SQLite takes the highest number, and the driver knows names only as numbers.
    fn parameters(_: &SqliteStatement) -> Option<usize> {
        None
    }

    fn bind(_: &SqliteStatement, params: &[Value]) -> Result<SqliteArguments, StatementError> {
        let mut arguments = SqliteArguments::default();
        for (index, value) in params.iter().enumerate() {
            let added = match value {
                Value::Null => arguments.add(None::<i64>),
                Value::Boolean(value) => arguments.add(*value),
                Value::Int(value) => arguments.add(*value),
                // SQLite would make NULL of NaN.
                Value::Float(float) if float.is_nan() => return Err(bad_parameter(index, "a number", value)),
                Value::Float(value) => arguments.add(*value),
                Value::Bytes(bytes) => arguments.add(bytes.clone()),
                Value::Numeric(text)
                | Value::Text(text)
                | Value::Date(text)
                | Value::Time(text)
                | Value::Timestamp(text)
                | Value::Uuid(text)
                | Value::Json(text) => arguments.add(text.clone()),
            };
            added.map_err(|error| StatementError::BadParameter(format!("parameter {}: {error}", index + 1)))?;
        }
        Ok(arguments)
    }

    fn value(row: &SqliteRow, index: usize) -> Option<Value> {
        let value = row.try_get_raw(index).ok()?;
        if value.is_null() {
            return Some(Value::Null);
        }
        Some(match value.type_info().name() {
            "INTEGER" => Value::Int(row.try_get_unchecked(index).ok()?),
            "REAL" => Value::Float(row.try_get_unchecked(index).ok()?),
            "TEXT" => Value::Text(row.try_get_unchecked(index).ok()?),
            "BLOB" => Value::Bytes(row.try_get_unchecked(index).ok()?),
            _ => return None,
        })
    }

    /// Any value may stand in any column.
    fn supports(_: &SqliteColumn) -> bool {
        true
    }

    fn fault(error: &(dyn DatabaseError + 'static)) -> Fault {
        match error.code().and_then(|code| code.parse::<u32>().ok()).map(|code| code & 0xff) {
            Some(SQLITE_INTERRUPT) => Fault::Timeout,
            Some(SQLITE_BUSY | SQLITE_LOCKED) => Fault::Unavailable,
            _ => Fault::Refused,
        }
    }
}
