//! Why there is no response.

use std::fmt;

use crate::{Error, ErrorKind};

/// What kind of failure it is, as wasi:http tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpErrorKind {
    /// The grant does not allow the destination, what its name resolves to, or as many requests.
    Denied,
    /// The name cannot be resolved.
    Dns,
    /// No connection, or it broke.
    Connection,
    /// No connection in time.
    ConnectionTimeout,
    /// No answer in time.
    ResponseTimeout,
    /// The other side is not who it should be, or its TLS does not fit ours.
    Tls,
    /// The request exceeds the grant's `request_max`.
    RequestTooLarge,
    /// The answer exceeds the grant's `response_max`.
    ResponseTooLarge,
    /// The request cannot be sent as it is: a header or the URL is not valid.
    BadRequest,
    /// What came back is not HTTP, or not what was expected of it.
    Protocol,
    /// The host could not do it.
    Internal,
}

/// A request without a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpError {
    kind: HttpErrorKind,
    detail: String,
}

impl HttpError {
    /// `detail` is for the operator: it must not quote a body.
    pub fn new(kind: HttpErrorKind, detail: impl fmt::Display) -> Self {
        Self { kind, detail: detail.to_string() }
    }

    pub fn kind(&self) -> HttpErrorKind {
        self.kind
    }

    /// Whether the same request may succeed a moment later.
    pub fn may_pass(&self) -> bool {
        use HttpErrorKind::{Connection, ConnectionTimeout, Dns, Internal, Protocol, ResponseTimeout};

        matches!(self.kind, Dns | Connection | ConnectionTimeout | ResponseTimeout | Protocol | Internal)
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            HttpErrorKind::Denied => {
                "the grant does not allow this destination (allow, networks of [grants.http]), \
                 or the call has used up http_requests of [limits]"
            }
            HttpErrorKind::Dns => "the name cannot be resolved",
            HttpErrorKind::Connection => "no connection",
            HttpErrorKind::ConnectionTimeout => "no connection in time",
            HttpErrorKind::ResponseTimeout => "no answer in time",
            HttpErrorKind::Tls => "no secure connection",
            HttpErrorKind::RequestTooLarge => "the request exceeds request_max of [grants.http]",
            HttpErrorKind::ResponseTooLarge => "the answer exceeds response_max of [grants.http]",
            HttpErrorKind::BadRequest => "the request cannot be sent",
            HttpErrorKind::Protocol => "the answer cannot be understood",
            HttpErrorKind::Internal => "the host cannot send requests",
        };
        if self.detail.is_empty() { f.write_str(what) } else { write!(f, "{what}: {}", self.detail) }
    }
}

impl std::error::Error for HttpError {}

impl From<HttpError> for Error {
    fn from(error: HttpError) -> Self {
        let kind = match error.kind {
            _ if error.may_pass() => ErrorKind::Unavailable,
            HttpErrorKind::BadRequest => ErrorKind::Internal,
            _ => ErrorKind::Misconfigured,
        };
        let message = match kind {
            ErrorKind::Unavailable => "The data source does not answer at the moment.",
            _ => "The data source cannot be used.",
        };
        Self::new(kind, message).with_detail(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_sorted_by_who_can_mend_them() {
        let kind = |kind| Error::from(HttpError::new(kind, "x")).kind();
        for passing in [
            HttpErrorKind::Dns,
            HttpErrorKind::Connection,
            HttpErrorKind::ConnectionTimeout,
            HttpErrorKind::ResponseTimeout,
            HttpErrorKind::Protocol,
            HttpErrorKind::Internal,
        ] {
            assert_eq!(kind(passing), ErrorKind::Unavailable, "{passing:?}");
        }
        for lasting in
            [HttpErrorKind::Denied, HttpErrorKind::Tls, HttpErrorKind::RequestTooLarge, HttpErrorKind::ResponseTooLarge]
        {
            assert_eq!(kind(lasting), ErrorKind::Misconfigured, "{lasting:?}");
        }
        assert_eq!(kind(HttpErrorKind::BadRequest), ErrorKind::Internal);
    }

    #[test]
    fn the_destination_is_told_to_the_operator_alone() {
        let error = Error::from(HttpError::new(HttpErrorKind::Denied, "https://10.0.0.7"));
        assert!(!error.message().contains("10.0.0.7"));
        let detail = error.detail().unwrap();
        assert!(detail.contains("[grants.http]") && detail.contains("http_requests of [limits]"), "{detail}");
        assert!(detail.ends_with(": https://10.0.0.7"));
    }
}
