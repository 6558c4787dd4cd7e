//! PostgreSQL's types, and its ways to write.

use super::fixtures::{LONG, PEOPLE, code, postgres, reading, text};
use crate::statements::{CheckError, StatementError, StatementOptions, Value};

const UUID: &str = "0f0e0d0c-0b0a-0908-0706-050403020100";

#[tokio::test]
async fn every_type_goes_both_ways() {
    let database = postgres(
        "create type mood as enum ('calm', 'cross'); create domain id8 as bigint; \
         create table t (bool bool, int2 int2, int4 int4, int8 int8, float4 float4, float8 float8, numeric numeric, \
         text text, varchar varchar(20), char char(3), bytea bytea, date date, time time, timestamp timestamp, \
         timestamptz timestamptz, uuid uuid, json json, jsonb jsonb, mood mood, id8 id8)",
    )
    .await;
    let numeric = "-123456789012345678901234567890.000000000012345678901234567890";
    let cases = [
        ("bool", Value::Boolean(true), None),
        ("int2", Value::Int(i16::MIN.into()), None),
        ("int4", Value::Int(i32::MAX.into()), None),
        ("int8", Value::Int(i64::MIN), None),
        ("id8", Value::Int(i64::MAX), None),
        ("int8", text("-42"), Some(Value::Int(-42))),
        ("float4", Value::Float(2.4), None),
        ("float8", Value::Float(0.1), None),
        ("float8", Value::Float(f64::INFINITY), None),
        ("numeric", Value::Numeric(numeric.into()), None),
        ("numeric", Value::Numeric("0.00".into()), None),
        ("numeric", Value::Int(7), Some(Value::Numeric("7".into()))),
        ("numeric", text("12.50"), Some(Value::Numeric("12.50".into()))),
        ("text", text("żółć 😀 ' \" \\ \n"), None),
        ("text", text(""), None),
        ("varchar", text("abc"), None),
        ("char", text("ab"), Some(text("ab "))),
        ("bytea", Value::Bytes((0..=255).collect()), None),
        ("date", Value::Date("1969-07-20".into()), None),
        ("date", text("0001-01-01"), Some(Value::Date("0001-01-01".into()))),
        ("time", Value::Time("23:59:59.999999".into()), None),
        ("timestamp", Value::Timestamp("2024-02-29T12:30:00.250".into()), None),
        ("timestamptz", Value::Timestamp("1815-12-10T00:00:00Z".into()), None),
        (
            "timestamptz",
            Value::Timestamp("2024-02-29T12:30:00.000001+05:30".into()),
            Some(Value::Timestamp("2024-02-29T07:00:00.000001Z".into())),
        ),
        ("uuid", Value::Uuid(UUID.into()), None),
        ("uuid", text(&UUID.to_uppercase()), Some(Value::Uuid(UUID.into()))),
        ("json", Value::Json("{ \"a\": 1 }".into()), None),
        ("jsonb", Value::Json("{\"a\": [1, null]}".into()), None),
        ("mood", text("cross"), None),
    ];
    for (column, given, expected) in cases {
        let expected = expected.unwrap_or_else(|| given.clone());
        let insert = format!("insert into t ({column}) values ($1)");
        database.write(&insert, vec![given.clone()]).await.unwrap_or_else(|error| panic!("{column}: {error:?}"));
        assert_eq!(database.row(&format!("select {column} from t"), vec![]).await, [expected], "{column}");
        if !["json", "char"].contains(&column) {
            let found = database.read(&format!("select 1 from t where {column} = $1"), vec![given]).await.unwrap();
            assert_eq!(found.rows.len(), 1, "{column}");
        }
        database.write("delete from t", vec![]).await.unwrap();
        database.write(&insert, vec![Value::Null]).await.unwrap();
        assert_eq!(database.row(&format!("select {column} from t"), vec![]).await, [Value::Null], "{column}");
        database.write("delete from t", vec![]).await.unwrap();
    }
}

