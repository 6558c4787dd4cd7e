//! Databases that are away, and come back.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

use super::fixtures::{Kind, LONG, PEOPLE, mysql, open, postgres, reading, sqlite};
use crate::statements::{CheckError, DatabaseOptions, Databases, StatementError};

/// Between the host and a server; without it the server cannot be reached.
struct Line {
    tasks: JoinSet<()>,
    near: PathBuf,
    far: PathBuf,
}

impl Line {
    fn up(&mut self) {
        let listener = UnixListener::bind(&self.near).unwrap();
        let far = self.far.clone();
        self.tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let far = far.clone();
                connections.spawn(async move {
                    let mut far = UnixStream::connect(far).await.unwrap();
                    // Either side may go away at any time.
                    let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                });
            }
        });
    }

    async fn down(&mut self) {
        self.tasks.shutdown().await;
        std::fs::remove_file(&self.near).unwrap();
    }
}

fn line(socket: &str, folder: &TempDir) -> Line {
    let far = PathBuf::from(socket);
    let near = folder.path().join(far.file_name().unwrap());
    Line { tasks: JoinSet::new(), near, far }
}

async fn goes_and_comes(databases: &Databases, line: &mut Line) {
    let statement = databases.statement(reading("select id from person", 0)).unwrap();
    let within = Duration::from_secs(2);
    for _ in 0..2 {
        let away = statement.run(vec![], within).await;
        assert!(matches!(away, Err(StatementError::Unavailable { .. })), "{away:?}");
        assert!(matches!(statement.check().await, Err(CheckError::Unavailable { .. })));
        line.up();
        assert_eq!(statement.check().await, Ok(vec!["id".to_owned()]));
        for _ in 0..10 {
            assert_eq!(statement.run(vec![], LONG).await.unwrap().rows.len(), 3);
        }
        line.down().await;
    }
    line.up();
    assert_eq!(statement.run(vec![], LONG).await.unwrap().rows.len(), 3);
}

#[tokio::test]
async fn postgres_goes_and_comes() {
    let (server, folder) = (postgres(PEOPLE).await, tempfile::tempdir().unwrap());
    let home = server.url.split_once("host=").unwrap().1.split('&').next().unwrap();
    let mut line = line(&format!("{home}/.s.PGSQL.5432"), &folder);
    let url = server.url.replace(home, folder.path().to_str().unwrap());
    goes_and_comes(&open(&url, 2), &mut line).await;
}

#[tokio::test]
async fn mysql_goes_and_comes() {
    let (server, folder) = (mysql(PEOPLE).await, tempfile::tempdir().unwrap());
    let socket = server.url.split_once("socket=").unwrap().1;
    let mut line = line(socket, &folder);
    let url = server.url.replace(socket, line.near.to_str().unwrap());
    goes_and_comes(&open(&url, 2), &mut line).await;
}

#[tokio::test]
async fn a_missing_file_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("people.db");
    let databases = open(&format!("sqlite:{}", path.display()), 2);
    let statement = databases.statement(reading("select id from person", 0)).unwrap();
    for writes in [false, true] {
        let options = crate::statements::StatementOptions { writes, ..reading("select id from person", 0) };
        let away = databases.statement(options).unwrap().run(vec![], LONG).await;
        assert!(matches!(away, Err(StatementError::Unavailable { .. })), "{away:?}");
    }
    assert!(!path.exists());
    let other = sqlite(PEOPLE).await;
    assert_eq!(other.kind, Kind::Sqlite);
    std::fs::copy(Path::new(&other.url["sqlite:".len()..]), &path).unwrap();
    assert_eq!(statement.run(vec![], LONG).await.unwrap().rows.len(), 3);
}

/// Nothing that is shown or logged of a failed login repeats the URL.
#[tokio::test]
async fn a_refused_login_shows_no_password() {
    let mariadb = mysql("CREATE OR REPLACE USER locked@localhost IDENTIFIED BY 'right'").await;
    let postgres = postgres("SELECT 1").await;
    let urls = [
        mariadb.url.replace("root@", "locked:s3cret@"),
        postgres.url.replace("user=chancery", "user=nobody_here&password=s3cret"),
    ];
    for url in urls {
        let options = DatabaseOptions { url: url.clone(), max_connections: 1, acquire_timeout: LONG };
        let databases = Databases::new(vec![("registry".to_owned(), options)]).unwrap();
        let statement = databases.statement(reading("select 1", 0)).unwrap();
        let error = statement.run(vec![], LONG).await.unwrap_err();
        let StatementError::Unavailable { reason, detail } = &error else { panic!("{error:?}") };
        assert_eq!(*reason, "the database refused the connection");
        assert!(!detail.is_empty());
        let check = statement.check().await.unwrap_err();
        let shown = format!("{error:?} {error} {check:?} {check}");
        assert!(!shown.contains("s3cret") && !shown.contains("socket=") && !shown.contains("host="), "{shown}");
    }
    let right = open(&mariadb.url.replace("root@", "locked:right@").replace("test_", "nowhere_"), 1);
    let denied = right.statement(reading("select 1", 0)).unwrap().run(vec![], LONG).await;
    assert!(matches!(denied, Err(StatementError::Unavailable { .. })), "{denied:?}");
}
