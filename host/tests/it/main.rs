//! The one integration binary. `app` is the harness: the real router over a temporary store; `wallet` plays a
//! wallet whose every byte a test can bend; `server` runs the built binary; `load` is wallets on it, over and over;
//! `people` is a site whose data tells which generation of the plugin it came from; `sinks` is a host with audit
//! plugins that do what a test says; `upstream` is another issuer, and a host that passes its credentials on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on should stop")]
#![allow(unreachable_pub, reason = "one binary: everything in it is its own")]
#![allow(clippy::disallowed_methods, reason = "tests may look at the system's clock")]

mod app;
mod load;
mod people;
mod server;
mod sinks;
mod upstream;
mod wallet;

mod access;
mod admin;
mod audit;
mod audit_delivery;
mod audit_required;
mod bad_plugins;
mod binary;
mod data_integrity;
mod deferred;
mod examples;
mod flow;
mod hostile_plugins;
mod hostile_proofs;
mod hostile_requests;
mod issuers;
mod judges;
mod pages;
mod platform;
mod plugin_controls;
mod postgres;
mod proxy;
mod swap;
mod tidy;
