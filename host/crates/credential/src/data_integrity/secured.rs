//! Reading a secured credential back: what was signed, by which key, with which signature.

use std::fmt;

use serde_json::{Map, Value};

use super::{Cryptosuite, DataIntegrityError, PROOF_TYPE, SIGNATURE_LEN, signing_input};
use crate::jsonld::Contexts;

/// A credential with one proof of a known suite. Whether the signature holds, the caller finds out: it has the keys.
pub struct Secured {
    pub cryptosuite: Cryptosuite,
    pub verification_method: String,
    /// What the signature must be over.
    pub signing_input: Vec<u8>,
    pub signature: Vec<u8>,
}

impl Secured {
    pub fn parse(credential: &Map<String, Value>, contexts: &Contexts) -> Result<Self, DataIntegrityError> {
        let mut document = credential.clone();
        let Some(Value::Object(mut proof)) = document.shift_remove("proof") else {
            return Err(DataIntegrityError::Proof);
        };
        let value = proof.shift_remove("proofValue");
        let text = |name: &str| proof.get(name).and_then(Value::as_str);
        let known = text("type") == Some(PROOF_TYPE) && text("proofPurpose") == Some("assertionMethod");
        let cryptosuite = text("cryptosuite").and_then(Cryptosuite::from_name).filter(|_| known);
        let signature = value.as_ref().and_then(Value::as_str).and_then(decode);
        let (Some(cryptosuite), Some(signature), Some(method)) = (cryptosuite, signature, text("verificationMethod"))
        else {
            return Err(DataIntegrityError::Proof);
        };
        let verification_method = method.to_owned();
        let signing_input = signing_input(cryptosuite, &proof, &Value::Object(document), contexts)?;
        Ok(Self { cryptosuite, verification_method, signing_input, signature })
    }
}

impl fmt::Debug for Secured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secured")
            .field("cryptosuite", &self.cryptosuite)
            .field("verification_method", &self.verification_method)
            .finish_non_exhaustive()
    }
}

/// base58btc with its multibase prefix; longer text than a signature's is not even decoded.
pub(crate) fn decode(proof_value: &str) -> Option<Vec<u8>> {
    let encoded = proof_value.strip_prefix('z').filter(|text| text.len() <= 2 * SIGNATURE_LEN)?;
    bs58::decode(encoded).into_vec().ok().filter(|signature| signature.len() == SIGNATURE_LEN)
}
