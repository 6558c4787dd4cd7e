//! Named SQL statements, run by the host on pooled connections (feature `sql`).
//!
//! The statements stand in the grant file; a plugin never sends SQL text. Parameters that the
//! grant binds (`@subject.id`) are filled by the host from the call at hand.

use std::fmt;

use serde_json::{Map, Value as Json};

use crate::{Error, ErrorKind, bindings::sql::chancery::host::sql, json};

/// A database value. Values without an exact counterpart here are texts.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// A truth value.
    Boolean(bool),
    /// A whole number.
    Int(i64),
    /// A floating-point number; never used for decimals.
    Float(f64),
    /// A decimal in plain notation, such as `-12.50`.
    Numeric(String),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A date as `YYYY-MM-DD`.
    Date(String),
    /// A time of day as `HH:MM:SS[.ffffff]`.
    Time(String),
    /// A point in time as RFC 3339 with offset; a timestamp without zone has none.
    Timestamp(String),
    /// A UUID in lower case with hyphens.
    Uuid(String),
    /// A JSON text.
    Json(String),
}

/// What a statement returned.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// Column names in the order of the statement.
    pub columns: Vec<String>,
    /// One list of values a row, in the order of `columns`.
    pub rows: Vec<Vec<Value>>,
    /// True when the statement had more rows than the grant's `max_rows`.
    pub truncated: bool,
}

/// One row of [`Rows`], its values by column name.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    columns: &'a [String],
    values: &'a [Value],
}

/// Why a statement gave no rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SqlError {
    /// The grant file names no such statement; it has these.
    UnknownStatement(Vec<String>),
    /// Number or type of the parameters is wrong: what was expected.
    BadParameter(String),
    /// The statement ran longer than the grant's `timeout`.
    Timeout,
    /// The database cannot be reached, or no connection became free in time.
    Unavailable(String),
    /// The database refused the statement. Private: the message may quote data. It is shown only
    /// where the code says that it is about the statement.
    Database { code: String, message: String },
    /// The rows exceed the grant's `max_bytes`.
    TooLarge(u64),
}

/// Runs the named statement. `params` fill the parameters that the grant leaves to the plugin, in
/// order. Each run is one transaction, read-only unless the grant says otherwise.
///
/// # Errors
/// See [`SqlError`].
pub fn run(statement: &str, params: &[Value]) -> Result<Rows, SqlError> {
    let params: Vec<sql::Value> = params.iter().cloned().map(Into::into).collect();
    let rows = sql::run(statement, &params)?;
    let values = |row: Vec<sql::Value>| row.into_iter().map(Into::into).collect();
    Ok(Rows { columns: rows.columns, rows: rows.rows.into_iter().map(values).collect(), truncated: rows.truncated })
}

impl Rows {
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Row<'_>> {
        self.rows.iter().map(|values| Row { columns: &self.columns, values })
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl<'a> Row<'a> {
    /// The value in the column of this name, compared byte for byte; absent where the statement
    /// has no such column. Where it has several, the first.
    pub fn get(&self, column: &str) -> Option<&'a Value> {
        self.values.get(self.columns.iter().position(|name| name == column)?)
    }

    /// Columns and values in the order of the statement.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a Value)> {
        self.columns.iter().map(String::as_str).zip(self.values)
    }

    /// The row as claims, its members in the order of the columns. NULL is null, a JSON value is what it
    /// says, and what JSON has no type for is a text: decimals, dates, points in time, UUIDs. Where
    /// two columns have one name, the first counts.
    ///
    /// # Errors
    /// [`ErrorKind::Misconfigured`] for bytes, which belong into
    /// [`Data::attach`](crate::Data::attach), and for numbers that JSON cannot say.
    pub fn to_json(&self) -> Result<Map<String, Json>, Error> {
        let mut members = Map::new();
        for (column, value) in self.iter() {
            if !members.contains_key(column) {
                members.insert(column.to_owned(), value.to_json().map_err(|fault| unfit(column, &fault))?);
            }
        }
        Ok(members)
    }
}

