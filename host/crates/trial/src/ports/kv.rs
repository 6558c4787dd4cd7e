//! The cache: of one case, so that issuers cannot meet.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chancery_sandbox::KvGrant;
use chancery_sandbox::ports::{KvError, KvPort, KvStore};

use crate::stage::Stage;

pub(super) struct Cache(pub(super) Arc<Stage>);

struct Granted {
    stage: Arc<Stage>,
    entries: usize,
}

impl KvPort for Cache {
    fn open(&self, _: &str, grant: &KvGrant) -> Result<Arc<dyn KvStore>, String> {
        let entries = usize::try_from(grant.entries).unwrap_or(usize::MAX);
        Ok(Arc::new(Granted { stage: Arc::clone(&self.0), entries }))
    }
}

#[async_trait]
impl KvStore for Granted {
    async fn get(&self, _: &str, key: &str) -> Result<Option<Vec<u8>>, KvError> {
        Ok(self.stage.get(key))
    }

    async fn put(&self, _: &str, key: &str, value: Vec<u8>, ttl: Duration) -> Result<(), KvError> {
        self.stage.put(key, value, ttl, self.entries);
        Ok(())
    }

    async fn delete(&self, _: &str, key: &str) -> Result<(), KvError> {
        self.stage.remove(key);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn as_much_is_kept_as_the_grant_says() {
        let stage = Arc::new(Stage::default());
        let minute = Duration::from_mins(1);
        let grant = KvGrant { value_max: 9, ttl_max: minute, entries: 2 };
        let store = Cache(Arc::clone(&stage)).open("p", &grant).unwrap();
        for key in ["a", "b", "c"] {
            store.put("i", key, vec![1], minute).await.unwrap();
        }
        assert_eq!(store.get("i", "a").await.unwrap(), None);
        store.delete("i", "b").await.unwrap();
        let played = stage.end();
        assert_eq!(played.kv.into_keys().collect::<Vec<_>>(), ["c"]);
        assert_eq!(
            played.notes,
            ["the cache is full: a made room for c (grants.kv.entries = 2, and 16 MiB of values)"]
        );
    }
}
