//! Bitstring Status List 1.0, and StatusList2021, the draft before it: list credentials and the entries that refer to
//! them.
//!
//! As with other credentials, a Data Integrity proof has two steps: [`ListCredential::prepare`] and
//! [`PreparedList::finish`]. The same members without a proof are what a JWT secures.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::{MAX_ENTRIES, Purpose, StatusError, compress};
use crate::data_integrity::{DataIntegrity, Prepared, ProofOptions};
use crate::jsonld::{CREDENTIALS_V1, CREDENTIALS_V2, Contexts, DATA_INTEGRITY_V2, to_canonical_quads};
use crate::vcdm::VERIFIABLE_CREDENTIAL;

/// The type of an entry in `credentialStatus`.
pub const ENTRY_TYPE: &str = "BitstringStatusListEntry";
/// Defines the entry where the first context does not (VCDM 1.1).
pub const STATUS_CONTEXT: &str = "https://www.w3.org/ns/credentials/status/v1";
/// Defines the StatusList2021 spelling.
pub const STATUS_LIST_2021_CONTEXT: &str = "https://w3id.org/vc/status-list/2021/v1";

/// Multibase: base64url without padding.
const MULTIBASE: char = 'u';
/// Stands for the encoded list while the statements are made.
const PLACEHOLDER: &str = "uTheEncodedListStandsHere";

/// How a list credential is spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// `BitstringStatusListCredential`, VCDM 2.0.
    Bitstring,
    /// `StatusList2021Credential`, VCDM 1.1: what its verifiers take.
    StatusList2021,
}

/// The credential that publishes the bits of one purpose.
#[derive(Clone, Copy, Debug)]
pub struct ListCredential<'a> {
    /// Where it is fetched, and its id.
    pub url: &'a str,
    /// The DID that issues the credentials of the list too: verifiers compare.
    pub issuer: &'a str,
    pub purpose: Purpose,
    pub valid_from: DateTime<Utc>,
    pub valid_until: DateTime<Utc>,
    /// How long a verifier may keep it; in [`Spelling::Bitstring`] only.
    pub ttl: Duration,
}

/// A list credential that lacks its signature only.
#[derive(Debug)]
pub struct PreparedList {
    /// With [`PLACEHOLDER`] in the list's place.
    prepared: Prepared,
    encoded_list: String,
    signing_input: Vec<u8>,
}

impl ListCredential<'_> {
    /// The credential without a proof. `encoded_list` is what [`encoded_list`] makes of the plane of the purpose.
    pub fn credential(&self, spelling: Spelling, encoded_list: &str) -> Map<String, Value> {
        let time = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
        let list_id = format!("{}#list", self.url);
        let credential = match spelling {
            Spelling::Bitstring => json!({
                "@context": [CREDENTIALS_V2],
                "id": self.url,
                "type": [VERIFIABLE_CREDENTIAL, "BitstringStatusListCredential"],
                "issuer": self.issuer,
                "validFrom": time(self.valid_from),
                "validUntil": time(self.valid_until),
                "credentialSubject": {
                    "id": list_id,
                    "type": "BitstringStatusList",
                    "statusPurpose": self.purpose.as_str(),
                    "encodedList": encoded_list,
                    "ttl": u64::try_from(self.ttl.as_millis()).unwrap_or(u64::MAX),
                },
            }),
            // Its context knows no `ttl`.
            Spelling::StatusList2021 => json!({
                "@context": [CREDENTIALS_V1, STATUS_LIST_2021_CONTEXT, DATA_INTEGRITY_V2],
                "id": self.url,
                "type": [VERIFIABLE_CREDENTIAL, "StatusList2021Credential"],
                "issuer": self.issuer,
                "issuanceDate": time(self.valid_from),
                "expirationDate": time(self.valid_until),
                "credentialSubject": {
                    "id": list_id,
                    "type": "StatusList2021",
                    "statusPurpose": self.purpose.as_str(),
                    "encodedList": encoded_list.strip_prefix(MULTIBASE).unwrap_or(encoded_list),
                },
            }),
        };
        match credential {
            Value::Object(credential) => credential,
            _ => Map::new(),
        }
    }

    /// Lays out what is to be signed for a Data Integrity proof.
    ///
    /// JSON-LD sees the credential with a short text in the list's place, which is then put into the statements: they
    /// are the same, since nothing in such a credential is a blank node, and the list is one literal of a subject
    /// and predicate that no other statement has. So a long list costs no more than its hash.
    pub fn prepare(
        &self,
        spelling: Spelling,
        encoded_list: &str,
        options: &ProofOptions<'_>,
        contexts: &Contexts,
    ) -> Result<PreparedList, StatusError> {
        let base64url = encoded_list.strip_prefix(MULTIBASE).ok_or(NOT_MULTIBASE)?;
        if !base64url.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
            return Err(NOT_MULTIBASE);
        }
        let (placeholder, encoded_list) = match spelling {
            Spelling::Bitstring => (PLACEHOLDER, encoded_list),
            Spelling::StatusList2021 => (&PLACEHOLDER[MULTIBASE.len_utf8()..], base64url),
        };
        let credential = self.credential(spelling, PLACEHOLDER);
        let prepared = DataIntegrity::prepare(credential.clone(), options, contexts)?;
        let hash = options.cryptosuite.hash();
        let quads = to_canonical_quads(&Value::Object(credential), contexts, hash)
            .map_err(|error| StatusError::Proof(error.into()))?;
        let (before, after) =
            quads.split_once(&format!("\"{placeholder}\"")).ok_or(StatusError::Encoding("it has no place"))?;
        let quads = [before, "\"", encoded_list, "\"", after].concat();
        // The hash of the proof's options stands first, and is as long as that of the document.
        let options_hash = prepared.signing_input().get(..prepared.signing_input().len() / 2).unwrap_or_default();
        let signing_input = [options_hash, &hash.digest(quads.as_bytes())].concat();
        Ok(PreparedList { prepared, encoded_list: encoded_list.to_owned(), signing_input })
    }
}

