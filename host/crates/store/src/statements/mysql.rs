//! MySQL and MariaDB. The connection speaks UTF-8 and its time zone is UTC.
//!
//! Without the `rsa` crate the passwords of MySQL 8 (`caching_sha2_password`) need TLS or a Unix socket, as they should:
//! write `?ssl-mode=VERIFY_IDENTITY`.

use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use sqlx::error::DatabaseError;
use sqlx::mysql::types::MySqlTime;
use sqlx::mysql::{
    MySqlArguments, MySqlColumn, MySqlConnectOptions, MySqlConnection, MySqlDatabaseError, MySqlPoolOptions, MySqlRow,
    MySqlStatement,
};
use sqlx::{
    Arguments as _, AssertSqlSafe, Column as _, ConnectOptions as _, Executor as _, MySql, Pool, Row as _,
    Statement as _, Type, TypeInfo as _, ValueRef as _,
};

use super::DatabaseOptions;
use super::backend::{Backend, Dialect, Fault, Pooled};
use super::error::{StatementError, bad_parameter};
use super::value::{self, Moment, Value};

/// What a URL may say. Others are refused, because a misspelt `ssl-mode` must not go unnoticed; the time zone and the
/// character set are not the operator's to choose.
const PARAMETERS: [&str; 5] = ["ssl-mode", "ssl-ca", "ssl-cert", "ssl-key", "socket"];
/// `ER_STATEMENT_TIMEOUT` of MariaDB, `ER_QUERY_TIMEOUT` of MySQL, `ER_QUERY_INTERRUPTED`.
const TIMEOUTS: [u16; 3] = [1969, 3024, 1317];
/// Too many connections, shutting down, killed, of a user.
const UNAVAILABLE: [u16; 5] = [1040, 1053, 1203, 1226, 1927];

pub(super) fn open(options: &DatabaseOptions) -> Result<Arc<dyn Backend>, &'static str> {
    let connect = parse(&options.url)?;
    let pool = MySqlPoolOptions::new().acquire_timeout(options.acquire_timeout);
    Ok(Arc::new(Pooled {
        control: pool.clone().max_connections(1).connect_lazy_with(connect.clone()),
        pool: pool.max_connections(options.max_connections.max(1)).connect_lazy_with(connect),
        acquire_timeout: options.acquire_timeout,
    }))
}

fn parse(url: &str) -> Result<MySqlConnectOptions, &'static str> {
    let parameters = url.split_once('?').map_or("", |(_, parameters)| parameters).split('&');
    let mut names = parameters.filter(|one| !one.is_empty()).map(|one| one.split('=').next().unwrap_or(one));
    if !names.all(|name| PARAMETERS.contains(&name)) {
        return Err("after the ? may stand ssl-mode, ssl-ca, ssl-cert, ssl-key and socket");
    }
    let options = MySqlConnectOptions::from_str(url)
        .map_err(|_| "write it as mysql://user:password@host:port/database?ssl-mode=VERIFY_IDENTITY")?;
    // The mode of its SQL is the server's own.
    Ok(options.pipes_as_concat(false).no_engine_substitution(false).disable_statement_logging())
}

impl Dialect for MySql {
    /// The id of the connection.
    type Session = u64;

    /// Each of the two takes the other's comment for one. MySQL limits only what reads; what writes is ended by the
    /// host.
    async fn begin(connection: &mut MySqlConnection, writes: bool, limit: Duration) -> sqlx::Result<u64> {
        let access = if writes { "READ WRITE" } else { "READ ONLY" };
        let begin = format!(
            "SET SESSION /*M!100100 max_statement_time = {:.3} */ /*!50708 max_execution_time = {} */; \
             START TRANSACTION {access}; SELECT CONNECTION_ID()",
            limit.as_secs_f64(),
            limit.as_millis()
        );
        connection.fetch_one(AssertSqlSafe(begin)).await?.try_get_unchecked(0)
    }

    async fn cancel(control: &Pool<MySql>, session: u64) -> sqlx::Result<()> {
        control.execute(AssertSqlSafe(format!("KILL CONNECTION {session}"))).await.map(drop)
    }

    fn parameters(statement: &MySqlStatement) -> Option<usize> {
        statement.parameters().map(|parameters| parameters.either(<[_]>::len, |count| count))
    }

