//! The identity of the running call, for correlation with other systems.

use std::time::Duration;

use crate::bindings::chancery::host::trace;

/// The request id that the host logs and that the client also gets; empty while no request is at
/// hand.
pub fn request_id() -> String {
    trace::request_id()
}

/// The W3C `traceparent` header value to send to a data source, where the host traces this call.
pub fn traceparent() -> Option<String> {
    trace::traceparent()
}

/// Wall-clock time left for this call. The host ends the call when it is used up.
pub fn remaining() -> Duration {
    Duration::from_millis(trace::remaining_ms().into())
}
