//! `chancery:host/config`: the `[config]` table of the grant file.

use serde_json::Value;

use crate::bindings::host::config::Host;
use crate::guest::Guest;

impl Host for Guest {
    fn get(&mut self, key: String) -> wasmtime::Result<Option<String>> {
        let value = self.world.config.get(&key);
        Ok(value.map(|value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }))
    }

    fn all(&mut self) -> wasmtime::Result<String> {
        Ok(serde_json::to_string(&*self.world.config)?)
    }
}
