//! Where the generic code meets sqlx. The bounds that make sqlx generic over databases stand here, once, above
//! the one blanket implementation; everything else asks for `DB: Driver` and builds `Statement`s.

use std::fmt::Write as _;
use std::future::Future;

use chrono::{DateTime, Utc};
use sqlx::{
    AssertSqlSafe, ColumnIndex, Database, Decode, Encode, Executor, IntoArguments, Row as _, SqlSafeStr, SqlStr, Type,
    query::Query,
};

use crate::contract::StoreError;
use crate::records::Timestamp;

/// What differs between databases: all of it.
pub(crate) trait Dialect: Database {
    /// Begins a transaction that will write.
    const BEGIN_WRITE: &'static str;
    /// Groups of calls that are written side by side.
    const GROUPS: u32;
    /// Whether every write joins a group. Else only recorded issuances do, and changes of statuses, which have one group
    /// after the other of their own: who changes a status keeps the row of its list from everybody until the commit.
    const GROUPS_EVERY_WRITE: bool;
    /// Ends a SELECT of rows that are about to be deleted, so that it passes over those that others hold.
    const SKIP_LOCKED: &'static str;
    /// Ends a SELECT of rows that the transaction is about to decide on: until it ends, nobody else writes them.
    const LOCK_ROWS: &'static str;
    /// Waits for every transaction that has done the same with an equal text (`$1`) and has not ended; `None` where
    /// there is one writer.
    const LOCK_TEXT: Option<&'static str>;

    /// Whether the database ended the transaction in favour of another one: the same may come through when it is
    /// run again.
    fn is_transient(error: &StoreError) -> bool;
    fn rows_affected(result: &Self::QueryResult) -> u64;
}

/// A database that `SqlStore` runs on. Implemented for every `Dialect` whose types sqlx can carry.
pub(crate) trait Driver: Dialect {
    /// Runs a statement, answers how many rows it changed.
    fn execute(
        connection: &mut Self::Connection,
        statement: Statement<'_>,
    ) -> impl Future<Output = Result<u64, StoreError>> + Send;

    fn fetch(
        connection: &mut Self::Connection,
        statement: Statement<'_>,
    ) -> impl Future<Output = Result<Vec<Row<Self>>, StoreError>> + Send;

    fn text(row: &Self::Row, column: &str) -> sqlx::Result<Option<String>>;
    fn integer(row: &Self::Row, column: &str) -> sqlx::Result<i64>;
    fn bytes(row: &Self::Row, column: &str) -> sqlx::Result<Option<Vec<u8>>>;
    fn time(row: &Self::Row, column: &str) -> sqlx::Result<Option<DateTime<Utc>>>;
}

impl<DB> Driver for DB
where
    DB: Dialect,
    DB::Arguments: IntoArguments<DB>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    for<'q> Option<&'q str>: Encode<'q, DB>,
    for<'q> &'q str: ColumnIndex<DB::Row> + Type<DB>,
    for<'q> i64: Encode<'q, DB> + Decode<'q, DB> + Type<DB>,
    for<'q> Option<&'q [u8]>: Encode<'q, DB>,
    for<'q> &'q [u8]: Type<DB>,
    for<'q> Option<DateTime<Utc>>: Encode<'q, DB>,
    for<'r> String: Decode<'r, DB> + Type<DB>,
    for<'r> Vec<u8>: Decode<'r, DB> + Type<DB>,
    for<'r> DateTime<Utc>: Decode<'r, DB> + Type<DB>,
{
    async fn execute(connection: &mut DB::Connection, statement: Statement<'_>) -> Result<u64, StoreError> {
        #[cfg(test)]
        super::fault::step()?;
        let noun = statement.noun;
        let result = connection.execute(bind::<DB>(statement)).await;
        result.map(|result| DB::rows_affected(&result)).map_err(|error| store_error(error, noun))
    }

    async fn fetch(connection: &mut DB::Connection, statement: Statement<'_>) -> Result<Vec<Row<DB>>, StoreError> {
        #[cfg(test)]
        super::fault::step()?;
        let noun = statement.noun;
        let rows = connection.fetch_all(bind::<DB>(statement)).await;
        rows.map(|rows| rows.into_iter().map(Row).collect()).map_err(|error| store_error(error, noun))
    }

    fn text(row: &DB::Row, column: &str) -> sqlx::Result<Option<String>> {
        row.try_get(column)
    }

    fn integer(row: &DB::Row, column: &str) -> sqlx::Result<i64> {
        row.try_get(column)
    }

    fn bytes(row: &DB::Row, column: &str) -> sqlx::Result<Option<Vec<u8>>> {
        row.try_get(column)
    }

    fn time(row: &DB::Row, column: &str) -> sqlx::Result<Option<DateTime<Utc>>> {
        row.try_get(column)
    }
}

