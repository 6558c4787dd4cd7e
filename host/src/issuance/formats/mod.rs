//! What differs from one credential format to another: which members a configuration has, which claims are the
//! host's to write, what is signed, and what a wallet gets.

pub mod ldp_vc;
mod sd_jwt;

use chancery_credential::{data_integrity, sd_jwt as sd};
use chancery_keys::{Algorithm, Entropy};
use chancery_store::StatusSlot;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value};

use super::configuration::{Document, Format, Problem, problem};
use super::credential::Credential;
use super::proof::HolderKey;
use ldp_vc::LdpVc;
use sd_jwt::SdJwt;

/// Who issues.
#[derive(Debug, Clone)]
pub struct IssuerIdentity {
    pub url: String,
    /// Its did:web.
    pub did: String,
}

impl IssuerIdentity {
    pub fn at(url: &str) -> Result<Self, chancery_keys::did::DidError> {
        Ok(Self { url: url.to_owned(), did: chancery_keys::did::did_web_from_url(url)? })
    }
}

/// What the host, and nobody else, knows of a credential that is being made.
#[derive(Debug)]
pub struct Facts<'a> {
    pub issuer: &'a IssuerIdentity,
    pub credential_id: &'a str,
    pub valid_from: DateTime<Utc>,
    pub valid_until: Option<DateTime<Utc>>,
    /// The key that it is bound to.
    pub holder: Option<&'a HolderKey>,
    /// The key that will sign.
    pub key_id: &'a str,
    /// Its entries in status lists.
    pub status: &'a [StatusSlot],
}

/// A format with its part of one configuration.
#[derive(Debug)]
pub enum Securing {
    SdJwt(SdJwt),
    LdpVc(LdpVc),
}

/// A credential that lacks its signature only.
#[derive(Debug)]
pub enum Unsigned {
    SdJwt(sd::Prepared),
    LdpVc(data_integrity::Prepared),
}

impl Securing {
    pub fn compile(document: &Document) -> Result<Self, Problem> {
        match document.format {
            Format::DcSdJwt => SdJwt::compile(document).map(Self::SdJwt),
            Format::LdpVc => LdpVc::compile(document).map(Self::LdpVc),
            Format::JwtVcJson => Err(problem("format", "credentials of jwt_vc_json are passed on only: mode proxy")),
        }
    }

    /// What the issuer's key must be able to sign with.
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Self::SdJwt(format) => format.algorithm(),
            Self::LdpVc(format) => format.algorithm(),
        }
    }

    /// Adds what the host writes to what came out of the template, and refuses what contradicts it.
    pub fn complete(&self, rendered: Map<String, Value>, facts: &Facts<'_>) -> Result<Map<String, Value>, Problem> {
        match self {
            Self::SdJwt(format) => format.complete(rendered, facts),
            Self::LdpVc(format) => format.complete(rendered, facts),
        }
    }

    /// What came out of the template of a credential that was secured by this: all but what the host writes.
    pub fn unsecured(&self, credential: &Credential) -> Result<Map<String, Value>, Problem> {
        match self {
            Self::SdJwt(_) => SdJwt::unsecured(credential.as_str()),
            Self::LdpVc(_) => LdpVc::unsecured(credential.as_str()),
        }
    }

    /// Lays out what is to be signed.
    pub fn prepare(&self, claims: Value, facts: &Facts<'_>, entropy: &dyn Entropy) -> Result<Unsigned, Problem> {
        let Value::Object(claims) = claims else { return Err(problem("template.json", "not a JSON object")) };
        match self {
            Self::SdJwt(format) => format.prepare(claims, facts, entropy).map(Unsigned::SdJwt),
            Self::LdpVc(format) => format.prepare(claims, facts).map(Unsigned::LdpVc),
        }
    }

    /// The format's own members in the issuer metadata (OpenID4VCI 1.0, appendix A), from a finished sample.
    pub fn metadata(&self, sample: &Value) -> Map<String, Value> {
        match self {
            Self::SdJwt(format) => format.metadata(),
            Self::LdpVc(format) => format.metadata(sample),
        }
    }

    /// What kind of credential it is, in one word for records, from a finished sample.
    pub fn credential_type(&self, sample: &Value) -> String {
        match self {
            Self::SdJwt(format) => format.vct().to_owned(),
            Self::LdpVc(_) => LdpVc::credential_type(sample),
        }
    }
}

impl Unsigned {
    pub fn signing_input(&self) -> &[u8] {
        match self {
            Self::SdJwt(prepared) => prepared.signing_input(),
            Self::LdpVc(prepared) => prepared.signing_input(),
        }
    }

    /// The credential as a wallet gets it: text, or an object.
    pub fn finish(self, signature: &[u8]) -> Value {
        match self {
            Self::SdJwt(prepared) => Value::String(prepared.finish(signature)),
            Self::LdpVc(prepared) => prepared.finish(signature),
        }
    }
}

/// A time as credentials and templates have it: whole seconds, in UTC.
pub fn time_text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Refuses a member of the document that means nothing in its format.
fn refuse(document: &Document, path: &str, is_there: bool) -> Result<(), Problem> {
    if !is_there {
        return Ok(());
    }
    Err(problem(path, format!("does not apply to the format {}", document.format.as_str())))
}
