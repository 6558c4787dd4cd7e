//! Runs WASM plugins. The only crate that names wasmtime.
//!
//! A plugin is a component in the plugin directory, `<name>.wasm`, with an optional grant file
//! `<name>.toml` beside it. [`Sandbox`] finds it, takes it through the [`Stage`]s, and answers
//! [`Sandbox::fetch`] with it. A *generation* is one immutable triple of component, grant file and
//! content of the granted files; a change of any makes a new generation, and the former one serves
//! until the new one is active.
//!
//! Reading order, from the outside in:
//!
//! * `options`, `sandbox` – what the host hands in, and the handle it works with
//! * `manager`, `directory`, `watch`, `registry` – noticing changes and acting on them, in one task
//! * `grant`, `limits` – what the operator allows
//! * `loader`, `contract`, `compile`, `cache` – from bytes to a generation
//! * `generation`, `call`, `guest`, `imports`, `wasi` – one call in a fresh sandbox
//! * `answer`, `error`, `status`, `text` – what comes out
//! * `engine`, `bindings` – wasmtime's set-up, and the code generated from `wit/`

mod answer;
mod bindings;
mod cache;
mod call;
mod compile;
mod contract;
mod directory;
mod engine;
mod error;
mod generation;
mod grant;
mod guest;
mod imports;
mod limits;
mod loader;
mod manager;
mod options;
mod registry;
mod sandbox;
mod status;
mod text;
mod wasi;
mod watch;

pub use answer::{Attachment, Fetched};
pub use compile::{CompileMode, compile_worker};
pub use error::{CallError, LimitKind, Message, StartError};
pub use limits::Limits;
pub use options::SandboxOptions;
pub use sandbox::{FetchRequest, Sandbox};
pub use status::{Calls, Kind, PluginStatus, Serving, Stage};
