//! `chancery plugin new`.

use tempfile::TempDir;

use super::project::{Project, chancery, done, texts};

#[test]
fn a_new_project_says_what_comes_next() {
    let dir = TempDir::new().unwrap();
    let said = done(&mut chancery(dir.path(), &["plugin", "new", "deep/land-office", "--lang", "rust"]));
    let expected = "deep/land-office: a data-provider plugin in Rust. Next:\n  cd deep/land-office\n  chancery plugin \
                    build\n  chancery plugin test\n";
    assert_eq!(said, expected);
    let path = dir.path().join("deep/land-office");
    for file in
        ["plugin.toml", "land-office.toml", "cases.toml", "wit/world.wit", "README.md", ".gitignore", "sdk/VERSION"]
    {
        assert!(path.join(file).is_file(), "{file}");
    }
    // Nothing of it is left to render, and nothing ends in white space.
    for entry in std::fs::read_dir(&path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(!text.contains("{%") && !text.contains("{{") && text.ends_with('\n'), "{}", path.display());
            assert!(text.lines().all(|line| line == line.trim_end()), "{}", path.display());
        }
    }
}

#[test]
fn wrong_arguments_are_refused_with_what_is_right() {
    let dir = TempDir::new().unwrap();
    let refused = |arguments: &[&str]| {
        let (status, out, err) =
            texts(&chancery(dir.path(), &[&["plugin", "new"], arguments].concat()).output().unwrap());
        assert_eq!((status, out.as_str()), (Some(2), ""), "{arguments:?}: {err}");
        err
    };
    for (arguments, says) in [
        (&["people"][..], "--lang <LANGUAGE>"),
        (&["people", "--lang", "cobol"], "plugins are written in rust, js, ts, python, c or go"),
        (&["people", "--lang", "js", "--kind", "provider"], "a plugin is one of data-provider, vc-issuance, audit"),
        (
            &["people", "--lang", "js", "--wants", "http,htpp"],
            "a plugin can want files, http, journal, kv, reveal, secrets, sign, sql",
        ),
        (&["people", "--lang", "js", "--wants", "journal"], "the journal is for audit plugins; it takes http, sql"),
        (&["people", "--lang", "js", "--kind", "vc-issuance", "--wants", "kv"], "nothing to cache"),
        (&["people", "--lang", "c", "--kind", "audit", "--wants", "sql"], "it takes journal, http."),
        (&["My_Plugin", "--lang", "c"], "use lower-case words of letters and digits, joined by single hyphens"),
        (&["self", "--lang", "rust"], "self is a word that Rust keeps for itself"),
        (&["cases", "--lang", "c"], "cases.toml is the name of another file"),
        (&["rust-toolchain", "--lang", "rust"], "rust-toolchain.toml is the name of another file"),
        (&["con", "--lang", "js"], "con is a device on Windows"),
    ] {
        let err = refused(arguments);
        assert!(err.contains(says), "{arguments:?}: {err}");
        assert!(std::fs::read_dir(dir.path()).unwrap().next().is_none(), "{arguments:?} left something behind");
    }
}

#[test]
fn what_is_there_stays() {
    let project = Project::provider("c");
    project.write("src/plugin.c", "mine");
    let parent = project.path.parent().unwrap();
    let again = chancery(parent, &["plugin", "new", "people", "--lang", "js"]).output().unwrap();
    let (status, _, err) = texts(&again);
    assert_eq!(
        (status, err.as_str()),
        (Some(2), "chancery: people is there already and not empty: name another folder, or empty it\n")
    );
    assert_eq!(project.read("src/plugin.c"), "mine");
}
