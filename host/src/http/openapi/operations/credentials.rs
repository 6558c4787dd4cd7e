//! The issuer's backend, in the shapes of the product and of VCALM 1.0.

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::Described;
use crate::http::credentials::issue::{
    ConfigurationRequest, CredentialIssueResponseDto, VerifiableCredential, W3cRequest,
};
use crate::http::credentials::status::{CredentialStatusResponseDto, UpdateCredentialStatusRequestDto};
use crate::http::credentials::stored::{CredentialPage, StoredCredentialDto};
use crate::http::credentials::vcalm::{NewStatusList, OpenedStatusList};
use crate::http::openapi::operation::{JSON, Operation, TEXT, Tag, operation};

const MALFORMED: &str = "https://www.w3.org/TR/vc-data-model#MALFORMED_VALUE_ERROR";
const UNKNOWN_OPTION: &str = "https://www.w3.org/TR/vcalm#UNKNOWN_OPTION_PROVIDED";
const NAME: &str = "The credential's id, percent-encoded; the UUID alone where the issuer's URL and it are the id";
/// Random, and of nobody's credential.
const EXAMPLE_ID: &str = "urn:uuid:3978344f-8596-4c3a-a978-8fcaba3903c5";

pub(super) fn operations() -> Vec<Described> {
    vec![
        ("POST", "/credentials/issue", issue()),
        ("POST", "/credentials/status", status()),
        ("GET", "/credentials", find()),
        ("DELETE", "/credentials", delete("deleteCredentialByQuery").query("id", "The credential's id", string())),
        ("GET", "/credentials/{id}", read()),
        ("DELETE", "/credentials/{id}", delete("deleteCredential").path("id", NAME, string())),
        ("POST", "/vcalm/credentials/issue", vcalm_issue()),
        ("POST", "/vcalm/credentials/status", vcalm_status()),
        ("GET", "/vcalm/credentials/{id}", vcalm_read()),
        ("DELETE", "/vcalm/credentials/{id}", vcalm_delete()),
        ("POST", "/vcalm/status-lists", open_list()),
    ]
}

/// The members decide which.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "describes what the handler tells apart")]
enum IssueRequest {
    Configuration(ConfigurationRequest),
    W3c(W3cRequest),
}

#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "describes what the handler answers")]
enum IssueResponse {
    Configuration(CredentialIssueResponseDto),
    W3c(VerifiableCredential),
}

#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "describes what the handler answers")]
enum FindResponse {
    Page(CredentialPage),
    One(StoredCredentialDto),
}

fn credentials(id: &'static str, summary: &'static str) -> Operation {
    operation(Tag::Credentials, id, summary)
}

fn string() -> Value {
    json!({"type": "string"})
}

fn unsigned() -> Value {
    json!({"credential": {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "type": ["VerifiableCredential"],
        "credentialSubject": {"id": "did:example:holder"},
    }})
}

fn issue() -> Operation {
    let by_configuration = json!({"credential_configuration_id": "FarmerCredential", "subject": "1001"});
    let operation = credentials("issueCredential", "Issues a credential and stores it")
        .text(
            "Two shapes: `credential` (W3C) is signed as it is, or taken over with its proof where the issuer's policy \
             allows that; `credential_configuration_id`, `credential_identifier` or `format` selects a configuration, \
             which makes the credential of `data`, or of what its plugin knows of `subject`.",
        )
        .body::<IssueRequest>()
        .example("by configuration", by_configuration)
        .example("W3C", unsigned())
        .answers::<IssueResponse>(201, "The credential. It is recorded")
        .link("readCredential", "path.id", "$response.body#/credentialId")
        .link("vcalmReadCredential", "path.id", "$response.body#/credentialId")
        .link("deleteCredential", "path.id", "$response.body#/credentialId")
        .refuses(400, "invalid-proof", "the key proof is missing or wrong")
        .refuses(400, "invalid-nonce", "the key proof's nonce is unknown, too old, or used")
        .refuses(404, "unknown-configuration", "there is no such configuration")
        .refuses(404, "unknown-subject", "the source of the data does not know the subject, or refuses it")
        .refuses(502, "credential-rejected", "another issuer answered with what may not be passed on");
    issued(operation)
}

/// What both ways to hand in a credential share.
fn issued(operation: Operation) -> Operation {
    operation
        .header("location", "Where it is read")
        .header("cache-control", "`no-store`")
        .idempotent()
        .refuses(400, MALFORMED, "what was handed in is no credential of the data model")
        .refuses(400, UNKNOWN_OPTION, "an option is not known here")
        .refuses(400, "credential-not-accepted", "the proof is wrong, or its issuer is not one that is taken over")
        .refuses(409, "conflict", "a credential of this id is there")
        .refuses(409, "done-before", "another request with this key or id is being done")
        .refuses(409, "credential-deleted", "a credential of this id was deleted: an id is never given again")
        .refuses(410, "credential-deleted", "the request was made before, and its credential was deleted since")
}

fn status() -> Operation {
    status_change(credentials("updateCredentialStatus", "Changes what a status list says of a credential"))
        .text("A revocation is final, a suspension is not. Setting what is set already changes nothing.")
}

