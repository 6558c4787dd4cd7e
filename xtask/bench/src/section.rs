//! What can be measured by itself. `cargo xtask bench` shares this file, to refuse a name before it builds anything.

use clap::ValueEnum;

/// In the order in which they are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Section {
    /// What the status lists of a nation take in memory
    StatusMemory,
    /// The parts of an issuance
    Parts,
    /// Memory before and after many calls of a plugin
    Memory,
    /// What each capability costs a call
    Capabilities,
    /// The same plugin in every language
    Languages,
    /// From a component on the disk to a plugin that serves
    Loading,
    /// Good plugins beside bad ones
    Neighbours,
    /// The life of credentials
    Status,
    /// The running host and the peer, from outside
    Whole,
}

impl Section {
    /// Whether it is asked for: all are, where none is named.
    pub(crate) fn is_in(self, only: &[Self]) -> bool {
        only.is_empty() || only.contains(&self)
    }
}
