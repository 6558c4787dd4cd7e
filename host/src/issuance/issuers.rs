//! What the store says about issuers, compiled: identity, keys, published configurations. Requests read one
//! immutable snapshot; a change in the store (by this host or another process) replaces it.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use chancery_credential::jsonld::Contexts;
use chancery_keys::{Algorithm, Keyring, MacKey, PublicKey, SealContext, Signer, SoftwareKey};
use chancery_store::{ConfigurationRecord, IssuerRecord, KeyRecord, KeyState, Store};
use serde_json::Value;
use uuid::Uuid;

use super::configuration::{CredentialConfiguration, Document};
use super::error::{Error, with_causes};
use super::formats::IssuerIdentity;

/// The issuer at the root of the public URL.
pub const DEFAULT_ISSUER: &str = "default";

pub const CREDENTIAL_KEY: &str = "credential";
pub const ACCESS_TOKEN_KEY: &str = "access-token";

#[derive(Debug)]
pub struct Issuer {
    pub id: String,
    /// The credential issuer identifier; also the authorization server's issuer.
    pub url: String,
    pub display: Value,
    pub did: String,
    pub configurations: BTreeMap<String, Arc<CredentialConfiguration>>,
    /// Published configurations that this release cannot use, with the reason.
    pub broken: BTreeMap<String, String>,
    /// The bundled JSON-LD contexts, and those of all its configurations.
    pub contexts: Contexts,
    /// Credential keys, oldest first; retired ones stay published.
    pub keys: Vec<IssuerKey>,
    pub access_token_key: Arc<dyn Signer>,
    pub macs: Macs,
}

#[derive(Debug)]
pub struct IssuerKey {
    pub signer: Arc<dyn Signer>,
    pub state: KeyState,
}

/// Keyed hashes, one key a purpose.
#[derive(Debug)]
pub struct Macs {
    pub nonce: MacKey,
    pub offer_code: MacKey,
    pub offer_reference: MacKey,
    pub tx_code: MacKey,
    pub one_time: MacKey,
    /// Whom credentials are about.
    pub subject: MacKey,
    /// Values that credentials can be found by.
    pub attribute: MacKey,
    /// Ids of credentials that were deleted.
    pub credential_id: MacKey,
    pub idempotency: MacKey,
}

impl Issuer {
    pub fn configuration(&self, id: &str) -> Result<&Arc<CredentialConfiguration>, Error> {
        if let Some(reason) = self.broken.get(id) {
            return Err(Error::broken("this credential configuration cannot be issued", reason.clone()));
        }
        self.configurations.get(id).ok_or_else(|| Error::UnknownConfiguration(id.to_owned()))
    }

    /// The newest active credential key of that algorithm.
    pub fn signer(&self, algorithm: Algorithm) -> Result<&Arc<dyn Signer>, Error> {
        self.keys
            .iter()
            .rev()
            .find(|key| key.state == KeyState::Active && key.signer.public_key().algorithm() == algorithm)
            .map(|key| &key.signer)
            .ok_or_else(|| Error::broken("the issuer has no key to sign with", format!("no active {algorithm} key")))
    }

    /// A name for the record of a credential that is about to be issued.
    pub fn new_credential_id(&self) -> String {
        format!("{}/credentials/{}", self.url, Uuid::new_v4())
    }

    /// Whom a credential is about, as records name it.
    pub fn subject_hash(&self, subject: &str) -> String {
        B64.encode(self.macs.subject.mac(subject.as_bytes()))
    }

    /// A value that credentials can be found by, as records name it: text by itself, anything else as JSON.
    pub fn attribute_hash(&self, name: &str, value: &Value) -> String {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        B64.encode(self.macs.attribute.mac(format!("{}:{name}{text}", name.len()).as_bytes()))
    }

    /// A credential's id, as its tombstone names it.
    pub fn credential_hash(&self, credential_id: &str) -> String {
        B64.encode(self.macs.credential_id.mac(credential_id.as_bytes()))
    }

    pub fn published_keys(&self) -> Vec<(String, PublicKey)> {
        self.keys
            .iter()
            .filter(|key| key.state != KeyState::Revoked)
            .map(|key| (key.signer.key_id().to_owned(), key.signer.public_key().clone()))
            .collect()
    }
}

#[derive(Debug, Default)]
struct Snapshot {
    generation: i64,
    issuers: BTreeMap<String, Arc<Issuer>>,
    unusable: BTreeMap<String, String>,
}

/// The registry of issuers.
#[derive(Debug)]
pub struct Issuers {
    store: Arc<dyn Store>,
    keyring: Arc<Keyring>,
    snapshot: ArcSwap<Snapshot>,
    /// One reload at a time; the others wait and find it done.
    reloading: tokio::sync::Mutex<()>,
}

impl Issuers {
    pub async fn load(store: Arc<dyn Store>, keyring: Arc<Keyring>) -> Result<Self, Error> {
        let issuers = Self {
            store,
            keyring,
            snapshot: ArcSwap::from_pointee(Snapshot { generation: -1, ..Snapshot::default() }),
            reloading: tokio::sync::Mutex::new(()),
        };
        issuers.refresh().await?;
        Ok(issuers)
    }

    pub fn get(&self, id: &str) -> Option<Arc<Issuer>> {
        self.snapshot.load().issuers.get(id).cloned()
    }

    /// Issuers that the store has and this host cannot use, with the reason.
    pub fn unusable(&self) -> BTreeMap<String, String> {
        self.snapshot.load().unusable.clone()
    }

    pub fn all(&self) -> Vec<Arc<Issuer>> {
        self.snapshot.load().issuers.values().cloned().collect()
    }

