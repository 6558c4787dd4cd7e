//! `examples/platform`: all kinds of plugins in one process, with the systems around them. What wallets get is judged
//! by verifiers that we did not write.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use chancery_sandbox::check_grant;
use serde_json::{Value, json};

use crate::app::root;
use crate::examples;
use crate::judges::{accepts, judge, take};
use crate::server::{Server, Site, agent, free_port, get, read};

const PLUGINS: [(&str, &str); 6] = [
    ("audit-file", "audit"),
    ("audit-webhook", "audit"),
    ("csv-provider", "data-provider"),
    ("rest-provider", "data-provider"),
    ("sql-provider", "data-provider"),
    ("vc-api-issuer", "vc-issuance"),
];
const CONFIGURATIONS: [&str; 5] =
    ["FarmerCredential", "ResidentCredential", "TrainingCredential", "MembershipCredential", "DiplomaCredential"];
/// Whose signature is passed on in proxy mode.
const UNION: &str = "did:key:z6MknN7DyAouXm6wGqNjWkiW9buKbMiRpn9Db3FN7N5HVe92";
/// Another issuer's did:key.
const NOT_THE_UNION: &str = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";
/// Asha's photo in the database.
const PHOTO: &str = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAABAAAAAQAQMAAAAlPW0iAAAABlBMVEXo9ekufTIURsxuAAAAJElE\
                     QVR42mNgAAPmAwzsD1AQUAQIgAz+DwzyPxjs/zD8/w9EAPa+Dj52YuxvAAAAAElFTkSuQmCC";

/// The example and the systems around it, on free ports.
pub struct Platform {
    pub site: Site,
    registry: String,
    webhook: String,
    surroundings: Child,
}

impl Platform {
    pub fn start() -> Self {
        let site = Site::example("platform", &PLUGINS.map(|(name, _)| name));
        let ports = [("9001", "registry"), ("9002", "issuer"), ("9003", "webhook")];
        let ports = ports.map(|(documented, name)| (documented, name, free_port().to_string()));
        for path in grant_files(&site.path("plugins")) {
            let text = std::fs::read_to_string(&path).unwrap();
            let moved = ports.iter().fold(text, |text, (from, _, to)| text.replace(from, to));
            std::fs::write(&path, moved).unwrap();
        }
        let mut command = Command::new("node");
        command.arg(root().join("examples/platform/upstream/run.mjs")).current_dir(site.dir.path());
        for (_, name, port) in &ports {
            command.args([&format!("--{name}-port"), port]);
        }
        let mut surroundings = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(surroundings.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap() == "ready"), "the systems around the example do not start");
        // Whoever writes to a pipe that nobody reads would stop.
        std::thread::spawn(move || lines.for_each(drop));
        let [registry, _, webhook] = ports.map(|(_, _, port)| format!("http://127.0.0.1:{port}"));
        Self { site, registry, webhook, surroundings }
    }

    pub fn take(&self, configuration: &str, subject: &str) -> Value {
        take(&self.site.offer_of(configuration, &["--subject", subject]), "link", &[])
    }

    /// What a verifier says of a credential, by its configuration.
    pub fn verify(&self, configuration: &str, taken: &Value) -> Value {
        let context = |name: &str| root().join("examples/platform/config/contexts").join(name).display().to_string();
        let (farmer, union) = (context("farmer-v1.json"), context("union-v1.json"));
        let farmer = format!("https://agriculture.example/contexts/farmer/v1={farmer}");
        let union = format!("https://union.example/contexts/union/v1={union}");
        let url = self.site.url.as_str();
        let holder = taken["holderJwks"][0].to_string();
        let credential = &taken["credentials"][0];
        let text = credential.as_str().map_or_else(|| credential.to_string(), str::to_owned);
        let (script, arguments) = match configuration {
            "FarmerCredential" => ("verify-data-integrity.mjs", vec!["--issuer-url", url, "--context", &farmer]),
            "ResidentCredential" => {
                ("verify-sd-jwt-vc.mjs", vec!["--issuer-url", url, "--vct", "urn:example:resident"])
            }
            "TrainingCredential" => {
                ("verify-sd-jwt-vc.mjs", vec!["--issuer-url", url, "--vct", "urn:example:training"])
            }
            _ => ("verify-data-integrity.mjs", vec!["--issuer", UNION, "--context", &union]),
        };
        let fixed = ["--credential", "-", "--holder-jwk", &holder];
        accepts(script, &[&fixed[..], &arguments].concat(), &text)
    }

    /// The lines of the audit file, each event once.
    fn audit_file(&self) -> Vec<Value> {
        let dir = self.site.path("plugins/audit");
        let mut files: Vec<PathBuf> = std::fs::read_dir(dir)
            .map_or_else(|_| Vec::new(), |files| files.map(|file| file.unwrap().path()).collect());
        // Rotated files have the time in their names; the one in use comes last.
        files.sort_by_key(|path| (path.ends_with("audit.jsonl"), path.clone()));
        let text: String = files.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
        let mut seen = BTreeSet::new();
        let events = text.lines().filter(|line| !line.is_empty()).map(|line| serde_json::from_str(line).unwrap());
        events.filter(|event: &Value| seen.insert(event["id"].to_string())).collect()
    }

    /// What the webhook's receiver believed.
    fn audit_webhook(&self) -> Value {
        get(&format!("{}/events", self.webhook)).1
    }

    /// The ids of the host's own events of this action.
    fn host_events(&self, action: &str) -> BTreeSet<String> {
        let lines = self.site.done(&["audit", "events", "--json"]);
        let events = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        events.filter(|event| event["action"] == action).map(|event| text(&event["event_id"])).collect()
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        let _ = self.surroundings.kill();
        let _ = self.surroundings.wait();
    }
}

