//! Building plugins in Go: bindings by wit-bindgen-go, the Go compiler, and a world around what it makes.

mod compiler;
mod messages;

use std::fs;
use std::path::Path;

use wit_bindgen_core::Files;
use wit_component::StringEncoding;

use self::compiler::Compiler;
use super::{BuildError, clear, failed, no_bindings, put};
use crate::component;
use crate::project::{Language, Project};
use crate::tools::Tools;
use crate::world::{Kind, World};

/// Where bindings go, under the project's root: inside of the SDK's module, which alone may use them.
const BINDINGS: &str = "sdk/go/internal/wit";

/// The same, as Go imports it.
const BINDINGS_PACKAGE: &str = "chancery/internal/wit";

/// The functions of the contract, as Go imports them.
const EXPORTS_PACKAGE: &str = "chancery/internal/export";

/// Where the package is that the compiler begins at, and how Go imports it.
const MAIN: &str = "sdk/go/internal/plugin";
const MAIN_PACKAGE: &str = "chancery/internal/plugin";

/// The module that bindings use, and where the SDK has it: no build downloads anything.
const RUNTIME: [&str; 2] = ["\"go.bytecodealliance.org/pkg/wit/", "\"chancery/internal/bytecodealliance/"];

/// What the compiler makes, under the project's root.
const CORE: &str = "build/gen/core.wasm";

pub(super) fn build(project: &Project, world: &World, tools: &Tools) -> Result<Vec<u8>, BuildError> {
    let compiler = Compiler::find(tools)?;
    let work = Work { project, world, tools, compiler };
    work.bindings()?;
    work.main()?;
    work.component()
}

struct Work<'a> {
    project: &'a Project,
    world: &'a World,
    tools: &'a Tools,
    compiler: Compiler,
}

impl Work<'_> {
    /// Writes what the world imports and exports, as packages, in place of what an earlier world left behind.
    fn bindings(&self) -> Result<(), BuildError> {
        let options = wit_bindgen_go::Opts {
            // It would run a `gofmt` of the system's.
            format: wit_bindgen_go::Format::False,
            pkg_name: Some(BINDINGS_PACKAGE.to_owned()),
            export_pkg_name: Some(EXPORTS_PACKAGE.to_owned()),
            ..Default::default()
        };
        let mut files = Files::default();
        let mut resolve = self.world.resolve.clone();
        let generated = options.build().generate(&mut resolve, self.world.id, &mut files);
        generated.map_err(|error| no_bindings(Language::Go, &error))?;
        let folder = self.project.root.join(BINDINGS);
        clear(&folder)?;
        let [theirs, ours] = RUNTIME;
        for (name, content) in files.iter() {
            let content = String::from_utf8_lossy(content).replace(theirs, ours);
            put(&folder.join(name), content)?;
        }
        Ok(())
    }

    /// Writes the package that puts the author's and the contract's functions together.
    fn main(&self) -> Result<(), BuildError> {
        let exports = match self.world.kind {
            Kind::DataProvider => "data_provider",
            Kind::VcIssuance => "vc_issuance",
            Kind::Audit => "audit",
        };
        let module = self.module()?;
        let folder = self.project.entry.parent().unwrap_or(Path::new("")).display().to_string();
        let package = if folder.is_empty() { module.clone() } else { format!("{module}/{folder}") };
        let text = format!(
            "// Written by `chancery plugin build`.\npackage main\n\nimport (\n\
             \t\"chancery/internal/answer\"\n\
             \texports \"{EXPORTS_PACKAGE}/export_chancery_plugin_{exports}\"\n\
             \t_ \"{BINDINGS_PACKAGE}/wit_exports\"\n\n\
             \tplugin \"{package}\"\n)\n\n\
             func init() {{\n\tanswer.Module = \"{module}/\"\n\texports.Use(plugin.Plugin)\n}}\n\nfunc main() {{}}\n"
        );
        put(&self.project.root.join(MAIN).join("main.go"), text)
    }

    /// What the author's module is called.
    fn module(&self) -> Result<String, BuildError> {
        let path = self.project.root.join("go.mod");
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(messages::no_module()),
            other => other.map_err(failed(&path))?,
        };
        module(&text).map(str::to_owned).ok_or_else(messages::no_module)
    }

    fn component(&self) -> Result<Vec<u8>, BuildError> {
        let core = self.project.root.join(CORE);
        // Another build's result must not stand in for this one's.
        put(&core, "")?;
        let mut command = self.compiler.command(self.tools);
        command.args(["build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false"]);
        // The runtime of the bindings asks Go's for memory before that has begun, by a name that is closed to others.
        command.args(["-ldflags=-s -w -checklinkname=0", "-o", CORE, MAIN_PACKAGE]);
        command.current_dir(&self.project.root);
        // The first time, Go's own packages are compiled on the way.
        let output = self.tools.output("compiling the plugin", self.tools.limits().long, &mut command)?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(messages::does_not_compile(&said, &self.project.entry, self.world.kind));
        }
        let mut core = fs::read(&core).map_err(failed(Path::new(CORE)))?;
        wit_component::embed_component_metadata(&mut core, &self.world.resolve, self.world.id, StringEncoding::UTF8)
            .map_err(|error| BuildError::Component(format!("{error:#}")))?;
        component::encode(&core)
    }
}

/// The name of a module, from its `go.mod`.
fn module(text: &str) -> Option<&str> {
    let name = text.lines().find_map(|line| line.trim().strip_prefix("module "))?;
    Some(name.split("//").next()?.trim().trim_matches(['"', '`'])).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_read_as_go_reads_it() {
        for (text, name) in [
            ("module people\n\ngo 1.25\n", Some("people")),
            ("// why\n  module  \"example.org/people\" // here\n", Some("example.org/people")),
            ("go 1.25\n", None),
            ("module \n", None),
        ] {
            assert_eq!(module(text), name, "{text}");
        }
    }
}
