//! A MariaDB server for tests, of the distribution's package, as `PostgresServer` is one of PostgreSQL.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{TestServerError, failed, start, unprivileged};

const SCRIPT: &str = include_str!("mariadb.sh");
/// Users that a server may run as, when the tests run as root.
const USERS: [&str; 2] = ["mysql", "nobody"];
/// Where distributions keep servers off the PATH of users.
const FOLDERS: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// A running server. Dropped it stops, and its databases are gone.
#[derive(Debug)]
pub struct MariaDbServer {
    /// The server runs until the script's standard input ends.
    script: Child,
    home: PathBuf,
    databases: AtomicU64,
}

impl MariaDbServer {
    /// The one server of this process. It stops after the process has ended, in whatever way.
    pub fn shared() -> Result<&'static Self, TestServerError> {
        static SHARED: OnceLock<Result<MariaDbServer, TestServerError>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref().map_err(Clone::clone)
    }

    pub fn start() -> Result<Self, TestServerError> {
        if !is_installed() {
            return Err(TestServerError::MariaDbNotInstalled);
        }
        let mut command = unprivileged("sh", &USERS)?;
        command.args(["-c", SCRIPT, "sh"]);
        let (script, home) = start(command)?;
        Ok(Self { script, home, databases: AtomicU64::new(0) })
    }

    /// Creates an empty database and answers its URL.
    pub fn create_database(&self) -> Result<String, TestServerError> {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let mut socket = OsStr::new("--socket=").to_owned();
        socket.push(self.home.join("socket"));
        let create = Command::new("mariadb")
            .arg("--no-defaults")
            .arg(socket)
            .args(["-u", "root", "-e", &format!("CREATE DATABASE {name}")])
            .output()
            .map_err(failed)?;
        if !create.status.success() {
            return Err(failed(String::from_utf8_lossy(&create.stderr)));
        }
        Ok(format!("mysql://root@localhost/{name}?socket={}/socket", self.home.display()))
    }
}

impl Drop for MariaDbServer {
    fn drop(&mut self) {
        drop(self.script.stdin.take());
        // Nothing to be done about a script that cannot be waited for.
        let _ = self.script.wait();
    }
}

fn is_installed() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(FOLDERS.map(PathBuf::from));
    folders.into_iter().any(|folder| folder.join("mariadbd").is_file())
}
