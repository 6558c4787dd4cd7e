//! Building plugins in JavaScript and TypeScript: one bundle of the author's modules and the SDK, frozen into a component
//! together with an engine.
//!
//! Node.js does both, in `build.mjs`. What it cannot do is in here. componentize-qjs links a component with its own copy
//! of WASI while it makes the snapshot, and that copy has no room for the streams of wasi:http. So the world that it gets
//! calls those packages by another name of the same length, and the imports of the finished component get theirs back.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};
use serde_json::json;
use wasmparser::{Parser, Payload};

use super::{BuildError, MAKING, clear, failed, put};
use crate::embedded;
use crate::project::{Engine, Language, Project};
use crate::tools::{Tools, ToolsError};
use crate::world::{CONTRACT_VERSION, World};

/// What makes the component.
const DRIVER: &str = "plugin-sdk/toolchains/javascript/build.mjs";

/// The interface that the engine's random numbers come from.
const RANDOM: &str = "plugin-sdk/toolchains/javascript/random.wit";
const RANDOM_IMPORT: &str = "wasi:random/random@0.2.12";

/// The packages of WASI in the world that componentize-qjs gets. Their version is one that the engine's own imports do
/// not have: a component cannot import one name twice.
const REAL: StandIn = StandIn { package: "wasi", version: "0.2.12" };
const STAND_IN: StandIn = StandIn { package: "wasx", version: "0.2.10" };

#[derive(Clone, Copy, Serialize)]
struct StandIn {
    package: &'static str,
    version: &'static str,
}

/// What `build.mjs` is told.
#[derive(Serialize)]
struct Job<'a> {
    /// The folder that has the toolchain's node_modules.
    tools: &'a Path,
    root: &'a Path,
    entry: &'a Path,
    engine: &'static str,
    kind: String,
    /// Name and folder of the world that the component is made for.
    world: &'static str,
    wit: &'a Path,
    /// What the project's world imports.
    imports: &'a [String],
    /// For what is made on the way.
    #[serde(rename = "gen")]
    intermediate: &'a Path,
    /// Where the component goes.
    component: &'a Path,
    rename: Option<StandIn>,
}

/// What `build.mjs` says.
#[derive(Deserialize)]
#[serde(untagged)]
enum Said {
    Fault { message: String, hint: String },
    Component { component: PathBuf },
}

pub(super) fn build(project: &Project, world: &World, tools: &Tools) -> Result<Vec<u8>, BuildError> {
    if project.language == Language::TypeScript {
        check_types(project, tools)?;
    }
    let (engine, toolchain, rename) = match project.engine {
        Engine::QuickJs => ("quickjs", "javascript", Some(STAND_IN)),
        Engine::StarlingMonkey => ("starlingmonkey", "starlingmonkey", None),
    };
    let toolchain = tools.npm(toolchain)?;
    let intermediate = project.build_dir().join("gen");
    let imports = imports(world);
    let wit = compose(project, world, &imports, rename, &intermediate)?;
    let component = intermediate.join("component.wasm");
    let job = Job {
        tools: &toolchain,
        root: &project.root,
        entry: &project.entry,
        engine,
        kind: world.kind.to_string(),
        world: WORLD,
        wit: &wit,
        imports: &imports,
        intermediate: &intermediate,
        component: &component,
        rename,
    };
    let component = run(&job, tools)?;
    let mut wasm = fs::read(&component).map_err(failed(&component))?;
    if rename.is_some() {
        restore_names(&mut wasm).map_err(BuildError::Component)?;
    }
    Ok(wasm)
}

/// The world that the component is made for.
const WORLD: &str = "plugin";

/// Runs `build.mjs`.
fn run(job: &Job<'_>, tools: &Tools) -> Result<PathBuf, BuildError> {
    tools.say(&format!("bundling {}, and making a component of it with {} inside", job.entry.display(), job.engine));
    let driver = job.intermediate.join("build.mjs");
    put(&driver, embedded::file(DRIVER).unwrap_or_default())?;
    let text = serde_json::to_string(job).map_err(|error| BuildError::Component(error.to_string()))?;
    let mut command = Command::new(tools.node()?);
    let output = tools.run(MAKING, tools.limits().step, command.arg(&driver).arg(text)).map_err(super::at_top_level)?;
    match serde_json::from_str(&output) {
        Ok(Said::Component { component }) => Ok(component),
        Ok(Said::Fault { message, hint }) => Err(BuildError::Language { message, hint }),
        Err(_) => Err(ToolsError::Failed { what: MAKING.to_owned(), output }.into()),
    }
}

/// Every interface that the world imports, by its name in the contract.
fn imports(world: &World) -> Vec<String> {
    let imported = world.resolve.worlds[world.id].imports.keys();
    imported.map(|key| world.resolve.name_world_key(key)).filter(|name| name.contains(':')).collect()
}

/// Writes the world and what it refers to, and answers its folder. It has what the author's world has, and random
/// numbers.
fn compose(
    project: &Project,
    world: &World,
    imports: &[String],
    rename: Option<StandIn>,
    intermediate: &Path,
) -> Result<PathBuf, BuildError> {
    clear(intermediate)?;
    let spelled = |text: String| match rename {
        Some(stand_in) => renamed(&text, stand_in),
        None => text,
    };
    let wit = intermediate.join("wit");
    let lines: String = imports.iter().flat_map(|name| ["  import ", name, ";\n"]).collect();
    let kind = world.kind;
    let text = format!(
        "package chancery:build;\n\nworld {WORLD} {{\n  include chancery:plugin/{kind}-plugin@{CONTRACT_VERSION};\n{lines}  \
         import {RANDOM_IMPORT};\n}}\n"
    );
    put(&wit.join("world.wit"), spelled(text))?;
    let random = String::from_utf8_lossy(embedded::file(RANDOM).unwrap_or_default()).into_owned();
    put(&wit.join("deps/wasi-random/random.wit"), spelled(random))?;
    let composed = project.build_dir().join("wit/deps");
    for package in entries(&composed)? {
        for file in entries(&package)? {
            let text = fs::read_to_string(&file).map_err(failed(&file))?;
            let inside = file.strip_prefix(&composed).unwrap_or(&file);
            put(&wit.join("deps").join(inside), spelled(text))?;
        }
    }
    Ok(wit)
}

