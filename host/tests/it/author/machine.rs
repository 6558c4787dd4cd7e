//! An author's machine that lacks what a test says.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use tempfile::TempDir;

use super::project::{chancery, texts};

/// A world that asks for nothing.
const WORLD: &str = "package org:people@0.1.0;

world plugin {
  include chancery:plugin/data-provider-plugin@0.1.0;
}
";

/// An author's machine: a project that was written by hand, and only those programs that a test puts there.
pub struct Machine {
    dir: TempDir,
}

impl Machine {
    pub fn new(manifest: &str, files: &[(&str, &str)]) -> Self {
        let machine = Self { dir: TempDir::new().unwrap() };
        std::fs::create_dir(machine.path("bin")).unwrap();
        for (file, text) in [&[("plugin.toml", manifest)], files].concat() {
            let path = machine.path("project").join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        machine
    }

    /// A project in a language, with an empty source file.
    pub fn with(language: &str, entry: &str) -> Self {
        let manifest = format!("name = \"people\"\nlanguage = \"{language}\"\n");
        Self::new(&manifest, &[(entry, ""), ("wit/world.wit", WORLD), ("tsconfig.json", "{}")])
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(name)
    }

    /// A program that does what a line of shell says.
    pub fn program(self, name: &str, does: &str) -> Self {
        let path = self.path("bin").join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{does}\n")).unwrap();
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
        self
    }

    /// A Python whose environments have a `pip` that fails with a line.
    pub fn python_whose_pip_says(self, line: &str) -> Self {
        let pip = self.path("pip");
        std::fs::write(&pip, format!("#!/bin/sh\necho '{line}' >&2\nexit 1\n")).unwrap();
        let environment =
            format!("/bin/mkdir -p $3/bin; /bin/cp {} $3/bin/python; /bin/chmod 755 $3/bin/python", pip.display());
        self.program("python3", &format!("case $2 in venv) {environment} ;; *) echo Python 3.11.2 ;; esac"))
    }

    /// What `chancery plugin build` says on this machine when it fails.
    #[track_caller]
    pub fn says(&self, code: i32) -> String {
        let mut command = chancery(&self.path("project"), &["plugin", "build"]);
        command.env("PATH", self.path("bin")).env("CHANCERY_TOOLS", self.path("tools"));
        let (status, out, err) = texts(&command.output().unwrap());
        assert_eq!((status, out.as_str()), (Some(code), ""), "{err}");
        assert!(!self.path("project/build/people.wasm").exists());
        let mut said = err;
        for name in ["project", "tools", "bin"] {
            said = said.replace(&*self.path(name).to_string_lossy(), &name.to_uppercase());
        }
        without_digests(&said)
    }
}

/// `javascript-0123456789ab` is `javascript-…`.
fn without_digests(text: &str) -> String {
    let mut parts = text.split("TOOLS/");
    let mut shown = parts.next().unwrap().to_owned();
    for part in parts {
        let (name, rest) = part.split_once('-').unwrap_or((part, ""));
        shown.push_str(&format!("TOOLS/{name}-…{}", rest.trim_start_matches(|c: char| c.is_ascii_hexdigit())));
    }
    shown
}
