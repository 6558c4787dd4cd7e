//! What compiler and linker say, as an author wants to read it.

use std::collections::BTreeSet;
use std::path::Path;

use crate::build::BuildError;
use crate::world::Kind;

/// What the author defines, and how the host calls it; the SDK refers to them.
const DEFINED_BY_AUTHORS: [(&str, &str); 5] = [
    ("chancery_about", "const chancery_plugin chancery_about = {.name = …, .version = …, .summary = …};"),
    (
        "chancery_fetch",
        "bool chancery_fetch(const chancery_request *request, chancery_data *data, chancery_error *error)",
    ),
    (
        "chancery_issue",
        "bool chancery_issue(const chancery_request *request, const chancery_holder *holder, chancery_issuance \
         *issuance, chancery_error *error)",
    ),
    (
        "chancery_poll",
        "bool chancery_poll(const chancery_poll_request *request, chancery_issuance *issuance, chancery_error *error)",
    ),
    (
        "chancery_deliver",
        "bool chancery_deliver(const chancery_event *events, size_t count, chancery_receipt *receipt, chancery_error \
         *error)",
    ),
];

/// How the header says that the world lacks a capability.
const NOT_ASKED_FOR: &str = "wit/world.wit does not ask for it";

/// The diagnostics of the author's own files. What follows from them in the SDK's header is left out.
pub(super) fn of_author(said: &str) -> String {
    let mut kept = Vec::new();
    let mut keeping = true;
    for line in said.lines() {
        if let Some(file) = file_of(line) {
            keeping = !file.starts_with("sdk/");
        } else if is_count(line) {
            continue;
        }
        if keeping {
            kept.push(line);
        }
    }
    kept.join("\n").trim().to_owned()
}

pub(super) fn does_not_compile(source: &Path, said: &str) -> BuildError {
    let hint = if said.contains(NOT_ASKED_FOR) {
        "Operators grant what wit/world.wit asks for: add the line where the plugin needs it, else remove the code that \
         uses it. A new capability also needs its grant in the grant file"
    } else {
        "Mend the first error and build again; sdk/c/chancery.h says what there is"
    };
    BuildError::Language { message: format!("{} does not compile\n{said}", source.display()), hint: hint.to_owned() }
}

/// `objects` is the folder whose files are called after their sources.
pub(super) fn does_not_link(said: &str, objects: &str, kind: Kind) -> BuildError {
    let mut lines = BTreeSet::new();
    for line in said.lines() {
        if let Some((place, symbol)) = line.split_once(": undefined symbol: ") {
            lines.insert(undefined(place, symbol.trim(), objects, kind));
        } else if let Some((_, symbol)) = line.split_once("duplicate symbol: ") {
            lines.insert(duplicate(symbol.trim()));
        }
    }
    if lines.is_empty() {
        let hint =
            "The plugin's own files compile: this comes from the SDK, the bindings or the linker. Remove build/ and \
                    sdk/ and build again; where it stays, report it with this text"
                .to_owned();
        return BuildError::Language { message: format!("the plugin cannot be put together\n{}", said.trim()), hint };
    }
    let message = lines.into_iter().collect::<Vec<_>>().join("\n");
    let hint =
        "All files of the plugin stand in `sources` of plugin.toml; sdk/c/chancery.h says what they define".to_owned();
    BuildError::Language { message, hint }
}

fn undefined(place: &str, symbol: &str, objects: &str, kind: Kind) -> String {
    if let Some((_, signature)) = DEFINED_BY_AUTHORS.iter().find(|(name, _)| *name == symbol) {
        return format!("a {kind} plugin defines {symbol}, and this one does not:\n  {signature}");
    }
    match place.split_once(&format!("{objects}/")).and_then(|(_, file)| file.strip_suffix(".o")) {
        Some(file) => format!("{file} uses {symbol}, which is defined nowhere"),
        None => format!("{symbol} is used and defined nowhere"),
    }
}

fn duplicate(symbol: &str) -> String {
    if symbol.starts_with("chancery_") {
        return format!("{symbol} is the SDK's: give the plugin's own function another name");
    }
    format!("{symbol} is defined twice: make one of them static, or give it another name")
}

