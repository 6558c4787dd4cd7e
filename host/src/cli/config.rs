use std::fs;
use std::path::{Path, PathBuf};

use chancery_credential::{JsonLimits, parse_strict};
use clap::Subcommand;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Failure, eprintln_line, print_json, print_line, with_causes};
use crate::app::{App, Migrate, Plugins};
use crate::audit::Actor;
use crate::config::Config;
use crate::issuance::configuration::{CredentialConfiguration, Document};
use crate::issuance::error::Error;
use crate::issuance::formats::IssuerIdentity;
use crate::issuance::issuers::DEFAULT_ISSUER;
use crate::issuance::publish::PublishError;
use crate::issuance::setup::{Setup, issuer_url};

const APPLY_HELP: &str = "\
DIR holds `issuer.toml` (optional: the issuer's display) and, for each credential configuration, a directory
named for its id with `configuration.toml`, `template.json`, `sample.json` (not in mode `proxy`) and the JSON-LD
contexts that it names.
All of them are checked, then all are published, or none. What did not change keeps its version. A running host takes
changes over by itself.

Examples:
  chancery config apply config/
  chancery config apply config/ --issuer ministry --json";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Publish the credential configurations of a directory.
    #[command(after_help = APPLY_HELP)]
    Apply {
        dir: PathBuf,
        /// The issuer to publish for; one that does not exist yet is made, at `/issuers/ID`.
        #[arg(long, default_value = DEFAULT_ISSUER)]
        issuer: String,
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(config: Config, command: Command) -> Result<(), Failure> {
    let Command::Apply { dir, issuer, json } = command;
    let set = read_directory(&dir)?;
    let app = App::open(config, Migrate::Apply, Plugins::Leave).await?;
    let failed = |e: &(dyn std::error::Error + 'static)| Failure::Failed(with_causes(e));
    let identity = IssuerIdentity::at(&issuer_url(&app.config.server.public_url, &issuer));
    let identity = identity.map_err(|e| Failure::Usage(e.to_string()))?;
    for (id, document) in &set.documents {
        // All of it is checked before anything is written, the issuer included.
        CredentialConfiguration::compile(id, 0, document.clone(), &identity)
            .map_err(|e| Failure::Usage(format!("{}/{id}: {e}; nothing was published", dir.display())))?;
    }
    let setup = Setup {
        store: app.store.as_ref(),
        keyring: &app.keyring,
        clock: app.clock.as_ref(),
        entropy: app.entropy.as_ref(),
    };
    setup.ensure(&app.config.server.public_url, &issuer, set.display).await.map_err(|e| match e {
        Error::InvalidRequest(_) => Failure::Usage(e.to_string()),
        other => failed(&other),
    })?;
    app.issuers.refresh().await.map_err(|e| failed(&e))?;
    let issuer = app.issuers.get(&issuer).ok_or_else(|| Failure::Failed(format!("the issuer {issuer} is unusable")))?;
    let plugins: Vec<String> =
        set.documents.iter().filter_map(|(_, d)| Some(d.plugin.as_ref()?.name.clone())).collect();
    let published = app.issuance.publish_configurations(&issuer, &Actor::cli(), set.documents).await;
    let published = published.map_err(|error| match error {
        PublishError::Invalid { .. } => Failure::Usage(format!("{}/{error}; nothing was published", dir.display())),
        PublishError::Store(_) => failed(&error),
    })?;
    warn_of_missing_plugins(&app.config, &plugins);
    if json {
        let rows = published
            .iter()
            .map(|p| json!({"configuration_id": p.configuration_id, "version": p.version, "changed": p.changed}));
        return print_json(&rows.collect::<Vec<_>>());
    }
    for p in published {
        let word = if p.changed { "published" } else { "unchanged" };
        print_line(&format!("{word}  {} version {}  ({})", p.configuration_id, p.version, issuer.url));
    }
    Ok(())
}

/// A configuration may come before its plugin, so this is no error.
fn warn_of_missing_plugins(config: &Config, plugins: &[String]) {
    for name in plugins {
        let file = config.plugins.dir.join(format!("{name}.wasm"));
        if !file.is_file() {
            eprintln_line(&format!("warning: the plugin {name} is not there yet: {} is missing", file.display()));
        }
    }
}

struct Directory {
    display: Option<Value>,
    documents: Vec<(String, Document)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IssuerFile {
    #[serde(default)]
    display: Vec<Map<String, Value>>,
}

/// `configuration.toml`: the document without the two parts that have files of their own.
#[derive(Deserialize)]
struct ConfigurationFile {
    #[serde(flatten)]
    rest: Map<String, Value>,
}

fn read_directory(dir: &Path) -> Result<Directory, Failure> {
    let unreadable = |path: &Path, e: &dyn std::fmt::Display| Failure::Usage(format!("{}: {e}", path.display()));
    let issuer_file = dir.join("issuer.toml");
    let display = match fs::read_to_string(&issuer_file) {
        Ok(text) => Some(json!(toml::from_str::<IssuerFile>(&text).map_err(|e| unreadable(&issuer_file, &e))?.display)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
        Err(e) => return Err(unreadable(&issuer_file, &e)),
    };
    let mut directories = Vec::new();
    for entry in fs::read_dir(dir).map_err(|e| unreadable(dir, &e))? {
        let path = entry.map_err(|e| unreadable(dir, &e))?.path();
        if path.join("configuration.toml").is_file() {
            directories.push(path);
        }
    }
    directories.sort();
    if directories.is_empty() {
        let text = "no configuration here: expected DIR/ID/configuration.toml and its files";
        return Err(unreadable(dir, &text));
    }
    let documents = directories.iter().map(|path| read_configuration(path)).collect::<Result<_, _>>()?;
    Ok(Directory { display, documents })
}

fn read_configuration(dir: &Path) -> Result<(String, Document), Failure> {
    let wrong = |file: &str, e: &dyn std::fmt::Display| Failure::Usage(format!("{}: {e}", dir.join(file).display()));
    let read = |file: &str| fs::read_to_string(dir.join(file)).map_err(|e| wrong(file, &e));
    let json = |file: &str| parse_strict(&read(file)?, &JsonLimits::default()).map_err(|e| wrong(file, &e));
    let text = read("configuration.toml")?;
    let mut file: ConfigurationFile = toml::from_str(&text).map_err(|e| wrong("configuration.toml", &e))?;
    for part in ["template", "sample"] {
        if file.rest.contains_key(part) {
            return Err(wrong("configuration.toml", &format!("{part} belongs in {part}.json")));
        }
        // The mode proxy has neither; whether they may be absent is the document's to say.
        let name = format!("{part}.json");
        if dir.join(&name).exists() {
            file.rest.insert(part.to_owned(), json(&name)?);
        }
    }
    // In the file a context's URL leads to another file; in the document to what that file holds.
    for (url, context) in file.rest.get_mut("contexts").and_then(Value::as_object_mut).into_iter().flatten() {
        let Some(name) = context.as_str().map(str::to_owned) else {
            return Err(wrong("configuration.toml", &format!("contexts: {url} must name a file")));
        };
        *context = json(&name)?;
    }
    let document = serde_json::from_value(Value::Object(file.rest)).map_err(|e| wrong("configuration.toml", &e))?;
    let id = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok((id, document))
}
