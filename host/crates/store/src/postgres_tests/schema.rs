//! The schema, and databases that are not ours.

use std::collections::BTreeSet;
use std::path::Path;

use sqlx::{Executor as _, Row as _};

use super::{PgDatabase, options};
use crate::contract_tests::{TestDatabase as _, incompatible, is_unavailable, race};
use crate::sqlite_tests::SqliteFile;
use crate::{StoreOptions, connect, migration_status};

#[tokio::test]
async fn both_databases_have_the_same_tables_and_columns() {
    let (postgres, sqlite) = (PgDatabase::new(), SqliteFile::new());
    postgres.open().await.close().await;
    sqlite.open().await.close().await;

    let columns = "SELECT table_name || '.' || column_name || ' ' || is_nullable FROM information_schema.columns \
         WHERE table_schema = current_schema() AND table_name <> '_sqlx_migrations'";
    let columns = postgres.raw().await.fetch_all(columns).await.unwrap();
    let on_postgres: BTreeSet<String> = columns.iter().map(|row| row.get(0)).collect();

    let columns = "SELECT t.name || '.' || c.name || CASE WHEN c.\"notnull\" THEN ' NO' ELSE ' YES' END \
         FROM sqlite_master AS t JOIN pragma_table_info(t.name) AS c \
         WHERE t.type = 'table' AND t.name NOT LIKE '%sqlite_%' AND t.name <> '_sqlx_migrations'";
    let columns = sqlite.raw().await.fetch_all(columns).await.unwrap();
    let on_sqlite: BTreeSet<String> = columns.iter().map(|row| row.get(0)).collect();

    assert!(on_postgres.len() > 50, "{on_postgres:?}");
    assert_eq!(on_postgres, on_sqlite);
}

#[tokio::test]
async fn both_databases_have_the_same_keys_and_indexes() {
    let (postgres, sqlite) = (PgDatabase::new(), SqliteFile::new());
    postgres.open().await.close().await;
    sqlite.open().await.close().await;

    let unique = "SELECT i.indrelid::regclass::text || ' ' || \
         (SELECT string_agg(a.attname::text, ',' ORDER BY k.n) FROM unnest(i.indkey) WITH ORDINALITY AS k (attnum, n) \
          JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum) \
         FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid \
         WHERE c.relnamespace = current_schema()::regnamespace AND c.relname <> '_sqlx_migrations'";
    let unique = postgres.raw().await.fetch_all(unique).await.unwrap();
    let on_postgres: BTreeSet<String> = unique.iter().map(|row| row.get(0)).collect();

    // A single integer key is SQLite's own row number, which has no index of its own.
    let unique = "SELECT t.name || ' ' || (SELECT group_concat(name) FROM pragma_index_info(i.name)) \
         FROM sqlite_master AS t JOIN pragma_index_list(t.name) AS i \
         WHERE t.type = 'table' AND t.name <> '_sqlx_migrations' \
         UNION SELECT t.name || ' ' || c.name FROM sqlite_master AS t JOIN pragma_table_info(t.name) AS c \
         WHERE t.type = 'table' AND c.pk = 1 AND c.type = 'INTEGER' AND t.name NOT LIKE '%sqlite_%' \
         AND t.name <> '_sqlx_migrations'";
    let unique = sqlite.raw().await.fetch_all(unique).await.unwrap();
    let on_sqlite: BTreeSet<String> = unique.iter().map(|row| row.get(0)).collect();

    assert!(on_postgres.len() > 15, "{on_postgres:?}");
    assert_eq!(on_postgres, on_sqlite);
}

#[test]
fn every_migration_is_there_for_both_databases() {
    let names = |folder: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../migrations").join(folder);
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
        files.collect::<BTreeSet<_>>()
    };
    assert_eq!(names("postgres"), names("sqlite"));
    let embedded = crate::migrations::postgres();
    let embedded = embedded.iter().map(|one| format!("{:04}_{}.sql", one.version, one.description.replace(' ', "_")));
    assert_eq!(embedded.collect::<BTreeSet<_>>(), names("postgres"));
}

/// A clock or a random value in a migration would give each database another past.
#[test]
fn migrations_have_no_clock() {
    for one in crate::migrations::postgres().iter() {
        let sql = one.sql.as_str().to_lowercase();
        for word in ["current_time", "current_date", "localtime", "clock_timestamp", "now()", "random", "default"] {
            assert!(!sql.contains(word), "{}: {word}", one.description);
        }
        assert!(!sql.contains(" timestamp "), "{}: a time without zone", one.description);
    }
}

#[tokio::test]
async fn an_unmigrated_database_is_refused_and_left_alone() {
    let database = PgDatabase::new();
    let only_check = StoreOptions { migrate: false, ..options() };
    assert!(incompatible(connect(&database.url, &only_check).await).contains("chancery migrate"));
    let status = migration_status(&database.url).await.unwrap();
    assert_eq!((status.applied.len(), status.pending.is_empty()), (0, false));
    assert_eq!(database.dump().await, "");

    database.open().await.close().await;
    let after = migration_status(&database.url).await.unwrap();
    assert_eq!((after.applied, after.pending.len()), (status.pending, 0));
    connect(&database.url, &only_check).await.unwrap().check().await.unwrap();
}

#[tokio::test]
async fn a_database_of_a_newer_or_changed_schema_is_refused() {
    for (change, complaint) in [
        ("UPDATE _sqlx_migrations SET checksum = '\\x00' WHERE version = 1", "not the one of this release"),
        (
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES (9999, 'from the future', TRUE, '\\x00', 0)",
            "newer release",
        ),
    ] {
        let database = PgDatabase::new();
        database.open().await.close().await;
        database.run(change).await;
        let before = database.dump().await;
        for migrate in [true, false] {
            let refused = connect(&database.url, &StoreOptions { migrate, ..options() }).await;
            assert!(incompatible(refused).contains(complaint));
        }
        assert!(incompatible(migration_status(&database.url).await).contains(complaint));
        assert_eq!(database.dump().await, before);
    }
}

#[tokio::test]
async fn a_database_of_something_else_is_refused() {
    let database = PgDatabase::new();
    database.run("CREATE TABLE recipes (name TEXT)").await;
    assert!(incompatible(connect(&database.url, &options()).await).contains("something else"));
    assert!(incompatible(migration_status(&database.url).await).contains("something else"));

    let nowhere = connect(&database.url.replace("/test_", "/no_test_"), &options()).await;
    assert!(is_unavailable(&nowhere), "{nowhere:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_that_start_at_once_migrate_once() {
    let database = PgDatabase::new();
    let stores = race(8, |_| {
        let url = database.url.clone();
        async move { connect(&url, &options()).await.map(drop) }
    })
    .await;
    for store in stores {
        store.unwrap();
    }
    assert_eq!(migration_status(&database.url).await.unwrap().pending, []);
}
