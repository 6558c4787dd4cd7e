//! A plugin project that the built binary made, and a host that takes what it builds.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::app::program;
use crate::judges::take;
use crate::load::Office;
use crate::server::{Server, Site};
use crate::wallet::claims_of;

/// What every project is called: the file's name is the plugin's.
pub const PLUGIN: &str = "people";

/// Every kind with what is always there, and combinations of capabilities that share code in the templates.
const GENERATED: [(&str, &str); 11] = [
    ("data-provider", "http,kv"),
    ("data-provider", "sql"),
    ("data-provider", "files,secrets"),
    ("data-provider", "http,reveal,sign"),
    ("data-provider", "kv,reveal,sign"),
    ("data-provider", "http,sql,files,kv,secrets,reveal,sign"),
    ("vc-issuance", ""),
    ("vc-issuance", "reveal,secrets,sign"),
    ("audit", ""),
    ("audit", "http"),
    ("audit", "journal,http"),
];

/// What every data provider's template knows of `person-1`, whatever it is written in.
pub const PERSON: [(&str, &str); 5] = [
    ("given_name", "Ada"),
    ("family_name", "Lovelace"),
    ("birth_date", "1990-01-01"),
    ("village", "Lisiko"),
    ("source", "config"),
];

/// A project in a directory of its own.
pub struct Project {
    _dir: TempDir,
    pub path: PathBuf,
}

/// `chancery`, as an author on this machine runs it: toolchains and Rust's target are shared by all tests.
pub fn chancery(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.args(arguments).current_dir(dir).stdin(Stdio::null());
    command.envs(shared_folders()).env_remove("CHANCERY_CONFIG");
    command
}

