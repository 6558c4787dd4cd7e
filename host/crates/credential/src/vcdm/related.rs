//! `relatedResource` (VCDM 2.0, section 5.3): what a credential refers to, with its digests.
//!
//! Nothing is fetched, so a digest that is another resource's passes; one that can be nobody's does not.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::{VcdmError, check_url, error, items};

/// Hashes of Subresource Integrity, and the characters of a digest in base64 without padding.
const SRI_HASHES: [(&str, usize); 3] = [("sha256-", 43), ("sha384-", 64), ("sha512-", 86)];

/// Multihash codes and lengths that VC Data Integrity knows: SHA-2 with 256, 384 and 512 bits, SHA-3 with the same.
const MULTIHASHES: [[u8; 2]; 6] = [[0x12, 32], [0x20, 48], [0x13, 64], [0x16, 32], [0x15, 48], [0x14, 64]];
/// Longest digest that is decoded: base58 takes the square of the length.
const MAX_MULTIBASE_LEN: usize = 128;
const MAX_RESOURCES: usize = 1_000;

pub(super) fn check(credential: &Map<String, Value>) -> Result<(), VcdmError> {
    let Some(value) = credential.get("relatedResource") else { return Ok(()) };
    let resources = items(value, "relatedResource");
    if resources.is_empty() {
        return Err(error("relatedResource", "must be an object, or an array of such"));
    }
    if resources.len() > MAX_RESOURCES {
        return Err(error("relatedResource", "names more than 1,000 resources"));
    }
    let mut ids = HashSet::new();
    for (path, resource) in resources {
        let id = resource.get("id").unwrap_or(&Value::Null);
        check_url(id, &format!("{path}.id"))?;
        if !ids.insert(id.as_str()) {
            return Err(error(format!("{path}.id"), "names a resource twice"));
        }
        check_digests(resource, &path)?;
        if resource.get("mediaType").is_some_and(|media_type| !media_type.as_str().is_some_and(is_media_type)) {
            return Err(error(format!("{path}.mediaType"), "must be a media type, as in application/json"));
        }
    }
    Ok(())
}

fn check_digests(resource: &Value, path: &str) -> Result<(), VcdmError> {
    let (sri, multibase) = (resource.get("digestSRI"), resource.get("digestMultibase"));
    if sri.is_none() && multibase.is_none() {
        return Err(error(path, "needs digestSRI or digestMultibase"));
    }
    // One or more: several in a text, or several texts.
    if let Some(value) = sri
        && !all_texts(value, |text| !text.trim().is_empty() && text.split_ascii_whitespace().all(is_sri))
    {
        return Err(error(format!("{path}.digestSRI"), "must be a digest as in sha384-…, in base64"));
    }
    if let Some(value) = multibase
        && !all_texts(value, is_multibase_digest)
    {
        return Err(error(format!("{path}.digestMultibase"), "must be a multihash, as multibase u or z"));
    }
    Ok(())
}

fn all_texts(value: &Value, accept: impl Fn(&str) -> bool) -> bool {
    let items = items(value, "");
    !items.is_empty() && items.iter().all(|(_, item)| item.as_str().is_some_and(&accept))
}

/// A `hash-expression` of Subresource Integrity, no shorter than its digest. Its exact length is not asked for: the
/// data model's own test suite has digests in hexadecimal, and with one character too many, among the good ones.
fn is_sri(text: &str) -> bool {
    SRI_HASHES.iter().any(|(hash, length)| {
        text.strip_prefix(hash).is_some_and(|value| {
            let digits = value.strip_suffix("==").or_else(|| value.strip_suffix('=')).unwrap_or(value);
            let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
            digits.len() >= *length && digits.bytes().all(is_digit)
        })
    })
}

fn is_multibase_digest(text: &str) -> bool {
    if text.len() > MAX_MULTIBASE_LEN {
        return false;
    }
    let bytes = match text.split_at_checked(1) {
        Some(("u", rest)) => URL_SAFE_NO_PAD.decode(rest).ok(),
        Some(("z", rest)) => bs58::decode(rest).into_vec().ok(),
        _ => None,
    };
    // Each code and length is below 128, so a byte in the multihash.
    bytes
        .as_deref()
        .and_then(<[u8]>::split_first_chunk::<2>)
        .is_some_and(|(head, digest)| MULTIHASHES.contains(head) && digest.len() == usize::from(head[1]))
}

fn is_media_type(text: &str) -> bool {
    let essence = text.split_once(';').map_or(text, |(essence, _)| essence.trim_end());
    let is_name = |name: &str| {
        let is_character = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
        !name.is_empty() && name.bytes().all(is_character)
    };
    essence.split_once('/').is_some_and(|(kind, subtype)| is_name(kind) && is_name(subtype))
}
