//! Outbound HTTP: one client through which everything leaves that the host sends, for plugins and for itself.
//!
//! What may be reached is decided twice: by name, against an allow-list of origins, and by address, against the ranges
//! that a [`Policy`] admits. A name is resolved once for each connection and the connection goes to an address of that
//! very answer, so a second, different answer changes nothing. Redirects are returned, not followed; no environment
//! variable names a proxy; nothing is decompressed.
//!
//! The only crate of the workspace that names an HTTP client or TLS. It knows neither plugins nor configuration files:
//! a policy is made of strings, numbers and bytes.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`policy`] | [`Policy`]: what one client may do, as plain data |
//! | [`client`] | [`Client`]: sends a request under a policy |
//! | [`rehearsal`] | [`Rehearsal`]: what a policy makes of a request, without sending it |
//! | [`shared`] | [`Egress`]: what all clients of the process share |
//! | [`resolve`] | [`Resolver`]: where addresses come from |
//! | [`roots`] | [`TrustRoots`]: the certificate authorities |
//! | [`error`] | [`EgressError`]: why there was no response |

mod address;
pub mod client;
mod connect;
pub mod error;
mod headers;
mod origin;
pub mod policy;
mod pool;
pub mod rehearsal;
pub mod resolve;
pub mod roots;
mod rules;
pub mod shared;
mod tls;

pub use client::Client;
pub use error::EgressError;
pub use policy::{ClientIdentity, HostTls, InjectedHeader, Networks, Policy, PolicyError, Secret};
pub use rehearsal::Rehearsal;
pub use resolve::{ResolveError, Resolver, SystemResolver};
pub use roots::TrustRoots;
pub use shared::{Egress, EgressOptions};
