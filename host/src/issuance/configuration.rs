//! Credential configurations: the document that an operator writes, checked once and compiled into what a
//! request needs. The store keeps the document; `compile` is run on publishing and on loading.

use std::time::Duration;

use chancery_credential::claim_path::ClaimPath;
use chancery_credential::sd_jwt::{DisclosureFrame, SdJwtHeader, SdJwtVc};
use chancery_credential::template::{Limits, Template, Variables};
use chancery_keys::Algorithm;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::duration;

/// Claims that the host writes itself; a template may not.
const HOST_CLAIMS: [&str; 8] = ["iss", "iat", "nbf", "exp", "cnf", "vct", "vct#integrity", "status"];

/// The document. `chancery config apply` reads it from `configuration.toml`, `template.json` and `sample.json`
/// in a directory named for the configuration id.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    pub format: Format,
    /// SD-JWT VC type: a URI or a collision-resistant name.
    pub vct: String,
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
    /// `ES256` or `EdDSA`: the issuer's active key of that algorithm signs.
    #[serde(default = "es256")]
    pub signing_algorithm: String,
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
}

impl Format {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DcSdJwt => "dc+sd-jwt",
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

fn es256() -> String {
    "ES256".to_owned()
}

/// What is wrong with a document, and where.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {message}")]
pub struct Problem {
    pub path: String,
    pub message: String,
}

fn problem(path: &str, message: impl ToString) -> Problem {
    Problem { path: path.to_owned(), message: message.to_string() }
}

/// A published configuration, ready to issue with: nothing in it is parsed again.
#[derive(Debug)]
pub struct CredentialConfiguration {
    pub id: String,
    pub version: i64,
    pub document: Document,
    pub algorithm: Algorithm,
    pub proof_algorithms: Vec<Algorithm>,
    pub validity: Option<Duration>,
    pub template: Template,
    pub disclosable: DisclosureFrame,
    pub mandatory: Vec<ClaimPath>,
    /// Its entry in `credential_configurations_supported` (OpenID4VCI 1.0, 12.2.4).
    pub metadata: Value,
}

impl CredentialConfiguration {
    /// Checks everything that can be wrong before a wallet asks, the sample's rendering included.
    pub fn compile(id: &str, version: i64, document: Document) -> Result<Self, Problem> {
        check_id(id)?;
        check_names(&document)?;
        let algorithm = algorithm("signing_algorithm", &document.signing_algorithm)?;
        let proof_algorithms = document
            .holder_binding
            .proof_algorithms
            .iter()
            .map(|name| self::algorithm("holder_binding.proof_algorithms", name))
            .collect::<Result<Vec<_>, _>>()?;
        let validity = document.validity.as_deref().map(duration::parse).transpose();
        let validity = validity.map_err(|e| problem("validity", e))?;
        let (mut disclosable, mut mandatory) = (Vec::new(), Vec::new());
        for path in claim_paths(&document.claims)? {
            let (claim, path) = path;
            if claim.disclosable {
                disclosable.push(path.clone());
            }
            if claim.mandatory {
                mandatory.push(path);
            }
        }
        let disclosable = DisclosureFrame::new(&disclosable).map_err(|e| problem("claims", e))?;
        let template = Template::from_json(&document.template, Limits::default())
            .map_err(|e| problem("template.json", e))?;
        let metadata = metadata(&document);
        let configuration = Self {
            id: id.to_owned(),
            version,
            algorithm,
            proof_algorithms,
            validity,
            template,
            disclosable,
            mandatory,
            metadata,
            document,
        };
        configuration.check_sample()?;
        Ok(configuration)
    }

    pub fn format(&self) -> Format {
        self.document.format
    }

    /// Fills the template and checks what came out against what the configuration promises.
    pub fn render(&self, variables: &Variables) -> Result<Map<String, Value>, Problem> {
        let rendered = self.template.render(variables).map_err(|e| problem("template.json", e))?;
        let Value::Object(claims) = rendered else {
            return Err(problem("template.json", "the template must be a JSON object"));
        };
        if let Some(name) = HOST_CLAIMS.iter().find(|name| claims.contains_key(**name)) {
            return Err(problem("template.json", format!("the claim {name:?} is written by the host, not the template")));
        }
        let claims = Value::Object(claims);
        if let Some(path) = self.mandatory.iter().find(|path| path.select(&claims).is_empty()) {
            return Err(problem("claims", format!("the mandatory claim {path} is missing from the rendered template")));
        }
        match claims {
            Value::Object(claims) => Ok(claims),
            _ => Err(problem("template.json", "the template must be a JSON object")),
        }
    }

    fn check_sample(&self) -> Result<(), Problem> {
        let variables = Variables {
            data: Value::Object(self.document.sample.clone()),
            issuer: json!({"id": "https://issuer.example"}),
            holder: json!({}),
            credential: json!({
                "id": "https://issuer.example/credentials/sample",
                "valid_from": "2026-01-01T00:00:00Z",
                "valid_until": "2027-01-01T00:00:00Z",
            }),
            status: Value::Null,
            request: json!({"configuration_id": self.id}),
            localized: Value::Object(Map::new()),
        };
        let mut claims = self.render(&variables)?;
        claims.insert("vct".to_owned(), json!(self.document.vct));
        // Any salts will do, as nothing is signed.
        let mut salts = |salt: &mut [u8]| {
            salt.fill(0);
            Ok(())
        };
        let header = SdJwtHeader { alg: self.algorithm.as_str(), typ: self.format().as_str(), kid: None, x5c: None };
        SdJwtVc::prepare(claims, &self.disclosable, &header, &mut salts)
            .map(drop)
            .map_err(|e| problem("template.json", e))
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
    if document.vct.is_empty() {
        return Err(problem("vct", "must not be empty"));
    }
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

fn algorithm(path: &str, name: &str) -> Result<Algorithm, Problem> {
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

fn metadata(document: &Document) -> Value {
    let mut entry = json!({
        "format": document.format.as_str(),
        "vct": document.vct,
        "credential_signing_alg_values_supported": [document.signing_algorithm],
    });
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
