//! Making a project from a template.
//!
//! Templates are the files of `plugin-sdk/templates/<language>/<kind>/`, and those of `…/shared/` for what is the same
//! in every language. A file that renders to nothing is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;

use crate::embedded;
use crate::project::{Language, Project, ProjectError, checked_name, write};
use crate::world::{CONTRACT_VERSION, Kind, wit_name};

/// A capability that a new plugin asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Want {
    Files,
    Http,
    Journal,
    Kv,
    Reveal,
    Secrets,
    Sign,
    Sql,
}

/// Why no project was made.
#[derive(Debug, thiserror::Error)]
pub enum NewError {
    #[error("{0}")]
    Name(String),
    #[error("{} is there already and not empty: name another folder, or empty it", .0.display())]
    NotEmpty(PathBuf),
    /// The template has no use for what is wanted. Carries what to do instead.
    #[error("{0}")]
    Refused(String),
    #[error("the template's {file}: {message}")]
    Template { file: String, message: String },
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Project(#[from] ProjectError),
}

/// What templates may name.
#[derive(Debug, Serialize)]
struct Variables<'a> {
    name: &'a str,
    /// The name as a heading: `Farmer registry`.
    title: String,
    /// The name as WIT spells it.
    wit_name: String,
    kind: String,
    language: &'static str,
    /// Each capability's name, and whether the author named it.
    wants: BTreeMap<&'static str, bool>,
    /// The contract's.
    version: &'static str,
}

/// Makes the project `path`, whose last part is the plugin's name. Whole or not at all.
pub fn create(path: &Path, language: Language, kind: Kind, wants: &BTreeSet<Want>) -> Result<Project, NewError> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    checked_name(&name).map_err(NewError::Name)?;
    if language == Language::Rust && RUST_KEEPS.contains(&name.replace('-', "_").as_str()) {
        return Err(NewError::Name(format!("{name} is a word that Rust keeps for itself: choose another name")));
    }
    let wants = agreed(kind, wants)?;
    if fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some()) || path.is_file() {
        return Err(NewError::NotEmpty(path.to_owned()));
    }
    let files = render(&Variables {
        name: &name,
        title: title(&name),
        wit_name: wit_name(&name),
        kind: kind.to_string(),
        language: language.folder(),
        wants: Want::ALL.iter().map(|want| (want.name(), wants.contains(want))).collect(),
        version: CONTRACT_VERSION,
    })?;
    put(path, &files)?;
    Ok(Project::open(path)?)
}

/// Rust's keywords, those that are none yet, and the crates that come with the compiler.
const RUST_KEEPS: [&str; 56] = [
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc_macro",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
];

impl Want {
    /// All of them, by name.
    pub const ALL: [Self; 8] =
        [Self::Files, Self::Http, Self::Journal, Self::Kv, Self::Reveal, Self::Secrets, Self::Sign, Self::Sql];

    /// What authors and templates call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Http => "http",
            Self::Journal => "journal",
            Self::Kv => "kv",
            Self::Reveal => "reveal",
            Self::Secrets => "secrets",
            Self::Sign => "sign",
            Self::Sql => "sql",
        }
    }
}

impl fmt::Display for Want {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Want {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || Self::ALL.map(Self::name).join(", ");
        let found = Self::ALL.into_iter().find(|want| want.name() == text);
        found.ok_or_else(|| format!("a plugin can want {}", known()))
    }
}

/// What the template of a kind gets: what was asked for, and what it cannot do without.
fn agreed(kind: Kind, wants: &BTreeSet<Want>) -> Result<BTreeSet<Want>, NewError> {
    let (useful, always): (&[Want], Option<Want>) = match kind {
        Kind::DataProvider => {
            (&[Want::Http, Want::Sql, Want::Files, Want::Kv, Want::Secrets, Want::Reveal, Want::Sign], None)
        }
        Kind::VcIssuance => (&[Want::Http, Want::Secrets, Want::Reveal, Want::Sign], Some(Want::Http)),
        Kind::Audit => (&[Want::Journal, Want::Http], wants.is_empty().then_some(Want::Journal)),
    };
    if let Some(useless) = wants.iter().find(|want| !useful.contains(want)) {
        let why = match (useless, kind) {
            (Want::Journal, _) => "the journal is for audit plugins".to_owned(),
            (Want::Kv, Kind::VcIssuance) => {
                "a vc-issuance plugin has nothing to cache: every credential is made anew".to_owned()
            }
            _ => format!("the template for {kind} plugins has no use for {useless}"),
        };
        let useful: Vec<&str> = useful.iter().map(|want| want.name()).collect();
        return Err(NewError::Refused(format!(
            "{why}; it takes {}. What your code needs beyond that, add to wit/world.wit later",
            useful.join(", ")
        )));
    }
    Ok(wants.iter().copied().chain(always).collect())
}

