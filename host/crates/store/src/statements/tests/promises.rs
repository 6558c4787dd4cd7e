//! What holds on every database.

use sqlx::{Connection as _, Executor as _, Row as _};

use super::fixtures::{Fixture, Kind, LONG, all, code, open, reading, text};
use crate::statements::{
    CheckError, DatabaseOptions, DatabaseProblem, Databases, StatementError, StatementOptions, StatementProblem, Value,
};

#[tokio::test]
async fn rows_come_in_the_order_of_the_statement() {
    for database in all().await {
        let sql = "select name as who, id, age from person where id <> {1} order by id";
        let rows = database.read(sql, vec![text("3")]).await.unwrap();
        assert_eq!(rows.columns, ["who", "id", "age"]);
        assert_eq!(
            rows.rows,
            [[text("Amina"), text("1"), Value::Int(41)], [text("Bela"), text("2"), Value::Null]].map(Vec::from)
        );
        assert!(!rows.truncated);
        let none = database.read("select name, id from person where id = {1}", vec![text("9")]).await.unwrap();
        assert_eq!(none.columns, ["name", "id"], "{:?}", database.kind);
        assert!(none.rows.is_empty() && !none.truncated);
    }
}

#[tokio::test]
async fn a_parameter_stays_a_value() {
    let attacks = [
        "' OR 1=1 --",
        "1' OR '1'='1",
        "'; drop table person; --",
        "\\'; drop table person; --",
        "1; drop table person",
        "$1",
        "?",
        "\u{2019} or 1=1",
        "%",
        "1 union select id, name from person",
    ];
    for database in all().await {
        let before = database.people().await;
        for attack in attacks {
            let rows = database.read("select id from person where id = {1} or name = {2}", vec![text(attack); 2]).await;
            assert!(rows.unwrap().rows.is_empty(), "{:?}: {attack}", database.kind);
            assert_eq!(database.people().await, before, "{:?}: {attack}", database.kind);
            let insert = "insert into person (id, name) values ('x', {1})";
            database.write(insert, vec![text(attack)]).await.unwrap();
            let found = database.row("select name from person where id = 'x'", vec![]).await;
            assert_eq!(found, [text(attack)], "{:?}", database.kind);
            database.write("delete from person where name = {1}", vec![text(attack)]).await.unwrap();
            assert_eq!(database.people().await, before, "{:?}: {attack}", database.kind);
        }
    }
}

#[tokio::test]
async fn a_text_is_one_statement() {
    for database in all().await {
        for sql in ["select 1; drop table person", "select 1; select 2", "select 1;\n-- then\ndelete from person"] {
            for writes in [false, true] {
                let options = StatementOptions { writes, ..reading(sql, 0) };
                match database.databases.statement(options) {
                    Err(problem) => {
                        assert_eq!(database.kind, Kind::Sqlite);
                        assert!(matches!(problem, StatementProblem::Text(_)), "{problem:?}");
                    }
                    Ok(statement) => {
                        assert_ne!(database.kind, Kind::Sqlite);
                        assert!(matches!(statement.check().await, Err(CheckError::Refused { .. })), "{sql}");
                        assert!(
                            ["42601", "42000"].contains(&code(statement.run(vec![], LONG).await).as_str()),
                            "{sql}"
                        );
                    }
                }
                assert_eq!(database.people().await.len(), 3, "{:?}: {sql}", database.kind);
            }
        }
        database.is_healthy().await;
    }
}

#[tokio::test]
async fn a_reading_statement_cannot_be_one_that_writes() {
    for database in all().await {
        for sql in [
            "insert into person (id, name) values ('4', 'Dana')",
            "update person set name = 'x'",
            "delete from person",
            "drop table person",
            "commit",
            "set x = 1",
            "call p()",
        ] {
            let refused = database.databases.statement(reading(sql, 0));
            assert!(matches!(refused, Err(StatementProblem::Keyword { .. })), "{sql}");
        }
    }
}

#[tokio::test]
async fn a_statement_that_may_write_is_committed_whole_or_not_at_all() {
    for database in all().await {
        database.write("insert into person (id, name) values ({1}, {2})", vec![text("4"), text("Dana")]).await.unwrap();
        assert_eq!(database.people().await.len(), 4);
        // The second row is refused, and the first one goes with it.
        let twice = database.write("insert into person (id, name) values ('5', 'Ed'), ('4', 'Twice')", vec![]).await;
        assert!(["23505", "23000", "1555"].contains(&code(twice).as_str()), "{:?}", database.kind);
        assert_eq!(database.people().await.len(), 4, "{:?}", database.kind);
        database.is_healthy().await;
    }
}

