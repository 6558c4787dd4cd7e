//! The use cases: one method each, no HTTP, SQL or wasm in it. `Issuance` is what every surface (wallet
//! protocol, admin API, command line) calls.

pub mod configuration;
pub mod credential;
pub mod deferred;
pub mod error;
pub mod formats;
mod handover;
pub mod issuers;
pub mod lifecycle;
mod making;
pub mod nonce;
pub mod offers;
mod patience;
pub mod proof;
mod proxy;
pub mod publish;
pub mod setup;
pub mod subject;
mod work;

use std::collections::BTreeMap;
use std::sync::Arc;

use chancery_credential::status::Purpose;
use chancery_keys::{Entropy, EntropyError, Keyring};
use chancery_sandbox::Sandbox;
use chancery_store::{AuditEvent, EventOutcome, StatusSlot, Store, Timestamp};
use tokio::sync::Semaphore;

use crate::audit::Actor;
use crate::audit::required::Accepted;
use crate::clock::Clock;
use crate::config;
use crate::status::StatusLists;
use error::Error;
use issuers::Issuer;
use lifecycle::policy::Policy;

pub struct Issuance {
    store: Arc<dyn Store>,
    /// `None` where nothing is issued (commands that only write configurations or offers).
    sandbox: Option<Sandbox>,
    keyring: Arc<Keyring>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    limits: config::Issuance,
    /// Set where audit plugins must have accepted the events before a wallet gets its credential.
    accepted: Option<Arc<dyn Accepted>>,
    /// Turns for judging what other issuers signed.
    judging: Semaphore,
    /// Where credentials get their entries in status lists.
    status_lists: Option<Arc<StatusLists>>,
    /// What is done with credentials that are handed in, by issuer.
    policies: BTreeMap<String, Arc<Policy>>,
}

/// Credentials of other issuers that are judged at once. They may be made to cost much, and no plugin's limits count it.
const JUDGED_AT_ONCE: usize = 2;

impl std::fmt::Debug for Issuance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuance").field("store", &self.store).field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Issuance {
    pub fn new(
        store: Arc<dyn Store>,
        sandbox: Option<Sandbox>,
        keyring: Arc<Keyring>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        limits: config::Issuance,
    ) -> Self {
        Self {
            store,
            sandbox,
            keyring,
            clock,
            entropy,
            limits,
            accepted: None,
            judging: Semaphore::new(JUDGED_AT_ONCE),
            status_lists: None,
            policies: BTreeMap::new(),
        }
    }

    /// From now on no wallet gets a credential whose events were not accepted.
    #[must_use]
    pub fn requiring(self, accepted: Arc<dyn Accepted>) -> Self {
        Self { accepted: Some(accepted), ..self }
    }

    #[must_use]
    pub fn with_status_lists(self, lists: Arc<StatusLists>) -> Self {
        Self { status_lists: Some(lists), ..self }
    }

    /// What issuers do with credentials that are handed in; one that is not named does as by default.
    #[must_use]
    pub fn with_policies(self, policies: BTreeMap<String, Policy>) -> Self {
        let policies = policies.into_iter().map(|(issuer, policy)| (issuer, Arc::new(policy)));
        Self { policies: policies.collect(), ..self }
    }

    fn policy(&self, issuer: &Issuer) -> Arc<Policy> {
        self.policies.get(&issuer.id).cloned().unwrap_or_default()
    }

    /// Entries for that many credentials.
    async fn status_slots(
        &self,
        issuer: &Issuer,
        purposes: &[Purpose],
        count: usize,
    ) -> Result<Vec<Vec<StatusSlot>>, Error> {
        if purposes.is_empty() {
            return Ok(vec![Vec::new(); count]);
        }
        let lists = self.status_lists.as_ref();
        let lists = lists.ok_or_else(|| Error::broken("the issuer has no status lists", "they are not set up"))?;
        lists.allocate(issuer, purposes, count).await
    }

    pub fn limits(&self) -> &config::Issuance {
        &self.limits
    }

    /// A fresh c_nonce (OpenID4VCI 1.0, 7.2).
    pub fn make_nonce(&self, issuer: &Issuer) -> Result<String, Error> {
        Ok(nonce::make(&issuer.macs.nonce, self.clock.now(), self.entropy.as_ref())?)
    }

    /// Writes the event of something that was refused or failed. That stands even where this fails.
    async fn note_refusal(&self, event: AuditEvent) {
        if let Err(error) = self.store.append_events(&[event]).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "an audit event of a refusal could not be written"
            );
        }
    }
}

/// The event of something that an error has stopped.
fn stopped(actor: &Actor, issuer: &Issuer, action: &str, object: &str, at: Timestamp, error: &Error) -> AuditEvent {
    let mut event = actor.was_refused(&issuer.id, action, object, at, error.code());
    if error.is_failure() {
        event.outcome = EventOutcome::Failed;
    }
    event
}

impl From<EntropyError> for Error {
    fn from(error: EntropyError) -> Self {
        Self::broken("the issuer has no randomness", error)
    }
}
