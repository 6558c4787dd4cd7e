//! Status lists, as verifiers fetch them.

use serde_json::{Value, json};

use super::Described;
use crate::http::openapi::operation::{JSON, Operation, Tag, operation};

pub(super) fn operations() -> Vec<Described> {
    vec![
        ("GET", "/credentials/status-list/{list}", read("readStatusList", "Reads a status list")),
        ("GET", "/vcalm/status-lists/{list}", read("vcalmReadStatusList", "Reads a status list (VCALM)")),
    ]
}

fn read(id: &'static str, summary: &'static str) -> Operation {
    const LIST: &str = "The list";
    operation(Tag::StatusLists, id, summary)
        .text(
            "One bitmap in the form that `Accept` asks for: a `BitstringStatusListCredential` with a Data Integrity \
             proof or as a JWT, or an IETF Token Status List. Any cache may keep it.",
        )
        .path("list", "The last part of the list's URL", json!({"type": "string"}))
        .query(
            "timestamp",
            "The version of that time, where it is kept",
            json!({"type": "string", "format": "date-time"}),
        )
        .query("time", "The same in seconds since 1970", json!({"type": "integer"}))
        .query("format", "The spelling of the draft", json!({"const": "StatusList2021"}))
        .request_header("accept-encoding", "`gzip` is known")
        .answers_as(200, "application/vc", |_| credential(), LIST)
        .answers_as(200, "application/ld+json", |_| credential(), LIST)
        .answers_as(200, JSON, |_| credential(), LIST)
        .answers_text(200, "application/vc+jwt", LIST)
        .answers_text(200, "application/statuslist+jwt", LIST)
        .conditional()
        .refuses(400, "invalid-request", "a parameter is wrong")
        .refuses(404, "unknown-status-list", "there is no such status list")
        .refuses(404, "status-list-version-unknown", "no version of that time is kept")
        .refuses(406, "not-acceptable", "it is not published in a form that `Accept` allows")
}

/// Bitstring Status List 1.0, 2.2; the draft's spelling has the same members.
fn credential() -> Value {
    json!({
        "type": "object",
        "required": ["@context", "id", "type", "issuer", "credentialSubject", "proof"],
        "properties": {
            "@context": {"type": "array"},
            "id": {"type": "string", "format": "uri"},
            "type": {"type": "array", "items": {"type": "string"}},
            "issuer": {"type": "string"},
            "credentialSubject": {
                "type": "object",
                "required": ["id", "type", "statusPurpose", "encodedList"],
                "properties": {
                    "id": {"type": "string", "format": "uri"},
                    "type": {"enum": ["BitstringStatusList", "StatusList2021"]},
                    "statusPurpose": {"type": "string"},
                    "encodedList": {"type": "string"},
                },
            },
            "proof": {"type": "object"},
        },
    })
}