#[tokio::test]
async fn a_limit_takes_a_write_back() {
    for database in all().await {
        let sql = database.sql("insert into person (id, name) values ('4', {1}) returning name");
        let options = StatementOptions { writes: true, max_bytes: 1000, ..reading(&sql, 1) };
        let result = database.statement(options).run(vec![text(&"x".repeat(190))], LONG).await;
        assert_eq!(result.unwrap().rows.len(), 1);
        let sql = database.sql("insert into person (id, name) values ('5', {1}) returning name");
        let options = StatementOptions { writes: true, max_bytes: 100, ..reading(&sql, 1) };
        let result = database.statement(options).run(vec![text(&"x".repeat(190))], LONG).await;
        assert_eq!(result, Err(StatementError::TooLarge(100)), "{:?}", database.kind);
        let gone = database.row("select count(*) from person where id = '5'", vec![]).await;
        assert_eq!(gone, [Value::Int(0)], "{:?}", database.kind);
    }
}

#[tokio::test]
async fn every_row_that_a_write_returns_is_written_beyond_the_limit_too() {
    for database in all().await {
        if database.kind == Kind::MySql {
            // It returns rows of INSERT and DELETE only.
            continue;
        }
        let options =
            StatementOptions { writes: true, max_rows: 1, ..reading("update person set age = 1 returning id", 0) };
        let rows = database.statement(options).run(vec![], LONG).await.unwrap();
        assert!(rows.truncated && rows.rows.len() == 1, "{:?}", database.kind);
        assert_eq!(database.row("select count(*) from person where age = 1", vec![]).await, [Value::Int(3)]);
    }
}

#[tokio::test]
async fn the_number_of_parameters_is_right_or_refused() {
    for database in all().await {
        let statement = database.statement(database.options("select id from person where id = {1}", 1));
        assert_eq!(statement.check().await, Ok(vec!["id".to_owned()]));
        for wrong in [vec![], vec![text("1"), text("2")]] {
            assert!(matches!(statement.run(wrong, LONG).await, Err(StatementError::BadParameter(_))));
        }
        for params in [0, 2] {
            let options = database.options("select id from person where id = {1}", params);
            let Ok(statement) = database.databases.statement(options) else {
                assert_eq!(database.kind, Kind::Sqlite);
                continue;
            };
            assert_eq!(statement.check().await, Err(CheckError::Parameters { expected: params, found: 1 }));
            let run = statement.run(vec![text("1"); params], LONG).await;
            assert!(matches!(run, Err(StatementError::BadParameter(_))), "{run:?}");
        }
        database.is_healthy().await;
    }
}

#[tokio::test]
async fn a_value_that_is_not_what_it_says_is_refused() {
    for database in all().await {
        let statement = database.statement(database.options("select id from person where id = {1}", 1));
        for value in [
            Value::Numeric("1e5".into()),
            Value::Date("2024-13-01".into()),
            Value::Time("25:00:00".into()),
            Value::Timestamp("now".into()),
            Value::Uuid("secret".into()),
            Value::Json("{secret".into()),
        ] {
            let Err(StatementError::BadParameter(message)) = statement.run(vec![value], LONG).await else { panic!() };
            assert!(message.starts_with("parameter 1: expected ") && !message.contains("secret"), "{message}");
        }
    }
}

#[tokio::test]
async fn a_check_finds_what_the_database_would_refuse() {
    for database in all().await {
        let check = async |sql: &str| database.statement(reading(sql, 0)).check().await;
        assert!(matches!(check("select nothing from person").await, Err(CheckError::Refused { .. })));
        assert!(matches!(check("select 1 from nowhere").await, Err(CheckError::Refused { .. })));
        assert!(matches!(check("select from where").await, Err(CheckError::Refused { .. })));
        let insert =
            StatementOptions { writes: true, ..database.options("insert into person (id, name) values ({1}, {2})", 2) };
        assert_eq!(database.statement(insert).check().await, Ok(vec![]));
        assert_eq!(database.people().await.len(), 3);
        database.is_healthy().await;
    }
}

#[tokio::test]
async fn a_changed_table_is_no_obstacle() {
    for database in all().await {
        let statement = database.statement(reading("select * from person where id = '1'", 0));
        assert_eq!(statement.run(vec![], LONG).await.unwrap().columns.len(), 3);
        database.execute("alter table person add column town varchar(20)").await;
        let rows = statement.run(vec![], LONG).await.unwrap();
        assert_eq!(rows.columns, ["id", "name", "age", "town"], "{:?}", database.kind);
        assert_eq!(rows.rows[0].len(), 4);
    }
}