impl Value {
    /// The fault does not quote the value.
    fn to_json(&self) -> Result<Json, String> {
        Ok(match self {
            Self::Null => Json::Null,
            Self::Boolean(truth) => Json::from(*truth),
            Self::Int(number) => Json::from(*number),
            Self::Float(number) if number.is_finite() => Json::from(*number),
            Self::Float(_) => return Err("the number is infinite or none at all".to_owned()),
            Self::Numeric(text)
            | Self::Text(text)
            | Self::Date(text)
            | Self::Time(text)
            | Self::Timestamp(text)
            | Self::Uuid(text) => Json::from(text.as_str()),
            Self::Json(text) => {
                json::parse(text.as_bytes()).map_err(|error| format!("the JSON cannot be read: {error}"))?
            }
            Self::Bytes(_) => return Err("bytes have no form in JSON: attach them".to_owned()),
        })
    }
}

fn unfit(column: &str, fault: &str) -> Error {
    Error::misconfigured("The data source is not set up correctly.").with_detail(format!("column {column}: {fault}"))
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownStatement(known) if known.is_empty() => {
                f.write_str("no statement is granted: add [grants.sql.statements.<name>]")
            }
            Self::UnknownStatement(known) => write!(f, "no such statement is granted, only {}", known.join(", ")),
            Self::BadParameter(expected) => write!(f, "the parameters do not fit: {expected}"),
            Self::Timeout => f.write_str("the statement ran longer than its timeout"),
            Self::Unavailable(reason) => write!(f, "the database does not answer: {reason}"),
            Self::Database { code, message } if about_statement(code) => {
                write!(f, "the database refused the statement: {code} {message}")
            }
            Self::Database { code, .. } => {
                write!(f, "the database refused the statement: {code} (its message may quote data and is not shown)")
            }
            Self::TooLarge(limit) => write!(f, "the rows hold more than max_bytes, {limit} bytes"),
        }
    }
}

impl std::error::Error for SqlError {}

impl From<SqlError> for Error {
    fn from(error: SqlError) -> Self {
        let kind = match &error {
            SqlError::Timeout | SqlError::Unavailable(_) => ErrorKind::Unavailable,
            SqlError::Database { code, .. } if passes(code) => ErrorKind::Unavailable,
            // Class 22 is about the values at hand: a text that is no number, a date out of range.
            SqlError::Database { code, .. } if code.starts_with("22") => ErrorKind::InvalidRequest,
            SqlError::UnknownStatement(_)
            | SqlError::BadParameter(_)
            | SqlError::Database { .. }
            | SqlError::TooLarge(_) => ErrorKind::Misconfigured,
        };
        let message = match kind {
            ErrorKind::Unavailable => "The data source does not answer at the moment.",
            ErrorKind::InvalidRequest => "The data source cannot look this subject up.",
            _ => "The data source is not set up correctly.",
        };
        Self::new(kind, message).with_detail(error)
    }
}

/// SQLSTATE class 42: syntax, names, rights. Messages of the others quote values: the key that exists
/// already, the text that is no number.
fn about_statement(sqlstate: &str) -> bool {
    sqlstate.len() == 5 && sqlstate.starts_with("42")
}

/// SQLSTATE classes of failures that pass: connection, rollback (deadlock, serialisation), resources,
/// operator intervention, system error.
fn passes(sqlstate: &str) -> bool {
    sqlstate.len() == 5 && ["08", "40", "53", "57", "58"].iter().any(|class| sqlstate.starts_with(class))
}

impl From<sql::SqlError> for SqlError {
    fn from(error: sql::SqlError) -> Self {
        match error {
            sql::SqlError::UnknownStatement(known) => Self::UnknownStatement(known),
            sql::SqlError::BadParameter(expected) => Self::BadParameter(expected),
            sql::SqlError::Timeout => Self::Timeout,
            sql::SqlError::Unavailable(reason) => Self::Unavailable(reason),
            sql::SqlError::Database(error) => Self::Database { code: error.code, message: error.message },
            sql::SqlError::TooLarge(limit) => Self::TooLarge(limit),
        }
    }
}

