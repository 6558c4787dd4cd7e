//! Chancery issues verifiable credentials from data that it does not own. The map, in the order to read:
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`app`] | what a process is made of, put together once |
//! | [`http`] | the route table, thin handlers, the one place of statuses |
//! | [`issuance`] | the use cases: offers, key proofs, the pipeline from data to recorded credential |
//! | [`jobs`] | many credentials asked for at once: kept, and worked through by whichever host is free |
//! | [`status`] | status lists: entries for credentials, publication, what verifiers read |
//! | [`oauth`] | the built-in authorization server: token endpoint, service clients |
//! | [`audit`] | events, written with the action they tell of |
//! | [`webhooks`] | the same events, told to issuers' backends |
//! | [`cli`] | one file a subcommand |
//! | [`kek`] | the file of the key-encryption key |
//! | [`plugins`] | the sandbox as this host sets it up |
//! | [`config`] | the operator's file, checked before a port opens |
//! | [`clock`], [`duration`], [`telemetry`] | time as a parameter, durations as text, logs |
//!
//! The crates beside it: `chancery-sandbox` runs plugins, `chancery-credential` makes credentials from claims,
//! `chancery-keys` signs and seals, `chancery-store` keeps.

pub mod app;
pub mod audit;
pub mod cli;
pub mod clock;
pub mod config;
pub mod duration;
pub mod http;
pub mod issuance;
pub mod jobs;
pub mod kek;
pub mod oauth;
pub mod plugins;
pub mod status;
pub mod telemetry;
pub mod webhooks;
