//! A credential configuration as an operator writes it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The document. `chancery config apply` reads it from `configuration.toml`, `template.json` and `sample.json`
/// (in mode `proxy`, from the first alone; for `ldp_vc`, with `contexts/*.json`) in a directory named for the
/// configuration id. What is absent is left out when it is stored: a new release must not make a new version of it.
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
    /// Whose credentials are passed on (mode `proxy` only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<Proxy>,
    /// The plugin that is asked. In mode `issuer` a data provider, asked for subjects: without one, only offers that
    /// carry claims can be made. In mode `proxy` a VC issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<Plugin>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_unavailable: OnUnavailable,
    /// How long a wallet may poll for a credential that is not ready when it asks; `7d` where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deferred_lifetime: Option<String>,
    /// From the moment of issuance; without one the credential does not expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validity: Option<String>,
    /// `ES256` or `EdDSA`: the issuer's active key of that algorithm signs. Without one `ES256`, or what the
    /// cryptosuite wants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_algorithm: Option<String>,
    #[serde(default)]
    pub holder_binding: HolderBinding,
    /// Without one: `record` for what wallets ask for, `credential` for what the issuer's backend has issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<Keep>,
    /// What can be said of a credential after its issuance: `revocation`, `suspension`, `refresh`, `message`. Each gets an
    /// entry in a status list for every one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<String>,
    /// What the purpose `message` means: that the entry is clear, and that it is set (`ldp_vc` only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_messages: Option<[String; 2]>,
    /// Whether a status change of a stored credential that has no entry adds one and signs the credential again. Copies
    /// that holders have cannot be reached by that.
    #[serde(default, skip_serializing_if = "is_default")]
    pub reissue_on_status: bool,
    /// What becomes of a person's former credential of this configuration when a new one is issued.
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_reissue: OnReissue,
    /// Whether a wallet may get a fresh copy of a stored credential, bound to its key, by an offer. The issuer's backend may
    /// then have it issued without a key.
    #[serde(default, skip_serializing_if = "is_default")]
    pub rebind: bool,
    /// Top-level members of the data that credentials can be found by. Only keyed hashes of them are stored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub indexed: Vec<String>,
    /// How long records are kept, from issuance; without one, until they are deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub display: Vec<Map<String, Value>>,
    #[serde(default)]
    pub claims: Vec<Claim>,
    /// A JSON document with expressions; see docs/templates.md. Mode `issuer` needs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<Value>,
    /// What the data provider might answer: the template is rendered with it before anything is published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<Map<String, Value>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    #[serde(rename = "dc+sd-jwt")]
    DcSdJwt,
    #[serde(rename = "ldp_vc")]
    LdpVc,
    /// Passed on only: we make none.
    #[serde(rename = "jwt_vc_json")]
    JwtVcJson,
}

impl Format {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DcSdJwt => "dc+sd-jwt",
            Self::LdpVc => "ldp_vc",
            Self::JwtVcJson => "jwt_vc_json",
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// A data provider (or the offer) gives the data, we make and sign the credential.
    #[default]
    Issuer,
    /// Another issuer makes and signs it; we verify it and pass it on as it is.
    Proxy,
}

/// What a plugin's credential must be to be passed on.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proxy {
    /// Whose signatures are believed. Nothing is fetched.
    pub trusted_issuers: Vec<TrustedIssuer>,
    /// Types that it must have, all of them; an SD-JWT VC instead must be of the document's `vct`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
    /// Its whole `@context` (`ldp_vc` only), exactly: another one could give the same names other meanings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub context: Vec<Value>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedIssuer {
    /// As its credentials name it: a URL or a DID.
    pub id: String,
    /// Each a JWK with a `kid`, or `kid` and `multikey`. A did:key or did:jwk carries its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<Map<String, Value>>,
}

/// What it means that the plugin's source does not answer now. A refusal is final in any case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnUnavailable {
    /// The wallet is told to try again later.
    #[default]
    Error,
    /// It is asked again, as long as the wallet's request may take.
    Retry,
    /// The wallet gets a transaction id and comes back for the credential.
    Defer,
}

/// About former credentials that are known to be of the same person: of the same subject of the data provider, or the same
/// `subject` of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnReissue {
    /// They stay as they are.
    #[default]
    Keep,
    /// They are marked as superseded: no offer gives them out any more.
    Supersede,
    /// The same, and they are revoked.
    Revoke,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// Id, type and dates; no personal data.
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

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
