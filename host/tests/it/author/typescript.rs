//! Plugins in TypeScript.

use super::project::{Project, a_wallet_gets_what_the_plugin_says, generated_projects_pass};

#[test]
fn from_an_empty_directory_to_a_credential() {
    a_wallet_gets_what_the_plugin_says("ts");
}

#[test]
fn every_kind_passes_its_cases_as_generated() {
    generated_projects_pass("ts");
}

#[test]
fn types_are_checked_before_anything_is_built() {
    let project = Project::provider("ts");
    project.write(
        "src/plugin.ts",
        r#"import { defineDataProvider } from "chancery";

export const { lifecycle, dataProvider } = defineDataProvider<{ limit: number }>({
  name: "people",
  version: "0.1.0",
  summary: "x",
  fetch(request, config) {
    const limit: string = config.limit;
    return { claims: { limit }, validUntil: request.subject.name };
  },
});
"#,
    );
    let said = project.fails(&["plugin", "build"], 1);
    let (_, said) = said.split_once("chancery: ").unwrap();
    for expected in [
        "src/plugin.ts:8:11: TS2322: Type 'number' is not assignable to type 'string'.\n",
        "src/plugin.ts:9:61: TS2339: Property 'name' does not exist on type 'Subject'.\n",
        "\nMend the types and build again\n",
    ] {
        assert!(said.contains(expected), "{said}");
    }
    assert!(!project.component().exists());
}

/// The lines of a defect are those of the TypeScript source, and a project without a tsconfig.json has the SDK's.
#[test]
fn defects_are_shown_in_the_typescript_source() {
    let project = Project::provider("ts");
    std::fs::remove_file(project.path.join("tsconfig.json")).unwrap();
    project.write(
        "src/plugin.ts",
        r#"import { defineDataProvider, type Json } from "chancery";

interface Person {
  name: string;
}

function nameOf(person: Person): Json {
  return person.name.trim();
}

export const { lifecycle, dataProvider } = defineDataProvider({
  name: "people",
  version: "0.1.0",
  summary: "x",
  fetch: () => ({ claims: { name: nameOf({} as Person) } }),
});
"#,
    );
    project.write(
        "cases.toml",
        r#"[[case]]
name = "a defect"
request = { subject = { id = "person-1" } }
[case.expect]
error = "internal"
detail = "TypeError: *at nameOf (src/plugin.ts:8)*(src/plugin.ts:15)*"
"#,
    );
    project.build();
    project.test();
}
