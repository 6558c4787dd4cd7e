//! That a JSON-LD credential says in JSON what it says in the statements that are signed.
//!
//! The signature covers statements, wallets and verifiers read JSON, and JSON-LD can say one thing in many ways:
//! `validUntil` is also `https://www.w3.org/2018/credentials#validUntil`, and an expiry that is renamed so is still
//! signed, but nobody sees it. So whatever decides on acceptance must be found in the statements exactly as often,
//! and exactly as, it is found in the JSON.

use serde_json::{Map, Value};

use super::VerifyError;
use super::model::{issuer_id, subjects};

const TYPE: &str = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>";
const CREDENTIAL: &str = "<https://www.w3.org/2018/credentials#VerifiableCredential>";
const PROOF: &str = "<https://w3id.org/security#proof>";
const TIMES: [&str; 4] = ["validFrom", "validUntil", "issuanceDate", "expirationDate"];

/// Compares a credential without its proof with its canonical N-Quads.
pub(super) fn check(credential: &Map<String, Value>, quads: &str) -> Result<(), VerifyError> {
    let statements = Statements::about_the_credential(quads)?;
    let id = credential.get("id").and_then(Value::as_str);
    let is_named = match id {
        Some(id) => statements.subject == format!("<{id}>"),
        None => statements.subject.starts_with("_:"),
    };
    if !is_named {
        return Err(VerifyError::Ambiguous("id"));
    }
    let issuer = issuer_id(credential).map(|issuer| format!("<{issuer}>"));
    statements.compare("issuer", &vocabulary("issuer"), 1, issuer.as_deref())?;
    for name in TIMES {
        let literal = credential.get(name).and_then(Value::as_str).map(time_literal);
        let count = usize::from(credential.contains_key(name));
        statements.compare(name, &vocabulary(name), count, literal.as_deref())?;
    }
    let subjects = subjects(credential);
    let only = match subjects[..] {
        [subject] => subject.get("id").and_then(Value::as_str).map(|id| format!("<{id}>")),
        _ => None,
    };
    statements.compare("credentialSubject", &vocabulary("credentialSubject"), subjects.len(), only.as_deref())?;
    let status = match credential.get("credentialStatus") {
        None => 0,
        Some(Value::Array(entries)) => entries.len(),
        Some(_) => 1,
    };
    statements.compare("credentialStatus", &vocabulary("credentialStatus"), status, None)?;
    statements.compare("proof", PROOF, 0, None)
}

/// The statements about the credential itself: predicate, then object and graph.
struct Statements<'a> {
    subject: &'a str,
    about: Vec<(&'a str, &'a str)>,
}

impl<'a> Statements<'a> {
    fn about_the_credential(quads: &'a str) -> Result<Self, VerifyError> {
        let split = |line: &'a str| {
            let (subject, rest) = line.split_once(' ')?;
            let (predicate, object) = rest.split_once(' ')?;
            Some((subject, predicate, object.strip_suffix(" .")?))
        };
        let statements: Vec<_> = quads.lines().filter_map(split).collect();
        let mut credentials = statements.iter().filter(|(_, p, o)| *p == TYPE && *o == CREDENTIAL).map(|(s, ..)| *s);
        let (Some(subject), None) = (credentials.next(), credentials.next()) else {
            return Err(VerifyError::Malformed("it holds no credential, or a credential inside another"));
        };
        let about = statements.iter().filter(|(s, ..)| *s == subject).map(|(_, p, o)| (*p, *o)).collect();
        Ok(Self { subject, about })
    }

    /// There must be so many statements with this predicate, and the given object among them.
    fn compare(
        &self,
        name: &'static str,
        predicate: &str,
        count: usize,
        object: Option<&str>,
    ) -> Result<(), VerifyError> {
        let found = self.about.iter().filter(|(p, _)| *p == predicate);
        let fits = object.is_none_or(|object| found.clone().any(|(_, o)| *o == object));
        if fits && found.count() == count { Ok(()) } else { Err(VerifyError::Ambiguous(name)) }
    }
}

/// The predicate of a member, by both versions of the data model.
fn vocabulary(name: &str) -> String {
    format!("<https://www.w3.org/2018/credentials#{name}>")
}

fn time_literal(text: &str) -> String {
    format!("\"{text}\"^^<http://www.w3.org/2001/XMLSchema#dateTime>")
}
