//! The issuer under test in a directory of its own, and its host process.

use std::{
    error::Error,
    fs::{self, OpenOptions},
    io::Write as _,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::Arc,
    thread::{self, sleep},
    time::{Duration, Instant},
};

use chancery_keys::{Signer as _, SoftwareKey};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{
    check::{Event, Record},
    client::{CLIENT_ID, new_key},
    http::{Answer, Http},
};
use crate::{demo::copy, paths};

/// Of wrong transaction codes; small, so that many offers reach it.
pub(super) const TX_CODE_ATTEMPTS: usize = 3;
/// The configuration whose offers carry the data; the ones of examples/farmer ask their plugin.
pub(super) const CLAIMS_CONFIGURATION: &str = "MembershipCredential";
/// The configuration whose credentials backends ask for: bound to no wallet's key.
pub(super) const BACKEND_CONFIGURATION: &str = "ReceiptCredential";
/// A killed host that was started again serves within this time.
pub(super) const READY_WITHIN: Duration = Duration::from_secs(15);

const SCOPES: [&str; 6] =
    ["offers:create", "credentials:issue", "credentials:read", "credentials:status", "credentials:delete", "jobs:read"];

const PUBLISHED: [&str; 5] = [
    "/.well-known/openid-credential-issuer",
    "/.well-known/oauth-authorization-server",
    "/.well-known/jwt-vc-issuer",
    "/.well-known/jwks.json",
    "/.well-known/did.json",
];

/// What wallets and the service client need to know.
pub(super) struct Issuer {
    pub port: u16,
    pub url: String,
    pub did: String,
    pub client_key: Arc<SoftwareKey>,
    /// Those that wallets are offered.
    pub configurations: Vec<String>,
    /// Whom the plugin knows.
    pub subjects: Vec<String>,
}

pub(super) struct Site {
    pub dir: PathBuf,
    program: PathBuf,
    port: u16,
    client_key: Arc<SoftwareKey>,
    http: Http,
}

impl Site {
    /// An issuer with several credential configurations and one service client, ready to be served.
    pub(super) fn prepare(dir: PathBuf, program: PathBuf, store_url: Option<&str>) -> Result<Self, Box<dyn Error>> {
        if dir.exists() {
            fs::remove_dir_all(&dir)?;
        }
        copy(&paths::root().join("examples/farmer"), &dir)?;
        fs::copy(paths::built_plugins().join("csv-provider.wasm"), dir.join("plugins/csv-provider.wasm"))?;
        add_configuration(&dir.join("config").join(CLAIMS_CONFIGURATION), "membership", true)?;
        add_configuration(&dir.join("config").join(BACKEND_CONFIGURATION), "receipt", false)?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let store = store_url.map(|url| format!("\n[store]\nurl = {}\n", json!(url))).unwrap_or_default();
        let config = format!(
            "[server]\nlisten = \"127.0.0.1:{port}\"\npublic_url = \"http://localhost:{port}\"\n\n\
             [issuance]\ntx_code_attempts = {TX_CODE_ATTEMPTS}\n\n[jobs]\nlease = \"1s\"\n\n[log]\nfilter = \"warn\"\n{store}"
        );
        fs::write(dir.join("chancery.toml"), config)?;
        let site = Self { client_key: Arc::new(new_key()?), http: Http::new(port), dir, program, port };
        site.run(&["config", "apply", "config/"])?;
        fs::write(site.dir.join("client.jwk.json"), Value::Object(site.client_key.public_key().to_jwk()).to_string())?;
        let mut client = vec!["client", "create", CLIENT_ID, "--public-key", "client.jwk.json"];
        client.extend(SCOPES.iter().flat_map(|scope| ["--scope", scope]));
        site.run(&client)?;
        Ok(site)
    }

    /// Read from the running host.
    pub(super) fn issuer(&self) -> Result<Issuer, Box<dyn Error>> {
        let metadata = self.http.must_get(PUBLISHED[0])?;
        let configurations = metadata["credential_configurations_supported"].as_object();
        let farmers = fs::read_to_string(self.dir.join("plugins/farmers.csv"))?;
        let first_column = |line: &str| line.split(',').next().unwrap_or_default().to_owned();
        Ok(Issuer {
            port: self.port,
            url: format!("http://localhost:{}", self.port),
            did: self.http.must_get("/.well-known/did.json")?["id"].as_str().unwrap_or_default().to_owned(),
            client_key: Arc::clone(&self.client_key),
            configurations: configurations
                .into_iter()
                .flatten()
                .map(|(id, _)| id.clone())
                .filter(|id| id != BACKEND_CONFIGURATION)
                .collect(),
            subjects: farmers.lines().skip(1).map(first_column).collect(),
        })
    }

