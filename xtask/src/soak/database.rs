//! The database under the host, and what its own tools say about it. It goes on while the host is killed.

use std::{
    error::Error,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use clap::ValueEnum;

use self::postgres_server::PostgresServer;

// The server of the store's own tests, by its path: to depend on the store would compile sqlx for every task.
#[path = "../../../host/crates/store/src/test_util/mod.rs"]
#[expect(unreachable_pub, dead_code, reason = "it is a library's module, and here only one server is needed")]
mod postgres_server;

// Status lists have their identities there too.
const COUNT: &str = "SELECT count(*) FROM issued_credentials WHERE format <> 'status-list';";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Databases {
    Sqlite,
    Postgres,
    Both,
}

impl Databases {
    pub(super) fn each(self) -> &'static [Kind] {
        match self {
            Self::Sqlite => &[Kind::Sqlite],
            Self::Postgres => &[Kind::Postgres],
            Self::Both => &[Kind::Sqlite, Kind::Postgres],
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Sqlite,
    Postgres,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }

    fn tool(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite3",
            Self::Postgres => "psql",
        }
    }
}

pub(super) struct Database {
    at: Place,
    /// Whether the database's command line tool is installed.
    tool: bool,
}

enum Place {
    Sqlite { file: PathBuf },
    Postgres { url: String, _server: PostgresServer },
}

/// What a look into the running database showed.
#[derive(Default)]
pub(super) struct Look {
    pub problems: Vec<String>,
    /// Credentials that are stored; `None` where nothing could count them.
    pub credentials: Option<usize>,
}

impl Database {
    /// For the issuer in `dir`.
    pub(super) fn start(kind: Kind, dir: &Path) -> Result<Self, Box<dyn Error>> {
        let at = match kind {
            Kind::Sqlite => Place::Sqlite { file: dir.join("data/chancery.db") },
            Kind::Postgres => {
                let server = PostgresServer::start()?;
                Place::Postgres { url: server.create_database()?, _server: server }
            }
        };
        let probe = Command::new(kind.tool()).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        Ok(Self { at, tool: probe.is_ok_and(|status| status.success()) })
    }

    /// What goes into the host's configuration; `None`: its default.
    pub(super) fn url(&self) -> Option<&str> {
        match &self.at {
            Place::Sqlite { .. } => None,
            Place::Postgres { url, .. } => Some(url),
        }
    }

    /// What `look` cannot do here, and why.
    pub(super) fn skipped(&self) -> Option<&'static str> {
        match (&self.at, self.tool) {
            (_, true) => None,
            (Place::Sqlite { .. }, false) => {
                Some("PRAGMA integrity_check and the count of rows: the sqlite3 command is not installed")
            }
            (Place::Postgres { .. }, false) => Some("the count of rows: the psql command is not in PATH"),
        }
    }

    /// Only while the host serves: what a killed host left is recovered by the host, not by another tool.
    pub(super) fn look(&self) -> Result<Look, Box<dyn Error>> {
        if !self.tool {
            return Ok(Look::default());
        }
        let said = match &self.at {
            Place::Sqlite { file } => {
                let sql = format!("PRAGMA integrity_check; PRAGMA foreign_key_check; {COUNT}");
                said_by(Command::new(Kind::Sqlite.tool()).arg("-readonly").arg(file).arg(sql))?
            }
            Place::Postgres { url, .. } => said_by(
                Command::new(Kind::Postgres.tool()).args(["--no-psqlrc", "--tuples-only", "--no-align"]).args([
                    "--command",
                    COUNT,
                    url,
                ]),
            )?,
        };
        let mut lines: Vec<&str> = said.lines().collect();
        let credentials = lines.pop().and_then(|count| count.parse().ok());
        let problems = lines.iter().filter(|line| **line != "ok").map(|line| format!("integrity check: {line}"));
        Ok(Look { problems: problems.collect(), credentials })
    }
}

fn said_by(command: &mut Command) -> Result<String, Box<dyn Error>> {
    let output = command.stdin(Stdio::null()).output()?;
    if !output.status.success() {
        let program = command.get_program().to_string_lossy().into_owned();
        return Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
