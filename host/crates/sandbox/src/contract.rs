//! What a component imports and exports, judged against the contract in `wit/`.

use std::collections::BTreeSet;

use wasmtime::Engine;
use wasmtime::component::types::Component;

use crate::grant::Grant;
use crate::status::Kind;

/// The contract version that this server offers; patch versions are compatible both ways.
const OFFERED: (u64, u64) = (0, 1);

/// Interfaces of `chancery:host` that need no grant.
const BASE: [&str; 5] = ["log", "config", "trace", "blobs", "prepared"];

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
    /// The interface of `chancery:host` that stands for it.
    fn of_interface(name: &str) -> Option<Self> {
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
pub(crate) fn examine(engine: &Engine, component: &Component) -> Result<Shape, String> {
    let imports: Vec<&str> = component.imports(engine).map(|(name, _)| name).collect();
    let exports: Vec<&str> = component.exports(engine).map(|(name, _)| name).collect();
    judge(&imports, &exports)
}

fn judge(imports: &[&str], exports: &[&str]) -> Result<Shape, String> {
    let kind = kind(exports)?;
    let mut capabilities = BTreeSet::new();
    for import in imports {
        capabilities.extend(needed(import)?);
    }
    Ok(Shape { kind, capabilities })
}

fn kind(exports: &[&str]) -> Result<Kind, String> {
    let mut found = Vec::new();
    let mut lifecycle = false;
    for export in exports {
        let name = Name::parse(export);
        if name.package != "chancery:plugin" {
            continue; // Toolchains add exports of their own.
        }
        name.check_version()?;
        match name.interface {
            "lifecycle" => lifecycle = true,
            "data-provider" => found.push(Kind::DataProvider),
            "vc-issuance" => found.push(Kind::VcIssuance),
            "audit" => found.push(Kind::Audit),
            _ => {}
        }
    }
    match found.as_slice() {
        [] => Err("it is not a Chancery plugin: it exports none of chancery:plugin's \
                   data-provider, vc-issuance and audit"
            .to_owned()),
        [kind] if lifecycle => Ok(*kind),
        [_] => Err("it does not export chancery:plugin/lifecycle".to_owned()),
        _ => Err("it exports more than one kind of plugin".to_owned()),
    }
}

/// What an import takes: nothing, a grant, or something that is not to be had.
fn needed(import: &str) -> Result<Option<Capability>, String> {
    let name = Name::parse(import);
    match name.package {
        "chancery:host" => {
            name.check_version()?;
            match name.interface {
                base if BASE.contains(&base) => Ok(None),
                other => Capability::of_interface(other).map(Some).ok_or_else(|| not_offered(import)),
            }
        }
        "wasi:http" if name.version.starts_with("0.2.") => match name.interface {
            // Types come along with `outgoing-handler`; alone they reach nothing, and are linked with it.
            "types" | "outgoing-handler" => Ok(Some(Capability::Http)),
            _ => Err(not_offered(import)),
        },
        // Types only; the host has nothing to do for it.
        "chancery:plugin" if name.interface == "types" => name.check_version().map(|()| None),
        package => match package.strip_prefix("wasi:") {
            Some(wasi) if WASI.contains(&wasi) && name.version.starts_with("0.2.") => Ok(None),
            _ => Err(not_offered(import)),
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

    fn check_version(&self) -> Result<(), String> {
        let mut parts = self.version.split('.').map(str::parse::<u64>);
        let asked = match (parts.next(), parts.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => Some((major, minor)),
            _ => None,
        };
        if asked == Some(OFFERED) {
            return Ok(());
        }
        let (major, minor) = OFFERED;
        Err(format!("it was built for {}, and this server offers version {major}.{minor} of the contract", self.full))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
