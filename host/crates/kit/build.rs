//! Puts everything a new project needs into the binary: `plugin-sdk/` and `wit/`, file by file.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../../..").canonicalize()?;
    let mut table = String::from("&[\n");
    for folder in ["plugin-sdk", "wit/host", "wit/plugin"] {
        println!("cargo::rerun-if-changed={}", root.join(folder).display());
        let mut files = Vec::new();
        collect(&root.join(folder), &mut files)?;
        files.sort();
        for file in files {
            let name = file.strip_prefix(&root).map_err(io::Error::other)?;
            writeln!(table, "    ({:?}, include_bytes!({:?})),", name.display(), file.display())
                .map_err(io::Error::other)?;
        }
    }
    table.push(']');
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("files.rs"), table)
}

/// What builds and tools leave behind, and the tests of the SDKs, are not part of the kit.
const LEFT_BEHIND: [&str; 6] = ["node_modules", "target", "build", "__pycache__", ".venv", "tests"];

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if LEFT_BEHIND.iter().any(|left| name == *left) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), files)?;
        } else {
            files.push(entry.path());
        }
    }
    Ok(())
}
