//! What the commands for authors share.

use std::path::{Path, PathBuf};

use chancery_kit::{Project, Tools};
use clap::Args;

use super::super::{Failure, eprintln_line};

/// Under the user's cache directory.
const TOOLS: &str = "chancery/tools";

/// Where toolchains are kept.
#[derive(Debug, Args)]
pub(super) struct ToolsDir {
    /// Where toolchains are installed, once for all projects [default: chancery/tools in the user's cache directory].
    #[arg(long, value_name = "DIR", env = "CHANCERY_TOOLS")]
    tools: Option<PathBuf>,
}

impl ToolsDir {
    /// The toolchains, which say on stderr what takes its time.
    pub(super) fn open(&self) -> Result<Tools, Failure> {
        let dir = match &self.tools {
            Some(dir) => dir.clone(),
            None => user_cache(TOOLS).ok_or_else(|| {
                Failure::Usage(
                    "neither XDG_CACHE_HOME nor HOME is set: name a folder for toolchains with --tools DIR".to_owned(),
                )
            })?,
        };
        // Toolchains run in folders of their own.
        let dir = std::path::absolute(&dir).map_err(|error| Failure::Usage(format!("{}: {error}", dir.display())))?;
        Ok(Tools::new(dir, Box::new(eprintln_line)))
    }
}

/// A folder of the user's cache directory.
pub(super) fn user_cache(below: &str) -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = set("XDG_CACHE_HOME").filter(|dir| dir.is_absolute());
    Some(cache.or_else(|| Some(set("HOME")?.join(".cache")))?.join(below))
}

/// The project in a folder.
pub(super) fn project(dir: &Path) -> Result<Project, Failure> {
    Project::open(dir).map_err(|error| Failure::Usage(error.to_string()))
}

/// A file of a project as the author would name it: below the folder that was named.
pub(super) fn shown(dir: &Path, project: &Project, file: &Path) -> String {
    let below = file.strip_prefix(&project.root).unwrap_or(file);
    let path = if dir == Path::new(".") { below.to_owned() } else { dir.join(below) };
    path.display().to_string()
}

/// A size for people.
#[expect(clippy::cast_precision_loss, reason = "one digit behind the point is shown")]
pub(super) fn size(bytes: u64) -> String {
    const STEP: f64 = 1024.0;
    match bytes as f64 {
        few if few < STEP => format!("{bytes} B"),
        some if some < STEP * STEP => format!("{:.1} KiB", some / STEP),
        many => format!("{:.1} MiB", many / STEP / STEP),
    }
}

/// `http, kv`, or `nothing`.
pub(super) fn names<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let names: Vec<&str> = names.into_iter().map(String::as_str).collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_for_people() {
        for (bytes, text) in [(0, "0 B"), (1023, "1023 B"), (7_300, "7.1 KiB"), (1_700_000, "1.6 MiB")] {
            assert_eq!(size(bytes), text);
        }
    }
}
