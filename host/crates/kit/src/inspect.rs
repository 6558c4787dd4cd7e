//! What a component is and wants, without running it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use wasmparser::{BinaryReader, Encoding, Parser, Payload, ProducersSectionReader};

use crate::world::{self, Kind};

/// A component, read from its bytes.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// What it is for; absent where it exports nothing, or too much, that the host would call.
    pub kind: Option<Kind>,
    /// The version of the contract that it was built for.
    pub contract: Option<String>,
    /// What an operator has to grant.
    #[serde(rename = "wants")]
    pub capabilities: BTreeSet<String>,
    /// Imports of WASI that toolchains bring along, and nothing is behind.
    pub ambient: Vec<String>,
    pub sha256: String,
    pub bytes: u64,
    /// Bytes without names, debug information and the like.
    pub bytes_of_code_and_data: u64,
    /// Who made it: `language`, `processed-by`, `sdk`, each name with its version.
    pub producers: BTreeMap<String, BTreeMap<String, String>>,
    /// What the toolchain recorded about it: `description`, `version`, `licenses`, …
    pub recorded: BTreeMap<String, String>,
    /// Why the host would not take it.
    pub problems: Vec<String>,
}

/// What a component asks for and offers.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    pub(crate) capabilities: BTreeSet<String>,
    pub(crate) kinds: Vec<Kind>,
    pub(crate) lifecycle: bool,
    /// Imports and exports by their full names, in the order of the file.
    imports: Vec<String>,
    exports: Vec<String>,
}

/// The sections that toolchains record facts in.
const RECORDS: [&str; 8] = ["authors", "description", "homepage", "licenses", "name", "revision", "source", "version"];

/// Longest recorded text that is shown.
const MAX_RECORD: usize = 1024;

/// Reads a component. The error says why it is none.
pub fn inspect(wasm: &[u8]) -> Result<Inspection, String> {
    let shape = shape(wasm)?;
    let custom = Custom::read(wasm)?;
    let bytes = wasm.len() as u64;
    let contract = shape.contracts().into_iter().next().map(str::to_owned);
    let ambient = shape.imports.iter().filter(|import| world::is_ambient(import)).cloned().collect();
    Ok(Inspection {
        kind: match shape.kinds[..] {
            [kind] => Some(kind),
            _ => None,
        },
        contract,
        ambient,
        sha256: format!("{:x}", Sha256::digest(wasm)),
        bytes,
        bytes_of_code_and_data: bytes.saturating_sub(custom.bytes),
        producers: custom.producers,
        recorded: custom.recorded,
        problems: shape.problems(),
        capabilities: shape.capabilities,
    })
}

/// The capabilities among a component's imports. Interfaces of its inner parts are not counted.
pub fn capabilities(wasm: &[u8]) -> Result<BTreeSet<String>, String> {
    Ok(shape(wasm)?.capabilities)
}

/// Reads imports and exports. The error says why the bytes are no component.
pub(crate) fn shape(wasm: &[u8]) -> Result<Shape, String> {
    let mut shape = Shape::default();
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.map_err(|error| format!("it is no WASM file: {error}"))? {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => return Err(MODULE.to_owned()),
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(imports) if depth == 0 => {
                for import in imports {
                    shape.import(import.map_err(|error| error.to_string())?.name.name);
                }
            }
            Payload::ComponentExportSection(exports) if depth == 0 => {
                for export in exports {
                    shape.export(export.map_err(|error| error.to_string())?.name.name);
                }
            }
            _ => {}
        }
    }
    Ok(shape)
}

const MODULE: &str = "it is a core WASM module, and a plugin is a component: `chancery plugin build` makes components, and \
                      so does `wasm-tools component new`";

impl Shape {
    fn import(&mut self, name: &str) {
        self.capabilities.extend(world::capability(name));
        self.imports.push(name.to_owned());
    }

    fn export(&mut self, name: &str) {
        self.kinds.extend(world::kind_of(name));
        self.lifecycle |= name.starts_with("chancery:plugin/lifecycle@");
        self.exports.push(name.to_owned());
    }

    /// The versions of the contract that it names.
    fn contracts(&self) -> BTreeSet<&str> {
        let names = self.exports.iter().chain(&self.imports);
        let of_contract = names.filter(|name| name.starts_with("chancery:"));
        of_contract.filter_map(|name| name.split_once('@').map(|(_, version)| version)).collect()
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        match self.kinds.len() {
            0 => problems.push(
                "it exports none of chancery:plugin's data-provider, vc-issuance and audit: the host would call nothing"
                    .to_owned(),
            ),
            1 => {}
            _ => problems.push("it exports more than one kind of plugin".to_owned()),
        }
        if !self.kinds.is_empty() && !self.lifecycle {
            problems.push("it does not export chancery:plugin/lifecycle".to_owned());
        }
        let contracts: Vec<&str> = self.contracts().into_iter().collect();
        if contracts.len() > 1 {
            problems.push(format!("it mixes versions of the contract: {}", contracts.join(", ")));
        }
        for name in self.capabilities.iter().filter(|name| world::import_line(name).is_none()) {
            problems.push(format!("it imports {name}, which the host does not offer"));
        }
        problems
    }
}

/// What stands in custom sections, of the component and of its parts.
#[derive(Debug, Default)]
struct Custom {
    bytes: u64,
    producers: BTreeMap<String, BTreeMap<String, String>>,
    recorded: BTreeMap<String, String>,
}

