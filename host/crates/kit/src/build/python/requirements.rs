//! Packages of others: `requirements.txt` of the project, installed where the component is made of them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::build::{BuildError, clear, failed, put};
use crate::project::Project;
use crate::tools::{Tools, ToolsError};

const FILE: &str = "requirements.txt";

/// Under the project's root: an environment in the shape in which `componentize-py` looks for packages.
const ENVIRONMENT: &str = "build/python";
const PACKAGES: &str = "build/python/lib/python3/site-packages";

/// What was installed last.
const STAMP: &str = "build/python/requirements.txt";

/// The Python inside of the component.
const VERSION: &str = "3.14";

/// What native code comes as.
const NATIVE: [&str; 4] = ["so", "pyd", "dylib", "dll"];

const HINT: &str = "Only packages in pure Python can be a part of a component: those whose wheel ends in `none-any.whl`. One \
                    that has native code (numpy, pydantic-core, cryptography) cannot, and one that is published without \
                    a wheel has to be made one first: `pip wheel`";

/// Installs them where they have changed. Answers the environment, under the project's root.
pub(super) fn install(project: &Project, python: &Path, tools: &Tools) -> Result<&'static str, BuildError> {
    let file = project.root.join(FILE);
    let wanted = match fs::read(&file) {
        Ok(wanted) => wanted,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(failed(&file)(error)),
    };
    let stamp = project.root.join(STAMP);
    if fs::read(&stamp).is_ok_and(|present| present == wanted) {
        return Ok(ENVIRONMENT);
    }
    let environment = project.root.join(ENVIRONMENT);
    clear(&environment)?;
    let packages = project.root.join(PACKAGES);
    fs::create_dir_all(&packages).map_err(failed(&packages))?;
    if !wanted.trim_ascii().is_empty() {
        refuse_code(&String::from_utf8_lossy(&wanted))?;
        pip(project, python, tools)?;
        refuse_native(&packages)?;
    }
    // Last, so that what was interrupted is done again.
    put(&stamp, wanted)?;
    Ok(ENVIRONMENT)
}

fn pip(project: &Project, python: &Path, tools: &Tools) -> Result<(), BuildError> {
    tools.say("installing requirements.txt into build/python");
    let mut command = Command::new(python);
    command.args([
        "-I",
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--no-input",
        "--quiet",
        "--no-compile",
    ]);
    command.args(["--only-binary", ":all:", "--platform", "any", "--implementation", "py", "--abi", "none"]);
    command.args(["--python-version", VERSION, "--target", PACKAGES, "--requirement", FILE]);
    let installed = tools.run("installing requirements.txt", tools.limits().long, command.current_dir(&project.root));
    installed.map(drop).map_err(|error| match error {
        ToolsError::Failed { what, output } => {
            BuildError::Language { message: format!("{what} failed\n{output}"), hint: HINT.to_owned() }
        }
        other => other.into(),
    })
}

/// Refuses lines that make pip build what they name, which runs code of it on this machine, or change how pip goes about
/// it: folders, archives, URLs, options.
fn refuse_code(requirements: &str) -> Result<(), BuildError> {
    for (number, line) in requirements.lines().enumerate() {
        let line = line.split(" #").next().unwrap_or_default().trim().trim_end_matches('\\').trim_end();
        if !(line.is_empty() || line.starts_with('#') || line.starts_with("--hash=") || is_named(line)) {
            let message = format!("requirements.txt:{}: {line:?} is not taken", number + 1);
            let hint = "Name packages of the index, such as `idna==3.11`: folders, archives, URLs and options could run \
                        code on this machine while the plugin is built.";
            return Err(BuildError::Language { message, hint: hint.to_owned() });
        }
    }
    Ok(())
}

/// Whether a requirement is a package's name, with extras, versions, markers and hashes.
fn is_named(line: &str) -> bool {
    const ARCHIVES: [&str; 8] = [".whl", ".zip", ".gz", ".tgz", ".tar", ".bz2", ".xz", ".egg"];
    let options = line.split_whitespace().filter(|word| word.starts_with('-'));
    let name = line.split([' ', '[', '=', '<', '>', '!', '~', ';', ',']).next().unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(plain)
        && !ARCHIVES.iter().any(|ending| name.to_ascii_lowercase().ends_with(ending))
        && !line.contains(['@', '/', '$'])
        && options.into_iter().all(|option| option.starts_with("--hash="))
}

/// A wheel may call itself pure and not be.
fn refuse_native(folder: &Path) -> Result<(), BuildError> {
    let Some(found) = native(folder).map_err(failed(folder))? else {
        return Ok(());
    };
    let found = found.strip_prefix(folder).unwrap_or(&found).display().to_string();
    Err(BuildError::Language {
        message: format!("requirements.txt brings native code: {found}"),
        hint: HINT.to_owned(),
    })
}

fn native(folder: &Path) -> io::Result<Option<PathBuf>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if let Some(found) = native(&path)? {
                return Ok(Some(found));
            }
        } else if path.extension().is_some_and(|extension| NATIVE.iter().any(|native| extension == *native)) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::write;

    #[test]
    fn only_packages_of_the_index_are_taken() {
        let fine = "# a comment\nidna==3.11 \\\n    --hash=sha256:00ff\nattrs>=23,<26 ; python_version >= '3.10'\nA.b_c[x]~=1.0  # why\n";
        refuse_code(fine).unwrap();
        for line in [
            "./evil",
            "..",
            "evil/",
            "evil.tar.gz",
            "evil.whl",
            "-e evil",
            "-r other.txt",
            "--no-binary evil",
            "--index-url x",
            "evil @ file:evil",
            "git+https://example.org/evil",
            "https://example.org/evil.whl",
            "idna==3.11 --no-binary idna",
            "${HOME}",
        ] {
            let refused = refuse_code(&format!("idna\n{line}\n")).unwrap_err().to_string();
            assert!(refused.starts_with("requirements.txt:2: "), "{line}: {refused}");
        }
    }

    #[test]
    fn native_code_is_found_wherever_it_lies() {
        let dir = tempfile::tempdir().unwrap();
        write(&dir.path().join("pure/__init__.py"), b"").unwrap();
        assert!(refuse_native(dir.path()).is_ok());
        write(&dir.path().join("fast/inner/_speedups.cpython-314-x86_64-linux-gnu.so"), b"").unwrap();
        assert_eq!(
            refuse_native(dir.path()).unwrap_err().to_string(),
            format!(
                "requirements.txt brings native code: fast/inner/_speedups.cpython-314-x86_64-linux-gnu.so\n{HINT}"
            )
        );
    }
}
