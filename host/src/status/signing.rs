//! From bits to signed documents.

use std::sync::Arc;
use std::time::Duration;

use chancery_credential::data_integrity::{Cryptosuite, ProofOptions};
use chancery_credential::jsonld::Contexts;
use chancery_credential::status::bitstring::{self, ListCredential, Spelling};
use chancery_credential::status::token::{self, StatusListToken};
use chancery_credential::status::{StatusBits, StatusError};
use chancery_keys::{Algorithm, Signer, jose};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use tokio::runtime::Handle;

use super::document::{Representation, Texts};
use super::list::{self, List};
use crate::issuance::error::{Cause, Error};
use crate::issuance::issuers::Issuer;

const VC_JWT: &str = "vc+jwt";

/// A version that is to be signed.
#[derive(Debug)]
pub(super) struct Draft {
    pub issuer: Arc<Issuer>,
    pub list: Arc<List>,
    pub bits: Arc<StatusBits>,
    pub valid_from: DateTime<Utc>,
    pub valid_until: DateTime<Utc>,
    pub ttl: Duration,
}

/// What the store keeps of a version.
#[derive(Debug)]
pub(super) struct Signed {
    pub bits: Vec<u8>,
    pub documents: Vec<u8>,
}

impl Draft {
    /// Encodes and signs apart from the threads that serve: both take a while with a long list.
    pub(super) async fn sign(self) -> Result<Signed, Error> {
        let signed = tokio::task::spawn_blocking(move || Handle::current().block_on(self.make()));
        signed.await.map_err(failed)?
    }

    async fn make(&self) -> Result<Signed, Error> {
        let mut texts = Texts::default();
        for credential in &self.list.credentials {
            self.sign_list(credential, &mut texts).await?;
        }
        if let Some(primary) = self.list.credentials.first()
            && let Some(token) = self.sign_token(&primary.url).await?
        {
            texts.put(&primary.url_id, Representation::TokenStatusList, token);
        }
        let documents = serde_json::to_vec(&texts).map_err(failed)?;
        Ok(Signed { bits: self.bits.to_snapshot().map_err(failed)?, documents })
    }

    /// The list of one purpose as a credential, in each way to secure and spell it.
    async fn sign_list(&self, of: &list::ListCredential, texts: &mut Texts) -> Result<(), Error> {
        let plane = self.bits.plane(of.purpose).ok_or_else(|| failed(StatusError::UnknownPurpose(of.purpose)))?;
        let encoded = bitstring::encoded_list(plane).map_err(failed)?;
        let list = ListCredential {
            url: &of.url,
            issuer: &self.issuer.did,
            purpose: of.purpose,
            valid_from: self.valid_from,
            valid_until: self.valid_until,
            ttl: self.ttl,
        };
        for (spelling, representation) in [
            (Spelling::Bitstring, Representation::DataIntegrity),
            (Spelling::StatusList2021, Representation::StatusList2021),
        ] {
            let credential = self.prove(&list, spelling, &encoded).await?;
            texts.put(&of.url_id, representation, credential.to_string());
        }
        let claims = list.credential(Spelling::Bitstring, &encoded);
        let header = [("typ".to_owned(), json!(VC_JWT)), ("cty".to_owned(), json!("vc"))];
        let jwt = self.sign_jwt(header, &claims).await?;
        texts.put(&of.url_id, Representation::VcJwt, jwt);
        Ok(())
    }

    async fn prove(&self, list: &ListCredential<'_>, spelling: Spelling, encoded: &str) -> Result<Value, Error> {
        let signer = self.issuer.signer(Algorithm::EdDsa)?;
        let options = ProofOptions {
            cryptosuite: Cryptosuite::EddsaRdfc2022,
            created: self.valid_from,
            verification_method: &format!("{}#{}-multikey", self.issuer.did, signer.key_id()),
        };
        let prepared = list.prepare(spelling, encoded, &options, &Contexts::bundled()).map_err(failed)?;
        let signature = signer.sign(prepared.signing_input()).await.map_err(|e| unsigned(&e.detail))?;
        Ok(prepared.finish(&signature))
    }

    /// All purposes in one; `None` where the list has none that a token can tell of.
    async fn sign_token(&self, url: &str) -> Result<Option<String>, Error> {
        let token = StatusListToken {
            url,
            issuer: &self.issuer.url,
            issued_at: self.valid_from,
            expires_at: self.valid_until,
            ttl: self.ttl,
        };
        match token.claims(&self.bits) {
            Ok(claims) => self.sign_jwt([("typ".to_owned(), json!(token::TYP))], &claims).await.map(Some),
            Err(StatusError::NoTokenStatus) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    async fn sign_jwt(
        &self,
        header: impl IntoIterator<Item = (String, Value)>,
        claims: &Map<String, Value>,
    ) -> Result<String, Error> {
        let signer: &dyn Signer = self.issuer.signer(Algorithm::Es256)?.as_ref();
        let mut header = Map::from_iter(header);
        header.insert("kid".to_owned(), json!(signer.key_id()));
        jose::sign_compact(signer, header, claims).await.map_err(failed)
    }
}

fn failed(cause: impl Into<Cause>) -> Error {
    Error::broken("the status list cannot be made", cause)
}

/// A key that is away may come back.
fn unsigned(detail: &str) -> Error {
    Error::Unavailable {
        public: "the status list cannot be signed at the moment".to_owned(),
        retry_after: Some(1),
        cause: Some(detail.to_owned().into()),
    }
}
