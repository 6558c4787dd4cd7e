//! What an issuer does with credentials that its backend hands in, compiled from `[credentials.ISSUER]`.

use std::sync::Arc;

use chancery_credential::data_integrity::Cryptosuite;
use chancery_credential::status::Purpose;
use chancery_keys::{Algorithm, TrustedIssuers};

use crate::config;
use crate::issuance::configuration::{Keep, Problem, Trusted, algorithm, problem, purposes, trusted_issuers};

#[derive(Debug, Clone)]
pub struct Policy {
    pub cryptosuite: Cryptosuite,
    pub algorithm: Algorithm,
    /// What can be said of them later.
    pub status: Vec<Purpose>,
    pub keep: Keep,
    /// Whose signed credentials are stored.
    pub believed: Arc<Trusted>,
}

impl Default for Policy {
    /// As [`config::Credentials`] is by default; a test compares.
    fn default() -> Self {
        Self {
            cryptosuite: Cryptosuite::EddsaRdfc2022,
            algorithm: Algorithm::EdDsa,
            status: vec![Purpose::Revocation, Purpose::Suspension],
            keep: Keep::Credential,
            believed: Arc::new(Trusted(TrustedIssuers::default())),
        }
    }
}

impl Policy {
    pub fn compile(written: &config::Credentials) -> Result<Self, Problem> {
        let suite = Cryptosuite::from_name(&written.cryptosuite).ok_or_else(|| {
            problem("cryptosuite", format!("must be one of {}", Cryptosuite::ALL.map(Cryptosuite::as_str).join(", ")))
        })?;
        let status = purposes(&written.status)?;
        if status.contains(&Purpose::Message) {
            return Err(problem("status", "what a message means is said by a configuration: it is not for these"));
        }
        let accept = trusted_issuers("accept", &written.accept)?;
        let believed = TrustedIssuers::new(accept).map_err(|e| problem("accept", e))?;
        Ok(Self {
            cryptosuite: suite,
            algorithm: algorithm("cryptosuite", suite.algorithm())?,
            status,
            keep: written.keep,
            believed: Arc::new(Trusted(believed)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_what_an_empty_section_says() {
        let written = Policy::compile(&config::Credentials::default()).unwrap();
        assert_eq!(format!("{written:?}"), format!("{:?}", Policy::default()));
    }
}