    /// Everything that wallets and verifiers may have kept: it must not change by a restart.
    pub(super) fn published(&self) -> Result<Vec<Value>, Box<dyn Error>> {
        PUBLISHED.iter().map(|path| self.http.must_get(path)).collect()
    }

    pub(super) fn start(&self) -> Result<Host, Box<dyn Error>> {
        let log = OpenOptions::new().create(true).append(true).open(self.log())?;
        let child = self.command(&["serve"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn()?;
        Ok(Host { child, started: Instant::now() })
    }

    /// Answers how long the host took from its start.
    pub(super) fn until_ready(&self, host: &mut Host) -> Result<Duration, Box<dyn Error>> {
        loop {
            if let Answer::Received { status: 200, .. } = self.http.get("/readyz") {
                return Ok(host.started.elapsed());
            }
            if let Some(status) = host.ended()? {
                return Err(format!("the host ended while it started: {status}").into());
            }
            if host.started.elapsed() > READY_WITHIN {
                return Err(format!("the host is not ready after {} s", READY_WITHIN.as_secs()).into());
            }
            sleep(Duration::from_millis(5));
        }
    }

    /// All audit events with a greater number.
    pub(super) fn events(&self, after: i64) -> Result<Vec<Event>, Box<dyn Error>> {
        lines(&self.run(&["audit", "events", "--json", "--after", &after.to_string()])?)
    }

    /// The records of these credentials, of those that have one.
    pub(super) fn records<'a>(&self, ids: impl Iterator<Item = &'a str>) -> Result<Vec<Record>, Box<dyn Error>> {
        let ids: String = ids.flat_map(|id| [id, "\n"]).collect();
        // Fails where one has no record; which one, the caller sees from what is there.
        lines(&String::from_utf8(self.output(&["credential", "show", "--json", "-"], &ids)?.stdout)?)
    }

    /// For whoever looks into a failure: a database on a server is gone with it.
    pub(super) fn keep_events(&self) {
        let kept = self.output(&["audit", "events", "--json"], "").map(|output| output.stdout);
        if let Err(error) = kept.and_then(|events| Ok(fs::write(self.dir.join("events.jsonl"), events)?)) {
            eprintln!("the audit events could not be kept: {error}");
        }
    }

    pub(super) fn log(&self) -> PathBuf {
        self.dir.join("serve.log")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(&self.dir).env_remove("CHANCERY_CONFIG");
        command
    }

    /// Standard output of a subcommand that must succeed.
    fn run(&self, arguments: &[&str]) -> Result<String, Box<dyn Error>> {
        let output = self.output(arguments, "")?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("chancery {}: {}: {said}", arguments.join(" "), output.status).into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    fn output(&self, arguments: &[&str], input: &str) -> Result<Output, Box<dyn Error>> {
        let mut command = self.command(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (pipe, input) = (child.stdin.take(), input.to_owned());
        // Beside the reading: the program answers while it reads.
        let writing = thread::spawn(move || pipe.map(|mut pipe| pipe.write_all(input.as_bytes())));
        let output = child.wait_with_output()?;
        // A program that ends before it has read everything says why by itself.
        let _ = writing.join();
        Ok(output)
    }
}

/// The host's process; killed when dropped.
pub(super) struct Host {
    child: Child,
    started: Instant,
}

impl Host {
    /// `kill -9`, and waits until the process is gone. An error where it had ended by itself.
    pub(super) fn kill(&mut self) -> Result<(), Box<dyn Error>> {
        if let Some(status) = self.ended()? {
            return Err(format!("the host ended before it was killed: {status}").into());
        }
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    fn ended(&mut self) -> Result<Option<ExitStatus>, Box<dyn Error>> {
        Ok(self.child.try_wait()?)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A configuration that needs no plugin, signs with the other algorithm, and keeps its credentials, which have entries in
/// status lists.
fn add_configuration(dir: &Path, name: &str, is_bound: bool) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(dir)?;
    let configuration = format!(
        "format = \"dc+sd-jwt\"\nvct = \"urn:example:{name}\"\nscope = \"{name}\"\n\
         signing_algorithm = \"EdDSA\"\nvalidity = \"30d\"\nkeep = \"credential\"\n\
         status = [\"revocation\", \"suspension\"]\n\n[holder_binding]\nrequired = {is_bound}\n\n\
         [[claims]]\npath = [\"name\"]\nmandatory = true\ndisclosable = true\n"
    );
    fs::write(dir.join("configuration.toml"), configuration)?;
    fs::write(dir.join("template.json"), json!({"name": "{{ data.name }}"}).to_string())?;
    fs::write(dir.join("sample.json"), json!({"name": "Ada"}).to_string())?;
    Ok(())
}

fn lines<T: DeserializeOwned>(text: &str) -> Result<Vec<T>, Box<dyn Error>> {
    Ok(text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
}