#[tokio::test]
async fn ten_thousand_runs_keep_to_their_connections() {
    for database in all().await {
        let statement = database.statement(database.options("select name from person where id = {1}", 1));
        let before = connections(&database).await;
        for batch in 0..50_u32 {
            let runs = (0..200_u32).map(|run| {
                let statement = statement.clone();
                // One in ten is given up before it could be done, and one in ten refused.
                let within = if run % 10 == 0 { std::time::Duration::from_micros(u64::from(batch)) } else { LONG };
                let params = if run % 10 == 1 { vec![] } else { vec![text("1")] };
                tokio::spawn(async move { statement.run(params, within).await })
            });
            for (number, run) in runs.collect::<Vec<_>>().into_iter().enumerate() {
                match (number % 10, run.await.unwrap()) {
                    (0, _) | (1, Err(StatementError::BadParameter(_))) => {}
                    (_, result) => assert_eq!(result.unwrap().rows, [[text("Amina")]]),
                }
            }
        }
        // Four and the one that ends runs.
        while connections(&database).await > before + 5 {
            tokio::task::yield_now().await;
        }
        database.is_healthy().await;
    }
}

/// That the server has for this database; those of a file are its open handles.
async fn connections(database: &Fixture) -> i64 {
    match database.kind {
        Kind::Postgres => {
            let mut connection = database.pg().await;
            let sql = "select count(*) from pg_stat_activity where datname = current_database()";
            let count = connection.fetch_one(sql).await.unwrap().get::<i64, _>(0) - 1;
            connection.close().await.unwrap();
            count
        }
        Kind::MySql => {
            let mut connection = database.my().await;
            let sql = "select count(*) from information_schema.processlist where db = database()";
            let count = connection.fetch_one(sql).await.unwrap().get::<i64, _>(0) - 1;
            connection.close().await.unwrap();
            count
        }
        Kind::Sqlite => {
            let path = std::path::Path::new(&database.url["sqlite:".len()..]);
            let handles = std::fs::read_dir("/proc/self/fd").unwrap();
            let handles = handles
                .filter(|handle| std::fs::read_link(handle.as_ref().unwrap().path()).is_ok_and(|link| link == path));
            i64::try_from(handles.count()).unwrap()
        }
    }
}

#[tokio::test]
async fn names_and_urls_are_checked_without_a_database() {
    let options = |url: &str| DatabaseOptions { url: url.to_owned(), max_connections: 1, acquire_timeout: LONG };
    for url in [
        "",
        "secret",
        "oracle://u:secret@h/d",
        "postgres://u:secret@h:secret/d",
        "postgres://u@h/d?passwort=secret",
        "mysql://u:secret@h:secret/d",
        "mysql://u@h/d?sslmode=secret",
        "mysql://u@h/d?timezone=secret",
        "sqlite:",
        "sqlite::memory:",
        "sqlite:secret.db?mode=rw",
        "mysql://u:secret@h/d?ssl-mode=secret",
        "sqlite:secret/",
    ] {
        let Err(problem) = Databases::new(vec![("registry".to_owned(), options(url))]) else { panic!("{url}") };
        assert!(matches!(problem, DatabaseProblem::InvalidUrl { .. }), "{url}");
        let shown = format!("{problem:?} {problem}");
        assert!(shown.contains("registry") && !shown.contains("secret"), "{shown}");
    }
    for url in [
        "postgres://u:secret@h/d?sslmode=require",
        "mysql://u:secret@h/d",
        "mariadb://u:secret@h/d?ssl-mode=REQUIRED",
        "sqlite:x.db",
    ] {
        let databases = Databases::new(vec![("registry".to_owned(), options(url))]).unwrap();
        let statement = databases.statement(reading("select 1", 0)).unwrap();
        assert!(!format!("{:?} {databases:?} {statement:?}", options(url)).contains("secret"));
        let elsewhere = StatementOptions { database: "elsewhere".to_owned(), ..reading("select 1", 0) };
        let problem = databases.statement(elsewhere).unwrap_err();
        assert_eq!(problem.to_string(), "there is no database elsewhere, there is registry");
    }
    let twice = vec![("a".to_owned(), options("sqlite:a.db")), ("a".to_owned(), options("sqlite:b.db"))];
    assert_eq!(Databases::new(twice).unwrap_err(), DatabaseProblem::Twice("a".to_owned()));
    let empty = open("sqlite:x.db", 1).statement(reading(" \n", 0)).unwrap_err();
    assert_eq!(empty, StatementProblem::Text("the text is empty"));
}