impl PreparedList {
    /// What the signer signs.
    pub fn signing_input(&self) -> &[u8] {
        &self.signing_input
    }

    /// The credential with its proof. The signature is `r ‖ s`, or the 64 bytes of Ed25519.
    pub fn finish(self, signature: &[u8]) -> Value {
        let mut credential = self.prepared.finish(signature);
        if let Some(list) = credential.pointer_mut("/credentialSubject/encodedList") {
            *list = Value::String(self.encoded_list);
        }
        credential
    }
}

/// `encodedList`: the bits under GZIP, as multibase.
pub fn encoded_list(plane: &[u8]) -> Result<String, StatusError> {
    let mut text = String::from(MULTIBASE);
    URL_SAFE_NO_PAD.encode_string(compress::gzip(plane, compress::PUBLISHED)?, &mut text);
    Ok(text)
}

/// The bits of an `encodedList`, of at most so many entries.
pub fn decode_list(encoded_list: &str, max_entries: u32) -> Result<Vec<u8>, StatusError> {
    let base64url = encoded_list.strip_prefix(MULTIBASE).ok_or(NOT_MULTIBASE)?;
    let gzip = URL_SAFE_NO_PAD.decode(base64url).map_err(|_| NOT_MULTIBASE)?;
    let max = max_entries.min(MAX_ENTRIES).div_ceil(8);
    let content = usize::try_from(max).ok().and_then(|max| compress::gunzip(&gzip, max));
    content.ok_or(StatusError::Encoding("not whole GZIP, or too many entries"))
}

/// One object of `credentialStatus`. Under VCDM 1.1 the credential needs [`STATUS_CONTEXT`].
pub fn entry(url: &str, purpose: Purpose, index: u32) -> Value {
    json!({
        "id": format!("{url}#{index}"),
        "type": ENTRY_TYPE,
        "statusPurpose": purpose.as_str(),
        "statusListIndex": index.to_string(),
        "statusListCredential": url,
    })
}

/// An entry of [`Purpose::Message`]: what it means that the bit is clear, and that it is set.
pub fn message_entry(url: &str, index: u32, clear: &str, set: &str) -> Value {
    let mut entry = entry(url, Purpose::Message, index);
    if let Value::Object(members) = &mut entry {
        members.insert("statusSize".to_owned(), json!(1));
        let messages = json!([{"status": "0x0", "message": clear}, {"status": "0x1", "message": set}]);
        members.insert("statusMessage".to_owned(), messages);
    }
    entry
}

const NOT_MULTIBASE: StatusError = StatusError::Encoding("not base64url as multibase (u)");
