//! Keys: signers, public keys and their JWK and DID forms, compact JWS, sealing at rest.
//!
//! The only crate of the workspace that names `ring`. Nothing in it opens a file, reads a clock or
//! knows a transport; randomness is handed in as [`Entropy`].
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`algorithm`] | the signature algorithms by their JOSE names |
//! | [`public_key`] | [`PublicKey`]: JWK in and out, thumbprint, Multikey, verification |
//! | [`signer`] | the [`Signer`] trait and the software backend |
//! | [`entropy`] | the [`Entropy`] trait, the system's and a seeded one for tests |
//! | [`jose`] | strict compact JWS: parse, verify, sign |
//! | [`did`] | did:key, did:jwk and did:web: making and resolving |
//! | [`publish`] | the DID document and the JWKS that a verifier reads |
//! | [`seal`] | encryption at rest, bound to the row it belongs to |
//! | [`mac`] | keys for MACs and blind indexes, derived for one issuer and purpose, or imported |
//! | [`permutation`] | the secret order in which a status list's entries are given out |
//! | [`trusted`] | other issuers and their keys, as the operator lists them |

pub mod algorithm;
pub mod did;
pub mod entropy;
pub mod jose;
pub mod mac;
mod pem;
pub mod permutation;
pub mod public_key;
pub mod publish;
pub mod seal;
pub mod signer;
mod strict_json;
pub mod trusted;

pub use algorithm::Algorithm;
pub use entropy::{Entropy, EntropyError, SeededEntropy, SystemEntropy};
pub use jose::{CompactJws, JoseError};
pub use mac::{MacKey, MacKeyError};
pub use permutation::Permutation;
pub use public_key::{KeyError, PublicKey};
pub use seal::{KekId, KeyEncryptionKey, Keyring, SealContext, SealError};
pub use signer::{SignError, Signer, SoftwareKey, SoftwareKeyError};
pub use trusted::{TrustError, TrustListError, TrustedIssuer, TrustedIssuers, TrustedKey};
