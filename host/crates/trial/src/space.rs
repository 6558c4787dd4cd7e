//! The cache of a case, with the limits of the real one.

use std::collections::BTreeMap;
use std::time::Duration;

/// Bytes of all values, as hosts keep them for one issuer and plugin.
const MAX_BYTES: usize = 16 << 20;

/// Values by key. The case's clock stands still, so that a value ends at once or never; which one makes room for
/// another goes by when it would end, as in the real cache.
#[derive(Debug, Default)]
pub(crate) struct Space {
    values: BTreeMap<String, Kept>,
    puts: u64,
}

#[derive(Debug)]
struct Kept {
    value: Vec<u8>,
    /// The number tells values of one moment apart.
    end: (Duration, u64),
}

impl Space {
    /// With what a case begins with. It was there before, and makes room first.
    pub(crate) fn holding(kv: &BTreeMap<String, String>) -> Self {
        let mut space = Self::default();
        for (key, value) in kv {
            space.insert(key, value.clone().into_bytes(), Duration::ZERO);
        }
        space
    }

    pub(crate) fn get(&self, key: &str) -> Option<&[u8]> {
        self.values.get(key).map(|kept| &*kept.value)
    }

    /// Keeps a value, and at most `entries` of them. Answers the keys that made room.
    pub(crate) fn put(&mut self, key: &str, value: Vec<u8>, ttl: Duration, entries: usize) -> Vec<String> {
        self.remove(key);
        let mut gone = Vec::new();
        while self.values.len() >= entries || self.bytes() + value.len() > MAX_BYTES {
            let first = self.values.iter().min_by_key(|(_, kept)| kept.end);
            let Some(first) = first.map(|(key, _)| key.clone()) else { break };
            self.remove(&first);
            gone.push(first);
        }
        if !ttl.is_zero() {
            self.insert(key, value, ttl);
        }
        gone
    }

    pub(crate) fn remove(&mut self, key: &str) {
        self.values.remove(key);
    }

    /// What is there in the end.
    pub(crate) fn into_values(self) -> BTreeMap<String, Vec<u8>> {
        self.values.into_iter().map(|(key, kept)| (key, kept.value)).collect()
    }

    fn insert(&mut self, key: &str, value: Vec<u8>, ttl: Duration) {
        self.puts += 1;
        self.values.insert(key.to_owned(), Kept { value, end: (ttl, self.puts) });
    }

    fn bytes(&self) -> usize {
        self.values.values().map(|kept| kept.value.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn keys(space: Space) -> Vec<String> {
        space.into_values().into_keys().collect()
    }

    #[test]
    fn room_is_made_by_what_was_there_and_then_by_what_ends_first() {
        let mut space = Space::holding(&BTreeMap::from([("old".to_owned(), "1".to_owned())]));
        assert_eq!(space.put("long", vec![], MINUTE * 2, 2), Vec::<String>::new());
        assert_eq!(space.put("short", vec![], MINUTE, 2), ["old"]);
        assert_eq!(space.put("long", vec![1], MINUTE * 3, 2), Vec::<String>::new(), "a key takes no second place");
        assert_eq!(space.put("new", vec![], MINUTE, 2), ["short"]);
        assert_eq!(space.get("long"), Some(&[1][..]));
        assert_eq!(keys(space), ["long", "new"]);
    }

    #[test]
    fn bytes_are_counted_and_what_ends_at_once_is_not_there() {
        let mut space = Space::default();
        space.put("a", vec![0; MAX_BYTES], MINUTE, 9);
        assert_eq!(space.put("b", vec![0], MINUTE, 9), ["a"]);
        assert_eq!(space.put("b", vec![0], Duration::ZERO, 9), Vec::<String>::new());
        assert_eq!(space.get("b"), None);
        assert_eq!(keys(space), Vec::<String>::new());
    }
}
