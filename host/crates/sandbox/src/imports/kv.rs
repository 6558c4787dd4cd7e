//! `chancery:host/kv`: a cache in a space of its own for each pair of issuer and plugin.

use std::time::Duration;

use crate::bindings::host::kv::{Host, KvError};
use crate::capabilities::Kv;
use crate::guest::Guest;
use crate::imports::size;

/// Bytes of a key; part of the contract in `wit/`.
const MAX_KEY: usize = 512;

impl Host for Guest {
    async fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<Vec<u8>>, KvError>> {
        Ok(match self.admitted(&key) {
            Ok(kv) => self.cpu.during(kv.store.get(&self.context.issuer_id, &key)).await,
            Err(error) => Err(error),
        })
    }

    async fn put(&mut self, key: String, value: Vec<u8>, ttl: Option<u64>) -> wasmtime::Result<Result<(), KvError>> {
        Ok(match self.admitted(&key) {
            Ok(kv) if size(&value) > kv.grant.value_max => Err(KvError::TooLarge(kv.grant.value_max)),
            Ok(kv) => {
                let longest = kv.grant.ttl_max;
                let ttl = ttl.map_or(longest, |ms| Duration::from_millis(ms).min(longest));
                self.cpu.during(kv.store.put(&self.context.issuer_id, &key, value, ttl)).await
            }
            Err(error) => Err(error),
        })
    }

    async fn delete(&mut self, key: String) -> wasmtime::Result<Result<(), KvError>> {
        Ok(match self.admitted(&key) {
            Ok(kv) => self.cpu.during(kv.store.delete(&self.context.issuer_id, &key)).await,
            Err(error) => Err(error),
        })
    }
}

impl Guest {
    fn admitted(&mut self, key: &str) -> Result<Kv, KvError> {
        if key.is_empty() || key.len() > MAX_KEY {
            return Err(KvError::BadKey);
        }
        let left = self.kv_operations_left.checked_sub(1);
        self.kv_operations_left =
            left.ok_or_else(|| KvError::Unavailable("the call has used up limits.kv_operations".to_owned()))?;
        // Linked only where it is granted.
        self.world.capabilities.kv.clone().ok_or_else(|| KvError::Unavailable("not granted".to_owned()))
    }
}
