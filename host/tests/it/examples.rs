//! Every command in a document is run here, and every file that a document shows is used.

use crate::app::root;
use crate::author::project::shared_folders;
use crate::server::Site;

/// The commands of a document's ```console blocks, in their order.
fn commands(document: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join(document)).unwrap();
    let mut commands = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        match line.trim_end() {
            "```console" => inside = true,
            "```" => inside = false,
            line if inside => match line.strip_prefix("$ ") {
                Some(command) => commands.push(command.to_owned()),
                None => {
                    if let Some(last) = commands.last_mut().filter(|last: &&mut String| last.ends_with('\\')) {
                        last.push('\n');
                        last.push_str(line);
                    }
                }
            },
            _ => {}
        }
    }
    commands
}

/// Runs a document's commands in one copy of `examples/farmer`.
fn run(document: &str) {
    run_in(&Site::farmer(), document, &[], str::to_owned);
}

/// Runs a document's commands in one copy of an example, as its reader would: `chancery serve` stays in the
/// background, everything else must succeed. Setting the copy up is left to `site`, and what begins with one of
/// `elsewhere` to the caller. `translate` moves what the document says to where the copy has it.
pub fn run_in(site: &Site, document: &str, elsewhere: &[&str], translate: impl Fn(&str) -> String) {
    let mut server = None;
    let mut ran = 0;
    for command in commands(document) {
        if ["cargo ", "cp ", "cd "].iter().chain(elsewhere).any(|start| command.starts_with(start)) {
            continue;
        }
        ran += 1;
        if command.starts_with("chancery serve") {
            server = Some(site.serve());
            continue;
        }
        let command = translate(&command.replace("http://localhost:8080", &site.url));
        let bin = crate::app::program().parent().unwrap().to_owned();
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
        let output = std::process::Command::new("bash")
            .args(["-euo", "pipefail", "-c", &command])
            .current_dir(site.dir.path())
            .env("PATH", path)
            .envs(shared_folders())
            .output()
            .unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{document}: {command}\n{out}{err}");
        assert!(!out.contains("\"error\""), "{document}: {command}\n{out}");
    }
    assert!(ran > 0, "{document} has no commands");
    drop(server);
}

#[test]
fn the_commands_of_the_readme_work() {
    run("README.md");
}

#[test]
fn the_commands_of_the_farmer_example_work() {
    run("examples/farmer/README.md");
}

#[test]
fn the_commands_of_the_page_about_credentials_work() {
    run("docs/credentials.md");
}

#[test]
fn the_commands_of_the_operators_page_work() {
    run("docs/operating.md");
}

/// `CHANCERY_UPDATE_DOCS=1` writes it anew.
#[test]
fn the_grant_file_reference_is_what_the_types_say() {
    const MARKS: [&str; 2] = ["<!-- generated: chancery plugin grants -->\n", "<!-- end of generated -->"];
    let path = root().join("docs/operating.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(MARKS[0]).unwrap();
    let (shown, after) = rest.split_once(MARKS[1]).unwrap();
    let reference = chancery_sandbox::grant_reference();
    if std::env::var_os("CHANCERY_UPDATE_DOCS").is_some() {
        let updated = format!("{before}{}\n{}\n{}{after}", MARKS[0], reference.trim_end(), MARKS[1]);
        std::fs::write(path, updated).unwrap();
        return;
    }
    assert_eq!(shown.trim(), reference.trim(), "run this test with CHANCERY_UPDATE_DOCS=1");
}

/// The two commands of the README are run elsewhere: `cargo xtask test` runs this test, and `.ci/run` runs
/// `cargo xtask demo --exit` first.
#[test]
fn the_readme_names_its_two_commands() {
    let commands = commands("README.md");
    for command in ["cargo xtask demo", "cargo xtask test"] {
        assert!(commands.iter().any(|c| c == command), "{commands:?}");
    }
    let ci = std::fs::read_to_string(root().join(".ci/run")).unwrap();
    assert!(ci.contains("cargo xtask test") && ci.contains("cargo xtask demo --exit"));
}