/// WIT with the packages of WASI under another name and in another version.
fn renamed(text: &str, stand_in: StandIn) -> String {
    let from = |of: StandIn| (format!("{}:", of.package), format!("@{}", of.version));
    let ((package, version), (stand_in_package, stand_in_version)) = (from(REAL), from(stand_in));
    text.replace(&package, &stand_in_package).replace(&version, &stand_in_version)
}

/// Gives the component's imports their names back. Both are of one length, so that nothing else moves.
fn restore_names(wasm: &mut [u8]) -> Result<(), String> {
    let start = wasm.as_ptr().addr();
    let mut places = Vec::new();
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.map_err(|error| error.to_string())? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(imports) if depth == 0 => {
                for import in imports {
                    let name = import.map_err(|error| error.to_string())?.name.name;
                    if name.strip_prefix(STAND_IN.package).is_some_and(|rest| rest.starts_with(':')) {
                        places.push(name.as_ptr().addr() - start);
                    }
                }
            }
            _ => {}
        }
    }
    for place in places {
        wasm[place..place + REAL.package.len()].copy_from_slice(REAL.package.as_bytes());
    }
    Ok(())
}

/// Checks the types, before anything is built: as the project's own configuration says, or as the SDK's does.
fn check_types(project: &Project, tools: &Tools) -> Result<(), BuildError> {
    let mut config = project.root.join("tsconfig.json");
    if !config.is_file() {
        config = project.build_dir().join("tsconfig.json");
        let entry = Path::new("..").join(&project.entry);
        let text = json!({ "extends": "../sdk/javascript/tsconfig.json", "files": [entry] });
        put(&config, format!("{text}\n"))?;
    }
    let toolchain = tools.npm("typescript")?;
    tools.say("checking types");
    let mut command = Command::new(tools.node()?);
    command.arg(toolchain.join("node_modules/typescript/bin/tsc")).arg("--project").arg(config);
    command.args(["--noEmit", "--pretty", "false"]).current_dir(&project.root);
    match tools.run("checking types", tools.limits().step, &mut command) {
        Ok(_) => Ok(()),
        Err(ToolsError::Failed { output, .. }) => Err(BuildError::Language {
            message: output.lines().map(place).collect::<Vec<_>>().join("\n"),
            hint: "Mend the types and build again".to_owned(),
        }),
        Err(error) => Err(error.into()),
    }
}

/// `src/plugin.ts(12,5): error TS2322: …` as `src/plugin.ts:12:5: …`, which editors and terminals open.
fn place(line: &str) -> String {
    let parts = line.split_once("): error ").and_then(|(place, rest)| {
        let (file, position) = place.rsplit_once('(')?;
        let (row, column) = position.split_once(',')?;
        Some(format!("{file}:{row}:{column}: {rest}"))
    });
    parts.unwrap_or_else(|| line.to_owned())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, BuildError> {
    let read = fs::read_dir(folder).map_err(failed(folder))?;
    let mut paths = read.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>().map_err(failed(folder))?;
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tsc_says_can_be_opened() {
        let said = "src/plugin.ts(12,5): error TS2322: Type 'string' is not assignable to type 'number'.";
        assert_eq!(place(said), "src/plugin.ts:12:5: TS2322: Type 'string' is not assignable to type 'number'.");
        for other in ["  The expected type comes from here", "error TS18003: No inputs were found", ""] {
            assert_eq!(place(other), other);
        }
    }

    #[test]
    fn packages_of_wasi_are_renamed_and_nothing_else() {
        let text = "package wasi:http@0.2.12;\n@since(version = 0.2.0)\nuse wasi:io/poll@0.2.12.{pollable};";
        let expected = "package wasx:http@0.2.10;\n@since(version = 0.2.0)\nuse wasx:io/poll@0.2.10.{pollable};";
        assert_eq!(renamed(text, STAND_IN), expected);
        assert_eq!(renamed("import chancery:host/log@0.1.0;", STAND_IN), "import chancery:host/log@0.1.0;");
        assert_eq!(REAL.package.len(), STAND_IN.package.len(), "names are replaced in place");
    }

    #[test]
    fn only_the_components_own_imports_get_their_names_back() {
        let text = r#"(component
            (import "wasx:io/poll@0.2.10" (instance))
            (import "chancery:host/log@0.1.0" (instance))
            (component (import "wasx:io/error@0.2.10" (instance)))
            (core module (import "wasx:io/streams@0.2.10" "f" (func))))"#;
        let mut wasm = wat::parse_str(text).unwrap();
        restore_names(&mut wasm).unwrap();
        let expected = wat::parse_str(text.replacen("wasx:io/poll", "wasi:io/poll", 1)).unwrap();
        assert_eq!(wasm, expected);
        restore_names(&mut b"not wasm".to_vec()).unwrap_err();
    }

    #[test]
    fn the_driver_comes_with_the_binary() {
        for file in [DRIVER, RANDOM] {
            assert!(embedded::file(file).is_some_and(|content| !content.is_empty()), "{file}");
        }
    }
}