#[test]
fn five_credentials_of_three_kinds_at_once_and_two_audit_sinks() {
    let platform = Platform::start();
    let site = &platform.site;
    site.apply();
    let server = site.serve();
    server.until("all plugins serve", || server.get("/readyz").0 == 200);
    all_plugins_are_active(site);

    let taken: Vec<(&str, Value)> = std::thread::scope(|scope| {
        let platform = &platform;
        let wallets = CONFIGURATIONS.map(|name| (name, scope.spawn(move || platform.take(name, "1001"))));
        wallets.into_iter().map(|(name, wallet)| (name, wallet.join().unwrap())).collect()
    });
    for (configuration, taken) in &taken {
        let verdict = platform.verify(configuration, taken);
        says_what_the_source_knows(configuration, &verdict);
    }
    let diploma = &taken.iter().find(|(name, _)| *name == "DiplomaCredential").unwrap().1;
    assert!(diploma["polls"].as_u64().unwrap() >= 2, "the union looks at a diploma twice: {diploma:#}");

    the_sources_refuse_whom_they_do_not_know(&platform);
    both_sinks_have_every_event(&platform, &server);
}

#[track_caller]
fn all_plugins_are_active(site: &Site) {
    let listed: Value = serde_json::from_str(&site.done(&["plugin", "list", "--json"])).unwrap();
    let found: BTreeSet<(String, String, String)> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|plugin| (text(&plugin["name"]), text(&plugin["kind"]), text(&plugin["stage"])))
        .collect();
    let expected = PLUGINS.map(|(name, kind)| (name.to_owned(), kind.to_owned(), "active".to_owned()));
    assert_eq!(found, BTreeSet::from(expected), "{listed:#}");
}

