//! Mode `proxy`: what another issuer's credential must be to be passed on.

use std::time::Duration;

use chancery_credential::jsonld::Contexts;
use chancery_credential::vcdm::{DataModel, VERIFIABLE_CREDENTIAL};
use chancery_credential::verify::{
    self, Expected, IssuerKeys, KeyProblem, MAX_CREDENTIAL_BYTES, Signed, Verified, VerifyError,
};
use chancery_keys::{Algorithm, PublicKey, TrustError, TrustListError, TrustedIssuers, TrustedKey, did};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::{Document, Format, Problem, Proxy, TrustedIssuer, problem};
use crate::issuance::proof::HolderKey;

/// Most types that a credential may have to have.
const MAX_TYPES: usize = 32;

#[derive(Debug)]
pub struct Upstream {
    /// The VC issuer that is asked, and what it is told with each request.
    pub plugin: super::Plugin,
    format: verify::Format,
    types: Vec<String>,
    issuers: Trusted,
    contexts: Contexts,
    /// The whole `@context`; `None` in formats without one.
    context: Option<Vec<Value>>,
}

impl Upstream {
    pub(super) fn compile(document: &Document) -> Result<Self, Problem> {
        refuse_what_makes_credentials(document)?;
        let proxy = document.proxy.as_ref();
        let proxy = proxy.ok_or_else(|| problem("proxy", "the mode proxy needs it: whose credentials to pass on"))?;
        let plugin = document.plugin.clone();
        let plugin = plugin.ok_or_else(|| problem("plugin", "the mode proxy needs a plugin: the VC issuer to ask"))?;
        refuse_what_the_format_lacks(document, proxy)?;
        let contexts = Contexts::with(document.contexts.iter().map(|(url, context)| (url.as_str(), context)))
            .map_err(|e| problem("contexts", e))?;
        let (format, types, context) = match document.format {
            Format::DcSdJwt => (verify::Format::SdJwtVc, vec![sd_jwt_type(document)?], None),
            Format::LdpVc => (verify::Format::LdpVc, vc_types(proxy)?, Some(ld_context(proxy, &contexts)?)),
            Format::JwtVcJson => (verify::Format::JwtVcJson, vc_types(proxy)?, None),
        };
        let issuers = Trusted(trusted(&proxy.trusted_issuers)?);
        Ok(Self { plugin, format, types, issuers, contexts, context })
    }

    /// Checks a credential in every respect. `holder` is the key that it must be bound to; without one it must not be.
    pub fn verify(
        &self,
        credential: &[u8],
        holder: Option<&HolderKey>,
        now: DateTime<Utc>,
        clock_skew: Duration,
    ) -> Result<Verified, VerifyError> {
        let holder = holder.map(|key| verify::Holder::new(key.public_key.to_jwk(), did::did_key(&key.public_key)));
        let expected = Expected {
            format: self.format,
            types: &self.types,
            issuers: &self.issuers,
            holder: holder.as_ref(),
            contexts: &self.contexts,
            context_list: self.context.as_deref(),
            now,
            clock_skew,
            max_bytes: MAX_CREDENTIAL_BYTES,
        };
        verify::verify(credential, &expected)
    }

    /// What kind of credential it is, for records: the last type, which is the most special one by custom.
    pub(super) fn credential_type(&self) -> String {
        let own = self.types.iter().rev().find(|name| *name != VERIFIABLE_CREDENTIAL);
        own.cloned().unwrap_or_else(|| VERIFIABLE_CREDENTIAL.to_owned())
    }

    /// The format's own members in the issuer metadata (OpenID4VCI 1.0, appendix A). What signs is the other issuer's
    /// to say, so no algorithm is announced.
    pub(super) fn metadata(&self) -> Map<String, Value> {
        let (name, value) = match (self.format, &self.context) {
            (verify::Format::SdJwtVc, _) => ("vct", json!(self.types.first())),
            (_, Some(context)) => ("credential_definition", json!({"@context": context, "type": self.types})),
            (_, None) => ("credential_definition", json!({"type": self.types})),
        };
        Map::from_iter([(name.to_owned(), value)])
    }
}

/// Trusted issuers as credentials are judged by them.
#[derive(Debug)]
pub struct Trusted(pub TrustedIssuers);

impl IssuerKeys for Trusted {
    fn check(&self, signed: &Signed<'_>) -> Result<String, KeyProblem> {
        let algorithm = Algorithm::from_name(signed.algorithm).ok_or(KeyProblem::AlgorithmMismatch)?;
        let key = self.0.verify(signed.issuer, signed.key_id, algorithm, signed.message, signed.signature);
        key.map(str::to_owned).map_err(|error| match error {
            TrustError::UntrustedIssuer => KeyProblem::UntrustedIssuer,
            TrustError::UnknownKey => KeyProblem::UnknownKey,
            TrustError::AlgorithmMismatch => KeyProblem::AlgorithmMismatch,
            TrustError::BadSignature => KeyProblem::BadSignature,
        })
    }
}

