//! The compact JWS of the JWT formats, as strict as the one that `chancery-keys` has for tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::{Expected, Signed, VerifyError, check_signature, error, read_json};

/// ES256 and EdDSA both give signatures of this length.
const SIGNATURE_LEN: usize = 64;

/// A compact JWS whose signature is not checked before [`Jws::check_signature`].
pub(super) struct Jws<'a> {
    header: Map<String, Value>,
    pub(super) claims: Map<String, Value>,
    algorithm: &'static str,
    /// `header.payload` as received.
    signing_input: &'a str,
    signature: Vec<u8>,
}

impl<'a> Jws<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, VerifyError> {
        let mut parts = text.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(VerifyError::Malformed("a compact JWT has three parts between dots"));
        };
        let signing_input = &text[..header.len() + 1 + payload.len()];
        let header = decode_object(header)?;
        let algorithm = algorithm(&header)?;
        if header.contains_key("crit") {
            return Err(VerifyError::Malformed("the JWT's header names critical extensions, none of which is known"));
        }
        let signature = decode(signature)?;
        if signature.len() != SIGNATURE_LEN {
            return Err(VerifyError::Malformed("the JWT's signature is not 64 bytes"));
        }
        Ok(Self { header, claims: decode_object(payload)?, algorithm, signing_input, signature })
    }

    /// The media type in the header. Case does not matter in media types.
    pub(super) fn has_type(&self, typ: &str) -> bool {
        self.header.get("typ").and_then(Value::as_str).is_some_and(|found| found.eq_ignore_ascii_case(typ))
    }

    pub(super) fn has_no_type(&self) -> bool {
        !self.header.contains_key("typ")
    }

    /// The id of the issuer's key that signed. Keys that the JWS brings along (`jwk`, `x5c`, `jku`) are not looked at.
    pub(super) fn check_signature(&self, issuer: &str, expected: &Expected<'_>) -> Result<String, VerifyError> {
        let key_id = match self.header.get("kid") {
            None => None,
            Some(Value::String(kid)) => Some(kid.as_str()),
            Some(_) => return Err(VerifyError::Malformed("the JWT's kid is not a text")),
        };
        let message = self.signing_input.as_bytes();
        let signed = Signed { issuer, key_id, algorithm: self.algorithm, message, signature: &self.signature };
        check_signature(&signed, expected)
    }

    /// The claim `iss`.
    pub(super) fn issuer(&self) -> Result<&str, VerifyError> {
        self.claims.get("iss").and_then(Value::as_str).ok_or(VerifyError::Malformed("it has no text claim iss"))
    }
}

fn algorithm(header: &Map<String, Value>) -> Result<&'static str, VerifyError> {
    match header.get("alg").and_then(Value::as_str) {
        Some("ES256") => Ok("ES256"),
        // The latter is its fully specified name (RFC 9864).
        Some("EdDSA" | "Ed25519") => Ok("EdDSA"),
        Some(other) => Err(VerifyError::UnsupportedAlgorithm(error::clip(other))),
        None => Err(VerifyError::Malformed("the JWT's header has no text member alg")),
    }
}

fn decode_object(part: &str) -> Result<Map<String, Value>, VerifyError> {
    let text =
        String::from_utf8(decode(part)?).map_err(|_| VerifyError::Malformed("a part of the JWT is not UTF-8"))?;
    match read_json(&text)? {
        Value::Object(members) => Ok(members),
        _ => Err(VerifyError::Malformed("a part of the JWT is not a JSON object")),
    }
}

fn decode(part: &str) -> Result<Vec<u8>, VerifyError> {
    let decoded = URL_SAFE_NO_PAD.decode(part);
    decoded.map_err(|_| VerifyError::Malformed("a part of the JWT is not base64url without padding"))
}
