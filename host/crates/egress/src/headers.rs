//! Headers that are the host's business, and how many may be sent.

use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderName, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};

/// Headers of one request, injected ones apart.
pub(crate) const MAX_REQUEST_HEADERS: usize = 64;
/// Bytes of their names and values.
pub(crate) const MAX_REQUEST_HEADER_BYTES: usize = 16 << 10;
/// Headers of one response.
pub(crate) const MAX_RESPONSE_HEADERS: usize = 128;
/// Bytes of a response's status line and headers.
pub(crate) const MAX_RESPONSE_HEAD_BYTES: usize = 32 << 10;

/// Whether a header speaks of the connection or of how a message is framed, rather than of the message.
pub(crate) fn is_reserved(name: &HeaderName) -> bool {
    is_hop_by_hop(name) || [HOST, CONTENT_LENGTH, EXPECT].contains(name)
}

/// Takes out what was meant for this host's connection alone.
pub(crate) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let names: Vec<HeaderName> = headers.keys().filter(|name| is_hop_by_hop(name)).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

/// The reason why these headers may not be sent.
pub(crate) fn check_request(headers: &HeaderMap) -> Result<(), String> {
    if let Some(name) = headers.keys().find(|name| is_reserved(name)) {
        return Err(format!("the header {name} is set by the host"));
    }
    if headers.len() > MAX_REQUEST_HEADERS {
        return Err(format!("more than {MAX_REQUEST_HEADERS} headers"));
    }
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if bytes > MAX_REQUEST_HEADER_BYTES {
        return Err(format!("headers of more than {MAX_REQUEST_HEADER_BYTES} bytes"));
    }
    Ok(())
}

fn is_hop_by_hop(name: &HeaderName) -> bool {
    [CONNECTION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE].contains(name)
        || matches!(name.as_str(), "keep-alive" | "http2-settings")
        || name.as_str().starts_with("proxy-")
}
