//! The contexts that a credential may name: the bundled ones and those of its configuration. Nothing is fetched.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::JsonLdError;
use super::document::child;

/// The first context of every VCDM 2.0 credential.
pub const CREDENTIALS_V2: &str = "https://www.w3.org/ns/credentials/v2";
/// The first context of every VCDM 1.1 credential.
pub const CREDENTIALS_V1: &str = "https://www.w3.org/2018/credentials/v1";
/// Defines `DataIntegrityProof` where the first context does not (VCDM 1.1).
pub const DATA_INTEGRITY_V2: &str = "https://w3id.org/security/data-integrity/v2";

/// Most contexts that one configuration brings along, and the size of each as JSON.
pub const MAX_OWN_CONTEXTS: usize = 32;
pub const MAX_CONTEXT_BYTES: usize = 256 * 1024;

const BUNDLED: [(&str, &[u8]); 8] = [
    (CREDENTIALS_V2, include_bytes!("../../contexts/credentials-v2.jsonld")),
    (CREDENTIALS_V1, include_bytes!("../../contexts/credentials-v1.jsonld")),
    (DATA_INTEGRITY_V2, include_bytes!("../../contexts/data-integrity-v2.jsonld")),
    ("https://w3id.org/security/multikey/v1", include_bytes!("../../contexts/multikey-v1.jsonld")),
    ("https://w3id.org/security/suites/ed25519-2020/v1", include_bytes!("../../contexts/ed25519-2020-v1.jsonld")),
    ("https://www.w3.org/ns/did/v1", include_bytes!("../../contexts/did-v1.jsonld")),
    ("https://w3id.org/vc/status-list/2021/v1", include_bytes!("../../contexts/status-list-2021-v1.jsonld")),
    ("https://www.w3.org/ns/credentials/status/v1", include_bytes!("../../contexts/bitstring-status-list-v1.jsonld")),
];

/// Context documents by URL; cloning shares them.
#[derive(Clone, Debug)]
pub struct Contexts {
    own: Arc<BTreeMap<String, Vec<u8>>>,
}

impl Contexts {
    /// The bundled ones alone.
    pub fn bundled() -> Self {
        Self { own: Arc::default() }
    }

    /// The bundled ones, and documents by their URLs. Refuses a URL that is bundled already (verifiers know that
    /// one) and contexts that could make a claim vanish, reset what is protected, or fetch more.
    pub fn with<'a>(documents: impl IntoIterator<Item = (&'a str, &'a Value)>) -> Result<Self, JsonLdError> {
        let mut own = BTreeMap::new();
        for (url, document) in documents {
            let refused =
                |problem: &str| Err(JsonLdError::Context { url: url.to_owned(), problem: problem.to_owned() });
            if oxrdf::NamedNode::new(url).is_err() || !url.starts_with("https://") {
                return refused("its URL must be an absolute https URL");
            }
            if BUNDLED.iter().any(|(bundled, _)| *bundled == url) {
                return refused("it is bundled already, and cannot be replaced");
            }
            let Some(context) = document.get("@context") else {
                return refused("it must be an object with the member @context");
            };
            check_context(context, "@context")
                .map_err(|problem| JsonLdError::Context { url: url.to_owned(), problem })?;
            let bytes = document.to_string().into_bytes();
            if bytes.len() > MAX_CONTEXT_BYTES {
                return refused("it is too long");
            }
            own.insert(url.to_owned(), bytes);
            if own.len() > MAX_OWN_CONTEXTS {
                return refused("it is one too many");
            }
        }
        Ok(Self { own: Arc::new(own) })
    }

    /// The document behind a URL, as JSON text.
    pub fn get(&self, url: &str) -> Option<&[u8]> {
        let bundled = BUNDLED.iter().find(|(known, _)| *known == url).map(|(_, bytes)| *bytes);
        bundled.or_else(|| self.own.get(url).map(Vec::as_slice))
    }
}

