//! `chancery:host/sign`: each key signs what its purpose allows, and nothing else.

use std::sync::Arc;

use crate::bindings::host::sign::{Host, SignError};
use crate::grant::Purpose;
use crate::guest::Guest;
use crate::ports::SignKey;

/// Bytes of the inputs; part of the contract in `wit/`.
const MAX_CLAIMS: usize = 16 << 10;
const MAX_MESSAGE: usize = 1 << 20;

impl Host for Guest {
    async fn jwt(&mut self, key: String, claims: String) -> wasmtime::Result<Result<String, SignError>> {
        Ok(match self.key(&key, Purpose::Jwt, claims.len(), MAX_CLAIMS) {
            Ok(key) => self.cpu.during(key.jwt(&claims)).await,
            Err(error) => Err(error),
        })
    }

    async fn detached_jws(&mut self, key: String, payload: Vec<u8>) -> wasmtime::Result<Result<String, SignError>> {
        Ok(match self.key(&key, Purpose::DetachedJws, payload.len(), MAX_MESSAGE) {
            Ok(key) => self.cpu.during(key.detached_jws(&payload)).await,
            Err(error) => Err(error),
        })
    }

    async fn mac(&mut self, key: String, message: Vec<u8>) -> wasmtime::Result<Result<Vec<u8>, SignError>> {
        Ok(match self.key(&key, Purpose::Mac, message.len(), MAX_MESSAGE) {
            Ok(key) => self.cpu.during(key.mac(&message)).await,
            Err(error) => Err(error),
        })
    }
}

impl Guest {
    fn key(&mut self, name: &str, purpose: Purpose, bytes: usize, limit: usize) -> Result<Arc<dyn SignKey>, SignError> {
        let operation = self.count_operation();
        let key = self.world.capabilities.sign.get(name).ok_or(SignError::NotGranted)?;
        if key.purpose != purpose {
            return Err(SignError::WrongPurpose(key.purpose.to_string()));
        }
        if bytes > limit {
            return Err(SignError::BadInput(format!("{bytes} bytes, the limit is {limit}")));
        }
        operation.map_err(SignError::Unavailable)?;
        Ok(key.key.clone())
    }
}
