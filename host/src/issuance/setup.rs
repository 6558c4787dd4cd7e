//! Setting issuers up: their URLs, and the keys that each has from its first moment.

use chancery_keys::{Algorithm, Entropy, Keyring, Signer as _, SoftwareKey, SystemEntropy};
use chancery_store::{IssuerRecord, KeyRecord, KeyState, Store};
use serde_json::{Value, json};

use super::configuration::check_id;
use super::error::Error;
use super::issuers::{ACCESS_TOKEN_KEY, CREDENTIAL_KEY, DEFAULT_ISSUER, key_context};
use crate::audit::Actor;
use crate::clock::Clock;

const FIRST_KEYS: [(&str, Algorithm); 3] =
    [(CREDENTIAL_KEY, Algorithm::Es256), (CREDENTIAL_KEY, Algorithm::EdDsa), (ACCESS_TOKEN_KEY, Algorithm::EdDsa)];

/// Where an issuer lives: the default one at the root, every other one at `/issuers/ID`.
pub fn issuer_url(public_url: &str, issuer_id: &str) -> String {
    if issuer_id == DEFAULT_ISSUER { public_url.to_owned() } else { format!("{public_url}/issuers/{issuer_id}") }
}

/// What setting up works with.
#[derive(Debug)]
pub struct Setup<'a> {
    pub store: &'a dyn Store,
    pub keyring: &'a Keyring,
    pub clock: &'a dyn Clock,
    pub entropy: &'a dyn Entropy,
}

impl Setup<'_> {
    /// The default issuer, and every one that the store has: their URLs follow the public URL.
    pub async fn ensure_all(&self, public_url: &str) -> Result<(), Error> {
        self.ensure(public_url, DEFAULT_ISSUER, None).await?;
        for issuer in self.store.issuers().await? {
            self.ensure(public_url, &issuer.issuer_id, None).await?;
        }
        Ok(())
    }

    /// Refuses a store whose default issuer is another one than the configuration's: a command started with the wrong
    /// file must not make links that lead nowhere.
    pub async fn check_default(&self, public_url: &str) -> Result<(), Error> {
        let issuers = self.store.issuers().await?;
        let known = issuers.iter().find(|i| i.issuer_id == DEFAULT_ISSUER).map(|i| i.url.as_str());
        match known {
            Some(url) if url == public_url => Ok(()),
            Some(url) => Err(Error::InvalidRequest(format!(
                "the store's issuer is {url}, but server.public_url is {public_url}: run `chancery migrate` to move it"
            ))),
            None => Err(Error::InvalidRequest("the store has no issuer yet: run `chancery migrate`".to_owned())),
        }
    }

    /// Makes the issuer with its first keys, or brings its URL up to date. `display` `None` leaves what is there.
    pub async fn ensure(&self, public_url: &str, issuer_id: &str, display: Option<Value>) -> Result<(), Error> {
        check_id(issuer_id).map_err(|e| Error::InvalidRequest(e.message))?;
        let now = self.clock.timestamp();
        let known = self.store.issuers().await?.into_iter().find(|i| i.issuer_id == issuer_id);
        let url = issuer_url(public_url, issuer_id);
        if let Some(known) = known.as_ref().filter(|known| known.url != url) {
            tracing::warn!(issuer = issuer_id, from = known.url, to = url, "the issuer's URL changes");
        }
        let is_new = known.is_none();
        let record = IssuerRecord {
            issuer_id: issuer_id.to_owned(),
            url,
            display: display.or_else(|| known.as_ref().map(|i| i.display.clone())).unwrap_or_else(|| json!([])),
            created_at: known.map_or(now, |i| i.created_at),
            updated_at: now,
        };
        let mut event =
            Actor::system().did(issuer_id, if is_new { "issuer.create" } else { "issuer.change" }, issuer_id, now);
        event.detail = json!({"url": record.url});
        if is_new {
            // `false`: another process was quicker, with keys of its own.
            self.store.create_issuer(&record, &self.first_keys(issuer_id)?, &event).await?;
        } else {
            self.store.put_issuer(&record, &event).await?;
        }
        Ok(())
    }

    fn first_keys(&self, issuer_id: &str) -> Result<Vec<KeyRecord>, Error> {
        FIRST_KEYS.iter().map(|(purpose, algorithm)| self.make_key(issuer_id, purpose, *algorithm)).collect()
    }

    fn make_key(&self, issuer_id: &str, purpose: &str, algorithm: Algorithm) -> Result<KeyRecord, Error> {
        let failed = |cause: String| Error::broken("a signing key could not be made", cause);
        // ring makes keys with the system's generator and no other.
        let pkcs8 = SoftwareKey::generate_pkcs8(algorithm, &SystemEntropy::new()).map_err(|e| failed(e.to_string()))?;
        let key = SoftwareKey::from_pkcs8(algorithm, &pkcs8).map_err(|e| failed(e.to_string()))?;
        let context = key_context(issuer_id, key.key_id());
        let sealed_private_key =
            self.keyring.seal(&context, &pkcs8, self.entropy).map_err(|e| failed(e.to_string()))?;
        Ok(KeyRecord {
            issuer_id: issuer_id.to_owned(),
            key_id: key.key_id().to_owned(),
            public_jwk: Value::Object(key.public_key().to_jwk()),
            purpose: purpose.to_owned(),
            algorithm: algorithm.as_str().to_owned(),
            sealed_private_key,
            state: KeyState::Active,
            created_at: self.clock.timestamp(),
        })
    }
}
