//! Building plugins in C: bindings by wit-bindgen-c, clang, and the SDK's sources for what the world asks for.

mod compiler;
mod messages;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use wit_bindgen_core::Files;

use self::compiler::Compiler;
use super::{BuildError, clear, failed, no_bindings, put};
use crate::component;
use crate::project::{Language, Project};
use crate::tools::Tools;
use crate::world::{Kind, World};

/// Where bindings and objects go, under the project's root.
const GENERATED: &str = "build/gen";

/// What the bindings are called, whatever the author calls the world: the SDK includes `plugin.h`.
const BINDINGS: &str = "plugin";

/// The SDK, under the project's root. All paths are relative, so that none of this machine gets into the component.
const SDK: &str = "sdk/c";

/// The parts of the SDK that every plugin has.
const BASE: [&str; 6] = ["memory", "text", "json", "error", "host", "guard"];

/// The capabilities that the SDK has a part for. `reveal` is in the one of `secrets`.
const PARTS: [&str; 7] = ["files", "http", "journal", "kv", "secrets", "sign", "sql"];

/// For all that is compiled. JSON is strict, and small rather than fast by the last digit.
const FLAGS: [&str; 8] = [
    "-std=gnu17",
    "-Os",
    "-mexec-model=reactor",
    "-Isdk/c",
    "-Isdk/c/yyjson",
    "-Ibuild/gen",
    "-DYYJSON_DISABLE_NON_STANDARD=1",
    "-Dyyjson_inline=__inline__",
];

/// For the author's code: warnings, `assert` in the SDK's way, and checks whose failure the SDK logs.
const AUTHORS_FLAGS: [&str; 9] = [
    "-Wall",
    "-Wextra",
    // The contract's functions have parameters that not every plugin needs.
    "-Wno-unused-parameter",
    "-UNDEBUG",
    "-D__assert_fail=chancery_assert_fail",
    "-fsanitize=null,bounds,vla-bound",
    "-fno-sanitize-trap=all",
    "-fno-sanitize-recover=all",
    "-c",
];

/// For linking, together with the SDK's sources, whose warnings are no matter of the author's.
const LINK_FLAGS: [&str; 3] = ["-w", "-Wl,--strip-all", "-Wl,-z,stack-size=1048576"];

pub(super) fn build(project: &Project, world: &World, tools: &Tools) -> Result<Vec<u8>, BuildError> {
    let work = Work { project, world, tools, compiler: Compiler::find(tools)? };
    work.clean()?;
    work.bindings()?;
    let objects = project.sources.iter().map(|source| work.compile(source)).collect::<Result<Vec<_>, _>>()?;
    component::encode(&work.link(&objects)?)
}

struct Work<'a> {
    project: &'a Project,
    world: &'a World,
    tools: &'a Tools,
    compiler: Compiler,
}

impl Work<'_> {
    /// Removes what an earlier world or manifest left behind.
    fn clean(&self) -> Result<(), BuildError> {
        clear(&self.project.root.join(GENERATED))
    }

    /// Writes `plugin.h`, `plugin.c` and the object that carries the world.
    fn bindings(&self) -> Result<(), BuildError> {
        let options = wit_bindgen_c::Opts { rename_world: Some(BINDINGS.to_owned()), ..Default::default() };
        let mut files = Files::default();
        let mut resolve = self.world.resolve.clone();
        let generated = options.build().generate(&mut resolve, self.world.id, &mut files);
        generated.map_err(|error| no_bindings(Language::C, &error))?;
        for (name, content) in files.iter() {
            put(&self.project.root.join(GENERATED).join(name), content)?;
        }
        Ok(())
    }

    /// Compiles one of the author's files, and shows its warnings.
    fn compile(&self, source: &Path) -> Result<PathBuf, BuildError> {
        let mut object = Path::new(GENERATED).join(source).into_os_string();
        object.push(".o");
        let object = PathBuf::from(object);
        let folder = self.project.root.join(&object);
        let folder = folder.parent().unwrap_or(&self.project.root);
        fs::create_dir_all(folder).map_err(failed(folder))?;
        let mut command = self.compiler.fresh(&self.project.root.join(GENERATED).join("cache"));
        command.args(FLAGS).args(AUTHORS_FLAGS).args(self.definitions()).arg(source).arg("-o").arg(&object);
        let output = self.run(&format!("compiling {}", source.display()), self.tools.limits().step, &mut command)?;
        let said = messages::of_author(&String::from_utf8_lossy(&output.stderr));
        if !output.status.success() {
            return Err(messages::does_not_compile(source, &said));
        }
        if !said.is_empty() {
            self.tools.say(&said);
        }
        Ok(object)
    }

    /// Compiles the SDK, and makes one module of it all.
    fn link(&self, objects: &[PathBuf]) -> Result<Vec<u8>, BuildError> {
        let core = Path::new(GENERATED).join("core.wasm");
        let mut command = self.compiler.cached(self.tools);
        command.args(FLAGS).args(LINK_FLAGS).args(self.definitions());
        command.args(self.sdk()).arg(format!("{GENERATED}/{BINDINGS}.c")).args(objects);
        command.arg(format!("{GENERATED}/{BINDINGS}_component_type.o")).arg("-o").arg(&core);
        // The first time, the C library is compiled on the way.
        let output = self.run("putting the plugin together", self.tools.limits().long, &mut command)?;
        if !output.status.success() {
            return Err(messages::does_not_link(&String::from_utf8_lossy(&output.stderr), GENERATED, self.world.kind));
        }
        let path = self.project.root.join(core);
        fs::read(&path).map_err(failed(&path))
    }

    fn run(&self, what: &str, limit: Duration, command: &mut Command) -> Result<Output, BuildError> {
        Ok(self.tools.output(what, limit, command.current_dir(&self.project.root))?)
    }

    /// What tells the SDK's header which capabilities there are.
    fn definitions(&self) -> impl Iterator<Item = String> {
        let known = self.world.capabilities.iter().filter(|name| PARTS.contains(&name.as_str()) || *name == "reveal");
        known.map(|name| format!("-DCHANCERY_WITH_{}", name.to_uppercase()))
    }

    /// The SDK's sources that this world needs.
    fn sdk(&self) -> impl Iterator<Item = String> {
        let kind: &[&str] = match self.world.kind {
            Kind::DataProvider => &["request", "data_provider"],
            Kind::VcIssuance => &["request", "vc_issuance"],
            Kind::Audit => &["audit"],
        };
        let granted = PARTS.iter().filter(|part| self.world.capabilities.contains(**part));
        let parts = BASE.iter().chain(kind).chain(granted).map(|part| format!("{SDK}/src/{part}.c"));
        parts.chain([format!("{SDK}/yyjson/yyjson.c")])
    }
}
