//! The one integration binary. `app` is the harness: the real router over a temporary store; `wallet` plays a
//! wallet whose every byte a test can bend; `server` runs the built binary; `load` is wallets on it, over and over;
//! `people` is a site whose data tells which generation of the plugin it came from; `sinks` is a host with audit
//! plugins that do what a test says; `upstream` is another issuer, and a host that passes its credentials on;
//! `backend` is an issuer's backend, which issues, reads, changes and deletes credentials; `schema` checks JSON;
//! `lists` is a host with small status lists, and a verifier.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on should stop")]
#![allow(unreachable_pub, reason = "one binary: everything in it is its own")]
#![allow(clippy::disallowed_methods, reason = "tests may look at the system's clock")]

mod app;
mod backend;
mod lists;
mod load;
mod people;
mod schema;
mod server;
mod sinks;
mod upstream;
mod wallet;

mod access;
mod admin;
mod audit;
mod audit_delivery;
mod audit_required;
mod author;
mod bad_plugins;
mod binary;
mod credential_cli;
mod credentials_api;
mod credentials_limits;
mod credentials_malformed;
mod credentials_page;
mod credentials_read;
mod data_integrity;
mod deferred;
mod examples;
mod flow;
mod handover;
mod hostile_plugins;
mod hostile_proofs;
mod hostile_requests;
mod issuers;
mod jobs;
mod judges;
mod openapi;
mod pages;
mod platform;
mod plugin_controls;
mod postgres;
mod proxy;
mod schemathesis;
mod status;
mod status_documents;
mod status_lists;
mod status_race;
mod swap;
mod tidy;
mod webhooks;
