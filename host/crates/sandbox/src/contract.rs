//! What a component imports and exports, judged against the versions of the contract that are offered.

use std::collections::BTreeSet;

use wasmtime::Engine;
use wasmtime::component::types::Component;

use crate::grant::Grant;
use crate::status::Kind;
use crate::text::escaped;
use crate::versions::{ContractVersion, Contracts};

/// The two packages of the contract.
const HOST: &str = "chancery:host";
const PLUGIN: &str = "chancery:plugin";

/// Packages of WASI 0.2 that are linked with nothing behind them.
const WASI: [&str; 6] = ["cli", "clocks", "random", "io", "filesystem", "sockets"];

/// A capability that a grant file can give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Capability {
    Files,
    Http,
    Journal,
    Kv,
    Reveal,
    Secrets,
    Sign,
    Sql,
}

impl Capability {
    /// What an interface of the newest `chancery:host` stands for.
    pub(crate) fn of_interface(name: &str) -> Option<Self> {
        Some(match name {
            "files" => Self::Files,
            "journal" => Self::Journal,
            "kv" => Self::Kv,
            "reveal" => Self::Reveal,
            "secrets" => Self::Secrets,
            "sign" => Self::Sign,
            "sql" => Self::Sql,
            _ => return None,
        })
    }

    /// Whether a grant file gives it.
    pub(crate) fn is_granted(self, grant: &Grant) -> bool {
        match self {
            Self::Files => !grant.files.is_empty(),
            Self::Http => grant.http.is_some(),
            Self::Journal => grant.journal.is_some(),
            Self::Kv => grant.kv.is_some(),
            Self::Reveal => grant.secrets.as_ref().is_some_and(|secrets| secrets.reveal),
            Self::Secrets => grant.secrets.is_some(),
            Self::Sign => !grant.sign.is_empty(),
            Self::Sql => !grant.sql.is_empty(),
        }
    }

    /// The lines that an operator adds to the grant file.
    pub(crate) fn grant_lines(self) -> &'static str {
        match self {
            Self::Files => concat!(
                "[[grants.files]]\n",
                "host = \"data.csv\"         # in the plugin directory, or an absolute path\n",
                "guest = \"/data/data.csv\"  # the path that the plugin opens\n",
            ),
            Self::Http => concat!(
                "[grants.http]\n",
                "allow = [\"https://registry.example.org\"]  # the origins it may send requests to\n",
            ),
            Self::Journal => concat!(
                "[grants.journal]\n",
                "dir = \"audit\"         # under the plugin directory, or an absolute path\n",
                "name = \"audit.jsonl\"\n",
            ),
            Self::Kv => "[grants.kv]\n",
            Self::Reveal => concat!(
                "[grants.secrets]\n",
                "names = [\"registry-token\"]\n",
                "reveal = true                # the plugin reads their values\n",
            ),
            Self::Secrets => {
                concat!("[grants.secrets]\n", "names = [\"registry-token\"]  # secrets of the server's configuration\n",)
            }
            Self::Sign => concat!(
                "[grants.sign.keys.webhook]   # what the plugin calls the key\n",
                "purpose = \"mac\"            # or jwt, detached-jws\n",
                "secret = \"webhook-key\"     # a secret of the server's configuration\n",
            ),
            Self::Sql => concat!(
                "[grants.sql.statements.by_id]  # what the plugin calls the statement\n",
                "database = \"registry\"        # a database of the server's configuration\n",
                "text = \"select name from people where id = $1\"\n",
                "params = [\"@subject.id\"]     # filled by the host; \"plugin\" leaves one to the plugin\n",
            ),
        }
    }
}

/// What a component is and wants.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) contract: ContractVersion,
    pub(crate) kind: Kind,
    pub(crate) capabilities: BTreeSet<Capability>,
}

impl Shape {
    /// The lines that the grant file lacks; `None` where nothing is missing.
    pub(crate) fn missing_lines(&self, grant: &Grant) -> Option<String> {
        let missing: Vec<Capability> =
            self.capabilities.iter().copied().filter(|capability| !capability.is_granted(grant)).collect();
        // One table grants both.
        let told =
            |capability: &&Capability| **capability != Capability::Secrets || !missing.contains(&Capability::Reveal);
        let lines: Vec<&str> = missing.iter().filter(told).map(|capability| capability.grant_lines()).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }
}

