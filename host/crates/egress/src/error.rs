//! Why a request got no response, with what may be shown kept apart from what is for the operator.

use std::error::Error;
use std::io;

use tokio_rustls::rustls;

/// Why there is no response. `Display` may be shown to whoever sent the request; [`EgressError::detail`] names addresses
/// and is for the operator's log. Neither holds a header's value or a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    /// The policy does not let this request out.
    #[error("the request is not allowed: {reason}")]
    Denied {
        /// What is wrong with it.
        reason: String,
        /// Which rule, which address.
        detail: String,
    },
    /// The name has no address, or the name service does not answer.
    #[error("the name cannot be resolved")]
    Dns {
        /// What the resolver said.
        detail: String,
    },
    /// No address of the host takes a connection.
    #[error("the host takes no connection")]
    Connect {
        /// Each address that was tried, and what the system said.
        detail: String,
    },
    /// No connection, TLS included, within the time for it.
    #[error("the host does not answer the connection in time")]
    ConnectTimeout {
        /// Which host, which limit.
        detail: String,
    },
    /// The response was not complete within the time for the whole request.
    #[error("the response did not come in time")]
    Timeout {
        /// Which host, which limit.
        detail: String,
    },
    /// One of both sides does not accept the other's certificate, or they have no version in common.
    #[error("no trusted TLS connection can be made")]
    Tls {
        /// What TLS said.
        detail: String,
    },
    /// The request's body is larger than allowed.
    #[error("the request is larger than {limit} bytes")]
    RequestTooLarge {
        /// Bytes that are allowed.
        limit: u64,
    },
    /// The response's body is larger than allowed.
    #[error("the response is larger than {limit} bytes")]
    ResponseTooLarge {
        /// Bytes that are allowed.
        limit: u64,
    },
    /// What came back is not HTTP, breaks off, or has a head beyond the limits.
    #[error("the host does not answer in proper HTTP")]
    Protocol {
        /// What was wrong with it.
        detail: String,
    },
    /// Too many requests are under way.
    #[error("too many requests are under way")]
    Busy {
        /// Which limit.
        detail: String,
    },
}

impl EgressError {
    /// What only the operator may see; empty where the public text says everything.
    pub fn detail(&self) -> &str {
        match self {
            Self::Denied { detail, .. }
            | Self::Dns { detail }
            | Self::Connect { detail }
            | Self::ConnectTimeout { detail }
            | Self::Timeout { detail }
            | Self::Tls { detail }
            | Self::Protocol { detail }
            | Self::Busy { detail } => detail,
            Self::RequestTooLarge { .. } | Self::ResponseTooLarge { .. } => "",
        }
    }

    /// A refusal whose reason says everything.
    pub(crate) fn denied(reason: impl Into<String>) -> Self {
        Self::Denied { reason: reason.into(), detail: String::new() }
    }
}

/// What went wrong on a connection that stood. With TLS 1.3 a server refuses a client's certificate only after the
/// handshake, so a TLS alert may come out of a read.
impl From<&hyper::Error> for EgressError {
    fn from(error: &hyper::Error) -> Self {
        let detail = chain(error);
        let mut cause = error.source();
        while let Some(current) = cause {
            if current.downcast_ref::<io::Error>().is_some_and(is_tls) {
                return Self::Tls { detail };
            }
            cause = current.source();
        }
        Self::Protocol { detail }
    }
}

/// An error and what caused it, on one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(current) = cause {
        text.push_str(": ");
        text.push_str(&current.to_string());
        cause = current.source();
    }
    text
}

fn is_tls(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn Error + Send + Sync>::is::<rustls::Error>)
}
