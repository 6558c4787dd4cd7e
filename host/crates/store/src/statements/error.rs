//! What can be wrong with a database, a statement and a run of it.

use super::value::Value;

/// A database of the configuration that cannot be used. It never repeats the URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseProblem {
    #[error("the URL of the database {database} cannot be used: {reason}")]
    InvalidUrl { database: String, reason: &'static str },
    #[error("the database {0} is named twice")]
    Twice(String),
}

/// A statement that can never run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementProblem {
    #[error("there is no database {database}, there is {}", if known.is_empty() { "none".to_owned() } else { known.join(", ") })]
    UnknownDatabase { database: String, known: Vec<String> },
    #[error("{0}")]
    Text(&'static str),
    #[error("it begins with {found:?}; it must begin with {allowed}")]
    Keyword { found: String, allowed: String },
    #[error("params has {expected} entries and the text {found} placeholders")]
    Parameters { expected: usize, found: usize },
}

/// What came of preparing a statement on its database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// The statement may be right: nobody can tell now.
    #[error("{reason}")]
    Unavailable { reason: &'static str, detail: String },
    #[error("params has {expected} entries and the text {found} placeholders")]
    Parameters { expected: usize, found: usize },
    #[error("the column {column} has the type {type}, which has no counterpart: cast it to text")]
    UnsupportedColumn { column: String, r#type: String },
    /// The database refused it. For the operator.
    #[error("the database refuses it ({code}): {message}")]
    Refused { code: String, message: String },
}

/// Why a run gave no rows. What is shown is safe; `detail` and `message` are for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    #[error("{0}")]
    BadParameter(String),
    /// A text that does not fit where it goes. The host fills texts in from a call: wrong data, not a wrong set-up.
    #[error("{0}")]
    BadValue(String),
    #[error("the statement took too long")]
    Timeout,
    #[error("{reason}")]
    Unavailable { reason: &'static str, detail: String },
    /// The SQLSTATE, or SQLite's result code. The message may quote data.
    #[error("the database refused the statement ({code})")]
    Database { code: String, message: String },
    /// Carries the limit.
    #[error("the rows exceed {0} bytes")]
    TooLarge(u64),
    #[error("the column {column} has the type {type}, which has no counterpart: cast it to text")]
    UnsupportedColumn { column: String, r#type: String },
}

impl StatementError {
    /// What only the log may show.
    pub fn private(&self) -> Option<&str> {
        match self {
            Self::Unavailable { detail, .. } => Some(detail),
            Self::Database { message, .. } => Some(message),
            Self::BadParameter(_)
            | Self::BadValue(_)
            | Self::Timeout
            | Self::TooLarge(_)
            | Self::UnsupportedColumn { .. } => None,
        }
    }
}

/// `index` counts from 0. The value itself is not shown.
pub(super) fn bad_parameter(index: usize, expected: &str, found: &Value) -> StatementError {
    let text = format!("parameter {}: expected {expected}, found {}", index + 1, found.kind());
    if matches!(found, Value::Text(_)) { StatementError::BadValue(text) } else { StatementError::BadParameter(text) }
}
