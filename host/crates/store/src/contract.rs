//! The store's contract, in domain words. Every method is one atomic operation: it happens whole,
//! together with its audit events, or not at all. Absence is `Option`, an expected refusal is a value,
//! everything else is `StoreError::Unavailable`. No method reads a clock: every timestamp is given.

use std::time::Duration;

use async_trait::async_trait;

use crate::records::{
    AuditEvent, BootstrapRedemption, ClientRecord, ConfigurationDraft, ConfigurationRecord, CredentialQuery,
    DeadLetter, DeadLetterCount, DeferredLease, DeferredLeasing, DeferredRecord, DeferredUpdate, Deletion,
    DeletionOutcome, DeliveryAdvance, DeliveryFailure, DeliveryLease, DeliveryState, FoundCredential, IssuanceBatch,
    IssuanceOutcome, IssuerRecord, JobItem, JobItemState, JobLease, JobRecord, KeyRecord, NewReply, OfferRecord,
    PluginControl, Published, RedeemOffer, Redemption, Reissue, SlotLease, StatusChange, StatusEntry, StatusListHead,
    StatusListRecord, StatusListVersion, StatusOutcome, StatusSlot, StatusUpdate, StoredCredential, StoredReply,
    Timestamp, WebhookPause,
};

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A row with this identity exists already.
    #[error("this {0} exists already")]
    Conflict(&'static str),
    /// What was to be written belongs to an issuer that the store does not know.
    #[error("the issuer is not known")]
    UnknownIssuer,
    /// The database could not do it now: nothing was changed, unless the connection broke while it committed;
    /// then all of it may have been.
    #[error("the store is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database was written by a newer release, or by something else.
    #[error("the database does not fit this release: {0}")]
    Incompatible(String),
    /// The database's URL cannot be used; the text says how to write it.
    #[error("the database URL cannot be used: {0}")]
    InvalidUrl(&'static str),
}

#[async_trait]
pub trait Issuers: Send + Sync {
    /// Inserts a new issuer together with its first keys, so that none is ever seen without. `false`: there is one of
    /// that id, and nothing was changed.
    async fn create_issuer(
        &self,
        issuer: &IssuerRecord,
        first_keys: &[KeyRecord],
        event: &AuditEvent,
    ) -> Result<bool, StoreError>;
    /// Inserts the issuer or updates its url and display. Answers whether anything changed; an event is
    /// written only then. `Conflict` when another issuer has that url.
    async fn put_issuer(&self, issuer: &IssuerRecord, event: &AuditEvent) -> Result<bool, StoreError>;
    async fn issuers(&self) -> Result<Vec<IssuerRecord>, StoreError>;
}

#[async_trait]
pub trait Configurations: Send + Sync {
    /// Publishes all drafts in one transaction, or none. A draft whose `content` equals the published version
    /// changes nothing; else it becomes the next version and the former one is retired (versions are immutable).
    /// The order of members counts, since it is the order in the credential. Each changed draft writes `event`
    /// with the object set to `configuration_id@version` and the same appended to the event's id after a `/`,
    /// so that ids stay unique; any change raises the generation. `Conflict` when two drafts have one id,
    /// `UnknownIssuer` when the issuer is not there.
    async fn publish_configurations(
        &self,
        issuer_id: &str,
        drafts: &[ConfigurationDraft],
        event: &AuditEvent,
    ) -> Result<Vec<Published>, StoreError>;
    async fn published_configurations(&self, issuer_id: &str) -> Result<Vec<ConfigurationRecord>, StoreError>;
    /// Grows whenever any issuer, key or configuration changes: what a host compares to know that its
    /// compiled snapshot is old.
    async fn generation(&self) -> Result<i64, StoreError>;
}

#[async_trait]
pub trait Keys: Send + Sync {
    /// `Conflict` when the issuer has a key of that id.
    async fn insert_key(&self, key: &KeyRecord, event: &AuditEvent) -> Result<(), StoreError>;
    /// Every key of the issuer, oldest first, retired ones included (they stay published).
    async fn keys(&self, issuer_id: &str) -> Result<Vec<KeyRecord>, StoreError>;
}

#[async_trait]
pub trait Clients: Send + Sync {
    /// `Conflict` when the client id is taken, by any issuer.
    async fn insert_client(&self, client: &ClientRecord, event: &AuditEvent) -> Result<(), StoreError>;
    async fn find_client(&self, client_id: &str) -> Result<Option<ClientRecord>, StoreError>;
    /// Sets the bootstrap token's hash if no client exists yet, and no bootstrap token but one that expired
    /// unused before `created_at`; `true` when it was set.
    async fn offer_bootstrap(
        &self,
        token_hash: &str,
        created_at: Timestamp,
        expires_at: Timestamp,
    ) -> Result<bool, StoreError>;
    /// Redeems the token and inserts the client in one transaction: of many racing callers one wins. `event`
    /// is written only then; a client id that is taken leaves the token as it was.
    async fn redeem_bootstrap(
        &self,
        token_hash: &str,
        client: &ClientRecord,
        now: Timestamp,
        event: &AuditEvent,
    ) -> Result<BootstrapRedemption, StoreError>;
    /// Remembers a one-time value (the `jti` of a client assertion) until `expires_at`; `false` when it was
    /// seen before.
    async fn use_once(
        &self,
        issuer_id: &str,
        purpose: &str,
        value_hash: &str,
        expires_at: Timestamp,
    ) -> Result<bool, StoreError>;
}

#[async_trait]
pub trait Offers: Send + Sync {
    /// `Conflict` when the issuer has an offer of that id or code.
    async fn create_offer(&self, offer: &OfferRecord, event: &AuditEvent) -> Result<(), StoreError>;
    async fn find_offer(&self, issuer_id: &str, offer_id: &str) -> Result<Option<OfferRecord>, StoreError>;
    /// Exchanges a pre-authorized code. The code works once; a wrong transaction code costs one attempt and
    /// the code survives until none is left. A transaction code that is missing or was not asked for costs
    /// nothing. An offer has expired when `expires_at <= now`. `success` or `refusal` is written with it; the
    /// store sets the offer's id as the object of both, where the code is known, and the refusal's reason.
    async fn redeem_offer(
        &self,
        redeem: &RedeemOffer,
        success: &AuditEvent,
        refusal: &AuditEvent,
    ) -> Result<Redemption, StoreError>;
}

#[async_trait]
pub trait Issuances: Send + Sync {
    /// Records each batch in full (everything that it has) or refuses it; a refused batch leaves the others alone. Of
    /// two batches that exclude each other the earlier one wins, and of two that replace each other's credentials the
    /// later one. A batch whose idempotency key has a reply is refused for that before all else. A credential exists
    /// only when this has returned `Recorded` for it. `Conflict`, for all of them, when a credential comes with an
    /// entry that another one has: whoever allocates never gives one twice.
    async fn record_issuances(&self, batches: &[IssuanceBatch]) -> Result<Vec<IssuanceOutcome>, StoreError>;
    async fn find_credential(
        &self,
        issuer_id: &str,
        credential_id: &str,
    ) -> Result<Option<StoredCredential>, StoreError>;
}

/// Credentials after their issuance.
#[async_trait]
pub trait Credentials: Send + Sync {
    /// At most `limit`, and at most [`MAX_CREDENTIALS_PER_READ`](crate::MAX_CREDENTIALS_PER_READ). Superseded ones are
    /// among them, status lists are not. The credentials themselves are not read.
    async fn find_credentials(&self, query: &CredentialQuery) -> Result<Vec<FoundCredential>, StoreError>;
    /// Whether a credential of that keyed hash was deleted.
    async fn is_deleted(&self, issuer_id: &str, credential_hash: &str) -> Result<bool, StoreError>;
    /// Deletes the row, its entries and attributes and the replies that hold it, and leaves a tombstone: of many racing
    /// callers one gets `Deleted`. A change of its status comes before that and is seen, or after it and finds nothing.
    /// `Conflict` when there is a
    /// tombstone already: the id was issued again without being named in `chosen_ids`.
    async fn delete_credential(&self, deletion: &Deletion) -> Result<DeletionOutcome, StoreError>;
    /// Replaces the signed credential and adds its entries. `false`, and nothing was written: it is not as the caller
    /// has seen it any more, or is gone, or has entries.
    async fn reissue_credential(&self, reissue: &Reissue) -> Result<bool, StoreError>;
    /// Ids of the issuer's credentials whose `delete_after` lies before `now`, the longest ago first: at most `limit`.
    async fn outlived_credentials(
        &self,
        issuer_id: &str,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<String>, StoreError>;
    /// What the client was answered under this idempotency key, unless that has expired.
    async fn find_reply(
        &self,
        issuer_id: &str,
        client_id: &str,
        key_hash: &str,
        now: Timestamp,
    ) -> Result<Option<StoredReply>, StoreError>;
}

/// Status lists: allocation of entries, changes, publication.
#[async_trait]
pub trait StatusLists: Send + Sync {
    /// Opens a list (with the rows of its credentials, and their identities in `issued_credentials`), unless the issuer
    /// has `most_open` lists of exactly these purposes, in their order, and room already; then `false`, and nothing was
    /// written. `event` is written with it. `Conflict` when one of its ids is taken, `UnknownIssuer` when the issuer is
    /// not there.
    async fn open_status_list(
        &self,
        list: &StatusListRecord,
        most_open: u32,
        event: &AuditEvent,
    ) -> Result<bool, StoreError>;
    /// Every list of the issuer, full ones included, oldest first.
    async fn status_lists(&self, issuer_id: &str) -> Result<Vec<StatusListRecord>, StoreError>;
    /// Takes the next counter values, at most `count`. Nobody else ever gets them. The lease that takes the last ones
    /// says so in its credentials' `credential_status`. `None`: the list is full or not there, or `count` is below 1.
    async fn lease_slots(
        &self,
        issuer_id: &str,
        list_id: &str,
        count: i64,
        now: Timestamp,
    ) -> Result<Option<SlotLease>, StoreError>;
    /// The entries of a credential and what they say now, in no order.
    async fn status_entries(&self, issuer_id: &str, credential_id: &str) -> Result<Vec<StatusEntry>, StoreError>;
    /// Changes entries, each in full (status, history, event, reply) or not at all; answers in the same order. Of two
    /// updates that exclude each other the earlier one wins. A change counts when this has answered.
    async fn update_statuses(&self, updates: &[StatusUpdate]) -> Result<Vec<StatusOutcome>, StoreError>;
    /// Changes of one entry, oldest first.
    async fn status_history(&self, issuer_id: &str, list_id: &str, index: i64)
    -> Result<Vec<StatusChange>, StoreError>;
    /// The entries that a deleted credential had.
    async fn slots_of_deleted(&self, issuer_id: &str, credential_hash: &str) -> Result<Vec<StatusSlot>, StoreError>;
    /// The list's changes after `revision`, in their order: at most `limit`. There is no gap in them, whatever commits
    /// late.
    async fn status_changes(
        &self,
        issuer_id: &str,
        list_id: &str,
        revision: i64,
        limit: u32,
    ) -> Result<Vec<StatusChange>, StoreError>;
    /// How far each list of every issuer is. Cheap: hosts ask several times a second.
    async fn status_list_heads(&self) -> Result<Vec<StatusListHead>, StoreError>;
    /// Publishes a version, whose number must be one more than the newest one's, and whose revision must not be lower:
    /// of many racing callers one gets `true`, the others write nothing. Deletes the former newest version where both
    /// were published in the same `window` (windows are counted from 1970; in one of no length is no other version), and
    /// else versions that were published before `keep_from`.
    async fn publish_status_list(
        &self,
        version: &StatusListVersion,
        window: Duration,
        keep_from: Timestamp,
    ) -> Result<bool, StoreError>;
    /// The newest version.
    async fn status_list_version(
        &self,
        issuer_id: &str,
        list_id: &str,
    ) -> Result<Option<StatusListVersion>, StoreError>;
    /// The newest version of those that were published at `at` or before and are still kept.
    async fn status_list_version_at(
        &self,
        issuer_id: &str,
        list_id: &str,
        at: Timestamp,
    ) -> Result<Option<StatusListVersion>, StoreError>;
}

/// Jobs: many credentials asked for at once. Whoever works on one does so under a lease, and each item is done in the
/// transaction that records its credential (`job_items` of an [`IssuanceBatch`]).
#[async_trait]
pub trait Jobs: Send + Sync {
    /// As `Loading`, without items. `Conflict` when there is a job of that id. With `reply` of an idempotency key:
    /// `false`, and nothing was written, where the key has a reply already.
    async fn create_job(
        &self,
        job: &JobRecord,
        reply: Option<&NewReply>,
        event: &AuditEvent,
    ) -> Result<bool, StoreError>;
    /// Adds pending items with their numbers, and answers the new total. `None`, and nothing was written: the job is not
    /// loading, or the numbers do not go on from its `total` without a gap (so a call that is made again adds nothing).
    async fn add_job_items(
        &self,
        issuer_id: &str,
        job_id: &str,
        sealed_inputs: &[(i64, Vec<u8>)],
        at: Timestamp,
    ) -> Result<Option<i64>, StoreError>;
    /// From now on hosts work on it; `false` unless it was loading. One without items is finished at once.
    async fn start_job(&self, issuer_id: &str, job_id: &str, at: Timestamp) -> Result<bool, StoreError>;
    async fn find_job(&self, issuer_id: &str, job_id: &str) -> Result<Option<JobRecord>, StoreError>;
    /// The newest first, after the one given: at most `limit`.
    async fn jobs(
        &self,
        issuer_id: &str,
        after: Option<(Timestamp, String)>,
        limit: u32,
    ) -> Result<Vec<JobRecord>, StoreError>;
    /// Of all issuers' running jobs, the oldest ones that nobody works on at `now`.
    async fn idle_jobs(&self, now: Timestamp, limit: u32) -> Result<Vec<JobRecord>, StoreError>;
    /// Takes the right to work on it, or extends it for the one who has it; `false`: it does not run, or another one
    /// works on it at `now`.
    async fn lease_job(&self, lease: &JobLease, now: Timestamp) -> Result<bool, StoreError>;
    /// Gives the lease up; `false` when it was not the holder's.
    async fn release_job(&self, lease: &JobLease) -> Result<bool, StoreError>;
    /// Items in the order of their numbers after `after`, of one state or of any: at most `limit`.
    async fn job_items(
        &self,
        issuer_id: &str,
        job_id: &str,
        state: Option<JobItemState>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<JobItem>, StoreError>;
    /// Ends a pending item without a credential; `false` when it was not pending, or its job does not run.
    async fn fail_job_item(
        &self,
        issuer_id: &str,
        job_id: &str,
        number: i64,
        error: &str,
        event: &AuditEvent,
    ) -> Result<bool, StoreError>;
    /// Ends the job: as finished when no item is pending, else (`cancel`) as cancelled; what its pending items were to be
    /// made of is gone then. `false`, and nothing was written: it does not run (nor load, when cancelled), or there are
    /// items left.
    async fn end_job(
        &self,
        issuer_id: &str,
        job_id: &str,
        cancel: bool,
        event: &AuditEvent,
    ) -> Result<bool, StoreError>;
}

/// Credentials that were asked for and are not ready: the wallet polls with a transaction id (`OpenID4VCI` 1.0, section
/// 9), and whoever answers goes on under a lease.
///
/// The `issuance` of these methods is recorded in the same transaction, as
/// [`record_issuances`](Issuances::record_issuances) would, and refused as there; a refused one leaves the deferred
/// transaction as it was. `None` instead of an outcome: the lease is not the holder's (another one has it, or the
/// transaction was finished or is gone), and nothing was written.
#[async_trait]
pub trait Deferred: Send + Sync {
    /// Records what asking has taken (nonces, events, and credentials where they exist and only wait) together with
    /// the transaction. `Conflict` when the issuer has a transaction of that hash. Of many racing callers no more than
    /// [`MAX_PENDING_PER_OFFER`](crate::MAX_PENDING_PER_OFFER) get one for the same offer, as long as those are pending
    /// and have not expired at `created_at`; the others write nothing.
    async fn create_deferred(
        &self,
        deferred: &DeferredRecord,
        issuance: &IssuanceBatch,
    ) -> Result<IssuanceOutcome, StoreError>;
    /// Also one that is finished or has expired, as long as it is kept.
    async fn find_deferred(
        &self,
        issuer_id: &str,
        transaction_hash: &str,
    ) -> Result<Option<DeferredRecord>, StoreError>;
    /// Takes the right to go on, and counts the attempt: of many racing callers one gets it. A lease that ended at or
    /// before `now` may be taken by the next one; then its former holder can write nothing any more.
    async fn lease_deferred(&self, lease: &DeferredLease, now: Timestamp) -> Result<DeferredLeasing, StoreError>;
    /// Still not ready: keeps what is needed to go on, and gives the lease up.
    async fn update_deferred(
        &self,
        lease: &DeferredLease,
        update: &DeferredUpdate,
        issuance: &IssuanceBatch,
    ) -> Result<Option<IssuanceOutcome>, StoreError>;
    /// Gives the lease up and changes nothing else; `false` when it was not the holder's.
    async fn release_deferred(&self, lease: &DeferredLease) -> Result<bool, StoreError>;
    /// Ends the transaction with its credentials: they exist once, however many callers go on with it.
    async fn finish_deferred(
        &self,
        lease: &DeferredLease,
        issuance: &IssuanceBatch,
    ) -> Result<Option<IssuanceOutcome>, StoreError>;
    /// Ends the transaction without a credential: its row goes, and the event is written. `false` when the lease was
    /// not the holder's; then nothing was.
    async fn fail_deferred(&self, lease: &DeferredLease, event: &AuditEvent) -> Result<bool, StoreError>;
}

#[async_trait]
pub trait Outbox: Send + Sync {
    /// An event without an action of its own in the store (a refusal, a sign-in).
    async fn append_events(&self, events: &[AuditEvent]) -> Result<(), StoreError>;
    /// Events of one issuer in the order of their rows, after the row number `after` (0 for the first): at
    /// most `limit`, and at most [`MAX_EVENTS_PER_READ`](crate::MAX_EVENTS_PER_READ).
    /// Where several writers are at work (PostgreSQL), a row may come to be seen after one with a higher number:
    /// whoever goes on from the last number may miss it.
    async fn events(&self, issuer_id: &str, after: i64, limit: u32) -> Result<Vec<(i64, AuditEvent)>, StoreError>;
}

/// One order of all committed events, over all issuers and hosts: positions 1, 2, 3, …, without a gap, each given once
/// and for ever. A transaction that commits late gets a later position, so whoever goes on from the last position that
/// he has seen misses nothing. Events of one transaction keep their order.
#[async_trait]
pub trait AuditOrder: Send + Sync {
    /// Gives positions to at most `limit` committed events that have none, and at most
    /// [`MAX_EVENTS_PER_READ`](crate::MAX_EVENTS_PER_READ); answers to how many. Any host may call it at any time, and
    /// it costs no write when there is nothing to do.
    async fn sequence_events(&self, limit: u32) -> Result<u64, StoreError>;
    /// The position that was given last; 0 when none was.
    async fn last_sequence(&self) -> Result<u64, StoreError>;
    /// Events with their positions after `after`, in their order: at most `limit`, at most
    /// [`MAX_EVENTS_PER_READ`](crate::MAX_EVENTS_PER_READ), and no more than `max_bytes` of text, unless the first one
    /// alone exceeds that.
    async fn events_from(&self, after: u64, limit: u32, max_bytes: usize)
    -> Result<Vec<(u64, AuditEvent)>, StoreError>;
    /// `None`: no event of that id has a position yet, or it was deleted after its delivery.
    async fn event_sequence(&self, event_id: &str) -> Result<Option<u64>, StoreError>;
    /// Deletes, of the `limit` events with the lowest positions, those that every known delivery has passed and that
    /// happened before `older_than`. Without any delivery it deletes nothing. Answers how many went.
    async fn delete_delivered_events(&self, older_than: Timestamp, limit: u32) -> Result<u64, StoreError>;
}

/// How far each audit plugin has accepted the events. One host at a time delivers to a plugin, under a lease.
#[async_trait]
pub trait Deliveries: Send + Sync {
    /// Takes the right to deliver, or extends it for the one who has it, and answers the position of the last event
    /// that the plugin accepted. `None`: another host has it at `now`. A plugin that is new begins at 0: it gets all
    /// events that are still kept, and from now on none is deleted before it accepted it.
    async fn lease_delivery(&self, lease: &DeliveryLease, now: Timestamp) -> Result<Option<u64>, StoreError>;
    /// Moves the delivery on and writes `events` with it. `false`, and nothing was changed: the lease was lost, the
    /// delivery does not stand at `from`, or `to` is not a later position that was given.
    async fn advance_delivery(&self, advance: &DeliveryAdvance, events: &[AuditEvent]) -> Result<bool, StoreError>;
    /// Gives the lease up; `false` when it was not the holder's.
    async fn release_delivery(&self, plugin: &str, holder: &str) -> Result<bool, StoreError>;
    /// By plugin.
    async fn deliveries(&self) -> Result<Vec<DeliveryState>, StoreError>;
    /// The plugin is gone for good: events need not wait for it any more. `false` when it was not known or a host has
    /// the lease at the event's time; the event is not written then. With a webhook go its dead letters and its pause.
    async fn forget_delivery(&self, plugin: &str, event: &AuditEvent) -> Result<bool, StoreError>;
}

/// Messages to issuers' backends. How far a webhook has got the events is one of the [`Deliveries`], under the name
/// [`webhook_delivery`](crate::webhook_delivery); what is here is the rest: what was given up, and who gets nothing.
#[async_trait]
pub trait Webhooks: Send + Sync {
    /// Makes the delivery of a webhook that is new: it begins after the position that was given last. From now on no
    /// event is deleted before it was delivered or given up. `false`: the webhook is known.
    async fn open_webhook(&self, webhook: &str, now: Timestamp) -> Result<bool, StoreError>;
    /// Moves the delivery on past an event whose message is given up, keeps the message and writes `event`. `false`, and
    /// nothing was changed: as with [`Deliveries::advance_delivery`]. A letter that is there already stays as it is.
    async fn give_up_event(
        &self,
        advance: &DeliveryAdvance,
        letter: &DeadLetter,
        event: &AuditEvent,
    ) -> Result<bool, StoreError>;
    /// In the order of their event ids, after the one given (empty for the first): at most `limit`, and at most
    /// [`MAX_EVENTS_PER_READ`](crate::MAX_EVENTS_PER_READ).
    async fn dead_letters(
        &self,
        issuer_id: &str,
        webhook: &str,
        after: &str,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, StoreError>;
    async fn count_dead_letters(&self, issuer_id: &str, webhook: &str) -> Result<DeadLetterCount, StoreError>;
    /// Wants these letters (`None`: all of them) sent again, and answers how many that are not queued already. Where
    /// there are any, `event` is written with their number as `letters` of its detail.
    async fn queue_dead_letters(
        &self,
        issuer_id: &str,
        webhook: &str,
        event_ids: Option<&[String]>,
        event: &AuditEvent,
    ) -> Result<u64, StoreError>;
    /// The one that was queued first.
    async fn next_queued_letter(&self, issuer_id: &str, webhook: &str) -> Result<Option<DeadLetter>, StoreError>;
    /// A queued letter was delivered, and goes; or it failed, and is dead again. `false`, and nothing was changed: it is
    /// not queued as it was read.
    async fn settle_dead_letter(
        &self,
        letter: &DeadLetter,
        failure: Option<&DeliveryFailure>,
        now: Timestamp,
    ) -> Result<bool, StoreError>;
    /// Deletes at most `limit` letters that were given up before `older_than` and that nobody wants sent again.
    async fn delete_dead_letters(
        &self,
        issuer_id: &str,
        webhook: &str,
        older_than: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError>;
    /// `false`, and the event is not written: it is paused already.
    async fn pause_webhook(&self, pause: &WebhookPause, event: &AuditEvent) -> Result<bool, StoreError>;
    /// `false`, and the event is not written: it is not paused.
    async fn resume_webhook(&self, webhook: &str, event: &AuditEvent) -> Result<bool, StoreError>;
    async fn webhook_pause(&self, webhook: &str) -> Result<Option<WebhookPause>, StoreError>;
}

/// What operators decided about plugins, for every host to follow.
#[async_trait]
pub trait PluginControls: Send + Sync {
    /// Of every plugin about which anything was ever decided, by its name. Where that was taken back, the control
    /// stays and says nothing but by whom.
    async fn plugin_controls(&self) -> Result<Vec<PluginControl>, StoreError>;
    /// Replaces the plugin's control. Answers whether it decides otherwise than before, where no control decides
    /// nothing; only then anything is written, with the event.
    async fn set_plugin_control(&self, control: &PluginControl, event: &AuditEvent) -> Result<bool, StoreError>;
    /// Grows with every change of a control, and with nothing else: what a host compares to know that it has to read
    /// them again. Apart from [`Configurations::generation`], because what is compiled from that does not depend on
    /// them.
    async fn plugin_controls_generation(&self) -> Result<i64, StoreError>;
}

#[async_trait]
pub trait Housekeeping: Send + Sync {
    /// Fails when the database cannot be read and written now. Costs a durable write: callers limit how often.
    async fn check(&self) -> Result<(), StoreError>;
    /// Deletes at most `limit` rows of each kind of transient thing that expired before `now` (used nonces,
    /// one-time values, offers and their claims once no access token can name them, deferred transactions that nobody
    /// goes on with, replies, jobs that have ended or were never started, and before them their items). Answers how
    /// many went.
    async fn delete_expired(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError>;
    /// Waits for calls that are under way and closes the database; later calls are `Unavailable`.
    async fn close(&self);
}

/// All of it: what `connect` answers. Code that needs one part takes that part's trait.
pub trait Store:
    Issuers
    + Configurations
    + Keys
    + Clients
    + Offers
    + Issuances
    + Credentials
    + StatusLists
    + Jobs
    + Deferred
    + Outbox
    + AuditOrder
    + Deliveries
    + Webhooks
    + PluginControls
    + Housekeeping
    + std::fmt::Debug
{
}
