//! Setting an issuer up: its keys, and its credential configurations.

use chancery_keys::{Algorithm, Entropy, Keyring, Signer as _, SoftwareKey, SystemEntropy};
use chancery_store::{ConfigurationDraft, IssuerRecord, KeyRecord, KeyState, Published, Store, StoreError};
use serde_json::{Value, json};

use super::Issuance;
use super::configuration::{CredentialConfiguration, Document, Problem, check_id};
use super::error::Error;
use super::issuers::{ACCESS_TOKEN_KEY, CREDENTIAL_KEY, DEFAULT_ISSUER, Issuer, key_context};
use crate::audit::Actor;
use crate::clock::Clock;

/// Every issuer has one key for each of these from its first moment.
const FIRST_KEYS: [(&str, Algorithm); 3] =
    [(CREDENTIAL_KEY, Algorithm::Es256), (CREDENTIAL_KEY, Algorithm::EdDsa), (ACCESS_TOKEN_KEY, Algorithm::EdDsa)];

/// Where an issuer lives: the default one at the root, every other one at `/issuers/ID`.
pub fn issuer_url(public_url: &str, issuer_id: &str) -> String {
    if issuer_id == DEFAULT_ISSUER { public_url.to_owned() } else { format!("{public_url}/issuers/{issuer_id}") }
}

/// Makes the issuer and the keys that it lacks. `display` `None` leaves what is there.
pub async fn ensure_issuer(
    store: &dyn Store,
    keyring: &Keyring,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
    issuer_id: &str,
    url: &str,
    display: Option<Value>,
) -> Result<(), Error> {
    check_id(issuer_id).map_err(|e| Error::InvalidRequest(e.message))?;
    let now = clock.timestamp();
    let known = store.issuers().await?.into_iter().find(|i| i.issuer_id == issuer_id);
    let record = IssuerRecord {
        issuer_id: issuer_id.to_owned(),
        url: url.to_owned(),
        display: display.or_else(|| known.as_ref().map(|i| i.display.clone())).unwrap_or_else(|| json!([])),
        created_at: known.map_or(now, |i| i.created_at),
        updated_at: now,
    };
    store.put_issuer(&record, &Actor::system().did(issuer_id, "issuer.put", issuer_id, now)).await?;
    let keys = store.keys(issuer_id).await?;
    for (purpose, algorithm) in FIRST_KEYS {
        let name = algorithm.as_str();
        if !keys.iter().any(|k| k.purpose == purpose && k.algorithm == name && k.state == KeyState::Active) {
            make_key(store, keyring, clock, entropy, issuer_id, purpose, algorithm).await?;
        }
    }
    Ok(())
}

async fn make_key(
    store: &dyn Store,
    keyring: &Keyring,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
    issuer_id: &str,
    purpose: &str,
    algorithm: Algorithm,
) -> Result<(), Error> {
    let failed = |cause: String| Error::broken("a signing key could not be made", cause);
    let pkcs8 = SoftwareKey::generate_pkcs8(algorithm, &SystemEntropy::new()).map_err(|e| failed(e.to_string()))?;
    let key = SoftwareKey::from_pkcs8(algorithm, &pkcs8).map_err(|e| failed(e.to_string()))?;
    let key_id = key.key_id().to_owned();
    let sealed_private_key = keyring
        .seal(&key_context(issuer_id, &key_id), &pkcs8, entropy)
        .map_err(|e| failed(e.to_string()))?;
    let now = clock.timestamp();
    let mut event = Actor::system().did(issuer_id, "key.create", &key_id, now);
    event.detail = json!({"purpose": purpose, "algorithm": algorithm.as_str()});
    let record = KeyRecord {
        issuer_id: issuer_id.to_owned(),
        public_jwk: Value::Object(key.public_key().to_jwk()),
        key_id,
        purpose: purpose.to_owned(),
        algorithm: algorithm.as_str().to_owned(),
        sealed_private_key,
        state: KeyState::Active,
        created_at: now,
    };
    Ok(store.insert_key(&record, &event).await?)
}

/// Why nothing was published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    #[error("{configuration_id}: {problem}")]
    Invalid { configuration_id: String, problem: Problem },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Issuance {
    /// Publishes all of them or, where one is wrong, none.
    pub async fn publish_configurations(
        &self,
        issuer: &Issuer,
        actor: &Actor,
        documents: Vec<(String, Document)>,
    ) -> Result<Vec<Published>, PublishError> {
        let now = self.clock.timestamp();
        let mut drafts = Vec::with_capacity(documents.len());
        for (configuration_id, document) in documents {
            let invalid = |problem| PublishError::Invalid { configuration_id: configuration_id.clone(), problem };
            let content = serde_json::to_value(&document)
                .map_err(|e| invalid(Problem { path: "document".to_owned(), message: e.to_string() }))?;
            CredentialConfiguration::compile(&configuration_id, 0, document).map_err(invalid)?;
            drafts.push(ConfigurationDraft { configuration_id, content, created_at: now });
        }
        let event = actor.did(&issuer.id, "configuration.publish", "", now);
        Ok(self.store.publish_configurations(&issuer.id, &drafts, &event).await?)
    }
}
