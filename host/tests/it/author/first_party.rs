//! The cases of the plugins that come with Chancery, each with the grant file that operators start from.

use super::bare::cached;
use super::project::{chancery, done};
use crate::app::{built_plugin, root};

/// All of them, so that none is added without cases.
fn plugins() -> Vec<String> {
    let entries = std::fs::read_dir(root().join("plugins")).unwrap();
    let with_readme = entries.map(|entry| entry.unwrap().path()).filter(|path| path.join("README.md").is_file());
    let mut names: Vec<String> =
        with_readme.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

#[test]
fn each_passes_its_cases() {
    let names = plugins();
    assert!(names.len() >= 6, "{names:?}");
    for name in names {
        let component = built_plugin(&name);
        let arguments = ["plugin", "test", "--component", component.to_str().unwrap(), "--grant", "example.toml"];
        let report = done(&mut cached(chancery(&root().join("plugins").join(&name), &arguments)));
        assert!(report.contains(" cases passed: "), "{report}");
    }
}
