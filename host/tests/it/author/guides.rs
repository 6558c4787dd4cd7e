//! The guides, from an empty directory to a credential, and what the author's guide says of the server.

use std::fs;
use std::path::Path;

use super::guide::follow;
use super::project::{chancery, done};
use crate::app::root;

#[test]
fn my_first_plugin_in_javascript() {
    follow("plugin-sdk/guides/javascript.md");
}

#[test]
fn my_first_plugin_in_python() {
    follow("plugin-sdk/guides/python.md");
}

#[test]
fn my_first_plugin_in_rust() {
    follow("plugin-sdk/guides/rust.md");
}

/// A limit has one default and one ceiling: those of the code. Every key of `[limits]` is there.
#[test]
fn the_authors_guide_states_the_limits_as_they_are() {
    let reference = done(&mut chancery(&root(), &["plugin", "grants"]));
    let guide = fs::read_to_string(root().join("plugin-sdk/README.md")).unwrap();
    let mut told = Vec::new();
    for row in guide.lines() {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, _, default, most, key, _, _] = cells[..] else { continue };
        let key = match key.strip_suffix(" of the statement") {
            Some(key) => format!("grants.sql.statements.NAME.{}", key.trim_matches('`')),
            None => key.trim_matches('`').to_owned(),
        };
        if !key.starts_with("limits.") && !key.starts_with("grants.") {
            continue;
        }
        let (table, name) = key.rsplit_once('.').unwrap();
        let plain = |text: &str| text.replace([' ', ','], "");
        let said = format!("Default {}, at most {}.", plain(default), plain(most));
        let known = keys(&reference, table).find(|line| line.starts_with(&format!("| `{name}` |")));
        let known = known.unwrap_or_else(|| panic!("there is no {key}"));
        assert!(known.contains(&said), "{row}\n{known}");
        told.push(key);
    }
    for line in keys(&reference, "limits") {
        let name = line.trim_start_matches("| `").split('`').next().unwrap();
        assert!(told.contains(&format!("limits.{name}")), "limits.{name} is not in the guide");
    }
}

/// The keys of one table of the grant file's reference.
fn keys<'a>(reference: &'a str, table: &str) -> impl Iterator<Item = &'a str> {
    let rest = reference.split_once(&format!("### `[{table}]`\n"));
    let section = rest.map_or("", |(_, rest)| rest.split("\n### ").next().unwrap_or(rest));
    section.lines().filter(|line| line.starts_with("| `"))
}

/// What the documents for authors point at is there.
#[test]
fn links_lead_somewhere() {
    let folder = root().join("plugin-sdk");
    let mut documents = vec![folder.join("README.md"), folder.join("cases.md")];
    for language in ["c", "go", "javascript", "python", "rust"] {
        documents.push(folder.join(language).join("README.md"));
    }
    documents.extend(fs::read_dir(folder.join("guides")).unwrap().map(|entry| entry.unwrap().path()));
    let mut followed = 0;
    for document in documents {
        let text = fs::read_to_string(&document).unwrap();
        for rest in text.split("](").skip(1) {
            let target = rest.split(')').next().unwrap();
            let file = target.split('#').next().unwrap();
            if target.starts_with("http") || file.is_empty() {
                continue;
            }
            let place = document.parent().unwrap_or(Path::new("")).join(file);
            assert!(place.exists(), "{}: {target} is not there", document.display());
            followed += 1;
        }
    }
    assert!(followed > 10, "{followed} links");
}
