//! Signing keys.

use std::fmt;

use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use zeroize::Zeroizing;

use crate::{Algorithm, PublicKey, SystemEntropy, pem};

/// A private key somewhere: in memory, in an HSM, at a key service. Asynchronous because the latter
/// two answer over a wire; the software backend never waits.
#[async_trait::async_trait]
pub trait Signer: fmt::Debug + Send + Sync {
    /// The key's name in JWKS and DID document. It never changes, certificates or not.
    fn key_id(&self) -> &str;

    fn public_key(&self) -> &PublicKey;

    fn algorithm(&self) -> Algorithm {
        self.public_key().algorithm()
    }

    /// Signs the message itself (never a digest of it). The result has the JOSE form: `r ‖ s` for
    /// ES256, the 64 bytes of RFC 8032 for EdDSA.
    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError>;
}

/// A signature was not made.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the signing key is not available")]
pub struct SignError {
    /// For the log only: names the backend and its complaint.
    pub detail: String,
}

/// A private key was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SoftwareKeyError {
    #[error("not a PKCS#8 private key of the named algorithm")]
    NotPkcs8,
    #[error("not one PEM block with the label PRIVATE KEY, of at most {} bytes", pem::MAX_PEM_LEN)]
    NotPem,
    #[error("the system's random number generator failed")]
    Entropy,
}

/// A private key in this process's memory, backed by ring.
pub struct SoftwareKey {
    key_id: String,
    public_key: PublicKey,
    pair: KeyPair,
}

enum KeyPair {
    /// With the generator of the per-signature nonces; ring takes no other randomness for them.
    Es256(Box<EcdsaKeyPair>, SystemEntropy),
    EdDsa(Ed25519KeyPair),
}

impl SoftwareKey {
    /// Makes a new private key as PKCS#8, wiped when dropped. It takes the system's generator and no
    /// other [`crate::Entropy`]: ring makes key pairs from nothing else.
    pub fn generate_pkcs8(
        algorithm: Algorithm,
        entropy: &SystemEntropy,
    ) -> Result<Zeroizing<Vec<u8>>, SoftwareKeyError> {
        let document = match algorithm {
            Algorithm::Es256 => EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, entropy.ring()),
            Algorithm::EdDsa => Ed25519KeyPair::generate_pkcs8(entropy.ring()),
        };
        let document = document.map_err(|_| SoftwareKeyError::Entropy)?;
        Ok(Zeroizing::new(document.as_ref().to_vec()))
    }

    /// Loads a PKCS#8 private key. The key id is the RFC 7638 thumbprint until
    /// [`SoftwareKey::with_key_id`] says otherwise.
    pub fn from_pkcs8(algorithm: Algorithm, pkcs8: &[u8]) -> Result<Self, SoftwareKeyError> {
        let refused = |_| SoftwareKeyError::NotPkcs8;
        let (pair, public_key) = match algorithm {
            Algorithm::Es256 => {
                let entropy = SystemEntropy::new();
                let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
                let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8, entropy.ring()).map_err(refused)?;
                let public = PublicKey::from_sec1(pair.public_key().as_ref());
                (KeyPair::Es256(Box::new(pair), entropy), public)
            }
            Algorithm::EdDsa => {
                // "maybe unchecked" also reads PKCS#8 v1, which is what OpenSSL writes: without a
                // copy of the public key there is nothing to check the private one against.
                let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).map_err(refused)?;
                let bytes = pair.public_key().as_ref().try_into();
                let public = PublicKey::from_ed25519(bytes.map_err(|_| SoftwareKeyError::NotPkcs8)?);
                (KeyPair::EdDsa(pair), public)
            }
        };
        let public_key = public_key.map_err(|_| SoftwareKeyError::NotPkcs8)?;
        Ok(Self { key_id: public_key.thumbprint(), public_key, pair })
    }

    /// Loads a PKCS#8 private key from PEM (`-----BEGIN PRIVATE KEY-----`), as OpenSSL writes it.
    pub fn from_pem(algorithm: Algorithm, text: &str) -> Result<Self, SoftwareKeyError> {
        let pkcs8 = pem::decode(text, "PRIVATE KEY").ok_or(SoftwareKeyError::NotPem)?;
        Self::from_pkcs8(algorithm, &pkcs8)
    }

    #[must_use]
    pub fn with_key_id(mut self, key_id: impl Into<String>) -> Self {
        self.key_id = key_id.into();
        self
    }
}

#[async_trait::async_trait]
impl Signer for SoftwareKey {
    fn key_id(&self) -> &str {
        &self.key_id
    }

    fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        match &self.pair {
            KeyPair::Es256(pair, entropy) => match pair.sign(entropy.ring(), message) {
                Ok(signature) => Ok(signature.as_ref().to_vec()),
                Err(_) => Err(SignError { detail: "software key: no randomness for ECDSA".to_owned() }),
            },
            KeyPair::EdDsa(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }
}

impl fmt::Debug for SoftwareKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SoftwareKey")
            .field("key_id", &self.key_id)
            .field("public_key", &self.public_key)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    /// Made for these tests by `openssl genpkey`; they protect nothing.
    const ED25519_PEM: &str = "\
-----BEGIN PRIVATE KEY-----\n\
MC4CAQAwBQYDK2VwBCIEIOQfkwlt7AzqH2pVKOV+aUYmitTn07weu9vBNSEu0X6K\n\
-----END PRIVATE KEY-----\n";
    const ED25519_PUBLIC_PEM: &str = "\
-----BEGIN PUBLIC KEY-----\n\
MCowBQYDK2VwAyEA1xOlYryMmufSBko2sCx1+bKIQeeVYOLL203p3hz3as8=\n\
-----END PUBLIC KEY-----\n";
    const P256_PEM: &str = "\
-----BEGIN PRIVATE KEY-----\n\
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgzAG0f8FqG7bDjVKP\n\
555A6GIZ3wGFUqb1PwnwffEGhtuhRANCAASNJqxCq7cuUiE5AxyWgFShnY+nG+eM\n\
ENpAU4/bZ4B3ncMpztarI2LO5VFoILRijoOAGKBID3fK0wtVOQdqGoIn\n\
-----END PRIVATE KEY-----\n";
    const P256_PUBLIC_PEM: &str = "\
-----BEGIN PUBLIC KEY-----\n\
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEjSasQqu3LlIhOQMcloBUoZ2Ppxvn\n\
jBDaQFOP22eAd53DKc7WqyNizuVRaCC0Yo6DgBigSA93ytMLVTkHahqCJw==\n\
-----END PUBLIC KEY-----\n";

    fn fresh(algorithm: Algorithm) -> SoftwareKey {
        let pkcs8 = SoftwareKey::generate_pkcs8(algorithm, &SystemEntropy::new()).unwrap();
        SoftwareKey::from_pkcs8(algorithm, &pkcs8).unwrap()
    }

    /// RFC 8037 A.1, as OpenSSL would write it: PKCS#8 v1 without the public key.
    fn rfc8037_pkcs8() -> Vec<u8> {
        let mut pkcs8 = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
        pkcs8.extend(URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap());
        pkcs8
    }

    #[tokio::test]
    async fn signatures_verify_and_are_bound_to_message_and_key() {
        for algorithm in Algorithm::ALL {
            let key = fresh(algorithm);
            assert_eq!(key.algorithm(), algorithm);
            assert_eq!(key.key_id(), key.public_key().thumbprint());
            let mut signature = key.sign(b"message").await.unwrap();
            assert_eq!(signature.len(), 64);
            key.public_key().verify(b"message", &signature).unwrap();
            assert!(key.public_key().verify(b"massage", &signature).is_err());
            assert!(fresh(algorithm).public_key().verify(b"message", &signature).is_err());
            assert!(key.public_key().verify(b"message", &signature[..63]).is_err());
            signature[10] ^= 1;
            assert!(key.public_key().verify(b"message", &signature).is_err());
        }
    }

    #[tokio::test]
    async fn rfc8037_ed25519_signature() {
        // RFC 8037 A.4: Ed25519 is deterministic, so the signature is known.
        let key = SoftwareKey::from_pkcs8(Algorithm::EdDsa, &rfc8037_pkcs8()).unwrap();
        assert_eq!(key.key_id(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        let input = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        assert_eq!(
            URL_SAFE_NO_PAD.encode(key.sign(input).await.unwrap()),
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
        );
    }

    #[test]
    fn what_is_not_a_key_is_refused() {
        let entropy = SystemEntropy::new();
        let es256 = SoftwareKey::generate_pkcs8(Algorithm::Es256, &entropy).unwrap();
        for (algorithm, bytes) in [
            (Algorithm::EdDsa, &es256[..]),
            (Algorithm::Es256, &rfc8037_pkcs8()[..]),
            (Algorithm::Es256, &es256[..es256.len() - 1]),
            (Algorithm::Es256, b""),
        ] {
            assert_eq!(SoftwareKey::from_pkcs8(algorithm, bytes).unwrap_err(), SoftwareKeyError::NotPkcs8);
        }
    }

    #[tokio::test]
    async fn keys_that_openssl_wrote_are_imported_from_pem() {
        for (algorithm, private, public) in
            [(Algorithm::EdDsa, ED25519_PEM, ED25519_PUBLIC_PEM), (Algorithm::Es256, P256_PEM, P256_PUBLIC_PEM)]
        {
            let key = SoftwareKey::from_pem(algorithm, private).unwrap();
            let public = PublicKey::from_pem(public).unwrap();
            assert_eq!(key.public_key(), &public);
            public.verify(b"m", &key.sign(b"m").await.unwrap()).unwrap();
        }
        let refuse = |algorithm, text: &str| SoftwareKey::from_pem(algorithm, text).unwrap_err();
        assert_eq!(refuse(Algorithm::Es256, ED25519_PEM), SoftwareKeyError::NotPkcs8);
        assert_eq!(refuse(Algorithm::EdDsa, ED25519_PUBLIC_PEM), SoftwareKeyError::NotPem);
        assert_eq!(refuse(Algorithm::EdDsa, ""), SoftwareKeyError::NotPem);
        let sec1 = P256_PEM.replace("PRIVATE KEY", "EC PRIVATE KEY");
        assert_eq!(refuse(Algorithm::Es256, &sec1), SoftwareKeyError::NotPem);
    }

    #[test]
    fn debug_shows_nothing_private() {
        let key = SoftwareKey::from_pkcs8(Algorithm::EdDsa, &rfc8037_pkcs8()).unwrap().with_key_id("key-1");
        assert_eq!(
            format!("{key:?}"),
            format!("SoftwareKey {{ key_id: \"key-1\", public_key: {:?}, .. }}", key.public_key())
        );
    }

    #[test]
    fn a_signer_is_usable_behind_a_pointer() {
        let signer: std::sync::Arc<dyn Signer> = std::sync::Arc::new(fresh(Algorithm::Es256));
        assert_eq!(signer.algorithm(), Algorithm::Es256);
    }
}
