//! The key-value caches of plugins, in this process's memory: what is lost costs time only.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chancery_sandbox::KvGrant;
use chancery_sandbox::ports::{KvError, KvPort, KvStore};

/// Bytes of all values of one issuer and plugin.
const MAX_SPACE_BYTES: usize = 16 << 20;

/// All plugins' caches. A new generation of a plugin goes on with the cache of the former one.
pub(super) struct Caches {
    of_plugins: Mutex<HashMap<String, Arc<Mutex<Spaces>>>>,
}

/// A plugin's values, one space for each issuer.
type Spaces = HashMap<String, Space>;

#[derive(Default)]
struct Space {
    values: HashMap<String, Entry>,
    /// By end of life, so that making room never looks at all values. The number tells entries of one moment apart.
    ends: BTreeMap<(Instant, u64), String>,
    next: u64,
    /// Of all values together.
    bytes: usize,
}

struct Entry {
    value: Vec<u8>,
    end: (Instant, u64),
}

/// One generation's view.
struct Granted {
    spaces: Arc<Mutex<Spaces>>,
    entries: usize,
}

impl Caches {
    pub(super) fn new() -> Self {
        Self { of_plugins: Mutex::new(HashMap::new()) }
    }
}

impl KvPort for Caches {
    fn open(&self, plugin: &str, grant: &KvGrant) -> Result<Arc<dyn KvStore>, String> {
        let mut plugins = self.of_plugins.lock().unwrap_or_else(PoisonError::into_inner);
        let spaces = plugins.entry(plugin.to_owned()).or_default().clone();
        Ok(Arc::new(Granted { spaces, entries: usize::try_from(grant.entries).unwrap_or(usize::MAX) }))
    }
}

#[async_trait]
impl KvStore for Granted {
    async fn get(&self, issuer: &str, key: &str) -> Result<Option<Vec<u8>>, KvError> {
        let spaces = self.spaces();
        let entry = spaces.get(issuer).and_then(|space| space.values.get(key));
        Ok(entry.filter(|entry| entry.end.0 > Instant::now()).map(|entry| entry.value.clone()))
    }

    async fn put(&self, issuer: &str, key: &str, value: Vec<u8>, ttl: Duration) -> Result<(), KvError> {
        let now = Instant::now();
        self.spaces().entry(issuer.to_owned()).or_default().put(key, value, now, now + ttl, self.entries);
        Ok(())
    }

    async fn delete(&self, issuer: &str, key: &str) -> Result<(), KvError> {
        if let Some(space) = self.spaces().get_mut(issuer) {
            space.remove(key);
        }
        Ok(())
    }
}

impl Granted {
    fn spaces(&self) -> MutexGuard<'_, Spaces> {
        self.spaces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Space {
    /// What has ended goes; where that is not enough, what would end first.
    fn put(&mut self, key: &str, value: Vec<u8>, now: Instant, until: Instant, most: usize) {
        self.remove(key);
        while let Some(first) = self.ends.first_entry() {
            let fits = self.values.len() < most && self.bytes + value.len() <= MAX_SPACE_BYTES;
            if first.key().0 > now && fits {
                break;
            }
            let gone = self.values.remove(&first.remove());
            self.bytes -= gone.map_or(0, |entry| entry.value.len());
        }
        self.next += 1;
        self.bytes += value.len();
        let end = (until, self.next);
        self.ends.insert(end, key.to_owned());
        self.values.insert(key.to_owned(), Entry { value, end });
    }

    fn remove(&mut self, key: &str) {
        if let Some(entry) = self.values.remove(key) {
            self.ends.remove(&entry.end);
            self.bytes -= entry.value.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn room_is_made_by_what_ends_first() {
        let (mut space, now) = (Space::default(), Instant::now());
        for (key, hours) in [("b", 2), ("a", 1), ("c", 3)] {
            space.put(key, vec![], now, now + HOUR * hours, 2);
        }
        let mut keys: Vec<&String> = space.values.keys().collect();
        keys.sort();
        assert_eq!(keys, ["b", "c"]);
        assert_eq!(space.ends.len(), 2);
    }

    #[test]
    fn what_has_ended_goes_at_the_next_write() {
        let (mut space, now) = (Space::default(), Instant::now());
        space.put("a", vec![], now, now + HOUR, 10);
        space.put("a", vec![1], now, now + HOUR, 10);
        space.put("b", vec![], now + HOUR * 2, now + HOUR * 3, 10);
        assert_eq!(space.values.len(), 1);
        assert_eq!(space.ends.len(), 1);
    }

    #[test]
    fn bytes_are_counted() {
        let (mut space, now) = (Space::default(), Instant::now());
        for key in ["a", "b", "c"] {
            space.put(key, vec![0; MAX_SPACE_BYTES / 2], now, now + HOUR, 10);
        }
        assert_eq!((space.values.len(), space.bytes), (2, MAX_SPACE_BYTES));
        space.remove("c");
        space.remove("b");
        assert_eq!((space.values.len(), space.bytes), (0, 0));
    }

    #[tokio::test]
    async fn issuers_and_plugins_do_not_meet() {
        let caches = Caches::new();
        let grant = KvGrant { value_max: 10, ttl_max: HOUR, entries: 10 };
        let (one, other) = (caches.open("one", &grant).unwrap(), caches.open("other", &grant).unwrap());
        one.put("i", "k", vec![1], HOUR).await.unwrap();
        assert_eq!(one.get("i", "k").await.unwrap(), Some(vec![1]));
        assert_eq!(caches.open("one", &grant).unwrap().get("i", "k").await.unwrap(), Some(vec![1]));
        assert_eq!(one.get("j", "k").await.unwrap(), None);
        assert_eq!(other.get("i", "k").await.unwrap(), None);
        one.put("i", "gone", vec![1], Duration::ZERO).await.unwrap();
        assert_eq!(one.get("i", "gone").await.unwrap(), None);
        one.delete("i", "k").await.unwrap();
        assert_eq!(one.get("i", "k").await.unwrap(), None);
    }
}
