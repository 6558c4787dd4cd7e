//! Toolchains from npm, installed by a lock file that comes with the binary.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Tools, ToolsError, Version, failed, find};
use crate::embedded;

/// The oldest Node.js that the toolchains run on: that of Debian 12.
const MIN_NODE: Version = Version { major: 18, minor: 0 };

const GET_NODE: &str = "Install Node.js and run this again: `apt install nodejs npm` (Debian, Ubuntu), `brew install \
                        node` (macOS), or https://nodejs.org/";

const HINT: &str = "npm needs its registry once, and no network after that. Mend what npm names (a mirror is set by `npm \
                    config set registry URL` or npm_config_registry, a proxy by https_proxy) and run this again; a \
                    machine without network can be given a copy of the tools directory of another one (--tools)";

impl Tools {
    /// The folder whose `node_modules` holds what `plugin-sdk/toolchains/<name>/package-lock.json` names.
    pub(crate) fn npm(&self, name: &str) -> Result<PathBuf, ToolsError> {
        let [manifest, lock] = ["package.json", "package-lock.json"].map(|file| {
            let path = format!("plugin-sdk/toolchains/{name}/{file}");
            embedded::file(&path).ok_or(ToolsError::Missing(format!("this build of chancery lacks {path}")))
        });
        let (manifest, lock) = (manifest?, lock?);
        self.node()?;
        self.installed(name, &[manifest, lock], |folder| {
            for (file, content) in [("package.json", manifest), ("package-lock.json", lock)] {
                let path = folder.join(file);
                fs::write(&path, content).map_err(failed(&path))?;
            }
            self.npm_ci(&packages(manifest), folder)
        })
    }

    fn npm_ci(&self, packages: &str, folder: &Path) -> Result<(), ToolsError> {
        let Some(npm) = find("npm") else {
            return Err(ToolsError::Missing(format!(
                "npm is not on PATH: it installs what builds the plugin ({packages})\n{GET_NODE}"
            )));
        };
        let what = format!("installing {packages} into {}", folder.display());
        self.say(&format!("{what}, once"));
        let mut command = Command::new(npm);
        // The lock holds what is needed; scripts of packages have no business on an author's machine.
        command.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(folder);
        self.run(&what, self.limits.long, &mut command).map(drop).map_err(|error| error.of_installer(HINT))
    }

    /// The system's Node.js.
    pub(crate) fn node(&self) -> Result<PathBuf, ToolsError> {
        let Some(node) = find("node") else {
            let why = format!("JavaScript and TypeScript plugins are built with Node.js {} or newer", MIN_NODE.major);
            return Err(ToolsError::Missing(format!("node is not on PATH: {why}\n{GET_NODE}")));
        };
        let said = self.run("node --version", self.limits.question, Command::new(&node).arg("--version"))?;
        match Version::read(&said) {
            Some(version) if version >= MIN_NODE => Ok(node),
            _ => Err(ToolsError::Missing(format!(
                "{} is Node.js {}, and plugins are built with {} or newer\n{GET_NODE}",
                node.display(),
                said.trim_start_matches('v'),
                MIN_NODE.major,
            ))),
        }
    }
}

/// The packages that a manifest asks for, with their versions, for people.
fn packages(manifest: &[u8]) -> String {
    let manifest: serde_json::Value = serde_json::from_slice(manifest).unwrap_or_default();
    let direct = manifest["dependencies"].as_object().into_iter().flatten();
    let named = direct.map(|(name, version)| {
        let name = name.rsplit('/').next().unwrap_or(name);
        format!("{name} {}", version.as_str().unwrap_or_default())
    });
    join(&named.collect::<Vec<_>>())
}

/// `a, b and c`.
pub(super) fn join(names: &[String]) -> String {
    match names {
        [all @ .., last] if !all.is_empty() => format!("{} and {last}", all.join(", ")),
        _ => names.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_named_for_people() {
        let manifest = br#"{"dependencies": {"@acme/quick": "0.4.5", "bundler": "1.0.0", "types": "7.0.2"}}"#;
        assert_eq!(packages(manifest), "quick 0.4.5, bundler 1.0.0 and types 7.0.2");
        assert_eq!(packages(br#"{"dependencies": {"one": "1.0.0"}}"#), "one 1.0.0");
    }
}