/// Looks through a context that we did not bundle for what takes a claim out of the signature in silence: `null`
/// (an undefined term), `@vocab` and `@base` set to nothing, and base directions, which would have to be carried over
/// to every text below.
pub(super) fn check_context(context: &Value, path: &str) -> Result<(), String> {
    match context {
        Value::Null => Err(format!("{path}: null takes definitions away")),
        Value::Array(items) => {
            items.iter().enumerate().try_for_each(|(i, item)| check_context(item, &format!("{path}[{i}]")))
        }
        Value::Object(members) => members.iter().try_for_each(|(name, value)| match name.as_str() {
            "@base" | "@direction" | "@nest" | "@propagate" => Err(format!("{path}: {name} cannot be used here")),
            "@vocab" if value.as_str().is_none_or(|v| oxrdf::NamedNode::new(v).is_err()) => {
                Err(format!("{path}: @vocab must be an absolute IRI"))
            }
            // "No language" is no loss.
            "@language" => Ok(()),
            _ => check_context(value, &child(path, name)),
        }),
        Value::String(_) | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sha2::{Digest as _, Sha256};

    use super::*;

    const URL: &str = "https://example.org/own/v1";

    /// A context whose bytes change is another context: verifiers have the published one.
    #[test]
    fn bundled_contexts_are_the_published_bytes() {
        let digests: Vec<String> = BUNDLED.iter().map(|(_, bytes)| format!("{:x}", Sha256::digest(bytes))).collect();
        assert_eq!(
            digests,
            [
                // VC Data Model 2.0, appendix B.1.
                "59955ced6697d61e03f2b2556febe5308ab16842846f5b586d7f1f7adec92734",
                "00d7dd6d3ad8b920e3e550dd3a3d9090bffcac84cdbf943da6924b3e0a5c8bb8",
                "0f77743daf5b4e8fc067fc5ba5b21044283053aa717fc6b0219843bed3b00363",
                "c5f3806f8286920573221938917988a18a4cc5a09e968d29649613c7a1c2b1f6",
                "b9e1ab971fd8bf2c7553e0c4a9438e0b9450afde1ea1ca5b2492368b9f549588",
                "62c1054bf404d6dd3a4b26b64f830fd72095f6a26edc4469908c94351352ce5f",
                "634d71c159289f068c96012e4511c657fdf82ac4231900081bda3ba24e2e1160",
                "fd08cbf28ddd829ab2f1978c48f43ab07a112c1c90245a0cfac7ba721c65170c",
            ]
        );
    }

    #[test]
    fn own_contexts_stand_beside_the_bundled_ones() {
        let own = json!({"@context": {"@language": null, "name": "https://example.org/name"}});
        let contexts = Contexts::with([(URL, &own)]).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(contexts.get(URL).unwrap()).unwrap(), own);
        assert!(contexts.get(CREDENTIALS_V2).is_some() && contexts.get("https://example.org/other").is_none());
        assert!(Contexts::bundled().get(URL).is_none());
    }

    #[test]
    fn contexts_that_could_hide_claims_are_refused() {
        for (url, document, hint) in [
            (URL, json!({"@context": {"secret": null}}), "@context.secret: null"),
            (
                URL,
                json!({"@context": {"a": {"@id": "https://e.org/a", "@context": [null]}}}),
                "@context.a.@context[0]: null",
            ),
            (URL, json!({"@context": {"@vocab": null}}), "@vocab"),
            (URL, json!({"@context": {"@vocab": ""}}), "@vocab"),
            (URL, json!({"@context": {"@base": "https://e.org/"}}), "@base"),
            (URL, json!({"@context": {"a": {"@id": "https://e.org/a", "@direction": "rtl"}}}), "@direction"),
            (URL, json!({"name": "https://e.org/name"}), "@context"),
            (URL, json!([]), "@context"),
            (CREDENTIALS_V2, json!({"@context": {}}), "bundled"),
            ("own/v1", json!({"@context": {}}), "https"),
            ("http://example.org/own", json!({"@context": {}}), "https"),
            (URL, json!({"@context": {"a": "x".repeat(MAX_CONTEXT_BYTES)}}), "too long"),
        ] {
            let text = Contexts::with([(url, &document)]).unwrap_err().to_string();
            assert!(text.contains(hint) && text.contains(url), "{text:.200}");
        }
    }
}
