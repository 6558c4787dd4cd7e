//! Credential configurations: the document that an operator writes, checked once and compiled into what a
//! request needs. The store keeps the document; `compile` is run on publishing and on loading.

mod document;
mod recipe;
mod upstream;

use std::sync::Arc;
use std::time::Duration;

use chancery_credential::claim_path::ClaimPath;
use chancery_credential::status::Purpose;
use chancery_keys::Algorithm;
use serde_json::{Map, Value, json};

use super::formats::IssuerIdentity;
use crate::duration;

pub use document::{
    Claim, Document, Format, HolderBinding, Keep, Mode, OnReissue, OnUnavailable, Plugin, Proxy, TrustedIssuer,
};
pub use recipe::Recipe;
pub use upstream::{Trusted, Upstream, trusted_issuers};

/// How long a wallet may poll, unless the configuration says so, and at most.
const DEFERRED_LIFETIME: Duration = Duration::from_hours(7 * 24);
const MAX_DEFERRED_LIFETIME: Duration = Duration::from_hours(90 * 24);
const MAX_INDEXED: usize = 8;

/// What is wrong with a document, and where.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {message}")]
pub struct Problem {
    pub path: String,
    pub message: String,
}

pub(crate) fn problem(path: &str, message: impl ToString) -> Problem {
    Problem { path: path.to_owned(), message: message.to_string() }
}

/// A published configuration, ready to issue with: nothing in it is parsed again.
#[derive(Debug)]
pub struct CredentialConfiguration {
    pub id: String,
    pub version: i64,
    pub document: Document,
    pub making: Making,
    /// What kind of credential it is, for records.
    pub credential_type: String,
    /// How long a wallet may poll for one that is not ready.
    pub deferred_lifetime: Duration,
    /// What can be said of it later, in the lists' order.
    pub status: Vec<Purpose>,
    /// How long its record is kept.
    pub retention: Option<Duration>,
    /// Its entry in `credential_configurations_supported` (OpenID4VCI 1.0, 12.2.4).
    pub metadata: Value,
}

/// Who makes the credential.
#[derive(Debug)]
pub enum Making {
    /// We do, of data.
    Issuer(Box<Recipe>),
    /// Another issuer does.
    Proxy(Arc<Upstream>),
}

impl CredentialConfiguration {
    /// Checks everything that can be wrong before a wallet asks: a sample is made as `issuer` would make it.
    pub fn compile(id: &str, version: i64, document: Document, issuer: &IssuerIdentity) -> Result<Self, Problem> {
        check_id(id)?;
        check_names(&document)?;
        for name in &document.holder_binding.proof_algorithms {
            algorithm("holder_binding.proof_algorithms", name)?;
        }
        let deferred_lifetime = deferred_lifetime(&document)?;
        let status = status(&document)?;
        let retention = recipe::lifetime("retention", document.retention.as_deref())?;
        let paths = claim_paths(&document.claims)?;
        let (making, credential_type, format) = match document.mode {
            Mode::Issuer => {
                let mandatory = paths.into_iter().filter(|(claim, _)| claim.mandatory).map(|(_, path)| path).collect();
                let recipe = Recipe::compile(id, &document, mandatory)?;
                let tried = recipe.try_out(&document, issuer, &status)?;
                (Making::Issuer(Box::new(recipe)), tried.credential_type, tried.metadata)
            }
            Mode::Proxy => {
                let upstream = Upstream::compile(&document)?;
                let (credential_type, format) = (upstream.credential_type(), upstream.metadata());
                (Making::Proxy(Arc::new(upstream)), credential_type, format)
            }
        };
        let metadata = metadata(&document, format);
        Ok(Self {
            id: id.to_owned(),
            version,
            document,
            making,
            credential_type,
            deferred_lifetime,
            status,
            retention,
            metadata,
        })
    }

    pub fn format(&self) -> Format {
        self.document.format
    }

    /// Whether a wallet may be sent away with a transaction id because of a plugin.
    pub fn may_defer(&self) -> bool {
        self.document.mode == Mode::Proxy || self.document.on_unavailable == OnUnavailable::Defer
    }
}

/// It stands in URLs, file names and offers.
pub fn check_id(id: &str) -> Result<(), Problem> {
    let fits = (1..=128).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        && !id.starts_with('.');
    if fits {
        return Ok(());
    }
    Err(problem("id", format!("{id:?} is not an id: 1 to 128 letters, digits, '-', '_', '.', not starting with '.'")))
}

fn check_names(document: &Document) -> Result<(), Problem> {
    let scope_token = |s: &str| s.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5B | 0x5D..=0x7E)) && !s.is_empty();
    if document.scope.as_deref().is_some_and(|s| !scope_token(s)) {
        return Err(problem("scope", "must be one scope token (RFC 6749, 3.3): no blanks, quotes or backslashes"));
    }
    let binding = &document.holder_binding;
    if binding.required && (binding.proof_algorithms.is_empty() || binding.methods.is_empty()) {
        return Err(problem("holder_binding", "needs at least one proof algorithm and one method"));
    }
    let known = ["jwk", "did:key", "did:jwk"];
    if let Some(method) = binding.methods.iter().find(|m| !known.contains(&m.as_str())) {
        return Err(problem("holder_binding.methods", format!("{method:?} is not one of {known:?}")));
    }
    if let Some(index) = document.display.iter().position(|d| !d.get("name").is_some_and(Value::is_string)) {
        return Err(problem(&format!("display[{index}]"), "needs a name"));
    }
    if document.on_unavailable != OnUnavailable::Error && document.plugin.is_none() {
        return Err(problem("on_unavailable", "is about a plugin, and there is none"));
    }
    Ok(())
}

