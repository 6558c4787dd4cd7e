//! Keys for message authentication codes: nonces, blind indexes, tombstones, cache entries.

use std::fmt;

use ring::{hkdf, hmac};

/// An HMAC-SHA256 key for one issuer and one purpose, from [`crate::Keyring::derive`].
#[derive(Clone)]
pub struct MacKey(hmac::Key);

impl MacKey {
    /// Length of a tag in bytes.
    pub const TAG_LEN: usize = 32;

    pub(crate) fn new(okm: hkdf::Okm<'_, hmac::Algorithm>) -> Self {
        Self(hmac::Key::from(okm))
    }

    pub fn mac(&self, message: &[u8]) -> [u8; Self::TAG_LEN] {
        let mut bytes = [0; Self::TAG_LEN];
        bytes.copy_from_slice(hmac::sign(&self.0, message).as_ref());
        bytes
    }

    /// Compares in constant time. A cut tag does not match.
    pub fn verify(&self, message: &[u8], tag: &[u8]) -> bool {
        hmac::verify(&self.0, message, tag).is_ok()
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(redacted)")
    }
}
