//! Documents that are put together elsewhere (keys crate, offers), as the document here describes them.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// RFC 7517, 5.
#[derive(Debug)]
pub(crate) struct JwkSet;

/// DID Core 1.0, with `JsonWebKey` and `Multikey` methods.
#[derive(Debug)]
pub(crate) struct DidDocument;

/// OpenID4VCI 1.0, 4.1.1.
#[derive(Debug)]
pub(crate) struct CredentialOffer;

impl JsonSchema for JwkSet {
    fn schema_name() -> Cow<'static, str> {
        "JwkSet".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "JWK set (RFC 7517, 5) of public keys",
            "type": "object",
            "required": ["keys"],
            "properties": {"keys": {"type": "array", "items": {
                "type": "object",
                "required": ["kty"],
                "properties": {
                    "kty": {"type": "string"}, "crv": {"type": "string"}, "x": {"type": "string"}, "y": {"type": "string"},
                    "kid": {"type": "string"}, "alg": {"type": "string"}, "use": {"type": "string"},
                },
            }}},
        })
    }
}

impl JsonSchema for DidDocument {
    fn schema_name() -> Cow<'static, str> {
        "DidDocument".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "DID document (DID Core 1.0): each key as JsonWebKey and as Multikey",
            "type": "object",
            "required": ["@context", "id", "verificationMethod", "assertionMethod"],
            "properties": {
                "@context": {"type": "array", "items": {"type": "string"}},
                "id": {"type": "string"},
                "verificationMethod": {"type": "array", "items": {
                    "type": "object",
                    "required": ["id", "type", "controller"],
                    "properties": {
                        "id": {"type": "string"},
                        "type": {"enum": ["JsonWebKey", "Multikey"]},
                        "controller": {"type": "string"},
                        "publicKeyJwk": {"type": "object"},
                        "publicKeyMultibase": {"type": "string"},
                    },
                }},
                "assertionMethod": {"type": "array", "items": {"type": "string"}},
            },
        })
    }
}

impl JsonSchema for CredentialOffer {
    fn schema_name() -> Cow<'static, str> {
        "CredentialOffer".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Credential offer (OpenID4VCI 1.0, 4.1.1)",
            "type": "object",
            "required": ["credential_issuer", "credential_configuration_ids", "grants"],
            "properties": {
                "credential_issuer": {"type": "string"},
                "credential_configuration_ids": {"type": "array", "minItems": 1, "items": {"type": "string"}},
                "grants": {"type": "object", "properties": {
                    "urn:ietf:params:oauth:grant-type:pre-authorized_code": {
                        "type": "object",
                        "required": ["pre-authorized_code"],
                        "properties": {
                            "pre-authorized_code": {"type": "string"},
                            "tx_code": {"type": "object"},
                        },
                    },
                }},
            },
        })
    }
}
