//! Plugins in Rust.

use std::process::Command;

use super::project::{Project, a_wallet_gets_what_the_plugin_says, done, generated_projects_pass, shared_folders};

#[test]
fn from_an_empty_directory_to_a_credential() {
    a_wallet_gets_what_the_plugin_says("rust");
}

#[test]
fn every_kind_passes_its_cases_as_generated() {
    generated_projects_pass("rust");
}

#[test]
fn native_tests_and_lints_find_nothing_in_a_new_project() {
    let project = Project::new("rust", "data-provider", "http,kv");
    for arguments in [&["test", "--quiet"][..], &["clippy", "--quiet", "--all-targets", "--", "-D", "warnings"]] {
        let mut cargo = Command::new("cargo");
        cargo.args(arguments).current_dir(&project.path).envs(shared_folders());
        done(&mut cargo);
    }
}

/// The same sources give the same bytes wherever they lie, and nothing in them tells where that was.
#[test]
fn components_are_reproducible_and_name_no_machine() {
    let (first, second) = (Project::provider("rust"), Project::provider("rust"));
    first.build();
    second.write("Cargo.lock", &first.read("Cargo.lock"));
    second.build();
    let component = std::fs::read(first.component()).unwrap();
    assert!(component == std::fs::read(second.component()).unwrap(), "two builds of the same sources differ");
    let home = std::env::var("HOME").unwrap();
    for private in [&*first.path.to_string_lossy(), &*shared_folders()[1].1.to_string_lossy(), &home] {
        let found = private.len() > 1 && component.windows(private.len()).any(|window| window == private.as_bytes());
        assert!(!found, "the component names {private}");
    }
}

/// Projects of one name in one target directory: each gets what its own sources say.
#[test]
fn projects_of_one_name_do_not_get_in_each_others_way() {
    let projects = ["Nobody is called so.", "Somebody else is called so."].map(|message| {
        let project = Project::provider("rust");
        project.replace("src/lib.rs", "This person is not registered.", message);
        (project, message)
    });
    std::thread::scope(|scope| {
        for (project, message) in &projects {
            scope.spawn(move || {
                project.build();
                let component = std::fs::read(project.component()).unwrap();
                assert!(component.windows(message.len()).any(|window| window == message.as_bytes()), "{message}");
            });
        }
    });
}

#[test]
fn mistakes_in_the_code_are_shown_as_cargo_shows_them() {
    let project = Project::provider("rust");
    project.replace("src/lib.rs", "Ok(claims.into())", "Ok(claim.into())");
    let said = project.fails(&["plugin", "build"], 1);
    assert!(said.contains("error[E0425]: cannot find value `claim` in this scope\n"), "{said}");
    assert!(said.contains("--> src/lib.rs:"), "{said}");
    let last = "chancery: the crate does not build: cargo says above what is wrong\n\
                `cargo check` says it too, quicker, and so does an editor with rust-analyzer\n";
    assert!(said.ends_with(last), "{said}");
    assert!(!project.component().exists());
}

#[test]
fn a_crate_that_makes_no_component_is_refused_before_it_is_compiled() {
    let project = Project::provider("rust");
    project.replace("Cargo.toml", "crate-type = [\"cdylib\"]\n", "");
    assert_eq!(
        project.fails(&["plugin", "build"], 1),
        "chancery: Cargo.toml makes no cdylib, and only a cdylib becomes a component\n\
         Put the code into src/lib.rs and add to Cargo.toml:\n  [lib]\n  crate-type = [\"cdylib\"]\n"
    );
    project.write("Cargo.toml", "[workspace]\n");
    assert_eq!(
        project.fails(&["plugin", "build"], 1),
        "chancery: Cargo.toml has no [package]\nA plugin is one crate: let `entry` of plugin.toml name its Cargo.toml\n"
    );
    project.write("Cargo.toml", "[package\n");
    let said = project.fails(&["plugin", "build"], 1);
    assert!(said.contains("Cargo.toml:1:9\n"), "{said}");
}

#[test]
fn a_crate_without_the_export_macro_is_told_which_one() {
    let project = Project::new("rust", "audit", "");
    project.replace("src/lib.rs", "export_audit_sink!(Sink);\n", "");
    project.replace("src/lib.rs", "    export_audit_sink,\n", "");
    let said = project.fails(&["plugin", "build"], 1);
    let last = "chancery: the component exports nothing that the host calls\n\
                Add `export_audit_sink!(YourType);` to the crate, once: wit/world.wit describes a plugin of kind audit\n";
    assert!(said.ends_with(last), "{said}");
}

/// A feature alone asks for nothing; a call does.
#[test]
fn what_the_code_calls_has_to_stand_in_the_world() {
    let project = Project::provider("rust");
    project.replace("Cargo.toml", "path = \"sdk/rust\" }", "path = \"sdk/rust\", features = [\"kv\"] }");
    assert!(project.build().contains("wants nothing"));
    let call = "chancery_plugin_sdk::kv::delete(\"k\")?;\n        Ok(claims.into())";
    project.replace("src/lib.rs", "Ok(claims.into())", call);
    let said = project.fails(&["plugin", "build"], 1);
    assert!(said.contains("the component imports kv, which wit/world.wit does not ask for\n"), "{said}");
    assert!(said.contains("\n  import chancery:host/kv@0.1.0;\n"), "{said}");
}

#[test]
fn a_panic_fails_its_call_and_is_told() {
    let project = Project::provider("rust");
    let panic = "assert!(id.is_empty(), \"no luck with a person\");\n        let claims = self.person(id)?;";
    project.replace("src/lib.rs", "let claims = self.person(id)?;", panic);
    project.build();
    let mut test = project.command(&["plugin", "test"]);
    let (code, out, err) = super::project::texts(&test.output().unwrap());
    assert_eq!(code, Some(1), "{out}{err}");
    assert!(out.contains("no luck with a person") && out.contains("src/lib.rs:"), "{out}");
    assert!(out.contains("ok      it could serve"), "{out}");
}