/// Judges a component by its type, without running it. The error is for the operator.
pub(crate) fn examine(engine: &Engine, component: &Component, contracts: &Contracts) -> Result<Shape, String> {
    let imports: Vec<&str> = component.imports(engine).map(|(name, _)| name).collect();
    let exports: Vec<&str> = component.exports(engine).map(|(name, _)| name).collect();
    // A name may hold any character: `url=<…>`.
    judge(&imports, &exports, contracts).map_err(|reason| escaped(&reason))
}

fn judge(imports: &[&str], exports: &[&str], contracts: &Contracts) -> Result<Shape, String> {
    let imports: Vec<Name<'_>> = imports.iter().map(|import| Name::parse(import)).collect();
    // Toolchains add exports of their own.
    let exports = exports.iter().map(|export| Name::parse(export));
    let exports: Vec<Name<'_>> = exports.filter(|name| name.package == PLUGIN).collect();
    let contract = spoken(&exports, &imports, contracts)?;
    let kind = kind(&exports)?;
    if !contract.has(kind) {
        return Err(format!("version {contract} of the contract has no {kind} plugins"));
    }
    let mut capabilities = BTreeSet::new();
    for import in &imports {
        capabilities.extend(needed(import, contract)?);
    }
    Ok(Shape { contract, kind, capabilities })
}

/// The version of the contract that a component was built for: one in all its parts.
fn spoken(exports: &[Name<'_>], imports: &[Name<'_>], contracts: &Contracts) -> Result<ContractVersion, String> {
    let mut spoken: Option<(ContractVersion, &str)> = None;
    let of_contract = imports.iter().filter(|name| [HOST, PLUGIN].contains(&name.package));
    for Name { full, version, .. } in exports.iter().chain(of_contract) {
        let offered = || format!("it was built for {full}, and this server offers {contracts} of the contract");
        let found = contracts.find(version).ok_or_else(offered)?;
        match spoken {
            Some((contract, first)) if contract != found => {
                return Err(format!("it mixes versions of the contract: {first} and {full}"));
            }
            Some(_) => {}
            None => spoken = Some((found, full)),
        }
    }
    spoken.map(|(contract, _)| contract).filter(|_| !exports.is_empty()).ok_or_else(no_plugin)
}

fn kind(exports: &[Name<'_>]) -> Result<Kind, String> {
    let mut found = Vec::new();
    let mut lifecycle = false;
    for name in exports {
        match name.interface {
            "lifecycle" => lifecycle = true,
            "data-provider" => found.push(Kind::DataProvider),
            "vc-issuance" => found.push(Kind::VcIssuance),
            "audit" => found.push(Kind::Audit),
            _ => {}
        }
    }
    match found.as_slice() {
        [] => Err(no_plugin()),
        [kind] if lifecycle => Ok(*kind),
        [_] => Err("it does not export chancery:plugin/lifecycle".to_owned()),
        _ => Err("it exports more than one kind of plugin".to_owned()),
    }
}

fn no_plugin() -> String {
    "it is not a Chancery plugin: it exports none of chancery:plugin's data-provider, vc-issuance and audit".to_owned()
}

/// What an import takes: nothing, a grant, or something that is not to be had.
fn needed(import: &Name<'_>, contract: ContractVersion) -> Result<Option<Capability>, String> {
    let refused = || not_offered(import.full);
    match import.package {
        HOST if contract.base().contains(&import.interface) => Ok(None),
        HOST => contract.capability(import.interface).map(Some).ok_or_else(refused),
        // Types only; the host has nothing to do for it.
        PLUGIN if import.interface == "types" => Ok(None),
        "wasi:http" if import.version.starts_with("0.2.") => match import.interface {
            // Types come along with `outgoing-handler`; alone they reach nothing, and are linked with it.
            "types" | "outgoing-handler" => Ok(Some(Capability::Http)),
            _ => Err(refused()),
        },
        package => match package.strip_prefix("wasi:") {
            Some(wasi) if WASI.contains(&wasi) && import.version.starts_with("0.2.") => Ok(None),
            _ => Err(refused()),
        },
    }
}

fn not_offered(import: &str) -> String {
    format!("it imports {import}, which this version of Chancery does not offer")
}

/// `package/interface@version`, as component types spell it.
struct Name<'a> {
    full: &'a str,
    package: &'a str,
    interface: &'a str,
    version: &'a str,
}