#[tokio::test]
async fn values_beyond_every_form_are_texts_or_named() {
    let database = postgres("select 1").await;
    for (sql, expected) in [
        ("select 'NaN'::numeric", text("NaN")),
        ("select '-Infinity'::numeric", text("-Infinity")),
        ("select 'infinity'::date", text("infinity")),
        ("select '-infinity'::timestamptz", text("-infinity")),
        ("select '24:00'::time", Value::Time("24:00:00".into())),
        ("select 42::oid", Value::Int(42)),
        ("select 'x'", text("x")),
        ("select pg_sleep(0)", Value::Null),
        ("select $1::text::inet::text", text("10.0.0.1/32")),
    ] {
        let params = if sql.contains('$') { vec![text("10.0.0.1")] } else { vec![] };
        assert_eq!(database.row(sql, params).await, [expected], "{sql}");
    }
    for (sql, name) in [
        ("select 1 as a, '10.0.0.1'::inet as odd", "INET"),
        ("select array[1] as odd", "INT4[]"),
        ("select '1 day'::interval as odd", "INTERVAL"),
        ("select '12:00+01'::timetz as odd", "TIMETZ"),
    ] {
        let statement = database.statement(reading(sql, 0));
        let (column, r#type) = ("odd".to_owned(), name.to_owned());
        let check = statement.check().await;
        assert_eq!(check, Err(CheckError::UnsupportedColumn { column: column.clone(), r#type: r#type.clone() }));
        assert_eq!(statement.run(vec![], LONG).await, Err(StatementError::UnsupportedColumn { column, r#type }));
    }
    let unread = database.read("select '294276-01-01'::timestamp as late", vec![]).await;
    assert!(matches!(unread, Err(StatementError::UnsupportedColumn { .. })), "{unread:?}");
}

#[tokio::test]
async fn a_parameter_of_another_type_is_refused_before_it_is_sent() {
    let database = postgres(PEOPLE).await;
    for (sql, value, expected) in [
        ("select 1 from person where age = $1", text("41 or 1=1"), "an int of 32 bits, found a text"),
        ("select 1 from person where age = $1", Value::Int(i64::MAX), "an int of 32 bits, found an int"),
        ("select 1 from person where age = $1", Value::Float(1.0), "an int of 32 bits, found a float"),
        ("select 1 from person where name = $1", Value::Int(0), "a text, found an int"),
        ("select 1 from person where name = $1", Value::Boolean(true), "a text, found a boolean"),
        ("select $1::uuid", text("x"), "a uuid, found a text"),
        ("select $1::bytea", text("x"), "bytes, found a text"),
        (
            "select 1 where $1::inet is null",
            text("x"),
            "INET, which only a text that the statement casts can be, found a text",
        ),
    ] {
        let told = format!("parameter 1: expected {expected}");
        // A text may be a person's own, and then nobody set anything up wrong.
        let wrong_data = matches!(value, Value::Text(_));
        let wrong = if wrong_data { StatementError::BadValue(told) } else { StatementError::BadParameter(told) };
        assert_eq!(database.read(sql, vec![value]).await, Err(wrong), "{sql}");
    }
    database.is_healthy().await;
}

#[tokio::test]
async fn nothing_that_reads_can_write() {
    let database = postgres(&format!(
        "{PEOPLE}; create sequence s; create function sly() returns int language plpgsql as \
         $$ begin insert into person values ('9', 'Sly'); return 1; end $$; \
         create function bold() returns text language plpgsql as \
         $$ begin perform set_config('transaction_read_only', 'off', false); insert into person values ('9', 'Sly'); return ''; end $$"
    ))
    .await;
    for (sql, expected) in [
        ("with new as (insert into person values ('9', 'Sly') returning 1) select * from new", "25006"),
        ("select * from person for update", "25006"),
        ("select * from person for share", "25006"),
        ("select sly()", "25006"),
        ("select bold()", "25001"),
        ("select nextval('s')", "25006"),
        ("select 1 into copied", "25006"),
    ] {
        assert_eq!(code(database.read(sql, vec![]).await), expected, "{sql}");
        assert_eq!(database.people().await.len(), 3, "{sql}");
    }
    // What it can do all the same is taken back.
    database.read("select 1 from (select lo_create(0)) as made", vec![]).await.ok();
    assert_eq!(database.row("select count(*) from pg_largeobject_metadata", vec![]).await, [Value::Int(0)]);
    database.read("select set_config('search_path', 'nowhere', false)", vec![]).await.unwrap();
    database.is_healthy().await;
    let sly = StatementOptions { writes: true, ..reading("select sly()", 0) };
    assert_eq!(database.statement(sly).run(vec![], LONG).await.unwrap().rows, [[Value::Int(1)]]);
    assert_eq!(database.people().await.len(), 4);
}

#[tokio::test]
async fn what_the_database_says_is_for_the_log() {
    let database = postgres(PEOPLE).await;
    let error = database.read("select 1 / (age - 41) from person", vec![]).await.unwrap_err();
    assert_eq!(error.to_string(), "the database refused the statement (22012)");
    assert_eq!(error.private(), Some("division by zero"));
    let nul = database.read("select name from person where name = $1", vec![text("a\0b")]).await;
    assert_eq!(code(nul), "22021");
    database.is_healthy().await;
}