fn title(name: &str) -> String {
    let words = name.replace('-', " ");
    let (first, rest) = words.split_at(words.len().min(1));
    first.to_uppercase() + rest
}

/// The project's files, by their paths in it.
fn render(variables: &Variables<'_>) -> Result<Vec<(String, String)>, NewError> {
    let (name, language, kind) = (variables.name, variables.language, &variables.kind);
    let folders = ["shared/all".to_owned(), format!("shared/{kind}"), format!("{language}/{kind}")];
    let environment = environment()?;
    let variables = minijinja::Value::from(Serde(variables));
    let mut files = Vec::new();
    for (file, content) in folders.iter().flat_map(|folder| embedded::folder(&format!("plugin-sdk/templates/{folder}")))
    {
        let failed = |message: String| NewError::Template { file: file.to_owned(), message };
        let template = std::str::from_utf8(content).map_err(|error| failed(error.to_string()))?;
        let text = environment.render_str(template, variables.clone()).map_err(|error| failed(format!("{error:#}")))?;
        if !text.trim().is_empty() {
            files.push((target(file, name), text));
        }
    }
    Ok(files)
}

/// The shared files have names under which they do nothing in the repository.
fn target(file: &str, name: &str) -> String {
    match file {
        "grant.toml" => format!("{name}.toml"),
        "world.wit" => "wit/world.wit".to_owned(),
        "gitignore" => ".gitignore".to_owned(),
        other => other.to_owned(),
    }
}

fn environment() -> Result<Environment<'static>, NewError> {
    // A tag on a line of its own leaves nothing behind.
    let syntax = SyntaxConfig::builder().keep_trailing_newline(true).trim_blocks(true).lstrip_blocks(true).build();
    let syntax =
        syntax.map_err(|error| NewError::Template { file: "syntax".to_owned(), message: error.to_string() })?;
    let mut environment = Environment::new();
    // Source code is no markup, whatever its file is called.
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(syntax);
    Ok(environment)
}

