//! The store's contract, in domain words. Every method is one atomic operation: it happens whole,
//! together with its audit events, or not at all. Absence is `Option`, an expected refusal is a value,
//! everything else is `StoreError::Unavailable`. No method reads a clock: every timestamp is given.

use async_trait::async_trait;

use crate::records::{
    AuditEvent, BootstrapRedemption, ClientRecord, ConfigurationDraft, ConfigurationRecord, DeferredLease,
    DeferredLeasing, DeferredRecord, DeferredUpdate, DeliveryAdvance, DeliveryLease, DeliveryState, IssuanceBatch,
    IssuanceOutcome, IssuerRecord, KeyRecord, OfferRecord, PluginControl, Published, RedeemOffer, Redemption,
    StoredCredential, Timestamp,
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
    /// Records each batch in full (its nonces, its credentials, its events) or refuses it; a refused batch
    /// leaves the others alone. Of two batches that exclude each other the earlier one wins. A credential
    /// exists only when this has returned `Recorded` for it.
    async fn record_issuances(&self, batches: &[IssuanceBatch]) -> Result<Vec<IssuanceOutcome>, StoreError>;
    async fn find_credential(
        &self,
        issuer_id: &str,
        credential_id: &str,
    ) -> Result<Option<StoredCredential>, StoreError>;
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
    /// the lease at the event's time; the event is not written then.
    async fn forget_delivery(&self, plugin: &str, event: &AuditEvent) -> Result<bool, StoreError>;
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
    /// goes on with). Answers how many went.
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
    + Deferred
    + Outbox
    + AuditOrder
    + Deliveries
    + PluginControls
    + Housekeeping
    + std::fmt::Debug
{
}
