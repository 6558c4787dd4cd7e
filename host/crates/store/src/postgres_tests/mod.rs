//! The contract on PostgreSQL, and what only a server can do.

mod cancellations;
mod failures;
mod ordering;
mod schema;
mod statuses;

use std::sync::Arc;
use std::time::Duration;

use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgConnection, Row as _};

use crate::contract_tests::{TestDatabase, contract_suite};
use crate::test_util::PostgresServer;
use crate::{Store, StoreOptions, connect, postgres};

contract_suite!(PgDatabase);

struct PgDatabase {
    url: String,
}

impl PgDatabase {
    fn new() -> Self {
        let server = PostgresServer::shared().unwrap_or_else(|error| panic!("{error}"));
        Self { url: server.create_database().unwrap() }
    }

    /// A connection past the store, as another program would have it.
    async fn raw(&self) -> PgConnection {
        postgres::parse(&self.url).unwrap().connect().await.unwrap()
    }

    async fn run(&self, sql: &'static str) {
        let mut connection = self.raw().await;
        connection.execute(sql).await.unwrap();
        connection.close().await.unwrap();
    }
}

impl TestDatabase for PgDatabase {
    async fn fresh() -> Self {
        Self::new()
    }

    async fn open(&self) -> Arc<dyn Store> {
        connect(&self.url, &options()).await.unwrap()
    }

    async fn dump(&self) -> String {
        let mut connection = self.raw().await;
        let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1";
        let mut dump = String::new();
        for table in connection.fetch_all(tables).await.unwrap() {
            let table: String = table.get(0);
            let rows = AssertSqlSafe(format!("SELECT row::text FROM {table} AS row ORDER BY 1"));
            for row in connection.fetch_all(rows).await.unwrap() {
                dump.push_str(&format!("{table} {}\n", row.get::<String, _>(0)));
            }
        }
        connection.close().await.unwrap();
        dump
    }
}

/// Waits until that many sessions of this database, or more, wait for a lock.
async fn sessions_wait(watcher: &mut PgConnection, count: i64) {
    let waiting = "SELECT count(*) FROM pg_stat_activity \
         WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while watcher.fetch_one(waiting).await.unwrap().get::<i64, _>(0) < count {
        tokio::task::yield_now().await;
    }
}

/// Room for the racers on a busy machine, and few enough connections for many tests at once.
fn options() -> StoreOptions {
    StoreOptions {
        connections: 8,
        acquire_timeout: Duration::from_mins(1),
        busy_timeout: Duration::from_mins(1),
        statement_timeout: Duration::from_mins(1),
        ..StoreOptions::default()
    }
}
