//! What the credential endpoint checks and opens before it issues.

use chancery_keys::{
    Algorithm, CompactJws, KeyEncryptionKey, Keyring, PublicKey, SealContext, Signer as _, SystemEntropy,
    jose::sign_compact,
};
use serde_json::json;
use uuid::Uuid;

use super::one_thread;
use crate::{
    Result,
    example::ISSUER,
    measure::{Effort, repeat},
    report::Report,
    wallet::{Wallets, new_key, now, object},
};

const MAX_JWT: usize = 8 * 1024;
const NONCE: &str = "AAABm0000000000000000000000000000000000000000000000000000000000000000000000";

pub(super) fn measure(report: &mut Report, effort: &Effort) -> Result<()> {
    let runtime = one_thread()?;
    let key = new_key(Algorithm::EdDsa)?;
    let claims = json!({
        "iss": ISSUER, "aud": ISSUER, "sub": Uuid::new_v4(), "client_id": "anonymous-wallet", "iat": now(),
        "exp": now() + 300, "jti": Uuid::new_v4(), "offer_id": Uuid::new_v4(),
    });
    let header = object(json!({"typ": "at+jwt", "kid": key.key_id()}));
    let token = runtime.block_on(sign_compact(&key, header, &object(claims)))?;
    let figures =
        repeat(effort, || -> Result<()> { Ok(CompactJws::parse(&token, MAX_JWT)?.verify(key.public_key())?) })?;
    report.part("check-token", "check an access token (EdDSA)", 1, figures);

    let proof = runtime.block_on(Wallets::new()?.proof(0, ISSUER, NONCE))?;
    let figures = repeat(effort, || -> Result<()> {
        let proof = CompactJws::parse(&proof, MAX_JWT)?;
        let jwk = proof.header().get("jwk").and_then(|jwk| jwk.as_object()).ok_or("the proof has no key")?;
        Ok(proof.verify(&PublicKey::from_jwk(jwk)?)?)
    })?;
    report.part("check-proof", "check a key proof (ES256)", 1, figures);

    let entropy = SystemEntropy::new();
    let keyring = Keyring::new(KeyEncryptionKey::generate(&entropy)?, Vec::new());
    let context = SealContext { issuer: "default", table: "offers", column: "sealed_subject", row: "offer" };
    let sealed = keyring.seal(&context, br#"{"subject":"1000001"}"#, &entropy)?;
    let figures = repeat(effort, || Ok(keyring.open(&context, &sealed)?))?;
    report.part("open-sealed", "open an offer's sealed subject", 1, figures);
    Ok(())
}
