//! The sandbox from the outside: the contract, loading, hot reload, and guests that misbehave.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod bombs;
mod capability;
mod capture;
mod clock;
mod contract;
mod hostile;
mod kinds;
mod minimal;
mod odd;
mod plugins;
mod ports;
mod reload;
mod shapes;
mod stages;
mod supervision;
mod support;
mod trust;
mod versions;
mod warm;