fn refuse_what_makes_credentials(document: &Document) -> Result<(), Problem> {
    let disclosable = document.claims.iter().position(|claim| claim.disclosable);
    for (path, is_there) in [
        ("template.json", document.template.is_some()),
        ("sample.json", document.sample.is_some()),
        ("validity", document.validity.is_some()),
        ("signing_algorithm", document.signing_algorithm.is_some()),
        ("cryptosuite", document.cryptosuite.is_some()),
        (&format!("claims[{}].disclosable", disclosable.unwrap_or_default()), disclosable.is_some()),
    ] {
        if is_there {
            return Err(problem(path, "is for the mode issuer; in the mode proxy the other issuer decides it"));
        }
    }
    Ok(())
}

fn refuse_what_the_format_lacks(document: &Document, proxy: &Proxy) -> Result<(), Problem> {
    let (is_sd_jwt, is_json_ld) = (document.format == Format::DcSdJwt, document.format == Format::LdpVc);
    for (path, is_foreign) in [
        ("vct", !is_sd_jwt && document.vct.is_some()),
        ("proxy.types", is_sd_jwt && !proxy.types.is_empty()),
        ("proxy.context", !is_json_ld && !proxy.context.is_empty()),
        ("contexts", !is_json_ld && !document.contexts.is_empty()),
    ] {
        if is_foreign {
            return Err(problem(path, format!("does not apply to the format {}", document.format.as_str())));
        }
    }
    Ok(())
}

fn sd_jwt_type(document: &Document) -> Result<String, Problem> {
    let vct = document.vct.clone().filter(|vct| !vct.is_empty());
    vct.ok_or_else(|| problem("vct", "must not be empty"))
}

fn vc_types(proxy: &Proxy) -> Result<Vec<String>, Problem> {
    if !(2..=MAX_TYPES).contains(&proxy.types.len()) || !proxy.types.iter().any(|name| name == VERIFIABLE_CREDENTIAL) {
        let more = MAX_TYPES - 1;
        return Err(problem("proxy.types", format!("must be {VERIFIABLE_CREDENTIAL} and 1 to {more} more")));
    }
    Ok(proxy.types.clone())
}

fn ld_context(proxy: &Proxy, contexts: &Contexts) -> Result<Vec<Value>, Problem> {
    let list = &proxy.context;
    DataModel::of(&Map::from_iter([("@context".to_owned(), json!(list))])).map_err(|e| problem("proxy.context", e))?;
    for (index, context) in list.iter().enumerate() {
        // Wallets take URLs only, and refuse the whole configuration for a context that stands inline.
        let known = context.as_str().is_some_and(|url| contexts.get(url).is_some());
        if !known {
            let text = "must be the URL of a bundled context, or of one given in `contexts`";
            return Err(problem(&format!("proxy.context[{index}]"), text));
        }
    }
    Ok(list.clone())
}

fn trusted(list: &[TrustedIssuer]) -> Result<TrustedIssuers, Problem> {
    const PATH: &str = "proxy.trusted_issuers";
    if list.is_empty() {
        return Err(problem(PATH, "must name at least one issuer"));
    }
    TrustedIssuers::new(trusted_issuers(PATH, list)?).map_err(|e| problem(PATH, e))
}

/// Issuers and their keys, as an operator writes them at `path`.
pub fn trusted_issuers(path: &str, list: &[TrustedIssuer]) -> Result<Vec<chancery_keys::TrustedIssuer>, Problem> {
    let mut issuers = Vec::with_capacity(list.len());
    for (index, issuer) in list.iter().enumerate() {
        let mut keys = Vec::with_capacity(issuer.keys.len());
        for (number, written) in issuer.keys.iter().enumerate() {
            keys.push(key(written).map_err(|e| problem(&format!("{path}[{index}].keys[{number}]"), e))?);
        }
        issuers.push(chancery_keys::TrustedIssuer { id: issuer.id.clone(), keys });
    }
    Ok(issuers)
}

fn key(written: &Map<String, Value>) -> Result<TrustedKey, TrustListError> {
    match (written.get("multikey").and_then(Value::as_str), written.get("kid").and_then(Value::as_str)) {
        (Some(multikey), Some(kid)) if written.len() == 2 => {
            Ok(TrustedKey { id: kid.to_owned(), public_key: PublicKey::from_multikey(multikey)? })
        }
        _ => TrustedKey::from_jwk(written),
    }
}
