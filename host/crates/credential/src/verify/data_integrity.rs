//! JSON-LD credentials with Data Integrity proofs.

use serde_json::{Map, Value};

use super::model::{add_validity, check_subject, check_types, issuer_id};
use super::validity::Validity;
use super::{Expected, MAX_PROOFS, Signed, Verified, VerifyError, check_signature, error, read_json, statements};
use crate::data_integrity::{Cryptosuite, PROOF_TYPE, combined_hash, decode, with_context};
use crate::jsonld::{CanonicalHash, Contexts, to_canonical_quads_of_foreign};
use crate::vcdm::{self, check_time};

/// The members of a proof that mean something here. Another one could be a second name of one of them, which would
/// be signed and not seen.
const PROOF_MEMBERS: [&str; 12] = [
    "@context",
    "type",
    "id",
    "cryptosuite",
    "created",
    "expires",
    "verificationMethod",
    "proofPurpose",
    "proofValue",
    "domain",
    "challenge",
    "nonce",
];

pub(super) fn verify(text: &str, expected: &Expected<'_>) -> Result<Verified, VerifyError> {
    let Value::Object(mut credential) = read_json(text)? else {
        return Err(VerifyError::Malformed("it is not a JSON object"));
    };
    let proofs = proofs(credential.shift_remove("proof"))?;
    let model = vcdm::check(&credential)?;
    check_contexts(&credential, expected)?;
    let issuer = issuer_id(&credential).ok_or(VerifyError::IssuerMismatch)?.to_owned();

    let document = Document::read(credential, expected.contexts)?;
    let mut validity = Validity::new(expected);
    let key_id = check_proofs(proofs, &document, &issuer, &mut validity, expected)?;

    let credential = &document.credential;
    statements::check(credential, &document.quads)?;
    let types = check_types(credential, expected)?;
    // When a proof was made says nothing of the credential's validity; when it expires does.
    validity.from = None;
    add_validity(&mut validity, credential, model)?;
    let holder = check_subject(credential, expected)?;
    Ok(Verified { issuer, key_id, valid_from: validity.from, valid_until: validity.until, types, holder })
}

/// A credential without its proofs, canonicalised once for all of them.
struct Document {
    credential: Map<String, Value>,
    quads: String,
}

impl Document {
    fn read(credential: Map<String, Value>, contexts: &Contexts) -> Result<Self, VerifyError> {
        let document = Value::Object(credential);
        let quads = to_canonical_quads_of_foreign(&document, contexts, CanonicalHash::Sha256)?;
        let Value::Object(credential) = document else { return Err(VerifyError::Malformed("it is not a JSON object")) };
        Ok(Self { credential, quads })
    }

    /// What the signature of a proof must be over.
    fn signing_input(
        &self,
        options: &Map<String, Value>,
        suite: Cryptosuite,
        contexts: &Contexts,
    ) -> Result<Vec<u8>, VerifyError> {
        let context = Value::Object(Map::from_iter(self.credential.get_key_value("@context").map(owned)));
        let options = with_context(options, &context);
        let options = to_canonical_quads_of_foreign(&options, contexts, suite.hash())?;
        Ok(combined_hash(suite.hash(), &options, &self.quads))
    }
}

fn owned((name, value): (&String, &Value)) -> (String, Value) {
    (name.clone(), value.clone())
}

fn proofs(proof: Option<Value>) -> Result<Vec<Map<String, Value>>, VerifyError> {
    let proofs = match proof {
        Some(Value::Array(proofs)) => proofs,
        Some(proof) => vec![proof],
        None => Vec::new(),
    };
    if proofs.is_empty() {
        return Err(VerifyError::Malformed("it has no proof"));
    }
    if proofs.len() > MAX_PROOFS {
        return Err(VerifyError::TooManyProofs);
    }
    let objects = proofs.into_iter().map(|proof| match proof {
        Value::Object(proof) => Ok(proof),
        _ => Err(VerifyError::Malformed("a proof is not an object")),
    });
    objects.collect()
}

/// The contexts decide what the names in the JSON mean; see [`Expected::context_list`].
fn check_contexts(credential: &Map<String, Value>, expected: &Expected<'_>) -> Result<(), VerifyError> {
    let contexts = credential.get("@context").and_then(Value::as_array).map(Vec::as_slice);
    let contexts = contexts.ok_or(VerifyError::Malformed("its @context is not an array"))?;
    let fits = match expected.context_list {
        Some(list) => contexts == list,
        None => contexts.iter().all(Value::is_string),
    };
    if fits { Ok(()) } else { Err(VerifyError::UnexpectedContext) }
}

/// Every proof of a suite that is known here must hold, by a key of the issuer, and there must be one. Proofs of
/// other suites are passed over: an issuer may add one for verifiers who know more.
fn check_proofs(
    proofs: Vec<Map<String, Value>>,
    document: &Document,
    issuer: &str,
    validity: &mut Validity,
    expected: &Expected<'_>,
) -> Result<String, VerifyError> {
    let (mut key_id, mut passed_over) = (None, String::new());
    for proof in proofs {
        let text = |name: &str| proof.get(name).and_then(Value::as_str);
        let suite = text("cryptosuite").filter(|_| text("type") == Some(PROOF_TYPE));
        match suite.and_then(Cryptosuite::from_name) {
            Some(suite) => {
                let key = check_proof(proof, suite, document, issuer, validity, expected)?;
                key_id.get_or_insert(key);
            }
            None => passed_over = error::clip(suite.or(text("type")).unwrap_or_default()),
        }
    }
    key_id.ok_or(VerifyError::UnsupportedSuite(passed_over))
}

fn check_proof(
    mut proof: Map<String, Value>,
    suite: Cryptosuite,
    document: &Document,
    issuer: &str,
    validity: &mut Validity,
    expected: &Expected<'_>,
) -> Result<String, VerifyError> {
    if proof.contains_key("previousProof") {
        return Err(VerifyError::ProofChain);
    }
    if proof.keys().any(|name| !PROOF_MEMBERS.contains(&name.as_str())) {
        return Err(VerifyError::Malformed("a proof has a member that is not known"));
    }
    // The credential's contexts are signed; others would give the proof another meaning.
    if proof.shift_remove("@context").is_some_and(|own| Some(&own) != document.credential.get("@context")) {
        return Err(VerifyError::Malformed("a proof has contexts of its own"));
    }
    if proof.get("proofPurpose").and_then(Value::as_str) != Some("assertionMethod") {
        return Err(VerifyError::Malformed("a proof is not for the purpose assertionMethod"));
    }
    let value = proof.shift_remove("proofValue");
    let signature = value.as_ref().and_then(Value::as_str).and_then(decode);
    let signature =
        signature.ok_or(VerifyError::Malformed("a proofValue is not base58btc of 64 bytes; P-384 is not supported"))?;
    let method = proof.get("verificationMethod").and_then(Value::as_str);
    let method = method.ok_or(VerifyError::Malformed("a proof has no verificationMethod that is a text"))?;
    let message = document.signing_input(&proof, suite, expected.contexts)?;
    let algorithm = suite.algorithm();
    let signed = Signed { issuer, key_id: Some(method), algorithm, message: &message, signature: &signature };
    let key_id = check_signature(&signed, expected)?;
    if let Some(value) = proof.get("created") {
        validity.starts("proof.created", check_time(value, "proof.created")?.to_utc())?;
    }
    if let Some(value) = proof.get("expires") {
        validity.ends("proof.expires", check_time(value, "proof.expires")?.to_utc())?;
    }
    Ok(key_id)
}
