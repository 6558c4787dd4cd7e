//! Status lists: one bit for each entry and purpose, and the forms in which verifiers read them.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`bits`] | the bits themselves, and their snapshot in the store |
//! | [`bitstring`] | Bitstring Status List 1.0 and its older spelling StatusList2021: lists and entries |
//! | [`token`] | IETF Token Status List: claims of the token, and references to it |
//!
//! The bits of a list are the only truth; both encodings are computed from them.

pub mod bits;
pub mod bitstring;
mod compress;
pub mod token;

pub use bits::StatusBits;

use crate::data_integrity::DataIntegrityError;

/// Fewest entries of a published list: in a smaller crowd an index would tell credentials apart (Bitstring Status
/// List 1.0, section 6.1).
pub const MIN_ENTRIES: u32 = 131_072;
/// Most entries of a list: 2 MiB of memory a purpose.
pub const MAX_ENTRIES: u32 = 1 << 24;

/// What a set bit says of its credential. The order is the one in which a list's purposes stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// No longer valid, for good.
    Revocation,
    /// Not valid at present.
    Suspension,
    /// A newer credential can be had.
    Refresh,
    /// Whatever the entry's message says.
    Message,
}

impl Purpose {
    /// All of them, in their order.
    pub const ALL: [Self; 4] = [Self::Revocation, Self::Suspension, Self::Refresh, Self::Message];

    /// The value of `statusPurpose`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Revocation => "revocation",
            Self::Suspension => "suspension",
            Self::Refresh => "refresh",
            Self::Message => "message",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == name)
    }

    /// Whether a set bit may be cleared again. Whoever changes statuses has to ask; [`StatusBits`] does not.
    pub const fn is_reversible(self) -> bool {
        match self {
            Self::Revocation | Self::Refresh => false,
            Self::Suspension | Self::Message => true,
        }
    }
}

/// Why a status list was not made, changed or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatusError {
    #[error("a status list needs a purpose")]
    NoPurpose,
    #[error("a status list has a multiple of 8 entries, at most {MAX_ENTRIES}; not {0}")]
    Capacity(u32),
    #[error("the status list has no purpose {}", .0.as_str())]
    UnknownPurpose(Purpose),
    #[error("the index {index} is beyond the status list's {capacity} entries")]
    OutOfRange { index: u32, capacity: u32 },
    #[error("not a snapshot of a status list: {0}")]
    Snapshot(&'static str),
    #[error("not an encoded status list: {0}")]
    Encoding(&'static str),
    #[error("a token status list tells of revocation and suspension only, and the status list has neither")]
    NoTokenStatus,
    #[error("the status list could not be compressed")]
    Compression,
    #[error(transparent)]
    Proof(#[from] DataIntegrityError),
}

#[cfg(test)]
mod tests;
