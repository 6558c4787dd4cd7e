//! Database servers for tests, of the distribution's packages. Each runs as a user that is not root, in a folder of
//! its own, reached by a Unix socket, and ends with the process that started it.

pub mod mariadb;

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

const SCRIPT: &str = include_str!("postgres.sh");
/// Where Debian and its relatives keep the programs of each version.
const VERSIONS: &str = "/usr/lib/postgresql";
/// Users that a server may run as, when the tests run as root.
const USERS: [&str; 2] = ["postgres", "nobody"];

#[derive(Debug, Clone, thiserror::Error)]
pub enum TestServerError {
    #[error("PostgreSQL's initdb is neither in {VERSIONS}/*/bin nor in PATH: install the package `postgresql`")]
    NotInstalled,
    #[error("MariaDB's mariadbd is neither in /usr/sbin nor in PATH: install the package `mariadb-server`")]
    MariaDbNotInstalled,
    #[error("the database server for tests failed: {0}")]
    Failed(String),
}

/// A running server. Dropped it stops, and its databases are gone.
#[derive(Debug)]
pub struct PostgresServer {
    programs: PathBuf,
    /// The server runs until the script's standard input ends.
    script: Child,
    home: PathBuf,
    databases: AtomicU64,
}

impl PostgresServer {
    /// The one server of this process. It stops after the process has ended, in whatever way.
    pub fn shared() -> Result<&'static Self, TestServerError> {
        static SHARED: OnceLock<Result<PostgresServer, TestServerError>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref().map_err(Clone::clone)
    }

    pub fn start() -> Result<Self, TestServerError> {
        let programs = programs().ok_or(TestServerError::NotInstalled)?;
        let mut command = unprivileged("sh", &USERS)?;
        command.args(["-c", SCRIPT, "sh"]).arg(&programs);
        let (script, home) = start(command)?;
        Ok(Self { programs, script, home, databases: AtomicU64::new(0) })
    }

    /// Creates an empty database and answers its URL.
    pub fn create_database(&self) -> Result<String, TestServerError> {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let createdb = Command::new(self.programs.join("createdb"))
            .args(["-U", "chancery", "-h"])
            .args([self.home.as_os_str(), OsStr::new(&name)])
            .output()
            .map_err(failed)?;
        if !createdb.status.success() {
            return Err(failed(String::from_utf8_lossy(&createdb.stderr)));
        }
        Ok(format!("postgres:///{name}?host={}&user=chancery", self.home.display()))
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        drop(self.script.stdin.take());
        // Nothing to be done about a script that cannot be waited for.
        let _ = self.script.wait();
    }
}

/// The folder of the newest version, else of what is in PATH.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let newest = versions
        .filter(|version| has_initdb(&version.path().join("bin")))
        .max_by_key(|version| version.file_name().to_string_lossy().parse::<u32>().unwrap_or(0));
    newest.map(|version| version.path().join("bin")).or_else(|| {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).find(|folder| has_initdb(folder))
    })
}

fn has_initdb(folder: &Path) -> bool {
    folder.join("initdb").is_file()
}

/// Starts the script that runs a server, and answers the folder of the server's socket.
fn start(mut command: Command) -> Result<(Child, PathBuf), TestServerError> {
    let script = command.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut script = script.spawn().map_err(failed)?;
    let mut home = String::new();
    if let Some(stdout) = &mut script.stdout {
        BufReader::new(stdout).read_line(&mut home).map_err(failed)?;
    }
    if home.is_empty() {
        return Err(complaint(script));
    }
    Ok((script, home.trim_end().into()))
}

/// Database servers refuse to run as root.
fn unprivileged(program: &str, users: &[&str]) -> Result<Command, TestServerError> {
    // This process' own folder belongs to the user that it runs as.
    if std::fs::metadata("/proc/self").map_err(failed)?.uid() != 0 {
        return Ok(Command::new(program));
    }
    for user in users {
        let id = Command::new("id").args(["-g", user]).output().map_err(failed)?;
        if id.status.success() {
            let group = String::from_utf8_lossy(&id.stdout).trim_end().to_owned();
            let mut command = Command::new("setpriv");
            command.args(["--reuid", user, "--regid", &group, "--clear-groups", program]);
            return Ok(command);
        }
    }
    Err(failed(format!("it cannot run as root, and there is no user {}", users.join(" or "))))
}

fn complaint(mut script: Child) -> TestServerError {
    let mut text = String::new();
    if let Some(stderr) = &mut script.stderr
        && let Err(error) = stderr.read_to_string(&mut text)
    {
        return failed(error);
    }
    // Its standard output has ended, so it has too.
    let _ = script.wait();
    failed(text)
}

fn failed(cause: impl ToString) -> TestServerError {
    TestServerError::Failed(cause.to_string())
}
