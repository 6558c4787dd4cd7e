//! Toolchains from pip, installed by a lock file that comes with the binary.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Tools, ToolsError, Version, failed, find, npm};
use crate::embedded;

/// The oldest Python that the toolchains run on.
const MIN_PYTHON: Version = Version { major: 3, minor: 10 };

const GET_PYTHON: &str = "Install Python and run this again: `apt install python3 python3-venv` (Debian, Ubuntu), `brew \
                          install python` (macOS), or https://www.python.org/";

const GET_VENV: &str = "Install it and run this again: `apt install python3-venv` (Debian, Ubuntu)";

const HINT: &str = "pip needs its index once, and no network after that. Mend what pip names (a mirror is set by `pip \
                    config set global.index-url URL` or PIP_INDEX_URL, a proxy by https_proxy) and run this again; a \
                    machine without network can be given a copy of the tools directory of another one, at the same path";

const LOCK: &str = "requirements.txt";

impl Tools {
    /// The Python environment that holds what `plugin-sdk/toolchains/<name>/requirements.txt` names: its programs are
    /// in `bin/`.
    pub(crate) fn pip(&self, name: &str) -> Result<PathBuf, ToolsError> {
        let path = format!("plugin-sdk/toolchains/{name}/{LOCK}");
        let lock =
            embedded::file(&path).ok_or_else(|| ToolsError::Missing(format!("this build of chancery lacks {path}")))?;
        let (python, version) = self.python()?;
        // An environment belongs to the Python that made it.
        self.installed(name, &[lock, version.to_string().as_bytes(), python.as_os_str().as_encoded_bytes()], |folder| {
            let file = folder.join(LOCK);
            fs::write(&file, lock).map_err(failed(&file))?;
            self.environment(&python, folder)?;
            self.pip_install(&packages(lock), folder)
        })
    }

    fn pip_install(&self, packages: &str, folder: &Path) -> Result<(), ToolsError> {
        let what = format!("installing {packages} into {}", folder.display());
        self.say(&format!("{what}, once"));
        let mut command = Command::new(folder.join("bin/python"));
        command.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet", "--no-user"]);
        command.args(["--require-hashes", "--only-binary", ":all:", "--requirement", LOCK]).current_dir(folder);
        self.run(&what, self.limits.long, &mut command).map(drop).map_err(|error| error.of_installer(HINT))
    }

    /// The system's Python, and which it is.
    fn python(&self) -> Result<(PathBuf, Version), ToolsError> {
        let Some(python) = find("python3") else {
            return Err(ToolsError::Missing(format!(
                "python3 is not on PATH: the toolchain needs Python {MIN_PYTHON} or newer\n{GET_PYTHON}"
            )));
        };
        let said = self.run("python3 --version", self.limits.question, Command::new(&python).arg("--version"))?;
        match Version::read(&said) {
            Some(version) if version >= MIN_PYTHON => Ok((python, version)),
            _ => Err(ToolsError::Missing(format!(
                "{} is {said}, and the toolchain needs Python {MIN_PYTHON} or newer\n{GET_PYTHON}",
                python.display()
            ))),
        }
    }

    fn environment(&self, python: &Path, folder: &Path) -> Result<(), ToolsError> {
        let mut command = Command::new(python);
        command.args(["-m", "venv"]).arg(folder);
        self.run("python3 -m venv", self.limits.step, &mut command).map(drop).map_err(|error| match error {
            ToolsError::Failed { output, .. } if output.contains("ensurepip") || output.contains("No module named") => {
                ToolsError::Missing(format!(
                    "{} has no venv module, which the toolchain is installed with\n{GET_VENV}",
                    python.display()
                ))
            }
            other => other,
        })
    }
}

/// The packages of a lock file, with their versions, for people.
fn packages(lock: &[u8]) -> String {
    let lock = String::from_utf8_lossy(lock);
    let pinned = lock.lines().filter(|line| !line.trim_start().starts_with('#')).filter_map(|line| {
        let (name, rest) = line.split_once("==")?;
        Some(format!("{name} {}", rest.split([' ', ';', '\\']).next()?))
    });
    npm::join(&pinned.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_named_for_people() {
        let lock =
            b"# why==0\ncomponentize-py==0.25.1 \\\n    --hash=sha256:00\nziglang==0.17.1; python_version > \"3\"\n";
        assert_eq!(packages(lock), "componentize-py 0.25.1 and ziglang 0.17.1");
    }
}
