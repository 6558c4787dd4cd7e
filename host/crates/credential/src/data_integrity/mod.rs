//! Data Integrity proofs (VC Data Integrity 1.0) with the suites `eddsa-rdfc-2022` and `ecdsa-rdfc-2019`.
//!
//! As with SD-JWT VC, making one has two steps, so that the signature may come from anywhere:
//! [`DataIntegrity::prepare`] turns a credential into the bytes to sign, [`Prepared::finish`] adds the signature.
//! [`Secured`] reads a signed credential back.

mod issue;
mod secured;

pub use issue::{DataIntegrity, Prepared, ProofOptions};
pub use secured::Secured;
pub(crate) use secured::decode;

use serde_json::{Map, Value, json};

use crate::jsonld::{CanonicalHash, Contexts, JsonLdError, to_canonical_quads};
use crate::vcdm::VcdmError;

pub const PROOF_TYPE: &str = "DataIntegrityProof";
/// Bytes of a signature of either suite.
pub const SIGNATURE_LEN: usize = 64;

/// How a proof is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cryptosuite {
    /// Ed25519.
    EddsaRdfc2022,
    /// ECDSA on P-256.
    EcdsaRdfc2019,
}

impl Cryptosuite {
    pub const ALL: [Self; 2] = [Self::EddsaRdfc2022, Self::EcdsaRdfc2019];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EddsaRdfc2022 => "eddsa-rdfc-2022",
            Self::EcdsaRdfc2019 => "ecdsa-rdfc-2019",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.as_str() == name)
    }

    /// The signature algorithm by its JOSE name. Its signer hashes the bytes to sign once more, as the suites want.
    pub const fn algorithm(self) -> &'static str {
        match self {
            Self::EddsaRdfc2022 => "EdDSA",
            Self::EcdsaRdfc2019 => "ES256",
        }
    }

    pub(crate) const fn hash(self) -> CanonicalHash {
        match self {
            Self::EddsaRdfc2022 | Self::EcdsaRdfc2019 => CanonicalHash::Sha256,
        }
    }
}

/// Why a proof was not made, or not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DataIntegrityError {
    #[error(transparent)]
    Model(#[from] VcdmError),
    #[error(transparent)]
    JsonLd(#[from] JsonLdError),
    #[error("the proof options: {0}")]
    Options(JsonLdError),
    #[error("the credential has no proof of a kind that is known here")]
    Proof,
}

/// Hash of the options, then of the document: what is signed.
fn signing_input(
    suite: Cryptosuite,
    options: &Map<String, Value>,
    document: &Value,
    contexts: &Contexts,
) -> Result<Vec<u8>, DataIntegrityError> {
    let hash = suite.hash();
    let quads = to_canonical_quads(document, contexts, hash)?;
    let options = with_context(options, document);
    let options = to_canonical_quads(&options, contexts, hash).map_err(DataIntegrityError::Options)?;
    Ok(combined_hash(hash, &options, &quads))
}

/// The options as a document of their own, under the contexts of the document that they are about.
pub(crate) fn with_context(options: &Map<String, Value>, document: &Value) -> Value {
    let mut options = options.clone();
    options.insert("@context".to_owned(), document.get("@context").cloned().unwrap_or_else(|| json!([])));
    Value::Object(options)
}

pub(crate) fn combined_hash(hash: CanonicalHash, options: &str, document: &str) -> Vec<u8> {
    let mut input = hash.digest(options.as_bytes());
    input.extend(hash.digest(document.as_bytes()));
    input
}

#[cfg(test)]
mod tests;
