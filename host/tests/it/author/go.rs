//! Plugins in Go.

use super::project::{Host, Project, a_wallet_gets_what_the_plugin_says, generated_projects_pass};

/// A plugin that goes wrong in each way there is, and what must come of it.
const BEHAVIOUR: &str = include_str!("go/behaviour.go");
const CASES: &str = include_str!("go/cases.toml");

/// A plugin that uses every capability as the subject's id says.
const CAPABILITIES: &str = include_str!("go/capabilities.go");
const CAPABILITIES_CASES: &str = include_str!("go/capabilities.toml");

/// A plugin that shares one sandbox among its calls, as an operator may want it.
const WARM: &str = include_str!("go/warm.go");

#[test]
fn from_an_empty_directory_to_a_credential() {
    a_wallet_gets_what_the_plugin_says("go");
}

#[test]
fn every_kind_passes_its_cases_as_generated() {
    generated_projects_pass("go");
}

/// What a plugin does wrong ends its own call, and the log names the line. Neither a large request or answer, nor
/// timers, goroutines and allocations make the collector run where the host could not bear it.
#[test]
fn a_plugin_that_goes_wrong_fails_its_own_call() {
    let project = Project::provider("go");
    project.write("src/plugin.go", BEHAVIOUR);
    project.write("cases.toml", &CASES.replace("LARGE", &"v".repeat(900_000)));
    project.build();
    let report = project.test();
    assert!(!report.contains("FAILED"), "{report}");
}

/// Answers, refusals and failures of every capability reach the plugin, and the operator reads what to mend.
#[test]
fn each_capability_answers_and_refuses() {
    let project = Project::new("go", "data-provider", "http,sql,files,kv,reveal,sign");
    project.write("src/plugin.go", CAPABILITIES);
    project.write("cases.toml", CAPABILITIES_CASES);
    project.build();
    let report = project.test();
    assert!(!report.contains("FAILED"), "{report}");
}

/// Where calls share a sandbox, what one leaves behind is swept before it is too much.
#[test]
fn a_sandbox_that_is_used_again_is_swept() {
    let host = Host::open();
    let project = Project::provider("go");
    project.write("src/plugin.go", WARM);
    project.write("people.toml", "[plugin]\ninstance = \"warm\"\n[warm]\nidle = \"10m\"\n");
    project.build();
    host.install(&project);
    for (call, subject) in ["person-1", "person-2", "person-3", "person-4", "person-5"].into_iter().enumerate() {
        let claims = host.credential(subject);
        assert_eq!(claims["given_name"], (call + 1).to_string(), "the call had a sandbox of its own: {claims}");
        assert_eq!(claims["village"], subject, "{claims}");
    }
}

