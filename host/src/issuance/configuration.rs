//! Credential configurations: the document that an operator writes, checked once and compiled into what a
//! request needs. The store keeps the document; `compile` is run on publishing and on loading.

use std::collections::BTreeMap;
use std::time::Duration;

use chancery_credential::claim_path::ClaimPath;
use chancery_credential::template::{Limits, Template, Variables};
use chancery_keys::{Algorithm, Entropy, EntropyError, PublicKey};
use chrono::DateTime;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::formats::{Facts, IssuerIdentity, Securing, Unsigned, time_text};
use super::proof::HolderKey;
use crate::duration;

/// The document. `chancery config apply` reads it from `configuration.toml`, `template.json` and `sample.json`
/// (and, for `ldp_vc`, `contexts/*.json`) in a directory named for the configuration id.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    pub format: Format,
    /// SD-JWT VC type (`dc+sd-jwt` only): a URI or a collision-resistant name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vct: Option<String>,
    /// How the proof is made (`ldp_vc` only): `eddsa-rdfc-2022` or `ecdsa-rdfc-2019`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cryptosuite: Option<String>,
    /// JSON-LD contexts beside the bundled ones (`ldp_vc` only), by URL. Verifiers must be able to get them there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub contexts: BTreeMap<String, Value>,
    /// OAuth scope that a wallet may ask for it with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    #[serde(default)]
    pub mode: Mode,
    /// The data provider that is asked for subjects; without one, only offers that carry claims can be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<Plugin>,
    /// From the moment of issuance; without one the credential does not expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validity: Option<String>,
    /// `ES256` or `EdDSA`: the issuer's active key of that algorithm signs. Without one `ES256`, or what the
    /// cryptosuite wants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_algorithm: Option<String>,
    #[serde(default)]
    pub holder_binding: HolderBinding,
    #[serde(default)]
    pub keep: Keep,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub display: Vec<Map<String, Value>>,
    #[serde(default)]
    pub claims: Vec<Claim>,
    /// A JSON document with expressions; see ARCHITECTURE.md, templates.
    pub template: Value,
    /// What the data provider might answer: the template is rendered with it before anything is published.
    pub sample: Map<String, Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    #[serde(rename = "dc+sd-jwt")]
    DcSdJwt,
    #[serde(rename = "ldp_vc")]
    LdpVc,
}

