//! `chancery:host/secrets` and `reveal`: handles to secrets, and their values where that is granted.

use wasmtime::component::Resource;

use crate::bindings::host::reveal;
use crate::bindings::host::secrets::{Host, HostSecret, SecretError};
use crate::guest::Guest;
use crate::ports::Reader;

/// A handle: a name that the grant has.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Secret {
    name: String,
}

impl Host for Guest {
    async fn get(&mut self, name: String) -> wasmtime::Result<Result<Resource<Secret>, SecretError>> {
        let secrets = self.world.capabilities.secrets.as_ref();
        let Some(secrets) = secrets.filter(|secrets| secrets.grant.names.contains(&name)) else {
            return Ok(Err(SecretError::NotGranted));
        };
        if let Err(reason) = secrets.port.open(&name) {
            return Ok(Err(SecretError::Unavailable(reason)));
        }
        Ok(Ok(self.table.push(Secret { name })?))
    }
}

impl HostSecret for Guest {
    fn name(&mut self, secret: Resource<Secret>) -> wasmtime::Result<String> {
        Ok(self.table.get(&secret)?.name.clone())
    }

    fn drop(&mut self, secret: Resource<Secret>) -> wasmtime::Result<()> {
        self.table.delete(secret)?;
        Ok(())
    }
}

impl reveal::Host for Guest {
    /// The contract has no error here: a source that gives nothing any more ends the call.
    async fn reveal(&mut self, secret: Resource<Secret>) -> wasmtime::Result<Vec<u8>> {
        self.count_operation().map_err(wasmtime::Error::msg)?;
        let name = &self.table.get(&secret)?.name;
        let secrets = self.world.capabilities.secrets.as_ref();
        let secrets = secrets.filter(|secrets| secrets.grant.reveal && secrets.grant.names.contains(name));
        let secrets = secrets.ok_or_else(|| wasmtime::Error::msg("the secret is not granted"))?;
        let reader = Reader {
            plugin: self.world.plugin.to_string(),
            digest: self.world.digest.to_string(),
            kind: self.world.kind,
            issuer_id: self.context.issuer_id.clone(),
            request_id: self.context.request_id.clone(),
        };
        let value = self.cpu.during(secrets.port.reveal(name, &reader)).await;
        value.map_err(|reason| wasmtime::Error::msg(format!("the secret {name} is not available: {reason}")))
    }
}
