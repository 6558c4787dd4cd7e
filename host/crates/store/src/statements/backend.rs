//! One database with its pool: a run from the connection to its return.

use std::future::Future;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use sqlx::database::HasStatementCache;
use sqlx::error::DatabaseError;
use sqlx::{
    AssertSqlSafe, Column as _, Connection as _, Database, Either, Executor, IntoArguments, Pool, Row as _,
    SqlSafeStr as _, Statement as _,
};
use tokio::time::{Instant, timeout_at};

use super::Statement;
use super::error::{CheckError, StatementError};
use super::lease::Lease;
use super::value::{Rows, Value};

/// How much longer than the database the host waits: the database's own timeout leaves a connection that can be used
/// again.
const GRACE: Duration = Duration::from_millis(250);
/// Databases take 0 as no limit.
const MIN_LIMIT: Duration = Duration::from_millis(1);
/// For preparing a statement while a plugin is loaded.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);
/// Rows beyond `max_rows` that are read and forgotten, because that is cheaper than a new connection, and for how
/// long. Where there are more, the connection is closed.
const DRAINED_ROWS: usize = 1000;
const DRAIN_TIMEOUT: Duration = Duration::from_millis(50);

/// A database, whichever it is.
#[async_trait]
pub(super) trait Backend: Send + Sync {
    /// Prepares the statement and answers its columns.
    async fn check(&self, statement: &Statement) -> Result<Vec<String>, CheckError>;

    async fn run(&self, statement: &Statement, params: &[Value], within: Duration) -> Result<Rows, StatementError>;
}

/// What differs between databases.
pub(super) trait Dialect: Database + HasStatementCache {
    /// What a run is ended by.
    type Session: Send + 'static;

    /// Begins a transaction in which a statement may run for `limit`.
    fn begin(
        connection: &mut Self::Connection,
        writes: bool,
        limit: Duration,
    ) -> impl Future<Output = sqlx::Result<Self::Session>> + Send;

    /// Ends the session, whatever it is doing. Its connection is not used any more.
    fn cancel(control: &Pool<Self>, session: Self::Session) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// How many parameters the database wants; `None` where that was counted before.
    fn parameters(statement: &Self::Statement) -> Option<usize>;

    /// The parameters as the statement wants them.
    fn bind(statement: &Self::Statement, params: &[Value]) -> Result<Self::Arguments, StatementError>;

    /// The value of a column; `None` where its type has no counterpart or it cannot be read as that type.
    fn value(row: &Self::Row, index: usize) -> Option<Value>;

    /// Whether columns of the type can be read. Asked before a run where the database knows the types by then.
    fn supports(column: &Self::Column) -> bool;

    fn fault(error: &(dyn DatabaseError + 'static)) -> Fault;
}

/// What an error of the database means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The statement was ended because of its time.
    Timeout,
    /// The database is going away, or has no room.
    Unavailable,
    /// The prepared statement is older than the tables.
    Stale,
    Refused,
}

/// A pool, and one connection beside it to end runs with.
pub(super) struct Pooled<DB: Database> {
    pub(super) pool: Pool<DB>,
    pub(super) control: Pool<DB>,
    pub(super) acquire_timeout: Duration,
}

/// A run that did not come through.
enum Failure {
    Sql(sqlx::Error),
    /// Nothing was sent yet.
    Unsent(StatementError),
    /// Rows were still coming.
    Unread(StatementError),
    /// There are rows, too late.
    Late,
}

#[async_trait]
impl<DB> Backend for Pooled<DB>
where
    DB: Dialect,
    DB::Arguments: IntoArguments<DB>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    async fn check(&self, statement: &Statement) -> Result<Vec<String>, CheckError> {
        let deadline = Instant::now() + CHECK_TIMEOUT;
        let lease = self.lease(deadline).await?;
        match timeout_at(deadline + GRACE, prepare_only(lease, statement, deadline)).await {
            Ok(checked) => checked,
            Err(_) => Err(StatementError::Timeout.into()),
        }
    }

    async fn run(&self, statement: &Statement, params: &[Value], within: Duration) -> Result<Rows, StatementError> {
        let deadline = Instant::now() + statement.options.timeout.min(within);
        let lease = self.lease(deadline).await?;
        let transaction = transaction(lease, statement, params, deadline);
        timeout_at(deadline + GRACE, transaction).await.unwrap_or(Err(StatementError::Timeout))
    }
}

impl<DB: Dialect> Pooled<DB> {
    async fn lease(&self, deadline: Instant) -> Result<Lease<DB>, StatementError> {
        let deadline = deadline.min(Instant::now() + self.acquire_timeout);
        let connection = timeout_at(deadline, self.pool.acquire()).await.unwrap_or(Err(sqlx::Error::PoolTimedOut));
        connection.map(|connection| Lease::new(connection, self.control.clone())).map_err(unavailable)
    }
}

