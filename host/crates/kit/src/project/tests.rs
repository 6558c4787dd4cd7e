use std::os::unix::fs::MetadataExt as _;

use super::*;

#[test]
fn names_that_are_files_of_others_are_refused() {
    for name in ["people", "a1", "com", "com10", "lpt-a", "console", "cargo-registry", "sdk", "build"] {
        checked_name(name).unwrap();
    }
    for name in FILES_OF_OTHERS {
        assert!(checked_name(name).unwrap_err().starts_with(&format!("{name}.toml is the name of another file")));
    }
    for name in ["aux", "con", "nul", "prn", "com1", "lpt9"] {
        assert!(checked_name(name).unwrap_err().starts_with(&format!("{name} is a device on Windows")));
    }
}

#[test]
fn a_manifest_cannot_say_what_new_refuses() {
    let error = Project::parse(PathBuf::new(), "name = \"cases\"\nlanguage = \"c\"").unwrap_err();
    assert!(error.starts_with("cases.toml is the name of another file"), "{error}");
}

#[test]
fn a_file_has_one_spelling() {
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("src/plugin.c"), b"").unwrap();
    write(&dir.path().join("-o.c"), b"").unwrap();
    let parse = |lines: &str| Project::parse(dir.path().into(), &format!("name = \"x\"\nlanguage = \"c\"\n{lines}"));
    for lines in ["entry = \"./src//./plugin.c\"", "sources = [\"././src/plugin.c\"]"] {
        let project = parse(lines).unwrap();
        assert_eq!(project.entry.as_os_str(), "src/plugin.c", "{lines}");
        assert_eq!(project.sources.iter().map(|file| file.as_os_str()).collect::<Vec<_>>(), ["src/plugin.c"]);
    }
    let error = parse("entry = \"./-o.c\"").unwrap_err();
    assert!(error.starts_with("-o.c would be an option to compilers"), "{error}");
}

#[test]
fn a_file_is_replaced_whole_and_only_when_it_differs() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/people.wasm");
    let inode = || std::fs::metadata(&path).unwrap().ino();
    write_by_rename(&path, b"first").unwrap();
    let first = inode();
    write_by_rename(&path, b"first").unwrap();
    assert_eq!(inode(), first, "nothing has changed");
    // Whoever reads the old file reads it to its end.
    let reader = std::fs::File::open(&path).unwrap();
    write_by_rename(&path, b"second").unwrap();
    assert_ne!(inode(), first);
    assert_eq!(std::io::read_to_string(reader).unwrap(), "first");
    assert_eq!(std::fs::read(&path).unwrap(), b"second");
    assert_eq!(std::fs::read_dir(dir.path().join("deep")).unwrap().count(), 1, "nothing is left beside it");
    let plain = dir.path().join("plain");
    std::fs::write(&plain, "").unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().mode();
    assert_eq!(mode(&path), mode(&plain), "others may read it, as any other file");
}