fn bind<'q, DB>(statement: Statement<'q>) -> Query<'q, DB, DB::Arguments>
where
    DB: Database,
    for<'a> Option<&'a str>: Encode<'a, DB>,
    for<'a> &'a str: Type<DB>,
    for<'a> i64: Encode<'a, DB> + Type<DB>,
    for<'a> Option<&'a [u8]>: Encode<'a, DB>,
    for<'a> &'a [u8]: Type<DB>,
    for<'a> Option<DateTime<Utc>>: Encode<'a, DB>,
    DateTime<Utc>: Type<DB>,
{
    let mut query = sqlx::query(statement.sql);
    for value in statement.values {
        query = match value {
            Value::Text(text) => query.bind(text),
            Value::Document(text) => query.bind(Some(text.as_str())),
            Value::Integer(integer) => query.bind(integer),
            Value::Bytes(bytes) => query.bind(bytes),
            Value::Time(time) => query.bind(time),
        };
    }
    query
}

/// One SQL text and its values, bound in order to `$1`, `$2`, …
#[derive(Debug)]
pub(crate) struct Statement<'q> {
    sql: SqlStr,
    values: Vec<Value<'q>>,
    noun: Option<&'static str>,
}

#[derive(Debug)]
enum Value<'q> {
    Text(Option<&'q str>),
    Document(String),
    Integer(i64),
    Bytes(Option<&'q [u8]>),
    Time(Option<DateTime<Utc>>),
}

impl<'q> Statement<'q> {
    pub(crate) fn new(sql: &'static str) -> Self {
        Self { sql: sql.into_sql_str(), values: Vec::new(), noun: None }
    }

    /// `insert` up to and with `VALUES`, then `rows` times `columns` placeholders, then `tail`.
    pub(crate) fn rows(insert: &'static str, columns: usize, rows: usize, tail: &'static str) -> Self {
        let mut sql = String::with_capacity(insert.len() + tail.len() + rows * columns * 5);
        sql.push_str(insert);
        for row in 0..rows {
            sql.push_str(if row == 0 { " (" } else { ", (" });
            for column in 0..columns {
                let number = row * columns + column + 1;
                // Writing to a String cannot fail.
                let _ = write!(sql, "{}${number}", if column == 0 { "" } else { ", " });
            }
            sql.push(')');
        }
        sql.push_str(tail);
        // Made of literals and numbers only.
        Self { sql: AssertSqlSafe(sql).into_sql_str(), values: Vec::with_capacity(rows * columns), noun: None }
    }

    /// One text of several parts, where a database has a part of its own.
    pub(crate) fn joined(parts: &[&'static str]) -> Self {
        Self { sql: AssertSqlSafe(parts.concat()).into_sql_str(), values: Vec::new(), noun: None }
    }

    /// The text goes on after what was said so far.
    pub(crate) fn followed_by(mut self, part: &'static str) -> Self {
        if !part.is_empty() {
            // Both are made of literals and numbers only.
            self.sql = AssertSqlSafe(format!("{}{part}", self.sql.as_str())).into_sql_str();
        }
        self
    }

    /// What exists already when this statement runs into a unique key.
    pub(crate) fn creates(mut self, noun: &'static str) -> Self {
        self.noun = Some(noun);
        self
    }

    #[cfg(test)]
    pub(crate) fn sql(&self) -> &str {
        self.sql.as_str()
    }

    pub(crate) fn text(self, text: &'q str) -> Self {
        self.value(Value::Text(Some(text)))
    }

    pub(crate) fn optional_text(self, text: Option<&'q str>) -> Self {
        self.value(Value::Text(text))
    }

    pub(crate) fn json(self, document: &serde_json::Value) -> Self {
        self.value(Value::Document(document.to_string()))
    }

    pub(crate) fn texts(self, texts: &[String]) -> Self {
        self.json(&serde_json::Value::from(texts))
    }

    pub(crate) fn integer(self, integer: i64) -> Self {
        self.value(Value::Integer(integer))
    }

    /// A position in the order of events. One that the database cannot count to is as good as its last.
    pub(crate) fn position(self, position: u64) -> Self {
        self.integer(i64::try_from(position).unwrap_or(i64::MAX))
    }

    pub(crate) fn bytes(self, bytes: &'q [u8]) -> Self {
        self.value(Value::Bytes(Some(bytes)))
    }

    pub(crate) fn optional_bytes(self, bytes: Option<&'q [u8]>) -> Self {
        self.value(Value::Bytes(bytes))
    }

    pub(crate) fn time(self, time: Timestamp) -> Self {
        self.value(Value::Time(Some(time.get())))
    }

    pub(crate) fn optional_time(self, time: Option<Timestamp>) -> Self {
        self.value(Value::Time(time.map(Timestamp::get)))
    }

    fn value(mut self, value: Value<'q>) -> Self {
        self.values.push(value);
        self
    }
}

/// Assembles a statement whose text depends on what is asked for: of literals, and of values that number their
/// placeholders themselves.
#[derive(Debug)]
pub(crate) struct StatementBuilder<'q> {
    sql: String,
    values: Vec<Value<'q>>,
}

impl<'q> StatementBuilder<'q> {
    pub(crate) fn new(sql: &'static str) -> Self {
        Self { sql: sql.to_owned(), values: Vec::new() }
    }

    pub(crate) fn sql(mut self, part: &'static str) -> Self {
        self.sql.push_str(part);
        self
    }

    pub(crate) fn text(self, text: &'q str) -> Self {
        self.value(Value::Text(Some(text)))
    }

    pub(crate) fn integer(self, integer: i64) -> Self {
        self.value(Value::Integer(integer))
    }

    pub(crate) fn time(self, time: Timestamp) -> Self {
        self.value(Value::Time(Some(time.get())))
    }

    pub(crate) fn build(self) -> Statement<'q> {
        // Made of literals and numbers only.
        Statement { sql: AssertSqlSafe(self.sql).into_sql_str(), values: self.values, noun: None }
    }

    fn value(mut self, value: Value<'q>) -> Self {
        self.values.push(value);
        // Writing to a String cannot fail.
        let _ = write!(self.sql, "${}", self.values.len());
        self
    }
}