/// Where toolchains, and what Rust builds, are kept between tests.
pub fn shared_folders() -> [(&'static str, PathBuf); 2] {
    let target = target();
    [("CHANCERY_TOOLS", target.join("plugin-tools")), ("CARGO_TARGET_DIR", target.join("plugin-projects"))]
}

/// The target directory that the binary is in.
pub fn target() -> PathBuf {
    program().ancestors().find(|path| path.ends_with("target")).map_or_else(std::env::temp_dir, PathBuf::from)
}

impl Project {
    /// What `chancery plugin new` makes.
    #[track_caller]
    pub fn new(language: &str, kind: &str, wants: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let mut arguments = vec!["plugin", "new", PLUGIN, "--lang", language, "--kind", kind];
        if !wants.is_empty() {
            arguments.extend(["--wants", wants]);
        }
        done(&mut chancery(dir.path(), &arguments));
        let path = dir.path().join(PLUGIN);
        Self { _dir: dir, path }
    }

    /// A data provider that wants nothing.
    #[track_caller]
    pub fn provider(language: &str) -> Self {
        Self::new(language, "data-provider", "")
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        chancery(&self.path, arguments)
    }

    /// `chancery plugin build`, which must succeed; its standard output.
    #[track_caller]
    pub fn build(&self) -> String {
        done(&mut self.command(&["plugin", "build"]))
    }

    /// `chancery plugin test`, which must succeed; its standard output.
    #[track_caller]
    pub fn test(&self) -> String {
        done(&mut self.command(&["plugin", "test"]))
    }

    /// Standard error of a subcommand that must fail with this exit code, without the path of this project.
    #[track_caller]
    pub fn fails(&self, arguments: &[&str], code: i32) -> String {
        self.failing(&mut self.command(arguments), code)
    }

    /// The same of a command that a test has changed.
    #[track_caller]
    pub fn failing(&self, command: &mut Command, code: i32) -> String {
        let (status, out, err) = texts(&command.output().unwrap());
        assert_eq!(status, Some(code), "{command:?}: {out}{err}");
        let root = self.path.canonicalize().unwrap();
        // What is said once, by whichever test comes first, or where the machine has much to do.
        let once = |line: &&str| {
            ["installing ", "compiling the C library", "compiling Go's own packages", "waiting ", "still "]
                .iter()
                .any(|start| line.starts_with(start))
        };
        let err: String = err.lines().filter(|line| !once(line)).flat_map(|line| [line, "\n"]).collect();
        err.replace(&*root.to_string_lossy(), "PROJECT").replace(&*self.path.to_string_lossy(), "PROJECT")
    }

    pub fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.path.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    pub fn write(&self, file: &str, text: &str) {
        let path = self.path.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Changes a file; what is to be changed must be there.
    #[track_caller]
    pub fn replace(&self, file: &str, from: &str, to: &str) {
        let text = self.read(file);
        assert!(text.contains(from), "{file} has no {from:?}:\n{text}");
        self.write(file, &text.replace(from, to));
    }

    /// The component.
    pub fn component(&self) -> PathBuf {
        self.path.join(format!("build/{PLUGIN}.wasm"))
    }
}

/// Each kind of plugin, and several combinations of capabilities, build and pass their own cases as generated.
pub fn generated_projects_pass(language: &str) {
    for (kind, wants) in GENERATED {
        let project = Project::new(language, kind, wants);
        let built = project.build();
        assert!(built.contains(kind), "{built}");
        let report = project.test();
        assert!(!report.contains("FAILED"), "{language} {kind} {wants}: {report}");
    }
}

/// From an empty directory to a credential: `new`, `build`, `test`, two files copied into a running host, a wallet.
pub fn a_wallet_gets_what_the_plugin_says(language: &str) {
    let host = Host::open();
    let project = Project::provider(language);
    project.build();
    project.test();
    host.install(&project);
    let claims = host.credential("person-1");
    for (name, value) in PERSON {
        assert_eq!(claims[name], value, "{language}: {claims}");
    }
}

/// A running host whose one configuration shows a person as the plugin describes them.
pub struct Host {
    pub site: Site,
    pub server: Server,
    office: Office,
}

impl Host {
    pub fn open() -> Self {
        let site = Site::example("farmer", &[]);
        for dir in ["config", "plugins"] {
            std::fs::remove_dir_all(site.path(dir)).unwrap();
            std::fs::create_dir(site.path(dir)).unwrap();
        }
        let dir = site.path("config/PersonCredential");
        std::fs::create_dir(&dir).unwrap();
        let document = format!("format = \"dc+sd-jwt\"\nvct = \"urn:example:person\"\n[plugin]\nname = {PLUGIN:?}\n");
        std::fs::write(dir.join("configuration.toml"), document).unwrap();
        let line = |(name, _)| format!("{name:?}: \"{{{{ data.{name} }}}}\"");
        let template: Vec<String> = PERSON.into_iter().map(line).collect();
        std::fs::write(dir.join("template.json"), format!("{{{}}}", template.join(", "))).unwrap();
        let sample: serde_json::Map<String, Value> =
            PERSON.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        std::fs::write(dir.join("sample.json"), Value::from(sample).to_string()).unwrap();
        site.apply();
        let server = site.serve();
        let office = Office::open(&server);
        Self { site, server, office }
    }

    /// Copies component and grant file, as the README of a project says, and waits until the host serves it.
    #[track_caller]
    pub fn install(&self, project: &Project) {
        let plugins = self.site.path("plugins");
        for file in [project.path.join(format!("{PLUGIN}.toml")), project.component()] {
            std::fs::copy(&file, plugins.join(file.file_name().unwrap())).unwrap();
        }
        let mut last = Value::Null;
        self.server.until("the plugin is loaded", || {
            last = self.office.plugin(PLUGIN);
            ["active", "rejected", "pending"].iter().any(|stage| last["stage"] == *stage)
        });
        assert_eq!(last["stage"], "active", "{last:#}");
    }

    /// The claims of the credential that a wallet by other authors gets for a subject.
    #[track_caller]
    pub fn credential(&self, subject: &str) -> Value {
        let offer = self.site.offer_of("PersonCredential", &["--subject", subject]);
        let taken = take(&offer, "link", &[]);
        claims_of(taken["credentials"][0].as_str().unwrap())
    }
}

/// Standard output of a command that must succeed.
#[track_caller]
pub fn done(command: &mut Command) -> String {
    let (status, out, err) = texts(&command.output().unwrap());
    assert_eq!(status, Some(0), "{command:?}: {out}{err}");
    out
}

/// Exit code, standard output and standard error.
pub fn texts(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}
