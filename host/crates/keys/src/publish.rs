//! What verifiers read: the DID document and the JWK set of an issuer.

use serde_json::{Map, Value, json};

use crate::PublicKey;

/// The DID document with the given keys, each as `JsonWebKey` (`#<key id>`, for JOSE) and as `Multikey`
/// (`#<key id>-multikey`, for Data Integrity), all allowed to make assertions.
pub fn did_document(did: &str, keys: &[(String, PublicKey)]) -> Value {
    let methods: Vec<Value> = keys.iter().flat_map(|(id, key)| verification_methods(did, id, key)).collect();
    let ids: Vec<Value> = methods.iter().map(|method| method["id"].clone()).collect();
    json!({
        "@context": [
            "https://www.w3.org/ns/did/v1",
            "https://w3id.org/security/multikey/v1",
            "https://w3id.org/security/jwk/v1",
        ],
        "id": did,
        "verificationMethod": methods,
        "assertionMethod": ids,
    })
}

/// The JWK set with the given keys.
pub fn jwks(keys: &[(String, PublicKey)]) -> Value {
    let keys: Vec<Value> = keys
        .iter()
        .map(|(id, key)| {
            let mut jwk = named_jwk(id, key);
            jwk.insert("use".to_owned(), json!("sig"));
            jwk.insert("alg".to_owned(), json!(key.algorithm().as_str()));
            Value::Object(jwk)
        })
        .collect();
    json!({ "keys": keys })
}

fn verification_methods(did: &str, id: &str, key: &PublicKey) -> [Value; 2] {
    [
        json!({
            "id": format!("{did}#{id}"),
            "type": "JsonWebKey",
            "controller": did,
            "publicKeyJwk": named_jwk(id, key),
        }),
        json!({
            "id": format!("{did}#{id}-multikey"),
            "type": "Multikey",
            "controller": did,
            "publicKeyMultibase": key.to_multikey(),
        }),
    ]
}

fn named_jwk(id: &str, key: &PublicKey) -> Map<String, Value> {
    let mut jwk = key.to_jwk();
    jwk.insert("kid".to_owned(), json!(id));
    jwk
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519: &str = "z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";
    const P256: &str = "zDnaerx9CtbPJ1q36T5Ln5wYt3MQYeGRG5ehnPAmxcf5mDZpv";

    fn keys() -> Vec<(String, PublicKey)> {
        [("k1", P256), ("k2", ED25519)]
            .map(|(id, text)| (id.to_owned(), PublicKey::from_multikey(text).unwrap()))
            .to_vec()
    }

    #[test]
    fn the_did_document_lists_every_key_in_both_forms() {
        let document = did_document("did:web:issuer.example", &keys());
        assert_eq!(document["id"], "did:web:issuer.example");
        let ids = json!([
            "did:web:issuer.example#k1",
            "did:web:issuer.example#k1-multikey",
            "did:web:issuer.example#k2",
            "did:web:issuer.example#k2-multikey",
        ]);
        assert_eq!(document["assertionMethod"], ids);
        let methods = document["verificationMethod"].as_array().unwrap();
        assert!(methods.iter().all(|method| method["controller"] == "did:web:issuer.example"));
        assert_eq!(methods[1]["publicKeyMultibase"], P256);
        let jwk = methods[2]["publicKeyJwk"].as_object().unwrap();
        assert_eq!(PublicKey::from_jwk(jwk).unwrap(), keys()[1].1);
    }

    #[test]
    fn the_jwks_names_use_algorithm_and_key_id() {
        let set = jwks(&keys());
        assert_eq!(
            set["keys"][0],
            json!({
                "crv": "P-256", "kty": "EC",
                "x": "igrFmi0whuihKnj9R3Om1SoMph72wUGeFaBbzG2vzns",
                "y": "efsX5b10x8yjyrj4ny3pGfLcY7Xby1KzgqOdqnsrJIM",
                "kid": "k1", "use": "sig", "alg": "ES256",
            })
        );
        assert_eq!(set["keys"][1]["alg"], "EdDSA");
        assert_eq!(jwks(&[]), json!({ "keys": [] }));
    }
}