/// Purposes of status entries, as an operator writes them, in the lists' order.
pub(crate) fn purposes(names: &[String]) -> Result<Vec<Purpose>, Problem> {
    let mut purposes = Vec::with_capacity(names.len());
    for name in names {
        let purpose = Purpose::from_name(name).ok_or_else(|| {
            problem("status", format!("{name:?} is not one of revocation, suspension, refresh, message"))
        })?;
        if purposes.contains(&purpose) {
            return Err(problem("status", format!("{name} stands there twice")));
        }
        purposes.push(purpose);
    }
    purposes.sort_unstable();
    Ok(purposes)
}

fn status(document: &Document) -> Result<Vec<Purpose>, Problem> {
    let purposes = purposes(&document.status)?;
    if document.mode == Mode::Proxy && !(purposes.is_empty() && document.indexed.is_empty()) {
        return Err(problem(
            "status",
            "another issuer makes the credential: status and indexed are not for mode proxy",
        ));
    }
    let has_message = purposes.contains(&Purpose::Message);
    if has_message != document.status_messages.is_some() || (has_message && document.format != Format::LdpVc) {
        return Err(problem("status_messages", "stands with the purpose message, in the format ldp_vc"));
    }
    let says_validity = purposes.iter().any(|purpose| matches!(purpose, Purpose::Revocation | Purpose::Suspension));
    if document.format == Format::DcSdJwt && !purposes.is_empty() && !says_validity {
        return Err(problem("status", "a Token Status List says revocation or suspension: name one of them"));
    }
    if document.on_reissue == OnReissue::Revoke && !purposes.contains(&Purpose::Revocation) {
        return Err(problem("on_reissue", "to revoke former credentials, status must hold \"revocation\""));
    }
    if document.rebind && !(document.mode == Mode::Issuer && document.holder_binding.required) {
        return Err(problem("rebind", "is for credentials that are made here and bound to a key"));
    }
    if document.reissue_on_status && (document.format != Format::LdpVc || purposes.is_empty()) {
        return Err(problem("reissue_on_status", "is for the format ldp_vc, and needs status"));
    }
    if document.indexed.len() > MAX_INDEXED {
        return Err(problem("indexed", format!("names more than {MAX_INDEXED} claims")));
    }
    Ok(purposes)
}

fn deferred_lifetime(document: &Document) -> Result<Duration, Problem> {
    let lifetime = recipe::lifetime("deferred_lifetime", document.deferred_lifetime.as_deref())?;
    let lifetime = lifetime.unwrap_or(DEFERRED_LIFETIME);
    if lifetime < Duration::from_mins(1) || lifetime > MAX_DEFERRED_LIFETIME {
        let most = duration::format(MAX_DEFERRED_LIFETIME);
        return Err(problem("deferred_lifetime", format!("must be 1m to {most}")));
    }
    Ok(lifetime)
}

pub(crate) fn algorithm(path: &str, name: &str) -> Result<Algorithm, Problem> {
    Algorithm::from_name(name).ok_or_else(|| problem(path, format!("{name:?} is not one of ES256, EdDSA")))
}

fn claim_paths(claims: &[Claim]) -> Result<Vec<(&Claim, ClaimPath)>, Problem> {
    let mut paths: Vec<(&Claim, ClaimPath)> = Vec::with_capacity(claims.len());
    for (index, claim) in claims.iter().enumerate() {
        let at = format!("claims[{index}].path");
        let path = ClaimPath::from_json(&claim.path).map_err(|e| problem(&at, e))?;
        // Wallets refuse an issuer's metadata that describes one path twice.
        if paths.iter().any(|(_, other)| *other == path) {
            return Err(problem(&at, format!("{path} is described twice")));
        }
        paths.push((claim, path));
    }
    Ok(paths)
}

fn metadata(document: &Document, format: Map<String, Value>) -> Value {
    let mut entry = json!({"format": document.format.as_str()});
    for (name, value) in format {
        entry[name] = value;
    }
    if let Some(scope) = &document.scope {
        entry["scope"] = json!(scope);
    }
    // Both or neither (12.2.4).
    if document.holder_binding.required {
        entry["cryptographic_binding_methods_supported"] = json!(document.holder_binding.methods);
        entry["proof_types_supported"] =
            json!({"jwt": {"proof_signing_alg_values_supported": document.holder_binding.proof_algorithms}});
    }
    let claims: Vec<Value> = document
        .claims
        .iter()
        .map(|claim| {
            let mut described = json!({"path": claim.path, "mandatory": claim.mandatory});
            if !claim.display.is_empty() {
                described["display"] = json!(claim.display);
            }
            described
        })
        .collect();
    let mut presentation = Map::new();
    if !document.display.is_empty() {
        presentation.insert("display".to_owned(), json!(document.display));
    }
    if !claims.is_empty() {
        presentation.insert("claims".to_owned(), json!(claims));
    }
    // Always there, if empty: wallets tell 1.0 from older drafts by it.
    entry["credential_metadata"] = Value::Object(presentation);
    entry
}
