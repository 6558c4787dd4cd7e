//! Credentials that are not ready when a wallet asks (OpenID4VCI 1.0, 9): the wallet gets a transaction id, polls with
//! it, and what it asked for is gone on with as it polls. One poll at a time goes on, under a lease of the store; the
//! credentials are recorded in the transaction that ends it, so that they exist once.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use chancery_store::{
    AuditEvent, DeferredLease, DeferredLeasing, DeferredRecord, DeferredState, DeferredUpdate, IssuanceBatch,
    Timestamp, UsedNonce,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::configuration::{CredentialConfiguration, Keep, Making};
use super::credential::{Answer, WalletGrant, batch, recorded, revokes};
use super::error::Error;
use super::issuers::Issuer;
use super::patience::{PAUSE, Patience};
use super::work::{self, Call, Finished, Progress, Recorded, Work};
use super::{Issuance, stopped};
use crate::audit::Actor;

const TRANSACTION_BYTES: usize = 32;
/// How long a wallet's request waits for audit plugins at most.
const ACCEPTANCE: Duration = Duration::from_secs(3);
/// Between two polls.
const INTERVALS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_hours(24));
/// What goes wrong again and again is asked for ever more rarely, down to this.
const LONGEST_BACK_OFF: Duration = Duration::from_mins(5);
/// A host that was killed while it went on keeps others from it this much longer than a request may take.
const LEASE_SLACK: Duration = Duration::from_secs(10);

/// The kind of a transaction whose credentials are recorded and wait for their events to be accepted.
const RECORDED: &str = "recorded";

/// Whom a poll concerns.
struct Poll<'a> {
    issuer: &'a Issuer,
    actor: &'a Actor,
    transaction_id: &'a str,
    lease: DeferredLease,
}

impl Issuance {
    /// How long wallets may have to poll for credentials of these configurations; `None` where none is ever deferred.
    pub fn longest_deferral(&self, issuer: &Issuer, configuration_ids: &[String]) -> Option<Duration> {
        let offered = configuration_ids.iter().filter_map(|id| issuer.configurations.get(id));
        let may_wait = offered.filter(|configuration| configuration.may_defer() || self.accepted.is_some());
        may_wait.map(|configuration| configuration.deferred_lifetime).max()
    }

    /// Answers what became of a deferred request. `within` is how long the wallet's request may take.
    pub async fn poll_credentials(
        &self,
        issuer: &Issuer,
        actor: &Actor,
        grant: &WalletGrant,
        transaction_id: &str,
        within: Duration,
    ) -> Result<Answer, Error> {
        let patience = Patience::of_poll(within);
        let (hash, now) = (transaction_hash(transaction_id), self.clock.timestamp());
        let found = self.store.find_deferred(&issuer.id, &hash).await?;
        let found = found.filter(|record| {
            record.offer_id.as_ref() == Some(&grant.offer_id)
                && record.state == DeferredState::Pending
                && record.expires_at > now
        });
        let record = found.ok_or(Error::UnknownTransaction)?;
        let lease = DeferredLease {
            issuer_id: issuer.id.clone(),
            transaction_hash: hash,
            holder: Uuid::new_v4().to_string(),
            until: Timestamp::new(now.get() + within + LEASE_SLACK),
        };
        let poll = Poll { issuer, actor, transaction_id, lease };
        if record.poll_after > now {
            return Ok(poll.not_before(&record, now));
        }
        // What cannot be read is dealt with under the lease.
        if record.kind == RECORDED
            && let Ok(held) = self.open_kept(&poll, &record)
        {
            return self.release(&poll, held, patience.left()).await;
        }
        match self.store.lease_deferred(&poll.lease, now).await? {
            // Another poll has come further since we looked.
            DeferredLeasing::Leased(record) if record.poll_after > now => {
                self.store.release_deferred(&poll.lease).await?;
                Ok(poll.not_before(&record, now))
            }
            DeferredLeasing::Leased(record) => self.go_on_under_lease(&poll, &record, patience).await,
            DeferredLeasing::Busy => Ok(poll.not_yet(PAUSE)),
            DeferredLeasing::Gone => Err(Error::UnknownTransaction),
        }
    }

