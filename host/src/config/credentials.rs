//! What an issuer does with credentials that its backend hands in (`POST /credentials/issue`): `[credentials.ISSUER]`.

use serde::{Deserialize, Serialize};

use crate::issuance::configuration::{Keep, TrustedIssuer};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Credentials {
    /// How they are signed: `eddsa-rdfc-2022` or `ecdsa-rdfc-2019`.
    pub cryptosuite: String,
    /// Purposes of the status entries that they get: `revocation`, `suspension`, `refresh`.
    pub status: Vec<String>,
    /// `credential`, or `record`: id, type and dates alone.
    pub keep: Keep,
    /// Other issuers (`id`, and `keys` unless it is a did:key or did:jwk) whose signed credentials are stored.
    pub accept: Vec<TrustedIssuer>,
}

impl Default for Credentials {
    fn default() -> Self {
        Self {
            cryptosuite: "eddsa-rdfc-2022".to_owned(),
            status: vec!["revocation".to_owned(), "suspension".to_owned()],
            keep: Keep::Credential,
            accept: Vec::new(),
        }
    }
}
