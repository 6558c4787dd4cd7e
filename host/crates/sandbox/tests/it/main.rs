//! The sandbox from the outside: the contract, loading, hot reload, and guests that misbehave.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod contract;
mod dummy;
mod hostile;
mod reload;
mod stages;
mod support;
