//! Signatures of plugins: detached Ed25519 over the component, in a small JSON file beside it.

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_keys::{Algorithm, PublicKey, Signer, SoftwareKey};
use chancery_sandbox::{SignatureCheck, Trust};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::app::StartError;
use crate::config::plugins::{Require, Trust as Config};

/// What is signed begins with this, so that a signature over a plugin is never one over anything else.
const DOMAIN: &[u8] = b"chancery plugin signature v1\0";

/// `NAME.wasm.sig`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignatureFile {
    /// Always `Ed25519`.
    pub algorithm: String,
    /// The signer's public key as a Multikey.
    pub key: String,
    /// SHA-256 of the component in hex: for people, and for a better message.
    pub sha256: String,
    /// base64url without padding.
    pub signature: String,
}

/// Why a signature is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    #[error("the signature file cannot be read: {0}")]
    Malformed(String),
    #[error("it is signed by {0}, who is not among plugins.trust.keys")]
    UnknownSigner(String),
    #[error("the signature is for another file: it names {named}, and the plugin is {found}")]
    OtherFile { named: String, found: String },
    #[error("the signature is wrong")]
    Wrong,
}

/// Signs a component.
pub async fn sign(key: &SoftwareKey, component: &[u8]) -> Result<SignatureFile, chancery_keys::SignError> {
    let signature = key.sign(&message(component)).await?;
    Ok(SignatureFile {
        algorithm: "Ed25519".to_owned(),
        key: key.public_key().to_multikey(),
        sha256: hex(component),
        signature: URL_SAFE_NO_PAD.encode(signature),
    })
}

/// Checks a signature against those who may sign. Answers who it was.
pub fn verify(keys: &[PublicKey], component: &[u8], signature: &[u8]) -> Result<String, SignatureError> {
    let malformed = |error: &dyn std::fmt::Display| SignatureError::Malformed(error.to_string());
    let file: SignatureFile = serde_json::from_slice(signature).map_err(|e| malformed(&e))?;
    if file.algorithm != "Ed25519" {
        return Err(malformed(&"algorithm must be Ed25519"));
    }
    let claimed = PublicKey::from_multikey(&file.key).map_err(|e| malformed(&e))?;
    // The file only says which key to try: what counts is that the operator listed it.
    let key = keys.iter().find(|key| **key == claimed);
    let key = key.ok_or_else(|| SignatureError::UnknownSigner(file.key.clone()))?;
    let found = hex(component);
    if found != file.sha256 {
        return Err(SignatureError::OtherFile { named: file.sha256, found });
    }
    let bytes = URL_SAFE_NO_PAD.decode(&file.signature).map_err(|e| malformed(&e))?;
    key.verify(&message(component), &bytes).map_err(|_| SignatureError::Wrong)?;
    Ok(file.key)
}

/// A signer as an operator writes it: a Multikey, or a PEM file.
pub fn read_key(text: &str) -> Result<PublicKey, String> {
    let key = if text.starts_with('z') && !text.contains(['.', '/']) {
        PublicKey::from_multikey(text).map_err(|error| format!("{text}: {error}"))?
    } else {
        let pem = std::fs::read_to_string(Path::new(text)).map_err(|error| format!("cannot read {text}: {error}"))?;
        PublicKey::from_pem(&pem).map_err(|error| format!("{text}: {error}"))?
    };
    if key.algorithm() != Algorithm::EdDsa {
        return Err(format!("{text} is no Ed25519 key"));
    }
    Ok(key)
}

pub(super) fn policy(config: &Config) -> Result<Trust, StartError> {
    Ok(match config.require {
        Require::Off => Trust::Off,
        Require::Pinned => Trust::Pinned,
        Require::Signed => {
            let keys = config.keys.iter().map(|text| read_key(text)).collect::<Result<_, _>>();
            let keys = keys.map_err(|error| StartError(format!("plugins.trust.keys: {error}")))?;
            Trust::Signed(Arc::new(Signers(keys)))
        }
    })
}

struct Signers(Vec<PublicKey>);

impl SignatureCheck for Signers {
    fn check(&self, component: &[u8], signature: &[u8]) -> Result<String, String> {
        verify(&self.0, component, signature).map_err(|error| error.to_string())
    }
}

/// The digest in place of the component: the same strength, and an HSM may sign it.
fn message(component: &[u8]) -> Vec<u8> {
    [DOMAIN, &Sha256::digest(component)].concat()
}

fn hex(component: &[u8]) -> String {
    format!("{:x}", Sha256::digest(component))
}

#[cfg(test)]
mod tests {
    use chancery_keys::SystemEntropy;

    use super::*;

    fn key() -> SoftwareKey {
        let pkcs8 = SoftwareKey::generate_pkcs8(Algorithm::EdDsa, &SystemEntropy::new()).unwrap();
        SoftwareKey::from_pkcs8(Algorithm::EdDsa, &pkcs8).unwrap()
    }

    #[tokio::test]
    async fn only_the_signed_bytes_by_a_listed_key_pass() {
        let (mine, other) = (key(), key());
        let keys = [mine.public_key().clone()];
        let file = sign(&mine, b"component").await.unwrap();
        let text = |file: &SignatureFile| serde_json::to_vec(file).unwrap();
        assert_eq!(verify(&keys, b"component", &text(&file)).unwrap(), file.key);

        let outcome = |component: &[u8], file: &SignatureFile| verify(&keys, component, &text(file)).unwrap_err();
        assert!(matches!(outcome(b"componenu", &file), SignatureError::OtherFile { .. }));
        let foreign = sign(&other, b"component").await.unwrap();
        assert!(matches!(outcome(b"component", &foreign), SignatureError::UnknownSigner(_)));
        // A listed name over a foreign signature.
        let forged = SignatureFile { key: file.key.clone(), ..foreign };
        assert!(matches!(outcome(b"component", &forged), SignatureError::Wrong));
        // The digest is not what is believed.
        let moved = SignatureFile { sha256: hex(b"other"), ..file.clone() };
        assert!(matches!(outcome(b"other", &moved), SignatureError::Wrong));
        for broken in [&b""[..], b"{}", b"null", &text(&SignatureFile { algorithm: "none".to_owned(), ..file.clone() })]
        {
            assert!(matches!(verify(&keys, b"component", broken), Err(SignatureError::Malformed(_))));
        }
    }
}
