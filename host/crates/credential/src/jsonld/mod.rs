//! JSON-LD documents as the statements that are signed.
//!
//! A plain JSON-LD processor drops in silence whatever it cannot map to statements: members that no context defines,
//! relative IRIs, malformed ones. A signature over the rest would not cover them, so here each of them is an error
//! that names its place. So is what common verifiers would read differently (numbers that JSON-LD rounds) or refuse as
//! too symmetric to canonicalise. The base direction of a text is part of its datatype, as those verifiers have it.
//!
//! [`to_canonical_quads`] is the one way through: what is behind it may be replaced.

mod contexts;
mod document;
mod expand;
mod rdfc;

pub use contexts::{CREDENTIALS_V1, CREDENTIALS_V2, Contexts, DATA_INTEGRITY_V2, MAX_CONTEXT_BYTES, MAX_OWN_CONTEXTS};
pub use rdfc::{CanonicalHash, MAX_BLANK_NODES};

use serde_json::Value;

/// Longest document, as JSON text: what a request of 10 MiB holds, and what is added to it.
pub const MAX_DOCUMENT_BYTES: usize = 11 * 1024 * 1024;
/// Deepest nesting of a document.
pub const MAX_DEPTH: usize = 64;
/// Most statements that a document may make.
pub const MAX_STATEMENTS: usize = 10_000;

/// Why a document has no canonical form here. The texts name places and terms, and quote values nowhere but in
/// [`JsonLdError::Processing`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonLdError {
    #[error("the document is longer than {MAX_DOCUMENT_BYTES} bytes")]
    TooLong,
    #[error("{path}: nested deeper than {MAX_DEPTH} levels")]
    TooDeep { path: String },
    #[error("the document makes more than {MAX_STATEMENTS} statements")]
    TooManyStatements,
    #[error("the document has more than {MAX_BLANK_NODES} objects or list elements without an id")]
    TooManyBlankNodes,
    #[error("too many objects of the document look alike; give them ids")]
    TooSymmetric,
    #[error("values of one member begin alike, and go on with characters that verifiers sort differently")]
    Order,
    #[error("{path}: no context defines the term {term:?}")]
    UndefinedTerm { path: String, term: String },
    #[error("{path}: no context defines the type or name {name:?}")]
    UndefinedName { path: String, name: String },
    #[error("{path}: must be an absolute IRI")]
    NotAnIri { path: String },
    #[error("{path}: not a language tag")]
    Language { path: String },
    #[error("{path}: JSON-LD would round this number; write it as text")]
    Number { path: String },
    #[error("{path}: the text has a noncharacter (U+FFFE or U+FFFF), which verifiers treat differently")]
    Noncharacter { path: String },
    #[error("{path}: the member {name:?} cannot be used here")]
    Member { path: String, name: String },
    #[error("{path}: the context {url} is neither bundled nor given with the configuration")]
    UnknownContext { path: String, url: String },
    #[error("the context {url} cannot be used: {problem}")]
    Context { url: String, problem: String },
    #[error("{path}: {problem}")]
    InlineContext { path: String, problem: String },
    /// In the processor's words; they may quote the document.
    #[error("{0}")]
    Processing(String),
}

impl From<rdfc::TooHard> for JsonLdError {
    fn from(reason: rdfc::TooHard) -> Self {
        match reason {
            rdfc::TooHard::ManyBlankNodes => Self::TooManyBlankNodes,
            rdfc::TooHard::Symmetric => Self::TooSymmetric,
            rdfc::TooHard::Order => Self::Order,
        }
    }
}

/// How many places are tried for the one that an error is about: each costs as much as the document itself.
const MAX_PROBES: usize = 256;

/// The canonical N-Quads (RDFC-1.0) of a document whose every member becomes a statement.
pub fn to_canonical_quads(document: &Value, contexts: &Contexts, hash: CanonicalHash) -> Result<String, JsonLdError> {
    canonical_quads(document, contexts, hash, MAX_PROBES)
}

/// The same for a document from outside, whose author is not worth the search for his mistake: the path that an error
/// names is a guess.
pub(crate) fn to_canonical_quads_of_foreign(
    document: &Value,
    contexts: &Contexts,
    hash: CanonicalHash,
) -> Result<String, JsonLdError> {
    canonical_quads(document, contexts, hash, 0)
}

fn canonical_quads(
    document: &Value,
    contexts: &Contexts,
    hash: CanonicalHash,
    probes: usize,
) -> Result<String, JsonLdError> {
    document::check(document, contexts)?;
    let (statements, blanks) = expand::statements(document, contexts, probes)?;
    Ok(rdfc::canonicalize(&statements, blanks, hash)?)
}

#[cfg(test)]
mod tests;
