//! Signatures for plugins, with keys that are secrets of the server's configuration.

use std::sync::Arc;

use async_trait::async_trait;
use chancery_keys::{Algorithm, Entropy, MacKey, Signer as _, SoftwareKey, jose};
use chancery_sandbox::ports::{SignError, SignKey, SignPort};
use chancery_sandbox::{Purpose, SignGrant};
use serde_json::{Map, Value};
use uuid::Builder;

use super::secrets::Secrets;
use crate::clock::Clock;

pub(super) struct Keys {
    secrets: Arc<Secrets>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Keys {
    pub(super) fn new(secrets: Arc<Secrets>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { secrets, clock, entropy }
    }

    fn jws(&self, grant: &SignGrant) -> Result<Jws, String> {
        let name = grant.algorithm.as_deref().unwrap_or_default();
        let algorithm = Algorithm::from_name(name).ok_or_else(|| format!("algorithm {name} is not known"))?;
        let pem = self.secrets.read_text(&grant.secret)?;
        let key = SoftwareKey::from_pem(algorithm, &pem);
        let key = key.map_err(|error| format!("the secret {} is no key for {name}: {error}", grant.secret))?;
        let key = match &grant.kid {
            Some(kid) => key.with_key_id(kid),
            None => key,
        };
        Ok(Jws { key, grant: grant.clone(), clock: Arc::clone(&self.clock), entropy: Arc::clone(&self.entropy) })
    }
}

impl SignPort for Keys {
    fn open(&self, grant: &SignGrant) -> Result<Arc<dyn SignKey>, String> {
        if grant.purpose != Purpose::Mac {
            return Ok(Arc::new(self.jws(grant)?));
        }
        let secret = self.secrets.read(&grant.secret)?;
        let key = MacKey::from_bytes(&secret).map_err(|error| format!("the secret {}: {error}", grant.secret))?;
        Ok(Arc::new(Mac(key)))
    }
}

struct Mac(MacKey);

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

struct Jws {
    key: SoftwareKey,
    grant: SignGrant,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Jws {
    fn header(&self) -> Map<String, Value> {
        self.grant.header(self.key.key_id())
    }

    fn claims(&self, text: &str) -> Result<Map<String, Value>, SignError> {
        let mut random = [0; 16];
        let filled = self.entropy.fill(&mut random);
        filled.map_err(|_| SignError::Unavailable("no randomness".to_owned()))?;
        let jti = Builder::from_random_bytes(random).into_uuid().to_string();
        self.grant.claims(text, self.clock.now().timestamp(), &jti).map_err(SignError::BadInput)
    }
}

#[async_trait]
impl SignKey for Jws {
    async fn jwt(&self, claims: &str) -> Result<String, SignError> {
        let signed = jose::sign_compact(&self.key, self.header(), &self.claims(claims)?).await;
        signed.map_err(|error| SignError::Unavailable(error.to_string()))
    }

    async fn detached_jws(&self, payload: &[u8]) -> Result<String, SignError> {
        let signed = jose::sign_detached(&self.key, self.header(), payload).await;
        signed.map_err(|error| SignError::Unavailable(error.to_string()))
    }

    async fn mac(&self, _: &[u8]) -> Result<Vec<u8>, SignError> {
        Err(SignError::WrongPurpose(self.grant.purpose.to_string()))
    }
}
