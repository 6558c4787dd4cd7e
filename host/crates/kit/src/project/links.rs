//! Symbolic links where builds write and remove: what they lead to is somebody else's.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::ProjectError;

/// What builds write, and folders that they only make or remove as a whole: the packages in `build/python` may hold
/// links of their own. Whatever else lies in `build/` no build touches.
const ALONE: [&str; 4] = ["build", "build/lock", "build/python", "build/tsconfig.json"];

/// Folders in which builds write and remove, at whatever depth.
const WHOLE: [&str; 3] = ["sdk", "build/gen", "build/wit"];

/// Refuses a project that has one there. None is followed on the way.
pub(super) fn refuse(root: &Path) -> Result<(), ProjectError> {
    for place in ALONE {
        is_folder(&root.join(place))?;
    }
    let mut ahead: Vec<PathBuf> = WHOLE.iter().map(|place| root.join(place)).collect();
    while let Some(path) = ahead.pop() {
        if is_folder(&path)? {
            ahead.extend(entries(&path).or_else(|error| absent(&path, error))?);
        }
    }
    Ok(())
}

fn is_folder(path: &Path) -> Result<bool, ProjectError> {
    match path.symlink_metadata() {
        Ok(found) if found.is_symlink() => Err(ProjectError::Link(path.to_owned())),
        Ok(found) => Ok(found.is_dir()),
        Err(error) => absent(path, error),
    }
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect()
}

/// There is nothing to follow: no build was yet, or another one is just removing it.
fn absent<T: Default>(path: &Path, error: io::Error) -> Result<T, ProjectError> {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Ok(T::default()),
        _ => Err(ProjectError::File { path: path.to_owned(), source: error }),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// Python packages and the author's own files.
    #[test]
    fn links_where_no_build_writes_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        for place in ["src", "build/python/lib", "build/mine"] {
            fs::create_dir_all(dir.path().join(place)).unwrap();
            symlink("/", dir.path().join(place).join("link")).unwrap();
        }
        refuse(dir.path()).unwrap();
    }

    #[test]
    fn a_project_without_these_folders_has_no_links() {
        let dir = tempfile::tempdir().unwrap();
        refuse(dir.path()).unwrap();
        fs::write(dir.path().join("build"), "a file").unwrap();
        refuse(dir.path()).unwrap();
    }
}