    /// Keeps what is not ready, with what asking has taken; the wallet gets a transaction id.
    pub(super) async fn defer(
        &self,
        call: &Call<'_>,
        nonces: Vec<UsedNonce>,
        work: &Work,
        after: Duration,
    ) -> Result<Answer, Error> {
        let configuration = call.configuration;
        let (transaction_id, kind) = (self.new_transaction_id()?, waits_for(configuration));
        let hash = transaction_hash(&transaction_id);
        let mut event = call.actor.did(&call.issuer.id, "credential.defer", &hash, Timestamp::new(call.now));
        event.detail = json!({
            "configuration": configuration.id,
            "version": configuration.version,
            "offer": work.offer_id,
            "waits_for": kind,
        });
        let asked = IssuanceBatch { nonces, events: vec![event], ..nothing(call.issuer) };
        let offer_id = work.offer_id.as_deref().unwrap_or_default();
        let mut deferred = self.transaction(call, &hash, offer_id, kind, work)?;
        deferred.poll_after = Timestamp::new(call.now + after.min(INTERVALS.1));
        recorded(Some(self.store.create_deferred(&deferred, &asked).await?))?;
        Ok(Answer::Deferred { transaction_id, interval: interval(after) })
    }

    /// Records credentials, which the wallet gets as soon as their events are accepted: now or when it polls.
    pub(super) async fn record_and_hold(
        &self,
        call: &Call<'_>,
        offer_id: &str,
        nonces: Vec<UsedNonce>,
        finished: Vec<Finished>,
    ) -> Result<Answer, Error> {
        let (batch, credentials) = batch(call.issuer, nonces, finished);
        let event_ids = batch.events.iter().map(|event| event.event_id.clone()).collect();
        let held = Recorded { credentials, event_ids };
        let transaction_id = self.new_transaction_id()?;
        let hash = transaction_hash(&transaction_id);
        let deferred = self.transaction(call, &hash, offer_id, RECORDED, &held)?;
        recorded(Some(self.store.create_deferred(&deferred, &batch).await?))?;
        self.announce(revokes(&batch)).await;
        let lease = DeferredLease {
            issuer_id: call.issuer.id.clone(),
            transaction_hash: hash,
            holder: Uuid::new_v4().to_string(),
            until: Timestamp::new(call.now + ACCEPTANCE + LEASE_SLACK),
        };
        let poll = Poll { issuer: call.issuer, actor: call.actor, transaction_id: &transaction_id, lease };
        self.release(&poll, held, call.patience.left()).await
    }

    fn new_transaction_id(&self) -> Result<String, Error> {
        let mut bytes = [0; TRANSACTION_BYTES];
        self.entropy.fill(&mut bytes)?;
        Ok(B64.encode(bytes))
    }

    /// One that may be polled at once.
    fn transaction(
        &self,
        call: &Call<'_>,
        hash: &str,
        offer_id: &str,
        kind: &str,
        kept: &impl Serialize,
    ) -> Result<DeferredRecord, Error> {
        let (issuer, configuration, now) = (call.issuer, call.configuration, Timestamp::new(call.now));
        Ok(DeferredRecord {
            issuer_id: issuer.id.clone(),
            transaction_hash: hash.to_owned(),
            offer_id: Some(offer_id.to_owned()),
            configuration_id: configuration.id.clone(),
            configuration_version: configuration.version,
            kind: kind.to_owned(),
            sealed_state: work::seal(kept, &self.keyring, &issuer.id, hash, self.entropy.as_ref())?,
            state: DeferredState::Pending,
            attempts: 0,
            created_at: now,
            poll_after: now,
            expires_at: Timestamp::new(call.now + configuration.deferred_lifetime),
        })
    }

    async fn go_on_under_lease(
        &self,
        poll: &Poll<'_>,
        record: &DeferredRecord,
        patience: Patience,
    ) -> Result<Answer, Error> {
        let result = self.try_to_go_on(poll, record, patience).await;
        let Err(error) = result else { return result };
        if error.is_final() {
            self.store.fail_deferred(&poll.lease, &self.failed(poll, record, &error)).await?;
        } else {
            self.store.release_deferred(&poll.lease).await?;
        }
        Err(error)
    }

