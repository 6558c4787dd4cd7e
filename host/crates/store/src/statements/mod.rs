//! Named SQL statements on databases that belong to others: PostgreSQL, SQLite, MySQL and MariaDB.
//!
//! An operator names databases and writes statements; whoever runs one sends parameters and never SQL text. Each run
//! is one transaction, and every limit of it is kept here and, where the database can, by the database too.
//!
//! - `value`: what goes in and comes out, and its written forms.
//! - `text`: what can be said about a statement before a database sees it.
//! - `backend`: one database with its pool: a run from the connection to its return. Generic over the database.
//! - `postgres`, `sqlite`, `mysql`: opening one, the transaction, parameters and columns there.
//! - `lease`: a connection goes back clean or not at all.
//!
//! What the database cannot be kept from: a single value larger than `max_bytes` is in memory once before it is
//! refused, and MySQL compares a text with a number by making a number of the text, whatever follows its digits: `0` is
//! equal to most names, and `5abc` to 5. A statement there says what it compares: `name = cast(? as char)` for a text
//! column, `cast(id as char) = ?` for a column of numbers.

mod backend;
mod error;
mod lease;
mod mysql;
mod postgres;
mod sqlite;
#[cfg(test)]
mod tests;
mod text;
mod value;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use self::error::{CheckError, DatabaseProblem, StatementError, StatementProblem};
pub use self::value::{Rows, Value};

use self::backend::Backend;
use self::text::Syntax;

/// How a database is reached.
#[derive(Clone)]
pub struct DatabaseOptions {
    /// `postgres://`, `mysql://`, `mariadb://` or `sqlite:` and the path of a file. It may carry a password.
    pub url: String,
    /// Connections of this host, beside one to end runs with. SQLite: for reading, and one more for writing.
    pub max_connections: u32,
    /// How long a run waits for one.
    pub acquire_timeout: Duration,
}

/// A statement as the operator wrote it.
#[derive(Debug, Clone)]
pub struct StatementOptions {
    /// The name of the database.
    pub database: String,
    /// One statement with the placeholders of its database: `$1` (PostgreSQL, SQLite) or `?` (MySQL, SQLite).
    pub text: String,
    /// How many parameters it takes.
    pub params: usize,
    /// Rows of one run; what is beyond is cut.
    pub max_rows: usize,
    /// Bytes of one run, as `Value::size` counts them; more is an error.
    pub max_bytes: u64,
    /// For one run, the wait for a connection included.
    pub timeout: Duration,
    /// Whether it may change data. Else its transaction is read-only, and always rolled back.
    pub writes: bool,
}

/// The databases of the server's configuration by name. Clones share them.
#[derive(Clone)]
pub struct Databases(Arc<BTreeMap<String, Database>>);

/// A statement that can be run.
pub struct Statement {
    options: StatementOptions,
    /// The text again, cheap to hand over.
    text: Arc<str>,
    backend: Arc<dyn Backend>,
}

#[derive(Clone)]
struct Database {
    syntax: Syntax,
    readers: Arc<dyn Backend>,
    writers: Arc<dyn Backend>,
}

impl Databases {
    /// Connects to none of them: a database that is down does not keep the host from starting. Needs a runtime.
    pub fn new(databases: Vec<(String, DatabaseOptions)>) -> Result<Self, DatabaseProblem> {
        let mut named = BTreeMap::new();
        for (name, options) in databases {
            let database = Database::open(&options)
                .map_err(|reason| DatabaseProblem::InvalidUrl { database: name.clone(), reason })?;
            if named.insert(name.clone(), database).is_some() {
                return Err(DatabaseProblem::Twice(name));
            }
        }
        Ok(Self(Arc::new(named)))
    }

    /// Checks what can be checked without the database.
    pub fn statement(&self, options: StatementOptions) -> Result<Arc<Statement>, StatementProblem> {
        let Some(database) = self.0.get(&options.database) else {
            return Err(StatementProblem::UnknownDatabase {
                database: options.database,
                known: self.0.keys().cloned().collect(),
            });
        };
        text::check(&options.text, database.syntax, options.writes)?;
        if database.syntax == Syntax::Sqlite {
            let found = text::sqlite_parameters(&options.text)?;
            if found != options.params {
                return Err(StatementProblem::Parameters { expected: options.params, found });
            }
        }
        let backend = if options.writes { &database.writers } else { &database.readers };
        Ok(Arc::new(Statement { text: options.text.as_str().into(), backend: backend.clone(), options }))
    }
}

impl Statement {
    /// Lets the database prepare the statement, and answers the names of its columns where the database knows them
    /// before a run. Changes nothing.
    pub async fn check(&self) -> Result<Vec<String>, CheckError> {
        self.backend.check(self).await
    }

    /// Runs it with all its parameters, for at most `within`.
    ///
    /// After `Timeout` it is not known whether a statement that writes has written. Dropped in the middle, the run
    /// ends on the database too.
    pub async fn run(&self, params: Vec<Value>, within: Duration) -> Result<Rows, StatementError> {
        if params.len() != self.options.params {
            let (expected, found) = (self.options.params, params.len());
            return Err(StatementError::BadParameter(format!("expected {expected} parameters, found {found}")));
        }
        for (index, value) in params.iter().enumerate() {
            value.check_form().map_err(|expected| error::bad_parameter(index, expected, value))?;
        }
        self.backend.run(self, &params, within).await
    }
}

impl Database {
    fn open(options: &DatabaseOptions) -> Result<Self, &'static str> {
        let same = |syntax, backend: Arc<dyn Backend>| Self { syntax, readers: backend.clone(), writers: backend };
        match options.url.split_once(':') {
            Some(("postgres" | "postgresql", _)) => Ok(same(Syntax::Postgres, postgres::open(options)?)),
            Some(("mysql" | "mariadb", _)) => Ok(same(Syntax::MySql, mysql::open(options)?)),
            Some(("sqlite", path)) => {
                let [readers, writers] = sqlite::open(path, options)?;
                Ok(Self { syntax: Syntax::Sqlite, readers, writers })
            }
            _ => Err("write it as postgres://…, mysql://…, mariadb://… or sqlite:path/to/file.db"),
        }
    }
}

impl fmt::Debug for DatabaseOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseOptions")
            .field("url", &"[redacted]")
            .field("max_connections", &self.max_connections)
            .field("acquire_timeout", &self.acquire_timeout)
            .finish()
    }
}

impl fmt::Debug for Databases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Statement").field(&self.options).finish()
    }
}
