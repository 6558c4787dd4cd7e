//! What authors are told when something is wrong, word for word: each message says what to do next.

use super::machine::Machine;
use super::project::{Project, texts};

#[track_caller]
fn same(said: &str, expected: &str) {
    assert_eq!(said.trim_end(), expected.trim_end(), "it says:\n{said}");
}

#[test]
fn a_manifest_that_is_not_right() {
    for (manifest, expected) in [
        (
            "name = \"people\nlanguage = \"c\"",
            "chancery: plugin.toml: TOML parse error at line 1, column 15
  |
1 | name = \"people
  |               ^
invalid basic string",
        ),
        (
            "name = \"people\"\nlangage = \"c\"",
            "chancery: plugin.toml: TOML parse error at line 2, column 1
  |
2 | langage = \"c\"
  | ^^^^^^^
unknown field `langage`, expected one of `name`, `language`, `entry`, `sources`, `engine`",
        ),
        (
            "name = \"people\"\nlanguage = \"cobol\"",
            "chancery: plugin.toml: TOML parse error at line 2, column 12
  |
2 | language = \"cobol\"
  |            ^^^^^^^
unknown variant `cobol`, expected one of `rust`, `javascript`, `typescript`, `python`, `c`, `go`",
        ),
        (
            "name = \"My People\"\nlanguage = \"c\"",
            "chancery: plugin.toml: \"My People\" is not a plugin's name: use lower-case words of letters and digits, \
             joined by single hyphens, such as farmer-registry; at most 63 characters",
        ),
        (
            "name = \"people\"\nlanguage = \"python\"",
            "chancery: plugin.toml: src/plugin.py is not there: create it, or name the right file",
        ),
        (
            "name = \"people\"\nlanguage = \"c\"\nsources = [\"../plugin.c\"]",
            "chancery: plugin.toml: ../plugin.c leads out of the project: name a file inside it",
        ),
        (
            "name = \"people\"\nlanguage = \"c\"\nengine = \"quickjs\"",
            "chancery: plugin.toml: engine is for JavaScript and TypeScript; remove it, the language is C",
        ),
    ] {
        same(&Machine::new(manifest, &[]).says(2), expected);
    }
    let nowhere = Machine::new("", &[]);
    std::fs::remove_file(nowhere.path("project/plugin.toml")).unwrap();
    same(
        &nowhere.says(2),
        "chancery: plugin.toml is not there: run this in a plugin's project, name one, or make one with `chancery plugin \
         new NAME --lang LANGUAGE`",
    );
}

const SHAPE: &str = "A data provider's world, without any capability, is:
  package org:people@0.1.0;

  world plugin {
    include chancery:plugin/data-provider-plugin@0.1.0;
  }";

const IMPORTS: &str = "A world includes one of chancery:plugin/data-provider-plugin, vc-issuance-plugin and audit-plugin \
                       (@0.1.0), and can import chancery:host/files, journal, kv, reveal, secrets, sign and sql (@0.1.0) \
                       and wasi:http/outgoing-handler@0.2.12";

#[test]
fn a_world_that_is_not_right() {
    let include = "  include chancery:plugin/data-provider-plugin@0.1.0;\n";
    for (lines, expected) in [
        (
            "  include chancery:plugin/data-provider-plugin@0.1.0\n".to_owned(),
            format!(
                "chancery: wit/world.wit: expected ';', found '}}'
     --> wit/world.wit:5:1
      |
    5 | }}
      | ^
{SHAPE}"
            ),
        ),
        (
            format!("{include}  import chancery:host/sqll@0.1.0;\n"),
            format!(
                "chancery: wit/world.wit: interface not found in package
     --> wit/world.wit:5:24
      |
    5 |   import chancery:host/sqll@0.1.0;
      |                        ^---
{IMPORTS}"
            ),
        ),
        (
            format!("{include}  include chancery:plugin/audit-plugin@0.1.0;\n"),
            "chancery: wit/world.wit: a plugin is of one kind: include one of chancery:plugin's worlds only".to_owned(),
        ),
        (
            "  import chancery:host/sql@0.1.0;\n".to_owned(),
            "chancery: wit/world.wit: the world exports nothing that the host calls: add `include \
             chancery:plugin/data-provider-plugin@0.1.0;` (or vc-issuance-plugin, audit-plugin)"
                .to_owned(),
        ),
        (
            format!("{include}}}\n\nworld another {{\n"),
            "chancery: wit/world.wit: there are several worlds in it: keep the plugin's alone".to_owned(),
        ),
    ] {
        let machine = Machine::with("c", "src/plugin.c");
        std::fs::write(
            machine.path("project/wit/world.wit"),
            format!("package org:people@0.1.0;\n\nworld plugin {{\n{lines}}}\n"),
        )
        .unwrap();
        same(&machine.says(2), &expected);
    }
    let bare = Machine::with("c", "src/plugin.c");
    std::fs::remove_file(bare.path("project/wit/world.wit")).unwrap();
    same(&bare.says(2), &format!("chancery: wit/world.wit is not there\n{SHAPE}"));
}

