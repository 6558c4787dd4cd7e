//! Strict compact JWS (RFC 7515 §7.1) with claims as its payload.
//!
//! Written here although `jsonwebtoken` 11 can run over ring, because that crate cannot serve what the
//! protocols ask for: its typed header drops the members of an embedded `jwk` (a private key in it
//! goes unseen); duplicate claims pass; it reads the system clock; its signers are
//! synchronous, so no HSM fits; its cryptography is one process-wide setting that panics when unset.
//! What remains after those is base64 and JSON, which this module does with crates. Cryptography is
//! ring's, behind [`PublicKey::verify`] and [`Signer`].

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::strict_json::object_from_slice;
use crate::{Algorithm, KeyError, PublicKey, SignError, Signer};

/// Both algorithms give signatures of this length.
const SIGNATURE_LEN: usize = 64;

/// A parsed compact JWS whose signature is **not** checked until [`CompactJws::verify`] says so.
#[derive(Clone)]
pub struct CompactJws {
    /// `header.payload` as received: what the signature covers.
    signing_input: String,
    header: Map<String, Value>,
    claims: Map<String, Value>,
    algorithm: Algorithm,
    signature: Vec<u8>,
}

/// Why a token was refused. Every text is safe to show and written for whoever made the token.
#[derive(Debug, Clone, thiserror::Error)]
pub enum JoseError {
    #[error("the JWT is longer than {max} characters")]
    TooLong { max: usize },
    #[error("a compact JWT has three parts between dots; this one has {0}")]
    WrongPartCount(usize),
    #[error("the JWT is encrypted (five parts); send a signed one")]
    Encrypted,
    #[error("the JWT's {0} is not base64url without padding")]
    NotBase64Url(Part),
    #[error("the JWT's {0} is not a JSON object in which each member stands once")]
    NotJsonObject(Part),
    #[error("the JWT's header has no text member alg")]
    MissingAlgorithm,
    #[error("the JWT is not signed (alg none)")]
    Unsigned,
    #[error("the JWT is signed with a shared secret (HMAC); sign it with a private key")]
    Symmetric,
    #[error("the JWT's alg is not supported; use ES256 or EdDSA")]
    UnsupportedAlgorithm,
    #[error("the JWT's alg is not accepted here; accepted: {accepted}")]
    AlgorithmNotAllowed { accepted: String },
    #[error("the JWT's header names critical extensions (crit), none of which is supported")]
    CriticalExtension,
    #[error("the JWT's signature is not 64 bytes; ES256 needs r and s side by side, not DER")]
    SignatureLength,
    #[error("the JWT's alg does not fit the type of its key")]
    AlgorithmKeyMismatch,
    #[error("the JWT's signature does not match its key")]
    BadSignature,
    #[error(transparent)]
    Sign(#[from] SignError),
}

/// A part of a compact JWS, for messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Header,
    Payload,
    Signature,
}

impl CompactJws {
    /// Reads a compact JWS of at most `max_len` characters. Refused are `none`, HMAC and unknown
    /// algorithms, critical extensions, duplicate member names, and any spelling of base64url that is
    /// not the canonical one.
    pub fn parse(text: &str, max_len: usize) -> Result<Self, JoseError> {
        if text.len() > max_len {
            return Err(JoseError::TooLong { max: max_len });
        }
        let parts: Vec<&str> = text.split('.').collect();
        let [header, payload, signature] = parts[..] else {
            return Err(match parts.len() {
                5 => JoseError::Encrypted,
                count => JoseError::WrongPartCount(count),
            });
        };
        let header_members = decode_object(header, Part::Header)?;
        let algorithm = read_algorithm(&header_members)?;
        if header_members.contains_key("crit") {
            return Err(JoseError::CriticalExtension);
        }
        let claims = decode_object(payload, Part::Payload)?;
        let signature = decode(signature, Part::Signature)?;
        if signature.len() != SIGNATURE_LEN {
            return Err(JoseError::SignatureLength);
        }
        let signing_input = text[..header.len() + 1 + payload.len()].to_owned();
        Ok(Self { signing_input, header: header_members, claims, algorithm, signature })
    }

    /// The protected header as received, unknown members included.
    pub fn header(&self) -> &Map<String, Value> {
        &self.header
    }

    /// A header member that is text.
    pub fn header_text(&self, name: &str) -> Option<&str> {
        self.header.get(name).and_then(Value::as_str)
    }

