//! A project's world: what kind of plugin it is, and which capabilities it asks for.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Serialize;
use wit_parser::{Resolve, ResolveError, UnresolvedPackageGroup, WorldId, WorldItem};

use crate::embedded;
use crate::project::write;

/// Where it stands, under the project's root.
pub const FILE: &str = "wit/world.wit";

/// The contract that comes with the binary.
pub const CONTRACT_VERSION: &str = "0.1.0";

/// The WASI interfaces that come with the binary.
const WASI_VERSION: &str = "0.2.12";

/// The interfaces that need no grant.
const BASE: [&str; 5] = ["blobs", "config", "log", "prepared", "trace"];

/// What a plugin is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    DataProvider,
    VcIssuance,
    Audit,
}

/// Why a world cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("{FILE} is not there\n{SHAPE}")]
    Missing,
    /// It is no WIT. Carries what is wrong, with the line.
    #[error("{FILE}: {0}\n{SHAPE}")]
    Syntax(String),
    /// It names what is not there. Carries what is wrong, with the line.
    #[error("{FILE}: {0}\n{IMPORTS}")]
    Unknown(String),
    /// It is a world, and not a plugin's.
    #[error("{FILE}: {0}")]
    Contract(String),
}

/// What to do about a world that is none.
const SHAPE: &str = "A data provider's world, without any capability, is:
  package org:people@0.1.0;

  world plugin {
    include chancery:plugin/data-provider-plugin@0.1.0;
  }";

/// What to do about a name that nothing has.
const IMPORTS: &str = "A world includes one of chancery:plugin/data-provider-plugin, vc-issuance-plugin and audit-plugin \
                       (@0.1.0), and can import chancery:host/files, journal, kv, reveal, secrets, sign and sql (@0.1.0) \
                       and wasi:http/outgoing-handler@0.2.12";

/// A world that was read.
#[derive(Debug)]
pub struct World {
    pub kind: Kind,
    /// What the operator has to grant: `http`, `sql`, …
    pub capabilities: BTreeSet<String>,
    /// The world's name, `plugin` in generated projects.
    pub name: String,
    /// The world and everything that it refers to.
    pub resolve: Resolve,
    pub id: WorldId,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DataProvider => "data-provider",
            Self::VcIssuance => "vc-issuance",
            Self::Audit => "audit",
        })
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let kinds = [Self::DataProvider, Self::VcIssuance, Self::Audit];
        let found = kinds.into_iter().find(|kind| kind.to_string() == text);
        found.ok_or_else(|| format!("a plugin is one of {}", kinds.map(|kind| kind.to_string()).join(", ")))
    }
}

impl World {
    /// Reads a project's world, with the contract that comes with the binary.
    pub fn read(path: &Path) -> Result<Self, WorldError> {
        let text = read(path)?;
        let mut resolve = contract().map_err(WorldError::Syntax)?;
        let package = resolve.push_source(FILE, &text).map_err(|error| {
            let message = resolve.render_error(&error);
            if error.is::<ResolveError>() { WorldError::Unknown(message) } else { WorldError::Syntax(message) }
        })?;
        let id = match resolve.packages[package].worlds.values().collect::<Vec<_>>()[..] {
            [id] => *id,
            [] => return Err(WorldError::Syntax("there is no world in it".to_owned())),
            _ => {
                return Err(WorldError::Contract("there are several worlds in it: keep the plugin's alone".to_owned()));
            }
        };
        Self::judge(resolve, id).map_err(WorldError::Contract)
    }

    fn judge(resolve: Resolve, id: WorldId) -> Result<Self, String> {
        let world = &resolve.worlds[id];
        let kinds: Vec<Kind> = world.exports.keys().filter_map(|key| kind_of(&resolve.name_world_key(key))).collect();
        let kind = match kinds[..] {
            [kind] => kind,
            [] => return Err(NO_KIND.to_owned()),
            _ => return Err("a plugin is of one kind: include one of chancery:plugin's worlds only".to_owned()),
        };
        let imports = world.imports.iter().filter(|(_, item)| matches!(item, WorldItem::Interface { .. }));
        let mut capabilities = BTreeSet::new();
        for (key, _) in imports {
            capabilities.extend(capability(&resolve.name_world_key(key)));
        }
        let name = world.name.clone();
        Ok(Self { kind, capabilities, name, resolve, id })
    }
}

