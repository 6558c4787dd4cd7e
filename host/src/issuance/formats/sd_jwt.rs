//! `dc+sd-jwt`: SD-JWT VC.

use chancery_credential::claim_path::ClaimPath;
use chancery_credential::sd_jwt::{
    Disclosed, DisclosureFrame, Prepared, SaltError, SdJwtHeader, SdJwtVc, TYP_DC_SD_JWT,
};
use chancery_credential::status::token;
use chancery_credential::verify::MAX_CREDENTIAL_BYTES;
use chancery_keys::{Algorithm, Entropy};
use serde_json::{Map, Value, json};

use super::super::configuration::{Document, Problem, algorithm, problem};
use super::{Facts, refuse};

const DEFAULT_ALGORITHM: &str = "ES256";
/// Claims that the host writes itself; a template may not.
const HOST_CLAIMS: [&str; 8] = ["iss", "iat", "nbf", "exp", "cnf", "vct", "vct#integrity", "status"];

#[derive(Debug)]
pub struct SdJwt {
    vct: String,
    algorithm: Algorithm,
    disclosable: DisclosureFrame,
}

impl SdJwt {
    pub(super) fn compile(document: &Document) -> Result<Self, Problem> {
        refuse(document, "cryptosuite", document.cryptosuite.is_some())?;
        refuse(document, "contexts", !document.contexts.is_empty())?;
        let vct = document.vct.clone().unwrap_or_default();
        if vct.is_empty() {
            return Err(problem("vct", "must not be empty"));
        }
        let name = document.signing_algorithm.as_deref().unwrap_or(DEFAULT_ALGORITHM);
        let paths =
            document.claims.iter().filter(|claim| claim.disclosable).map(|claim| ClaimPath::from_json(&claim.path));
        let paths = paths.collect::<Result<Vec<_>, _>>().map_err(|e| problem("claims", e))?;
        Ok(Self {
            vct,
            algorithm: algorithm("signing_algorithm", name)?,
            disclosable: DisclosureFrame::new(&paths).map_err(|e| problem("claims", e))?,
        })
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) fn vct(&self) -> &str {
        &self.vct
    }

    pub(super) fn complete(
        &self,
        mut claims: Map<String, Value>,
        facts: &Facts<'_>,
    ) -> Result<Map<String, Value>, Problem> {
        if let Some(name) = HOST_CLAIMS.iter().find(|name| claims.contains_key(**name)) {
            return Err(problem(
                "template.json",
                format!("the claim {name:?} is written by the host, not the template"),
            ));
        }
        let mut put = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        put("iss", json!(facts.issuer.url));
        put("iat", json!(facts.valid_from.timestamp()));
        if let Some(valid_until) = facts.valid_until {
            put("exp", json!(valid_until.timestamp()));
        }
        put("vct", json!(self.vct));
        if let Some(holder) = facts.holder {
            put("cnf", json!({"jwk": holder.public_key.to_jwk()}));
        }
        // One list for all purposes (Token Status List, 6.1): at the first one's URL.
        if let Some(entry) = facts.status.first() {
            put("status", token::reference(&entry.url, u32::try_from(entry.index).unwrap_or(u32::MAX)));
        }
        Ok(claims)
    }

    pub(super) fn unsecured(credential: &str) -> Result<Map<String, Value>, Problem> {
        let disclosed = Disclosed::parse(credential, MAX_CREDENTIAL_BYTES).map_err(|e| problem("credential", e))?;
        let mut claims = disclosed.claims;
        claims.retain(|name, _| !HOST_CLAIMS.contains(&name.as_str()));
        Ok(claims)
    }

    pub(super) fn prepare(
        &self,
        claims: Map<String, Value>,
        facts: &Facts<'_>,
        entropy: &dyn Entropy,
    ) -> Result<Prepared, Problem> {
        let header =
            SdJwtHeader { alg: self.algorithm.as_str(), typ: TYP_DC_SD_JWT, kid: Some(facts.key_id), x5c: None };
        let mut salts = |salt: &mut [u8]| entropy.fill(salt).map_err(|_| SaltError);
        SdJwtVc::prepare(claims, &self.disclosable, &header, &mut salts).map_err(|e| problem("template.json", e))
    }

    pub(super) fn metadata(&self) -> Map<String, Value> {
        Map::from_iter([
            ("vct".to_owned(), json!(self.vct)),
            ("credential_signing_alg_values_supported".to_owned(), json!([self.algorithm.as_str()])),
        ])
    }
}
