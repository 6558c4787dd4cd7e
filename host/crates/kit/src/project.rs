//! A plugin project on disk.

mod links;

use std::fmt;
use std::io::Write as _;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::build::rust;
use crate::embedded;
use crate::world::{self, World, WorldError};

/// The manifest's name, at the project's root.
pub const MANIFEST: &str = "plugin.toml";

/// Longest name of a plugin.
const MAX_NAME: usize = 63;

/// What a project is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    Rust,
    JavaScript,
    TypeScript,
    Python,
    C,
    Go,
}

/// The JavaScript engine inside the component.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    #[default]
    QuickJs,
    /// Larger and slower, and has `fetch`.
    StarlingMonkey,
}

/// Why a folder is not a project that can be worked on.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    #[error("{} is not there: run this in a plugin's project, name one, or make one with `chancery plugin new NAME --lang LANGUAGE`", .0.display())]
    NoManifest(PathBuf),
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    /// Carries what the TOML reader said: line, column, expected keys.
    #[error("{}: {message}", path.display())]
    Manifest { path: PathBuf, message: String },
    #[error(transparent)]
    World(#[from] WorldError),
    #[error("{} was not written by chancery, and the SDK belongs there: move it away", .0.display())]
    ForeignSdk(PathBuf),
    #[error("{} is a symbolic link: builds write and remove there, wherever it leads; remove the link", .0.display())]
    Link(PathBuf),
}

/// `plugin.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    name: String,
    language: Language,
    entry: Option<PathBuf>,
    #[serde(default)]
    sources: Vec<PathBuf>,
    engine: Option<Engine>,
}

/// A project whose manifest is right.
#[derive(Clone, Debug)]
pub struct Project {
    /// Its root folder.
    pub root: PathBuf,
    /// The plugin's name: `<name>.wasm` and `<name>.toml` in a plugin directory.
    pub name: String,
    pub language: Language,
    /// The file that the build starts at, under the root.
    pub entry: PathBuf,
    /// C: all source files, under the root.
    pub sources: Vec<PathBuf>,
    pub engine: Engine,
}

impl Language {
    /// The file that the build starts at, where the manifest names none.
    fn default_entry(self) -> &'static str {
        match self {
            Self::Rust => "Cargo.toml",
            Self::JavaScript => "src/plugin.js",
            Self::TypeScript => "src/plugin.ts",
            Self::Python => "src/plugin.py",
            Self::C => "src/plugin.c",
            Self::Go => "src/plugin.go",
        }
    }

    /// The folder of its SDK and of its templates.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::JavaScript => "javascript",
            Self::TypeScript => "typescript",
            Self::Python => "python",
            Self::C => "c",
            Self::Go => "go",
        }
    }

    /// TypeScript shares JavaScript's.
    fn sdk_folder(self) -> &'static str {
        if self == Self::TypeScript { Self::JavaScript.folder() } else { self.folder() }
    }
}

impl FromStr for Language {
    type Err = String;

    /// As authors name it.
    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "rust" | "rs" => Self::Rust,
            "js" | "javascript" => Self::JavaScript,
            "ts" | "typescript" => Self::TypeScript,
            "python" | "py" => Self::Python,
            "c" => Self::C,
            "go" => Self::Go,
            _ => return Err("plugins are written in rust, js, ts, python, c or go".to_owned()),
        })
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rust => "Rust",
            Self::JavaScript => "JavaScript",
            Self::TypeScript => "TypeScript",
            Self::Python => "Python",
            Self::C => "C",
            Self::Go => "Go",
        })
    }
}

impl Project {
    /// Reads the manifest in `root`.
    pub fn open(root: &Path) -> Result<Self, ProjectError> {
        let path = if root == Path::new(".") { MANIFEST.into() } else { root.join(MANIFEST) };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(ProjectError::NoManifest(path)),
            Err(source) => return Err(ProjectError::File { path, source }),
        };
        let root = root.canonicalize().map_err(|source| ProjectError::File { path: root.to_owned(), source })?;
        Self::parse(root, &text).map_err(|message| ProjectError::Manifest { path, message })
    }

    fn parse(root: PathBuf, text: &str) -> Result<Self, String> {
        let Manifest { name, language, entry, sources, engine } =
            toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        checked_name(&name)?;
        let scripted = matches!(language, Language::JavaScript | Language::TypeScript);
        if engine.is_some() && !scripted {
            return Err(format!("engine is for JavaScript and TypeScript; remove it, the language is {language}"));
        }
        if !sources.is_empty() && language != Language::C {
            return Err(format!("sources is for C; the language is {language}, which starts at `entry`"));
        }
        let first = sources.first().cloned();
        let entry = entry.or(first).unwrap_or_else(|| language.default_entry().into());
        let entry = plain(&entry);
        let sources =
            if sources.is_empty() { vec![entry.clone()] } else { sources.iter().map(|file| plain(file)).collect() };
        for file in sources.iter().chain([&entry]) {
            if file.is_absolute() || file.components().any(|part| part == Component::ParentDir) {
                return Err(format!("{} leads out of the project: name a file inside it", file.display()));
            }
            if file.to_string_lossy().starts_with(['-', '@']) {
                return Err(format!("{} would be an option to compilers: give the file another name", file.display()));
            }
            if !root.join(file).is_file() {
                return Err(format!("{} is not there: create it, or name the right file", file.display()));
            }
        }
        Ok(Self { root, name, language, entry, sources, engine: engine.unwrap_or_default() })
    }

    /// What `plugin build` makes.
    pub fn component(&self) -> PathBuf {
        self.build_dir().join(format!("{}.wasm", self.name))
    }

    /// The grant file.
    pub fn grant(&self) -> PathBuf {
        self.root.join(format!("{}.toml", self.name))
    }

    /// The case file.
    pub fn cases(&self) -> PathBuf {
        self.root.join("cases.toml")
    }

    /// Everything that a build leaves behind.
    pub fn build_dir(&self) -> PathBuf {
        self.root.join("build")
    }

    /// The SDK, as the binary brings it.
    pub fn sdk_dir(&self) -> PathBuf {
        self.root.join("sdk")
    }

    /// The project's world.
    pub fn world(&self) -> Result<World, ProjectError> {
        Ok(World::read(&self.root.join(world::FILE))?)
    }

    /// Refuses symbolic links where builds write and remove.
    pub(crate) fn refuse_links(&self) -> Result<(), ProjectError> {
        links::refuse(&self.root)
    }

    /// Writes `sdk/` anew where it is not the one of this binary. Answers whether it did.
    pub fn refresh_sdk(&self) -> Result<bool, ProjectError> {
        let dir = self.sdk_dir();
        let stamp = sdk_stamp(self.language);
        if std::fs::read_to_string(dir.join("VERSION")).is_ok_and(|present| present == stamp) {
            return Ok(false);
        }
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| ProjectError::File { path, source }
        };
        if dir.exists() {
            if !is_ours(&dir) {
                return Err(ProjectError::ForeignSdk(dir));
            }
            std::fs::remove_dir_all(&dir).map_err(failed(&dir))?;
        }
        // First, so that a half-written folder is known as ours, and written again.
        write(&dir.join("VERSION"), HALF.as_bytes()).map_err(failed(&dir))?;
        for (name, content) in sdk_files(self.language) {
            write(&dir.join(&name), &content).map_err(failed(&dir.join(&name)))?;
        }
        write(&dir.join("VERSION"), stamp.as_bytes()).map_err(failed(&dir))?;
        Ok(true)
    }
}

