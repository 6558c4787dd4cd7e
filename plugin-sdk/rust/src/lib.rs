#![doc = include_str!("../README.md")]

mod adapter;
mod audit_sink;
pub mod clock;
pub mod config;
mod data_provider;
mod error;
#[cfg(feature = "files")]
pub mod files;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "journal")]
pub mod journal;
pub mod json;
#[cfg(feature = "kv")]
pub mod kv;
pub mod log;
mod plugin;
pub mod prepared;
pub mod quantity;
mod read_at;
mod request;
#[cfg(feature = "secrets")]
pub mod secrets;
#[cfg(feature = "sign")]
pub mod sign;
#[cfg(feature = "sql")]
pub mod sql;
pub mod template;
pub mod trace;
mod vc_issuer;

#[doc(hidden)]
pub mod bindings;

pub use audit_sink::{AuditSink, Event, Outcome, Receipt};
pub use data_provider::{Data, DataProvider};
pub use error::{Error, ErrorKind};
pub use plugin::{ConfigProblem, Description, Plugin};
pub use read_at::{MAX_READ, ReadAt, Reader};
pub use request::{Request, Subject};
pub use serde_json::{Map, Value, json};
pub use vc_issuer::{Credential, Holder, Issuance, PollRequest, Ticket, VcIssuer};

#[doc(hidden)]
pub use adapter::Adapter;
