//! The one integration binary. `app` is the harness: the real router over a temporary store; `wallet` plays a
//! wallet whose every byte a test can bend; `server` runs the built binary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on should stop")]
#![allow(unreachable_pub, reason = "one binary: everything in it is its own")]
#![allow(clippy::disallowed_methods, reason = "tests may look at the system's clock")]

mod app;
mod server;
mod wallet;

mod access;
mod admin;
mod binary;
mod examples;
mod flow;
mod hostile_plugins;
mod hostile_proofs;
mod hostile_requests;
mod issuers;
mod judges;
mod pages;
mod tidy;
