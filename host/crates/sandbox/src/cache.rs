//! Native code kept between starts. An entry is code that this process will run, so it is believed
//! only with a MAC that this installation made, and executed from the very bytes that were checked.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use hmac::{Hmac, Mac};
use rustix::fs::OFlags;
use sha2::Sha256;
use wasmtime::Engine;
use wasmtime::component::Component;

/// Begins every entry; another number for another layout.
const MAGIC: &[u8; 8] = b"CHCWASM1";

/// Magic, digest of the component, digest of the engine, MAC.
const HEADER_BYTES: usize = 8 + 32 + 32 + 32;

/// An entry may be this large.
const MAX_ENTRY_BYTES: u64 = 600 << 20;

/// Entries that are kept; the least recently written go first.
const MAX_ENTRIES: usize = 64;

/// Makes names of temporary files unique within the process.
static TEMPORARY: AtomicU64 = AtomicU64::new(0);

/// Native code from a source that is trusted: our compiler, or an entry whose MAC is right.
pub(crate) struct NativeCode(Vec<u8>);

impl NativeCode {
    /// For the compiler only.
    pub(crate) fn from_compiler(code: Vec<u8>) -> Self {
        Self(code)
    }

    /// The component, ready to link.
    #[expect(unsafe_code, reason = "loading compiled code is unsafe by nature")]
    pub(crate) fn load(&self, engine: &Engine) -> wasmtime::Result<Component> {
        // SAFETY: `deserialize` wants bytes that `precompile_component` made. A `NativeCode` is
        // made in two places: from the compiler's own output, and in `Cache::verified` from bytes
        // whose MAC, under a key that only this installation has, covers exactly such output. The
        // bytes are in our memory, so nobody changes them between check and use. Code of another
        // engine version is refused by `deserialize` itself.
        unsafe { Component::deserialize(engine, &self.0) }
    }
}

/// The cache directory.
pub(crate) struct Cache {
    dir: PathBuf,
    key: [u8; 32],
    engine: [u8; 32],
}

impl Cache {
    /// Opens the directory, and makes it when missing. `None`, with a warning, where it can't be
    /// used safely: the server then compiles at every start.
    pub(crate) fn open(dir: &Path, key: [u8; 32], engine: [u8; 32]) -> Option<Self> {
        match prepare_directory(dir) {
            Ok(()) => Some(Self { dir: dir.to_owned(), key, engine }),
            Err(error) => {
                let dir = dir.display();
                tracing::warn!(%dir, %error, "the compile cache is off");
                None
            }
        }
    }