#[track_caller]
pub fn says_what_the_source_knows(configuration: &str, verdict: &Value) {
    let (claims, subject) = (&verdict["claims"], &verdict["credential"]["credentialSubject"]);
    match configuration {
        "FarmerCredential" => {
            assert_eq!(subject["crops"], json!(["rice", "wheat", "mustard"]), "{verdict:#}");
        }
        "ResidentCredential" => {
            assert_eq!(claims["birthdate"], "1984-03-12", "{verdict:#}");
            assert_eq!(claims["picture"], PHOTO);
            let parcels = json!([
                {"number": "17/2", "hectares": "1.60", "irrigated": true},
                {"number": "41", "hectares": "0.80", "irrigated": false},
            ]);
            assert_eq!(claims["parcels"], parcels);
        }
        // Three pages of the registry.
        "TrainingCredential" => {
            let courses = claims["courses"].as_array().unwrap();
            let codes: Vec<&str> = courses.iter().map(|course| course["code"].as_str().unwrap()).collect();
            assert_eq!(codes, ["SOIL-1", "SEED-2", "PEST-1", "COOP-1", "ORG-3"]);
        }
        "MembershipCredential" => assert_eq!(subject["memberSince"], "2015-04-01", "{verdict:#}"),
        "DiplomaCredential" => assert_eq!(subject["degree"], "BSc Agriculture", "{verdict:#}"),
        other => panic!("{other} is not looked at"),
    }
}

/// Nobody gets a credential about somebody whom a source does not know, from whatever kind of source.
fn the_sources_refuse_whom_they_do_not_know(platform: &Platform) {
    for configuration in CONFIGURATIONS {
        let offer = platform.site.offer_of(configuration, &["--subject", "nobody"]);
        let (accepted, printed) = judge("wallet.mjs", &["--offer", offer["link"].as_str().unwrap()], "");
        assert!(!accepted, "{configuration}: {printed:#}");
        assert_eq!(printed["step"], "credential", "{configuration}: {printed:#}");
        let refused = &printed["code"];
        assert!(refused == "credential_request_denied" || refused == "invalid_credential_request", "{printed:#}");
    }
}

#[track_caller]
fn both_sinks_have_every_event(platform: &Platform, server: &Server) {
    let issued = platform.host_events("credential.issue");
    assert!(issued.len() >= 2 * CONFIGURATIONS.len(), "{issued:?}");
    let all_in = |events: &[Value]| {
        let ids: BTreeSet<String> = events.iter().map(|event| text(&event["id"])).collect();
        issued.is_subset(&ids)
    };
    server.until("the file has every issuance", || all_in(&platform.audit_file()));
    server.until("the webhook has every issuance", || all_in(platform.audit_webhook()["events"].as_array().unwrap()));

    let (file, webhook) = (platform.audit_file(), platform.audit_webhook());
    let webhook = webhook["events"].as_array().unwrap();
    for (number, event) in file.iter().enumerate() {
        assert_eq!(event["sequence"], number + 1, "the file skips or repeats: {event:#}");
    }
    let both = file.len().min(webhook.len());
    assert_eq!(&file[..both], &webhook[..both], "one sink has another history than the other");
    let succeeded = file.iter().filter(|e| e["action"] == "credential.issue" && e["outcome"] == "succeeded").count();
    assert_eq!(succeeded, CONFIGURATIONS.len());

    // The receiver believed what it believed because it was signed.
    assert_eq!(platform.audit_webhook()["refused"], 0);
    let forged = json!({"events": [{"id": "forged", "sequence": 1}]});
    let (status, _) = read(agent().post(format!("{}/hooks/chancery", platform.webhook)).send_json(&forged));
    assert_eq!((status, &platform.audit_webhook()["refused"]), (401, &json!(1)));
}

