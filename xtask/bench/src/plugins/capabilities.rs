//! What each capability costs a call, through the host's own adapters, beside the same work without a plugin.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chancery::{
    clock::{Clock, SystemClock},
    config::{Config, Data, Plugins, plugins},
    plugins::{Surroundings, start},
};
use chancery_keys::{Algorithm, Entropy, KeyEncryptionKey, Keyring, SoftwareKey, SystemEntropy};
use chancery_sandbox::{PluginRequest, Sandbox};
use chancery_store::Store;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::{
    bare::{self, STATEMENT},
    guests::{CSV_PROVIDER, Directory, HOSTILE, built, request, require_serving},
    loopback,
};
use crate::{
    Arguments, Result,
    measure::{Effort, Job, compare},
    parts::store::open,
    report::{Capability, Report},
};

/// Plugins that do what the settings of a request say, as often as they say.
const DATA: &str = "hostile-data";
const NET: &str = "hostile-net";
const DATABASE: &str = "own";
const MAC_KEY: &str = "mac-key";
const JWT_KEY: &str = "jwt-key";
const PEM_LINE: usize = 64;
/// Uses of a capability in one call: what it takes besides becomes small. Fewer where each waits for a disk.
const MANY: usize = 32;
const FEW: usize = 4;

/// A capability's use, `times` in one call.
struct Step {
    id: &'static str,
    what: &'static str,
    times: usize,
    used: Job,
    /// A call that does without.
    unused: Job,
    /// The same work without a plugin.
    bare: Option<(&'static str, Job)>,
}

pub(super) fn measure(
    report: &mut Report,
    effort: &Effort,
    runtime: &Runtime,
    arguments: &Arguments,
    people: &Path,
    work: &Path,
) -> Result<()> {
    let origin = format!("http://{}", loopback::serve()?);
    let site = Site::new(arguments, work, people, &origin)?;
    let store = runtime.block_on(open(&site.url()))?;
    let sandbox = runtime.block_on(site.sandbox(&store, &arguments.chancery))?;
    require_serving(&sandbox)?;
    // Databases are opened within a runtime.
    let steps = runtime.block_on(async { Steps { sandbox: sandbox.clone(), site: &site, origin }.all().await })?;
    for Step { id, what, times, used, unused, bare } in steps {
        let (name, bare) = bare.unzip();
        let jobs: Vec<Job> = [unused, used].into_iter().chain(bare).collect();
        let figures = runtime.block_on(compare(effort, &jobs))?;
        let [unused, used, bare @ ..] = figures.as_slice() else { return Err("a job was not measured".into()) };
        report.capability(Capability::new(id, what, times, used, unused, name.zip(bare.first())));
    }
    runtime.block_on(sandbox.shutdown());
    runtime.block_on(store.close());
    Ok(())
}

struct Steps<'a> {
    sandbox: Sandbox,
    site: &'a Site,
    /// Of the HTTP server.
    origin: String,
}

impl Steps<'_> {
    async fn all(&self) -> Result<Vec<Step>> {
        // Written once, to be read.
        self.check(DATA, json!([{"do": "kv-put", "key": "k", "bytes": 1024}])).await?;
        let mut steps = vec![self.look_up()];
        let none = || Ok(None);
        for (id, what, step, times, bare) in [
            ("kv-get", "kv: read 1 KiB", json!({"do": "kv-get", "key": "k"}), MANY, none()),
            ("kv-put", "kv: write 1 KiB", json!({"do": "kv-put", "key": "k", "bytes": 1024}), MANY, none()),
            (
                "mac",
                "sign: HMAC-SHA-256 of 1 KiB",
                json!({"do": "mac", "key": "mac", "bytes": 1024}),
                MANY,
                bare::mac(MANY).map(|job| Some(("the MAC", job))),
            ),
            (
                "jwt",
                "sign: JWT of 256 bytes, ES256",
                json!({"do": "jwt", "key": "jwt", "bytes": 256}),
                MANY,
                bare::jwt(MANY).map(|job| Some(("the JWT", job))),
            ),
            (
                "sql",
                "sql: one row by key (SQLite)",
                json!({"do": "sql", "statement": "issuer"}),
                MANY,
                bare::sql(MANY, &self.site.url()).map(|job| Some(("the statement", job))),
            ),
            (
                "journal",
                "journal: append 1 KiB, durably",
                json!({"do": "append", "bytes": 1024}),
                FEW,
                bare::append(FEW, &self.site.dir.join("bare.log")).map(|job| Some(("append and fdatasync", job))),
            ),
            ("reveal", "secrets: reveal, with its audit event", json!({"do": "reveal", "name": MAC_KEY}), FEW, none()),
        ] {
            steps.push(self.step(id, what, DATA, times, step, bare?).await?);
        }
        let (what, get) = ("http: GET of 1 KiB from this machine", json!({"do": "send", "url": self.origin}));
        let bare = Some(("the egress client", bare::http(MANY, &self.origin)?));
        steps.push(self.step("http", what, NET, MANY, get, bare).await?);
        Ok(steps)
    }

    /// What no script does: one look-up, beside a plugin that gives a constant answer.
    fn look_up(&self) -> Step {
        Step {
            id: "files",
            what: "files, prepared: csv-provider's look-up",
            times: 1,
            used: self.calls(CSV_PROVIDER, Value::Null),
            unused: self.calls(HOSTILE, Value::Null),
            bare: None,
        }
    }

    /// `step` is done `times` in one call.
    async fn step(
        &self,
        id: &'static str,
        what: &'static str,
        plugin: &'static str,
        times: usize,
        mut step: Value,
        bare: Option<(&'static str, Job)>,
    ) -> Result<Step> {
        step["times"] = json!(times);
        let script = json!([step]);
        self.check(plugin, script.clone()).await?;
        let (used, unused) = (self.calls(plugin, script), self.calls(plugin, json!([])));
        Ok(Step { id, what, times, used, unused, bare })
    }

    /// Calls that do these steps.
    fn calls(&self, plugin: &'static str, steps: Value) -> Job {
        let (sandbox, settings) = (self.sandbox.clone(), json!({"steps": steps}));
        Box::new(move |number| {
            let (sandbox, settings) = (sandbox.clone(), settings.clone());
            Box::pin(async move {
                Ok(sandbox.fetch(plugin, PluginRequest { settings, ..request(number) }).await.map(drop)?)
            })
        })
    }

    /// One such call; each step has to succeed.
    async fn check(&self, plugin: &str, steps: Value) -> Result<()> {
        let request = PluginRequest { settings: json!({"steps": steps}), ..request(0) };
        let said = self.sandbox.fetch(plugin, request).await?;
        let said: Vec<Vec<String>> = serde_json::from_value(said.claims["said"].clone())?;
        match said.concat().into_iter().find(|said| !said.starts_with("ok ") && !said.starts_with("200 ")) {
            None => Ok(()),
            Some(said) => Err(format!("{plugin}: {steps}: {said}").into()),
        }
    }
}

