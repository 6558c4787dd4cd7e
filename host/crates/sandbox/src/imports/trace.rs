//! `chancery:host/trace`: the identity of the running call.

use std::time::Instant;

use crate::bindings::host::trace::Host;
use crate::guest::Guest;

impl Host for Guest {
    fn request_id(&mut self) -> wasmtime::Result<String> {
        Ok(self.context.request_id.clone())
    }

    fn traceparent(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(self.context.traceparent.clone())
    }

    fn remaining_ms(&mut self) -> wasmtime::Result<u32> {
        let left = self.context.deadline.saturating_duration_since(Instant::now());
        Ok(u32::try_from(left.as_millis()).unwrap_or(u32::MAX))
    }
}
