#![doc = include_str!("../README.md")]

mod adapter;
pub mod config;
mod data_provider;
mod error;
#[cfg(feature = "files")]
pub mod files;
pub mod log;
pub mod prepared;
mod read_at;
pub mod trace;

#[doc(hidden)]
pub mod bindings;

pub use data_provider::{ConfigProblem, Data, DataProvider, Description, Request, Subject};
pub use error::{Error, ErrorKind};
pub use read_at::{MAX_READ, ReadAt, Reader};
pub use serde_json::{Map, Value, json};

#[doc(hidden)]
pub use adapter::Adapter;
