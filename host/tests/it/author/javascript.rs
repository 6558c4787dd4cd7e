//! Plugins in JavaScript.

use std::process::Command;

use super::project::{Host, Project, a_wallet_gets_what_the_plugin_says, generated_projects_pass, shared_folders};

#[test]
fn from_an_empty_directory_to_a_credential() {
    a_wallet_gets_what_the_plugin_says("js");
}

#[test]
fn every_kind_passes_its_cases_as_generated() {
    generated_projects_pass("js");
}

/// A module that is right, in one line.
const WHOLE: &str = "export const { lifecycle, dataProvider } = defineDataProvider({ name: \"people\", version: \"0.1.0\", \
                     summary: \"x\", fetch() { return { claims: {} }; } });";

const TOP_LEVEL: &str = "What stands outside of functions runs once, at build time: without a request, a configuration or \
                         a network";

/// What `build` says of a module, without the lines that tell what it does.
#[track_caller]
fn says(project: &Project, source: &str) -> String {
    project.write("src/plugin.js", source);
    let said = project.fails(&["plugin", "build"], 1);
    let (_, said) = said.split_once("chancery: ").unwrap();
    said.trim_end().to_owned()
}

#[test]
fn mistakes_in_modules_are_shown_where_they_are() {
    let project = Project::provider("js");
    for (lines, expected) in [
        (
            "const x y = 1;",
            "src/plugin.js:2:9: Expected \";\" but found \"y\"
    const x y = 1;
            ^
Mend this and build again",
        ),
        (
            "import * as sql from \"chancery/sql\";",
            "src/plugin.js:2:22: chancery/sql needs a capability that wit/world.wit does not ask for
    import * as sql from \"chancery/sql\";
                         ^
    Add the line `import chancery:host/sql@0.1.0;` to wit/world.wit: then operators see it, and have to grant it.
Mend this and build again",
        ),
        (
            "import { get } from \"chancery/http\";",
            "src/plugin.js:2:21: chancery/http needs a capability that wit/world.wit does not ask for
    import { get } from \"chancery/http\";
                        ^
    Add the line `import wasi:http/outgoing-handler@0.2.12;` to wit/world.wit: then operators see it, and have to grant it.
Mend this and build again",
        ),
        (
            "import { run } from \"chancery:host/sql@0.1.0\";",
            "src/plugin.js:2:21: chancery:host/sql@0.1.0 needs a capability that wit/world.wit does not ask for
    import { run } from \"chancery:host/sql@0.1.0\";
                        ^
    Add the line `import chancery:host/sql@0.1.0;` to wit/world.wit: then operators see it, and have to grant it.
Mend this and build again",
        ),
        (
            "import * as sql from \"chancery/sqll\";",
            "src/plugin.js:2:22: there is no module chancery/sqll
    import * as sql from \"chancery/sqll\";
                         ^
    There are chancery, chancery/files, chancery/http, chancery/journal, chancery/kv, chancery/reveal, chancery/secrets, \
             chancery/sign, chancery/sql.
Mend this and build again",
        ),
        (
            "import { NotFonud } from \"chancery\";",
            "src/plugin.js:2:10: No matching export in \"sdk/javascript/index.js\" for import \"NotFonud\"
    import { NotFonud } from \"chancery\";
             ^
    Did you mean to import \"NotFound\" instead?
Mend this and build again",
        ),
        (
            "import fs from \"node:fs\";\nimport dates from \"some-dates/utc\";\nimport { help } from \"./help.js\";",
            "src/plugin.js:2:16: node:fs is a module of Node.js, which is not in the sandbox
    import fs from \"node:fs\";
                   ^
    There, granted files are read by chancery/files.
src/plugin.js:3:19: Could not resolve \"some-dates/utc\"
    import dates from \"some-dates/utc\";
                      ^
    Where some-dates is a package of npm, `npm install some-dates` in the project: it becomes a part of the bundle.
src/plugin.js:4:22: Could not resolve \"./help.js\"
    import { help } from \"./help.js\";
                         ^
    There is no such file.
Mend this and build again",
        ),
    ] {
        let source = format!("import {{ defineDataProvider }} from \"chancery\";\n{lines}\n{WHOLE}\n");
        assert_eq!(says(&project, &source), expected);
    }
}