const GET_NODE: &str = "Install Node.js and run this again: `apt install nodejs npm` (Debian, Ubuntu), `brew install node` \
                        (macOS), or https://nodejs.org/";

#[test]
fn no_node_or_an_old_one() {
    for (language, entry) in [("javascript", "src/plugin.js"), ("typescript", "src/plugin.ts")] {
        let machine = || Machine::with(language, entry);
        same(
            &machine().says(1),
            &format!(
                "chancery: node is not on PATH: JavaScript and TypeScript plugins are built with Node.js 18 or \
                 newer\n{GET_NODE}"
            ),
        );
        same(
            &machine().program("node", "echo v16.20.2").says(1),
            &format!("chancery: BIN/node is Node.js 16.20.2, and plugins are built with 18 or newer\n{GET_NODE}"),
        );
        let said = machine().program("node", "echo v20.1.0").says(1);
        assert!(said.starts_with("chancery: npm is not on PATH: it installs what builds the plugin ("), "{said}");
        assert!(said.trim_end().ends_with(&format!(")\n{GET_NODE}")), "{said}");
    }
}

#[test]
fn npm_without_a_network() {
    let offline = "echo 'npm error network request to https://packages.example failed' >&2; exit 1";
    let machine = Machine::with("javascript", "src/plugin.js").program("node", "echo v20.1.0").program("npm", offline);
    let said = machine.says(1);
    let (told, rest) = said.split_once('\n').unwrap();
    assert!(
        told.starts_with("installing componentize-qjs ") && told.ends_with(" into TOOLS/javascript-…, once"),
        "{told}"
    );
    let what = told.strip_suffix(", once").unwrap();
    same(
        rest,
        &format!(
            "chancery: {what} failed
npm error network request to https://packages.example failed
npm needs its registry once, and no network after that. Mend what npm names (a mirror is set by `npm config set registry \
             URL` or npm_config_registry, a proxy by https_proxy) and run this again; a machine without network can be given \
             a copy of the tools directory of another one (--tools)"
        ),
    );
    // It is tried again, from nothing.
    assert_eq!(machine.says(1), said);
}

const GET_PYTHON: &str = "Install Python and run this again: `apt install python3 python3-venv` (Debian, Ubuntu), `brew \
                          install python` (macOS), or https://www.python.org/";

#[test]
fn no_python_or_an_old_one() {
    let machine = || Machine::with("python", "src/plugin.py");
    same(
        &machine().says(1),
        &format!("chancery: python3 is not on PATH: the toolchain needs Python 3.10 or newer\n{GET_PYTHON}"),
    );
    same(
        &machine().program("python3", "echo Python 3.9.2").says(1),
        &format!("chancery: BIN/python3 is Python 3.9.2, and the toolchain needs Python 3.10 or newer\n{GET_PYTHON}"),
    );
    let debian = "case $1 in --version) echo Python 3.11.2;; *) echo 'ensurepip is not available' >&2; exit 1;; esac";
    same(
        &machine().program("python3", debian).says(1),
        "chancery: BIN/python3 has no venv module, which the toolchain is installed with
Install it and run this again: `apt install python3-venv` (Debian, Ubuntu)",
    );
}

#[test]
fn no_cargo() {
    let said = Machine::with("rust", "Cargo.toml").says(1);
    assert!(said.starts_with("chancery: cargo is not on PATH: Rust plugins are built with Rust "), "{said}");
    assert!(said.contains("\nInstall Rust and run this again: https://rustup.rs"), "{said}");
}

