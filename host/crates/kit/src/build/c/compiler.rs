//! A compiler of C for WebAssembly: the pinned one, or the system's clang where that is not to be had.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::build::BuildError;
use crate::tools::{Tools, ToolsError, find};

/// Names a clang that is to be used instead of the pinned one, with flags where it needs them, as in `CC`.
const OVERRIDE: &str = "CHANCERY_CC";

/// The pinned toolchain, under `plugin-sdk/toolchains/`.
const TOOLCHAIN: &str = "c";

/// What Debian calls what clang needs for WebAssembly.
const GET_CLANG: &str = "a system's clang needs what it links with: `apt install clang lld wasi-libc \
                         libclang-rt-dev-wasm32` (Debian; the version is a part of the last name in Debian 12: \
                         libclang-rt-14-dev-wasm32), `brew install llvm lld wasi-libc wasi-runtimes` (macOS)";

/// Uses the C library, 128-bit numbers and the linker: what a plugin needs.
const SMOKE: &str = "#include <stdlib.h>\n#include <string.h>\n\
                     __attribute__((export_name(\"smoke\"))) __int128 smoke(__int128 a, const char *b) {\n\
                     return a * strlen(strcpy(malloc(strlen(b) + 1), b));\n}\n";

/// A compiler that works.
#[derive(Debug)]
pub(super) enum Compiler {
    /// `zig cc` of the Python environment in this folder.
    Zig { folder: PathBuf },
    /// A clang by its path, and what it needs to find the C library.
    Clang { program: PathBuf, flags: Vec<String> },
}

impl Compiler {
    /// The pinned compiler makes the same bytes on every machine; the system's stands in where it cannot be installed.
    pub(super) fn find(tools: &Tools) -> Result<Self, BuildError> {
        if let Some(named) = std::env::var_os(OVERRIDE) {
            return Self::named(&named.to_string_lossy(), tools);
        }
        match tools.pip(TOOLCHAIN) {
            Ok(folder) => Ok(Self::Zig { folder }),
            // Another compiler would hide it.
            Err(changed @ ToolsError::Changed { .. }) => Err(changed.into()),
            Err(missing) => Self::of_the_system(&missing, tools),
        }
    }

    fn of_the_system(missing: &ToolsError, tools: &Tools) -> Result<Self, BuildError> {
        let Some(program) = find("clang") else {
            return Err(ToolsError::Missing(format!("{missing}\nWithout it, {GET_CLANG}")).into());
        };
        let shown = program.display();
        if let Err(why) = probe(clang(&program, &[]), tools) {
            let what = format!("{missing}\n{shown} does not stand in for it: {why}\n{GET_CLANG}");
            return Err(ToolsError::Missing(what).into());
        }
        tools.say(&format!("{missing}\nusing {shown} in place of the pinned compiler; its bytes are others"));
        Ok(Self::Clang { program, flags: Vec::new() })
    }

    fn named(named: &str, tools: &Tools) -> Result<Self, BuildError> {
        let refused = |why: &str| BuildError::Language {
            message: format!("{OVERRIDE} is `{named}`, which does not compile for WebAssembly: {why}"),
            hint: format!("Unset it to use the pinned compiler, or: {GET_CLANG}"),
        };
        let mut words = named.split_whitespace().map(str::to_owned);
        let program = words.next().unwrap_or_default();
        let path = if program.contains('/') { Some(PathBuf::from(program)) } else { find(&program) };
        let program = path.ok_or_else(|| refused("there is no such program on PATH"))?;
        let flags: Vec<String> = words.collect();
        probe(clang(&program, &flags), tools).map_err(|why| refused(&why))?;
        Ok(Self::Clang { program, flags })
    }

    /// A run that compiles and says all that there is to say. A cache of its own keeps the pinned compiler from leaving
    /// out the warnings of a file that it compiled before.
    pub(super) fn fresh(&self, cache: &Path) -> Command {
        self.command(cache)
    }

    /// A run that uses what earlier ones compiled: the C library first of all.
    pub(super) fn cached(&self, tools: &Tools) -> Command {
        let cache = match self {
            Self::Zig { folder } => folder.join("cache"),
            Self::Clang { .. } => PathBuf::new(),
        };
        if matches!(self, Self::Zig { .. }) && !cache.exists() {
            tools.say("compiling the C library for WebAssembly, once: this may take a minute");
        }
        self.command(&cache)
    }

    fn command(&self, cache: &Path) -> Command {
        match self {
            Self::Zig { folder } => {
                let mut command = Command::new(folder.join("bin/python"));
                // -I: no module of the project comes before the compiler's.
                command.args(["-I", "-m", "ziglang", "cc", "--target=wasm32-wasi"]);
                command.env("ZIG_GLOBAL_CACHE_DIR", cache).env("ZIG_LOCAL_CACHE_DIR", cache);
                command
            }
            Self::Clang { program, flags } => clang(program, flags),
        }
    }
}

fn clang(program: &Path, flags: &[String]) -> Command {
    let mut command = Command::new(program);
    // The pinned compiler does the second by itself: a stack that overflows must not run into data.
    command.args(["--target=wasm32-wasi", "-Wl,--stack-first", "-Wno-unused-command-line-argument"]).args(flags);
    command
}

/// Compiles something small. Carries what the compiler said.
fn probe(mut command: Command, tools: &Tools) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    fs::write(folder.path().join("smoke.c"), SMOKE).map_err(|error| error.to_string())?;
    command.args(["-mexec-model=reactor", "-Os", "smoke.c", "-o", "smoke.wasm"]).current_dir(folder.path());
    let output = tools.output("trying the compiler", tools.limits().step, &mut command);
    let output = output.map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(said.lines().find(|line| line.contains("error")).unwrap_or("it failed without a word").trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn tools() -> Tools {
        Tools::new(PathBuf::from("unused"), Box::new(|_| {}))
    }

    /// A program that says `said` and fails.
    fn failing(folder: &Path, said: &str) -> PathBuf {
        let program = folder.join("cc");
        fs::write(&program, format!("#!/bin/sh\necho '{said}' >&2\nexit 1\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        program
    }

    #[test]
    fn a_compiler_without_wasi_is_refused_with_its_own_words() {
        let folder = tempfile::tempdir().unwrap();
        let program = failing(folder.path(), "smoke.c:1:10: fatal error: stdlib.h file not found");
        let error = Compiler::named(&format!("{} --sysroot=/x", program.display()), &tools()).unwrap_err().to_string();
        assert_eq!(
            error.replace(program.to_str().unwrap(), "CC"),
            "CHANCERY_CC is `CC --sysroot=/x`, which does not compile for WebAssembly: smoke.c:1:10: fatal error: stdlib.h file not \
             found\nUnset it to use the pinned compiler, or: a system's clang needs what it links with: `apt install \
             clang lld wasi-libc libclang-rt-dev-wasm32` (Debian; the version is a part of the last name in Debian 12: \
             libclang-rt-14-dev-wasm32), `brew install llvm lld wasi-libc wasi-runtimes` (macOS)"
        );
    }

    #[test]
    fn a_compiler_that_is_not_there_is_named() {
        let error = Compiler::named("no-such-compiler", &tools()).unwrap_err().to_string();
        assert!(error.starts_with("CHANCERY_CC is `no-such-compiler`, "), "{error}");
        assert!(error.contains("there is no such program on PATH"), "{error}");
    }
}
