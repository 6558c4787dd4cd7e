//! The lists that this host knows, and the URLs that they are at.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use chancery_store::{StatusListHead, StatusListRecord};
use uuid::Uuid;

use super::Core;
use super::list::{List, ListCredential, Published};
use crate::issuance::error::Error;

/// All lists, by what they are asked for. Read by every request of a verifier, and replaced when a list opens.
#[derive(Debug, Default)]
pub(super) struct Registry {
    index: ArcSwap<Index>,
    /// One at a time changes the index.
    changing: std::sync::Mutex<()>,
    /// One look at the store at a time, for all who wait for it; the number of the last one that succeeded.
    looking: tokio::sync::Mutex<u64>,
    /// Looks that were begun.
    begun: AtomicU64,
}

#[derive(Debug, Default, Clone)]
struct Index {
    by_id: HashMap<Key, Arc<List>>,
    /// By the last segment of the URL.
    by_url: HashMap<String, Place>,
    /// Made by a newer release, in a way that this one cannot read.
    unusable: HashSet<Key>,
}

/// A list in the store.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub issuer_id: String,
    pub list_id: String,
}

/// One status list credential: where it stands among its list's.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub list: Arc<List>,
    pub index: usize,
}

impl Place {
    pub(super) fn credential(&self) -> &ListCredential {
        &self.list.credentials[self.index]
    }
}

impl Key {
    pub(super) fn new(issuer_id: &str, list_id: &str) -> Self {
        Self { issuer_id: issuer_id.to_owned(), list_id: list_id.to_owned() }
    }
}

impl Registry {
    pub(super) fn list(&self, key: &Key) -> Option<Arc<List>> {
        self.index.load().by_id.get(key).cloned()
    }

    /// Lists whose newest version, as far as this host has heard, is not the one in memory.
    fn behind(&self) -> Vec<Arc<List>> {
        self.index.load().by_id.values().filter(|list| list.is_behind()).cloned().collect()
    }

    fn place(&self, issuer_id: &str, url_id: &str) -> Option<Place> {
        self.index.load().by_url.get(url_id).filter(|place| place.list.issuer_id == issuer_id).cloned()
    }

    /// Adds those that are not known yet.
    fn add(&self, records: &[StatusListRecord]) {
        let _one = self.changing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut index = Index::clone(&self.index.load());
        for record in records {
            let key = Key::new(&record.issuer_id, &record.list_id);
            if index.has(&key) {
                continue;
            }
            match List::new(record) {
                Ok(list) => index.add(key, Arc::new(list)),
                Err(reason) => {
                    tracing::error!(list = record.list_id, reason, "a status list cannot be used");
                    index.unusable.insert(key);
                }
            }
        }
        self.index.store(Arc::new(index));
    }
}

impl Index {
    fn has(&self, key: &Key) -> bool {
        self.by_id.contains_key(key) || self.unusable.contains(key)
    }

    fn add(&mut self, key: Key, list: Arc<List>) {
        for (index, credential) in list.credentials.iter().enumerate() {
            self.by_url.insert(credential.url_id.clone(), Place { list: Arc::clone(&list), index });
        }
        self.by_id.insert(key, list);
    }
}

impl Core {
    /// The list of a record of the store; `None` where this release cannot use it.
    pub(super) fn know(&self, record: &StatusListRecord) -> Option<Arc<List>> {
        let key = Key::new(&record.issuer_id, &record.list_id);
        if let Some(known) = self.registry.list(&key) {
            return Some(known);
        }
        self.registry.add(std::slice::from_ref(record));
        self.registry.list(&key)
    }

    /// Reads how far all lists are, and what is not known of them yet.
    pub(super) async fn look(&self) -> Result<Vec<StatusListHead>, Error> {
        let heads = self.store.status_list_heads().await?;
        let index = self.registry.index.load_full();
        let mut unknown = BTreeSet::new();
        for head in &heads {
            let key = Key::new(&head.issuer_id, &head.list_id);
            match index.by_id.get(&key) {
                Some(list) => list.hear(head.version),
                None if index.unusable.contains(&key) => {}
                None => drop(unknown.insert(&head.issuer_id)),
            }
        }
        for issuer_id in unknown {
            self.registry.add(&self.store.status_lists(issuer_id).await?);
        }
        Ok(heads)
    }

    /// Reads whatever other hosts have published since.
    pub(super) async fn refresh(&self) -> Result<(), Error> {
        self.look().await?;
        for list in self.registry.behind() {
            self.catch_up(&list).await?;
        }
        Ok(())
    }

    /// What is at `{issuer url}/credentials/status-list/{url_id}`.
    pub(super) async fn place(&self, issuer_id: &str, url_id: &str) -> Result<Option<Place>, Error> {
        if let Some(place) = self.registry.place(issuer_id, url_id) {
            return Ok(Some(place));
        }
        if !is_url_id(url_id) {
            return Ok(None);
        }
        // Another host may have opened it this moment. However many ask for what does not exist, one looks.
        let registry = &self.registry;
        let asked_after = registry.begun.load(Ordering::Acquire);
        let mut succeeded = registry.looking.lock().await;
        // One that began before the question may have missed it.
        if *succeeded <= asked_after {
            let number = registry.begun.fetch_add(1, Ordering::AcqRel) + 1;
            self.look().await?;
            *succeeded = number;
        }
        Ok(registry.place(issuer_id, url_id))
    }

    /// The newest version of the list as this host knows it; `None` before the first one.
    pub(super) async fn newest(&self, list: &Arc<List>) -> Result<Option<Arc<Published>>, Error> {
        if let Some(published) = list.published() {
            return Ok(Some(published));
        }
        let mut turn = list.turn().await;
        if let Some(published) = list.published() {
            return Ok(Some(published));
        }
        let version = self.store.status_list_version(&list.issuer_id, &list.id).await?;
        let Some(version) = version else { return Ok(None) };
        let published = Published::read(list, version).await?;
        Ok(Some(list.install(&mut turn, published)))
    }

    /// Reads the newest version again, where this host has heard of a newer one than it serves.
    pub(super) async fn catch_up(&self, list: &Arc<List>) -> Result<(), Error> {
        let mut turn = list.turn().await;
        if list.is_behind()
            && let Some(version) = self.store.status_list_version(&list.issuer_id, &list.id).await?
        {
            let published = Published::read(list, version).await?;
            list.install(&mut turn, published);
        }
        Ok(())
    }

    /// Refuses what cannot be read, and to hand out what no verifier may accept any more.
    pub(super) fn check(&self, list: &List, published: &Published) -> Result<(), Error> {
        if published.is_readable && self.clock.timestamp() < published.valid_until {
            return Ok(());
        }
        let cause = format!("version {} of the status list {} was not renewed in time", published.version, list.id);
        Err(Error::Unavailable {
            public: "the status list cannot be renewed at the moment".to_owned(),
            retry_after: Some(1),
            cause: Some(cause.into()),
        })
    }
}

/// Whether we have ever made such a segment: nothing else is looked for.
fn is_url_id(text: &str) -> bool {
    Uuid::parse_str(text).is_ok_and(|id| id.hyphenated().to_string() == text)
}
