//! Plugins in Python.

use tempfile::TempDir;

use super::project::{Project, a_wallet_gets_what_the_plugin_says, chancery, done, generated_projects_pass};
use crate::app::root;
use crate::server::copy;

/// A plugin that goes wrong in each way there is, and what must come of it.
const BEHAVIOUR: &str = include_str!("python/behaviour.py");
const CASES: &str = include_str!("python/cases.toml");

#[test]
fn from_an_empty_directory_to_a_credential() {
    a_wallet_gets_what_the_plugin_says("python");
}

#[test]
fn every_kind_passes_its_cases_as_generated() {
    generated_projects_pass("python");
}

/// What needs no host, with the Python of this machine.
#[test]
fn the_sdks_own_tests_pass() {
    let mut python = std::process::Command::new("python3");
    python.args(["-B", "-m", "unittest", "discover", "-s", "tests", "-t", "."]);
    done(python.current_dir(root().join("plugin-sdk/python")));
}

fn behaviour(cases: &str) -> Project {
    let project = Project::provider("python");
    project.write("src/plugin.py", BEHAVIOUR);
    project.write("cases.toml", cases);
    project.write("people.toml", "[limits]\nmemory = \"128MiB\"\n");
    project.build();
    project
}

/// What a plugin does wrong ends its own call, as a typed error that names the line.
#[test]
fn a_plugin_that_goes_wrong_fails_its_own_call() {
    let report = behaviour(CASES).test();
    assert!(!report.contains("FAILED"), "{report}");
}