/// A row that was read, by column name.
#[derive(Debug)]
pub(crate) struct Row<DB: Database>(DB::Row);

impl<DB: Driver> Row<DB> {
    pub(crate) fn text(&self, column: &str) -> Result<String, StoreError> {
        self.optional_text(column)?.ok_or_else(|| missing(column))
    }

    pub(crate) fn optional_text(&self, column: &str) -> Result<Option<String>, StoreError> {
        DB::text(&self.0, column).map_err(unavailable)
    }

    pub(crate) fn json(&self, column: &str) -> Result<serde_json::Value, StoreError> {
        self.optional_json(column)?.ok_or_else(|| missing(column))
    }

    pub(crate) fn optional_json(&self, column: &str) -> Result<Option<serde_json::Value>, StoreError> {
        self.optional_text(column)?.map(|text| serde_json::from_str(&text)).transpose().map_err(unavailable)
    }

    pub(crate) fn texts(&self, column: &str) -> Result<Vec<String>, StoreError> {
        serde_json::from_str(&self.text(column)?).map_err(unavailable)
    }

    pub(crate) fn integer(&self, column: &str) -> Result<i64, StoreError> {
        DB::integer(&self.0, column).map_err(unavailable)
    }

    pub(crate) fn position(&self, column: &str) -> Result<u64, StoreError> {
        u64::try_from(self.integer(column)?).map_err(unavailable)
    }

    pub(crate) fn bytes(&self, column: &str) -> Result<Vec<u8>, StoreError> {
        self.optional_bytes(column)?.ok_or_else(|| missing(column))
    }

    pub(crate) fn optional_bytes(&self, column: &str) -> Result<Option<Vec<u8>>, StoreError> {
        DB::bytes(&self.0, column).map_err(unavailable)
    }

    pub(crate) fn time(&self, column: &str) -> Result<Timestamp, StoreError> {
        self.optional_time(column)?.ok_or_else(|| missing(column))
    }

    pub(crate) fn optional_time(&self, column: &str) -> Result<Option<Timestamp>, StoreError> {
        Ok(DB::time(&self.0, column).map_err(unavailable)?.map(Timestamp::new))
    }
}

pub(crate) fn unavailable(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::Unavailable(cause.into())
}

fn missing(column: &str) -> StoreError {
    unavailable(format!("the column {column} is empty"))
}

fn store_error(error: sqlx::Error, noun: Option<&'static str>) -> StoreError {
    match (error.as_database_error(), noun) {
        (Some(cause), Some(noun)) if cause.is_unique_violation() => StoreError::Conflict(noun),
        // Other foreign keys lead to a row that the same transaction has written or holds: it cannot be missing.
        (Some(cause), _) if cause.is_foreign_key_violation() => StoreError::UnknownIssuer,
        _ => unavailable(error),
    }
}