    async fn try_to_go_on(
        &self,
        poll: &Poll<'_>,
        record: &DeferredRecord,
        patience: Patience,
    ) -> Result<Answer, Error> {
        if record.kind == RECORDED {
            return match self.open_kept::<Recorded>(poll, record) {
                // Another poll has recorded it since we looked: a later one gets it.
                Ok(_) => {
                    self.store.release_deferred(&poll.lease).await?;
                    Ok(poll.not_before(record, self.clock.timestamp()))
                }
                Err(error) => self.put_off(poll, record, error).await,
            };
        }
        let mut work: Work = match self.open_kept(poll, record) {
            Ok(work) => work,
            Err(error) => return self.put_off(poll, record, error).await,
        };
        // By what is published now: an operator who corrects a configuration, or trusts an issuer no more, means it.
        let configuration = poll.issuer.configuration(&record.configuration_id).map_err(issued_no_more)?;
        if !work.fits(configuration) {
            return Err(Error::Denied("this credential is issued in another way now: ask for a new offer".to_owned()));
        }
        let (issuer, actor, now) = (poll.issuer, poll.actor, self.clock.now());
        let call = Call { issuer, actor, configuration, now, patience, keep: Keep::Record };
        match self.go_on(&call, &mut work).await {
            Ok(Progress::Done(finished)) => self.finish(poll, finished, patience).await,
            Ok(Progress::Waiting(after)) => self.keep_on(poll, configuration, &work, after).await,
            Err(error) if error.is_final() => Err(error),
            // An operator may mend it, so it is kept, with what has come so far.
            Err(error) => {
                self.keep_on(poll, configuration, &work, back_off(record.attempts)).await?;
                self.note_failure(poll, record, &error).await;
                Err(error)
            }
        }
    }

    /// What was kept cannot be read (its key is missing, say) until an operator has mended that: it stays as it is, and
    /// is asked for ever more rarely.
    async fn put_off(&self, poll: &Poll<'_>, record: &DeferredRecord, error: Error) -> Result<Answer, Error> {
        let update = DeferredUpdate {
            kind: record.kind.clone(),
            sealed_state: record.sealed_state.clone(),
            poll_after: Timestamp::new(self.clock.now() + back_off(record.attempts)),
        };
        self.store.update_deferred(&poll.lease, &update, &nothing(poll.issuer)).await?;
        self.note_failure(poll, record, &error).await;
        Err(error)
    }

    async fn note_failure(&self, poll: &Poll<'_>, record: &DeferredRecord, error: &Error) {
        self.note_refusal(self.failed(poll, record, error)).await;
    }

    fn failed(&self, poll: &Poll<'_>, record: &DeferredRecord, error: &Error) -> AuditEvent {
        let (hash, now) = (&poll.lease.transaction_hash, self.clock.timestamp());
        let mut event = stopped(poll.actor, poll.issuer, "credential.issue", hash, now, error);
        event.detail = json!({"configuration": record.configuration_id, "offer": record.offer_id});
        event
    }

    async fn keep_on(
        &self,
        poll: &Poll<'_>,
        configuration: &CredentialConfiguration,
        work: &Work,
        after: Duration,
    ) -> Result<Answer, Error> {
        let update = self.update(poll, waits_for(configuration), work, after)?;
        // Whoever has taken the lease meanwhile knows better.
        self.store.update_deferred(&poll.lease, &update, &nothing(poll.issuer)).await?;
        Ok(poll.not_yet(after))
    }

