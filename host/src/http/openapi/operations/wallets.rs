//! OpenID4VCI 1.0.

use serde_json::json;

use super::Described;
use crate::http::credential::{Body, CredentialResponse, Deferred};
use crate::http::deferred::Body as DeferredBody;
use crate::http::nonce::Nonce;
use crate::http::openapi::CredentialOffer;
use crate::http::openapi::operation::{HTML, Operation, Tag, operation};
use crate::http::token::TokenForm;
use crate::oauth::token::TokenResponse;

const REFERENCE: &str = "What the offer's URL ends with: it cannot be guessed";
const TX_CODE: &str = "the code is unknown, used, expired, or another client's; or the transaction code is wrong";

pub(super) fn operations() -> Vec<Described> {
    vec![
        ("GET", "/offers/{offer}", offer_page()),
        ("GET", "/openid4vci/offers/{offer}", offer()),
        ("POST", "/oauth/token", token()),
        ("POST", "/openid4vci/nonce", nonce()),
        ("POST", "/openid4vci/credential", credential()),
        ("POST", "/openid4vci/deferred_credential", deferred()),
    ]
}

fn offer_page() -> Operation {
    operation(Tag::Wallets, "showOffer", "Shows an offer to a person")
        .text("A page with the issuer, the credentials, a QR code and a link for the wallet. No personal data.")
        .path("offer", REFERENCE, json!({"type": "string"}))
        .request_header("accept-language", "Which of the issuer's languages the reader likes best")
        .answers_text(200, HTML, "The page")
        .answers_text(404, HTML, "A page that says that the offer cannot be taken any more")
}

fn offer() -> Operation {
    operation(Tag::Wallets, "readOffer", "Reads an offer by reference")
        .text("OpenID4VCI 1.0, 4.1.3. Until the offer is taken or its time is over.")
        .path("offer", REFERENCE, json!({"type": "string"}))
        .answers::<CredentialOffer>(200, "The credential offer")
        .header("cache-control", "`no-store`")
        .refuses(404, "invalid_request", "there is no such offer, or it was taken or has expired")
}

fn token() -> Operation {
    let assertion = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    operation(Tag::Wallets, "getToken", "Gives an access token")
        .text(
            "Wallets exchange the pre-authorized code of an offer, once. Service clients sign in with \
             `client_credentials` and a client assertion.",
        )
        .form::<TokenForm>()
        .example(
            "wallet",
            json!({"grant_type": "urn:ietf:params:oauth:grant-type:pre-authorized_code", "pre-authorized_code": "oaKazRN8I0IbtZ0C7JuMn5"}),
        )
        .example(
            "client",
            json!({"grant_type": "client_credentials", "client_assertion_type": assertion, "client_assertion": "eyJhbGciOiJFUzI1NiJ9.e30.c2ln"}),
        )
        .answers::<TokenResponse>(200, "The access token")
        .header("cache-control", "`no-store`")
        .refuses(400, "invalid_request", "a parameter is missing, wrong, or there twice")
        .refuses(400, "invalid_grant", TX_CODE)
        .refuses(400, "invalid_scope", "the client does not have this scope")
        .refuses(400, "invalid_authorization_details", "they do not fit the offer")
        .refuses(400, "unsupported_grant_type", "there are the two above")
        .refuses(401, "invalid_client", "the client assertion is not right, or its client is not known here")
}

fn nonce() -> Operation {
    operation(Tag::Wallets, "getNonce", "Gives a nonce for key proofs")
        .text("OpenID4VCI 1.0, 7. It works for one request, for some minutes.")
        .answers::<Nonce>(200, "The nonce")
        .header("cache-control", "`no-store`")
}

fn credential() -> Operation {
    issuing(operation(Tag::Wallets, "getCredential", "Issues credentials to a wallet").body::<Body>())
        .text("OpenID4VCI 1.0, 8. One credential for each key proof. Members that are not known are left alone.")
        .example(
            "by configuration",
            json!({"credential_configuration_id": "FarmerCredential", "proofs": {"jwt": ["eyJhbGciOiJFUzI1NiJ9.e30.c2ln"]}}),
        )
        .refuses(400, "unknown_credential_configuration", "there is no such configuration")
        .refuses(400, "unknown_credential_identifier", "the access token does not allow it")
        .refuses(400, "invalid_proof", "a key proof is missing or wrong")
        .refuses(400, "invalid_nonce", "a proof's nonce is unknown, too old, or used")
        .refuses(403, "insufficient_scope", "the access token is not for this configuration")
}

fn deferred() -> Operation {
    issuing(operation(Tag::Wallets, "getDeferredCredential", "Asks again for credentials").body::<DeferredBody>())
        .text("OpenID4VCI 1.0, 9. The access token polls for longer than it asks.")
        .example("poll", json!({"transaction_id": "8xLOxBtZp8"}))
        .refuses(400, "invalid_transaction_id", "nothing is waited for under it, or it is over")
        .refuses(400, "invalid_nonce", "a proof's nonce was used meanwhile")
}

/// What both credential endpoints answer.
fn issuing(operation: Operation) -> Operation {
    operation
        .answers::<CredentialResponse>(200, "The credentials, in the order of the proofs. They are recorded.")
        .header("cache-control", "`no-store`")
        .answers::<Deferred>(202, "They are not ready: ask for them under this id")
        .header("cache-control", "`no-store`")
        .refuses(400, "invalid_credential_request", "the request is not one")
        .refuses(400, "credential_request_denied", "the source of the data refuses: final")
        .refuses(502, "server_error", "another issuer answered with what may not be passed on")
}
