use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use chancery_keys::SealContext;
use chancery_store::{NewReply, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::audit::Actor;
use crate::issuance::Issuance;
use crate::issuance::error::Error;
use crate::issuance::issuers::Issuer;

/// How long a request may be repeated.
const KEPT: Duration = Duration::from_hours(24);
const MAX_KEY: usize = 255;
/// How long a request waits for audit plugins at most.
const ACCEPTANCE: Duration = Duration::from_secs(3);

/// A request that a client may repeat: it acts once, and is answered the same each time.
#[derive(Debug, Clone)]
pub struct Idempotency {
    client_id: String,
    key_hash: String,
    request_hash: String,
}

/// An answer, and whether it is a former one's.
#[derive(Debug)]
pub struct Answered<T> {
    pub value: T,
    pub replayed: bool,
}

/// What is kept of an answer.
#[derive(Serialize, Deserialize)]
struct Kept<T> {
    value: T,
    /// The events that required audit plugins must have accepted before anybody gets it.
    event_ids: Vec<String>,
}

impl Idempotency {
    /// `request` is all that tells one request from another.
    pub fn new(issuer: &Issuer, actor: &Actor, key: &str, request: &[u8]) -> Result<Self, Error> {
        let is_plain = (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_plain {
            return Err(Error::InvalidRequest(format!("Idempotency-Key must be 1 to {MAX_KEY} visible characters")));
        }
        let hash = |bytes: &[u8]| B64.encode(issuer.macs.idempotency.mac(bytes));
        Ok(Self { client_id: actor.name.clone(), key_hash: hash(key.as_bytes()), request_hash: hash(request) })
    }

    /// A name for the request that says nothing of its key.
    pub(super) fn request_id(&self) -> String {
        self.key_hash.clone()
    }
}

impl Issuance {
    /// Does what is asked for, unless that was done before: then it answers what it answered then. `act` records its
    /// answer by [`new_reply`](Self::new_reply), in the transaction of what it does.
    pub(crate) async fn once<T: DeserializeOwned>(
        &self,
        issuer: &Issuer,
        idempotency: Option<&Idempotency>,
        act: impl Future<Output = Result<T, Error>>,
    ) -> Result<Answered<T>, Error> {
        let Some(key) = idempotency else {
            if self.accepted.is_some() {
                // Else nobody could ask again for what was recorded and is not accepted yet.
                return Err(Error::InvalidRequest("this issuer needs an Idempotency-Key with this request".to_owned()));
            }
            return act.await.map(|value| Answered { value, replayed: false });
        };
        if let Some(value) = self.replay(issuer, key).await? {
            return Ok(Answered { value, replayed: true });
        }
        match act.await {
            Err(Error::DoneBefore) => {
                let value = self.replay(issuer, key).await?.ok_or(Error::DoneBefore)?;
                Ok(Answered { value, replayed: true })
            }
            done => done.map(|value| Answered { value, replayed: false }),
        }
    }

    pub(crate) fn new_reply(
        &self,
        issuer: &Issuer,
        key: &Idempotency,
        value: &impl Serialize,
        event_ids: Vec<String>,
    ) -> Result<NewReply, Error> {
        let failed = |cause: String| Error::broken("the answer cannot be kept", cause);
        let text =
            serde_json::to_vec(&Kept { value, event_ids }).map(Zeroizing::new).map_err(|e| failed(e.to_string()))?;
        let sealed = self.keyring.seal(&context(issuer, key), &text, self.entropy.as_ref());
        let now = self.clock.timestamp();
        Ok(NewReply {
            issuer_id: issuer.id.clone(),
            client_id: key.client_id.clone(),
            key_hash: key.key_hash.clone(),
            request_hash: key.request_hash.clone(),
            sealed_reply: sealed.map_err(|e| failed(e.to_string()))?,
            credential_hash: None,
            created_at: now,
            expires_at: Timestamp::new(now.get() + KEPT),
        })
    }

    /// Waits until required audit plugins have what happened. It stands in any case; a client asks again with its key.
    pub(crate) async fn wait_for_acceptance(&self, event_ids: &[String]) -> Result<(), Error> {
        match &self.accepted {
            Some(accepted) if !accepted.accepted(event_ids, ACCEPTANCE).await => Err(Error::Unavailable {
                public: "it is done, but not confirmed by the audit trail yet: repeat the request with the same \
                         Idempotency-Key"
                    .to_owned(),
                retry_after: Some(1),
                cause: None,
            }),
            _ => Ok(()),
        }
    }

    async fn replay<T: DeserializeOwned>(&self, issuer: &Issuer, key: &Idempotency) -> Result<Option<T>, Error> {
        let now = self.clock.timestamp();
        let found = self.store.find_reply(&issuer.id, &key.client_id, &key.key_hash, now).await?;
        let Some(reply) = found else { return Ok(None) };
        if reply.request_hash != key.request_hash {
            return Err(Error::KeyReused);
        }
        if reply.sealed_reply.is_empty() {
            return Err(Error::Deleted);
        }
        let unreadable = |cause: String| Error::broken("the former answer cannot be read", cause);
        let text =
            self.keyring.open(&context(issuer, key), &reply.sealed_reply).map_err(|e| unreadable(e.to_string()))?;
        let kept: Kept<T> = serde_json::from_slice(&text).map_err(|e| unreadable(e.to_string()))?;
        self.wait_for_acceptance(&kept.event_ids).await?;
        Ok(Some(kept.value))
    }
}

fn context<'a>(issuer: &'a Issuer, key: &'a Idempotency) -> SealContext<'a> {
    SealContext { issuer: &issuer.id, table: "idempotent_replies", column: "sealed_reply", row: &key.key_hash }
}