fn status_change(operation: Operation) -> Operation {
    let entry = json!({"type": "BitstringStatusListEntry", "statusPurpose": "revocation"});
    let operation = operation
        .body::<UpdateCredentialStatusRequestDto>()
        .example("revoke", json!({"credentialId": EXAMPLE_ID, "credentialStatus": entry, "status": true}));
    let operation = if operation.id.starts_with("vcalm") {
        operation.answers_as(200, JSON, |_| json!({"type": "object", "additionalProperties": false}), "It is so now")
    } else {
        operation.answers::<CredentialStatusResponseDto>(200, "What is said of it now")
    };
    operation
        .header("cache-control", "`no-store`")
        .idempotent()
        .refuses(400, "expiry-is-validity", "\"expired\" is no status: `validUntil` says it")
        .refuses(404, "unknown-credential", "there is no credential of this id")
        .refuses(404, "unknown-status-list", "there is no such status list")
        .refuses(409, "no-status-entry", "the credential has no entry of this purpose")
        .refuses(
            409,
            "other-status-entry",
            "the credential has an entry of this purpose, but not the one that is named",
        )
        .refuses(409, "status-is-final", "a revocation is final")
        .refuses(409, "foreign-credential", "another issuer signed it: only that one can say what has become of it")
        .refuses(409, "done-before", "another request with this key is being done")
        .refuses(410, "credential-deleted", "the credential was deleted")
}

fn find() -> Operation {
    let time = || json!({"type": "string", "format": "date-time"});
    readable(credentials("findCredentials", "Finds stored credentials"))
        .text(
            "The newest first, without the credentials themselves. With `id` it reads that one. A parameter \
             `attribute.NAME` asks for a claim that the configuration indexes.",
        )
        .query("id", "Reads this credential", string())
        .query("credential_type", "Of this type", string())
        .query("configuration_id", "Of this configuration", string())
        .query("subject", "About this subject", string())
        .query("status", "That has this status, such as `revocation`", string())
        .query("created_from", "Stored then or later", time())
        .query("created_until", "Stored before", time())
        .query("after", "`next` of the page before", string())
        .query(
            "limit",
            "Credentials of a page; 50 where it is absent",
            json!({"type": "integer", "minimum": 1, "maximum": 100}),
        )
        .answers::<FindResponse>(200, "The credentials, or the one that `id` names")
        .header("last-modified", "With `id`: when it changed last")
        .conditional()
}

fn read() -> Operation {
    readable(credentials("readCredential", "Reads a stored credential"))
        .path("id", NAME, string())
        .request_header("if-modified-since", "What the client has is of then")
        .answers::<StoredCredentialDto>(200, "The credential, and what is said of it now")
        .header("last-modified", "When it changed last")
        .conditional()
}

fn readable(operation: Operation) -> Operation {
    operation
        .refuses(400, "invalid-request", "a parameter is wrong")
        .refuses(404, "unknown-credential", "there is no credential of this id")
        .refuses(404, "credential-not-kept", "only the record of this credential is kept")
        .refuses(410, "credential-deleted", "the credential was deleted")
}

fn delete(id: &'static str) -> Operation {
    deleting(credentials(id, "Deletes a stored credential"))
        .answers_text(200, TEXT, "That the credential was deleted")
        .header("cache-control", "`no-store`")
}

fn deleting(operation: Operation) -> Operation {
    operation
        .text("It is revoked first, which needs the scope `credentials:status` too, unless `revoke` is `false`.")
        .query("revoke", "Whether to revoke it first", json!({"enum": ["true", "false"]}))
        .refuses(400, "invalid-request", "a parameter is wrong")
        .refuses(404, "unknown-credential", "there is no credential of this id")
        .refuses(409, "status-list-protected", "it is a status list: credentials refer to it")
        .refuses(410, "credential-deleted", "the credential was deleted")
}

fn vcalm(id: &'static str, summary: &'static str) -> Operation {
    operation(Tag::Credentials, id, summary)
}

fn vcalm_issue() -> Operation {
    let operation = vcalm("vcalmIssueCredential", "Signs a credential and stores it (VCALM)")
        .text("VCALM 1.0, 3.2.1.")
        .body::<W3cRequest>()
        .example("unsigned", unsigned())
        .answers::<VerifiableCredential>(201, "The credential. It is recorded");
    issued(operation)
}

fn vcalm_status() -> Operation {
    status_change(vcalm("vcalmUpdateCredentialStatus", "Changes what a status list says of a credential (VCALM)"))
        .text("VCALM 1.0, 3.2.4.")
}

fn vcalm_read() -> Operation {
    readable(vcalm("vcalmReadCredential", "Reads a stored credential (VCALM)"))
        .text("VCALM 1.0, 3.2.2.")
        .path("id", NAME, string())
        .request_header("if-modified-since", "What the client has is of then")
        .answers::<VerifiableCredential>(200, "The credential")
        .header("last-modified", "When it changed last")
        .conditional()
}

fn vcalm_delete() -> Operation {
    deleting(vcalm("vcalmDeleteCredential", "Deletes a stored credential (VCALM)"))
        .path("id", NAME, string())
        .answers_nothing(202, "The credential was deleted")
        .header("cache-control", "`no-store`")
}

fn open_list() -> Operation {
    operation(Tag::StatusLists, "openStatusList", "Opens a status list (VCALM)")
        .text("VCALM 1.0, 3.2.5. Lists open by themselves as credentials need entries; this opens one more.")
        .body::<NewStatusList>()
        .example("revocation", json!({"statusPurpose": "revocation"}))
        .answers::<OpenedStatusList>(201, "The list, published")
        .header("location", "Where it is read below this mount")
        .header("cache-control", "`no-store`")
        .refuses(400, UNKNOWN_OPTION, "no option is known here")
        .refuses(409, "enough-status-lists", "there are 16 lists of this purpose that have room")
}
