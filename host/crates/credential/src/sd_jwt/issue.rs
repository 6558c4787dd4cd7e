//! The issuer's side: claims to signing input to credential.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Map, Value};

use super::frame::{DisclosureFrame, Node};
use super::{DIGEST, MAX_DEPTH, MAX_DISCLOSURES, SD, SD_ALG, SHA_256, SdJwtError, digest, reserved};
use crate::claim_path::is_plain_name;

/// Bytes of a salt: 128 bits, as RFC 9901 §9.3 recommends.
pub const SALT_LEN: usize = 16;
/// Salts are drawn by the block: one system call for most credentials instead of one a claim.
const SALTS_PER_BLOCK: usize = 16;

/// The source of salts failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the source of randomness failed")]
pub struct SaltError;

/// The protected header of an SD-JWT VC.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct SdJwtHeader<'a> {
    /// The signer's algorithm by its JOSE name.
    pub alg: &'a str,
    /// [`super::TYP_DC_SD_JWT`], or [`super::TYP_VC_SD_JWT`] for older wallets.
    pub typ: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<&'a str>,
    /// Certificates in base64 (not base64url), leaf first, without the anchor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x5c: Option<&'a [String]>,
}

/// Makes SD-JWT VCs.
#[derive(Clone, Copy, Debug)]
pub struct SdJwtVc;

/// An SD-JWT VC that lacks its signature only.
pub struct Prepared {
    signing_input: String,
    /// `~disclosure~disclosure~`, or `~`.
    tail: String,
}

impl SdJwtVc {
    /// Hides the disclosable claims behind digests and lays out what is to be signed.
    ///
    /// `salts` fills the slice it gets with fresh random bytes; the slice is some multiple of
    /// [`SALT_LEN`] long. A disclosable claim that is absent or null is no error; one of another shape
    /// than its path says is, since it would otherwise be visible to everybody.
    pub fn prepare(
        claims: Map<String, Value>,
        frame: &DisclosureFrame,
        header: &SdJwtHeader<'_>,
        salts: &mut dyn FnMut(&mut [u8]) -> Result<(), SaltError>,
    ) -> Result<Prepared, SdJwtError> {
        if claims.get("vct").and_then(Value::as_str).is_none_or(str::is_empty) {
            return Err(SdJwtError::MissingVct);
        }
        claims.iter().try_for_each(|(name, value)| check_member(name, value, 1))?;
        let mut blinder = Blinder::new(salts);
        let mut payload = blinder.object(claims, &[&frame.root])?;
        if blinder.count > 0 {
            payload.insert(SD_ALG.to_owned(), Value::String(SHA_256.to_owned()));
        }
        let mut signing_input = String::new();
        URL_SAFE_NO_PAD.encode_string(to_json(header), &mut signing_input);
        signing_input.push('.');
        URL_SAFE_NO_PAD.encode_string(to_json(&payload), &mut signing_input);
        Ok(Prepared { signing_input, tail: blinder.tail })
    }
}

impl Prepared {
    /// What the signer signs.
    pub fn signing_input(&self) -> &[u8] {
        self.signing_input.as_bytes()
    }

    /// The credential: `<jwt>~<disclosure>~…~`. The signature has its JOSE form.
    pub fn finish(self, signature: &[u8]) -> String {
        let mut credential = self.signing_input;
        credential.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut credential);
        credential.push_str(&self.tail);
        credential
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").finish_non_exhaustive()
    }
}

/// Walks claims and frame together; collects the disclosures.
struct Blinder<'s> {
    salts: &'s mut dyn FnMut(&mut [u8]) -> Result<(), SaltError>,
    block: [u8; SALT_LEN * SALTS_PER_BLOCK],
    unused: usize,
    count: usize,
    tail: String,
    scratch: Vec<u8>,
    path: Vec<String>,
}

impl<'s> Blinder<'s> {
    fn new(salts: &'s mut dyn FnMut(&mut [u8]) -> Result<(), SaltError>) -> Self {
        Self {
            salts,
            block: [0; SALT_LEN * SALTS_PER_BLOCK],
            unused: 0,
            count: 0,
            tail: "~".to_owned(),
            scratch: Vec::new(),
            path: Vec::new(),
        }
    }