/// What lies outside of the project gets into no bundle, by whichever way.
#[test]
fn a_bundle_takes_in_files_of_the_project_alone() {
    let project = Project::provider("js");
    let outside = project.path.parent().unwrap().canonicalize().unwrap();
    for (file, text) in
        [("secret.json", "\"hush\""), ("secret.txt", "hush"), ("package/index.js", "export default \"hush\";\n")]
    {
        std::fs::create_dir_all(outside.join(file).parent().unwrap()).unwrap();
        std::fs::write(outside.join(file), text).unwrap();
    }
    std::fs::create_dir(project.path.join("node_modules")).unwrap();
    for (link, target) in [("src/link.json", "secret.json"), ("node_modules/linked", "package")] {
        std::os::unix::fs::symlink(outside.join(target), project.path.join(link)).unwrap();
    }
    for (import, file) in [
        ("../../secret.json", "secret.json"),
        ("../../secret.txt", "secret.txt"),
        (&*outside.join("secret.txt").to_string_lossy(), "secret.txt"),
        ("./link.json", "secret.json"),
        ("linked", "package/index.js"),
    ] {
        let source =
            format!("import {{ defineDataProvider }} from \"chancery\";\nimport hush from \"{import}\";\n{WHOLE}\n");
        let file = outside.join(file);
        let expected = format!("src/plugin.js:2:18: {} is outside of the project\n", file.display());
        let said = says(&project, &source);
        assert!(said.starts_with(&expected), "{import}: {said}");
        assert!(
            said.contains("\n    Copy it into the project; what comes from npm, `npm install` in the project."),
            "{said}"
        );
    }

    // Its own files and packages are what a bundle is made of.
    project.write("node_modules/installed/index.js", "export default \"here\";\n");
    project.write("src/own.json", "\"own\"");
    project.write(
        "src/plugin.js",
        &format!(
            "import {{ defineDataProvider }} from \"chancery\";\nimport a from \"installed\";\nimport b from \
             \"./own.json\";\nglobalThis.kept = [a, b];\n{WHOLE}\n"
        ),
    );
    project.build();
}

/// An installation for a machine that the engine is not published for.
#[test]
fn a_machine_without_an_engine_is_told_which_have_one() {
    let project = Project::provider("js");
    project.build();
    let [(_, tools), _] = shared_folders();
    let dir = tempfile::tempdir().unwrap();
    let installed = std::fs::read_dir(tools).unwrap().map(|entry| entry.unwrap().path());
    for folder in installed.filter(|path| path.is_dir() && path.to_string_lossy().contains("/javascript-")) {
        let copied = Command::new("cp").arg("-R").arg(&folder).arg(dir.path()).status().unwrap();
        assert!(copied.success());
        std::fs::remove_dir_all(dir.path().join(folder.file_name().unwrap()).join("node_modules/@andreiltd")).unwrap();
    }
    let said = project.failing(project.command(&["plugin", "build"]).env("CHANCERY_TOOLS", dir.path()), 1);
    let (_, said) = said.split_once("chancery: ").unwrap();
    assert!(said.starts_with("QuickJS is not published for this machine ("), "{said}");
    assert!(
        said.contains("\nBuild on Linux (x64 with glibc or musl, arm64 with glibc) or macOS (arm64, x64)"),
        "{said}"
    );
}

