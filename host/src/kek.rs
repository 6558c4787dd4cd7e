//! The file of the key-encryption key: for us alone, whole or absent, never overwritten.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use chancery_keys::{Entropy, KeyEncryptionKey, Keyring};
use chancery_store::Store;
use uuid::Uuid;

use crate::app::StartError;

pub fn load(path: &Path) -> Result<Keyring, StartError> {
    read(path)?.ok_or_else(|| {
        StartError(format!("there is no key-encryption key {}: run `chancery migrate` first", path.display()))
    })
}

/// Makes the key where there is none, but only for a store that holds nothing yet: a new key could not open what an
/// old one sealed.
pub async fn load_or_make(path: &Path, store: &dyn Store, entropy: &dyn Entropy) -> Result<Keyring, StartError> {
    if let Some(keyring) = read(path)? {
        return Ok(keyring);
    }
    let shown = path.display();
    let issuers = store.issuers().await.map_err(|e| StartError::because("the store cannot be read", &e))?;
    if !issuers.is_empty() {
        return Err(StartError(format!(
            "the key-encryption key {shown} is missing, and the store has keys sealed under it: restore the file, or \
             set keys.kek_file"
        )));
    }
    let failed = |e: &(dyn std::error::Error + 'static)| {
        StartError::because(format!("the key-encryption key {shown} cannot be made"), e)
    };
    let kek = KeyEncryptionKey::generate(entropy).map_err(|e| failed(&e))?;
    if write(path, kek.to_base64().as_bytes()).map_err(|e| failed(&e))? {
        tracing::warn!(path = %shown, "made a new key-encryption key: back it up, apart from the database");
    }
    // Of two processes starting at once one has made it; both use that one.
    load(path)
}

fn read(path: &Path) -> Result<Option<Keyring>, StartError> {
    let shown = path.display();
    let failed = |e: &(dyn std::error::Error + 'static)| {
        StartError::because(format!("the key-encryption key {shown} cannot be used"), e)
    };
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(&error)),
    };
    let mode = fs::metadata(path).map_err(|e| failed(&e))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(StartError(format!("others can read the key-encryption key {shown}: run `chmod 600 {shown}`")));
    }
    let kek = KeyEncryptionKey::from_base64(&text).map_err(|e| failed(&e))?;
    Ok(Some(Keyring::new(kek, Vec::new())))
}

/// Whether the file is ours; `false`: another process was quicker. It appears whole, under its name for good, before
/// anything is sealed with it.
fn write(path: &Path, text: &[u8]) -> io::Result<bool> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let temporary = dir.join(format!(".kek-{}", Uuid::new_v4()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    let written = file.write_all(text).and_then(|()| file.sync_all());
    // A link fails where the name is taken; a rename would replace it.
    let linked = written.and_then(|()| fs::hard_link(&temporary, path));
    fs::remove_file(&temporary)?;
    match linked {
        Ok(()) => File::open(dir)?.sync_all().map(|()| true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}