/// Two calls of one component draw different numbers, and so does another run.
#[test]
fn randomness_is_the_hosts_and_new_in_each_call() {
    let project = Project::provider("go");
    project.write("src/plugin.go", BEHAVIOUR);
    let case = "[[case]]\nname = \"x\"\nrequest = { subject = { id = \"draw\" } }\nexpect.claims = { drawn = \"\" }\n";
    project.write("cases.toml", &format!("{case}{}", case.replace("\"x\"", "\"y\"")));
    project.build();
    let mut drawn: Vec<String> = Vec::new();
    for _ in 0..2 {
        let output = project.command(&["plugin", "test"]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let report = String::from_utf8(output.stdout).unwrap();
        drawn.extend(report.lines().filter_map(|line| Some(line.trim().strip_prefix("got ")?.trim().to_owned())));
    }
    drawn.sort();
    drawn.dedup();
    assert_eq!(drawn.len(), 4, "{drawn:?}");
    assert!(drawn.iter().all(|text| text.len() > 20), "{drawn:?}");
}

#[test]
fn the_same_sources_give_the_same_bytes_wherever_they_lie() {
    let [one, other] = [Project::provider("go"), Project::provider("go")];
    let [first, second] = [&one, &other].map(|project| {
        project.build();
        std::fs::read(project.component()).unwrap()
    });
    assert!(first == second, "two builds differ");
    // Neither the author's settings nor another spelling of the same path make a difference.
    other.write("plugin.toml", "name = \"people\"\nlanguage = \"go\"\nentry = \"./src/plugin.go\"\n");
    let mut command = other.command(&["plugin", "build"]);
    let output = command.envs([("GOFIPS140", "latest"), ("CGO_ENABLED", "1")]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(std::fs::read(other.component()).unwrap() == first, "another build differs");
    let text = String::from_utf8_lossy(&first);
    assert!(!text.contains(&*one.path.to_string_lossy()), "the component tells where it was built");
}

#[test]
fn what_does_not_build_is_said_with_what_to_do() {
    let project = Project::provider("go");
    let plugin = project.read("src/plugin.go");
    let build = |text: &str| {
        project.write("src/plugin.go", text);
        project.fails(&["plugin", "build"], 1)
    };
    let said = build(&plugin.replace("claims, err :=", "claims, oops :="));
    assert!(said.starts_with("chancery: src/plugin.go does not compile\nsrc/plugin.go:"), "{said}");
    assert!(said.contains("declared and not used: oops\n"), "{said}");
    let said = build(&plugin.replace("\"chancery/log\"", "\"chancery/log\"\n\t_ \"chancery/sql\""));
    assert_eq!(
        said,
        "chancery: the plugin uses chancery/sql, which wit/world.wit does not ask for\nWhere the plugin needs it, add to \
         the world, so that operators see what they grant:\n  import chancery:host/sql@0.1.0;\nElse remove the code that \
         uses it\n"
    );
    let said = build(&plugin.replace("\"chancery/log\"", "\"chancery/log\"\n\t_ \"chancery/http\""));
    assert!(said.contains("\n  import wasi:http/outgoing-handler@0.2.12;\n"), "{said}");
    let said = build(&plugin.replace("var Plugin =", "var plugin ="));
    assert!(said.starts_with("chancery: the package of src/plugin.go has no Plugin\n"), "{said}");
    let said = build("package plugin\n\nimport \"chancery\"\n\nvar Plugin = chancery.AuditSink{}\n");
    assert!(said.starts_with("chancery: Plugin is no chancery.DataProvider: "), "{said}");
    assert!(said.contains("\nwit/world.wit describes a data-provider plugin: make it one, "), "{said}");
    for module in ["example.org/other", "other"] {
        let said = build(&plugin.replace("\"chancery/log\"", &format!("\"chancery/log\"\n\t_ \"{module}\"")));
        assert!(said.starts_with("chancery: src/plugin.go does not compile\n"), "{said}");
        assert!(said.contains("by `go get MODULE` in the project's folder"), "{said}");
    }
    project.write("go.mod", "module example.org/people\n\ngo 1.25\n");
    let said = build(&plugin);
    let why = "chancery: go.mod does not require chancery, or does not say that it is in sdk/go\n";
    assert!(said.starts_with(why) && said.contains("\n  replace chancery => ./sdk/go\n"), "{said}");
    std::fs::remove_file(project.path.join("go.mod")).unwrap();
    let said = build(&plugin);
    assert!(said.starts_with("chancery: go.mod is not there, or names no module\n"), "{said}");
    assert!(!project.component().exists());
}

#[test]
fn without_a_compiler_both_ways_to_one_are_said() {
    let project = Project::provider("go");
    let nothing = project.path.join("nothing");
    let mut command = project.command(&["plugin", "build"]);
    command.env("PATH", &nothing).env("CHANCERY_TOOLS", &nothing);
    let said = project.failing(&mut command, 1);
    assert!(said.starts_with("chancery: python3 is not on PATH: the toolchain needs Python 3.10 or newer\n"), "{said}");
    assert!(said.contains("\nWithout it, install Go 1.25 or newer: "), "{said}");
}