/// A lease that is dropped on the way is closed.
async fn transaction<DB>(
    mut lease: Lease<DB>,
    statement: &Statement,
    params: &[Value],
    deadline: Instant,
) -> Result<Rows, StatementError>
where
    DB: Dialect,
    DB::Arguments: IntoArguments<DB>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    let mut fresh = false;
    loop {
        begin(&mut lease, statement, deadline).await?;
        let connection = lease.connection().map_err(run_error::<DB>)?;
        let executed = match execute(connection, statement, params).await {
            // MariaDB ends some functions with a result that looks like one.
            Ok(_) if Instant::now() >= deadline => Err(Failure::Late),
            executed => executed,
        };
        let failure = match executed {
            Ok((rows, true)) => {
                let end = if statement.options.writes { "COMMIT" } else { "ROLLBACK" };
                connection.execute(end).await.map_err(run_error::<DB>)?;
                lease.give_back();
                return Ok(rows);
            }
            Ok((rows, false)) => return Ok(rows),
            Err(failure) => failure,
        };
        let in_step = match &failure {
            Failure::Sql(sqlx::Error::Database(error)) => DB::fault(&**error) != Fault::Unavailable,
            Failure::Unsent(_) | Failure::Late => true,
            Failure::Sql(_) | Failure::Unread(_) => false,
        };
        if !in_step || connection.execute("ROLLBACK").await.is_err() {
            return Err(failure.into_error::<DB>());
        }
        if !fresh && failure.is_stale::<DB>() {
            connection.clear_cached_statements().await.map_err(run_error::<DB>)?;
            fresh = true;
            continue;
        }
        lease.give_back();
        return Err(failure.into_error::<DB>());
    }
}

async fn begin<DB: Dialect>(
    lease: &mut Lease<DB>,
    statement: &Statement,
    deadline: Instant,
) -> Result<(), StatementError> {
    let limit = deadline.saturating_duration_since(Instant::now());
    if limit.is_zero() {
        return Err(StatementError::Timeout);
    }
    let connection = lease.connection().map_err(run_error::<DB>)?;
    let session = DB::begin(connection, statement.options.writes, limit.max(MIN_LIMIT)).await;
    lease.began(session.map_err(run_error::<DB>)?);
    Ok(())
}

/// The rows, and whether the statement is over.
async fn execute<DB>(
    connection: &mut DB::Connection,
    statement: &Statement,
    params: &[Value],
) -> Result<(Rows, bool), Failure>
where
    DB: Dialect,
    DB::Arguments: IntoArguments<DB>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    let options = &statement.options;
    let prepared = prepare::<DB>(connection, statement).await?;
    if let Some(found) = DB::parameters(&prepared).filter(|found| *found != options.params) {
        let message = format!("the text has {found} placeholders and params {} entries", options.params);
        return Err(Failure::Unsent(StatementError::BadParameter(message)));
    }
    unsupported::<DB>(&prepared).map_or(Ok(()), |error| Err(Failure::Unsent(error)))?;
    let arguments = DB::bind(&prepared, params).map_err(Failure::Unsent)?;
    let mut reader = Reader::new(column_names::<DB>(prepared.columns()));
    let mut steps = connection.fetch_many(prepared.query_with(arguments));
    // What a statement that writes returns is read to its end: its transaction is about to be committed.
    let mut drain_until = None;
    loop {
        let step = match drain_until {
            Some(until) => timeout_at(until, steps.next()).await,
            None => Ok(steps.next().await),
        };
        match step {
            Ok(None) => break,
            Ok(Some(Ok(Either::Left(_)))) => reader.end_of_set(),
            Ok(Some(Ok(Either::Right(row)))) => reader.take::<DB>(&row, statement).map_err(Failure::Unread)?,
            Ok(Some(Err(error))) if drain_until.is_none() => return Err(Failure::Sql(error)),
            Ok(Some(Err(_))) | Err(_) => return Ok((reader.rows, false)),
        }
        if reader.beyond > 0 && !options.writes {
            drain_until.get_or_insert(Instant::now() + DRAIN_TIMEOUT);
            if reader.beyond > DRAINED_ROWS {
                return Ok((reader.rows, false));
            }
        }
    }
    Ok((reader.rows, true))
}

async fn prepare_only<DB>(
    mut lease: Lease<DB>,
    statement: &Statement,
    deadline: Instant,
) -> Result<Vec<String>, CheckError>
where
    DB: Dialect,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    begin(&mut lease, statement, deadline).await?;
    let connection = lease.connection().map_err(run_error::<DB>)?;
    let prepared = prepare::<DB>(connection, statement).await;
    if connection.execute("ROLLBACK").await.is_ok() {
        lease.give_back();
    }
    let prepared = prepared.map_err(Failure::into_error::<DB>)?;
    let expected = statement.options.params;
    if let Some(found) = DB::parameters(&prepared).filter(|found| *found != expected) {
        return Err(CheckError::Parameters { expected, found });
    }
    match unsupported::<DB>(&prepared) {
        Some(error) => Err(error.into()),
        None => Ok(column_names::<DB>(prepared.columns())),
    }
}

