//! The service client that makes the offers: it signs in by `private_key_jwt`.

use std::error::Error;

use chancery_keys::{Algorithm, Signer as _, SoftwareKey, SystemEntropy, jose::sign_compact};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

pub(super) const CLIENT_ID: &str = "soak";
const ASSERTION_SECONDS: i64 = 300;

/// What signs, and the runtime that signing wants.
pub(super) struct Signing {
    runtime: Runtime,
}

impl Signing {
    pub(super) fn new() -> Result<Self, Box<dyn Error>> {
        Ok(Self { runtime: tokio::runtime::Builder::new_current_thread().build()? })
    }

    pub(super) fn proof(&self, key: &SoftwareKey, issuer: &str, nonce: &str) -> Result<String, Box<dyn Error>> {
        let header = json!({"typ": "openid4vci-proof+jwt", "jwk": key.public_key().to_jwk()});
        self.sign(key, header, json!({"aud": issuer, "iat": now(), "nonce": nonce}))
    }

    pub(super) fn assertion(&self, key: &SoftwareKey, issuer: &str, jti: &str) -> Result<String, Box<dyn Error>> {
        let (iat, exp) = (now(), now() + ASSERTION_SECONDS);
        let claims = json!({"iss": CLIENT_ID, "sub": CLIENT_ID, "aud": issuer, "iat": iat, "exp": exp, "jti": jti});
        self.sign(key, json!({}), claims)
    }

    fn sign(&self, key: &SoftwareKey, header: Value, claims: Value) -> Result<String, Box<dyn Error>> {
        Ok(self.runtime.block_on(sign_compact(key, object(header), &object(claims)))?)
    }
}

pub(super) fn new_key() -> Result<SoftwareKey, Box<dyn Error>> {
    let pkcs8 = SoftwareKey::generate_pkcs8(Algorithm::Es256, &SystemEntropy::new())?;
    Ok(SoftwareKey::from_pkcs8(Algorithm::Es256, &pkcs8)?)
}

fn now() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "a wallet has no clock but the system's")]
    chrono::Utc::now().timestamp()
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
