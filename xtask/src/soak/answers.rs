//! What stands in the host's answers about credentials.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    history::Outcome,
    http::Once,
    lists,
    lives::{Entry, Issued},
};

/// Percent-encoded, as it stands in the path.
pub(super) fn path_of(id: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    format!("/credentials/{}", id.bytes().map(encode).collect::<String>())
}

pub(super) fn issued(body: &Value, once: Once) -> Outcome<Issued> {
    // In the W3C's shape the credential stands alone; where it has no id, it is called as where it is read.
    let (id, credential) = if let Some(id) = body["credentialId"].as_str() {
        (Some(id.to_owned()), &body["credential"])
    } else {
        let credential = &body["verifiableCredential"];
        (credential["id"].as_str().map(str::to_owned).or(once.location), credential)
    };
    match id {
        Some(id) => Outcome::Accepted(Issued {
            id,
            sha256: sha256(credential),
            entry: lists::named_by(credential),
            replayed: once.replayed,
        }),
        None => Outcome::Refused(format!("an answer without an id: {body}")),
    }
}

/// Of the text as issued, or of a JSON credential's compact form.
pub(super) fn sha256(credential: &Value) -> String {
    let text = credential.as_str().map_or_else(|| credential.to_string(), str::to_owned);
    format!("{:x}", Sha256::digest(text))
}

pub(super) fn entries(body: &Value) -> Vec<Entry> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let entry = |status: &Value| Entry {
        purpose: text(&status["statusPurpose"]),
        list: text(&status["statusListCredentialUrl"]),
        index: status["statusListIndex"].as_u64().unwrap_or(u64::MAX),
    };
    let mut entries: Vec<_> = body["status"].as_array().into_iter().flatten().map(entry).collect();
    entries.sort_by(|one, other| one.purpose.cmp(&other.purpose));
    entries
}

pub(super) fn says(body: &Value) -> BTreeMap<String, bool> {
    let said = body["status"].as_array().into_iter().flatten();
    said.map(|one| (one["statusPurpose"].as_str().unwrap_or_default().to_owned(), one["status"] == json!(true)))
        .collect()
}
