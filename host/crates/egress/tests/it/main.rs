//! The client against real sockets of this machine.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod addresses;
mod limits;
mod names;
mod pool;
mod responses;
mod secrets;
mod server;
mod tls;
mod world;