/// A host's directory: plugins with their grants, secrets, a database.
struct Site {
    dir: PathBuf,
    plugins: Directory,
}

impl Site {
    fn new(arguments: &Arguments, dir: &Path, people: &Path, origin: &str) -> Result<Self> {
        let plugins = Directory::new(dir.join("plugins"))?;
        plugins.put(DATA, &built(arguments, DATA)?, &data_grant())?;
        plugins.put(NET, &built(arguments, NET)?, &net_grant(origin))?;
        plugins.put(HOSTILE, &built(arguments, HOSTILE)?, "")?;
        let grant = fs::read_to_string(arguments.root.join("examples/farmer/plugins/csv-provider.toml"))?;
        plugins.put(CSV_PROVIDER, &built(arguments, CSV_PROVIDER)?, &grant)?;
        fs::copy(people, plugins.path.join("farmers.csv"))?;
        fs::write(dir.join(MAC_KEY), "a secret of more than sixteen bytes")?;
        let pkcs8 = SoftwareKey::generate_pkcs8(Algorithm::Es256, &SystemEntropy::new())?;
        fs::write(dir.join(JWT_KEY), pem(&pkcs8))?;
        Ok(Self { dir: dir.to_owned(), plugins })
    }

    /// Of the store; plugins read it too.
    fn url(&self) -> String {
        format!("sqlite:{}", self.dir.join("store.db").display())
    }

    /// As the server starts it.
    async fn sandbox(&self, store: &Arc<dyn Store>, program: &Path) -> Result<Sandbox> {
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::new());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let keyring = Keyring::new(KeyEncryptionKey::generate(entropy.as_ref())?, Vec::new());
        let config = self.config();
        let around = Surroundings {
            config: &config,
            keyring: &keyring,
            store,
            clock: &clock,
            entropy: &entropy,
            program: fs::canonicalize(program)?,
        };
        Ok(start(around).await?)
    }

    fn config(&self) -> Config {
        let secret = |name: &str| {
            (name.to_owned(), plugins::Secret { file: Some(self.dir.join(name)), ..plugins::Secret::default() })
        };
        let database = plugins::Database { url: Some(self.url()), ..plugins::Database::default() };
        Config {
            data: Data { dir: self.dir.join("data") },
            plugins: Plugins {
                dir: self.plugins.path.clone(),
                secrets: [secret(MAC_KEY), secret(JWT_KEY)].into(),
                databases: [(DATABASE.to_owned(), database)].into(),
                ..Plugins::default()
            },
            ..Config::default()
        }
    }
}

fn data_grant() -> String {
    format!(
        r#"
        [limits]
        wall = "1m"
        cpu = "5s"
        kv_operations = 1000
        sql_runs = 1000
        [grants.kv]
        [grants.secrets]
        names = ["{MAC_KEY}"]
        reveal = true
        [grants.sql.statements.issuer]
        database = "{DATABASE}"
        text = "{STATEMENT}"
        params = ["@issuer.id"]
        [grants.sign.keys.mac]
        purpose = "mac"
        secret = "{MAC_KEY}"
        [grants.sign.keys.jwt]
        purpose = "jwt"
        secret = "{JWT_KEY}"
        algorithm = "ES256"
        lifetime = "60s"
        [grants.journal]
        dir = "journal"
        name = "bench.log"
        max_file = "16GiB"
        "#
    )
}

fn net_grant(origin: &str) -> String {
    format!(
        r#"
        [limits]
        wall = "1m"
        cpu = "5s"
        http_requests = 64
        [grants.http]
        allow = ["{origin}"]
        networks = "any"
        "#
    )
}

fn pem(pkcs8: &[u8]) -> String {
    let text = STANDARD.encode(pkcs8);
    let lines: Vec<&str> = text.as_bytes().chunks(PEM_LINE).filter_map(|line| str::from_utf8(line).ok()).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}
