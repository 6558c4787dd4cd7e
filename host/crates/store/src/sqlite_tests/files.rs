//! Opening files: their rights, their schema, and files that are not ours.

use std::path::Path;

use sqlx::{Executor as _, Row as _};

use super::{SqliteFile, options};
use crate::contract_tests::fixtures::event;
use crate::contract_tests::{TestDatabase as _, incompatible, is_unavailable, race};
use crate::{StoreOptions, connect, migration_status};

#[cfg(unix)]
#[tokio::test]
async fn the_files_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let database = SqliteFile::new();
    let store = database.open().await;
    store.check().await.unwrap();
    let mut files = 0;
    for file in std::fs::read_dir(database.folder.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{}", file.path().display());
        files += 1;
    }
    assert_eq!(files, 3, "the database, its log and the log's index");
}

#[tokio::test]
async fn an_unmigrated_database_is_refused_and_not_made() {
    let database = SqliteFile::new();
    let only_check = StoreOptions { migrate: false, ..options() };
    assert!(incompatible(connect(&database.url(), &only_check).await).contains("chancery migrate"));
    assert!(!database.path().exists());

    std::fs::write(database.path(), "").unwrap();
    assert!(incompatible(connect(&database.url(), &only_check).await).contains("chancery migrate"));

    connect(&database.url(), &options()).await.unwrap().close().await;
    connect(&database.url(), &only_check).await.unwrap().check().await.unwrap();
}

#[tokio::test]
async fn the_migration_status_tells_and_changes_nothing() {
    let database = SqliteFile::new();
    let status = migration_status(&database.url()).await.unwrap();
    assert_eq!((status.applied.len(), status.pending.is_empty()), (0, false));
    assert!(!database.path().exists());

    database.open().await.close().await;
    let after = migration_status(&database.url()).await.unwrap();
    assert_eq!((after.applied, after.pending.len()), (status.pending, 0));
}

#[tokio::test]
async fn a_database_of_a_newer_or_changed_schema_is_refused() {
    for (change, complaint) in [
        ("UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 1", "not the one of this release"),
        (
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES (9999, 'from the future', TRUE, x'00', 0)",
            "newer release",
        ),
    ] {
        let database = SqliteFile::new();
        database.open().await.close().await;
        database.run(change).await;
        let before = database.dump().await;
        for migrate in [true, false] {
            let refused = connect(&database.url(), &StoreOptions { migrate, ..options() }).await;
            assert!(incompatible(refused).contains(complaint));
        }
        assert!(incompatible(migration_status(&database.url()).await).contains(complaint));
        assert_eq!(database.dump().await, before);
    }
}

#[tokio::test]
async fn a_file_of_something_else_is_refused() {
    let database = SqliteFile::new();
    database.run("CREATE TABLE recipes (name TEXT)").await;
    assert!(incompatible(connect(&database.url(), &options()).await).contains("something else"));

    let text = SqliteFile::new();
    std::fs::write(text.path(), "name,crop\n".repeat(1000)).unwrap();
    assert!(incompatible(connect(&text.url(), &options()).await).contains("not an SQLite database"));
    assert!(incompatible(migration_status(&text.url()).await).contains("not an SQLite database"));

    let nowhere = connect("sqlite:/nonexistent/folder/chancery.db", &options()).await;
    assert!(is_unavailable(&nowhere), "{nowhere:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_start_at_once_migrate_once() {
    let database = SqliteFile::new();
    let url = database.url();
    let stores = race(8, |_| {
        let url = url.clone();
        async move { connect(&url, &options()).await.map(drop) }
    })
    .await;
    for store in stores {
        store.unwrap();
    }
    assert_eq!(migration_status(&url).await.unwrap().pending, []);
}

#[test]
fn every_migration_file_is_embedded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../migrations/sqlite");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<_> = files.collect();
    files.sort();
    let embedded = crate::migrations::sqlite();
    let names = embedded.iter().map(|one| format!("{:04}_{}.sql", one.version, one.description.replace(' ', "_")));
    assert_eq!(names.collect::<Vec<_>>(), files);
}

/// A clock or a random value in a migration would give each database another past.
#[test]
fn migrations_have_no_clock() {
    for one in crate::migrations::sqlite().iter() {
        let sql = one.sql.as_str().to_lowercase();
        for word in ["current_time", "current_date", "datetime(", "strftime(", "now()", "random", "default"] {
            assert!(!sql.contains(word), "{}: {word}", one.description);
        }
        assert_eq!(sql.matches("create table").count(), sql.matches(") strict").count(), "every table is strict");
    }
}

#[tokio::test]
async fn every_table_and_key_is_scoped_by_issuer() {
    let database = SqliteFile::new();
    database.open().await.close().await;
    let mut connection = database.raw().await;
    let unscoped = "SELECT t.name FROM sqlite_master AS t WHERE t.type = 'table' AND t.name NOT LIKE '%sqlite_%' \
         AND NOT EXISTS (SELECT 1 FROM pragma_table_info(t.name) WHERE name = 'issuer_id') ORDER BY t.name";
    let tables: Vec<String> = connection.fetch_all(unscoped).await.unwrap().iter().map(|row| row.get(0)).collect();
    let expected = [
        "_sqlx_migrations",
        "audit_deliveries",
        "audit_order",
        "bootstrap_token",
        "plugin_controls",
        "store_check",
        "webhook_pauses",
    ];
    assert_eq!(tables, expected);

    let unscoped = "SELECT t.name FROM sqlite_master AS t WHERE t.type = 'table' \
         AND EXISTS (SELECT 1 FROM pragma_table_info(t.name) WHERE name = 'issuer_id') \
         AND NOT EXISTS (SELECT 1 FROM pragma_table_info(t.name) WHERE name = 'issuer_id' AND pk > 0) ORDER BY t.name";
    let keys: Vec<String> = connection.fetch_all(unscoped).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(keys, ["clients", "credential_status", "outbox"]);
}

#[tokio::test]
async fn a_row_number_is_never_given_twice() {
    let database = SqliteFile::new();
    let store = database.open().await;
    store.append_events(&[event("a", "one")]).await.unwrap();
    let (first, _) = store.events("a", 0, 1).await.unwrap().remove(0);
    database.run("DELETE FROM outbox").await;
    store.append_events(&[event("a", "two")]).await.unwrap();
    let (second, _) = store.events("a", 0, 1).await.unwrap().remove(0);
    assert!(second > first);
}