    fn bind(_: &MySqlStatement, params: &[Value]) -> Result<MySqlArguments, StatementError> {
        let mut arguments = MySqlArguments::default();
        for (index, value) in params.iter().enumerate() {
            let added = match value {
                Value::Null => arguments.add(None::<String>),
                Value::Boolean(value) => arguments.add(*value),
                Value::Int(value) => arguments.add(*value),
                Value::Float(float) if !float.is_finite() => return Err(bad_parameter(index, "a number", value)),
                Value::Float(value) => arguments.add(*value),
                Value::Bytes(bytes) => arguments.add(bytes.clone()),
                Value::Timestamp(text) => match value::moment(text) {
                    Some(Moment::Zoned(zoned)) => arguments.add(zoned),
                    Some(Moment::Local(local)) => arguments.add(local),
                    None => return Err(bad_parameter(index, "a timestamp", value)),
                },
                // The database reads these from texts by itself, and exactly.
                Value::Numeric(text)
                | Value::Text(text)
                | Value::Date(text)
                | Value::Time(text)
                | Value::Uuid(text)
                | Value::Json(text) => arguments.add(text.clone()),
            };
            added.map_err(|error| StatementError::BadParameter(format!("parameter {}: {error}", index + 1)))?;
        }
        Ok(arguments)
    }

    fn value(row: &MySqlRow, index: usize) -> Option<Value> {
        let value = row.try_get_raw(index).ok()?;
        if value.is_null() {
            return Some(Value::Null);
        }
        let info = value.type_info();
        match info.name() {
            // What is declared as BOOLEAN is a small int, and may hold others.
            "BOOLEAN" => match row.try_get_unchecked::<i64, _>(index).ok()? {
                truth @ (0 | 1) => Some(Value::Boolean(truth == 1)),
                other => Some(Value::Int(other)),
            },
            "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" => {
                row.try_get_unchecked(index).ok().map(Value::Int)
            }
            "TINYINT UNSIGNED" | "SMALLINT UNSIGNED" | "MEDIUMINT UNSIGNED" | "INT UNSIGNED" | "BIGINT UNSIGNED"
            | "YEAR" | "BIT" => {
                let number: u64 = row.try_get_unchecked(index).ok()?;
                Some(i64::try_from(number).map_or_else(|_| Value::Numeric(number.to_string()), Value::Int))
            }
            "FLOAT" => row.try_get_unchecked::<f32, _>(index).ok().map(|float| Value::Float(value::widened(float))),
            "DOUBLE" => row.try_get_unchecked(index).ok().map(Value::Float),
            "DECIMAL" => row.try_get_unchecked(index).ok().map(Value::Numeric),
            "DATE" => {
                let date: NaiveDate = row.try_get_unchecked(index).ok()?;
                Some(Value::Date(value::write_date(date)))
            }
            "TIME" => row.try_get_unchecked(index).ok().map(time),
            "DATETIME" => {
                let local: NaiveDateTime = row.try_get_unchecked(index).ok()?;
                Some(Value::Timestamp(value::write_moment(Moment::Local(local))))
            }
            "TIMESTAMP" => {
                let zoned: DateTime<Utc> = row.try_get_unchecked(index).ok()?;
                Some(Value::Timestamp(value::write_moment(Moment::Zoned(zoned))))
            }
            "JSON" => row.try_get_unchecked(index).ok().map(Value::Json),
            "GEOMETRY" => None,
            // By the character set, not by the name: that says VARBINARY of a text that is compared by its bytes.
            "SET" => row.try_get_unchecked(index).ok().map(Value::Text),
            _ if <str as Type<MySql>>::compatible(&info) => row.try_get_unchecked(index).ok().map(Value::Text),
            _ => row.try_get_unchecked(index).ok().map(Value::Bytes),
        }
    }

    /// Before a run the types are not all known.
    fn supports(column: &MySqlColumn) -> bool {
        column.type_info().name() != "GEOMETRY"
    }

    fn fault(error: &(dyn DatabaseError + 'static)) -> Fault {
        match error.try_downcast_ref::<MySqlDatabaseError>().map(MySqlDatabaseError::number) {
            Some(number) if TIMEOUTS.contains(&number) => Fault::Timeout,
            Some(number) if UNAVAILABLE.contains(&number) => Fault::Unavailable,
            _ => Fault::Refused,
        }
    }
}

/// It may also be a span of time, which is no time of day.
fn time(time: MySqlTime) -> Value {
    if !time.is_valid_time_of_day() {
        return Value::Text(time.to_string());
    }
    let (hours, minutes, seconds) = (time.hours(), time.minutes(), time.seconds());
    let text = format!("{hours:02}:{minutes:02}:{seconds:02}");
    Value::Time(if time.microseconds() == 0 { text } else { format!("{text}.{:06}", time.microseconds()) })
}
