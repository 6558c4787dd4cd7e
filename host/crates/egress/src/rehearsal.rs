//! What a policy makes of a request, without sending it: for tests of what sends requests.

use bytes::Bytes;
use http::Request;

use crate::error::EgressError;
use crate::policy::{Policy, PolicyError};
use crate::rules::Rules;

/// The part of a [`Client`](crate::Client) that needs no network: the allow-list, the rules for requests, and the
/// headers that the host adds. Certificates are not read, since there is no connection.
#[derive(Debug)]
pub struct Rehearsal(Rules);

impl Rehearsal {
    /// Refuses what a client would refuse, but for its certificates.
    pub fn new(policy: &Policy) -> Result<Self, PolicyError> {
        Rules::without_tls(policy).map(Self)
    }

    /// The request as it would leave, at its absolute URL.
    pub fn admit(&self, request: Request<Bytes>) -> Result<Request<Bytes>, EgressError> {
        let (url, body) = (request.uri().clone(), request.body().clone());
        let (mut parts, _) = self.0.admit(request)?.request.into_parts();
        parts.uri = url;
        Ok(Request::from_parts(parts, body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{InjectedHeader, Secret};

    fn rehearsal() -> Rehearsal {
        let mut policy = Policy::new(["https://registry.example"]);
        policy.inject.push(InjectedHeader {
            host: "registry.example".to_owned(),
            header: "x-api-key".to_owned(),
            value: Secret::new("k"),
        });
        Rehearsal::new(&policy).unwrap()
    }

    fn request(url: &str) -> Request<Bytes> {
        Request::post(url).header("accept", "*/*").body(Bytes::from_static(b"body")).unwrap()
    }

    #[test]
    fn a_request_leaves_as_a_client_would_send_it() {
        let admitted = rehearsal().admit(request("https://registry.example/a?b=c")).unwrap();
        assert_eq!(admitted.uri(), "https://registry.example/a?b=c");
        assert_eq!(admitted.headers()["x-api-key"], "k");
        assert_eq!(admitted.headers()["accept"], "*/*");
        assert_eq!(admitted.body(), "body");
    }

    #[test]
    fn what_a_client_refuses_is_refused() {
        let refused = |request| matches!(rehearsal().admit(request), Err(EgressError::Denied { .. }));
        assert!(refused(request("https://other.example/")));
        assert!(refused(request("http://registry.example/")));
        let mut own = request("https://registry.example/");
        own.headers_mut().insert("x-api-key", http::HeaderValue::from_static("mine"));
        assert!(refused(own));
        assert!(Rehearsal::new(&Policy::new(["registry.example"])).is_err());
    }
}