impl Format {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DcSdJwt => "dc+sd-jwt",
            Self::LdpVc => "ldp_vc",
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// A data provider (or the offer) gives the data, we make and sign the credential.
    #[default]
    Issuer,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// Id, type and dates; no personal data.
    #[default]
    Record,
    /// The signed credential too, sealed.
    Credential,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plugin {
    pub name: String,
    /// Handed to the plugin with every request.
    #[serde(default)]
    pub settings: Map<String, Value>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HolderBinding {
    /// Whether a wallet must prove a key that the credential is then bound to.
    pub required: bool,
    pub proof_algorithms: Vec<String>,
    /// `jwk`, `did:key`, `did:jwk`.
    pub methods: Vec<String>,
}

impl Default for HolderBinding {
    fn default() -> Self {
        Self {
            required: true,
            proof_algorithms: vec!["ES256".to_owned(), "EdDSA".to_owned()],
            methods: vec!["jwk".to_owned(), "did:key".to_owned(), "did:jwk".to_owned()],
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Claim path: member names, array indexes, `null` for every element.
    pub path: Value,
    #[serde(default)]
    pub mandatory: bool,
    /// The holder may leave it out when presenting.
    #[serde(default)]
    pub disclosable: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub display: Vec<Map<String, Value>>,
}

/// What is wrong with a document, and where.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {message}")]
pub struct Problem {
    pub path: String,
    pub message: String,
}

pub(super) fn problem(path: &str, message: impl ToString) -> Problem {
    Problem { path: path.to_owned(), message: message.to_string() }
}

/// A published configuration, ready to issue with: nothing in it is parsed again.
#[derive(Debug)]
pub struct CredentialConfiguration {
    pub id: String,
    pub version: i64,
    pub document: Document,
    pub securing: Securing,
    /// What kind of credential it is, for records.
    pub credential_type: String,
    pub validity: Option<Duration>,
    pub template: Template,
    pub mandatory: Vec<ClaimPath>,
    /// Its entry in `credential_configurations_supported` (OpenID4VCI 1.0, 12.2.4).
    pub metadata: Value,
}

impl CredentialConfiguration {
    /// Checks everything that can be wrong before a wallet asks: a sample is made as `issuer` would make it.
    pub fn compile(id: &str, version: i64, document: Document, issuer: &IssuerIdentity) -> Result<Self, Problem> {
        check_id(id)?;
        check_names(&document)?;
        for name in &document.holder_binding.proof_algorithms {
            algorithm("holder_binding.proof_algorithms", name)?;
        }
        let validity = document.validity.as_deref().map(duration::parse).transpose();
        let validity = validity.map_err(|e| problem("validity", e))?;
        let paths = claim_paths(&document.claims)?;
        let mandatory = paths.into_iter().filter(|(claim, _)| claim.mandatory).map(|(_, path)| path).collect();
        let mut configuration = Self {
            id: id.to_owned(),
            version,
            securing: Securing::compile(&document)?,
            credential_type: String::new(),
            validity,
            template: Template::from_json(&document.template, Limits::default())
                .map_err(|e| problem("template.json", e))?,
            mandatory,
            metadata: Value::Null,
            document,
        };
        let sample = configuration.sample(issuer)?;
        configuration.credential_type = configuration.securing.credential_type(&sample);
        configuration.metadata = metadata(&configuration.document, configuration.securing.metadata(&sample));
        Ok(configuration)
    }

    pub fn format(&self) -> Format {
        self.document.format
    }

    /// Fills the template, adds what the host knows, checks the whole against what the configuration promises, and
    /// lays out what is to be signed.
    pub fn prepare(
        &self,
        variables: &Variables,
        facts: &Facts<'_>,
        entropy: &dyn Entropy,
    ) -> Result<Unsigned, Problem> {
        let rendered = self.template.render(variables).map_err(|e| problem("template.json", e))?;
        let Value::Object(claims) = rendered else {
            return Err(problem("template.json", "the template must be a JSON object"));
        };
        let claims = Value::Object(self.securing.complete(claims, facts)?);
        if let Some(path) = self.mandatory.iter().find(|path| path.select(&claims).is_empty()) {
            return Err(problem("claims", format!("the mandatory claim {path} is missing from the rendered template")));
        }
        self.securing.prepare(claims, facts, entropy)
    }

    /// A credential of the sample data with a signature of zeros.
    fn sample(&self, issuer: &IssuerIdentity) -> Result<Value, Problem> {
        let public_key = PublicKey::from_multikey(SAMPLE_HOLDER).map_err(|e| problem("holder_binding", e))?;
        let holder = self.document.holder_binding.required.then_some(HolderKey { public_key, did: None });
        let valid_from = DateTime::UNIX_EPOCH + SAMPLE_TIME;
        let facts = Facts {
            issuer,
            credential_id: &format!("{}/credentials/sample", issuer.url),
            valid_from,
            valid_until: self.validity.map(|validity| valid_from + validity),
            holder: holder.as_ref(),
            key_id: "sample",
        };
        let data = Value::Object(self.document.sample.clone());
        let unsigned = self.prepare(&self.variables(data, &facts, json!([])), &facts, &NoEntropy)?;
        Ok(unsigned.finish(&[0; SAMPLE_SIGNATURE_LEN]))
    }

    /// What expressions can name.
    pub fn variables(&self, data: Value, facts: &Facts<'_>, issuer_display: Value) -> Variables {
        Variables {
            data,
            issuer: json!({"id": facts.issuer.url, "did": facts.issuer.did, "display": issuer_display}),
            holder: facts
                .holder
                .map_or_else(|| json!({}), |key| json!({"id": key.id(), "jwk": key.public_key.to_jwk()})),
            credential: json!({
                "id": facts.credential_id,
                "valid_from": time_text(facts.valid_from),
                "valid_until": facts.valid_until.map(time_text),
            }),
            status: Value::Null,
            request: json!({"configuration_id": self.id}),
            localized: Value::Object(Map::new()),
        }
    }
}

/// Some holder's key, for samples: the example of the did:key specification.
const SAMPLE_HOLDER: &str = "z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";
const SAMPLE_SIGNATURE_LEN: usize = 64;
/// The beginning of 2026.
const SAMPLE_TIME: Duration = Duration::from_hours(490_896);

/// Any salts will do where nothing is signed.
#[derive(Debug)]
struct NoEntropy;

impl Entropy for NoEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        bytes.fill(0);
        Ok(())
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
    Ok(())
}

pub(super) fn algorithm(path: &str, name: &str) -> Result<Algorithm, Problem> {
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
