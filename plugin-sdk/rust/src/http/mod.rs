//! HTTP requests to the hosts that the operator granted (feature `http`).
//!
//! The host makes the connection, checks the address, adds the headers of the grant's `inject` and
//! follows no redirects. Bodies are whole: the grant's `request_max` and `response_max` bound them.
//!
//! ```no_run
//! # use std::time::Duration;
//! # use chancery_plugin_sdk::{Error, http::{Request, Url}};
//! # fn fetch() -> Result<(), Error> {
//! let url = Url::parse("https://registry.example/v1/people/7").map_err(Error::misconfigured)?;
//! let response = Request::get(url).header("accept", "application/json").send(Duration::from_secs(3))?;
//! let person = response.json()?;
//! # Ok(())
//! # }
//! ```

mod error;
mod message;
mod retry_after;
mod url;
mod wire;

pub use error::{HttpError, HttpErrorKind};
pub use message::{Method, Request, Response};
pub use url::{Url, encode};
