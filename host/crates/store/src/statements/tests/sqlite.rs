//! SQLite's storage classes, and its ways to do something else than read.

use sqlx::{ConnectOptions as _, Connection as _, Executor as _};
use std::time::Duration;

use super::fixtures::{LONG, PEOPLE, code, reading, sqlite, text};
use crate::statements::{StatementError, StatementOptions, StatementProblem, Value};

#[tokio::test]
async fn values_have_the_type_that_they_are_stored_with() {
    let database = sqlite("create table t (any_, number numeric, day date)").await;
    for (column, given, expected) in [
        ("any_", Value::Null, None),
        ("any_", Value::Boolean(true), Some(Value::Int(1))),
        ("any_", Value::Int(i64::MIN), None),
        ("any_", Value::Float(0.1), None),
        ("any_", Value::Float(f64::INFINITY), None),
        ("any_", Value::Numeric("-12.50".into()), Some(text("-12.50"))),
        ("number", Value::Numeric("-12.50".into()), Some(Value::Float(-12.5))),
        ("number", Value::Numeric("12".into()), Some(Value::Int(12))),
        ("any_", text("żółć 😀 ' \" \\ \n"), None),
        ("any_", text(""), None),
        ("any_", Value::Bytes((0..=255).collect()), None),
        ("any_", Value::Bytes(vec![]), None),
        ("day", Value::Date("2024-02-29".into()), Some(text("2024-02-29"))),
        ("any_", Value::Time("12:00:00".into()), Some(text("12:00:00"))),
        ("any_", Value::Timestamp("2024-02-29T12:00:00Z".into()), Some(text("2024-02-29T12:00:00Z"))),
        (
            "any_",
            Value::Uuid("0f0e0d0c-0b0a-0908-0706-050403020100".into()),
            Some(text("0f0e0d0c-0b0a-0908-0706-050403020100")),
        ),
        ("any_", Value::Json("{}".into()), Some(text("{}"))),
    ] {
        let expected = expected.unwrap_or_else(|| given.clone());
        database.write(&format!("insert into t ({column}) values ($1)"), vec![given.clone()]).await.unwrap();
        assert_eq!(database.row(&format!("select {column} from t"), vec![]).await, [expected]);
        let found = database.read(&format!("select 1 from t where {column} is ?"), vec![given]).await.unwrap();
        assert_eq!(found.rows.len(), 1);
        database.write("delete from t", vec![]).await.unwrap();
    }
    let nan = database.read("select $1", vec![Value::Float(f64::NAN)]).await;
    assert!(matches!(nan, Err(StatementError::BadParameter(_))));
}

#[tokio::test]
async fn one_column_may_hold_every_type() {
    let database = sqlite("create table t (v); insert into t values (1), ('a'), (x'00'), (null), (0.5)").await;
    let rows = database.read("select v from t order by rowid", vec![]).await.unwrap().rows;
    let expected = [Value::Int(1), text("a"), Value::Bytes(vec![0]), Value::Null, Value::Float(0.5)];
    assert_eq!(rows.concat(), expected);
}

#[tokio::test]
async fn nothing_that_reads_can_write() {
    let database = sqlite(PEOPLE).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("copy.db");
    for sql in [
        "pragma query_only = off".to_owned(),
        "pragma journal_mode = wal".to_owned(),
        format!("attach '{}' as other", path.display()),
        format!("vacuum into '{}'", path.display()),
        "begin".to_owned(),
        "detach main".to_owned(),
        "drop table person".to_owned(),
    ] {
        for writes in [false, true] {
            let refused = database.databases.statement(StatementOptions { writes, ..reading(&sql, 0) });
            assert!(matches!(refused, Err(StatementProblem::Keyword { .. })), "{sql}");
        }
    }
    let sly = "with a as (select '9' as id) insert into person (id, name) select id, 'Sly' from a returning id";
    assert_eq!(code(database.read(sly, vec![]).await), "8");
    let extension = database.read("select load_extension('x')", vec![]).await;
    assert!(matches!(extension, Err(StatementError::Database { .. })), "{extension:?}");
    assert_eq!(database.people().await.len(), 3);
    assert!(!path.exists());
    database.write(sly, vec![]).await.unwrap();
    assert_eq!(database.people().await.len(), 4);
}

#[tokio::test]
async fn a_locked_file_is_waited_for_within_the_time_of_the_statement() {
    let database = sqlite(PEOPLE).await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&database.url["sqlite:".len()..]);
    let mut other = options.connect().await.unwrap();
    other.execute("begin exclusive").await.unwrap();
    for writes in [false, true] {
        let options =
            StatementOptions { writes, timeout: Duration::from_millis(100), ..reading("select id from person", 0) };
        let locked = database.statement(options).run(vec![], LONG).await;
        assert!(matches!(locked, Err(StatementError::Unavailable { .. } | StatementError::Timeout)), "{locked:?}");
    }
    other.execute("rollback").await.unwrap();
    other.close().await.unwrap();
    database.is_healthy().await;
    database.write("insert into person (id, name) values ('4', 'Dana')", vec![]).await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let database = sqlite(PEOPLE).await;
    std::fs::write(&database.url["sqlite:".len()..], "not a database".repeat(1000)).unwrap();
    let refused = database.read("select id from person", vec![]).await;
    assert!(
        matches!(refused, Err(StatementError::Unavailable { .. } | StatementError::Database { .. })),
        "{refused:?}"
    );
}
