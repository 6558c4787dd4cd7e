//! Which indexes SQLite goes by: it keeps no statistics, so the texts have to say it.

use sqlx::{AssertSqlSafe, Executor as _, Row as _};

use super::SqliteFile;
use crate::CredentialQuery;
use crate::contract_tests::TestDatabase as _;
use crate::contract_tests::fixtures::at;
use crate::sql::{EMPTY_OF_CREDENTIAL, FIND_CURRENT, OUTLIVED, search};

/// The steps of a statement, in their order.
async fn plan(database: &SqliteFile, sql: &str) -> Vec<String> {
    let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
    let rows = database.raw().await.fetch_all(explain).await.unwrap();
    rows.iter().map(|row| row.get("detail")).collect()
}

#[tokio::test]
async fn a_search_goes_by_the_rarest_thing_that_it_names() {
    let database = SqliteFile::new();
    database.open().await.close().await;
    let query = || CredentialQuery { issuer_id: "a".into(), limit: 10, ..CredentialQuery::default() };
    let typed = || CredentialQuery { credential_type: Some("t".into()), ..query() };
    let about = |query| CredentialQuery { subject_hash: Some("s".into()), ..query };
    let named =
        |query| CredentialQuery { attributes: vec![("a".into(), "x".into()), ("b".into(), "y".into())], ..query };
    let says = |query| CredentialQuery { statuses: vec!["revocation".into(), "suspension".into()], ..query };
    let page = |query| CredentialQuery { after: Some((at(1), "c".into())), ..query };
    let one_by_one = "issued_credentials_1 (issuer_id=? AND credential_id=?)";
    for (query, leads, then) in [
        (query(), "issued_credentials_created (issuer_id=?)", None),
        (page(query()), "issued_credentials_created (issuer_id=? AND (created_time,credential_id)<(?,?))", None),
        (typed(), "issued_credentials_type (issuer_id=? AND credential_type=?)", None),
        (page(typed()), "issued_credentials_type (issuer_id=? AND credential_type=? AND", None),
        (about(query()), "issued_credentials_subject (issuer_id=? AND subject_hash=?)", None),
        (page(about(typed())), "issued_credentials_subject (issuer_id=? AND subject_hash=? AND", None),
        (named(query()), "credential_attributes_value (issuer_id=? AND name=? AND value_hash=?)", Some(one_by_one)),
        (page(says(named(typed()))), "credential_attributes_value (issuer_id=?", Some(one_by_one)),
        (says(query()), "credential_status_set (issuer_id=? AND status_purpose=?)", Some(one_by_one)),
        (page(says(typed())), "credential_status_set (issuer_id=? AND status_purpose=?)", Some(one_by_one)),
        (about(named(says(typed()))), "issued_credentials_subject (issuer_id=? AND subject_hash=?)", None),
    ] {
        let plan = plan(&database, search(&query).sql()).await;
        assert!(plan[0].contains(leads), "{query:?}: {plan:?}");
        assert!(then.is_none_or(|then| plan[1].contains(then)), "{query:?}: {plan:?}");
        let rest = plan.iter().skip(1 + usize::from(then.is_some())).filter(|step| !step.contains("SCALAR SUBQUERY"));
        for step in rest {
            let is_probe =
                ["credential_status_credential", "credential_attributes_1 (issuer_id=? AND credential_id=? AND"]
                    .iter()
                    .any(|index| step.contains(index));
            assert!(is_probe || step == "USE TEMP B-TREE FOR ORDER BY", "{query:?}: {plan:?}");
            assert!(is_probe || then.is_some(), "the index has the order of the answer: {query:?}: {plan:?}");
        }
    }
}

#[tokio::test]
async fn what_is_looked_for_beside_a_key_has_an_index() {
    let database = SqliteFile::new();
    database.open().await.close().await;
    for (sql, index) in [
        (FIND_CURRENT, "issued_credentials_subject (issuer_id=? AND subject_hash=?)"),
        (OUTLIVED, "issued_credentials_retention (issuer_id=? AND delete_after<?)"),
        (EMPTY_OF_CREDENTIAL, "idempotent_replies_credential (issuer_id=? AND credential_hash=?)"),
    ] {
        let plan = plan(&database, sql).await;
        assert!(plan.len() == 1 && plan[0].contains(index), "{sql}: {plan:?}");
    }
}