/// Never the text protocol, which would run several statements in one text.
async fn prepare<DB>(connection: &mut DB::Connection, statement: &Statement) -> Result<DB::Statement, Failure>
where
    DB: Dialect,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    // The operator wrote it; what others send goes into its parameters.
    let text = AssertSqlSafe(statement.text.clone()).into_sql_str();
    connection.prepare(text).await.map_err(Failure::Sql)
}

fn unsupported<DB: Dialect>(prepared: &DB::Statement) -> Option<StatementError> {
    prepared.columns().iter().find(|column| !DB::supports(column)).map(unsupported_column::<DB>)
}

fn unsupported_column<DB: Dialect>(column: &DB::Column) -> StatementError {
    StatementError::UnsupportedColumn { column: column.name().to_owned(), r#type: column.type_info().to_string() }
}

fn column_names<DB: Dialect>(columns: &[DB::Column]) -> Vec<String> {
    columns.iter().map(|column| column.name().to_owned()).collect()
}

/// Takes rows until a limit.
struct Reader {
    rows: Rows,
    size: u64,
    /// Rows that were not taken.
    beyond: usize,
    /// Rows of a later result are not those of the statement: a procedure may return several.
    over: bool,
}

impl Reader {
    fn new(columns: Vec<String>) -> Self {
        Self { rows: Rows { columns, rows: Vec::new(), truncated: false }, size: 0, beyond: 0, over: false }
    }

    fn take<DB: Dialect>(&mut self, row: &DB::Row, statement: &Statement) -> Result<(), StatementError> {
        let (max_rows, max_bytes) = (statement.options.max_rows, statement.options.max_bytes);
        if self.over || self.rows.rows.len() >= max_rows {
            self.rows.truncated |= !self.over;
            self.beyond += 1;
            return Ok(());
        }
        if self.rows.rows.is_empty() {
            // The tables may have changed since the statement was prepared.
            self.rows.columns = column_names::<DB>(row.columns());
        }
        let mut values = Vec::with_capacity(row.len());
        for (index, column) in row.columns().iter().enumerate() {
            let value = DB::value(row, index).ok_or_else(|| unsupported_column::<DB>(column))?;
            self.size = self.size.saturating_add(value.size());
            if self.size > max_bytes {
                return Err(StatementError::TooLarge(max_bytes));
            }
            values.push(value);
        }
        self.rows.rows.push(values);
        Ok(())
    }

    fn end_of_set(&mut self) {
        self.over |= !self.rows.rows.is_empty();
    }
}

impl Failure {
    fn into_error<DB: Dialect>(self) -> StatementError {
        match self {
            Self::Sql(error) => run_error::<DB>(error),
            Self::Unsent(error) | Self::Unread(error) => error,
            Self::Late => StatementError::Timeout,
        }
    }

    fn is_stale<DB: Dialect>(&self) -> bool {
        matches!(self, Self::Sql(sqlx::Error::Database(error)) if DB::fault(&**error) == Fault::Stale)
    }
}

impl From<StatementError> for CheckError {
    fn from(error: StatementError) -> Self {
        match error {
            StatementError::Unavailable { reason, detail } => Self::Unavailable { reason, detail },
            StatementError::Database { code, message } => Self::Refused { code, message },
            StatementError::UnsupportedColumn { column, r#type } => Self::UnsupportedColumn { column, r#type },
            StatementError::Timeout
            | StatementError::TooLarge(_)
            | StatementError::BadParameter(_)
            | StatementError::BadValue(_) => {
                Self::Unavailable { reason: "the database did not answer in time", detail: error.to_string() }
            }
        }
    }
}

/// There was no connection.
fn unavailable(error: sqlx::Error) -> StatementError {
    let reason = match &error {
        sqlx::Error::PoolTimedOut => "no connection to the database became free in time",
        sqlx::Error::Database(_) => "the database refused the connection",
        _ => "the database cannot be reached",
    };
    StatementError::Unavailable { reason, detail: error.to_string() }
}

fn run_error<DB: Dialect>(error: sqlx::Error) -> StatementError {
    let sqlx::Error::Database(error) = error else {
        return StatementError::Unavailable {
            reason: "the connection to the database failed",
            detail: error.to_string(),
        };
    };
    match DB::fault(&*error) {
        Fault::Timeout => StatementError::Timeout,
        Fault::Unavailable => {
            StatementError::Unavailable { reason: "the database cannot serve now", detail: error.to_string() }
        }
        Fault::Stale | Fault::Refused => StatementError::Database {
            code: error.code().map(Into::into).unwrap_or_default(),
            message: error.message().to_owned(),
        },
    }
}