fn read(path: &Path) -> Result<String, WorldError> {
    std::fs::read_to_string(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => WorldError::Missing,
        _ => WorldError::File { path: path.to_owned(), source },
    })
}

/// The packages that come with the binary.
fn contract() -> Result<Resolve, String> {
    let mut resolve = Resolve::default();
    for (package, files) in packages() {
        let mut map = wit_parser::SourceMap::default();
        for (name, content) in files {
            map.push(Path::new(&name), String::from_utf8_lossy(content).into_owned());
        }
        let group = map.parse().map_err(|(map, error)| format!("{package}: {}", error.render(&map)))?;
        resolve.push_group(group).map_err(|error| format!("{package}: {error}"))?;
    }
    Ok(resolve)
}

const NO_KIND: &str = "the world exports nothing that the host calls: add `include \
                       chancery:plugin/data-provider-plugin@0.1.0;` (or vc-issuance-plugin, audit-plugin)";

/// The kind of plugin that an export makes.
pub(crate) fn kind_of(export: &str) -> Option<Kind> {
    match export.split('@').next()? {
        "chancery:plugin/data-provider" => Some(Kind::DataProvider),
        "chancery:plugin/vc-issuance" => Some(Kind::VcIssuance),
        "chancery:plugin/audit" => Some(Kind::Audit),
        _ => None,
    }
}

/// Whether an import is of the WASI interfaces that have nothing behind them.
pub(crate) fn is_ambient(import: &str) -> bool {
    AMBIENT.iter().any(|known| import.starts_with(known)) && is_wasi_0_2(import)
}

/// What an import stands for among the things that an operator grants: a capability, or for what the host does not
/// offer the import itself. `None` for what needs no grant.
pub fn capability(import: &str) -> Option<String> {
    let interface = import.split_once('@').map_or(import, |(name, _)| name);
    if interface == "chancery:plugin/types" || is_ambient(import) {
        return None;
    }
    let name = match interface.strip_prefix("chancery:host/") {
        Some(name) if BASE.contains(&name) => return None,
        Some(name) => name,
        None if ["wasi:http/types", "wasi:http/outgoing-handler"].contains(&interface) && is_wasi_0_2(import) => "http",
        None => import,
    };
    // `http` is no interface of chancery:host.
    let offered = import_line(name).is_some() && interface != "chancery:host/http";
    Some(if offered { name } else { import }.to_owned())
}

fn is_wasi_0_2(import: &str) -> bool {
    import.split_once('@').is_none_or(|(_, version)| version.starts_with("0.2."))
}

/// The line of a world that asks for a capability; `None` for what the contract does not have.
pub fn import_line(capability: &str) -> Option<String> {
    match capability {
        "http" => Some(format!("import wasi:http/outgoing-handler@{WASI_VERSION};")),
        "files" | "journal" | "kv" | "reveal" | "secrets" | "sign" | "sql" => {
            Some(format!("import chancery:host/{capability}@{CONTRACT_VERSION};"))
        }
        _ => None,
    }
}

/// A name as WIT wants it written: its own words get a sign in front.
pub(crate) fn wit_name(name: &str) -> String {
    let plain = format!("package org:{name};");
    match UnresolvedPackageGroup::parse("name.wit", &plain) {
        Ok(_) => name.to_owned(),
        Err(_) => format!("%{name}"),
    }
}

/// What toolchains drag in. Nothing is behind it in the sandbox.
const AMBIENT: [&str; 6] =
    ["wasi:cli/", "wasi:clocks/", "wasi:filesystem/", "wasi:io/", "wasi:random/", "wasi:sockets/"];

/// The packages that a world may refer to, each with its files, in the order of their dependencies.
fn packages() -> impl Iterator<Item = (&'static str, Vec<(String, &'static [u8])>)> {
    const FOLDERS: [(&str, &str); 5] = [
        ("chancery-host", "wit/host"),
        ("chancery-plugin", "wit/plugin"),
        ("wasi-io", "plugin-sdk/wit/wasi-io"),
        ("wasi-clocks", "plugin-sdk/wit/wasi-clocks"),
        ("wasi-http", "plugin-sdk/wit/wasi-http"),
    ];
    FOLDERS.into_iter().map(|(package, folder)| {
        let files =
            embedded::folder(folder).filter(|(name, _)| Path::new(name).extension().is_some_and(|end| end == "wit"));
        (package, files.map(|(name, content)| (name.to_owned(), content)).collect())
    })
}

