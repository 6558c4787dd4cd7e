use std::path::{Path, PathBuf};

use chancery_keys::{Algorithm, Signer as _, SoftwareKey, SystemEntropy};
use chancery_sandbox::grant_reference;
use clap::Subcommand;

use super::{Failure, eprintln_line, print_json, print_line};
use crate::app::{App, Migrate, Plugins};
use crate::audit::Actor;
use crate::config::Config;
use crate::plugins::controls::Action;
use crate::plugins::{listing, trust};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Load every plugin of the directory as `serve` would, and say how far each one came. What a running host
    /// says, with its counts of calls, is at GET /admin/v1/plugins.
    #[command(after_help = "Examples:\n  chancery plugin list\n  chancery plugin list --json | jq '.[].stage'")]
    List {
        /// Everything: stages, reasons, missing grants, digests, grants, limits.
        #[arg(long)]
        json: bool,
    },
    /// Take a plugin out of service. Running hosts follow within a second.
    #[command(after_help = "Example:\n  chancery plugin disable farmer-registry")]
    Disable { plugin: String },
    /// Put a plugin, or its newest release after a rollback, back into service.
    #[command(after_help = "Example:\n  chancery plugin enable farmer-registry")]
    Enable { plugin: String },
    /// Go back to the release before the one that serves, until the plugin's files change.
    #[command(after_help = "Example:\n  chancery plugin rollback farmer-registry")]
    Rollback { plugin: String },
    /// Sign a plugin: writes NAME.wasm.sig beside it, for hosts whose trust is `signed`.
    #[command(after_help = "Examples:\n  chancery plugin keygen signing-key.pem\n  \
                            chancery plugin sign --key signing-key.pem plugins/farmer-registry.wasm")]
    Sign {
        /// The Ed25519 private key (PKCS #8, PEM).
        #[arg(long)]
        key: PathBuf,
        /// The plugin.
        file: PathBuf,
    },
    /// Check the signature beside a plugin, against the keys of the configuration or those given.
    #[command(after_help = "Examples:\n  chancery plugin verify plugins/farmer-registry.wasm\n  \
                            chancery plugin verify --key z6Mk… plugins/farmer-registry.wasm")]
    Verify {
        /// A public key: a Multikey (`z6Mk…`) or a PEM file; may be given several times.
        #[arg(long = "key")]
        keys: Vec<String>,
        /// The plugin.
        file: PathBuf,
    },
    /// Make a key pair for signing plugins. Prints the public key for `plugins.trust.keys`.
    #[command(after_help = "Example:\n  chancery plugin keygen signing-key.pem")]
    Keygen {
        /// Where the private key goes (PKCS #8, PEM, readable by you alone). Must not exist.
        file: PathBuf,
    },
    /// Print the reference of the grant file, in Markdown.
    #[command(after_help = "Example:\n  chancery plugin grants | less")]
    Grants,
}

/// The commands that need no host.
pub(super) async fn run_alone(command: &Command) -> Option<Result<(), Failure>> {
    match command {
        Command::Sign { key, file } => Some(sign(key, file).await),
        Command::Verify { keys, file } if !keys.is_empty() => Some(verify(keys, file)),
        Command::Keygen { file } => Some(keygen(file)),
        Command::Grants => {
            print_line(grant_reference().trim_end());
            Some(Ok(()))
        }
        _ => None,
    }
}

pub(super) async fn run(config: Config, command: Command) -> Result<(), Failure> {
    match command {
        Command::List { json } => list(config, json).await,
        Command::Disable { plugin } => decide(config, &plugin, Action::Disable).await,
        Command::Enable { plugin } => decide(config, &plugin, Action::Enable).await,
        Command::Rollback { plugin } => decide(config, &plugin, Action::Rollback).await,
        Command::Verify { file, .. } => verify(&config.plugins.trust.keys, &file),
        command => run_alone(&command).await.unwrap_or(Ok(())),
    }
}

