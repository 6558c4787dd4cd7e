//! `ldp_vc`: a JSON-LD credential of VCDM 2.0 or 1.1 with a Data Integrity proof. The template is the whole
//! credential without the proof.

use chancery_credential::data_integrity::{Cryptosuite, DataIntegrity, Prepared, ProofOptions};
use chancery_credential::jsonld::Contexts;
use chancery_credential::vcdm::{DataModel, VERIFIABLE_CREDENTIAL};
use chancery_keys::Algorithm;
use serde_json::{Map, Value, json};

use super::super::configuration::{Document, Problem, algorithm, problem};
use super::{Facts, refuse, time_text};

/// Where errors about the rendered credential are put.
const TEMPLATE: &str = "template.json";

#[derive(Debug)]
pub struct LdpVc {
    cryptosuite: Cryptosuite,
    algorithm: Algorithm,
    contexts: Contexts,
}

impl LdpVc {
    pub(super) fn compile(document: &Document) -> Result<Self, Problem> {
        refuse(document, "vct", document.vct.is_some())?;
        if let Some(index) = document.claims.iter().position(|claim| claim.disclosable) {
            refuse(document, &format!("claims[{index}].disclosable"), true)?;
        }
        let known = || Cryptosuite::ALL.map(Cryptosuite::as_str).join(", ");
        let name = document.cryptosuite.as_deref();
        let cryptosuite = name
            .and_then(Cryptosuite::from_name)
            .ok_or_else(|| problem("cryptosuite", format!("must be one of {}", known())))?;
        let algorithm = algorithm("cryptosuite", cryptosuite.algorithm())?;
        if document.signing_algorithm.as_deref().is_some_and(|name| name != algorithm.as_str()) {
            return Err(problem("signing_algorithm", format!("{} signs with {algorithm}", cryptosuite.as_str())));
        }
        let contexts = Contexts::with(document.contexts.iter().map(|(url, context)| (url.as_str(), context)))
            .map_err(|e| problem("contexts", e))?;
        Ok(Self { cryptosuite, algorithm, contexts })
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) fn complete(
        mut credential: Map<String, Value>,
        facts: &Facts<'_>,
    ) -> Result<Map<String, Value>, Problem> {
        let model = DataModel::of(&credential).map_err(|e| problem(TEMPLATE, e))?;
        let (from, until) = model.validity_members();
        let mut head = Map::new();
        for name in ["@context", "type"] {
            head.extend(credential.shift_remove(name).map(|value| (name.to_owned(), value)));
        }
        // In the order in which people read them.
        put(&mut head, "id", credential.shift_remove("id"), facts.credential_id)?;
        let issuer = issuer(credential.shift_remove("issuer"), &facts.issuer.did)?;
        head.insert("issuer".to_owned(), issuer);
        put(&mut head, from, credential.shift_remove(from), &time_text(facts.valid_from))?;
        match (facts.valid_until, credential.shift_remove(until)) {
            (Some(time), written) => put(&mut head, until, written, &time_text(time))?,
            (None, None) => {}
            (None, Some(_)) => {
                return Err(problem(TEMPLATE, format!("{until}: comes from `validity` of the configuration")));
            }
        }
        if let Some(holder) = facts.holder {
            bind(&mut credential, &holder.id())?;
        }
        head.extend(credential);
        Ok(head)
    }

    pub(super) fn prepare(&self, credential: Map<String, Value>, facts: &Facts<'_>) -> Result<Prepared, Problem> {
        let method = format!("{}#{}-multikey", facts.issuer.did, facts.key_id);
        let options =
            ProofOptions { cryptosuite: self.cryptosuite, created: facts.valid_from, verification_method: &method };
        DataIntegrity::prepare(credential, &options, &self.contexts).map_err(|e| problem(TEMPLATE, e))
    }

    pub(super) fn metadata(&self, sample: &Value) -> Map<String, Value> {
        // Wallets take URLs only, and refuse the whole configuration for a context that stands inline.
        let contexts = sample["@context"].as_array().into_iter().flatten();
        let contexts: Vec<&Value> = contexts.filter(|context| context.is_string()).collect();
        let definition = json!({"@context": contexts, "type": types(sample)});
        Map::from_iter([
            ("credential_definition".to_owned(), definition),
            ("credential_signing_alg_values_supported".to_owned(), json!([self.cryptosuite.as_str()])),
        ])
    }

    /// The last type, which is the most special one by custom.
    pub(super) fn credential_type(sample: &Value) -> String {
        let types = types(sample);
        let own = types.iter().rev().find(|name| **name != VERIFIABLE_CREDENTIAL);
        (*own.unwrap_or(&VERIFIABLE_CREDENTIAL)).to_owned()
    }
}

fn types(credential: &Value) -> Vec<&str> {
    match &credential["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

/// Writes what the host knows; where the template has written it already, it must say the same.
fn put(members: &mut Map<String, Value>, name: &str, written: Option<Value>, known: &str) -> Result<(), Problem> {
    if written.is_some_and(|written| written != known) {
        return Err(contradiction(name));
    }
    members.insert(name.to_owned(), json!(known));
    Ok(())
}

fn issuer(written: Option<Value>, did: &str) -> Result<Value, Problem> {
    match written {
        None => Ok(json!(did)),
        Some(Value::Object(mut members)) => {
            match members.get("id") {
                None => drop(members.shift_insert(0, "id".to_owned(), json!(did))),
                Some(id) if id == did => {}
                Some(_) => return Err(contradiction("issuer.id")),
            }
            Ok(Value::Object(members))
        }
        Some(written) if written == did => Ok(written),
        Some(_) => Err(contradiction("issuer")),
    }
}

/// Whoever holds the key is the subject.
fn bind(credential: &mut Map<String, Value>, holder: &str) -> Result<(), Problem> {
    let Some(Value::Object(subject)) = credential.get_mut("credentialSubject") else {
        return Err(problem(TEMPLATE, "credentialSubject: must be one object, as the credential is bound to a key"));
    };
    match subject.get("id") {
        None => drop(subject.shift_insert(0, "id".to_owned(), json!(holder))),
        Some(id) if id == holder => {}
        Some(_) => return Err(contradiction("credentialSubject.id")),
    }
    Ok(())
}

fn contradiction(name: &str) -> Problem {
    let variable = match name {
        "id" => "credential.id",
        "issuer" | "issuer.id" => "issuer.did",
        "credentialSubject.id" => "holder.id",
        "validFrom" | "issuanceDate" => "credential.valid_from",
        _ => "credential.valid_until",
    };
    problem(TEMPLATE, format!("{name}: leave it out, or write {{{{ {variable} }}}}: it is the host's to say"))
}
