//! Mode `issuer`: how a credential is made of data.

use std::time::Duration;

use chancery_credential::claim_path::ClaimPath;
use chancery_credential::status::Purpose;
use chancery_credential::template::{Limits, Template, Variables};
use chancery_keys::{Entropy, EntropyError, PublicKey};
use chancery_store::StatusSlot;
use chrono::DateTime;
use serde_json::{Map, Value, json};

use super::{Document, Problem, problem};
use crate::duration;
use crate::issuance::formats::{Facts, IssuerIdentity, Securing, Unsigned, time_text};
use crate::issuance::proof::HolderKey;

#[derive(Debug)]
pub struct Recipe {
    pub securing: Securing,
    pub validity: Option<Duration>,
    configuration_id: String,
    template: Template,
    mandatory: Vec<ClaimPath>,
}

/// What making a credential of the sample has shown.
pub(super) struct Tried {
    /// What kind of credential it is, for records.
    pub(super) credential_type: String,
    /// The format's own members of the metadata.
    pub(super) metadata: Map<String, Value>,
}

impl Recipe {
    pub(super) fn compile(
        configuration_id: &str,
        document: &Document,
        mandatory: Vec<ClaimPath>,
    ) -> Result<Self, Problem> {
        if document.proxy.is_some() {
            return Err(problem("proxy", "is for the mode proxy; in the mode issuer the template says what is issued"));
        }
        let template = document.template.as_ref().ok_or_else(|| problem("template.json", "is missing"))?;
        Ok(Self {
            securing: Securing::compile(document)?,
            validity: lifetime("validity", document.validity.as_deref())?,
            configuration_id: configuration_id.to_owned(),
            template: Template::from_json(template, Limits::default()).map_err(|e| problem("template.json", e))?,
            mandatory,
        })
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
        self.finish(claims, facts, entropy)
    }

    /// The same of the claims of a credential that was issued before.
    pub fn prepare_copy(&self, claims: Value, facts: &Facts<'_>, entropy: &dyn Entropy) -> Result<Unsigned, Problem> {
        let Value::Object(claims) = claims else { return Err(problem("template.json", "not a JSON object")) };
        self.finish(claims, facts, entropy)
    }

    fn finish(
        &self,
        claims: Map<String, Value>,
        facts: &Facts<'_>,
        entropy: &dyn Entropy,
    ) -> Result<Unsigned, Problem> {
        let claims = Value::Object(self.securing.complete(claims, facts)?);
        if let Some(path) = self.mandatory.iter().find(|path| path.select(&claims).is_empty()) {
            return Err(problem("claims", format!("the mandatory claim {path} is missing from the rendered template")));
        }
        self.securing.prepare(claims, facts, entropy)
    }

    /// Makes a credential of the sample data as `issuer` would, with a signature of zeros.
    pub(super) fn try_out(
        &self,
        document: &Document,
        issuer: &IssuerIdentity,
        status: &[Purpose],
    ) -> Result<Tried, Problem> {
        let data = document.sample.clone().ok_or_else(|| problem("sample.json", "is missing"))?;
        let public_key = PublicKey::from_multikey(SAMPLE_HOLDER).map_err(|e| problem("holder_binding", e))?;
        let holder = document.holder_binding.required.then_some(HolderKey { public_key, did: None });
        if document.rebind {
            // Stored ones are not bound yet.
            self.sample(&data, issuer, status, None)?;
        }
        let sample = self.sample(&data, issuer, status, holder.as_ref())?;
        let credential_type = self.securing.credential_type(&sample);
        Ok(Tried { credential_type, metadata: self.securing.metadata(&sample) })
    }

    fn sample(
        &self,
        data: &Map<String, Value>,
        issuer: &IssuerIdentity,
        status: &[Purpose],
        holder: Option<&HolderKey>,
    ) -> Result<Value, Problem> {
        let valid_from = DateTime::UNIX_EPOCH + SAMPLE_TIME;
        let facts = Facts {
            issuer,
            credential_id: &format!("{}/credentials/sample", issuer.url),
            valid_from,
            valid_until: self.validity.map(|validity| valid_from + validity),
            holder,
            key_id: "sample",
            status: &sample_entries(issuer, status),
        };
        let variables = self.variables(Value::Object(data.clone()), &facts, json!([]));
        Ok(self.prepare(&variables, &facts, &NoEntropy)?.finish(&[0; SAMPLE_SIGNATURE_LEN]))
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
            request: json!({"configuration_id": self.configuration_id}),
            localized: Value::Object(Map::new()),
        }
    }
}

fn sample_entries(issuer: &IssuerIdentity, purposes: &[Purpose]) -> Vec<StatusSlot> {
    let entry = |purpose: &Purpose| StatusSlot {
        list_id: "sample".to_owned(),
        purpose: purpose.as_str().to_owned(),
        url: format!("{}/credentials/status-list/sample-{}", issuer.url, purpose.as_str()),
        index: 0,
    };
    purposes.iter().map(entry).collect()
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

pub(super) fn lifetime(path: &str, text: Option<&str>) -> Result<Option<Duration>, Problem> {
    text.map(duration::parse).transpose().map_err(|e| problem(path, e))
}
