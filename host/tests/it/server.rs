//! The built binary, run as an operator would.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::app::{built_plugin, program, root};

/// Patience for a loaded machine; nothing waits this long when all is well.
const PATIENCE: Duration = Duration::from_mins(1);

/// A copy of an example in a directory of its own, on a free port.
pub struct Site {
    pub dir: TempDir,
    pub url: String,
}

impl Site {
    pub fn farmer() -> Self {
        Self::example("farmer", &["csv-provider"])
    }

    pub fn example(name: &str, plugins: &[&str]) -> Self {
        let dir = TempDir::new().unwrap();
        copy(&root().join("examples").join(name), dir.path());
        for plugin in plugins {
            std::fs::copy(built_plugin(plugin), dir.path().join(format!("plugins/{plugin}.wasm"))).unwrap();
        }
        let port = free_port();
        let file = dir.path().join("chancery.toml");
        let text = std::fs::read_to_string(&file).unwrap().replace(":8080", &format!(":{port}"));
        std::fs::write(&file, text).unwrap();
        Self { dir, url: format!("http://localhost:{port}") }
    }

    /// The default issuer's.
    pub fn did(&self) -> String {
        format!("did:web:{}", self.url.strip_prefix("http://").unwrap().replace(':', "%3A"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(arguments).current_dir(self.dir.path()).stdin(Stdio::null()).env_remove("CHANCERY_CONFIG");
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Standard output of a subcommand that must succeed.
    #[track_caller]
    pub fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Standard error of a subcommand that must fail with this exit code.
    #[track_caller]
    pub fn fails(&self, arguments: &[&str], code: i32) -> String {
        let output = self.run(arguments);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
        text
    }

    pub fn apply(&self) {
        self.done(&["config", "apply", "config/"]);
    }

    pub fn offer(&self, arguments: &[&str]) -> Value {
        self.offer_of("FarmerCredential", arguments)
    }

    pub fn offer_of(&self, configuration: &str, arguments: &[&str]) -> Value {
        let fixed = ["offer", "create", "--configuration", configuration, "--json"];
        serde_json::from_str(&self.done(&[&fixed, arguments].concat())).unwrap()
    }

    /// A second host of the same issuer on a port of its own.
    pub fn serve_beside(&self) -> Server {
        let port = free_port();
        let mut command = self.command(&["serve"]);
        command.env("CHANCERY_SERVER__LISTEN", format!("127.0.0.1:{port}"));
        Server::start(command, &format!("http://localhost:{port}"))
    }

    pub fn serve(&self) -> Server {
        Server::start(self.command(&["serve"]), &self.url)
    }
}

/// A running host; killed when dropped.
pub struct Server {
    child: Child,
    pub url: String,
    log: Arc<Mutex<String>>,
}

impl Server {
    pub fn start(mut command: Command, url: &str) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (lines, copy) = (BufReader::new(child.stderr.take().unwrap()), Arc::clone(&log));
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let mut log = copy.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        let server = Self { child, url: url.to_owned(), log };
        server.until("it answers /healthz", || get(&format!("{url}/healthz")).0 == 200);
        server
    }

    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    #[track_caller]
    pub fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !holds() {
            assert!(Instant::now() < end, "waited in vain until {what}; the log:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn get(&self, path: &str) -> (u16, Value) {
        get(&format!("{}{path}", self.url))
    }

    pub fn post(&self, path: &str, token: Option<&str>, body: &Value) -> (u16, Value) {
        let mut request = agent().post(format!("{}{path}", self.url));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        read(request.send_json(body))
    }

    pub fn post_form(&self, path: &str, pairs: &[(&str, &str)]) -> (u16, Value) {
        read(agent().post(format!("{}{path}", self.url)).send_form(pairs.iter().copied()))
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Bytes of memory in use.
    pub fn resident(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() * 1024
    }

    pub fn terminate(&self) {
        let status = Command::new("kill").arg(self.id().to_string()).status().unwrap();
        assert!(status.success());
    }

    /// Waits for the end; the exit code.
    pub fn ended(&mut self) -> Option<i32> {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < end, "the host does not stop; its log:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().into()
}

pub fn get(url: &str) -> (u16, Value) {
    read(agent().get(url).call())
}

/// Status 0: nobody answered.
pub fn read(answer: Result<http::Response<ureq::Body>, ureq::Error>) -> (u16, Value) {
    let Ok(mut answer) = answer else { return (0, Value::Null) };
    let mut text = String::new();
    let _ = answer.body_mut().as_reader().read_to_string(&mut text);
    (answer.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::Null))
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Without what builds leave behind.
pub fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let (entry, name) = entry.map(|e| (e.path(), e.file_name())).unwrap();
        if ["build", "node_modules", "sdk", "target"].iter().any(|left| name == *left) {
            continue;
        }
        if entry.is_dir() {
            std::fs::create_dir_all(to.join(&name)).unwrap();
            copy(&entry, &to.join(&name));
        } else {
            std::fs::copy(&entry, to.join(&name)).unwrap();
        }
    }
}
