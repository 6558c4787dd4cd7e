//! The process, and what describes it.

use serde_json::{Value, json};

use super::Described;
use crate::http::health::{Liveness, Readiness};
use crate::http::openapi::operation::{HTML, JSON, Operation, Tag, operation};

pub(super) fn operations() -> Vec<Described> {
    vec![
        ("GET", "/healthz", live()),
        ("GET", "/readyz", ready()),
        ("GET", "/openapi.json", document()),
        ("GET", "/docs", page()),
        ("GET", "/assets/style.css", style()),
    ]
}

fn host(id: &'static str, summary: &'static str) -> Operation {
    operation(Tag::Host, id, summary)
}

fn live() -> Operation {
    host("live", "Says that the process runs").answers::<Liveness>(200, "It does").header("cache-control", "`no-store`")
}

fn ready() -> Operation {
    host("ready", "Says whether requests should be sent here")
        .answers::<Readiness>(200, "Yes: `ready`, or `degraded` with what cannot be issued at the moment")
        .header("cache-control", "`no-store`")
        .answers::<Readiness>(503, "No: `not ready`, with the reasons")
        .header("cache-control", "`no-store`")
}

fn document() -> Operation {
    host("readOpenApi", "Reads this document")
        .text("OpenAPI 3.1, made from the routes and types of the running host.")
        .answers_as(200, JSON, |_| openapi_schema(), "The document")
        .header("cache-control", "For how long it may be kept")
}

fn openapi_schema() -> Value {
    json!({
        "type": "object",
        "required": ["openapi", "info", "paths"],
        "properties": {"openapi": {"const": "3.1.0"}, "info": {"type": "object"}, "paths": {"type": "object"}},
    })
}

fn page() -> Operation {
    host("readDocs", "Reads this document as a page").answers_text(200, HTML, "The page")
}

fn style() -> Operation {
    host("readStyle", "Reads the style sheet of the pages")
        .answers_text(200, "text/css", "The style sheet")
        .header("cache-control", "For how long it may be kept")
}