/// `./src/plugin.go` as `src/plugin.go`: compilers and languages make names of it.
fn plain(file: &Path) -> PathBuf {
    file.components().filter(|part| *part != Component::CurDir).collect()
}

/// The stamp of a folder that is being written.
const HALF: &str = "half\n";

/// Whether `sdk/` was written by this command, in whatever version: nothing else is ever removed.
fn is_ours(dir: &Path) -> bool {
    let stamp = std::fs::read_to_string(dir.join("VERSION")).unwrap_or_default();
    let digest = stamp.trim_end().rsplit_once(' ').map_or("", |(_, digest)| digest);
    stamp == HALF || (digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// A name is a file's name, a WIT package's name and a part of crate and module names.
pub(crate) fn checked_name(name: &str) -> Result<(), String> {
    let rest = name.strip_prefix(|first: char| first.is_ascii_lowercase());
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let words = !name.contains("--") && !name.ends_with('-');
    // WIT wants a letter after each hyphen.
    let starts = name.split('-').all(|word| word.starts_with(|c: char| c.is_ascii_lowercase()));
    if !(rest.is_some_and(|rest| rest.chars().all(allowed)) && words && starts && name.len() <= MAX_NAME) {
        return Err(format!(
            "{name:?} is not a plugin's name: use lower-case words of letters and digits, joined by single hyphens, such \
             as farmer-registry; at most {MAX_NAME} characters"
        ));
    }
    if FILES_OF_OTHERS.contains(&name) {
        return Err(format!(
            "{name}.toml is the name of another file, and a grant file is called so: choose another name"
        ));
    }
    if is_device(name) {
        return Err(format!("{name} is a device on Windows, where no file can have that name: choose another one"));
    }
    Ok(())
}

/// What the grant file would take the place of: files of a project, and of tools that look for them there.
const FILES_OF_OTHERS: [&str; 9] =
    ["cargo", "cases", "clippy", "plugin", "pyproject", "ruff", "rust-toolchain", "rustfmt", "uv"];

/// Authors on Windows check projects out too.
fn is_device(name: &str) -> bool {
    let numbered = |kind| name.strip_prefix(kind).is_some_and(|rest| matches!(rest.as_bytes(), [b'1'..=b'9']));
    ["aux", "con", "nul", "prn"].contains(&name) || numbered("com") || numbered("lpt")
}

/// What `sdk/` holds: the contract and the language's SDK.
fn sdk_files(language: Language) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = world::contract_files().collect();
    let folder = language.sdk_folder();
    for (name, content) in embedded::folder(&format!("plugin-sdk/{folder}")) {
        let content = if language == Language::Rust { rust::sdk_file(name, content) } else { content.into() };
        files.push((format!("{folder}/{name}"), content.into_owned()));
    }
    files
}

/// Tells one SDK from another.
fn sdk_stamp(language: Language) -> String {
    let mut digest = Sha256::new();
    for (name, content) in sdk_files(language) {
        digest.update(name.as_bytes());
        digest.update([0]);
        digest.update(content.len().to_le_bytes());
        digest.update(content);
    }
    format!("{} {:x}\n", env!("CARGO_PKG_VERSION"), digest.finalize())
}

/// Writes a file and the folders above it.
pub(crate) fn write(path: &Path, content: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, content)
}

/// Writes a file where a running host may watch the folder: it never sees half of one, and no change where there is none.
pub fn write_by_rename(path: &Path, content: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    if std::fs::read(path).is_ok_and(|present| present == content) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    // What the umask leaves of it, as for any other file.
    let mode = std::fs::Permissions::from_mode(0o666);
    let mut beside = tempfile::Builder::new().prefix(".").suffix(".tmp").permissions(mode).tempfile_in(folder)?;
    beside.write_all(content)?;
    beside.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests;