/// The file of a line such as `src/plugin.c:3:5: error: …`.
fn file_of(line: &str) -> Option<&str> {
    let (place, rest) = line.split_once(": ")?;
    if !["error", "warning", "note", "fatal error"].iter().any(|word| rest.starts_with(&format!("{word}: "))) {
        return None;
    }
    let mut parts = place.rsplitn(3, ':');
    let numbers = [parts.next()?, parts.next()?];
    numbers.iter().all(|part| part.parse::<u32>().is_ok()).then(|| parts.next())?
}

/// `2 warnings and 1 error generated.`
fn is_count(line: &str) -> bool {
    line.ends_with(" generated.") && line.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNAVAILABLE: &str = "\
src/plugin.c:5:10: error: 'chancery_sql_run' is unavailable: wit/world.wit does not ask for it: add the line `import \
chancery:host/sql@0.1.0;` to the world
    5 |     if (!chancery_sql_run(\"x\", NULL, 0, &rows, error)) return false;
      |          ^
sdk/c/chancery.h:418:19: note: 'chancery_sql_run' has been explicitly marked unavailable here
  418 | CHANCERY_SQL bool chancery_sql_run(const char *statement, const chancery_sql_value *params, size_t params_length,
      |                   ^
src/plugin.c:6:12: warning: unused variable 'x' [-Wunused-variable]
    6 |     int x;
      |         ^
1 warning and 1 error generated.
";

    #[test]
    fn what_the_world_lacks_is_said_with_the_line_to_add() {
        let error = does_not_compile(Path::new("src/plugin.c"), &of_author(UNAVAILABLE)).to_string();
        assert_eq!(
            error,
            "src/plugin.c does not compile\n\
             src/plugin.c:5:10: error: 'chancery_sql_run' is unavailable: wit/world.wit does not ask for it: add the line \
             `import chancery:host/sql@0.1.0;` to the world\n    5 |     if (!chancery_sql_run(\"x\", NULL, 0, &rows, \
             error)) return false;\n      |          ^\n\
             src/plugin.c:6:12: warning: unused variable 'x' [-Wunused-variable]\n    6 |     int x;\n      |         ^\n\
             Operators grant what wit/world.wit asks for: add the line where the plugin needs it, else remove the code \
             that uses it. A new capability also needs its grant in the grant file"
        );
    }

    #[test]
    fn a_missing_function_is_shown_as_it_has_to_be() {
        let said = "wasm-ld: error: build/gen/src/plugin.c.o: undefined symbol: helper\n\
                    wasm-ld: error: /cache/o/91d1/data_provider.o: undefined symbol: chancery_fetch\n\
                    wasm-ld: error: duplicate symbol: chancery_denied\n>>> defined in a.o\n>>> defined in b.o\n\
                    wasm-ld: error: duplicate symbol: dup\n";
        let error = does_not_link(said, "build/gen", Kind::DataProvider).to_string();
        assert_eq!(
            error,
            "a data-provider plugin defines chancery_fetch, and this one does not:\n  bool chancery_fetch(const \
             chancery_request *request, chancery_data *data, chancery_error *error)\n\
             chancery_denied is the SDK's: give the plugin's own function another name\n\
             dup is defined twice: make one of them static, or give it another name\n\
             src/plugin.c uses helper, which is defined nowhere\n\
             All files of the plugin stand in `sources` of plugin.toml; sdk/c/chancery.h says what they define"
        );
    }

    #[test]
    fn what_the_linker_says_otherwise_is_passed_on() {
        let error = does_not_link("wasm-ld: error: unknown file type: x.o\n", "build/gen", Kind::Audit).to_string();
        assert!(error.contains("unknown file type: x.o"), "{error}");
    }

    #[test]
    fn code_that_looks_like_a_diagnostic_is_none() {
        assert_eq!(file_of("    5 |  a ? b : error: c"), None);
        assert_eq!(file_of("src/a b.c:3:5: fatal error: 'x.h' file not found"), Some("src/a b.c"));
        assert_eq!(of_author("3 warnings generated.\n"), "");
    }
}
