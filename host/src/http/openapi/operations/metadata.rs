//! Metadata and keys.

use super::Described;
use crate::http::metadata::{IssuerMetadata, JwtVcIssuer, ServerMetadata};
use crate::http::openapi::operation::{Operation, Tag, operation, schema_of};
use crate::http::openapi::{DidDocument, JwkSet};

pub(super) fn operations() -> Vec<Described> {
    vec![
        ("GET", "/.well-known/openid-credential-issuer", credential_issuer()),
        ("GET", "/.well-known/oauth-authorization-server", authorization_server()),
        ("GET", "/.well-known/jwt-vc-issuer", jwt_vc_issuer()),
        ("GET", "/.well-known/jwks.json", jwks()),
        ("GET", "/.well-known/did.json", did("readDid", "Reads the default issuer's DID document")),
        ("GET", "/issuers/{issuer}/did.json", did("readDidOfIssuer", "Reads another issuer's DID document")),
    ]
}

fn metadata(id: &'static str, summary: &'static str) -> Operation {
    operation(Tag::Metadata, id, summary)
}

fn credential_issuer() -> Operation {
    metadata("readIssuerMetadata", "Reads the credential issuer metadata")
        .text("OpenID4VCI 1.0, 12.2.")
        .answers::<IssuerMetadata>(200, "What is issued, and where")
        .header("cache-control", "For how long it may be kept")
}

fn authorization_server() -> Operation {
    metadata("readServerMetadata", "Reads the authorization server metadata")
        .text("RFC 8414.")
        .answers::<ServerMetadata>(200, "Grants, scopes and endpoints")
        .header("cache-control", "For how long it may be kept")
}

fn jwt_vc_issuer() -> Operation {
    metadata("readJwtVcIssuer", "Reads the JWT VC issuer metadata")
        .text("SD-JWT VC, 5.")
        .answers::<JwtVcIssuer>(200, "The keys that sign credentials, with the issuer")
        .header("cache-control", "For how long it may be kept")
}

fn jwks() -> Operation {
    metadata("readKeys", "Reads the keys that sign credentials")
        .text("Retired ones included, as long as credentials by them are valid.")
        .answers::<JwkSet>(200, "The keys")
        .header("cache-control", "For how long they may be kept")
}

fn did(id: &'static str, summary: &'static str) -> Operation {
    metadata(id, summary)
        .text("did:web.")
        .answers_as(200, "application/did+ld+json", schema_of::<DidDocument>, "The DID document")
        .header("cache-control", "For how long it may be kept")
}
