//! What a credential request asks for, and how far it has come: all that is needed to go on with it, in this request
//! or, sealed, in a later one.

use std::time::Duration;

use chancery_keys::{Entropy, Keyring, SealContext};
use chancery_store::{AuditEvent, Replacement, StoredCredential};
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::configuration::{CredentialConfiguration, Keep};
use super::credential::Credential;
use super::error::Error;
use super::issuers::Issuer;
use super::patience::Patience;
use super::proof::HolderKey;
use super::subject::OfferSubject;
use crate::audit::Actor;

/// Who asks for what, and when.
pub(super) struct Call<'a> {
    pub(super) issuer: &'a Issuer,
    pub(super) actor: &'a Actor,
    pub(super) configuration: &'a CredentialConfiguration,
    pub(super) now: DateTime<Utc>,
    pub(super) patience: Patience,
    /// What is kept of the credential where the configuration does not say.
    pub(super) keep: Keep,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Work {
    /// The credential request's: with it another issuer knows a question that is repeated.
    pub(super) request_id: String,
    pub(super) offer_id: Option<String>,
    /// Whom the credentials are about, where the subject does not say.
    #[serde(default)]
    pub(super) about: Option<String>,
    /// The plugin that is asked: no other one understands its tickets.
    pub(super) plugin: Option<String>,
    pub(super) subject: OfferSubject,
    /// One credential each.
    pub(super) parts: Vec<Part>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Part {
    /// The key that it is bound to.
    pub(super) holder: Option<HolderKey>,
    pub(super) stage: Stage,
}

#[derive(Serialize, Deserialize)]
pub(super) enum Stage {
    /// Nobody has answered yet.
    Open,
    /// Another issuer makes it: its ticket, in base64url.
    Ticket(String),
    /// Another issuer has made it.
    Issued(Issued),
}

/// Another issuer's credential.
#[derive(Serialize, Deserialize)]
pub(super) struct Issued {
    pub(super) body: String,
    /// The other issuer's name for it.
    pub(super) external_id: Option<String>,
    pub(super) plugin_digest: String,
}

/// What came of going on.
pub(super) enum Progress {
    Done(Vec<Finished>),
    /// Ask again after this time.
    Waiting(Duration),
}

/// A credential that is not recorded yet.
pub(super) struct Finished {
    pub(super) credential: Credential,
    pub(super) record: StoredCredential,
    pub(super) event: AuditEvent,
    pub(super) replacement: Option<Replacement>,
}

/// Credentials that are recorded, and wait for their events to be accepted.
#[derive(Serialize, Deserialize)]
pub(super) struct Recorded {
    pub(super) credentials: Vec<Credential>,
    pub(super) event_ids: Vec<String>,
}

impl Work {
    /// Names what one part asks in a request, apart from what the others ask, in the 64 bytes that the contract allows.
    pub(super) fn numbered(&self, request_id: &str, index: usize) -> String {
        if self.parts.len() == 1 { request_id.to_owned() } else { format!("{request_id}-{}", index + 1) }
    }

    /// Whom it is about, as far as that is known.
    pub(super) fn person(&self) -> Option<&str> {
        match &self.subject {
            OfferSubject::Subject(subject) => Some(subject),
            OfferSubject::Claims(_) | OfferSubject::Stored(_) => self.about.as_deref(),
        }
    }

    /// Whether it is work of this kind: the configuration may have been published anew since it began.
    pub(super) fn fits(&self, configuration: &CredentialConfiguration) -> bool {
        let document = &configuration.document;
        self.plugin.as_deref() == document.plugin.as_ref().map(|plugin| plugin.name.as_str())
            && self.parts.iter().all(|part| part.holder.is_some() == document.holder_binding.required)
    }
}

/// Seals what a deferred transaction keeps.
pub(super) fn seal<T: Serialize>(
    kept: &T,
    keyring: &Keyring,
    issuer: &str,
    transaction: &str,
    entropy: &dyn Entropy,
) -> Result<Vec<u8>, Error> {
    let failed = |cause: String| Error::broken("the request cannot be kept for later", cause);
    let text = Zeroizing::new(serde_json::to_vec(kept).map_err(|e| failed(e.to_string()))?);
    keyring.seal(&context(issuer, transaction), &text, entropy).map_err(|e| failed(e.to_string()))
}

pub(super) fn open<T: DeserializeOwned>(
    keyring: &Keyring,
    issuer: &str,
    transaction: &str,
    sealed: &[u8],
) -> Result<T, Error> {
    let unreadable = |cause: String| Error::broken("the request that was kept cannot be read", cause);
    let text = keyring.open(&context(issuer, transaction), sealed).map_err(|e| unreadable(e.to_string()))?;
    serde_json::from_slice(&text).map_err(|e| unreadable(e.to_string()))
}

fn context<'a>(issuer: &'a str, transaction: &'a str) -> SealContext<'a> {
    SealContext { issuer, table: "deferred_transactions", column: "sealed_state", row: transaction }
}
