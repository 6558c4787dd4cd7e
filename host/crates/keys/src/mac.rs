//! Keys for message authentication codes: nonces, blind indexes, tombstones, cache entries.

use std::fmt;

use ring::{hkdf, hmac};

/// An HMAC-SHA256 key: derived for one issuer and one purpose by [`crate::Keyring::derive`], or shared with somebody
/// else, as webhooks need it.
#[derive(Clone)]
pub struct MacKey(hmac::Key);

/// A shared secret was not accepted as a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a MAC key has {} to {} bytes", MacKey::MIN_LEN, MacKey::MAX_LEN)]
pub struct MacKeyError;

impl MacKey {
    /// Length of a tag in bytes.
    pub const TAG_LEN: usize = 32;

    /// Bounds of an imported key in bytes. Shorter ones could be guessed.
    pub const MIN_LEN: usize = 16;
    pub const MAX_LEN: usize = 4096;

    /// Takes a shared secret, byte for byte.
    pub fn from_bytes(secret: &[u8]) -> Result<Self, MacKeyError> {
        if !(Self::MIN_LEN..=Self::MAX_LEN).contains(&secret.len()) {
            return Err(MacKeyError);
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, secret)))
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_imported_key_gives_the_tags_of_rfc_4231() {
        // Test case 3: a key of 20 bytes.
        let tag = MacKey::from_bytes(&[0xaa; 20]).unwrap().mac(&[0xdd; 50]);
        let hex = tag.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        assert_eq!(hex, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    }

    #[test]
    fn lengths_are_bounded() {
        for length in [MacKey::MIN_LEN, MacKey::MAX_LEN] {
            assert!(MacKey::from_bytes(&vec![1; length]).is_ok(), "{length}");
        }
        for length in [0, MacKey::MIN_LEN - 1, MacKey::MAX_LEN + 1] {
            assert_eq!(MacKey::from_bytes(&vec![1; length]).unwrap_err(), MacKeyError, "{length}");
        }
        assert_eq!(MacKeyError.to_string(), "a MAC key has 16 to 4096 bytes");
    }

    #[test]
    fn debug_is_redacted() {
        assert_eq!(format!("{:?}", MacKey::from_bytes(&[7; 32]).unwrap()), "MacKey(redacted)");
    }
}