impl<'a> Name<'a> {
    fn parse(full: &'a str) -> Self {
        let (path, version) = full.split_once('@').unwrap_or((full, ""));
        let (package, interface) = path.split_once('/').unwrap_or((path, ""));
        Self { full, package, interface, version }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(imports: &[&str], exports: &[&str]) -> Result<Shape, String> {
        super::judge(imports, exports, &Contracts::default())
    }

    const PROVIDER: [&str; 2] = ["chancery:plugin/lifecycle@0.1.0", "chancery:plugin/data-provider@0.1.0"];

    #[test]
    fn base_and_wasi_need_nothing() {
        let imports = [
            "chancery:host/log@0.1.7",
            "chancery:host/blobs@0.1.0",
            "chancery:plugin/types@0.1.0",
            "wasi:cli/environment@0.2.9",
            "wasi:sockets/tcp@0.2.12",
        ];
        let shape = judge(&imports, &PROVIDER).unwrap();
        assert_eq!(shape.kind, Kind::DataProvider);
        assert!(shape.capabilities.is_empty());
    }

    fn parse(grant: &str) -> Result<Grant, String> {
        Grant::parse(grant, std::path::Path::new("/p"), &crate::limits::Limits::ceilings())
    }

    #[test]
    fn capabilities_need_a_grant_and_the_lines_shown_give_it() {
        for (import, capability) in [
            ("chancery:host/files@0.1.0", Capability::Files),
            ("wasi:http/outgoing-handler@0.2.9", Capability::Http),
            ("chancery:host/journal@0.1.0", Capability::Journal),
            ("chancery:host/kv@0.1.0", Capability::Kv),
            ("chancery:host/reveal@0.1.0", Capability::Reveal),
            ("chancery:host/secrets@0.1.0", Capability::Secrets),
            ("chancery:host/sign@0.1.0", Capability::Sign),
            ("chancery:host/sql@0.1.0", Capability::Sql),
        ] {
            let shape = judge(&[import], &PROVIDER).unwrap();
            assert_eq!(shape.capabilities, BTreeSet::from([capability]));
            assert!(!capability.is_granted(&parse("").unwrap()), "{import}");
            assert!(capability.is_granted(&parse(capability.grant_lines()).unwrap()), "{import}");
        }
    }

    #[test]
    fn naming_a_secret_is_not_reading_it() {
        let grant = parse(Capability::Secrets.grant_lines()).unwrap();
        assert!(Capability::Secrets.is_granted(&grant) && !Capability::Reveal.is_granted(&grant));
    }

    #[test]
    fn what_is_not_offered_is_named() {
        for import in [
            "chancery:host/sockets@0.1.0",
            "wasi:http/incoming-handler@0.2.9",
            "wasi:http/outgoing-handler@0.3.0",
            "wasi:cli/environment@0.3.0",
            "acme:thing/other",
            "chancery:host",
        ] {
            let error = judge(&[import], &PROVIDER).unwrap_err();
            assert!(error.contains(import), "{import}: {error}");
        }
        let error = judge(&["chancery:host/log@0.2.0"], &PROVIDER).unwrap_err();
        assert!(error.contains("offers version 0.1"), "{error}");
    }

    #[test]
    fn the_exports_decide_the_kind() {
        let lifecycle = "chancery:plugin/lifecycle@0.1.0";
        for (exports, part) in [
            (vec![], "not a Chancery plugin"),
            (vec!["init", "wasi:cli/run@0.2.0"], "not a Chancery plugin"),
            (vec!["chancery:plugin/data-provider@0.1.0"], "lifecycle"),
            (vec!["chancery:plugin/data-provider@1.0.0"], "offers version 0.1"),
            (vec![lifecycle, PROVIDER[1], "chancery:plugin/audit@0.1.0"], "more than one kind"),
        ] {
            let error = judge(&[], &exports).unwrap_err();
            assert!(error.contains(part), "{exports:?}: {error}");
        }
        for (export, kind) in [
            ("chancery:plugin/data-provider@0.1.0", Kind::DataProvider),
            ("chancery:plugin/vc-issuance@0.1.0", Kind::VcIssuance),
            ("chancery:plugin/audit@0.1.0", Kind::Audit),
        ] {
            assert_eq!(judge(&[], &[lifecycle, export, "init"]).unwrap().kind, kind);
        }
    }
}
