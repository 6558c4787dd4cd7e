//! IETF Token Status List: the claims of a `statuslist+jwt`, and the claim that refers to it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::{MAX_ENTRIES, Purpose, StatusBits, StatusError, compress};

/// The header's `typ`; its media type is `application/statuslist+jwt`.
pub const TYP: &str = "statuslist+jwt";

/// The values of an entry.
pub const VALID: u8 = 0;
pub const INVALID: u8 = 1;
pub const SUSPENDED: u8 = 2;

/// What a status list token says of itself.
#[derive(Clone, Copy, Debug)]
pub struct StatusListToken<'a> {
    /// Where it is fetched: the `uri` of the references to it.
    pub url: &'a str,
    pub issuer: &'a str,
    pub issued_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    /// How long a verifier may keep it, in whole seconds, at least one.
    pub ttl: Duration,
}

impl StatusListToken<'_> {
    /// The claims. The header has [`TYP`], and the key's id.
    pub fn claims(&self, bits: &StatusBits) -> Result<Map<String, Value>, StatusError> {
        let (size, packed) = pack(bits)?;
        let list = URL_SAFE_NO_PAD.encode(compress::zlib(&packed, compress::PUBLISHED)?);
        Ok(Map::from_iter([
            ("iss".to_owned(), json!(self.issuer)),
            ("sub".to_owned(), json!(self.url)),
            ("iat".to_owned(), json!(self.issued_at.timestamp())),
            ("exp".to_owned(), json!(self.expires_at.timestamp())),
            ("ttl".to_owned(), json!(self.ttl.as_secs().max(1))),
            ("status_list".to_owned(), json!({"bits": size, "lst": list})),
        ]))
    }
}

/// The claim `status` of a credential.
pub fn reference(url: &str, index: u32) -> Value {
    json!({"status_list": {"idx": index, "uri": url}})
}

/// The values of a token's `status_list`, a byte each, of at most so many entries. The last ones fill up a byte.
pub fn decode_list(size: u8, list: &str, max_entries: u32) -> Result<Vec<u8>, StatusError> {
    if !matches!(size, 1 | 2 | 4 | 8) {
        return Err(StatusError::Encoding("an entry has 1, 2, 4 or 8 bits"));
    }
    let zlib = URL_SAFE_NO_PAD.decode(list).map_err(|_| StatusError::Encoding("not base64url"))?;
    let max = (max_entries.min(MAX_ENTRIES) * u32::from(size)).div_ceil(8);
    let packed = usize::try_from(max).ok().and_then(|max| compress::unzlib(&zlib, max));
    let packed = packed.ok_or(StatusError::Encoding("not whole ZLIB, or too many entries"))?;
    let mask = u8::MAX >> (8 - size);
    let shifts = (0..8).step_by(usize::from(size));
    Ok(packed.iter().flat_map(|byte| shifts.clone().map(move |shift| byte >> shift & mask)).collect())
}

/// Bits an entry, and the entries, the first one in the least significant bits of the first byte. Where a credential
/// can be revoked only, one bit is enough.
pub(super) fn pack(bits: &StatusBits) -> Result<(u8, Vec<u8>), StatusError> {
    let (revoked, suspended) = (bits.plane(Purpose::Revocation), bits.plane(Purpose::Suspension));
    if let Some(revoked) = revoked
        && bits.purposes().count() == 1
    {
        return Ok((1, revoked.iter().map(|byte| byte.reverse_bits()).collect()));
    }
    let Some(length) = revoked.or(suspended).map(<[u8]>::len) else { return Err(StatusError::NoTokenStatus) };
    let mut packed = Vec::with_capacity(length * 2);
    for at in 0..length {
        let byte = |plane: Option<&[u8]>| plane.and_then(|plane| plane.get(at)).copied().unwrap_or_default();
        let (revoked, suspended) = (byte(revoked), byte(suspended));
        // Revoked hides suspended: there is no coming back from it.
        let suspended = suspended & !revoked;
        let values = (spread(revoked) * u16::from(INVALID)) | (spread(suspended) * u16::from(SUSPENDED));
        packed.extend(values.to_le_bytes());
    }
    Ok((2, packed))
}

/// Eight bits, the most significant first, as eight pairs of bits, the least significant first.
const fn spread(byte: u8) -> u16 {
    SPREAD[byte as usize]
}

const SPREAD: [u16; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut index = 0;
        while index < 8 {
            if byte & (0x80 >> index) != 0 {
                table[byte] |= 1 << (2 * index);
            }
            index += 1;
        }
        byte += 1;
    }
    table
};