/// The two enums have the same cases; only one of them is ours to document.
macro_rules! same_values {
    ($($case:ident),*) => {
        impl From<Value> for sql::Value {
            fn from(value: Value) -> Self {
                match value {
                    Value::Null => Self::Null,
                    $(Value::$case(inner) => Self::$case(inner),)*
                }
            }
        }

        impl From<sql::Value> for Value {
            fn from(value: sql::Value) -> Self {
                match value {
                    sql::Value::Null => Self::Null,
                    $(sql::Value::$case(inner) => Self::$case(inner),)*
                }
            }
        }
    };
}

same_values!(Boolean, Int, Float, Numeric, Text, Bytes, Date, Time, Timestamp, Uuid, Json);

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Rows {
        Rows {
            columns: vec!["id".into(), "Name".into()],
            rows: vec![vec![Value::Int(1), Value::Text("Amina".into())], vec![Value::Int(2), Value::Null]],
            truncated: false,
        }
    }

    #[test]
    fn values_are_found_by_the_column_they_stand_in() {
        let rows = rows();
        let names: Vec<Option<&Value>> = rows.iter().map(|row| row.get("Name")).collect();
        assert_eq!(names, [Some(&Value::Text("Amina".into())), Some(&Value::Null)]);
        assert!(rows.iter().all(|row| row.get("name").is_none()));
        assert_eq!((rows.len(), rows.is_empty()), (2, false));
    }

    #[test]
    fn a_short_row_has_no_value_rather_than_a_wrong_one() {
        let rows = Rows { rows: vec![vec![Value::Int(1)]], ..rows() };
        assert_eq!(rows.iter().next().unwrap().get("Name"), None);
    }

    #[test]
    fn a_row_is_claims() {
        let row = |values: &[(&str, Value)]| {
            let (columns, values) = values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).unzip();
            let rows = Rows { columns, rows: vec![values], truncated: false };
            rows.iter().next().unwrap().to_json()
        };
        let claims = row(&[
            ("z", Value::Text("Ada".into())),
            ("born", Value::Date("1990-01-01".into())),
            ("plots", Value::Json(r#"[{"ha":0.5}]"#.into())),
            ("married", Value::Null),
            ("cows", Value::Int(3)),
            ("balance", Value::Numeric("12.50".into())),
            ("z", Value::Text("somebody else".into())),
        ]);
        let text = r#"{"z":"Ada","born":"1990-01-01","plots":[{"ha":0.5}],"married":null,"cows":3,"balance":"12.50"}"#;
        assert_eq!(Json::Object(claims.unwrap()).to_string(), text);
        for unfit in [Value::Bytes(b"Amina".into()), Value::Float(f64::NAN), Value::Json(r#"{"Amina""#.into())] {
            let error = row(&[("photo", unfit)]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Misconfigured);
            let detail = error.detail().unwrap();
            assert!(detail.starts_with("column photo: ") && !detail.contains("Amina"), "{detail}");
        }
    }

    #[test]
    fn failures_are_sorted_by_who_can_mend_them() {
        let kind = |error| Error::from(error).kind();
        let database = |code: &str| SqlError::Database { code: code.into(), message: "secret 7".into() };
        assert_eq!(kind(SqlError::Timeout), ErrorKind::Unavailable);
        assert_eq!(kind(database("40001")), ErrorKind::Unavailable);
        for unfit in ["22P02", "22004", "22003"] {
            assert_eq!(kind(database(unfit)), ErrorKind::InvalidRequest, "{unfit}");
        }
        assert_eq!(kind(database("42P01")), ErrorKind::Misconfigured);
        assert_eq!(kind(database("5")), ErrorKind::Misconfigured);
        assert_eq!(kind(SqlError::UnknownStatement(vec!["a".into()])), ErrorKind::Misconfigured);
        let error = Error::from(database("42P01"));
        assert!(!error.message().contains("secret") && error.detail().unwrap().contains("secret 7"));
    }

    #[test]
    fn what_a_database_says_about_data_is_told_to_nobody() {
        for code in ["22P02", "23505", "P0001", "40001", "1", "42", "421", "420000", ""] {
            let error = SqlError::Database { code: code.into(), message: "Key (name)=(Amina) already exists.".into() };
            let shown = error.to_string();
            assert!(shown.contains(code) && !shown.contains("Amina"), "{shown}");
            let error = format!("{:?}", Error::from(error));
            assert!(!error.contains("Amina"), "{error}");
        }
    }
}
