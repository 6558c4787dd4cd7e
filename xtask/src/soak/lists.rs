//! Status lists, as verifiers fetch them, and the entries that credentials name.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_credential::status::{MAX_ENTRIES, bitstring};
use serde_json::Value;

use super::{
    check_lives::Look,
    http::{Answer, Http},
    lives::Place,
};

#[derive(Debug, thiserror::Error)]
pub(super) enum NoList {
    #[error("a status list was not answered: {0}")]
    Lost(String),
    #[error("{0}")]
    Refused(String),
}

pub(super) fn fetch(http: &Http, issuer_url: &str, list: &str) -> Result<Look, NoList> {
    let refused = |why: String| NoList::Refused(format!("{list}: {why}"));
    let path = list.strip_prefix(issuer_url).ok_or_else(|| refused("not below the issuer's URL".to_owned()))?;
    let body = match http.get(path) {
        Answer::Received { status: 200, body } => body,
        Answer::Received { status, body } => return Err(refused(format!("{status} {body}"))),
        Answer::Lost(why) => return Err(NoList::Lost(why)),
    };
    let text = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(|| refused(format!("not a list: {body}")));
    let subject = &body["credentialSubject"];
    let plane = bitstring::decode_list(&text(&subject["encodedList"])?, MAX_ENTRIES);
    let plane = plane.map_err(|error| refused(error.to_string()))?;
    let bits = plane.iter().zip(0..).flat_map(|(byte, number): (&u8, u64)| {
        (0..8).filter(move |bit| byte & (0x80 >> bit) != 0).map(move |bit| number * 8 + bit)
    });
    Ok(Look { purpose: text(&subject["statusPurpose"])?, valid_from: text(&body["validFrom"])?, bits: bits.collect() })
}

/// The first entry that a credential names: in `credentialStatus`, or in the claim `status` of an SD-JWT.
pub(super) fn named_by(credential: &Value) -> Option<Place> {
    if let Some(text) = credential.as_str() {
        let payload = URL_SAFE_NO_PAD.decode(text.split('.').nth(1)?).ok()?;
        let payload: Value = serde_json::from_slice(&payload).ok()?;
        let entry = &payload["status"]["status_list"];
        return Some((entry["uri"].as_str()?.to_owned(), entry["idx"].as_u64()?));
    }
    let status = &credential["credentialStatus"];
    let entry = status.as_array().and_then(|entries| entries.first()).unwrap_or(status);
    Some((entry["statusListCredential"].as_str()?.to_owned(), entry["statusListIndex"].as_str()?.parse().ok()?))
}
