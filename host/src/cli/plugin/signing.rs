//! Signatures beside plugins.

use std::path::{Path, PathBuf};

use chancery_keys::{Algorithm, Signer as _, SoftwareKey, SystemEntropy};
use chancery_sandbox::printable;
use clap::Args;

use super::super::{Failure, Quiet, eprintln_line, load, print_line};
use crate::plugins::trust;

/// Bytes of a reason that are printed.
const MAX_REASON: usize = 1024;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  chancery plugin keygen signing-key.pem\n  \
                        chancery plugin sign --key signing-key.pem plugins/farmer-registry.wasm")]
pub(in crate::cli) struct Sign {
    /// The Ed25519 private key (PKCS #8, PEM).
    #[arg(long)]
    key: PathBuf,
    /// The plugin.
    file: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  chancery plugin verify plugins/farmer-registry.wasm\n  \
                        chancery plugin verify --key z6Mk… plugins/farmer-registry.wasm")]
pub(in crate::cli) struct Verify {
    /// A public key: a Multikey (`z6Mk…`) or a PEM file; may be given several times.
    #[arg(long = "key")]
    keys: Vec<String>,
    /// The plugin.
    file: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  chancery plugin keygen signing-key.pem")]
pub(in crate::cli) struct Keygen {
    /// Where the private key goes (PKCS #8, PEM, readable by you alone). Must not exist.
    file: PathBuf,
}

pub(super) async fn sign(arguments: &Sign) -> Result<(), Failure> {
    let Sign { key, file } = arguments;
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

pub(super) fn verify(config: &Path, arguments: &Verify) -> Result<(), Failure> {
    let Verify { keys, file } = arguments;
    let configured;
    let keys = if keys.is_empty() {
        configured = load(config, Quiet::Yes)?.plugins.trust.keys;
        &configured
    } else {
        keys
    };
    let keys = keys.iter().map(|key| trust::read_key(key)).collect::<Result<Vec<_>, _>>().map_err(Failure::Usage)?;
    if keys.is_empty() {
        return Err(Failure::Usage("no key: give --key, or list plugins.trust.keys in the configuration".to_owned()));
    }
    let signer = trust::verify(&keys, &read(file)?, &read(&signature_path(file))?)
        // It may quote the signature file.
        .map_err(|error| {
            Failure::Failed(format!("{}: {}", file.display(), printable(&error.to_string(), MAX_REASON)))
        })?;
    print_line(&format!("{}: signed by {signer}", file.display()));
    Ok(())
}

pub(super) fn keygen(arguments: &Keygen) -> Result<(), Failure> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let file = &arguments.file;
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

/// Where a plugin's signature lies.
pub(super) fn signature_path(file: &Path) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(".sig");
    path.into()
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::Usage(format!("cannot read {}: {error}", path.display())))
}
