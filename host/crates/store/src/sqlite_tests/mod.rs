//! The contract on SQLite, and what only SQLite's files can do.

mod failures;
mod files;
mod groups;
mod plans;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, Row as _, Sqlite};
use tempfile::TempDir;

use crate::contract_tests::{TestDatabase, contract_suite};
use crate::sql::SqlStore;
use crate::{Store, StoreOptions, connect, sqlite};

contract_suite!(SqliteFile);

pub(crate) struct SqliteFile {
    folder: TempDir,
}

impl SqliteFile {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("chancery.db")
    }

    fn url(&self) -> String {
        format!("sqlite:{}", self.path().display())
    }

    async fn open_sql(&self) -> SqlStore<Sqlite> {
        sqlite::open(&self.path(), &options()).await.unwrap()
    }

    /// A connection past the store, as another program would have it.
    pub(crate) async fn raw(&self) -> sqlx::SqliteConnection {
        SqliteConnectOptions::new().filename(self.path()).create_if_missing(true).connect().await.unwrap()
    }

    async fn run(&self, sql: &'static str) {
        let mut connection = self.raw().await;
        connection.execute(sql).await.unwrap();
        connection.close().await.unwrap();
    }
}

impl TestDatabase for SqliteFile {
    async fn fresh() -> Self {
        Self::new()
    }

    async fn open(&self) -> Arc<dyn Store> {
        connect(&self.url(), &options()).await.unwrap()
    }

    async fn dump(&self) -> String {
        let mut connection = self.raw().await;
        let tables = "SELECT 'SELECT ''' || t.name || ' '' || ' || group_concat('quote(' || c.name || ')', ' || '','' || ') \
             || ' FROM ' || t.name FROM sqlite_master AS t JOIN pragma_table_info(t.name) AS c \
             WHERE t.type = 'table' GROUP BY t.name ORDER BY t.name";
        let mut dump = String::new();
        for query in connection.fetch_all(tables).await.unwrap() {
            let query: String = query.get(0);
            for row in connection.fetch_all(AssertSqlSafe(query)).await.unwrap() {
                dump.push_str(row.get(0));
                dump.push('\n');
            }
        }
        connection.close().await.unwrap();
        dump
    }
}

/// Room for the racers on a busy machine.
fn options() -> StoreOptions {
    StoreOptions { acquire_timeout: Duration::from_mins(1), ..StoreOptions::default() }
}
