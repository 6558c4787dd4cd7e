//! What the host hands in.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::compile::CompileMode;
use crate::limits::Limits;
use crate::ports::Ports;
use crate::trust::Trust;
use crate::versions::Contracts;

/// How a [`Sandbox`](crate::Sandbox) is set up.
#[derive(Clone)]
pub struct SandboxOptions {
    /// Where plugins and their grant files are. Must exist. Everything in it is trusted as far as
    /// the grant files go: who can write here decides what plugins may do.
    pub plugin_dir: PathBuf,
    /// Where compiled plugins are kept. Made with mode 0700 when missing; what is in it is native
    /// code, so entries are authenticated with `cache_key`.
    pub cache_dir: PathBuf,
    /// Whether the bytes of the last releases are kept below `cache_dir`, to go back to. Without, no such directory is
    /// made, and going back is refused.
    pub archive: bool,
    /// Authenticates the compile cache. Must be the same at every start, and secret.
    pub cache_key: [u8; 32],
    /// Where compilation happens.
    pub compile: CompileMode,
    /// The most that a grant file may ask for.
    pub ceilings: Limits,
    /// What stands behind the capabilities.
    pub ports: Ports,
    /// What a component must bring to be run.
    pub trust: Trust,
    /// The versions of the plugin contract that plugins may be built for.
    pub contracts: Contracts,
    /// What operators decided about single plugins, by name.
    pub controls: Controls,
    /// How many sandboxes may live at once, over all plugins.
    pub max_instances: u32,
    /// How often the directory is looked at even when the system reports no change: network volumes
    /// report none.
    pub rescan: Duration,
    /// How long a file must stay unchanged before it is read.
    pub debounce: Duration,
}

/// What operators decided about plugins, by name.
pub type Controls = BTreeMap<String, Control>;

/// What an operator decided about one plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Control {
    /// It must not serve.
    pub disabled: bool,
    /// An earlier release serves in place of a newer one.
    pub held: Option<Held>,
}

/// A way back. It ends when the plugin's files change again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The release that serves.
    pub release: String,
    /// The release that it stands in for.
    pub instead_of: String,
}

impl SandboxOptions {
    /// Options with the default ceilings and times.
    pub fn new(
        plugin_dir: impl Into<PathBuf>,
        cache_dir: impl Into<PathBuf>,
        cache_key: [u8; 32],
        compile: CompileMode,
    ) -> Self {
        Self {
            plugin_dir: plugin_dir.into(),
            cache_dir: cache_dir.into(),
            archive: true,
            cache_key,
            compile,
            ceilings: Limits::ceilings(),
            ports: Ports::none(),
            trust: Trust::Off,
            contracts: Contracts::default(),
            controls: Controls::new(),
            max_instances: 200,
            rescan: Duration::from_secs(5),
            debounce: Duration::from_millis(200),
        }
    }
}

impl fmt::Debug for SandboxOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SandboxOptions")
            .field("plugin_dir", &self.plugin_dir)
            .field("cache_dir", &self.cache_dir)
            .field("archive", &self.archive)
            .field("cache_key", &"[redacted]")
            .field("compile", &self.compile)
            .field("ceilings", &self.ceilings)
            .field("ports", &self.ports)
            .field("trust", &self.trust)
            .field("contracts", &self.contracts)
            .field("controls", &self.controls)
            .field("max_instances", &self.max_instances)
            .field("rescan", &self.rescan)
            .field("debounce", &self.debounce)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_key() {
        let options = SandboxOptions::new("p", "c", [0xAB; 32], CompileMode::InProcess);
        let text = format!("{options:?}");
        assert!(text.contains("[redacted]"));
        assert!(!text.contains("171"));
    }
}
