//! A filled template to a signed W3C credential: JSON-LD to canonical statements, hashes, an Ed25519 signature.

use chancery_credential::data_integrity::{Cryptosuite, DataIntegrity, ProofOptions};
use chancery_keys::{Algorithm, Signer as _};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::one_thread;
use crate::{
    Result,
    example::{Example, ISSUER_DID},
    measure::{Effort, repeat},
    report::Report,
    wallet::{new_key, now, object},
};

pub(super) fn measure(report: &mut Report, effort: &Effort, example: &Example) -> Result<()> {
    let (key, runtime) = (new_key(Algorithm::EdDsa)?, one_thread()?);
    let mut credential = object(example.ld_template.render(&example.variables(&json!({})))?);
    credential.extend(object(json!({
        "id": format!("urn:uuid:{}", Uuid::new_v4()),
        "validFrom": "2026-01-01T00:00:00Z",
        "validUntil": "2027-01-01T00:00:00Z",
    })));
    if let Some(Value::Object(subject)) = credential.get_mut("credentialSubject") {
        subject.insert("id".to_owned(), json!("did:jwk:holder"));
    }
    let method = format!("{ISSUER_DID}#{}-multikey", key.key_id());
    let options = ProofOptions {
        cryptosuite: Cryptosuite::EddsaRdfc2022,
        created: DateTime::<Utc>::from_timestamp(now(), 0).unwrap_or_default(),
        verification_method: &method,
    };
    let figures = repeat(effort, || -> Result<Value> {
        let prepared = DataIntegrity::prepare(credential.clone(), &options, &example.contexts)?;
        let signature = runtime.block_on(key.sign(prepared.signing_input()))?;
        Ok(prepared.finish(&signature))
    })?;
    report.part("data-integrity", "eddsa-rdfc-2022: canonicalise and sign", 1, figures);
    Ok(())
}