    /// The code of a component, if there is an entry and nothing is wrong with it.
    pub(crate) fn get(&self, wasm: &[u8; 32]) -> Option<NativeCode> {
        let path = self.path(wasm);
        match read_entry(&path).and_then(|entry| self.verified(wasm, entry)) {
            Ok(code) => Some(code),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                let path = path.display();
                tracing::warn!(%path, %error, "a compile cache entry is refused, compiling again");
                None
            }
        }
    }

    /// Keeps code. Failure costs a compilation at the next start and nothing else.
    pub(crate) fn put(&self, wasm: &[u8; 32], code: &NativeCode) {
        if let Err(error) = self.write(wasm, code).and_then(|()| self.prune()) {
            let dir = self.dir.display();
            tracing::warn!(%dir, %error, "a compile cache entry could not be written");
        }
    }

    fn path(&self, wasm: &[u8; 32]) -> PathBuf {
        let name = format!("{}-{}.cwasm", hex(wasm), hex(&self.engine[..8]));
        self.dir.join(name)
    }

    fn verified(&self, wasm: &[u8; 32], mut entry: Vec<u8>) -> io::Result<NativeCode> {
        if entry.len() < HEADER_BYTES {
            return Err(refused("it is too short"));
        }
        let code = entry.split_off(HEADER_BYTES);
        let (names, mac) = entry.split_at(HEADER_BYTES - 32);
        // The header is compared with what is expected, never used as a source of it.
        if names != self.names(wasm) {
            return Err(refused("it belongs to another component or engine"));
        }
        let expected = self.mac(names, &code)?;
        if expected.verify_slice(mac).is_err() {
            return Err(refused("its MAC is wrong"));
        }
        Ok(NativeCode(code))
    }

    fn write(&self, wasm: &[u8; 32], code: &NativeCode) -> io::Result<()> {
        let names = self.names(wasm);
        let mac = self.mac(&names, &code.0)?.finalize().into_bytes();
        let number = TEMPORARY.fetch_add(1, Ordering::Relaxed);
        let temporary = self.dir.join(format!(".{}-{number}.tmp", std::process::id()));
        let written = write_new(&temporary, &[&names, &mac, &code.0])
            // A new file under the name, never new bytes in the file that is there.
            .and_then(|()| fs::rename(&temporary, self.path(wasm)));
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    fn prune(&self) -> io::Result<()> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            if path.extension().is_some_and(|e| e == "cwasm") {
                entries.push((fs::symlink_metadata(&path)?.modified()?, path));
            }
        }
        entries.sort();
        let excess = entries.len().saturating_sub(MAX_ENTRIES);
        entries.iter().take(excess).try_for_each(|(_, path)| fs::remove_file(path))
    }

    fn names(&self, wasm: &[u8; 32]) -> Vec<u8> {
        [MAGIC.as_slice(), wasm, &self.engine].concat()
    }

    fn mac(&self, names: &[u8], code: &[u8]) -> io::Result<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).map_err(io::Error::other)?;
        mac.update(names);
        mac.update(code);
        Ok(mac)
    }
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn prepare_directory(dir: &Path) -> io::Result<()> {
    if let Some(parent) = dir.parent() {
        fs::create_dir_all(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => return made,
    }
    let metadata = fs::symlink_metadata(dir)?;
    if !metadata.is_dir() {
        return Err(refused("it is not a directory"));
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(refused("it belongs to another user"));
    }
    if metadata.mode() & 0o077 != 0 {
        let dir_name = dir.display();
        tracing::warn!(dir = %dir_name, "the compile cache was open to others, closing it");
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

fn read_entry(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = OpenOptions::new().read(true).custom_flags(flags(OFlags::NOFOLLOW | OFlags::NONBLOCK)).open(path)?;
    check_owner(&file)?;
    let mut bytes = Vec::new();
    let read = (&mut file).take(MAX_ENTRY_BYTES).read_to_end(&mut bytes)?;
    if u64::try_from(read).is_ok_and(|read| read == MAX_ENTRY_BYTES) {
        return Err(refused("it is too large"));
    }
    Ok(bytes)
}

fn check_owner(file: &File) -> io::Result<()> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(refused("it is not a regular file"));
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(refused("it belongs to another user"));
    }
    Ok(())
}

fn write_new(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    parts.iter().try_for_each(|part| file.write_all(part))?;
    file.sync_all()
}

fn refused(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// Open flags in the type that std takes.
pub(crate) fn flags(flags: OFlags) -> i32 {
    i32::try_from(flags.bits()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;
    use crate::engine::{compatibility_digest, compile_config};

    const WASM: [u8; 32] = [1; 32];
    const KEY: [u8; 32] = [2; 32];

    /// A cache with one good entry.
    struct Fixture {
        dir: TempDir,
        engine: Engine,
        cache: Cache,
    }

    impl Fixture {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let engine = Engine::new(&compile_config()).unwrap();
            let digest = compatibility_digest(&engine);
            let cache = Cache::open(&dir.path().join("cache"), KEY, digest).unwrap();
            let empty_component = b"\0asm\x0d\0\x01\0";
            let code = engine.precompile_component(empty_component).unwrap();
            cache.put(&WASM, &NativeCode::from_compiler(code));
            let fixture = Self { dir, engine, cache };
            assert!(fixture.serves(&fixture.cache));
            fixture
        }

        fn serves(&self, cache: &Cache) -> bool {
            let code = cache.get(&WASM);
            code.is_some_and(|code| code.load(&self.engine).is_ok())
        }

        fn entry(&self) -> PathBuf {
            self.cache.path(&WASM)
        }
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let fixture = Fixture::new();
        let good = fs::read(fixture.entry()).unwrap();
        let code_middle = good.len() / 2;
        for at in [0, 8, 40, 72, HEADER_BYTES, code_middle, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(fixture.entry(), &bad).unwrap();
            assert!(fixture.cache.get(&WASM).is_none(), "byte {at}");
        }
        fs::write(fixture.entry(), &good).unwrap();
        assert!(fixture.serves(&fixture.cache));
    }

    #[test]
    fn truncated_and_lengthened_entries_are_refused() {
        let fixture = Fixture::new();
        let good = fs::read(fixture.entry()).unwrap();
        for len in [0, HEADER_BYTES - 1, HEADER_BYTES, good.len() - 1] {
            fs::write(fixture.entry(), &good[..len]).unwrap();
            assert!(fixture.cache.get(&WASM).is_none(), "{len} bytes");
        }
        fs::write(fixture.entry(), [good, vec![0]].concat()).unwrap();
        assert!(fixture.cache.get(&WASM).is_none());
    }

    #[test]
    fn another_key_refuses_the_entry() {
        let fixture = Fixture::new();
        let Cache { dir, engine, .. } = &fixture.cache;
        let other = Cache::open(dir, [3; 32], *engine).unwrap();
        assert!(other.get(&WASM).is_none());
    }

    #[test]
    fn a_symlink_is_refused_even_to_a_good_entry() {
        let fixture = Fixture::new();
        let elsewhere = fixture.dir.path().join("elsewhere");
        fs::rename(fixture.entry(), &elsewhere).unwrap();
        symlink(&elsewhere, fixture.entry()).unwrap();
        assert!(fixture.cache.get(&WASM).is_none());
    }

    #[test]
    fn an_entry_of_another_engine_or_component_is_refused_under_our_name() {
        let fixture = Fixture::new();
        let other_engine = Cache { dir: fixture.cache.dir.clone(), key: KEY, engine: [9; 32] };
        assert!(other_engine.get(&WASM).is_none());
        fs::copy(fixture.entry(), other_engine.path(&WASM)).unwrap();
        assert!(other_engine.get(&WASM).is_none());
        let other_component = [8; 32];
        fs::copy(fixture.entry(), fixture.cache.path(&other_component)).unwrap();
        assert!(fixture.cache.get(&other_component).is_none());
    }

    #[test]
    fn a_refused_entry_is_replaced_by_a_new_file() {
        let fixture = Fixture::new();
        let before = fs::metadata(fixture.entry()).unwrap().ino();
        let kept_open = File::open(fixture.entry()).unwrap();
        fixture.cache.put(&WASM, &NativeCode::from_compiler(vec![0]));
        assert_ne!(fs::metadata(fixture.entry()).unwrap().ino(), before);
        assert!(kept_open.metadata().unwrap().len() > 1_000);
        let names = fs::read_dir(&fixture.cache.dir).unwrap();
        assert_eq!(names.count(), 1, "a temporary file is left");
    }

    #[test]
    fn the_directory_is_ours_alone() {
        let fixture = Fixture::new();
        let dir = &fixture.cache.dir;
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(dir), 0o700);
        assert_eq!(mode(&fixture.entry()), 0o600);
        fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(Cache::open(dir, KEY, [0; 32]).is_some());
        assert_eq!(mode(dir), 0o700);
        let link = fixture.dir.path().join("link");
        symlink(dir, &link).unwrap();
        assert!(Cache::open(&link, KEY, [0; 32]).is_none());
        let file = fixture.dir.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(Cache::open(&file, KEY, [0; 32]).is_none());
    }

    #[test]
    fn old_entries_go() {
        let fixture = Fixture::new();
        for number in 0..MAX_ENTRIES {
            let name = [u8::try_from(number).unwrap() + 100; 32];
            fixture.cache.put(&name, &NativeCode::from_compiler(vec![0]));
        }
        let names = fs::read_dir(&fixture.cache.dir).unwrap();
        assert_eq!(names.count(), MAX_ENTRIES);
    }
}
