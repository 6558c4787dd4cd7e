//! Databases of somebody else, with people in them.

use std::sync::Arc;
use std::time::Duration;

use sqlx::mysql::MySqlConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, MySqlConnection, PgConnection};
use tempfile::TempDir;

use crate::statements::{DatabaseOptions, Databases, Rows, Statement, StatementError, StatementOptions, Value};
use crate::test_util::PostgresServer;
use crate::test_util::mariadb::MariaDbServer;

pub(super) const PEOPLE: &str = "CREATE TABLE person (id VARCHAR(40) PRIMARY KEY, name VARCHAR(200) NOT NULL, age INT); \
     INSERT INTO person VALUES ('1', 'Amina', 41), ('2', 'Bela', NULL), ('3', 'Chidi', 7)";
/// More time than any test needs.
pub(super) const LONG: Duration = Duration::from_mins(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Postgres,
    MySql,
    Sqlite,
}

pub(super) struct Fixture {
    pub(super) kind: Kind,
    pub(super) url: String,
    pub(super) databases: Databases,
    _folder: Option<TempDir>,
}

/// One of each, with people.
pub(super) async fn all() -> [Fixture; 3] {
    [postgres(PEOPLE).await, mysql(PEOPLE).await, sqlite(PEOPLE).await]
}

pub(super) async fn postgres(setup: &str) -> Fixture {
    let server = PostgresServer::shared().unwrap_or_else(|error| panic!("{error}"));
    Fixture::new(Kind::Postgres, server.create_database().unwrap(), None, setup).await
}

pub(super) async fn mysql(setup: &str) -> Fixture {
    let server = MariaDbServer::shared().unwrap_or_else(|error| panic!("{error}"));
    Fixture::new(Kind::MySql, server.create_database().unwrap(), None, setup).await
}

pub(super) async fn sqlite(setup: &str) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("people.db").display());
    Fixture::new(Kind::Sqlite, url, Some(folder), setup).await
}

impl Fixture {
    async fn new(kind: Kind, url: String, folder: Option<TempDir>, setup: &str) -> Self {
        let databases = open(&url, 4);
        let fixture = Self { kind, url, databases, _folder: folder };
        fixture.execute(setup).await;
        fixture
    }

    /// As the one whose database it is.
    pub(super) async fn execute(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        match self.kind {
            Kind::Postgres => drop(self.pg().await.execute(sql).await.unwrap()),
            Kind::MySql => drop(self.my().await.execute(sql).await.unwrap()),
            Kind::Sqlite => {
                let options =
                    SqliteConnectOptions::new().filename(&self.url["sqlite:".len()..]).create_if_missing(true);
                let mut connection = options.connect().await.unwrap();
                connection.execute(sql).await.unwrap();
                connection.close().await.unwrap();
            }
        }
    }

    pub(super) async fn pg(&self) -> PgConnection {
        crate::postgres::parse(&self.url).unwrap().connect().await.unwrap()
    }

    pub(super) async fn my(&self) -> MySqlConnection {
        self.url.parse::<MySqlConnectOptions>().unwrap().connect().await.unwrap()
    }

    /// `{1}`, `{2}` as the database writes placeholders.
    pub(super) fn sql(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for number in 1..=12 {
            let placeholder = if self.kind == Kind::MySql { "?".to_owned() } else { format!("${number}") };
            text = text.replace(&format!("{{{number}}}"), &placeholder);
        }
        text
    }

    pub(super) fn options(&self, text: &str, params: usize) -> StatementOptions {
        reading(&self.sql(text), params)
    }

    pub(super) fn statement(&self, options: StatementOptions) -> Arc<Statement> {
        self.databases.statement(options).unwrap()
    }

    pub(super) async fn read(&self, text: &str, params: Vec<Value>) -> Result<Rows, StatementError> {
        self.statement(self.options(text, params.len())).run(params, LONG).await
    }

    pub(super) async fn write(&self, text: &str, params: Vec<Value>) -> Result<Rows, StatementError> {
        let options = StatementOptions { writes: true, ..self.options(text, params.len()) };
        self.statement(options).run(params, LONG).await
    }

    /// The one row that `text` has.
    pub(super) async fn row(&self, text: &str, params: Vec<Value>) -> Vec<Value> {
        let rows = self.read(text, params).await.unwrap_or_else(|error| panic!("{text}: {error:?}"));
        assert_eq!(rows.rows.len(), 1, "{text}");
        rows.rows.into_iter().next().unwrap()
    }

    /// Ids and names as they are.
    pub(super) async fn people(&self) -> Vec<Vec<Value>> {
        self.read("select id, name from person order by id", vec![]).await.unwrap().rows
    }

    pub(super) async fn is_healthy(&self) {
        assert_eq!(self.row("select count(*) from person where id = {1}", vec![text("1")]).await, [Value::Int(1)]);
    }
}

pub(super) fn open(url: &str, max_connections: u32) -> Databases {
    let options = DatabaseOptions { url: url.to_owned(), max_connections, acquire_timeout: LONG };
    Databases::new(vec![("registry".to_owned(), options)]).unwrap()
}

pub(super) fn reading(text: &str, params: usize) -> StatementOptions {
    StatementOptions {
        database: "registry".to_owned(),
        text: text.to_owned(),
        params,
        max_rows: 100,
        max_bytes: 1 << 20,
        timeout: LONG,
        writes: false,
    }
}

pub(super) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// The code of what the database refused.
pub(super) fn code(result: Result<Rows, StatementError>) -> String {
    match result {
        Err(StatementError::Database { code, .. }) => code,
        other => panic!("the database did not refuse it: {other:?}"),
    }
}
