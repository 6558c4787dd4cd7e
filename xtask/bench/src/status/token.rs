//! Status list tokens, and the references to them, as a verifier reads them. Signatures are not looked at: here it is
//! only asked when something shows.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chancery_credential::status::{
    MAX_ENTRIES,
    token::{INVALID, decode_list},
};
use serde_json::Value;

use crate::Result;

pub(super) const STATUS_LIST_TOKEN: &str = "application/statuslist+jwt";

/// Where the status of a credential stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// The path of its list.
    pub(super) list: String,
    pub(super) index: u32,
}

impl Entry {
    /// Of an SD-JWT VC of the server at `url`.
    pub(super) fn of_sd_jwt(credential: &str, url: &str) -> Result<Self> {
        let payload = payload(credential.split('~').next().unwrap_or_default())?;
        let reference = &payload["status"]["status_list"];
        let list = reference["uri"].as_str().and_then(|uri| uri.strip_prefix(url));
        let index = reference["idx"].as_u64().and_then(|index| u32::try_from(index).ok());
        match (list, index) {
            (Some(list), Some(index)) => Ok(Self { list: list.to_owned(), index }),
            _ => Err("a credential refers to no status list of its issuer".into()),
        }
    }
}

/// A byte for each entry.
pub(super) fn values(token: &[u8]) -> Result<Vec<u8>> {
    let payload = payload(std::str::from_utf8(token)?)?;
    let list = &payload["status_list"];
    let size = list["bits"].as_u64().and_then(|bits| u8::try_from(bits).ok());
    let (size, list) = size.zip(list["lst"].as_str()).ok_or("a status list token has no list")?;
    Ok(decode_list(size, list, MAX_ENTRIES)?)
}

pub(super) fn is_revoked(values: &[u8], index: u32) -> bool {
    usize::try_from(index).ok().and_then(|index| values.get(index)) == Some(&INVALID)
}

fn payload(jwt: &str) -> Result<Value> {
    let payload = jwt.split('.').nth(1).ok_or("not a JWT")?;
    Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload)?)?)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chancery_credential::status::{Purpose, StatusBits, token::StatusListToken};
    use chrono::{DateTime, Utc};
    use serde_json::json;

    use super::*;

    fn jwt(payload: &Value) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(payload.to_string()))
    }

    #[test]
    fn an_entry_is_read_from_the_credential() {
        let url = "http://localhost:8080";
        let reference = json!({"idx": 7, "uri": format!("{url}/credentials/status-list/a")});
        let credential = format!("{}~disclosure~", jwt(&json!({"status": {"status_list": reference}})));
        let entry = Entry::of_sd_jwt(&credential, url).unwrap();
        assert_eq!(entry, Entry { list: "/credentials/status-list/a".to_owned(), index: 7 });
        assert!(Entry::of_sd_jwt(&credential, "http://elsewhere").is_err());
        assert!(Entry::of_sd_jwt(&jwt(&json!({})), url).is_err());
    }

    #[test]
    fn only_what_is_revoked_counts_as_revoked() {
        let mut bits = StatusBits::new(&[Purpose::Revocation, Purpose::Suspension], 64).unwrap();
        bits.set(Purpose::Revocation, 9, true).unwrap();
        bits.set(Purpose::Suspension, 10, true).unwrap();
        let at = DateTime::<Utc>::UNIX_EPOCH;
        let ttl = Duration::from_secs(1);
        let token = StatusListToken { url: "u", issuer: "i", issued_at: at, expires_at: at, ttl };
        let claims = Value::Object(token.claims(&bits).unwrap());
        let values = values(jwt(&claims).as_bytes()).unwrap();
        let revoked: Vec<u32> = (0..100).filter(|index| is_revoked(&values, *index)).collect();
        assert_eq!(revoked, [9]);
    }
}