/// The contract as it lies in a project's `sdk/wit/`.
pub(crate) fn contract_files() -> impl Iterator<Item = (String, Vec<u8>)> {
    packages().flat_map(|(package, files)| {
        files.into_iter().map(move |(name, content)| (format!("wit/{package}/{name}"), content.to_vec()))
    })
}

/// Writes the world and all that it may refer to into one folder, as other tools want it.
pub fn compose(world: &Path, into: &Path) -> Result<(), WorldError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| WorldError::File { path, source }
    };
    let text = read(world)?;
    if into.exists() {
        std::fs::remove_dir_all(into).map_err(failed(into))?;
    }
    write(&into.join("world.wit"), text.as_bytes()).map_err(failed(into))?;
    for (package, files) in packages() {
        for (name, content) in files {
            write(&into.join("deps").join(package).join(name), content).map_err(failed(into))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_is_a_capability_or_nothing_or_itself() {
        for (import, stands_for) in [
            ("chancery:host/kv@0.1.0", Some("kv")),
            ("chancery:host/log@0.1.0", None),
            ("chancery:plugin/types@0.1.0", None),
            ("wasi:http/types@0.2.6", Some("http")),
            ("wasi:random/random@0.2.6", None),
            ("wasi:random/random@0.3.0", Some("wasi:random/random@0.3.0")),
            ("wasi:http/types@0.3.0", Some("wasi:http/types@0.3.0")),
            ("wasi:http/incoming-handler@0.2.6", Some("wasi:http/incoming-handler@0.2.6")),
            ("chancery:host/sockets@0.1.0", Some("chancery:host/sockets@0.1.0")),
            ("chancery:host/http@0.1.0", Some("chancery:host/http@0.1.0")),
            ("acme:thing/other", Some("acme:thing/other")),
        ] {
            assert_eq!(capability(import).as_deref(), stands_for, "{import}");
        }
    }

    #[test]
    fn a_world_says_what_a_plugin_is_and_wants() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("world.wit");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            World::read(&path)
        };
        let world = read(
            "package org:%list@0.1.0;
            world mine {
                include chancery:plugin/audit-plugin@0.1.0;
                import chancery:host/reveal@0.1.0;
                import wasi:http/outgoing-handler@0.2.12;
            }",
        )
        .unwrap();
        assert_eq!((world.kind, world.name.as_str()), (Kind::Audit, "mine"));
        // What `reveal` and `outgoing-handler` are made of comes with them.
        let capabilities: Vec<&str> = world.capabilities.iter().map(String::as_str).collect();
        assert_eq!(capabilities, ["http", "reveal", "secrets"]);
        assert!(matches!(read("package org:a@0.1.0;"), Err(WorldError::Syntax(_))));
        assert!(matches!(read("world a {}"), Err(WorldError::Syntax(_))));
        assert!(matches!(World::read(&dir.path().join("none.wit")), Err(WorldError::Missing)));
        let unknown = read("package org:a@0.1.0; world a { import chancery:host/sql@0.2.0; }");
        assert!(matches!(unknown, Err(WorldError::Unknown(message)) if message.contains("chancery:host@0.2.0")));
    }

    #[test]
    fn what_is_composed_is_read_as_one_folder() {
        let dir = tempfile::tempdir().unwrap();
        let world = dir.path().join("world.wit");
        let text = "package org:a@0.1.0; world plugin { include chancery:plugin/data-provider-plugin@0.1.0; import \
                    wasi:http/outgoing-handler@0.2.12; }";
        std::fs::write(&world, text).unwrap();
        let into = dir.path().join("wit");
        std::fs::create_dir(&into).unwrap();
        std::fs::write(into.join("stale.wit"), "broken").unwrap();
        compose(&world, &into).unwrap();
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_dir(&into).unwrap();
        assert_eq!(resolve.packages[package].worlds.len(), 1);
        for name in ["plain", "list", "interface"] {
            let spelled = wit_name(name);
            assert_eq!(spelled.strip_prefix('%').unwrap_or(&spelled), name);
            assert!(resolve.push_source("x.wit", &format!("package x:{spelled};")).is_ok(), "{spelled}");
        }
    }
}
