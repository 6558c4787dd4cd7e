//! The wallets' side: keys, and key proofs (OpenID4VCI 1.0, appendix F.1).

use chancery_keys::{Algorithm, Signer as _, SoftwareKey, SystemEntropy, jose::sign_compact};
use serde_json::{Map, Value, json};

use crate::Result;

/// As many wallets as connections at most; more would teach a server nothing new.
const WALLETS: usize = 32;

pub(crate) struct Wallets {
    keys: Vec<(SoftwareKey, Map<String, Value>)>,
}

impl Wallets {
    pub(crate) fn new() -> Result<Self> {
        let keys = (0..WALLETS).map(|_| {
            let key = new_key(Algorithm::Es256)?;
            let header = json!({"typ": "openid4vci-proof+jwt", "jwk": key.public_key().to_jwk()});
            Ok((key, object(header)))
        });
        Ok(Self { keys: keys.collect::<Result<_>>()? })
    }

    /// A proof of one wallet's key for the issuer at `audience`.
    pub(crate) async fn proof(&self, wallet: usize, audience: &str, nonce: &str) -> Result<String> {
        let (key, header) = self.keys.get(wallet % WALLETS).ok_or("there are no wallets")?;
        let claims = json!({"aud": audience, "iat": now(), "nonce": nonce});
        Ok(sign_compact(key, header.clone(), &object(claims)).await?)
    }
}

pub(crate) fn new_key(algorithm: Algorithm) -> Result<SoftwareKey> {
    let pkcs8 = SoftwareKey::generate_pkcs8(algorithm, &SystemEntropy::new())?;
    Ok(SoftwareKey::from_pkcs8(algorithm, &pkcs8)?)
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "a wallet has no clock but the system's")]
    chrono::Utc::now().timestamp()
}

pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
