//! A JSON Schema of the configuration.

use chancery_plugin_sdk::{Value, json, quantity::SPAN_PATTERN};

use super::{DEFAULT_ATTEMPTS, DEFAULT_PAGES, MAX_ATTEMPTS, MAX_PAGES};

pub(crate) fn schema() -> Value {
    let pointer = json!({ "type": "string", "pattern": "^(/([^~]|~[01])*)?$" });
    let span = |text: &str| json!({ "type": "string", "pattern": SPAN_PATTERN, "description": text });
    let meanings = ["not-found", "denied", "invalid-request", "unavailable", "misconfigured"];
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["url"],
        "additionalProperties": false,
        "properties": {
            "url": { "type": "string", "description": "placeholders such as {subject.id} may stand in path and query" },
            "method": { "enum": ["GET", "POST"], "default": "GET" },
            "headers": { "type": "object", "additionalProperties": { "type": "string" } },
            "body": { "description": "a JSON document for POST; a text \"{subject.id}\" becomes the value" },
            "timeout": span("for one request; 3s when absent"),
            "claims": {
                "description": "claim = JSON pointer; absent means that the answer's members are the claims",
                "type": "object",
                "minProperties": 1,
                "additionalProperties": {
                    "oneOf": [
                        pointer,
                        {
                            "type": "object",
                            "required": ["pointer"],
                            "additionalProperties": false,
                            "properties": { "pointer": pointer, "required": { "type": "boolean", "default": false } },
                        },
                    ],
                },
            },
            "items": { "allOf": [pointer], "description": "where the answer has a list" },
            "into": { "type": "string", "minLength": 1, "description": "the claim that the list becomes" },
            "paging": {
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "next": { "allOf": [pointer], "description": "where the answer has the next page's address" },
                    "link": { "type": "boolean", "default": false, "description": "header Link with rel=\"next\"" },
                    "max_pages": { "type": "integer", "minimum": 1, "maximum": MAX_PAGES, "default": DEFAULT_PAGES },
                },
            },
            "retry": {
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "attempts": { "type": "integer", "minimum": 1, "maximum": MAX_ATTEMPTS, "default": DEFAULT_ATTEMPTS },
                    "backoff": span("before the second attempt, twice as long before each later one; 200ms when absent"),
                },
            },
            "status": {
                "type": "object",
                "propertyNames": { "pattern": "^[45][0-9][0-9]$" },
                "additionalProperties": { "enum": meanings },
            },
            "cache": {
                "type": "object",
                "required": ["ttl"],
                "additionalProperties": false,
                "properties": { "ttl": span("how long answers are kept") },
            },
        },
    })
}
