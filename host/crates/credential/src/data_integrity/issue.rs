//! The issuer's side: credential to signing input to secured credential.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::{Cryptosuite, DataIntegrityError, PROOF_TYPE, signing_input};
use crate::jsonld::{Contexts, DATA_INTEGRITY_V2};
use crate::vcdm::{self, DataModel};

/// What a proof says of itself.
#[derive(Clone, Copy, Debug)]
pub struct ProofOptions<'a> {
    pub cryptosuite: Cryptosuite,
    pub created: DateTime<Utc>,
    /// The DID URL of the key, a Multikey.
    pub verification_method: &'a str,
}

/// Makes Data Integrity proofs.
#[derive(Clone, Copy, Debug)]
pub struct DataIntegrity;

/// A credential that lacks its signature only.
pub struct Prepared {
    credential: Map<String, Value>,
    proof: Map<String, Value>,
    signing_input: Vec<u8>,
}

impl DataIntegrity {
    /// Checks the credential against its data model and lays out what is to be signed. A credential of VCDM 1.1
    /// gets the context that defines the proof, where it lacks it.
    pub fn prepare(
        mut credential: Map<String, Value>,
        options: &ProofOptions<'_>,
        contexts: &Contexts,
    ) -> Result<Prepared, DataIntegrityError> {
        if vcdm::check(&credential)? == DataModel::V1_1 {
            add_context(&mut credential);
        }
        let proof = Map::from_iter([
            ("type".to_owned(), json!(PROOF_TYPE)),
            ("cryptosuite".to_owned(), json!(options.cryptosuite.as_str())),
            ("created".to_owned(), json!(options.created.to_rfc3339_opts(SecondsFormat::Secs, true))),
            ("verificationMethod".to_owned(), json!(options.verification_method)),
            ("proofPurpose".to_owned(), json!("assertionMethod")),
        ]);
        let document = Value::Object(credential);
        let signing_input = signing_input(options.cryptosuite, &proof, &document, contexts)?;
        let Value::Object(credential) = document else { return Err(DataIntegrityError::Proof) };
        Ok(Prepared { credential, proof, signing_input })
    }
}

impl Prepared {
    /// What the signer signs.
    pub fn signing_input(&self) -> &[u8] {
        &self.signing_input
    }

    /// The credential with its proof. The signature is `r ‖ s`, or the 64 bytes of Ed25519.
    pub fn finish(self, signature: &[u8]) -> Value {
        let Self { mut credential, mut proof, .. } = self;
        let value = format!("z{}", bs58::encode(signature).into_string());
        proof.insert("proofValue".to_owned(), Value::String(value));
        credential.insert("proof".to_owned(), Value::Object(proof));
        Value::Object(credential)
    }
}

impl fmt::Debug for Prepared {
    /// The credential is personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").field("proof", &self.proof).finish_non_exhaustive()
    }
}

fn add_context(credential: &mut Map<String, Value>) {
    if let Some(Value::Array(contexts)) = credential.get_mut("@context")
        && !contexts.iter().any(|context| context == DATA_INTEGRITY_V2)
    {
        contexts.push(json!(DATA_INTEGRITY_V2));
    }
}
