//! Status lists: entries for credentials, publication of what becomes of them, what verifiers read.
//!
//! A list has one bit for each entry and purpose, and a credential has the same index in all of them. For each purpose
//! the list has a URL, where it is published as a status list credential. The truth is in the store: which counter
//! values were given out, and every change of an entry. Everything here can be lost and is made again from it.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`document`] | the signed forms of a list, ready to be sent |
//! | `list` | one list: what of it is in memory |
//! | `registry` | the lists that this host knows, and the URLs that they are at |
//! | `allocation`, `supply` | entries: handing them out, and reserving more of them in the store |
//! | `signing` | from bits to signed documents |
//! | `publishing` | one list: from changes in the store to its next version |
//! | `publisher` | when to do that: after changes, for hosts that have died, before a list's validity ends |
//!
//! There is no leader. The host that took a change publishes it; a version is written by compare-and-set, so that it
//! does no harm when two hosts publish at once; and every host looks for what nobody has published.

mod allocation;
pub mod document;
mod list;
mod publisher;
mod publishing;
mod registry;
mod signing;
mod supply;

use std::sync::Arc;

use chancery_credential::status::Purpose;
use chancery_keys::{Entropy, Keyring};
use chancery_store::{StatusListCredential, StatusListVersion, StatusSlot, Store, Timestamp};
use chrono::{DateTime, Utc};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use document::{Document, Representation};

use crate::audit::Actor;
use crate::clock::Clock;
use crate::config;
use crate::issuance::error::Error;
use crate::issuance::issuers::{Issuer, Issuers};
use allocation::Allocator;
use publisher::{Publisher, Queue};
use registry::{Place, Registry};

/// Former versions that are read from the store at once. Anybody may ask for them, and they are not kept in memory.
const FORMER_VERSIONS_AT_ONCE: usize = 4;

/// Status lists of all issuers.
#[derive(Debug)]
pub struct StatusLists {
    core: Arc<Core>,
    allocator: Allocator,
    queue: Arc<Queue>,
    former_versions: Semaphore,
}

/// What a verifier asked for.
#[derive(Debug)]
pub enum Lookup {
    Found(Arc<Document>),
    /// No list of this issuer is published there.
    UnknownList,
    /// There is a list, but not in this form.
    NotInThisForm,
    /// Nothing was published before that time, or it is not kept any more.
    NotKept,
}

/// What all parts work with.
#[derive(Debug)]
struct Core {
    store: Arc<dyn Store>,
    keyring: Arc<Keyring>,
    issuers: Arc<Issuers>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    settings: config::Status,
    registry: Registry,
}

impl StatusLists {
    pub fn new(
        store: Arc<dyn Store>,
        keyring: Arc<Keyring>,
        issuers: Arc<Issuers>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        settings: config::Status,
    ) -> Self {
        let core = Arc::new(Core { store, keyring, issuers, clock, entropy, settings, registry: Registry::default() });
        Self {
            allocator: Allocator::new(Arc::clone(&core)),
            queue: Arc::new(Queue::new(core.settings.publish_interval)),
            former_versions: Semaphore::new(FORMER_VERSIONS_AT_ONCE),
            core,
        }
    }

    pub fn settings(&self) -> &config::Status {
        &self.core.settings
    }

    /// Entries for `count` credentials: for each one an index that nobody else ever gets, in one list, as one slot a
    /// purpose, in the order of [`Purpose`]. Opens lists as needed; each list that is named is published already.
    /// Without a purpose there are no slots.
    pub async fn allocate(
        &self,
        issuer: &Issuer,
        purposes: &[Purpose],
        count: usize,
    ) -> Result<Vec<Vec<StatusSlot>>, Error> {
        self.allocator.allocate(issuer, purposes, count).await
    }

    /// Opens a list and publishes it, beside those that open by themselves; credentials get entries of it too.
    pub async fn open(
        &self,
        issuer: &Issuer,
        purposes: &[Purpose],
        actor: &Actor,
    ) -> Result<Vec<StatusListCredential>, Error> {
        self.allocator.open(issuer, purposes, actor).await
    }

    /// Says that entries of this list were changed: they are published soon.
    pub fn changed(&self, issuer_id: &str, list_id: &str) {
        self.queue.changed(issuer_id, list_id);
    }

    /// The same of every list that has changed and is not published, where it is not known which.
    pub async fn changed_somewhere(&self) -> Result<(), Error> {
        for head in self.core.store.status_list_heads().await? {
            if head.revision > head.published_revision {
                self.queue.changed(&head.issuer_id, &head.list_id);
            }
        }
        Ok(())
    }

    /// Starts what publishes. After `stop` it publishes what it knows to be waiting, and ends.
    pub fn start(self: &Arc<Self>, stop: CancellationToken) -> JoinHandle<()> {
        let publisher = Publisher::new(Arc::clone(&self.core), Arc::clone(&self.queue), stop);
        tokio::spawn(publisher.run())
    }

    /// Whether a status list credential of the issuer is published at this URL.
    pub async fn is_published(&self, issuer: &Issuer, url: &str) -> Result<bool, Error> {
        let Some((_, url_id)) = url.rsplit_once('/') else { return Ok(false) };
        let place = self.core.place(&issuer.id, url_id).await?;
        Ok(place.is_some_and(|place| place.credential().url == url))
    }

    /// What is published under `{issuer url}/credentials/status-list/{url_id}`, now or at an earlier time.
    pub async fn document(
        &self,
        issuer: &Issuer,
        url_id: &str,
        representation: Representation,
        at: Option<DateTime<Utc>>,
    ) -> Result<Lookup, Error> {
        let Some(place) = self.core.place(&issuer.id, url_id).await? else { return Ok(Lookup::UnknownList) };
        let Some(newest) = self.core.newest(&place.list).await? else { return Ok(Lookup::UnknownList) };
        let document = match at.map(Timestamp::new) {
            // The newest version counts from the moment on that it names.
            Some(at) if at < newest.at => {
                let Some(former) = self.former_version(&place, at).await? else { return Ok(Lookup::NotKept) };
                list::read_one(&place.list, place.index, representation, former).await?
            }
            _ => {
                self.core.check(&place.list, &newest)?;
                newest.document(place.index, representation)
            }
        };
        Ok(document.map_or(Lookup::NotInThisForm, Lookup::Found))
    }

    /// Takes over what other hosts have published. What [`StatusLists::start`] starts does it by itself.
    pub async fn refresh(&self) -> Result<(), Error> {
        self.core.refresh().await
    }

    /// Every status list credential of the issuer.
    pub async fn credentials(&self, issuer: &Issuer) -> Result<Vec<StatusListCredential>, Error> {
        let lists = self.core.store.status_lists(&issuer.id).await?;
        Ok(lists.into_iter().flat_map(|list| list.credentials).collect())
    }

    async fn former_version(&self, place: &Place, at: Timestamp) -> Result<Option<StatusListVersion>, Error> {
        let _turn = self.former_versions.acquire().await;
        let list = &place.list;
        Ok(self.core.store.status_list_version_at(&list.issuer_id, &list.id, at).await?)
    }
}
