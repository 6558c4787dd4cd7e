//! Rows, bytes and time, and what is left behind on the server.

use std::time::Duration;

use sqlx::{Connection as _, Executor as _, Row as _};

use super::fixtures::{Fixture, Kind, LONG, PEOPLE, all, open, postgres, reading, text};
use crate::statements::{StatementError, StatementOptions, Value};

/// Long enough for a connection and a BEGIN on a busy machine, and over before the statement would be.
const SHORT: Duration = Duration::from_millis(1500);
/// The database would not end a run by itself before the test is given up.
const FOREVER: Duration = Duration::from_hours(1);

impl Fixture {
    /// A statement that takes minutes, named by a comment. It works, where it could also sleep.
    fn slow(&self) -> &'static str {
        match self.kind {
            Kind::Postgres => "select pg_sleep(600) /* slow */",
            Kind::MySql => "select sleep(600) /* slow */",
            Kind::Sqlite => "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n",
        }
    }

    fn busy(&self) -> &'static str {
        match self.kind {
            Kind::Postgres => {
                "select count(*) from generate_series(1, 1000000000) as a, generate_series(1, 1000000) as b /* slow */"
            }
            Kind::MySql => "select benchmark(1000000000000, md5('a')) /* slow */",
            Kind::Sqlite => {
                "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n where i < 0"
            }
        }
    }

    /// This many rows.
    fn many(&self, rows: u32) -> String {
        match self.kind {
            Kind::Postgres => format!("select i, 'row' from generate_series(1, {rows}) as n(i)"),
            Kind::MySql => format!("select seq, 'row' from seq_1_to_{rows}"),
            Kind::Sqlite => {
                format!(
                    "with recursive n(i) as (select 1 union all select i + 1 from n where i < {rows}) select i, 'row' from n"
                )
            }
        }
    }

    /// Statements with the word `slow` that the server is running.
    async fn slow_ones(&self) -> i64 {
        match self.kind {
            Kind::Postgres => {
                let mut connection = self.pg().await;
                let sql = "select count(*) from pg_stat_activity \
                     where datname = current_database() and state = 'active' and query like '%slow%' and pid <> pg_backend_pid()";
                let count = connection.fetch_one(sql).await.unwrap().get(0);
                connection.close().await.unwrap();
                count
            }
            Kind::MySql => {
                let mut connection = self.my().await;
                let sql = "select count(*) from information_schema.processlist \
                     where db = database() and command <> 'Sleep' and info like '%slow%' and id <> connection_id()";
                let count = connection.fetch_one(sql).await.unwrap().get(0);
                connection.close().await.unwrap();
                count
            }
            Kind::Sqlite => 0,
        }
    }

    async fn wait_for_slow_ones(&self, count: i64) {
        let reached = async {
            while self.slow_ones().await != count {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LONG, reached).await.expect("the server goes on with what nobody waits for");
    }
}

#[tokio::test]
async fn rows_beyond_the_limit_are_cut() {
    for database in all().await {
        for (rows, taken, truncated) in
            [(0, 0, false), (9, 9, false), (10, 10, false), (11, 10, true), (500_000, 10, true)]
        {
            let options = StatementOptions { max_rows: 10, ..reading(&database.many(rows.max(1)), 0) };
            let options = if rows == 0 {
                StatementOptions { text: "select id, name from person where id = 'x'".into(), ..options }
            } else {
                options
            };
            let result = database.statement(options).run(vec![], LONG).await.unwrap();
            assert_eq!((result.rows.len(), result.truncated), (taken, truncated), "{:?}: {rows}", database.kind);
            if taken > 0 {
                assert_eq!(result.rows[taken - 1], [Value::Int(i64::try_from(taken).unwrap()), text("row")]);
            }
        }
        database.is_healthy().await;
    }
}

#[tokio::test]
async fn bytes_beyond_the_limit_are_an_error() {
    for database in all().await {
        // 8 for the number, 8 + 3 for the text.
        for (rows, fits) in [(10, true), (11, false), (100_000, false)] {
            let options = StatementOptions { max_rows: 1_000_000, max_bytes: 190, ..reading(&database.many(rows), 0) };
            match database.statement(options).run(vec![], LONG).await {
                Ok(result) => assert!(fits && result.rows.len() == 10, "{:?}: {rows}", database.kind),
                Err(error) => {
                    assert_eq!(error, StatementError::TooLarge(190));
                    assert!(!fits, "{:?}: {rows}", database.kind);
                }
            }
        }
        database.is_healthy().await;
    }
}

