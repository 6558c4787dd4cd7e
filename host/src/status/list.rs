//! One list: what of it is in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arc_swap::ArcSwapOption;
use chancery_credential::status::{Purpose, StatusBits};
use chancery_store::{StatusListRecord, StatusListVersion, StatusSlot, Timestamp};
use tokio::sync::{Mutex, MutexGuard};

use super::document::{Document, Representation, Texts};
use crate::issuance::error::Error;

/// A list of the store. What it is never changes; what is published of it does.
#[derive(Debug)]
pub(super) struct List {
    pub issuer_id: String,
    pub id: String,
    /// Its status list credentials, in the order of the purposes. The first one's URL is the list's in Token Status
    /// Lists.
    pub credentials: Vec<ListCredential>,
    pub capacity: u32,
    /// The newest version as far as this host has read or published it; empty until somebody asks for it.
    published: ArcSwapOption<Published>,
    /// The number of the newest version that this host has heard of.
    heard_of: AtomicI64,
    /// One at a time publishes the list or reads it from the store.
    work: Mutex<Work>,
}

#[derive(Debug)]
pub(super) struct ListCredential {
    pub purpose: Purpose,
    pub url: String,
    /// The last segment of the URL.
    pub url_id: String,
}

/// What whoever publishes goes on from.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// All changes up to a revision. Whatever version it came from: the changes alone decide.
    pub applied: Option<Applied>,
}

/// Bits after the changes up to `revision`.
#[derive(Debug, Clone)]
pub(super) struct Applied {
    pub bits: Arc<StatusBits>,
    pub revision: i64,
}

/// A version, ready to be served.
#[derive(Debug)]
pub(super) struct Published {
    pub version: i64,
    pub revision: i64,
    pub at: Timestamp,
    pub valid_until: Timestamp,
    /// Whether something is there to be served of each credential; else it has to be published anew.
    pub is_readable: bool,
    /// By credential, then by [`Representation::ALL`].
    documents: Vec<Documents>,
}

type Documents = [Option<Arc<Document>>; Representation::ALL.len()];

impl List {
    /// Fails where a newer release made the list in a way that this one cannot read.
    pub(super) fn new(record: &StatusListRecord) -> Result<Self, String> {
        let credentials = record.credentials.iter().map(|credential| {
            let purpose = Purpose::from_name(&credential.purpose)
                .ok_or_else(|| format!("the purpose {} is not known", credential.purpose))?;
            let (_, url_id) = credential.url.rsplit_once('/').ok_or("a URL without a path")?;
            Ok(ListCredential { purpose, url: credential.url.clone(), url_id: url_id.to_owned() })
        });
        Ok(Self {
            issuer_id: record.issuer_id.clone(),
            id: record.list_id.clone(),
            credentials: credentials.collect::<Result<_, String>>()?,
            capacity: u32::try_from(record.capacity).map_err(|_| "its capacity is out of range")?,
            published: ArcSwapOption::empty(),
            heard_of: AtomicI64::new(0),
            work: Mutex::default(),
        })
    }

    pub(super) fn purposes(&self) -> Vec<Purpose> {
        self.credentials.iter().map(|credential| credential.purpose).collect()
    }

    /// One entry: a slot in the list of each purpose.
    pub(super) fn slots(&self, index: u32) -> Vec<StatusSlot> {
        let slot = |credential: &ListCredential| StatusSlot {
            list_id: self.id.clone(),
            purpose: credential.purpose.as_str().to_owned(),
            url: credential.url.clone(),
            index: i64::from(index),
        };
        self.credentials.iter().map(slot).collect()
    }

    pub(super) fn published(&self) -> Option<Arc<Published>> {
        self.published.load_full()
    }

    /// Whether a newer version exists than the one that is served from memory.
    pub(super) fn is_behind(&self) -> bool {
        let heard_of = self.heard_of.load(Ordering::Acquire);
        self.published.load().as_ref().is_some_and(|published| published.version < heard_of)
    }

    /// There is a version of this number.
    pub(super) fn hear(&self, version: i64) {
        self.heard_of.fetch_max(version, Ordering::AcqRel);
    }

    pub(super) async fn turn(&self) -> MutexGuard<'_, Work> {
        self.work.lock().await
    }

    /// Gives the memory of the bits back, unless they are in use.
    pub(super) fn forget_bits(&self) {
        if let Ok(mut work) = self.work.try_lock() {
            work.applied = None;
        }
    }

    /// Serves this version from now on, unless a newer one is served already. The turn keeps others from doing the
    /// same in between.
    pub(super) fn install(&self, _turn: &mut Work, published: Published) -> Arc<Published> {
        self.hear(published.version);
        if let Some(served) = self.published()
            && served.version >= published.version
        {
            return served;
        }
        let published = Arc::new(published);
        self.published.store(Some(Arc::clone(&published)));
        published
    }
}

impl Published {
    /// Reads a version of the store.
    pub(super) async fn read(list: &Arc<List>, version: StatusListVersion) -> Result<Self, Error> {
        let StatusListVersion { version: number, revision, published_at, valid_until, documents, .. } = version;
        let of = Arc::clone(list);
        let documents = apart(move || {
            let mut texts = of.texts(&documents);
            let credentials = of.credentials.iter();
            let read = credentials.map(|credential| Representation::ALL.map(|form| texts.document(credential, form)));
            read.collect::<Vec<Documents>>()
        });
        let documents = documents.await?;
        let is_readable = documents.iter().all(|documents| documents[0].is_some());
        Ok(Self { version: number, revision, at: published_at, valid_until, is_readable, documents })
    }

    /// Of the credential at this place among the list's.
    pub(super) fn document(&self, index: usize, representation: Representation) -> Option<Arc<Document>> {
        let at = Representation::ALL.iter().position(|form| *form == representation)?;
        self.documents.get(index)?[at].clone()
    }
}

/// One document of a version that is not kept in memory.
pub(super) async fn read_one(
    list: &Arc<List>,
    index: usize,
    representation: Representation,
    version: StatusListVersion,
) -> Result<Option<Arc<Document>>, Error> {
    let of = Arc::clone(list);
    apart(move || of.texts(&version.documents).document(of.credentials.get(index)?, representation)).await
}

impl List {
    /// What was signed. Nothing, where it cannot be read: the truth is elsewhere.
    fn texts(&self, documents: &[u8]) -> Texts {
        serde_json::from_slice(documents).unwrap_or_else(|error| {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, list = self.id, "a published status list cannot be read");
            Texts::default()
        })
    }
}

impl Texts {
    fn document(&mut self, credential: &ListCredential, representation: Representation) -> Option<Arc<Document>> {
        self.take(&credential.url_id, representation).map(|text| Arc::new(Document::new(text)))
    }
}

/// Not on the threads that serve: documents are parsed and compressed.
async fn apart<T: Send + 'static>(read: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(read).await.map_err(|e| Error::broken("a status list cannot be read", e))
}
