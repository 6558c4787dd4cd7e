//! What the Go compiler says, for whoever wrote the plugin.

use std::path::Path;

use crate::build::BuildError;
use crate::world::{self, Kind};

/// What the bindings' packages are called in the compiler's words.
const BINDINGS: &str = "chancery/internal/wit/";

/// How the compiler says that it knows nothing of the SDK's module, or not where it is.
const UNKNOWN_SDK: [&str; 3] = [
    "package chancery/internal/plugin is not in std",
    "missing go.sum entry for module providing package chancery/internal/plugin",
    "module chancery provides package chancery/internal/plugin and is replaced but not required",
];

/// How the compiler says that a package or its module is not there.
const ABSENT: [&str; 6] = [
    "is not in std",
    "cannot find module providing package",
    "no required module provides package",
    "GOPROXY=off",
    "missing go.sum entry",
    "updates to go.mod",
];

/// Lines of the compiler's that are shown.
const MAX_LINES: usize = 40;

pub(super) fn no_module() -> BuildError {
    go_mod("go.mod is not there, or names no module")
}

fn go_mod(why: &str) -> BuildError {
    BuildError::Language {
        message: why.to_owned(),
        hint: "Beside plugin.toml stands a go.mod:\n  module example.org/people\n\n  go 1.25\n\n  require chancery v0.0.0\n\n  replace \
               chancery => ./sdk/go"
            .to_owned(),
    }
}

/// Why there is no plugin.
pub(super) fn does_not_compile(said: &str, entry: &Path, kind: Kind) -> BuildError {
    let entry = entry.display();
    if UNKNOWN_SDK.iter().any(|unknown| said.contains(unknown)) {
        return go_mod("go.mod does not require chancery, or does not say that it is in sdk/go");
    }
    if let Some(capability) = missing_import(said) {
        let line = world::import_line(&capability).unwrap_or_default();
        return BuildError::Language {
            message: format!("the plugin uses chancery/{capability}, which wit/world.wit does not ask for"),
            hint: format!(
                "Where the plugin needs it, add to the world, so that operators see what they grant:\n  {line}\nElse \
                 remove the code that uses it"
            ),
        };
    }
    let wanted = wanted(kind);
    if said.contains("undefined: plugin.Plugin") {
        return BuildError::Language {
            message: format!("the package of {entry} has no Plugin"),
            hint: format!("It needs a variable:\n  var Plugin = {wanted}{{ … }}"),
        };
    }
    if let Some(found) = said.lines().find_map(|line| line.split_once("cannot use plugin.Plugin ")) {
        return BuildError::Language {
            message: format!("Plugin is no {wanted}: {}", found.1),
            hint: format!(
                "wit/world.wit describes a {kind} plugin: make it one, or include the world of the other kind"
            ),
        };
    }
    let hint = if ABSENT.iter().any(|absent| said.contains(absent)) {
        "A capability of the host is a package of chancery's (chancery/http, chancery/sql, …). Builds download nothing: \
         modules of others are fetched before, by `go get MODULE` in the project's folder"
    } else {
        "Mend it and build again"
    };
    BuildError::Language { message: format!("{entry} does not compile\n{}", of_author(said)), hint: hint.to_owned() }
}

/// What an author's variable has to be.
fn wanted(kind: Kind) -> &'static str {
    match kind {
        Kind::DataProvider => "chancery.DataProvider",
        Kind::VcIssuance => "chancery.VCIssuer",
        Kind::Audit => "chancery.AuditSink",
    }
}

/// The capability whose bindings are not there because the world does not import it.
fn missing_import(said: &str) -> Option<String> {
    let line = said.lines().find(|line| line.contains(&format!("package {BINDINGS}")))?;
    let package = line.split(BINDINGS).nth(1)?.split([' ', ';', ':']).next()?;
    Some(match package.strip_prefix("chancery_host_") {
        Some(name) => name.replace('_', "-"),
        None => "http".to_owned(),
    })
}

/// Without the headings, which name packages.
fn of_author(said: &str) -> String {
    let lines = said.lines().filter(|line| !line.starts_with("# ") && !line.trim().is_empty());
    lines.take(MAX_LINES).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        does_not_compile(text, Path::new("src/plugin.go"), Kind::DataProvider).to_string()
    }

    #[test]
    fn a_capability_that_the_world_lacks_is_named_with_its_line() {
        for (package, capability, line) in [
            ("chancery_host_sql", "sql", "import chancery:host/sql@0.1.0;"),
            ("wasi_http_types", "http", "import wasi:http/outgoing-handler@0.2.12;"),
        ] {
            let text = format!("sdk/go/x/x.go:9:2: package chancery/internal/wit/{package} is not in std (/usr/lib)");
            let found = said(&text);
            assert!(found.starts_with(&format!("the plugin uses chancery/{capability}, which")), "{found}");
            assert!(found.contains(line), "{found}");
        }
    }

    #[test]
    fn what_the_compiler_says_about_the_plugin_is_said_of_the_plugin() {
        let none = said("# chancery/internal/plugin\nsdk/go/internal/plugin/main.go:11:35: undefined: plugin.Plugin\n");
        assert!(none.starts_with("the package of src/plugin.go has no Plugin\n"), "{none}");
        let other = said(
            "# chancery/internal/plugin\nsdk/go/internal/plugin/main.go:11:28: cannot use plugin.Plugin (variable of type \
             chancery.AuditSink) as chancery.DataProvider value in argument to exports.Use\n",
        );
        assert!(
            other.starts_with("Plugin is no chancery.DataProvider: (variable of type chancery.AuditSink)"),
            "{other}"
        );
        let fault = said("# people/src\nsrc/plugin.go:9:2: undefined: foo\n");
        assert_eq!(fault, "src/plugin.go does not compile\nsrc/plugin.go:9:2: undefined: foo\nMend it and build again");
    }

    #[test]
    fn a_module_without_the_sdk_is_shown_what_names_it() {
        for text in [
            "package chancery/internal/plugin is not in std (/usr/lib/go/src/chancery/internal/plugin)\n",
            "missing go.sum entry for module providing package chancery/internal/plugin; to add:\n\tgo mod download x\n",
            "module chancery provides package chancery/internal/plugin and is replaced but not required; to add it:\n\tgo \
             get chancery\n",
        ] {
            let found = said(text);
            assert!(
                found.starts_with("go.mod does not require chancery, or does not say that it is in sdk/go\n"),
                "{found}"
            );
            assert!(found.ends_with("\n\n  require chancery v0.0.0\n\n  replace chancery => ./sdk/go"), "{found}");
        }
    }

    #[test]
    fn a_module_that_is_not_there_is_to_be_fetched_before() {
        let found =
            said("src/plugin.go:4:2: no required module provides package example.org/x; to add it:\n\tgo get x\n");
        assert!(found.contains("`go get MODULE`"), "{found}");
    }
}
