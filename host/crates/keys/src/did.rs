//! did:key, did:jwk and did:web: making identifiers, and resolving the first two.
//!
//! Both are resolved from their own text; nothing here reaches a network.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::strict_json::object_from_slice;
use crate::{KeyError, PublicKey};

/// Longest DID URL that is looked at.
pub const MAX_DID_URL_LEN: usize = 2048;

/// What a DID URL of did:key or did:jwk stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedKey {
    /// The DID without a fragment.
    pub did: String,
    /// The absolute id of its only verification method.
    pub verification_method: String,
    pub public_key: PublicKey,
    /// The JWK as it stands in a did:jwk; for did:key the required members.
    pub jwk: Map<String, Value>,
}

/// Why a DID was refused. Every text is safe to show to whoever sent it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DidError {
    #[error("the DID URL is longer than {MAX_DID_URL_LEN} characters")]
    TooLong,
    #[error("the DID method is not supported; use did:key or did:jwk")]
    UnsupportedMethod,
    #[error("the DID URL carries a path or a query, which did:key and did:jwk do not have")]
    UnexpectedParts,
    #[error("the DID URL's fragment names no verification method of this DID")]
    UnknownFragment,
    #[error("the did:jwk does not hold a JWK as base64url")]
    NotAJwk,
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("no did:web can be made of this URL: {0}")]
    NotWeb(&'static str),
}

/// `did:key:z…` of a key.
pub fn did_key(key: &PublicKey) -> String {
    format!("did:key:{}", key.to_multikey())
}

/// `did:jwk:…` of a key, always from the same spelling of it: the required members, sorted.
pub fn did_jwk(key: &PublicKey) -> String {
    format!("did:jwk:{}", URL_SAFE_NO_PAD.encode(Value::Object(key.to_jwk()).to_string()))
}

/// Resolves a did:key or did:jwk, with or without the fragment of its verification method.
pub fn resolve(did_url: &str) -> Result<ResolvedKey, DidError> {
    if did_url.len() > MAX_DID_URL_LEN {
        return Err(DidError::TooLong);
    }
    let (did, fragment) = match did_url.split_once('#') {
        Some((did, fragment)) => (did, Some(fragment)),
        None => (did_url, None),
    };
    let (own_fragment, public_key, jwk) = if let Some(multikey) = did.strip_prefix("did:key:") {
        refuse_parts(multikey)?;
        let key = PublicKey::from_multikey(multikey)?;
        let jwk = key.to_jwk();
        (multikey, key, jwk)
    } else if let Some(encoded) = did.strip_prefix("did:jwk:") {
        refuse_parts(encoded)?;
        let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| DidError::NotAJwk)?;
        let jwk = object_from_slice(&bytes).map_err(|_| DidError::NotAJwk)?;
        ("0", PublicKey::from_jwk(&jwk)?, jwk)
    } else {
        return Err(DidError::UnsupportedMethod);
    };
    if fragment.is_some_and(|fragment| fragment != own_fragment) {
        return Err(DidError::UnknownFragment);
    }
    Ok(ResolvedKey { did: did.to_owned(), verification_method: format!("{did}#{own_fragment}"), public_key, jwk })
}

/// The did:web of an issuer's public URL: `http://localhost:8080/a/b` gives
/// `did:web:localhost%3A8080:a:b`. did:web always resolves over https; an http URL serves local use.
pub fn did_web_from_url(url: &str) -> Result<String, DidError> {
    if url.len() > MAX_DID_URL_LEN {
        return Err(DidError::TooLong);
    }
    let (default_port, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => ("443", rest),
        (_, Some(rest)) => ("80", rest),
        _ => return Err(DidError::NotWeb("it starts with neither https:// nor http://")),
    };
    if rest.contains(['?', '#']) {
        return Err(DidError::NotWeb("it has a query or a fragment"));
    }
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = split_port(authority)?;
    let mut did = format!("did:web:{}", host.to_ascii_lowercase());
    if let Some(port) = port.filter(|port| *port != default_port) {
        did.push_str("%3A");
        did.push_str(port);
    }
    let path = path.strip_suffix('/').unwrap_or(path);
    for segment in path.split('/').filter(|_| !path.is_empty()) {
        did.push(':');
        push_segment(&mut did, segment)?;
    }
    Ok(did)
}

fn refuse_parts(method_specific_id: &str) -> Result<(), DidError> {
    if method_specific_id.contains(['/', '?', ';']) {
        return Err(DidError::UnexpectedParts);
    }
    Ok(())
}

fn split_port(authority: &str) -> Result<(&str, Option<&str>), DidError> {
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let host_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    if host.is_empty() || !host.chars().all(host_char) {
        return Err(DidError::NotWeb("its host is not a plain DNS name"));
    }
    if port.is_some_and(|port| port.parse::<u16>().is_err() || port.starts_with('+')) {
        return Err(DidError::NotWeb("its port is not a number"));
    }
    Ok((host, port))
}

