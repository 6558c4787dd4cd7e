//! The versions of the contract, served side by side.
//!
//! The crate speaks the newest version: `bindings` is generated from it, and `imports` and `kinds` use its
//! types. An older version is one module here, over its frozen folder in `wit/frozen/`: its bindings, its
//! imports handed on to `imports`, and conversions to and from the newest types. Which version a component
//! speaks shows in its type, so it is known before anything of it runs.
//!
//! A new version makes the former one old. Its folder is frozen, a copy of `bindings` becomes its module,
//! and its conversions are written there. The compiler names the other places that want a case for it, except
//! one: a capability is linked under the names of every version that has it (`imports::add_to_linker`).

pub(crate) mod exports;
mod v0_0_1;

use std::collections::BTreeSet;
use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;
use wasmtime::component::Linker;

use crate::contract::Capability;
use crate::guest::Guest;
use crate::imports;
use crate::status::Kind;

/// A version of the contract in `wit/`, by the part of its number within which releases are compatible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub enum ContractVersion {
    /// A frozen test version: small, and incompatible with every other. No release offers it.
    #[serde(rename = "0.0.1")]
    V0_0_1,
    /// The newest.
    #[serde(rename = "0.1")]
    V0_1,
}

/// The versions of the contract that a host offers.
///
/// The default are those of this release. A plugin that was built for another one is rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contracts(BTreeSet<ContractVersion>);

impl Contracts {
    /// Offers one more version.
    #[must_use]
    pub fn with(mut self, version: ContractVersion) -> Self {
        self.0.insert(version);
        self
    }

    /// The version of a number such as `0.1.7`, where it is offered.
    pub(crate) fn find(&self, number: &str) -> Option<ContractVersion> {
        let track = track(number)?;
        self.0.iter().copied().find(|version| version.track() == track)
    }
}

impl Default for Contracts {
    fn default() -> Self {
        Self(BTreeSet::from([ContractVersion::V0_1]))
    }
}

/// In words: `version 0.1`, `versions 0.0.1 and 0.1`.
impl fmt::Display for Contracts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tracks: Vec<&str> = self.0.iter().map(|version| version.track()).collect();
        match tracks.as_slice() {
            [only] => write!(f, "version {only}"),
            all => write!(f, "versions {}", all.join(" and ")),
        }
    }
}

impl ContractVersion {
    /// Interfaces of its `chancery:host` that need no grant.
    pub(crate) fn base(self) -> &'static [&'static str] {
        match self {
            Self::V0_0_1 => &["log", "config"],
            Self::V0_1 => &["log", "config", "trace", "blobs", "prepared"],
        }
    }

    /// What an interface of its `chancery:host` stands for that needs a grant.
    pub(crate) fn capability(self, interface: &str) -> Option<Capability> {
        match self {
            Self::V0_0_1 => None,
            Self::V0_1 => Capability::of_interface(interface),
        }
    }

    /// Whether it has this kind of plugin.
    pub(crate) fn has(self, kind: Kind) -> bool {
        match self {
            Self::V0_0_1 => kind == Kind::DataProvider,
            Self::V0_1 => true,
        }
    }

    fn track(self) -> &'static str {
        match self {
            Self::V0_0_1 => "0.0.1",
            Self::V0_1 => "0.1",
        }
    }
}

impl fmt::Display for ContractVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.track())
    }
}

/// Links what every plugin gets without a grant, in every version that is offered: the names differ.
pub(crate) fn add_base_to_linker(linker: &mut Linker<Guest>, contracts: &Contracts) -> wasmtime::Result<()> {
    for version in &contracts.0 {
        match version {
            ContractVersion::V0_0_1 => v0_0_1::add_base_to_linker(linker)?,
            ContractVersion::V0_1 => imports::add_base_to_linker(linker)?,
        }
    }
    Ok(())
}

/// The part of a version number within which releases are compatible: `1`, `0.1`, `0.0.1`. The linker
/// has the same rule. A pre-release is compatible with nothing.
fn track(number: &str) -> Option<&str> {
    let parts: Vec<&str> = number.split('.').collect();
    let digits = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let [major, minor, _] = parts.as_slice() else { return None };
    if !parts.iter().all(digits) {
        return None;
    }
    let length = match (*major, *minor) {
        ("0", "0") => number.len(),
        ("0", minor) => "0.".len() + minor.len(),
        (major, _) => major.len(),
    };
    number.get(..length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_of_one_track_are_compatible() {
        for (number, expected) in [
            ("0.0.1", Some("0.0.1")),
            ("0.1.0", Some("0.1")),
            ("0.1.17", Some("0.1")),
            ("0.10.0", Some("0.10")),
            ("1.0.0", Some("1")),
            ("12.3.4", Some("12")),
            ("0.1.0-rc.1", None),
            ("0.1.0-rc", None),
            ("0.1", None),
            ("1", None),
            ("0.1.", None),
            ("", None),
        ] {
            assert_eq!(track(number), expected, "{number}");
        }
    }

    #[test]
    fn a_release_offers_no_test_version() {
        let released = Contracts::default();
        assert_eq!(released.find("0.1.3"), Some(ContractVersion::V0_1));
        assert_eq!(released.find("0.0.1"), None);
        assert_eq!(released.to_string(), "version 0.1");
        let both = released.with(ContractVersion::V0_0_1);
        assert_eq!(both.find("0.0.1"), Some(ContractVersion::V0_0_1));
        assert_eq!((both.find("0.0.2"), both.find("0.2.0"), both.find("1.0.0")), (None, None, None));
        assert_eq!(both.to_string(), "versions 0.0.1 and 0.1");
    }

    #[test]
    fn the_status_shows_what_is_spoken_of() {
        for version in [ContractVersion::V0_0_1, ContractVersion::V0_1] {
            assert_eq!(serde_json::to_value(version).unwrap(), version.to_string());
        }
    }
}
