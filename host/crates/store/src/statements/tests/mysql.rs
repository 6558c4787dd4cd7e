//! The types of MySQL and MariaDB, and their ways to write.

use super::fixtures::{LONG, PEOPLE, code, mysql, reading, text};
use crate::statements::{StatementError, StatementOptions, Value};

#[tokio::test]
async fn every_type_goes_both_ways() {
    let database = mysql(
        "create table t (flag boolean, tiny tinyint, small smallint, medium mediumint, plain int, big bigint, \
         ubig bigint unsigned, utiny tinyint unsigned, single float, dbl double, amount decimal(65, 30), text_ text, varchar_ varchar(20), \
         exact varchar(20) collate utf8mb4_bin, char_ char(3), binary_ binary(2), varbinary_ varbinary(300), blob_ blob, date_ date, \
         time_ time(6), datetime_ datetime(6), timestamp_ timestamp(6) null, year_ year, bit_ bit(9), \
         enum_ enum('calm', 'cross'), set_ set('a', 'b'), json_ json, uuid_ uuid) character set utf8mb4",
    )
    .await;
    let amount = "-12345678901234567890123456789012345.000000000012345678901234567890";
    let uuid = "0f0e0d0c-0b0a-0908-0706-050403020100";
    let cases = [
        ("flag", Value::Boolean(true), None),
        ("flag", Value::Boolean(false), None),
        ("flag", Value::Int(7), None),
        ("tiny", Value::Int(-128), None),
        ("small", Value::Int(i16::MIN.into()), None),
        ("medium", Value::Int(-8_388_608), None),
        ("plain", Value::Int(i32::MIN.into()), None),
        ("big", Value::Int(i64::MIN), None),
        ("ubig", Value::Int(i64::MAX), None),
        ("ubig", text("18446744073709551615"), Some(Value::Numeric("18446744073709551615".into()))),
        ("utiny", Value::Int(255), None),
        ("single", Value::Float(0.5), None),
        ("dbl", Value::Float(0.1), None),
        ("amount", Value::Numeric(amount.into()), None),
        ("text_", text("żółć 😀 ' \" \\ \n \0"), None),
        ("varchar_", text(""), None),
        ("exact", text("Ż"), None),
        ("char_", text("abc"), None),
        ("binary_", Value::Bytes(vec![0, 255]), None),
        ("varbinary_", Value::Bytes((0..=255).collect()), None),
        ("blob_", Value::Bytes(vec![]), None),
        ("date_", Value::Date("1969-07-20".into()), None),
        ("time_", Value::Time("23:59:59.999999".into()), None),
        ("time_", Value::Time("00:00:00".into()), None),
        ("time_", text("-100:00:00"), Some(text("-100:00:00"))),
        ("datetime_", Value::Timestamp("2024-02-29T12:30:00.250".into()), None),
        ("timestamp_", Value::Timestamp("2024-02-29T12:30:00.000001Z".into()), None),
        (
            "timestamp_",
            Value::Timestamp("2024-02-29T12:30:00+05:30".into()),
            Some(Value::Timestamp("2024-02-29T07:00:00Z".into())),
        ),
        ("year_", Value::Int(2024), None),
        ("bit_", Value::Int(257), None),
        ("enum_", text("cross"), None),
        ("set_", text("a,b"), None),
        ("json_", Value::Json("{\"a\": 1}".into()), Some(text("{\"a\": 1}"))),
        ("uuid_", Value::Uuid(uuid.into()), Some(text(uuid))),
    ];
    for (column, given, expected) in cases {
        let expected = expected.unwrap_or_else(|| given.clone());
        let insert = format!("insert into t ({column}) values (?)");
        database.write(&insert, vec![given.clone()]).await.unwrap_or_else(|error| panic!("{column}: {error:?}"));
        assert_eq!(database.row(&format!("select {column} from t"), vec![]).await, [expected], "{column}");
        let found = database.read(&format!("select 1 from t where {column} = ?"), vec![given.clone()]).await.unwrap();
        assert_eq!(found.rows.len(), 1, "{column}: {given:?}");
        database.write("delete from t", vec![]).await.unwrap();
        database.write(&insert, vec![Value::Null]).await.unwrap();
        assert_eq!(database.row(&format!("select {column} from t"), vec![]).await, [Value::Null], "{column}");
        database.write("delete from t", vec![]).await.unwrap();
    }
}

#[tokio::test]
async fn decimals_are_compared_exactly() {
    let database = mysql("create table t (id int, amount decimal(40, 20)); insert into t values (1, 12345678901234567890.00000000000000000001), (2, 12345678901234567890.00000000000000000002)").await;
    let amount = Value::Numeric("12345678901234567890.00000000000000000002".into());
    let found = database.read("select id from t where amount = ?", vec![amount]).await.unwrap();
    assert_eq!(found.rows, [[Value::Int(2)]]);
}

#[tokio::test]
async fn a_number_of_32_bits_keeps_its_digits() {
    let database = mysql("create table t (single float); insert into t values (2.4)").await;
    assert_eq!(database.row("select single from t", vec![]).await, [Value::Float(2.4)]);
}

#[tokio::test]
async fn what_has_no_counterpart_is_named() {
    let database = mysql("create table t (spot point); insert into t values (point(1, 2))").await;
    let refused = database.read("select spot from t", vec![]).await;
    let (column, r#type) = ("spot".to_owned(), "GEOMETRY".to_owned());
    assert_eq!(refused, Err(StatementError::UnsupportedColumn { column, r#type }));
    assert_eq!(database.row("select st_astext(spot) from t", vec![]).await, [text("POINT(1 2)")]);
    for float in [f64::NAN, f64::INFINITY] {
        let refused = database.read("select ?", vec![Value::Float(float)]).await;
        assert!(matches!(refused, Err(StatementError::BadParameter(_))));
    }
}

#[tokio::test]
async fn nothing_that_reads_can_write() {
    let database = mysql(&format!(
        "{PEOPLE}; create sequence s; create function sly() returns int modifies sql data \
         begin insert into person (id, name) values ('9', 'Sly'); return 1; end"
    ))
    .await;
    for sql in [
        "select sly()",
        "select * from person where id = '1' for update",
        "select nextval(s)",
        "/*!999999 x */ select 1",
    ] {
        match database.databases.statement(reading(sql, 0)) {
            Ok(statement) => assert_eq!(code(statement.run(vec![], LONG).await), "25006", "{sql}"),
            Err(_) => assert!(sql.starts_with("/*!"), "{sql}"),
        }
        assert_eq!(database.people().await.len(), 3, "{sql}");
    }
    database.is_healthy().await;
    let sly = StatementOptions { writes: true, ..reading("select sly()", 0) };
    database.statement(sly).run(vec![], LONG).await.unwrap();
    assert_eq!(database.people().await.len(), 4);
}

#[tokio::test]
async fn a_procedure_may_return_several_results_and_the_first_counts() {
    let database = mysql(&format!(
        "{PEOPLE}; create procedure p() begin select id from person order by id; select name, age from person; \
         insert into person (id, name) values ('4', 'Dana'); end"
    ))
    .await;
    let rows = database.write("call p()", vec![]).await.unwrap();
    assert_eq!(rows.columns, ["id"]);
    assert_eq!(rows.rows, [[text("1")], [text("2")], [text("3")]]);
    assert!(!rows.truncated);
    assert_eq!(database.people().await.len(), 4);
}
