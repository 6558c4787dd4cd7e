//! PostgreSQL. Parameters are written for the types that the database inferred, so that a text given for a `uuid` or
//! an `int` column is one; what the database cannot infer is cast in the statement: `$1::text::inet`.

mod binary;

use std::sync::Arc;
use std::time::Duration;

use sqlx::encode::IsNull;
use sqlx::error::{BoxDynError, DatabaseError};
use sqlx::postgres::{
    PgArgumentBuffer, PgArguments, PgColumn, PgConnectOptions, PgPoolOptions, PgRow, PgStatement, PgTypeInfo,
    PgTypeKind,
};
use sqlx::{
    Arguments as _, AssertSqlSafe, Column as _, Either, Encode, Executor as _, PgConnection, Pool, Postgres, Row as _,
    Statement as _, Type, TypeInfo as _, ValueRef as _,
};

use self::binary::Kind;
use super::DatabaseOptions;
use super::backend::{Backend, Dialect, Fault, Pooled};
use super::error::{StatementError, bad_parameter};
use super::value::Value;
use crate::contract::StoreError;

const QUERY_CANCELED: &str = "57014";
const FEATURE_NOT_SUPPORTED: &str = "0A000";
/// What the message of `FEATURE_NOT_SUPPORTED` says when the columns of a prepared statement have changed. It may be
/// in another language; then the connection goes on failing until it is closed for its age.
const STALE_PLAN: &str = "cached plan must not change result type";
/// Classes of SQLSTATE: connection, resources, an operator's intervention.
const UNAVAILABLE: [&str; 3] = ["08", "53", "57"];

pub(super) fn open(options: &DatabaseOptions) -> Result<Arc<dyn Backend>, &'static str> {
    let connect: PgConnectOptions = match crate::postgres::parse(&options.url) {
        Ok(connect) => connect,
        Err(StoreError::InvalidUrl(reason)) => return Err(reason),
        Err(_) => return Err("it cannot be read"),
    };
    let pool = PgPoolOptions::new().acquire_timeout(options.acquire_timeout);
    Ok(Arc::new(Pooled {
        control: pool.clone().max_connections(1).connect_lazy_with(connect.clone()),
        pool: pool.max_connections(options.max_connections.max(1)).connect_lazy_with(connect),
        acquire_timeout: options.acquire_timeout,
    }))
}

impl Dialect for Postgres {
    /// The process that serves the connection.
    type Session = i32;

    async fn begin(connection: &mut PgConnection, writes: bool, limit: Duration) -> sqlx::Result<i32> {
        let access = if writes { "READ WRITE" } else { "READ ONLY" };
        let limit = limit.as_millis();
        let begin = format!(
            "BEGIN {access}; SET LOCAL statement_timeout = {limit}; \
             SET LOCAL idle_in_transaction_session_timeout = {limit}; SELECT pg_backend_pid()"
        );
        connection.fetch_one(AssertSqlSafe(begin)).await?.try_get(0)
    }

    /// Not by cancelling the statement: a function may take that for an error of its own and go on.
    async fn cancel(control: &Pool<Postgres>, session: i32) -> sqlx::Result<()> {
        sqlx::query("SELECT pg_terminate_backend($1)").bind(session).execute(control).await.map(drop)
    }

    fn parameters(statement: &PgStatement) -> Option<usize> {
        statement.parameters().map(|parameters| parameters.either(<[_]>::len, |count| count))
    }

    fn bind(statement: &PgStatement, params: &[Value]) -> Result<PgArguments, StatementError> {
        let Some(Either::Left(types)) = statement.parameters() else { return Ok(PgArguments::default()) };
        let mut arguments = PgArguments::default();
        for (index, (value, wanted)) in params.iter().zip(types).enumerate() {
            let bytes = match (value, kind(wanted)) {
                (Value::Null, _) => None,
                (value, Some(kind)) => {
                    Some(binary::encode(value, kind).ok_or_else(|| bad_parameter(index, kind.expected(), value))?)
                }
                (value, None) => {
                    let expected = format!("{}, which only a text that the statement casts can be", wanted.name());
                    return Err(bad_parameter(index, &expected, value));
                }
            };
            let added = arguments.add(Parameter { bytes, wanted: wanted.clone() });
            added.map_err(|error| StatementError::BadParameter(format!("parameter {}: {error}", index + 1)))?;
        }
        Ok(arguments)
    }

    fn value(row: &PgRow, index: usize) -> Option<Value> {
        let value = row.try_get_raw(index).ok()?;
        if value.is_null() {
            return Some(Value::Null);
        }
        binary::decode(value.as_bytes().ok()?, kind(&value.type_info())?)
    }

    fn supports(column: &PgColumn) -> bool {
        kind(column.type_info()).is_some()
    }

    fn fault(error: &(dyn DatabaseError + 'static)) -> Fault {
        let code = error.code().unwrap_or_default();
        if code == QUERY_CANCELED {
            Fault::Timeout
        } else if code == FEATURE_NOT_SUPPORTED && error.message() == STALE_PLAN {
            Fault::Stale
        } else if UNAVAILABLE.iter().any(|class| code.starts_with(class)) {
            Fault::Unavailable
        } else {
            Fault::Refused
        }
    }
}

/// How values of the type look on the wire; `None` for types without counterpart.
fn kind(info: &PgTypeInfo) -> Option<Kind> {
    Some(match (info.kind(), info.name()) {
        (PgTypeKind::Domain(base), _) => return kind(base),
        (_, "BOOL") => Kind::Bool,
        (_, "INT2") => Kind::Int2,
        (_, "INT4") => Kind::Int4,
        (_, "INT8") => Kind::Int8,
        (_, "OID") => Kind::Oid,
        (_, "FLOAT4") => Kind::Float4,
        (_, "FLOAT8") => Kind::Float8,
        (_, "NUMERIC") => Kind::Numeric,
        (PgTypeKind::Enum(_), _)
        | (_, "TEXT" | "VARCHAR" | "CHAR" | "\"CHAR\"" | "NAME" | "UNKNOWN" | "XML" | "xml" | "citext") => Kind::Text,
        (_, "BYTEA") => Kind::Bytes,
        (_, "DATE") => Kind::Date,
        (_, "TIME") => Kind::Time,
        (_, "TIMESTAMP") => Kind::Timestamp,
        (_, "TIMESTAMPTZ") => Kind::TimestampTz,
        (_, "UUID") => Kind::Uuid,
        (_, "JSON") => Kind::Json,
        (_, "JSONB") => Kind::JsonB,
        // What a function without result returns.
        (_, "VOID") => Kind::Void,
        _ => return None,
    })
}

/// A value as it goes over the wire.
struct Parameter {
    bytes: Option<Vec<u8>>,
    wanted: PgTypeInfo,
}

impl Encode<'_, Postgres> for Parameter {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let Some(bytes) = &self.bytes else { return Ok(IsNull::Yes) };
        buffer.extend_from_slice(bytes);
        Ok(IsNull::No)
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(self.wanted.clone())
    }
}

impl Type<Postgres> for Parameter {
    /// Each one says by itself which type it has.
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("text")
    }
}
