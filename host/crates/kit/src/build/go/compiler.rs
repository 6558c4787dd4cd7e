//! A compiler of Go: the pinned one, or the system's where that is not to be had.

use std::path::PathBuf;
use std::process::Command;

use crate::build::BuildError;
use crate::tools::{Tools, ToolsError, Version, find};

/// The pinned toolchain, under `plugin-sdk/toolchains/`.
const TOOLCHAIN: &str = "go";

/// The oldest Go that has what the bindings use.
const MIN_GO: Version = Version { major: 1, minor: 25 };

const GET_GO: &str = "install Go 1.25 or newer: https://go.dev/dl/, `brew install go` (macOS)";

/// Set for every run, whatever the author's own settings are: builds download nothing, neither modules nor another
/// compiler, and the same sources make the same bytes.
const SETTINGS: [(&str, &str); 11] = [
    ("GOOS", "wasip1"),
    ("GOARCH", "wasm"),
    ("GOWASM", ""),
    ("GOEXPERIMENT", ""),
    ("GOFIPS140", "off"),
    ("CGO_ENABLED", "0"),
    ("GO111MODULE", "on"),
    ("GOFLAGS", "-mod=readonly"),
    ("GOPROXY", "off"),
    ("GOTOOLCHAIN", "local"),
    ("GOWORK", "off"),
];

/// A compiler that is there.
#[derive(Debug)]
pub(super) enum Compiler {
    /// That of the Python environment in this folder.
    Pinned { folder: PathBuf },
    /// The system's, by its path.
    System { program: PathBuf },
}

impl Compiler {
    /// The pinned compiler makes the same bytes on every machine; the system's stands in where it cannot be installed.
    pub(super) fn find(tools: &Tools) -> Result<Self, BuildError> {
        match tools.pip(TOOLCHAIN) {
            Ok(folder) => Ok(Self::Pinned { folder }),
            // Another compiler would hide it.
            Err(changed @ ToolsError::Changed { .. }) => Err(changed.into()),
            Err(missing) => Self::of_the_system(&missing, tools),
        }
    }

    fn of_the_system(missing: &ToolsError, tools: &Tools) -> Result<Self, BuildError> {
        let Some(program) = find("go") else {
            return Err(ToolsError::Missing(format!("{missing}\nWithout it, {GET_GO}")).into());
        };
        let shown = program.display();
        let mut question = Command::new(&program);
        question.arg("version").env("GOTOOLCHAIN", "local");
        let said = tools.run("go version", tools.limits().question, &mut question)?;
        match Version::read(&said) {
            Some(version) if version >= MIN_GO => {
                tools.say(&format!("{missing}\nusing {shown} in place of the pinned compiler; its bytes are others"));
                Ok(Self::System { program })
            }
            _ => {
                let what = format!("{missing}\n{shown} does not stand in for it, it is {said}: {GET_GO}");
                Err(ToolsError::Missing(what).into())
            }
        }
    }

    pub(super) fn command(&self, tools: &Tools) -> Command {
        let mut command = match self {
            Self::Pinned { folder } => {
                let cache = folder.join("cache");
                if !cache.exists() {
                    tools.say("compiling Go's own packages for WebAssembly, once: this may take a minute");
                }
                let mut command = Command::new(folder.join("bin/go"));
                command.env("GOCACHE", cache);
                command
            }
            Self::System { program } => Command::new(program),
        };
        command.envs(SETTINGS);
        command
    }
}