#[tokio::test]
async fn a_statement_has_its_time_and_its_connection_lives_on() {
    for database in all().await {
        let databases = open(&database.url, 1);
        for sql in [database.slow(), database.busy()] {
            let options = StatementOptions { timeout: SHORT, ..reading(sql, 0) };
            let result = databases.statement(options).unwrap().run(vec![], LONG).await;
            assert_eq!(result, Err(StatementError::Timeout), "{:?}: {sql}", database.kind);
            let result = databases.statement(reading(sql, 0)).unwrap().run(vec![], SHORT).await;
            assert_eq!(result, Err(StatementError::Timeout), "{:?}: within", database.kind);
            database.wait_for_slow_ones(0).await;
            // The only connection is free again.
            let rows = databases.statement(reading("select id from person", 0)).unwrap().run(vec![], LONG).await;
            assert_eq!(rows.unwrap().rows.len(), 3);
        }
    }
}

#[tokio::test]
async fn a_write_that_takes_too_long_is_not_written() {
    for database in all().await {
        let slow = match database.kind {
            Kind::Postgres => {
                "insert into person (id, name) select '4', 'x' from (select pg_sleep(600)) as s /* slow */"
            }
            Kind::MySql => {
                "insert into person (id, name) select concat('x', seq), sleep(600) from seq_1_to_9 /* slow */"
            }
            Kind::Sqlite => {
                "insert into person (id, name) with recursive n(i) as (select 1 union all select i + 1 from n) \
                 select max(i), 'x' from n"
            }
        };
        let options = StatementOptions { timeout: SHORT, writes: true, ..reading(slow, 0) };
        let result = database.statement(options).run(vec![], LONG).await;
        assert_eq!(result, Err(StatementError::Timeout), "{:?}", database.kind);
        database.wait_for_slow_ones(0).await;
        assert_eq!(database.people().await.len(), 3, "{:?}", database.kind);
        database.write("insert into person (id, name) values ('4', 'Dana')", vec![]).await.unwrap();
    }
}

#[tokio::test]
async fn a_run_that_is_dropped_ends_on_the_server() {
    for database in all().await {
        for writes in [false, true] {
            let databases = open(&database.url, 1);
            let options = StatementOptions { writes, timeout: FOREVER, ..reading(database.slow(), 0) };
            let statement = databases.statement(options).unwrap();
            let run = tokio::spawn(async move { statement.run(vec![], FOREVER).await });
            if database.kind == Kind::Sqlite {
                // Nothing shows from outside whether it runs; what counts is that the connection comes free.
                tokio::task::yield_now().await;
            } else {
                database.wait_for_slow_ones(1).await;
            }
            run.abort();
            assert!(run.await.unwrap_err().is_cancelled());
            // Its connection counts until the server has ended the run, so this has to wait for that.
            let options = StatementOptions { writes, ..reading("select id from person", 0) };
            let rows = databases.statement(options).unwrap().run(vec![], LONG).await;
            assert_eq!(rows.unwrap().rows.len(), 3, "{:?}", database.kind);
            database.wait_for_slow_ones(0).await;
        }
    }
}

#[tokio::test]
async fn no_time_is_no_run() {
    for database in all().await {
        let statement = database.statement(reading("select id from person", 0));
        let result = statement.run(vec![], Duration::ZERO).await;
        assert!(matches!(result, Err(StatementError::Timeout | StatementError::Unavailable { .. })), "{result:?}");
        database.is_healthy().await;
    }
}

#[tokio::test]
async fn a_busy_pool_is_waited_for_within_the_time_of_the_statement() {
    for database in all().await {
        let databases = open(&database.url, 1);
        let slow = databases.statement(reading(database.slow(), 0)).unwrap();
        let slow = tokio::spawn(async move { slow.run(vec![], LONG).await });
        if database.kind == Kind::Sqlite {
            tokio::task::yield_now().await;
        } else {
            database.wait_for_slow_ones(1).await;
        }
        let quick = databases.statement(reading("select id from person", 0)).unwrap();
        let result = quick.run(vec![], Duration::from_millis(50)).await;
        let Err(StatementError::Unavailable { reason, .. }) = result else { panic!("{result:?}") };
        assert_eq!(reason, "no connection to the database became free in time");
        slow.abort();
        assert_eq!(quick.run(vec![], LONG).await.unwrap().rows.len(), 3);
    }
}

/// The host has a clock of its own, and no patience with what outlives the database's.
#[tokio::test]
async fn a_function_that_ignores_its_end_is_ended() {
    let database = postgres(&format!(
        "{PEOPLE}; create function stubborn() returns int language plpgsql as \
         $$ begin loop begin perform pg_sleep(600); exception when query_canceled then null; end; end loop; end $$"
    ))
    .await;
    let databases = open(&database.url, 1);
    let options = StatementOptions { timeout: SHORT, ..reading("select stubborn() /* slow */", 0) };
    let result = databases.statement(options).unwrap().run(vec![], LONG).await;
    assert_eq!(result, Err(StatementError::Timeout));
    database.wait_for_slow_ones(0).await;
    let rows = databases.statement(reading("select id from person", 0)).unwrap().run(vec![], LONG).await;
    assert_eq!(rows.unwrap().rows.len(), 3);
}