async fn list(config: Config, json: bool) -> Result<(), Failure> {
    let dir = config.plugins.dir.clone();
    let app = App::open(config, Migrate::Check, Plugins::Run).await?;
    let Some(sandbox) = &app.sandbox else { return Ok(()) };
    let plugins = sandbox.plugins();
    if json {
        return print_json(&plugins);
    }
    if plugins.is_empty() {
        print_line(&format!("no plugins in {}: drop NAME.wasm and its grant file NAME.toml there", dir.display()));
    } else {
        print_line(listing(&plugins).trim_end());
    }
    Ok(())
}

async fn decide(config: Config, plugin: &str, action: Action) -> Result<(), Failure> {
    // Only the way back needs to know what there is: nothing else runs a plugin that may be the trouble.
    let run = if action == Action::Rollback { Plugins::Run } else { Plugins::Leave };
    let component = config.plugins.dir.join(format!("{plugin}.wasm"));
    if run == Plugins::Leave && !component.is_file() {
        return Err(Failure::Usage(format!("there is no plugin {plugin}: {} is not a file", component.display())));
    }
    let app = App::open(config, Migrate::Check, run).await?;
    let status = app.plugin_board().act(&Actor::cli(), plugin, action).await;
    match status.map_err(|error| Failure::Failed(error.to_string()))? {
        Some(status) => print_line(listing(&[status]).trim_end()),
        None => print_line(&format!("{plugin}: decided; running hosts follow within a second")),
    }
    Ok(())
}

async fn sign(key: &Path, file: &Path) -> Result<(), Failure> {
    let pem = zeroize::Zeroizing::new(String::from_utf8_lossy(&read(key)?).into_owned());
    let key = SoftwareKey::from_pem(Algorithm::EdDsa, &pem)
        .map_err(|error| Failure::Usage(format!("{}: {error}", key.display())))?;
    let signed = trust::sign(&key, &read(file)?).await;
    let signed = signed.map_err(|error| Failure::Failed(error.detail))?;
    let text = serde_json::to_string_pretty(&signed).map_err(|error| Failure::Failed(error.to_string()))?;
    let target = signature_path(file);
    let written = std::fs::write(&target, format!("{text}\n"));
    written.map_err(|error| Failure::Failed(format!("cannot write {}: {error}", target.display())))?;
    print_line(&format!("{}: signed by {}", target.display(), signed.key));
    Ok(())
}

fn verify(keys: &[String], file: &Path) -> Result<(), Failure> {
    let keys = keys.iter().map(|key| trust::read_key(key)).collect::<Result<Vec<_>, _>>().map_err(Failure::Usage)?;
    if keys.is_empty() {
        return Err(Failure::Usage("no key: give --key, or list plugins.trust.keys in the configuration".to_owned()));
    }
    let signer = trust::verify(&keys, &read(file)?, &read(&signature_path(file))?)
        .map_err(|error| Failure::Failed(format!("{}: {error}", file.display())))?;
    print_line(&format!("{}: signed by {signer}", file.display()));
    Ok(())
}

fn keygen(file: &Path) -> Result<(), Failure> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let failed = |error: &dyn std::fmt::Display| Failure::Failed(format!("{}: {error}", file.display()));
    let pkcs8 = SoftwareKey::generate_pkcs8(Algorithm::EdDsa, &SystemEntropy::new()).map_err(|e| failed(&e))?;
    let key = SoftwareKey::from_pkcs8(Algorithm::EdDsa, &pkcs8).map_err(|e| failed(&e))?;
    let pem = zeroize::Zeroizing::new(pem::encode(&pem::Pem::new("PRIVATE KEY", pkcs8.to_vec())));
    let options = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    let written = options.and_then(|mut file| file.write_all(pem.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(|e| failed(&e))?;
    eprintln_line(&format!("{}: the private key; whoever has it can sign plugins", file.display()));
    print_line(&key.public_key().to_multikey());
    Ok(())
}

fn signature_path(file: &Path) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(".sig");
    path.into()
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::Usage(format!("cannot read {}: {error}", path.display())))
}
