//! Plugins to measure with: built ones, and components that are made for the purpose.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use chancery_sandbox::{PluginRequest, Sandbox};

use crate::{
    Arguments, Result,
    example::{SD_JWT, subject},
    parts::store::ISSUER_ID,
};

pub(crate) const CSV_PROVIDER: &str = "csv-provider";
/// Misbehaves when its subject's id asks for it, and gives a constant answer otherwise.
pub(crate) const HOSTILE: &str = "hostile";
/// Guards the compile caches of this run alone.
pub(crate) const CACHE_KEY: [u8; 32] = [7; 32];

/// The hand-written data provider of the sandbox's tests. It knows Ada and nobody else.
const MINIMAL: &str = include_str!("../../../../host/crates/sandbox/tests/it/minimal.wat");
const CUSTOM_SECTION: u8 = 0;
/// Statements of one generated function, about 20 bytes of code each.
const STATEMENTS: usize = 50;
const STATEMENT_BYTES: usize = 20;

/// A plugin directory.
pub(crate) struct Directory {
    pub(crate) path: PathBuf,
}

impl Directory {
    pub(crate) fn new(path: PathBuf) -> Result<Self> {
        fs::create_dir_all(&path)?;
        Ok(Self { path })
    }

    /// A plugin and its grant file, as an operator should put them there.
    pub(crate) fn put(&self, name: &str, wasm: &[u8], grant: &str) -> Result<()> {
        fs::write(self.path.join(format!("{name}.toml")), grant)?;
        self.stage(name, wasm)?;
        self.rename(name)
    }

    /// The component under a name that nobody looks at.
    pub(super) fn stage(&self, name: &str, wasm: &[u8]) -> Result<()> {
        Ok(fs::write(self.path.join(format!(".{name}.tmp")), wasm)?)
    }

    /// Puts a staged component in place.
    pub(super) fn rename(&self, name: &str) -> Result<()> {
        Ok(fs::rename(self.path.join(format!(".{name}.tmp")), self.path.join(format!("{name}.wasm")))?)
    }
}

/// A component that `cargo xtask plugins` built.
pub(crate) fn built(arguments: &Arguments, name: &str) -> Result<Vec<u8>> {
    let path = arguments.plugin.parent().unwrap_or(Path::new("")).join(format!("{name}.wasm"));
    fs::read(&path).map_err(|error| format!("{}: {error}; run `cargo xtask plugins` first", path.display()).into())
}

/// The smallest data provider, with more in its core module.
pub(crate) fn minimal(core: &str) -> Result<Vec<u8>> {
    // The last one: the first stands in a comment that speaks of it.
    let (before, after) = MINIMAL.rsplit_once("(;core;)").ok_or("the smallest plugin has no place for more")?;
    Ok(wat::parse_str(format!("{before}{core}{after}"))?)
}

/// The smallest data provider with generated code beside it: nothing is padded, all of it is to be compiled.
pub(super) fn of_size(bytes: usize) -> Result<Vec<u8>> {
    let mut core = String::new();
    for function in 0..bytes / STATEMENTS / STATEMENT_BYTES {
        core.push_str("(func (param $x i32) (result i32) (loop $again\n");
        for statement in 0..STATEMENTS {
            let constant = 1_000_003 + function * STATEMENTS + statement;
            writeln!(
                core,
                "(local.set $x (i32.xor (i32.mul (local.get $x) (i32.const {constant})) \
                 (i32.load (i32.and (local.get $x) (i32.const 65532)))))"
            )?;
        }
        core.push_str("(br_if $again (local.get $x))) (local.get $x))\n");
    }
    minimal(&core)
}

/// The same component with another digest: a custom section tells them apart.
pub(crate) fn numbered(wasm: &[u8], number: usize) -> Vec<u8> {
    let (name, content) = (b"number", number.to_le_bytes());
    // Lengths below 128 are one byte each.
    let mut section = vec![CUSTOM_SECTION, 1 + 6 + 8, 6];
    section.extend_from_slice(name);
    section.extend_from_slice(&content);
    [wasm, &section].concat()
}

pub(crate) fn require_serving(sandbox: &Sandbox) -> Result<()> {
    match sandbox.plugins().iter().find(|status| !status.is_serving()) {
        None => Ok(()),
        Some(status) => {
            let why = status.reason.as_ref().or(status.missing_grants.as_ref());
            Err(format!("{} does not serve: {}", status.name, why.map_or("no reason is given", String::as_str)).into())
        }
    }
}

/// About one of the people; any number will do.
pub(crate) fn request(number: usize) -> PluginRequest {
    PluginRequest {
        request_id: format!("bench-{number}"),
        issuer_id: ISSUER_ID.to_owned(),
        configuration_id: SD_JWT.to_owned(),
        format: "dc+sd-jwt".to_owned(),
        subject_id: subject(number),
        ..PluginRequest::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_plugins_have_the_size_that_was_asked_for() {
        let bytes = of_size(100_000).unwrap().len();
        assert!((90_000..140_000).contains(&bytes), "{bytes}");
    }

    #[test]
    fn numbers_make_other_components_of_the_same_length() {
        let wasm = minimal("").unwrap();
        assert_ne!(numbered(&wasm, 1), numbered(&wasm, 2));
        assert_eq!(numbered(&wasm, 1).len(), numbered(&wasm, 200).len());
        assert!(numbered(&wasm, 1).starts_with(&wasm));
    }
}