    fn object(&mut self, claims: Map<String, Value>, nodes: &[&Node]) -> Result<Map<String, Value>, SdJwtError> {
        let mut visible = Map::new();
        let mut digests = Vec::new();
        for (name, value) in claims {
            let below: Vec<&Node> = nodes.iter().filter_map(|node| node.names.get(&name)).collect();
            if below.is_empty() {
                visible.insert(name, value);
                continue;
            }
            let step = if is_plain_name(&name) { format!(".{name}") } else { format!("[{name:?}]") };
            let value = self.value(value, &below, step)?;
            if below.iter().any(|node| node.disclose) {
                digests.push(self.disclose(Some(&name), &value)?);
            } else {
                visible.insert(name, value);
            }
        }
        if !digests.is_empty() {
            // Sorted, so that the order of the claims says nothing about the digests.
            digests.sort_unstable();
            visible.insert(SD.to_owned(), digests.into());
        }
        Ok(visible)
    }

    fn array(&mut self, items: Vec<Value>, nodes: &[&Node]) -> Result<Vec<Value>, SdJwtError> {
        let mut visible = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let below: Vec<&Node> =
                nodes.iter().flat_map(|node| [node.all.as_deref(), node.indices.get(&index)]).flatten().collect();
            let item = if below.is_empty() { item } else { self.value(item, &below, format!("[{index}]"))? };
            if below.iter().any(|node| node.disclose) {
                let digest = self.disclose(None, &item)?;
                visible.push(Map::from_iter([(DIGEST.to_owned(), Value::String(digest))]).into());
            } else {
                visible.push(item);
            }
        }
        Ok(visible)
    }

    fn value(&mut self, value: Value, nodes: &[&Node], step: String) -> Result<Value, SdJwtError> {
        let wants_object = nodes.iter().any(|node| node.wants_object());
        let wants_array = nodes.iter().any(|node| node.wants_array());
        if !wants_object && !wants_array {
            return Ok(value);
        }
        self.path.push(step);
        let value = match value {
            Value::Object(members) if !wants_array => self.object(members, nodes).map(Value::Object)?,
            Value::Array(items) if !wants_object => self.array(items, nodes).map(Value::Array)?,
            Value::Null => Value::Null,
            _ => {
                let expected = if wants_object { "an object" } else { "an array" };
                return Err(SdJwtError::PathMismatch { at: format!("${}", self.path.concat()), expected });
            }
        };
        self.path.pop();
        Ok(value)
    }

    /// Appends one disclosure and gives its digest.
    fn disclose(&mut self, name: Option<&str>, value: &Value) -> Result<String, SdJwtError> {
        if self.count == MAX_DISCLOSURES {
            return Err(SdJwtError::TooManyDisclosures);
        }
        self.count += 1;
        let salt = self.salt()?;
        self.scratch.clear();
        write_disclosure(&mut self.scratch, &salt, name, value);
        let start = self.tail.len();
        URL_SAFE_NO_PAD.encode_string(&self.scratch, &mut self.tail);
        let digest = digest(&self.tail[start..]);
        self.tail.push('~');
        Ok(digest)
    }

    fn salt(&mut self) -> Result<String, SaltError> {
        if self.unused == 0 {
            (self.salts)(&mut self.block)?;
            self.unused = SALTS_PER_BLOCK;
        }
        let start = (SALTS_PER_BLOCK - self.unused) * SALT_LEN;
        self.unused -= 1;
        Ok(URL_SAFE_NO_PAD.encode(&self.block[start..start + SALT_LEN]))
    }
}

/// `["salt","name",value]`, or `["salt",value]` for an array element. The salt needs no escaping.
pub(super) fn write_disclosure(out: &mut Vec<u8>, salt: &str, name: Option<&str>, value: &Value) {
    out.extend_from_slice(b"[\"");
    out.extend_from_slice(salt.as_bytes());
    out.extend_from_slice(b"\",");
    if let Some(name) = name {
        append_json(out, name);
        out.push(b',');
    }
    append_json(out, value);
    out.push(b']');
}

/// The mechanism's own names must not come from data: they would hide or forge claims.
fn check_member(name: &str, value: &Value, depth: usize) -> Result<(), SdJwtError> {
    match reserved(name) {
        Some(name) => Err(SdJwtError::ReservedName(name)),
        None => check_value(value, depth),
    }
}

fn check_value(value: &Value, depth: usize) -> Result<(), SdJwtError> {
    if depth > MAX_DEPTH {
        return Err(SdJwtError::TooDeep);
    }
    match value {
        Value::Object(members) => members.iter().try_for_each(|(name, value)| check_member(name, value, depth + 1)),
        Value::Array(items) => items.iter().try_for_each(|item| check_value(item, depth + 1)),
        _ => Ok(()),
    }
}

fn to_json<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    append_json(&mut bytes, value);
    bytes
}

/// Text, JSON values and text-keyed maps written to memory: serde_json has no way to fail here.
fn append_json<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    let written = serde_json::to_writer(out, value);
    debug_assert!(written.is_ok(), "JSON values always serialise");
}