/// Nobody listens where the registry should be, and the union's signature is not the one that memberships want.
#[test]
fn a_silent_source_and_a_wrong_issuer_harm_no_other() {
    let platform = Platform::start();
    let site = &platform.site;
    let edit = |file: &str, from: &str, to: &str| {
        let text = std::fs::read_to_string(site.path(file)).unwrap();
        assert!(text.contains(from), "{file}: {text}");
        std::fs::write(site.path(file), text.replace(from, to)).unwrap();
    };
    edit("plugins/rest-provider.toml", &platform.registry, &format!("http://127.0.0.1:{}", free_port()));
    edit("config/MembershipCredential/configuration.toml", UNION, NOT_THE_UNION);
    site.apply();
    let server = site.serve();
    server.until("all plugins serve", || server.get("/readyz").0 == 200);

    let refused = ["TrainingCredential", "MembershipCredential"].map(|configuration| {
        let offer = site.offer_of(configuration, &["--subject", "1001"]);
        let (accepted, printed) = judge("wallet.mjs", &["--offer", offer["link"].as_str().unwrap()], "");
        assert!(!accepted, "{configuration}: {printed:#}");
        printed
    });
    assert_eq!((&refused[0]["step"], &refused[0]["status"]), (&json!("credential"), &json!(503)), "{:#}", refused[0]);
    assert_eq!((&refused[1]["step"], &refused[1]["status"]), (&json!("credential"), &json!(502)), "{:#}", refused[1]);
    for configuration in ["FarmerCredential", "ResidentCredential", "DiplomaCredential"] {
        let verdict = platform.verify(configuration, &platform.take(configuration, "1001"));
        says_what_the_source_knows(configuration, &verdict);
    }
    let issued = || platform.audit_file().into_iter().filter(|event| event["action"] == "credential.issue");
    server.until("the file has all five", || issued().count() >= 5);
    let outcomes: Vec<String> = issued().map(|event| text(&event["outcome"])).collect();
    assert_eq!(outcomes, ["failed", "failed", "succeeded", "succeeded", "succeeded"]);
    let reasons: Vec<String> = issued().take(2).map(|event| text(&event["detail"]["reason"])).collect();
    assert_eq!(reasons, ["unavailable", "untrusted-issuer"]);
}

#[test]
fn the_commands_of_the_platform_example_work() {
    let platform = Platform::start();
    let (repository, webhook) = (format!("{}/", root().display()), platform.webhook.clone());
    examples::run_in(&platform.site, "examples/platform/README.md", &["npm ", "node ../../examples/"], |command| {
        command.replace("../../", &repository).replace("http://127.0.0.1:9003", &webhook)
    });
}

#[test]
fn every_example_grant_file_is_one() {
    let mut checked = 0;
    let plugins = folders(&root().join("plugins")).into_iter().map(|folder| (folder.join("example.toml"), folder));
    let examples = folders(&root().join("examples")).into_iter().flat_map(|example| {
        let folder = example.join("plugins");
        // An author's project has its grant file at its root, under the plugin's name.
        let own = example.file_name().map(|name| example.join(name).with_extension("toml"));
        let dropped = if folder.is_dir() { grant_files(&folder) } else { Vec::new() };
        dropped.into_iter().chain(own).map(move |path| (path, folder.clone()))
    });
    for (path, folder) in plugins.chain(examples).filter(|(path, _)| path.is_file()) {
        let text = std::fs::read_to_string(&path).unwrap();
        check_grant(&text, &folder).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(check_grant(&format!("{text}\n[grant]\n"), &folder).is_err(), "{}", path.display());
        checked += 1;
    }
    assert!(checked >= 2 * PLUGINS.len(), "only {checked} were found");
}

/// `config apply` compiles all of a directory before it publishes any.
#[test]
fn every_example_configuration_can_be_published() {
    let with_a_host = |example: &PathBuf| example.join("chancery.toml").is_file();
    for example in folders(&root().join("examples")).into_iter().filter(with_a_host) {
        let name = example.file_name().unwrap().to_string_lossy().into_owned();
        let site = Site::example(&name, &[]);
        // What the systems around an example hand out before the host starts.
        std::fs::create_dir_all(site.path("secrets")).unwrap();
        std::fs::write(site.path("secrets/residents-url"), "postgres://nobody@127.0.0.1:1/none").unwrap();
        site.done(&["check-config"]);
        let printed = site.done(&["config", "apply", "config/"]);
        for configuration in folders(&example.join("config")) {
            if !configuration.join("configuration.toml").is_file() {
                continue;
            }
            let id = configuration.file_name().unwrap().to_string_lossy().into_owned();
            assert!(printed.contains(&format!("published  {id} version 1")), "{name}: {id}: {printed}");
        }
        assert!(printed.starts_with("published  "), "{name}: {printed}");
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

fn folders(of: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(of).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect()
}

fn grant_files(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "toml")).collect()
}
