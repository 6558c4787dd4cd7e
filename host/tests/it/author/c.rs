//! Plugins in C.

use super::project::{Host, Project, a_wallet_gets_what_the_plugin_says, done, generated_projects_pass};

/// A plugin that goes wrong in each way there is, and what must come of it.
const BEHAVIOUR: &str = include_str!("c/behaviour.c");
const CASES: &str = include_str!("c/cases.toml");

/// A plugin that uses every capability as the subject's id says.
const CAPABILITIES: &str = include_str!("c/capabilities.c");
const CAPABILITIES_CASES: &str = include_str!("c/capabilities.toml");

/// A plugin that shares one sandbox among its calls, as an operator may want it.
const WARM: &str = include_str!("c/warm.c");

#[test]
fn from_an_empty_directory_to_a_credential() {
    a_wallet_gets_what_the_plugin_says("c");
}

#[test]
fn every_kind_passes_its_cases_as_generated() {
    generated_projects_pass("c");
}

/// What a plugin does wrong ends its own call, and the log names the line.
#[test]
fn a_plugin_that_goes_wrong_fails_its_own_call() {
    let project = Project::provider("c");
    project.write("src/plugin.c", BEHAVIOUR);
    project.write("cases.toml", CASES);
    project.build();
    let report = project.test();
    assert!(!report.contains("FAILED"), "{report}");
}

/// Answers, refusals and failures of every capability reach the plugin, and the operator reads what to mend.
#[test]
fn each_capability_answers_and_refuses() {
    let project = Project::new("c", "data-provider", "http,sql,files,kv,reveal,sign");
    project.write("src/plugin.c", CAPABILITIES);
    project.write("cases.toml", CAPABILITIES_CASES);
    project.build();
    let report = project.test();
    assert!(!report.contains("FAILED"), "{report}");
}

/// Where calls share a sandbox, what the SDK took for one is given back, and shows nothing of it to the next.
#[test]
fn a_sandbox_that_is_used_again_is_clean() {
    let host = Host::open();
    let project = Project::provider("c");
    project.write("src/plugin.c", WARM);
    let grant = "[plugin]\ninstance = \"warm\"\n[warm]\nidle = \"10m\"\n[limits]\ncpu = \"5s\"\nwall = \"1m\"\n";
    project.write("people.toml", grant);
    project.build();
    host.install(&project);
    for (call, subject) in ["person-1", "person-2", "person-3"].into_iter().enumerate() {
        let claims = host.credential(subject);
        assert_eq!(claims["given_name"], (call + 1).to_string(), "the call had a sandbox of its own: {claims}");
        assert_eq!((&claims["family_name"], &claims["village"]), (&"clean".into(), &subject.into()), "{claims}");
    }
}

/// Two calls of one component draw different numbers, and so does another run.
#[test]
fn randomness_is_the_hosts_and_new_in_each_call() {
    let project = Project::provider("c");
    project.write("src/plugin.c", BEHAVIOUR);
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
    assert!(drawn.iter().all(|number| number.len() == 18), "{drawn:?}");
    drawn.sort();
    drawn.dedup();
    assert_eq!(drawn.len(), 4, "{drawn:?}");
}

#[test]
fn the_same_sources_give_the_same_bytes_wherever_they_lie() {
    let [one, other] = [Project::provider("c"), Project::provider("c")];
    let [first, second] = [&one, &other].map(|project| {
        project.replace(
            "src/plugin.c",
            "const char *found",
            "if (0) chancery_panic(\"never\");\n    const char *found",
        );
        project.build();
        std::fs::read(project.component()).unwrap()
    });
    assert!(first == second, "two builds differ");
    let text = String::from_utf8_lossy(&first);
    let place = one.path.parent().unwrap().to_string_lossy();
    assert!(text.contains("src/plugin.c") && !text.contains(&*place), "a path of this machine is in it");
    one.build();
    assert!(std::fs::read(one.component()).unwrap() == first, "a build that finds things compiled differs");
}

