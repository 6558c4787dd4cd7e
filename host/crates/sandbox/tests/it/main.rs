//! The sandbox from the outside: the contract, loading, hot reload, and guests that misbehave.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod capture;
mod contract;
mod hostile;
mod odd;
mod plugins;
mod reload;
mod stages;
mod support;