/// The interpreter is frozen with its state, and its random numbers are not.
#[test]
fn randomness_is_the_hosts_and_new_in_each_call() {
    let case =
        "[[case]]\nname = \"x\"\nrequest.subject.id = \"draw\"\nexpect.claims = { drawn = \"\", fixed = \"*\" }\n";
    let project = behaviour(&format!("{case}{}", case.replace("\"x\"", "\"y\"")));
    let mut drawn: Vec<String> = Vec::new();
    for _ in 0..2 {
        let output = project.command(&["plugin", "test"]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let report = String::from_utf8(output.stdout).unwrap();
        let got = report.lines().filter_map(|line| line.trim().strip_prefix("got "));
        drawn.extend(got.flat_map(|drawn| drawn.trim().trim_matches('"').split('|').map(str::to_owned)));
    }
    // Three sources in each of four calls: random, uuid, secrets.
    assert_eq!(drawn.len(), 12, "{drawn:?}");
    drawn.sort();
    drawn.dedup();
    assert_eq!(drawn.len(), 12, "{drawn:?}");
}

#[test]
fn no_path_of_this_machine_is_in_the_component() {
    let project = Project::provider("python");
    project.build();
    let component = std::fs::read(project.component()).unwrap();
    let text = String::from_utf8_lossy(&component);
    let place = project.path.parent().unwrap().to_string_lossy().into_owned();
    assert!(text.contains("src/plugin.py") && !text.contains(&place), "{place} is in it");
}

/// What an author does wrong, and all that the build says of it.
#[test]
fn what_is_wrong_with_the_module_is_said_with_what_to_do() {
    let project = Project::provider("python");
    let provider = "from chancery_plugin import DataProvider\n\nclass People(DataProvider):\n    name = \"people\"\n    \
                    version = \"0.1.0\"\n    summary = \"x\"\n";
    let outside = "What stands outside of functions runs while the plugin is built, where there is";
    for (source, said) in [
        (
            "import json\ndef f(:\n    pass\n".to_owned(),
            "src/plugin.py does not load\nSyntaxError: invalid syntax (src/plugin.py:2)\nMend it and build again".to_owned(),
        ),
        (
            "def g():\n    return {}[\"x\"]\n\ng()\n".to_owned(),
            format!(
                "src/plugin.py does not load\nKeyError: 'x'\n  at src/plugin.py:2 in g\n  at src/plugin.py:4 in \
                 <module>\n{outside} neither host nor file system"
            ),
        ),
        (
            "import numpy\n".to_owned(),
            "src/plugin.py does not load\nModuleNotFoundError: No module named 'numpy'\n  at src/plugin.py:1 in \
             <module>\nA package of others goes into requirements.txt beside plugin.toml, a module of your own beside the \
             file that imports it. Modules of Python that need an operating system (ssl, sqlite3, ctypes) are not there"
                .to_owned(),
        ),
        (
            format!("import json\nfrom chancery_plugin import sql\n{provider}"),
            "src/plugin.py:2 uses chancery_plugin.sql, which wit/world.wit does not ask for\nWhere the plugin needs it, add \
             to the world, so that operators see what they grant:\n  import chancery:host/sql@0.1.0;\nElse remove the code \
             that uses it"
                .to_owned(),
        ),
        (
            format!("{provider}    def fetch(self, request, config):\n        from chancery_plugin import http\n"),
            "src/plugin.py uses chancery_plugin.http, which wit/world.wit does not ask for\nWhere the plugin needs it, add to \
             the world, so that operators see what they grant:\n  import wasi:http/outgoing-handler@0.2.12;\nElse remove the \
             code that uses it"
                .to_owned(),
        ),
        (
            "from chancery_plugin import log\n\nlog.info(\"here\")\n".to_owned(),
            format!(
                "src/plugin.py calls the host (chancery:host/log@0.1.0#write) while it is loaded\n{outside} no host: move \
                 the call into a method"
            ),
        ),
        (
            "print(\"nothing here\")\n".to_owned(),
            "src/plugin.py has no plugin\nIt needs a class that derives from DataProvider:\n  from chancery_plugin import \
             DataProvider\n\n  class MyPlugin(DataProvider):\n      …"
                .to_owned(),
        ),
        (
            provider.to_owned(),
            "People has no fetch\nAdd to the class:\n  def fetch(self, request, config):".to_owned(),
        ),
        (
            format!("{provider}\n    def fetch(self, request):\n        pass\n"),
            "src/plugin.py:8: People.fetch takes 1 argument besides self\nIt is called with 2: def fetch(self, request, \
             config)"
                .to_owned(),
        ),
        (
            provider.replace("DataProvider", "AuditSink"),
            "src/plugin.py: People is an AuditSink, and wit/world.wit describes a data-provider plugin\nDerive from \
             DataProvider, or include the world of such a plugin in wit/world.wit"
                .to_owned(),
        ),
    ] {
        project.write("src/plugin.py", &source);
        let shown = project.fails(&["plugin", "build"], 1);
        // Before it comes what the build is doing.
        let shown = shown.split_once("chancery: ").map_or(shown.as_str(), |(_, said)| said);
        assert_eq!(shown.trim_end(), said, "{source}");
    }
    assert!(!project.component().exists());
}

#[test]
fn a_file_with_the_name_of_a_module_of_python_is_refused() {
    let project = Project::provider("python");
    std::fs::rename(project.path.join("src/plugin.py"), project.path.join("src/json.py")).unwrap();
    project.replace("plugin.toml", "src/plugin.py", "src/json.py");
    let said = project.fails(&["plugin", "build"], 1);
    assert!(
        said.ends_with(
            "chancery: src/json.py has the name of a module that is there already: json\nRename the file, and name it in \
             plugin.toml: entry = \"src/plugin.py\"\n"
        ),
        "{said}"
    );
}

/// A package in pure Python, here as a wheel that lies in the project, is a part of the component.
#[test]
fn packages_of_requirements_are_bundled_and_native_ones_refused() {
    let project = Project::provider("python");
    std::fs::create_dir(project.path.join("wheels")).unwrap();
    let make = |name: &str, tag: &str, file: &str| {
        let script = "import sys, zipfile\nname, tag, file = sys.argv[1:]\n\
                      wheel = zipfile.ZipFile(f'wheels/{name}-1.0-{tag}.whl', 'w')\n\
                      info = f'{name}-1.0.dist-info'\n\
                      wheel.writestr(file, 'def greet(who):\\n    from colorsys import rgb_to_hsv\\n    return f\"hello {who}\"\\n')\n\
                      wheel.writestr(f'{info}/METADATA', f'Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0\\n')\n\
                      wheel.writestr(f'{info}/WHEEL', f'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: {tag}\\n')\n\
                      wheel.writestr(f'{info}/RECORD', '')\nwheel.close()\n";
        let mut python = std::process::Command::new("python3");
        done(python.args(["-c", script, name, tag, file]).current_dir(&project.path));
    };
    make("greeting", "py3-none-any", "greeting/__init__.py");
    make("speedy", "cp314-cp314-manylinux_2_28_x86_64", "speedy.py");
    make("liar", "py3-none-any", "liar/_fast.so");
    project.replace(
        "src/plugin.py",
        "from chancery_plugin import log",
        "from chancery_plugin import log\nimport greeting",
    );
    project.replace("src/plugin.py", "return Data(claims)", "return Data({\"said\": greeting.greet(\"Ada\")})");
    // Where packages come from is the user's setting, never the project's.
    let build = || {
        let mut command = project.command(&["plugin", "build"]);
        command.envs([("PIP_NO_INDEX", "1"), ("PIP_FIND_LINKS", "wheels")]);
        command
    };

    project.write("requirements.txt", "--find-links wheels\ngreeting==1.0\n");
    assert!(project.failing(&mut build(), 1).contains("requirements.txt:1: \"--find-links wheels\" is not taken"));
    project.write("requirements.txt", "greeting==1.0\n");
    done(&mut build());
    let case = "[[case]]\nname = \"x\"\nrequest.subject.id = \"person-1\"\nexpect.claims = { said = \"hello Ada\" }\n";
    project.write("cases.toml", case);
    project.test();

    for (package, said) in [("speedy", "No matching distribution found for speedy==1.0"), ("liar", "liar/_fast.so")] {
        project.write("requirements.txt", &format!("greeting==1.0\n{package}==1.0\n"));
        let shown = project.failing(&mut build(), 1);
        assert!(
            shown.contains(said) && shown.contains("\nOnly packages in pure Python can be a part of a component"),
            "{shown}"
        );
    }
    // What failed is not taken for installed, and what is no longer asked for is no longer there.
    project.write("requirements.txt", "");
    let shown = project.fails(&["plugin", "build"], 1);
    assert!(shown.contains("ModuleNotFoundError: No module named 'greeting'\n"), "{shown}");
}

/// The example of an audit sink in Python, held to its own cases.
#[test]
fn the_example_of_an_audit_sink_passes_its_cases() {
    let dir = TempDir::new().unwrap();
    copy(&root().join("examples/audit-python"), dir.path());
    for words in [&["plugin", "build"], &["plugin", "test"]] {
        done(&mut chancery(dir.path(), words));
    }
}
