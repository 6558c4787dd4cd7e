//! Whom an offer is for. Sealed in the store; never part of a token, a URL or a log line.

use chancery_keys::{Entropy, Keyring, SealContext};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::Error;

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OfferSubject {
    /// The data provider is asked for this subject.
    Subject(String),
    /// The offer carries the data.
    Claims(Map<String, Value>),
    /// The offer is about a stored credential, by its id.
    Stored(String),
}

impl std::fmt::Debug for OfferSubject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Subject(_) => "Subject(…)",
            Self::Claims(_) => "Claims(…)",
            Self::Stored(_) => "Stored(…)",
        })
    }
}

impl OfferSubject {
    pub fn seal(&self, keyring: &Keyring, issuer: &str, offer: &str, entropy: &dyn Entropy) -> Result<Vec<u8>, Error> {
        let text = serde_json::to_vec(self).map_err(|e| Error::broken("the offer's claims cannot be stored", e))?;
        keyring
            .seal(&context(issuer, offer), &text, entropy)
            .map_err(|e| Error::broken("the offer's claims cannot be sealed", e))
    }

    pub fn open(keyring: &Keyring, issuer: &str, offer: &str, sealed: &[u8]) -> Result<Self, Error> {
        let unreadable = |cause: String| Error::broken("the offer cannot be read", cause);
        let text = keyring.open(&context(issuer, offer), sealed).map_err(|e| unreadable(e.to_string()))?;
        serde_json::from_slice(&text).map_err(|e| unreadable(e.to_string()))
    }
}

fn context<'a>(issuer: &'a str, offer: &'a str) -> SealContext<'a> {
    SealContext { issuer, table: "offers", column: "sealed_subject", row: offer }
}
