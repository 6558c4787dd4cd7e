//! Webhooks of the admin API.

use serde_json::json;

use super::Described;
use crate::http::openapi::operation::{Operation, Tag, operation};
use crate::http::webhooks::{DeadLetters, Queued, Resumed, Webhooks};
use crate::webhooks::board::Replay;

pub(super) fn operations() -> Vec<Described> {
    vec![
        ("GET", "/admin/v1/webhooks", list()),
        ("GET", "/admin/v1/webhooks/{webhook}/dead_letters", dead_letters()),
        ("POST", "/admin/v1/webhooks/{webhook}/replay", replay()),
        ("POST", "/admin/v1/webhooks/{webhook}/resume", resume()),
    ]
}

fn webhooks(id: &'static str, summary: &'static str) -> Operation {
    operation(Tag::Administration, id, summary)
}

fn list() -> Operation {
    webhooks("listWebhooks", "Says how far each webhook is")
        .answers::<Webhooks>(200, "The issuer's webhooks; errors are those of the host that answers")
}

fn dead_letters() -> Operation {
    of_a_webhook(webhooks("listDeadLetters", "Lists the messages that a webhook's receiver has not taken"))
        .query("after", "`next` of the page before", json!({"type": "string"}))
        .query(
            "limit",
            "Letters of a page; 100 where it is absent",
            json!({"type": "integer", "minimum": 1, "maximum": 100}),
        )
        .answers::<DeadLetters>(200, "The letters, with why they were given up")
        .refuses(400, "invalid-request", "a parameter is wrong")
}

fn replay() -> Operation {
    of_a_webhook(webhooks("replayDeadLetters", "Has dead letters sent again"))
        .text("By whichever host delivers, with the ids that they had. Either `event_ids` or `all`.")
        .body::<Replay>()
        .example("one", json!({"event_ids": ["0198c0de-0000-7000-8000-000000000001"]}))
        .example("all", json!({"all": true}))
        .answers::<Queued>(202, "They are queued; letters that are not there do not count")
        .refuses(400, "invalid-request", "neither or both are given, or too many are named")
}

fn resume() -> Operation {
    of_a_webhook(webhooks("resumeWebhook", "Ends a webhook's pause"))
        .text("A receiver that answers 410 gets nothing until then.")
        .answers::<Resumed>(200, "It goes on where it was")
}

fn of_a_webhook(operation: Operation) -> Operation {
    operation.path("webhook", "Its name in the configuration", json!({"type": "string"})).refuses(
        404,
        "unknown-webhook",
        "the issuer has no such webhook",
    )
}
