//! What is tried, and with which means.

use std::fmt;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use chancery_keys::{Entropy as _, SystemEntropy};
use chancery_sandbox::CompileMode;

use crate::error::TrialError;

/// A plugin to try.
#[derive(Clone, Debug)]
pub struct Plugin {
    /// Its name: that of the component in a plugin directory.
    pub name: String,
    /// The component.
    pub component: PathBuf,
    /// The grant file; `None` for a plugin that has none.
    pub grant: Option<PathBuf>,
}

/// What is tried, and with which means.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The plugin.
    pub plugin: Plugin,
    /// Where plugins are compiled.
    pub compile: CompileMode,
    /// Where native code is kept between runs.
    pub cache: Cache,
}

/// A directory for native code, with the key that authenticates it.
#[derive(Clone)]
pub struct Cache {
    pub(crate) dir: PathBuf,
    pub(crate) key: [u8; 32],
}

impl Cache {
    /// Opens the directory, and makes it and the key when missing. The key lies in `keys`, which must be the user's own
    /// and never a part of a project: what the directory holds is native code, and runs where the key says so.
    pub fn open(dir: &Path, keys: &Path) -> Result<Self, TrialError> {
        let failed = |source| TrialError::File { path: dir.to_owned(), source };
        for folder in [dir, keys] {
            DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        }
        let path = keys.join("key");
        let key = match read_key(&path) {
            Ok(Some(key)) => key,
            Ok(None) => make_key(&path).map_err(failed)?,
            Err(error) => return Err(failed(error)),
        };
        Ok(Self { dir: dir.join("compiled"), key })
    }
}

/// `None` for a key that is not there, or that only a half was written of.
fn read_key(path: &Path) -> io::Result<Option<[u8; 32]>> {
    match fs::read(path) {
        Ok(bytes) => Ok(bytes.try_into().ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// By way of another name, so that nobody reads a half. Of two runs at once the later one's key stays, and the other
/// one compiles again.
fn make_key(path: &Path) -> io::Result<[u8; 32]> {
    let mut key = [0; 32];
    SystemEntropy::new().fill(&mut key).map_err(io::Error::other)?;
    let temporary = path.with_extension(std::process::id().to_string());
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(&key)?;
    fs::rename(temporary, path)?;
    Ok(key)
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("dir", &self.dir).field("key", &"[redacted]").finish()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_key_is_made_once_and_is_ours_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("build/cache");
        let keys = dir.path().join("user");
        let first = Cache::open(&path, &keys).unwrap();
        assert_eq!(Cache::open(&path, &keys).unwrap().key, first.key);
        assert_eq!(fs::metadata(keys.join("key")).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(format!("{first:?}").ends_with("key: \"[redacted]\" }"));
        // A key that comes with a project is not looked at.
        fs::write(path.join("key"), [7; 32]).unwrap();
        assert_eq!(Cache::open(&path, &keys).unwrap().key, first.key);
        fs::write(keys.join("key"), "half").unwrap();
        assert_ne!(Cache::open(&path, &keys).unwrap().key, first.key);
    }
}
