//! A host of our own to measure: the farmer's example in a directory of its own, with 100,000 farmers.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use chancery_keys::{Algorithm, Signer as _, SoftwareKey, jose::sign_compact};
use serde_json::{Map, json};
use uuid::Uuid;

use crate::{
    Result,
    http::{Connection, text},
    load::Target,
    plugins::guests::{CSV_PROVIDER, Directory, numbered},
    process::Process,
    wallet::{new_key, now, object},
};

const CLIENT: &str = "bench";
/// What an issuer's backend does here: it makes offers, has credentials issued, and says what has become of them.
const SCOPES: [&str; 3] = ["offers:create", "credentials:issue", "credentials:status"];
const PATIENCE: Duration = Duration::from_mins(1);
/// Between two looks whether a server is ready: what a start-up time is exact to.
const LOOK: Duration = Duration::from_millis(1);
const ASSERTION_SECONDS: i64 = 120;
const ASSERTION_TYPE: &str = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";

/// An issuer that is set up and can be served.
pub(crate) struct Site {
    dir: PathBuf,
    program: PathBuf,
    pub(crate) address: SocketAddr,
    url: String,
    client_key: SoftwareKey,
}

impl Site {
    /// Sets the example up in `dir`, with `plugin` dropped in, for the people in the file `people`.
    pub(crate) fn new(dir: &Path, program: &Path, example: &Path, plugin: &Path, people: &Path) -> Result<Self> {
        copy(example, dir)?;
        fs::copy(plugin, dir.join("plugins/csv-provider.wasm"))?;
        fs::copy(people, dir.join("plugins/farmers.csv"))?;
        let address = free_address()?;
        let file = dir.join("chancery.toml");
        fs::write(&file, fs::read_to_string(&file)?.replace(":8080", &format!(":{}", address.port())))?;
        let client_key = new_key(Algorithm::Es256)?;
        let site = Self {
            dir: dir.to_owned(),
            program: fs::canonicalize(program)?,
            address,
            url: format!("http://localhost:{}", address.port()),
            client_key,
        };
        site.run(&["config", "apply", "config/"])?;
        let jwk = json!(site.client_key.public_key().to_jwk());
        fs::write(dir.join("client.jwk.json"), jwk.to_string())?;
        let mut create = vec!["client", "create", CLIENT, "--public-key", "client.jwk.json"];
        create.extend(SCOPES.iter().flat_map(|scope| ["--scope", scope]));
        site.run(&create)?;
        Ok(site)
    }

    /// Drops copies of the example's plugin in, each a component of its own, so that there are `count`.
    pub(crate) fn multiply(&self, plugin: &Path, count: usize) -> Result<()> {
        let plugins = Directory::new(self.dir.join("plugins"))?;
        let (wasm, grant) = (fs::read(plugin)?, fs::read_to_string(self.dir.join("plugins/csv-provider.toml"))?);
        for number in 1..count {
            plugins.put(&format!("{CSV_PROVIDER}-{number}"), &numbered(&wasm, number), &grant)?;
        }
        Ok(())
    }

    /// Starts the host and waits until it is ready; answers how long that took.
    pub(crate) fn serve(&self) -> Result<(Server, Duration)> {
        let mut command = Command::new(&self.program);
        command.arg("serve").current_dir(&self.dir);
        Server::start(command, self.address, &self.url, &self.dir.join("serve.log"))
    }

    /// An access token of the service client, for all that it may do.
    pub(crate) async fn client_token(&self) -> Result<String> {
        let claims = json!({
            "iss": CLIENT, "sub": CLIENT, "aud": self.url, "iat": now(), "exp": now() + ASSERTION_SECONDS,
            "jti": Uuid::new_v4(),
        });
        let assertion = sign_compact(&self.client_key, Map::new(), &object(claims)).await?;
        let form = format!(
            "grant_type=client_credentials&client_assertion_type={ASSERTION_TYPE}&client_assertion={assertion}"
        );
        let mut connection = Connection::open(self.address).await?;
        text(&connection.post_form("/oauth/token", form).await?, "/access_token")
    }

    fn run(&self, arguments: &[&str]) -> Result<()> {
        let mut command = Command::new(&self.program);
        let output = command.args(arguments).current_dir(&self.dir).stdin(Stdio::null()).output()?;
        if output.status.success() {
            return Ok(());
        }
        let complaint = String::from_utf8_lossy(&output.stderr);
        Err(format!("chancery {} failed: {complaint}", arguments.join(" ")).into())
    }
}

/// A server that runs, and is ended with this value.
pub(crate) struct Server {
    child: Child,
    pub(crate) target: Target,
}

impl Server {
    /// Runs `command` and waits until `/readyz` answers 200; answers how long that took.
    pub(crate) fn start(mut command: Command, address: SocketAddr, url: &str, log: &Path) -> Result<(Self, Duration)> {
        let from = Instant::now();
        let log_file = File::create(log)?;
        let child = command.stdin(Stdio::null()).stdout(log_file.try_clone()?).stderr(log_file).spawn()?;
        let target = Target { address, url: url.to_owned(), process: Process::of(child.id()) };
        let mut server = Self { child, target };
        while !is_ready(address) {
            if from.elapsed() > PATIENCE || server.child.try_wait()?.is_some() {
                return Err(format!("a server does not get ready: {}", fs::read_to_string(log)?).into());
            }
            sleep(LOOK);
        }
        Ok((server, from.elapsed()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nobody listens at now.
pub(crate) fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?)
}

fn is_ready(address: SocketAddr) -> bool {
    let ask = || -> io::Result<bool> {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut head = [0; 12];
        stream.read_exact(&mut head)?;
        Ok(head == *b"HTTP/1.1 200")
    };
    ask().unwrap_or(false)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let (path, target) = entry.map(|entry| (entry.path(), to.join(entry.file_name())))?;
        if !path.is_dir() {
            fs::copy(&path, &target)?;
        } else if entry_is_part(&path) {
            copy(&path, &target)?;
        }
    }
    Ok(())
}

/// A `data` directory is what somebody left who tried the example out.
fn entry_is_part(path: &Path) -> bool {
    path.file_name().is_none_or(|name| name != "data")
}