/// Writes the project beside its place, and moves it there.
fn put(path: &Path, files: &[(String, String)]) -> Result<(), NewError> {
    use std::os::unix::fs::PermissionsExt as _;
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| NewError::File { path, source }
    };
    let parent = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent).map_err(failed(parent))?;
    // What the author's umask leaves of it.
    let mode = fs::Permissions::from_mode(0o777);
    let beside = tempfile::Builder::new().prefix(".new-plugin-").permissions(mode).tempdir_in(parent);
    let beside = beside.map_err(failed(parent))?;
    for (file, text) in files {
        write(&beside.path().join(file), text.as_bytes()).map_err(failed(path))?;
    }
    let project = Project::open(beside.path())?;
    project.world()?;
    project.refresh_sdk()?;
    // Takes the place of an empty folder too.
    fs::rename(beside.path(), path).map_err(failed(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wants(names: &str) -> BTreeSet<Want> {
        names.split(',').filter(|name| !name.is_empty()).map(|name| name.parse().unwrap()).collect()
    }

    /// The template of every language, for everything that it takes, is a project with a world that says so.
    #[test]
    fn every_template_is_a_project() {
        let languages =
            [Language::Rust, Language::JavaScript, Language::TypeScript, Language::Python, Language::C, Language::Go];
        let dir = tempfile::tempdir().unwrap();
        for language in languages {
            for (kind, names, capabilities) in [
                (Kind::DataProvider, "", ""),
                (Kind::DataProvider, "http,kv", "http kv"),
                (Kind::DataProvider, "sql", "sql"),
                (Kind::DataProvider, "files,secrets", "files secrets"),
                (Kind::DataProvider, "http,reveal,sign", "http reveal secrets sign"),
                (Kind::DataProvider, "http,sql,files,kv,secrets,reveal,sign", "files http kv reveal secrets sign sql"),
                (Kind::VcIssuance, "", "http"),
                (Kind::VcIssuance, "http,reveal,secrets,sign", "http reveal secrets sign"),
                (Kind::Audit, "", "journal"),
                (Kind::Audit, "http", "http"),
                (Kind::Audit, "journal,http", "http journal"),
            ] {
                let path = dir.path().join(format!("{}-{kind}-x{}", language.folder(), names.replace(',', "")));
                let project = create(&path, language, kind, &wants(names)).unwrap();
                let world = project.world().unwrap();
                assert_eq!(world.kind, kind);
                let found: Vec<&str> = world.capabilities.iter().map(String::as_str).collect();
                assert_eq!(found.join(" "), capabilities, "{language} {kind} {names}");
                for file in [project.grant(), project.cases(), path.join("README.md"), path.join("sdk/VERSION")] {
                    assert!(file.is_file(), "{}", file.display());
                }
                assert_eq!(path.join("people.json").exists(), names.contains("files"));
                assert!(!project.refresh_sdk().unwrap(), "the sdk is that of this binary");
            }
        }
        let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.iter().all(|name| !name.to_string_lossy().starts_with('.')), "{left:?}");
    }

    #[test]
    fn what_a_template_has_no_use_for_is_refused_with_the_reason() {
        for (kind, names, message) in [
            (Kind::DataProvider, "journal", "the journal is for audit plugins; it takes http, sql, files, kv"),
            (Kind::VcIssuance, "kv", "nothing to cache"),
            (Kind::VcIssuance, "sql", "the template for vc-issuance plugins has no use for sql; it takes http"),
            (Kind::Audit, "journal,sql", "the template for audit plugins has no use for sql; it takes journal, http."),
        ] {
            let error = agreed(kind, &wants(names)).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
        assert_eq!(
            "htpp".parse::<Want>().unwrap_err(),
            "a plugin can want files, http, journal, kv, reveal, secrets, sign, sql"
        );
    }

    #[test]
    fn nothing_is_overwritten_and_nothing_is_left_of_a_failure() {
        let dir = tempfile::tempdir().unwrap();
        let make =
            |path: &str, language| create(&dir.path().join(path), language, Kind::DataProvider, &BTreeSet::new());
        fs::write(dir.path().join("file"), "").unwrap();
        fs::create_dir(dir.path().join("full")).unwrap();
        fs::write(dir.path().join("full/precious"), "kept").unwrap();
        fs::create_dir(dir.path().join("empty")).unwrap();
        assert!(matches!(make("file", Language::C), Err(NewError::NotEmpty(_))));
        assert!(matches!(make("full", Language::C), Err(NewError::NotEmpty(_))));
        for name in ["People", "a_b", "9", "..", "", "a--b", "a-", "a-9"] {
            assert!(matches!(make(name, Language::C), Err(NewError::Name(_))), "{name}");
        }
        for name in ["match", "box", "proc-macro", "core"] {
            assert!(matches!(make(name, Language::Rust), Err(NewError::Name(_))), "{name}");
        }
        for name in ["cases", "plugin", "cargo", "rust-toolchain", "con"] {
            assert!(matches!(make(name, Language::Python), Err(NewError::Name(_))), "{name}");
            assert!(!dir.path().join(name).exists(), "{name}");
        }
        make("empty", Language::C).unwrap();
        make("deep/er/people", Language::C).unwrap();
        // Only folders of a project are called so.
        for name in ["sdk", "build", "wit", "src", "target"] {
            make(name, Language::C).unwrap();
        }
        assert_eq!(fs::read_to_string(dir.path().join("full/precious")).unwrap(), "kept");
    }

    /// A WIT keyword is a good name for a plugin.
    #[test]
    fn names_that_wit_keeps_for_itself_are_fine() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["resource", "list", "interface", "stream"] {
            create(&dir.path().join(name), Language::C, Kind::Audit, &BTreeSet::new()).unwrap();
        }
    }
}
