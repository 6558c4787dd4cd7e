//! Signatures: real ones. The key is the case file's secret where that holds one, and otherwise one that only trials
//! have.

use std::sync::Arc;

use async_trait::async_trait;
use chancery_keys::{Algorithm, MacKey, Signer as _, SoftwareKey, SystemEntropy, jose};
use chancery_sandbox::ports::{SignError, SignKey, SignPort};
use chancery_sandbox::{Purpose, SignGrant};
use sha2::{Digest as _, Sha256};

use super::Secrets;
use crate::stage::Stage;

/// An Ed25519 private key in PKCS #8 is this and 32 bytes.
const ED25519_PKCS8: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

pub(super) struct Keys {
    pub(super) stage: Arc<Stage>,
    pub(super) secrets: Arc<Secrets>,
}

struct Mac(MacKey);

struct Jws {
    stage: Arc<Stage>,
    key: SoftwareKey,
    grant: SignGrant,
}

impl SignPort for Keys {
    fn open(&self, grant: &SignGrant) -> Result<Arc<dyn SignKey>, String> {
        let own = self.secrets.get(&grant.secret);
        if grant.purpose == Purpose::Mac {
            let key = own.map_or_else(|| seed(&grant.secret).to_vec(), <[u8]>::to_vec);
            let key = MacKey::from_bytes(&key).map_err(|error| format!("the secret {}: {error}", grant.secret))?;
            return Ok(Arc::new(Mac(key)));
        }
        let key = match own.and_then(|own| std::str::from_utf8(own).ok()).filter(|own| own.contains("-----BEGIN")) {
            Some(pem) => SoftwareKey::from_pem(algorithm(grant)?, pem),
            None => SoftwareKey::from_pkcs8(algorithm(grant)?, &trial_key(grant)?),
        };
        let key = key.map_err(|error| format!("the secret {}: {error}", grant.secret))?;
        let key = match &grant.kid {
            Some(kid) => key.with_key_id(kid),
            None => key,
        };
        Ok(Arc::new(Jws { stage: Arc::clone(&self.stage), key, grant: grant.clone() }))
    }
}

fn algorithm(grant: &SignGrant) -> Result<Algorithm, String> {
    let name = grant.algorithm.as_deref().unwrap_or_default();
    Algorithm::from_name(name).ok_or_else(|| format!("algorithm {name} is not known"))
}

/// The same in every run, where the algorithm lets it be: an ECDSA signature never is.
fn trial_key(grant: &SignGrant) -> Result<Vec<u8>, String> {
    match algorithm(grant)? {
        Algorithm::EdDsa => Ok([&ED25519_PKCS8[..], &seed(&grant.secret)].concat()),
        Algorithm::Es256 => {
            let key = SoftwareKey::generate_pkcs8(Algorithm::Es256, &SystemEntropy::new());
            key.map(|key| key.to_vec()).map_err(|error| error.to_string())
        }
    }
}

/// Nobody trusts it: everybody can compute it.
fn seed(secret: &str) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(b"chancery trial key\0");
    digest.update(secret.as_bytes());
    digest.finalize().into()
}

#[async_trait]
impl SignKey for Mac {
    async fn jwt(&self, _: &str) -> Result<String, SignError> {
        Err(SignError::WrongPurpose(Purpose::Mac.to_string()))
    }

    async fn detached_jws(&self, _: &[u8]) -> Result<String, SignError> {
        Err(SignError::WrongPurpose(Purpose::Mac.to_string()))
    }

    async fn mac(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        Ok(self.0.mac(message).to_vec())
    }
}

#[async_trait]
impl SignKey for Jws {
    async fn jwt(&self, claims: &str) -> Result<String, SignError> {
        let (now, jti) = (self.stage.clock().timestamp(), format!("trial-{}", self.stage.draw()));
        let claims = self.grant.claims(claims, now, &jti).map_err(SignError::BadInput)?;
        let signed = jose::sign_compact(&self.key, self.grant.header(self.key.key_id()), &claims).await;
        signed.map_err(|error| SignError::Unavailable(error.to_string()))
    }

    async fn detached_jws(&self, payload: &[u8]) -> Result<String, SignError> {
        let signed = jose::sign_detached(&self.key, self.grant.header(self.key.key_id()), payload).await;
        signed.map_err(|error| SignError::Unavailable(error.to_string()))
    }

    async fn mac(&self, _: &[u8]) -> Result<Vec<u8>, SignError> {
        Err(SignError::WrongPurpose(self.grant.purpose.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trial_keys_are_the_same_in_every_run_and_differ_by_name() {
        let key = |name| {
            let pkcs8 = [&ED25519_PKCS8[..], &seed(name)].concat();
            SoftwareKey::from_pkcs8(Algorithm::EdDsa, &pkcs8).unwrap().key_id().to_owned()
        };
        assert_eq!(key("a"), key("a"));
        assert_ne!(key("a"), key("b"));
    }
}
