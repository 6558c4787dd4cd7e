//! Signature algorithms by their JOSE names.

use std::fmt;

/// A signature algorithm that Chancery signs and verifies with.
///
/// The set is closed on purpose: `none` and the HMAC family cannot be written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256 (RFC 7518 §3.4).
    Es256,
    /// Ed25519 (RFC 8037).
    EdDsa,
}

impl Algorithm {
    /// Every algorithm, in order of preference.
    pub const ALL: [Self; 2] = [Self::Es256, Self::EdDsa];

    /// The name that is emitted: `ES256` or `EdDSA`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// Reads a configured or emitted name; aliases are not accepted.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }

    /// Reads a name as it may stand in a JWS of somebody else: the fully specified `Ed25519` of
    /// RFC 9864 means [`Algorithm::EdDsa`]. Whether the alias is welcome is decided by the
    /// allow-list given to [`crate::CompactJws::require_algorithm`].
    pub fn from_name_or_alias(name: &str) -> Option<Self> {
        match name {
            "Ed25519" => Some(Self::EdDsa),
            _ => Self::from_name(name),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_exact() {
        assert_eq!(Algorithm::from_name("ES256"), Some(Algorithm::Es256));
        for name in ["none", "None", "HS256", "es256", "Ed25519", "ES384", "RS256", ""] {
            assert_eq!(Algorithm::from_name(name), None, "{name}");
        }
        assert_eq!(Algorithm::from_name_or_alias("Ed25519"), Some(Algorithm::EdDsa));
        assert_eq!(Algorithm::from_name_or_alias("none"), None);
    }
}