/// Appends a path segment; what a DID cannot spell is percent-encoded, existing escapes are kept.
fn push_segment(did: &mut String, segment: &str) -> Result<(), DidError> {
    if matches!(segment, "" | "." | "..") {
        return Err(DidError::NotWeb("its path has an empty or a relative segment"));
    }
    let is_escape = |rest: &str| rest.get(..2).is_some_and(|pair| pair.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if !segment.split('%').skip(1).all(is_escape) {
        return Err(DidError::NotWeb("its path has a % that escapes nothing"));
    }
    for byte in segment.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'%' => did.push(char::from(byte)),
            _ => {
                let digit = |nibble: u8| char::from(b"0123456789ABCDEF"[usize::from(nibble)]);
                did.extend(['%', digit(byte >> 4), digit(byte & 0xf)]);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Algorithm;

    const DID_KEY: &str = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";

    #[test]
    fn did_key_resolves_with_and_without_its_fragment() {
        let url = format!("{DID_KEY}#z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK");
        let resolved = resolve(&url).unwrap();
        assert_eq!(resolved, resolve(DID_KEY).unwrap());
        assert_eq!((resolved.did.as_str(), &resolved.verification_method), (DID_KEY, &url));
        assert_eq!(resolved.public_key.algorithm(), Algorithm::EdDsa);
        assert_eq!(did_key(&resolved.public_key), DID_KEY);
    }

    #[test]
    fn did_jwk_of_the_method_specification() {
        // did:jwk method specification, P-256 example.
        let did = "did:jwk:eyJjcnYiOiJQLTI1NiIsImt0eSI6IkVDIiwieCI6ImFjYklRaXVNczNpOF91c3pFakoydHBUdFJNNEVVM3l6OTFQSDZDZEgyVjAiLCJ5IjoiX0tjeUxqOXZXTXB0bm1LdG00NkdxRHo4d2Y3NEk1TEtncmwyR3pIM25TRSJ9";
        let resolved = resolve(&format!("{did}#0")).unwrap();
        assert_eq!(resolved.did, did);
        assert_eq!(resolved.verification_method, format!("{did}#0"));
        assert_eq!(resolved.jwk["x"], "acbIQiuMs3i8_uszEjJ2tpTtRM4EU3yz91PH6CdH2V0");
        assert_eq!(did_jwk(&resolved.public_key), did);
    }

    #[test]
    fn did_jwk_keeps_the_jwk_as_it_stands() {
        let jwk = json!({
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            "kty": "OKP", "crv": "Ed25519", "kid": "phone", "use": "sig"
        });
        let did = format!("did:jwk:{}", URL_SAFE_NO_PAD.encode(jwk.to_string()));
        let resolved = resolve(&did).unwrap();
        assert_eq!(Value::Object(resolved.jwk).to_string(), jwk.to_string());
        assert_eq!(resolved.did, did);
    }

    #[test]
    fn foreign_malformed_and_private_dids_are_refused() {
        let private = json!({"kty": "OKP", "crv": "Ed25519", "x": "AA", "d": "AA"}).to_string();
        let private = format!("did:jwk:{}", URL_SAFE_NO_PAD.encode(private));
        let twice = format!("did:jwk:{}", URL_SAFE_NO_PAD.encode(r#"{"kty":"EC","kty":"OKP"}"#));
        for (url, error) in [
            ("did:web:example.com#key-1", DidError::UnsupportedMethod),
            ("did:KEY:z6Mk", DidError::UnsupportedMethod),
            ("", DidError::UnsupportedMethod),
            ("did:key:u6Mk", KeyError::BadMultikey.into()),
            (&format!("{DID_KEY}#z6Mkother"), DidError::UnknownFragment),
            (&format!("{DID_KEY}#"), DidError::UnknownFragment),
            (&format!("{DID_KEY}?a=b"), DidError::UnexpectedParts),
            (&format!("{DID_KEY}/path"), DidError::UnexpectedParts),
            ("did:jwk:%%%", DidError::NotAJwk),
            ("did:jwk:e30", KeyError::MissingMember("kty").into()),
            (&private, KeyError::PrivateMember("d").into()),
            (&twice, DidError::NotAJwk),
            (&format!("did:jwk:{}", "A".repeat(4096)), DidError::TooLong),
        ] {
            assert_eq!(resolve(url).unwrap_err(), error, "{url}");
        }
    }

    #[test]
    fn did_web_spells_ports_and_paths() {
        for (url, did) in [
            ("http://localhost:8080/a/b", "did:web:localhost%3A8080:a:b"),
            ("https://Issuer.Example", "did:web:issuer.example"),
            ("https://issuer.example:443/", "did:web:issuer.example"),
            ("https://issuer.example:8443/x/", "did:web:issuer.example%3A8443:x"),
            ("https://issuer.example/a:b/ü%20", "did:web:issuer.example:a%3Ab:%C3%BC%20"),
        ] {
            assert_eq!(did_web_from_url(url).unwrap(), did);
        }
        for url in [
            "ftp://a",
            "issuer.example",
            "https://",
            "https://a?b",
            "https://a#b",
            "https://u:p@a/",
            "https://[::1]:80/",
            "https://a:b",
            "https://a:+1",
            "https://a//b",
            "https://a/../b",
            "https://bücher.example",
            "https://a/%zz",
            "https://a/%2",
        ] {
            assert!(matches!(did_web_from_url(url), Err(DidError::NotWeb(_))), "{url}");
        }
    }
}