/// A project in JavaScript whose `fetch` begins with a statement.
fn beginning_with(statement: &str) -> Project {
    let project = Project::provider("js");
    project.replace(
        "src/plugin.js",
        "    const id = request.subject.id;\n",
        &format!("    const id = request.subject.id;\n    {statement}\n"),
    );
    project
}

#[test]
fn a_function_that_throws_or_returns_something_else() {
    for (statement, got) in [
        (
            "undefined.village;",
            "got       error internal: The plugin failed. (TypeError: cannot read property 'village' of undefined\\n    at \
             fetch (src/plugin.js:",
        ),
        ("return [id];", "got       error internal: The plugin failed. (TypeError: fetch returned"),
    ] {
        let project = beginning_with(statement);
        project.build();
        let (status, out, err) = texts(&project.command(&["plugin", "test"]).output().unwrap());
        assert_eq!(status, Some(1), "{out}{err}");
        assert!(out.contains("FAILED  somebody who is registered") && out.contains(got), "{out}{err}");
        assert!(out.contains("ok      it could serve"), "one call fails, and not the next: {out}");
    }
}

#[test]
fn an_export_that_is_missing() {
    let project = Project::provider("js");
    project.replace("src/plugin.js", "export const { lifecycle, dataProvider }", "export const { lifecycle }");
    let said = project.fails(&["plugin", "build"], 1);
    let (_, failure) = said.split_once("chancery: ").unwrap();
    same(
        failure,
        "src/plugin.js does not export dataProvider
It has to have the line `export const { lifecycle, dataProvider } = defineDataProvider({ … });`",
    );
}

#[test]
fn imports_that_the_world_does_not_have() {
    let project = Project::provider("js");
    let source = project.read("src/plugin.js");
    project.write("src/plugin.js", &format!("import {{ get }} from \"chancery/http\";\n{source}"));
    let said = project.fails(&["plugin", "build"], 1);
    for part in [
        "chancery: src/plugin.js:1:",
        "chancery/http needs a capability that wit/world.wit does not ask for",
        "Add the line `import wasi:http/outgoing-handler@0.2.12;` to wit/world.wit: then operators see it, and have to grant it.",
    ] {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn a_build_says_what_an_operator_would_grant_for_nothing() {
    let project = Project::provider("c");
    project.replace("wit/world.wit", "}", "  import chancery:host/kv@0.1.0;\n}");
    let (status, out, err) = texts(&project.command(&["plugin", "build"]).output().unwrap());
    assert_eq!(status, Some(0), "{err}");
    assert!(out.starts_with("build/people.wasm  ") && out.ends_with("  data-provider  wants nothing\n"), "{out}");
    let note = "note: wit/world.wit asks for kv, which the plugin does not use: an operator would grant it for nothing";
    assert!(err.contains(note), "{err}");
}

#[test]
fn an_sdk_of_another_version_is_written_anew() {
    let project = Project::provider("c");
    project.write("sdk/VERSION", &format!("0.0.1 {}\n", "0".repeat(64)));
    project.write("sdk/left-over", "");
    let (status, _, err) = texts(&project.command(&["plugin", "build"]).output().unwrap());
    assert_eq!(status, Some(0), "{err}");
    assert!(err.contains("note: sdk/ was written anew, for this version of chancery"), "{err}");
    assert!(!project.path.join("sdk/left-over").exists());
    assert!(!texts(&project.command(&["plugin", "build"]).output().unwrap()).2.contains("written anew"));
}

#[test]
fn a_build_removes_nothing_that_it_did_not_write() {
    let project = Project::provider("c");
    std::fs::remove_file(project.path.join("sdk/VERSION")).unwrap();
    project.write("sdk/precious", "");
    let said = project.fails(&["plugin", "build"], 2);
    assert_eq!(said, "chancery: PROJECT/sdk was not written by chancery, and the SDK belongs there: move it away\n");
    assert!(project.path.join("sdk/precious").exists());

    let project = Project::provider("c");
    let elsewhere = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), project.path.join("build")).unwrap();
    assert!(project.fails(&["plugin", "build"], 2).contains("PROJECT/build is a symbolic link"));
}