    /// Takes over what the store holds now, if that changed.
    pub async fn refresh(&self) -> Result<(), Error> {
        let _one = self.reloading.lock().await;
        // Read before the rest: a change in between is then seen as one more change, never missed.
        let generation = self.store.generation().await?;
        if self.snapshot.load().generation == generation {
            return Ok(());
        }
        let (mut issuers, mut unusable) = (BTreeMap::new(), BTreeMap::new());
        for record in self.store.issuers().await? {
            let id = record.issuer_id.clone();
            let keys = self.store.keys(&id).await?;
            let configurations = self.store.published_configurations(&id).await?;
            match self.compile(record, keys, configurations) {
                Ok(issuer) => {
                    issuers.insert(id, Arc::new(issuer));
                }
                // One issuer's trouble must not stop the others.
                Err(error) => {
                    tracing::error!(issuer = id, error = &error as &dyn std::error::Error, "an issuer is unusable");
                    unusable.insert(id, with_causes(&error));
                }
            }
        }
        self.snapshot.store(Arc::new(Snapshot { generation, issuers, unusable }));
        Ok(())
    }

    fn compile(
        &self,
        record: IssuerRecord,
        keys: Vec<KeyRecord>,
        configurations: Vec<ConfigurationRecord>,
    ) -> Result<Issuer, Error> {
        let (mut credential_keys, mut access_token_key) = (Vec::new(), None);
        for key in keys {
            let signer = self.open(&key)?;
            if key.purpose == ACCESS_TOKEN_KEY {
                access_token_key = (key.state == KeyState::Active).then_some(signer).or(access_token_key);
            } else {
                credential_keys.push(IssuerKey { signer, state: key.state });
            }
        }
        let identity =
            IssuerIdentity::at(&record.url).map_err(|e| Error::broken("the issuer's URL has no did:web form", e))?;
        let (mut compiled, mut broken) = (BTreeMap::new(), BTreeMap::new());
        for ConfigurationRecord { configuration_id, version, content, .. } in configurations {
            let document = serde_json::from_value::<Document>(content).map_err(|e| e.to_string());
            match document.and_then(|d| {
                CredentialConfiguration::compile(&configuration_id, version, d, &identity).map_err(|e| e.to_string())
            }) {
                Ok(configuration) => {
                    compiled.insert(configuration_id, Arc::new(configuration));
                }
                Err(reason) => {
                    tracing::error!(issuer = record.issuer_id, configuration_id, reason, "configuration is unusable");
                    broken.insert(configuration_id, reason);
                }
            }
        }
        let mac = |purpose| {
            let derived = self.keyring.derive(&record.issuer_id, purpose);
            derived.map_err(|e| Error::broken("the issuer's keys cannot be derived", e))
        };
        Ok(Issuer {
            did: identity.did,
            contexts: contexts(&record.issuer_id, &compiled),
            configurations: compiled,
            broken,
            keys: credential_keys,
            access_token_key: access_token_key.ok_or_else(|| {
                Error::broken("the issuer has no access token key", format!("issuer {}", record.issuer_id))
            })?,
            macs: Macs {
                nonce: mac("c_nonce")?,
                offer_code: mac("pre-authorized_code")?,
                offer_reference: mac("offer reference")?,
                tx_code: mac("tx_code")?,
                one_time: mac("one-time")?,
                subject: mac("subject")?,
                attribute: mac("indexed attribute")?,
                credential_id: mac("credential id")?,
                idempotency: mac("idempotency key")?,
            },
            id: record.issuer_id,
            url: record.url,
            display: record.display,
        })
    }

    fn open(&self, key: &KeyRecord) -> Result<Arc<dyn Signer>, Error> {
        let context = key_context(&key.issuer_id, &key.key_id);
        let unusable = |cause| Error::broken("a signing key cannot be opened", cause);
        let pkcs8 = self
            .keyring
            .open(&context, &key.sealed_private_key)
            .map_err(|e| unusable(format!("key {} of issuer {}: {e}", key.key_id, key.issuer_id)))?;
        let algorithm = Algorithm::from_name(&key.algorithm)
            .ok_or_else(|| unusable(format!("key {} has the unknown algorithm {}", key.key_id, key.algorithm)))?;
        let key = SoftwareKey::from_pkcs8(algorithm, &pkcs8)
            .map_err(|e| unusable(format!("key {}: {e}", key.key_id)))?
            .with_key_id(&key.key_id);
        Ok(Arc::new(key))
    }
}

/// Where two configurations bring another document for one URL, neither is taken: what a credential that is handed in means
/// must not depend on their order.
fn contexts(issuer_id: &str, configurations: &BTreeMap<String, Arc<CredentialConfiguration>>) -> Contexts {
    let mut documents: BTreeMap<&str, Option<&Value>> = BTreeMap::new();
    for (url, document) in configurations.values().flat_map(|configuration| &configuration.document.contexts) {
        let known = documents.entry(url).or_insert(Some(document));
        *known = known.filter(|known| *known == document);
    }
    let agreed = documents.into_iter().filter_map(|(url, document)| Some((url, document?)));
    Contexts::with(agreed).unwrap_or_else(|error| {
        // Each was accepted with its configuration; only their number can be too high.
        tracing::warn!(issuer = issuer_id, %error, "the contexts of the configurations are not known to /credentials/issue");
        Contexts::bundled()
    })
}

pub fn key_context<'a>(issuer: &'a str, key_id: &'a str) -> SealContext<'a> {
    SealContext { issuer, table: "signing_keys", column: "sealed_private_key", row: key_id }
}
