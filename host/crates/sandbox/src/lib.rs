//! Runs WASM plugins. The only crate that names wasmtime.
//!
//! A plugin is a component in the plugin directory, `<name>.wasm`, with an optional grant file
//! `<name>.toml` beside it. [`Sandbox`] finds it, takes it through the [`Stage`]s, and answers
//! calls ([`Sandbox::fetch`], [`issue`](Sandbox::issue), [`deliver`](Sandbox::deliver)) with it. A *generation* is one immutable triple of component, grant file and
//! content of the granted files; a change of any makes a new generation, and the former one serves
//! until the new one is active, unless it has a grant that was taken away.
//!
//! Reading order, from the outside in:
//!
//! * `options`, `ports`, `sandbox`, `request`, `answer` – what the host hands in, and the handle it works with
//! * `manager`, `directory`, `watch`, `registry`, `archive` – noticing changes and acting on them, in one task
//! * `grant`, `limits`, `quantity`, `trust` – what the operator allows
//! * `loader`, `contract`, `compile`, `cache`, `candidate` – from bytes to a generation
//! * `generation`, `kinds`, `breaker`, `pool`, `call`, `guest` – one call in its sandbox
//! * `capabilities`, `imports`, `wasi` – what a guest reaches
//! * `error`, `status`, `text` – what comes out
//! * `engine`, `bindings`, `versions` – wasmtime's set-up, the code generated from `wit/`, and older versions of it

mod answer;
mod archive;
mod bindings;
mod breaker;
mod cache;
mod call;
mod candidate;
mod capabilities;
mod compile;
mod contract;
mod directory;
mod engine;
mod error;
mod generation;
mod grant;
mod guest;
mod imports;
mod kinds;
mod limits;
mod loader;
mod manager;
mod options;
mod pool;
pub mod ports;
mod quantity;
mod registry;
mod request;
mod sandbox;
mod status;
mod text;
mod trust;
mod versions;
mod wasi;
mod watch;

pub use answer::{Attachment, Fetched, Issuance, IssuedCredential, Receipt, Ticket};
pub use breaker::BreakerState;
pub use compile::{CompileMode, compile_worker};
pub use error::{CallError, LimitKind, Message, StartError};
pub use grant::{
    HttpGrant, InjectedHeader, KvGrant, Networks, Parameter, Purpose, SignGrant, StatementGrant, Text, TlsGrant,
    check_grant, grant_reference, grant_warnings,
};
pub use limits::Limits;
pub use options::{Control, Controls, Held, SandboxOptions};
pub use request::{AuditEvent, AuditOutcome, Holder, PluginRequest, PollRequest};
pub use sandbox::Sandbox;
pub use status::{Calls, Instance, Kind, PluginStatus, Serving, Stage};
pub use text::printable;
pub use trust::{SignatureCheck, Trust};
pub use versions::{ContractVersion, Contracts};