#[test]
fn a_module_exports_what_its_world_says() {
    let project = Project::provider("js");
    let define = "defineDataProvider({ name: \"people\", version: \"0.1.0\", summary: \"x\", fetch() {} });";
    assert_eq!(
        says(&project, &format!("import {{ defineDataProvider }} from \"chancery\";\n{define}\n")),
        "src/plugin.js does not export lifecycle and dataProvider
It has to have the line `export const { lifecycle, dataProvider } = defineDataProvider({ … });`"
    );
    let sink = "import { defineAuditSink } from \"chancery\";
export const { lifecycle, audit } = defineAuditSink({ name: \"x\", version: \"0.1.0\", summary: \"x\", deliver() {} });
";
    assert_eq!(
        says(&project, sink),
        "src/plugin.js is a plugin of the kind audit, and wit/world.wit says data-provider
Include chancery:plugin/audit-plugin there, or export `export const { lifecycle, dataProvider } = defineDataProvider({ … \
         });` here"
    );
}

#[test]
fn what_fails_while_the_plugin_is_built_is_shown_where_it_is() {
    let project = Project::provider("js");
    let frozen = "works only inside of the plugin's functions. The top level of a module runs once, while the plugin is \
                  built, and its values are frozen into the component";
    for (lines, expected) in [
        (
            "function salt() {\n  return Math.random();\n}\nconst SALT = salt();",
            format!("Error: Math.random {frozen}\n    at salt (src/plugin.js:3)\n    at <anonymous> (src/plugin.js:5)"),
        ),
        ("console.log(\"here\");", format!("Error: the log {frozen}\n    at <anonymous> (src/plugin.js:2)")),
        ("missing.call();", "Error: missing is not defined\n    at <anonymous> (src/plugin.js:2)".to_owned()),
        (
            "defineDataProvider({ name: \"people\", version: 1, summary: \"x\", fetch() {} });",
            "Error: defineDataProvider: version must be a version such as \"1.0.0\"; it is a number
    at <anonymous> (src/plugin.js:2)"
                .to_owned(),
        ),
        (
            "defineDataProvider({ name: \"people\", version: \"0.1.0\", summary: \"x\", fecth() {} });",
            "Error: defineDataProvider: there is no member fecth; there are name, version, summary, configSchema, validate, \
             prepare, health, fetch
    at <anonymous> (src/plugin.js:2)"
                .to_owned(),
        ),
    ] {
        let source = format!("import {{ defineDataProvider }} from \"chancery\";\n{lines}\n{WHOLE}\n");
        let head = "the top level of the plugin's modules fails while the plugin is built:";
        assert_eq!(says(&project, &source), format!("{head}\n{expected}\n{TOP_LEVEL}"));
    }
}

/// A provider that does what the subject's id says.
const BEHAVIOUR: &str = r#"import { defineDataProvider, NotFound, parseJson, Unavailable } from "chancery";
import { broken } from "./broken.js";

const behaviour = {
  throws: () => broken({}),
  text: () => {
    throw "not even an Error";
  },
  number: () => 17,
  direct: () => ({ given_name: "Ada" }),
  nothing: () => undefined,
  promise: async () => ({ claims: {} }),
  bigint: () => ({ claims: { big: 1n } }),
  known: () => {
    throw new NotFound("Nobody.", { detail: "row 7" });
  },
  later: () => {
    throw new Unavailable("Later.", { retryAfterMs: 1500, cause: new TypeError("why") });
  },
  large: () => ({ claims: { text: "x".repeat(1024 * 1024) } }),
  endless: () => behaviour.endless() + 1,
  prints: () => {
    console.log("seen", { a: 1 });
    return { claims: {} };
  },
  infinite: () => ({ claims: { heights: [1, 1 / 0] } }),
  twice: () => ({ claims: parseJson('{"Ada": 1, "Ada": 2}') }),
  deep: () => ({ claims: parseJson("[".repeat(100_000)) }),
};

export const { lifecycle, dataProvider } = defineDataProvider({
  name: "people",
  version: "0.1.0",
  summary: "Misbehaves.",
  fetch: (request) => behaviour[request.subject.id](),
});
"#;

const BROKEN: &str =
    "// A module of the author's.\n\nexport function broken(thing) {\n  return thing.missing.member;\n}\n";

/// What is to come of each id.
const BEHAVES: [(&str, &str); 15] = [
    (
        "throws",
        r#"error = "internal"
message = "The plugin failed."
detail = "TypeError: cannot read property 'member' of undefined*at broken* (src/broken.js:4)*(src/plugin.js:5)*""#,
    ),
    ("text", "error = \"internal\"\nmessage = \"The plugin failed.\"\ndetail = '\"not even an Error\" was thrown*'"),
    ("number", "error = \"internal\"\ndetail = \"TypeError: fetch returned must be { claims, *}; it is a number*\""),
    ("direct", "error = \"internal\"\ndetail = \"*it is an object with given_name*\""),
    ("nothing", "error = \"internal\"\ndetail = \"*it is undefined*\""),
    ("promise", "error = \"internal\"\ndetail = \"*fetch returned a Promise*take `async` and `await` away*\""),
    ("bigint", "error = \"internal\"\ndetail = \"*claims.big is a BigInt, which JSON does not have*\""),
    ("known", "error = \"not-found\"\nmessage = \"Nobody.\"\ndetail = \"row 7\""),
    (
        "later",
        "error = \"unavailable\"\nmessage = \"Later.\"\nretry_after = \"1500ms\"\ndetail = \"TypeError: why*(src/plugin.js:18)*\"",
    ),
    ("large", "claims = { text = \"xxx*xxx\" }"),
    ("endless", "error = \"limit\""),
    ("prints", "claims = {}\nlogs = ['seen {\"a\":1}']"),
    ("infinite", "error = \"internal\"\ndetail = \"claims.heights[1] is not a finite number\""),
    (
        "twice",
        "error = \"internal\"\ndetail = \"the JSON cannot be read: a name stands twice in one object at line 1 *\"",
    ),
    ("deep", "error = \"internal\"\ndetail = \"the JSON cannot be read: more than 32 levels at line 1 *\""),
];

#[test]
fn whatever_a_plugin_does_its_author_can_read() {
    let project = Project::provider("js");
    project.write("src/plugin.js", BEHAVIOUR);
    project.write("src/broken.js", BROKEN);
    let case = |(id, expected)| {
        format!(
            "[[case]]\nname = \"{id}\"\nrequest = {{ subject = {{ id = \"{id}\" }} }}\n[case.expect]\n{expected}\n\n"
        )
    };
    let cases: String = BEHAVES.map(case).concat();
    project.write("cases.toml", &cases);
    project.write("people.toml", "");
    project.build();
    let report = project.test();
    assert!(report.contains("15 cases passed"), "{report}");
    let component = std::fs::read(project.component()).unwrap();
    let path = project.path.to_string_lossy().into_owned();
    assert!(!component.windows(path.len()).any(|part| part == path.as_bytes()), "no path of this machine is in it");
}

/// The engine's generator was seeded while the component was built: with it, all calls would be given one number.
#[test]
fn random_numbers_differ_from_call_to_call() {
    let project = Project::provider("js");
    project.replace(
        "src/plugin.js",
        "source: \"config\" };",
        "source: [Math.random(), crypto.randomUUID(), crypto.getRandomValues(new Uint8Array(4))].join() };",
    );
    project.build();
    let host = Host::open();
    host.install(&project);
    let drawn = || -> Vec<String> {
        let claims = host.credential("person-1");
        claims["source"].as_str().unwrap().split(',').map(str::to_owned).collect()
    };
    let (first, second) = (drawn(), drawn());
    assert_eq!((first.len(), second.len()), (6, 6));
    assert_ne!(first[0], second[0], "Math.random");
    assert_ne!(first[1], second[1], "crypto.randomUUID");
    assert_ne!(first[2..], second[2..], "crypto.getRandomValues");
}

/// The other engine: promises are waited for, and `fetch` goes the way that the grant allows.
#[test]
fn starlingmonkey_has_fetch_and_promises() {
    let project = Project::new("js", "data-provider", "http");
    project.replace("plugin.toml", "# engine = \"starlingmonkey\"", "engine = \"starlingmonkey\"");
    project.write(
        "src/plugin.js",
        r#"import { defineDataProvider, NotFound } from "chancery";

export const { lifecycle, dataProvider } = defineDataProvider({
  name: "people",
  version: "0.1.0",
  summary: "Asks by fetch.",
  async fetch(request, config) {
    const response = await fetch(`${config.registry}/people/${request.subject.id}`);
    if (response.status === 404) throw new NotFound("This person is not registered.");
    return { claims: { ...(await response.json()), random: Math.random() !== Math.random() } };
  },
});
"#,
    );
    project.write(
        "cases.toml",
        r#"[[case]]
name = "somebody"
request = { subject = { id = "person-1" } }
[[case.http]]
request = { method = "GET", url = "https://registry.example.org/people/person-1" }
response = { status = 200, headers = { content-type = "application/json" }, json = { given_name = "Ada" } }
[case.expect]
claims = { given_name = "Ada", random = true }

[[case]]
name = "nobody"
request = { subject = { id = "nobody" } }
[[case.http]]
request = { method = "GET", url = "https://registry.example.org/people/nobody" }
response = { status = 404 }
[case.expect]
error = "not-found"

[[case]]
name = "another host"
request = { subject = { id = "person-1" } }
config = { registry = "https://elsewhere.example.org" }
http = [{ request = { url = "https://elsewhere.example.org/people/person-1" }, fault = "denied" }]
[case.expect]
error = "internal"
message = "The plugin failed."
detail = "TypeError: *"
"#,
    );
    project.build();
    let report = project.test();
    assert!(report.contains("3 cases passed"), "{report}");
}