#[test]
fn warnings_are_shown_each_time_and_the_build_goes_on() {
    let project = Project::provider("c");
    project.replace("src/plugin.c", "const char *found", "int unused;\n    const char *found");
    for _ in 0..2 {
        let output = project.command(&["plugin", "build"]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        assert!(said.contains("warning: unused variable 'unused'"), "{said}");
        assert!(said.contains("src/plugin.c:"), "{said}");
        assert!(!said.contains("sdk/"), "the SDK's own matters are shown: {said}");
    }
}

#[test]
fn a_capability_that_the_world_lacks_is_named_with_its_line() {
    let project = Project::provider("c");
    project.write(
        "src/plugin.c",
        "#include \"chancery.h\"\n\nconst chancery_plugin chancery_about = {\"people\", \"0.1.0\", \"x\", NULL};\n\n\
         bool chancery_fetch(const chancery_request *request, chancery_data *data, chancery_error *error) {\n    \
         chancery_sql_rows rows;\n    return chancery_sql_run(\"x\", NULL, 0, &rows, error);\n}\n",
    );
    let said = project.fails(&["plugin", "build"], 1);
    assert_eq!(
        said,
        "chancery: src/plugin.c does not compile
src/plugin.c:7:12: error: 'chancery_sql_run' is unavailable: wit/world.wit does not ask for it: add the line `import \
         chancery:host/sql@0.1.0;` to the world
    7 |     return chancery_sql_run(\"x\", NULL, 0, &rows, error);
      |            ^
Operators grant what wit/world.wit asks for: add the line where the plugin needs it, else remove the code that uses it. A new \
         capability also needs its grant in the grant file
"
    );
    project.replace("wit/world.wit", "}", "  import chancery:host/sql@0.1.0;\n}");
    project.build();
}

#[test]
fn what_is_missing_and_what_is_there_twice_is_said() {
    let project = Project::provider("c");
    project.write("src/more.c", "int helper(void) { return 1; }\nint twice(void) { return 1; }\n");
    project.write(
        "src/plugin.c",
        "#include \"chancery.h\"\n\nint helper(void);\n\nint twice(void) {\n    return 2;\n}\n\n\
         const chancery_plugin chancery_about = {\"people\", \"0.1.0\", \"x\", NULL};\n\n\
         bool chancery_health(chancery_error *error) {\n    return helper() < twice();\n}\n",
    );
    assert_eq!(
        project.fails(&["plugin", "build"], 1),
        "chancery: a data-provider plugin defines chancery_fetch, and this one does not:
  bool chancery_fetch(const chancery_request *request, chancery_data *data, chancery_error *error)
src/plugin.c uses helper, which is defined nowhere
All files of the plugin stand in `sources` of plugin.toml; sdk/c/chancery.h says what they define
"
    );
    project.replace("plugin.toml", "\"src/plugin.c\"", "\"src/plugin.c\", \"src/more.c\"");
    let said = project.fails(&["plugin", "build"], 1);
    assert!(said.contains("twice is defined twice: make one of them static, or give it another name\n"), "{said}");
}

#[test]
fn without_a_compiler_both_ways_to_one_are_said() {
    let project = Project::provider("c");
    let nothing = project.path.join("nothing");
    let build = |named: Option<&str>| {
        let mut command = project.command(&["plugin", "build"]);
        command.env("PATH", &nothing).env("CHANCERY_TOOLS", &nothing);
        named.map(|named| command.env("CHANCERY_CC", named));
        project.failing(&mut command, 1)
    };
    let said = build(None);
    assert!(said.starts_with("chancery: python3 is not on PATH: the toolchain needs Python 3.10 or newer\n"), "{said}");
    assert!(
        said.contains("\nWithout it, a system's clang needs what it links with: `apt install clang lld "),
        "{said}"
    );
    let said = build(Some("clang"));
    assert!(said.starts_with("chancery: CHANCERY_CC is `clang`, which does not compile for WebAssembly: "), "{said}");
    assert!(!project.component().exists());
}

/// A plugin in C may use all of the C library; what it prints is not lost where it fails.
#[test]
fn the_c_library_brings_no_capability() {
    let project = Project::provider("c");
    project.write("src/plugin.c", BEHAVIOUR);
    project.build();
    let report = done(&mut project.command(&["plugin", "inspect"]));
    assert!(report.lines().any(|line| line.starts_with("wants") && line.ends_with("nothing")), "{report}");
}