    async fn finish(&self, poll: &Poll<'_>, finished: Vec<Finished>, patience: Patience) -> Result<Answer, Error> {
        let (batch, credentials) = batch(poll.issuer, Vec::new(), finished);
        if self.accepted.is_none() {
            return match self.store.finish_deferred(&poll.lease, &batch).await? {
                Some(outcome) => {
                    recorded(Some(outcome))?;
                    self.announce(revokes(&batch)).await;
                    Ok(Answer::Issued(credentials))
                }
                None => Ok(poll.not_yet(PAUSE)),
            };
        }
        let event_ids = batch.events.iter().map(|event| event.event_id.clone()).collect();
        let held = Recorded { credentials, event_ids };
        let update = self.update(poll, RECORDED, &held, Duration::ZERO)?;
        match self.store.update_deferred(&poll.lease, &update, &batch).await? {
            Some(outcome) => recorded(Some(outcome))?,
            None => return Ok(poll.not_yet(PAUSE)),
        }
        self.announce(revokes(&batch)).await;
        self.release(poll, held, patience.left()).await
    }

    /// Gives recorded credentials out, once, where their events were accepted; waits for that at most as long as the
    /// request has time, so that a wallet always gets to know its transaction.
    async fn release(&self, poll: &Poll<'_>, held: Recorded, wait: Duration) -> Result<Answer, Error> {
        if let Some(accepted) = &self.accepted
            && !accepted.accepted(&held.event_ids, wait.min(ACCEPTANCE)).await
        {
            return Ok(poll.not_yet(PAUSE));
        }
        match self.store.lease_deferred(&poll.lease, self.clock.timestamp()).await? {
            DeferredLeasing::Leased(_) => {}
            DeferredLeasing::Busy => return Ok(poll.not_yet(PAUSE)),
            DeferredLeasing::Gone => return Err(Error::UnknownTransaction),
        }
        match self.store.finish_deferred(&poll.lease, &nothing(poll.issuer)).await? {
            Some(outcome) => recorded(Some(outcome)).map(|()| Answer::Issued(held.credentials)),
            None => Ok(poll.not_yet(PAUSE)),
        }
    }

    fn open_kept<T: DeserializeOwned>(&self, poll: &Poll<'_>, record: &DeferredRecord) -> Result<T, Error> {
        work::open(&self.keyring, &poll.issuer.id, &poll.lease.transaction_hash, &record.sealed_state)
    }

    fn update(
        &self,
        poll: &Poll<'_>,
        kind: &str,
        kept: &impl Serialize,
        after: Duration,
    ) -> Result<DeferredUpdate, Error> {
        let hash = &poll.lease.transaction_hash;
        Ok(DeferredUpdate {
            kind: kind.to_owned(),
            sealed_state: work::seal(kept, &self.keyring, &poll.issuer.id, hash, self.entropy.as_ref())?,
            poll_after: Timestamp::new(self.clock.now() + after.min(INTERVALS.1)),
        })
    }
}

impl Poll<'_> {
    fn not_before(&self, record: &DeferredRecord, now: Timestamp) -> Answer {
        self.not_yet((record.poll_after.get() - now.get()).to_std().unwrap_or_default())
    }

    fn not_yet(&self, after: Duration) -> Answer {
        Answer::Deferred { transaction_id: self.transaction_id.to_owned(), interval: interval(after) }
    }
}

/// A wallet that waits for what nobody publishes any more waits in vain.
fn issued_no_more(error: Error) -> Error {
    match error {
        Error::UnknownConfiguration(_) => {
            Error::Denied("this credential is issued no more: ask for a new offer".to_owned())
        }
        other => other,
    }
}

/// What work is waiting for, for whoever reads the table.
fn waits_for(configuration: &CredentialConfiguration) -> &'static str {
    match &configuration.making {
        Making::Issuer(_) => "source",
        Making::Proxy(_) => "issuer",
    }
}

/// The id is a secret of the wallet: what is stored and named in events is its digest.
fn transaction_hash(transaction_id: &str) -> String {
    B64.encode(Sha256::digest(transaction_id))
}

fn interval(after: Duration) -> Duration {
    after.clamp(INTERVALS.0, INTERVALS.1)
}

fn back_off(attempts: i64) -> Duration {
    let doublings = u32::try_from(attempts).unwrap_or_default().saturating_sub(1).min(16);
    (PAUSE * 2_u32.pow(doublings)).min(LONGEST_BACK_OFF)
}

fn nothing(issuer: &Issuer) -> IssuanceBatch {
    IssuanceBatch { issuer_id: issuer.id.clone(), ..IssuanceBatch::default() }
}