impl Custom {
    fn read(wasm: &[u8]) -> Result<Self, String> {
        let mut custom = Self::default();
        let mut depth = 0_u32;
        for payload in Parser::new(0).parse_all(wasm) {
            match payload.map_err(|error| format!("it is no WASM file: {error}"))? {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::CustomSection(section) => {
                    custom.bytes += length(&section.range());
                    custom.section(section.name(), section.data(), depth == 0);
                }
                _ => {}
            }
        }
        Ok(custom)
    }

    fn section(&mut self, name: &str, data: &[u8], outermost: bool) {
        if name == "producers" {
            // Damage here says nothing about the code: what can be read is shown.
            let _ = self.producers(data);
        } else if outermost && RECORDS.contains(&name) {
            let text: String =
                String::from_utf8_lossy(data).chars().filter(|c| !c.is_control()).take(MAX_RECORD).collect();
            self.recorded.insert(name.to_owned(), text);
        }
    }

    fn producers(&mut self, data: &[u8]) -> wasmparser::Result<()> {
        for field in ProducersSectionReader::new(BinaryReader::new(data, 0))? {
            let field = field?;
            for value in field.values {
                let value = value?;
                let known = self.producers.entry(field.name.to_owned()).or_default();
                known.insert(value.name.to_owned(), value.version.to_owned());
            }
        }
        Ok(())
    }
}

fn length(range: &Range<usize>) -> u64 {
    (range.end - range.start) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(text: &str) -> Inspection {
        inspect(&wat::parse_str(format!("(component {text})")).unwrap()).unwrap()
    }

    const PROVIDER: &str = "(instance $i) (export \"chancery:plugin/lifecycle@0.1.0\" (instance $i)) \
                            (export \"chancery:plugin/data-provider@0.1.0\" (instance $i))";

    #[test]
    fn imports_are_sorted_into_what_is_granted_and_what_is_not() {
        let imports = [
            "chancery:host/log@0.1.0",
            "chancery:host/kv@0.1.0",
            "chancery:plugin/types@0.1.0",
            "wasi:http/types@0.2.12",
            "wasi:http/outgoing-handler@0.2.12",
            "wasi:cli/environment@0.2.6",
            "wasi:random/random@0.2.6",
        ];
        let imports: String = imports.iter().flat_map(|name| ["(import \"", name, "\" (instance))"]).collect();
        let found = component(&format!("{imports} {PROVIDER}"));
        assert_eq!(found.kind, Some(Kind::DataProvider));
        assert_eq!(found.contract.as_deref(), Some("0.1.0"));
        assert_eq!(found.capabilities.iter().map(String::as_str).collect::<Vec<_>>(), ["http", "kv"]);
        assert_eq!(found.ambient, ["wasi:cli/environment@0.2.6", "wasi:random/random@0.2.6"]);
        assert_eq!(found.problems, Vec::<String>::new());
    }

    #[test]
    fn interfaces_of_inner_parts_are_not_asked_for() {
        let inner = "(component (import \"chancery:host/sql@0.1.0\" (instance)))";
        assert!(component(&format!("{inner} {PROVIDER}")).capabilities.is_empty());
    }

    #[test]
    fn what_the_host_would_not_take_is_said() {
        let export = |name: &str| format!("(instance $i) (export \"{name}\" (instance $i))");
        for (text, problem) in [
            (String::new(), "it exports none of"),
            (export("wasi:cli/run@0.2.0"), "it exports none of"),
            (export("chancery:plugin/audit@0.1.0"), "lifecycle"),
            (format!("{PROVIDER} (export \"chancery:plugin/audit@0.1.0\" (instance $i))"), "more than one kind"),
            (format!("(import \"chancery:host/log@0.0.1\" (instance)) {PROVIDER}"), "mixes versions"),
            (format!("(import \"acme:thing/other\" (instance)) {PROVIDER}"), "imports acme:thing/other"),
            (
                format!("(import \"wasi:http/incoming-handler@0.2.0\" (instance)) {PROVIDER}"),
                "wasi:http/incoming-handler",
            ),
        ] {
            let found = component(&text);
            assert!(found.problems.iter().any(|said| said.contains(problem)), "{text}: {:?}", found.problems);
        }
    }

    #[test]
    fn what_is_no_component_is_told_apart() {
        assert!(inspect(b"hello").unwrap_err().starts_with("it is no WASM file"));
        assert!(inspect(&wat::parse_str("(module)").unwrap()).unwrap_err().contains("core WASM module"));
        let whole = wat::parse_str(format!("(component {PROVIDER})")).unwrap();
        for cut in 0..whole.len() {
            let _ = inspect(&whole[..cut]);
        }
    }

    #[test]
    fn custom_sections_are_read_and_weighed() {
        let plain = component(PROVIDER);
        let found = component(&format!(
            "{PROVIDER} (@custom \"version\" \"1.2.3\") (@custom \"junk\" \"{}\")",
            "x".repeat(500)
        ));
        assert_eq!(found.recorded["version"], "1.2.3");
        assert!(found.bytes > plain.bytes + 500);
        assert!(found.bytes_of_code_and_data < plain.bytes + 50, "{}", found.bytes_of_code_and_data);
    }
}
