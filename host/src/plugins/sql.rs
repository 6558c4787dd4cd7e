//! SQL of plugins: named statements on the databases of the server's configuration.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chancery_sandbox::StatementGrant;
use chancery_sandbox::ports::{DatabaseError, Rows, SqlError, SqlPort, SqlStatement, SqlValue};
use chancery_store::statements::{
    self, CheckError, DatabaseOptions, Databases, StatementError, StatementOptions, Value,
};

use crate::app::StartError;
use crate::config::Plugins;
use crate::config::plugins::{Database, environment};

const DEFAULT_CONNECTIONS: u32 = 8;
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) struct Sql {
    databases: Databases,
}

impl Sql {
    pub(super) fn new(config: &Plugins) -> Result<Self, StartError> {
        let mut databases = Vec::with_capacity(config.databases.len());
        for (name, database) in &config.databases {
            let url = url(database).map_err(|reason| StartError(format!("plugins.databases.{name}: {reason}")))?;
            let max_connections = database.max_connections.unwrap_or(DEFAULT_CONNECTIONS);
            databases.push((name.clone(), DatabaseOptions { url, max_connections, acquire_timeout: ACQUIRE_TIMEOUT }));
        }
        let databases = Databases::new(databases).map_err(|error| StartError(error.to_string()))?;
        Ok(Self { databases })
    }
}

fn url(database: &Database) -> Result<String, String> {
    if let Some(url) = &database.url {
        return Ok(url.clone());
    }
    if let Some(file) = &database.url_file {
        let text = std::fs::read_to_string(file);
        return text.map(|t| t.trim().to_owned()).map_err(|error| format!("cannot read {}: {error}", file.display()));
    }
    let variable = database.url_env.as_deref().unwrap_or_default();
    environment(variable).ok_or_else(|| format!("the environment variable {variable} is not set"))
}

#[async_trait]
impl SqlPort for Sql {
    /// The statement is prepared on its database, so that a typing error shows now. A database that does not answer
    /// tells nothing about the statement.
    async fn open(&self, grant: &StatementGrant) -> Result<Arc<dyn SqlStatement>, String> {
        let statement = self.databases.statement(StatementOptions {
            database: grant.database.clone(),
            text: grant.text.clone(),
            params: grant.params.len(),
            max_rows: usize::try_from(grant.max_rows).unwrap_or(usize::MAX),
            max_bytes: grant.max_bytes,
            timeout: grant.timeout,
            writes: grant.writes,
        });
        let statement = statement.map_err(|problem| problem.to_string())?;
        match statement.check().await {
            Ok(_) => {}
            Err(CheckError::Unavailable { reason, detail }) => {
                let database = &grant.database;
                tracing::warn!(
                    database,
                    reason,
                    detail,
                    "a plugin's database does not answer, its statement is unchecked"
                );
            }
            Err(problem) => return Err(problem.to_string()),
        }
        Ok(Arc::new(Granted(statement)))
    }
}

struct Granted(Arc<statements::Statement>);

#[async_trait]
impl SqlStatement for Granted {
    async fn run(&self, params: Vec<SqlValue>, within: Duration) -> Result<Rows, SqlError> {
        let params = params.into_iter().map(to_database).collect();
        let rows = self.0.run(params, within).await.map_err(to_guest_error)?;
        Ok(Rows {
            columns: rows.columns,
            rows: rows.rows.into_iter().map(|row| row.into_iter().map(to_guest).collect()).collect(),
            truncated: rows.truncated,
        })
    }
}

fn to_guest_error(error: StatementError) -> SqlError {
    let text = error.to_string();
    match error {
        StatementError::BadParameter(reason) => SqlError::BadParameter(reason),
        // What a database says about data that does not fit.
        StatementError::BadValue(reason) => {
            SqlError::Database(DatabaseError { code: "22P02".to_owned(), message: reason })
        }
        StatementError::Timeout => SqlError::Timeout,
        StatementError::Unavailable { detail, .. } => {
            tracing::warn!(detail, "a plugin's database does not answer");
            SqlError::Unavailable(text)
        }
        // SQLite's codes are no SQLSTATE: busy and locked pass.
        StatementError::Database { code, .. } if ["5", "6", "261", "262", "517", "518"].contains(&code.as_str()) => {
            SqlError::Unavailable(text)
        }
        StatementError::Database { code, message } => SqlError::Database(DatabaseError { code, message }),
        StatementError::TooLarge(limit) => SqlError::TooLarge(limit),
        StatementError::UnsupportedColumn { .. } => {
            tracing::warn!(reason = text, "a plugin's statement has a column that plugins cannot get");
            SqlError::Database(DatabaseError { code: "0A000".to_owned(), message: text })
        }
    }
}

macro_rules! map {
    ($name:ident, $from:ident, $to:ident) => {
        fn $name(value: $from) -> $to {
            match value {
                $from::Null => $to::Null,
                $from::Boolean(v) => $to::Boolean(v),
                $from::Int(v) => $to::Int(v),
                $from::Float(v) => $to::Float(v),
                $from::Numeric(v) => $to::Numeric(v),
                $from::Text(v) => $to::Text(v),
                $from::Bytes(v) => $to::Bytes(v),
                $from::Date(v) => $to::Date(v),
                $from::Time(v) => $to::Time(v),
                $from::Timestamp(v) => $to::Timestamp(v),
                $from::Uuid(v) => $to::Uuid(v),
                $from::Json(v) => $to::Json(v),
            }
        }
    };
}

map!(to_database, SqlValue, Value);
map!(to_guest, Value, SqlValue);