    /// The payload as received.
    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// A claim that is text.
    pub fn claim_text(&self, name: &str) -> Option<&str> {
        self.claims.get(name).and_then(Value::as_str)
    }

    /// The algorithm that `alg` names, aliases resolved.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Fails unless the header's `alg` stands, spelled just so, in the list. An alias such as
    /// `Ed25519` is thus accepted only where the list has it.
    pub fn require_algorithm<S: AsRef<str>>(&self, accepted: &[S]) -> Result<(), JoseError> {
        let name = self.header_text("alg").unwrap_or_default();
        if accepted.iter().any(|entry| entry.as_ref() == name) {
            return Ok(());
        }
        let accepted: Vec<&str> = accepted.iter().map(AsRef::as_ref).collect();
        Err(JoseError::AlgorithmNotAllowed { accepted: accepted.join(", ") })
    }

    /// Checks the signature. The key decides the algorithm; a header that names another is refused.
    pub fn verify(&self, key: &PublicKey) -> Result<(), JoseError> {
        if key.algorithm() != self.algorithm {
            return Err(JoseError::AlgorithmKeyMismatch);
        }
        key.verify(self.signing_input.as_bytes(), &self.signature).map_err(|_: KeyError| JoseError::BadSignature)
    }
}

impl fmt::Debug for CompactJws {
    /// Claims may be personal data, and the whole text is a credential: neither is printed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompactJws").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "header",
            Self::Payload => "payload",
            Self::Signature => "signature",
        })
    }
}

/// Signs claims. `alg` is set from the signer, whatever the header says; other members are the
/// caller's (`typ`, `kid`, `x5c`).
pub async fn sign_compact(
    signer: &dyn Signer,
    header: Map<String, Value>,
    payload: &Map<String, Value>,
) -> Result<String, JoseError> {
    let mut token = signing_input(&with_algorithm(header, signer), payload);
    let signature = signer.sign(token.as_bytes()).await?;
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    Ok(token)
}

/// Signs bytes that travel beside the JWS (RFC 7515, appendix F): `header..signature`. The signature covers the
/// payload in base64url, as it would if it stood between the dots. `alg` is set from the signer.
pub async fn sign_detached(
    signer: &dyn Signer,
    header: Map<String, Value>,
    payload: &[u8],
) -> Result<String, JoseError> {
    let header = with_algorithm(header, signer);
    let mut token = URL_SAFE_NO_PAD.encode(to_json(&header));
    let signing_input = format!("{token}.{}", URL_SAFE_NO_PAD.encode(payload));
    let signature = signer.sign(signing_input.as_bytes()).await?;
    token.push_str("..");
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    Ok(token)
}

/// The text that a signature covers: `base64url(header).base64url(payload)`.
pub fn signing_input(header: &Map<String, Value>, payload: &Map<String, Value>) -> String {
    let mut input = String::new();
    URL_SAFE_NO_PAD.encode_string(to_json(header), &mut input);
    input.push('.');
    URL_SAFE_NO_PAD.encode_string(to_json(payload), &mut input);
    input
}

fn with_algorithm(mut header: Map<String, Value>, signer: &dyn Signer) -> Map<String, Value> {
    header.insert("alg".to_owned(), Value::String(signer.algorithm().as_str().to_owned()));
    header
}

/// Writes a map of JSON values; such a map has text keys only, so this has no way to fail.
fn to_json(map: &Map<String, Value>) -> Vec<u8> {
    serde_json::to_vec(map).unwrap_or_default()
}

fn decode(text: &str, part: Part) -> Result<Vec<u8>, JoseError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| JoseError::NotBase64Url(part))
}

fn decode_object(text: &str, part: Part) -> Result<Map<String, Value>, JoseError> {
    object_from_slice(&decode(text, part)?).map_err(|_| JoseError::NotJsonObject(part))
}

fn read_algorithm(header: &Map<String, Value>) -> Result<Algorithm, JoseError> {
    let name = header.get("alg").and_then(Value::as_str).ok_or(JoseError::MissingAlgorithm)?;
    if name.eq_ignore_ascii_case("none") {
        return Err(JoseError::Unsigned);
    }
    if name.starts_with("HS") {
        return Err(JoseError::Symmetric);
    }
    Algorithm::from_name_or_alias(name).ok_or(JoseError::UnsupportedAlgorithm)
}

#[cfg(test)]
#[path = "jose_tests.rs"]
mod tests;
