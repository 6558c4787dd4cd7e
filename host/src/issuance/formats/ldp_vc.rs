//! `ldp_vc`: a JSON-LD credential of VCDM 2.0 or 1.1 with a Data Integrity proof. The template is the whole
//! credential without the proof.

use chancery_credential::data_integrity::{Cryptosuite, DataIntegrity, Prepared, ProofOptions};
use chancery_credential::jsonld::Contexts;
use chancery_credential::status::{Purpose, bitstring};
use chancery_credential::vcdm::{DataModel, VERIFIABLE_CREDENTIAL};
use chancery_keys::Algorithm;
use chancery_store::StatusSlot;
use serde_json::{Map, Value, json};

use super::super::configuration::{Document, Problem, algorithm, problem};
use super::{Facts, refuse, time_text};

/// Where errors about the rendered credential are put.
const TEMPLATE: &str = "template.json";
/// Defines status list entries for the data model 1.1.
const STATUS_V1: &str = "https://www.w3.org/ns/credentials/status/v1";

#[derive(Debug)]
pub struct LdpVc {
    cryptosuite: Cryptosuite,
    algorithm: Algorithm,
    contexts: Contexts,
    /// What the purpose `message` means, clear and set.
    messages: Option<[String; 2]>,
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
        Ok(Self { cryptosuite, algorithm, contexts, messages: document.status_messages.clone() })
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) fn complete(
        &self,
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
        if let Some(context) = missing_context(&head, model, facts.status) {
            return Err(problem(TEMPLATE, format!("@context: status entries need {context} in it")));
        }
        add_entries(&mut head, facts.status, self.messages.as_ref()).map_err(|e| problem(TEMPLATE, e))?;
        Ok(head)
    }

    pub(super) fn unsecured(credential: &str) -> Result<Map<String, Value>, Problem> {
        let mut credential: Map<String, Value> =
            serde_json::from_str(credential).map_err(|e| problem("credential", e))?;
        for name in ["proof", "id", "issuanceDate", "expirationDate", "validFrom", "validUntil"] {
            credential.shift_remove(name);
        }
        let foreign = match credential.shift_remove("credentialStatus") {
            Some(Value::Array(entries)) => entries,
            entry => entry.into_iter().collect(),
        };
        let mut foreign: Vec<Value> = foreign.into_iter().filter(|entry| !is_list_entry(entry)).collect();
        match foreign.len() {
            0 => {}
            1 => drop(credential.insert("credentialStatus".to_owned(), foreign.remove(0))),
            _ => drop(credential.insert("credentialStatus".to_owned(), Value::Array(foreign))),
        }
        Ok(credential)
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

/// The context without which entries mean nothing: the data model 1.1 knows none.
pub fn missing_context(
    credential: &Map<String, Value>,
    model: DataModel,
    entries: &[StatusSlot],
) -> Option<&'static str> {
    let contexts = credential.get("@context").and_then(Value::as_array);
    let has_it = contexts.is_some_and(|contexts| contexts.iter().any(|context| context == STATUS_V1));
    (model == DataModel::V1_1 && !entries.is_empty() && !has_it).then_some(STATUS_V1)
}

/// Puts entries of our lists beside a `credentialStatus` of another kind.
pub fn add_entries(
    credential: &mut Map<String, Value>,
    entries: &[StatusSlot],
    messages: Option<&[String; 2]>,
) -> Result<(), &'static str> {
    let written = match credential.get("credentialStatus") {
        None => Vec::new(),
        Some(Value::Array(entries)) => entries.clone(),
        Some(entry) => vec![entry.clone()],
    };
    if written.iter().any(is_list_entry) {
        return Err("credentialStatus: entries of status lists are the host's to add");
    }
    let mut all = written;
    for slot in entries {
        all.push(entry(slot, messages).ok_or("credentialStatus: the store has an entry that cannot be written")?);
    }
    match all.len() {
        0 => return Ok(()),
        // Some verifiers take an array of one for something else than its element.
        1 => drop(credential.insert("credentialStatus".to_owned(), all.remove(0))),
        _ => drop(credential.insert("credentialStatus".to_owned(), Value::Array(all))),
    }
    Ok(())
}

fn entry(slot: &StatusSlot, messages: Option<&[String; 2]>) -> Option<Value> {
    let (purpose, index) = (Purpose::from_name(&slot.purpose)?, u32::try_from(slot.index).ok()?);
    if purpose == Purpose::Message {
        let [clear, set] = messages?;
        return Some(bitstring::message_entry(&slot.url, index, clear, set));
    }
    Some(bitstring::entry(&slot.url, purpose, index))
}

fn is_list_entry(entry: &Value) -> bool {
    const KINDS: [&str; 4] =
        ["BitstringStatusListEntry", "StatusList2021Entry", "RevocationList2021Status", "SuspensionList2021Status"];
    let is_one = |kind: &Value| kind.as_str().is_some_and(|kind| KINDS.contains(&kind));
    match &entry["type"] {
        Value::Array(kinds) => kinds.iter().any(is_one),
        kind => is_one(kind),
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
