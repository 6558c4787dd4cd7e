//! The admin API, version 1.

use serde_json::{Value, json};

use super::Described;
use crate::http::admin::{Bootstrap, CreatedClient};
use crate::http::audit::Sinks;
use crate::http::openapi::operation::{Operation, Tag, id, operation};
use crate::http::plugins::Plugins;
use crate::issuance::offers::{CreatedOffer, NewOffer};
use crate::oauth::clients::NewClient;
use chancery_sandbox::PluginStatus;

const HOST_ONLY: &str = "this is the host's: ask the default issuer's";

pub(super) fn operations() -> Vec<Described> {
    vec![
        ("POST", "/admin/v1/offers", create_offer()),
        ("POST", "/admin/v1/bootstrap", bootstrap()),
        ("POST", "/admin/v1/clients", create_client()),
        ("GET", "/admin/v1/plugins", plugins()),
        ("POST", "/admin/v1/plugins/rescan", rescan()),
        ("POST", "/admin/v1/plugins/{plugin}/{action}", act()),
        ("GET", "/admin/v1/audit/sinks", sinks()),
    ]
}

fn admin(id: &'static str, summary: &'static str) -> Operation {
    operation(Tag::Administration, id, summary)
}

fn create_offer() -> Operation {
    admin("createOffer", "Makes a credential offer")
        .text("Exactly one of `subject` (the data provider is asked when the wallet comes), `claims` and `credential_id`.")
        .body::<NewOffer>()
        .example("subject", json!({"credential_configuration_ids": ["FarmerCredential"], "subject": "1001"}))
        .answers::<CreatedOffer>(201, "The offer. The transaction code stands here and nowhere else")
        .header("cache-control", "`no-store`")
        .refuses(400, "invalid-request", "a member is wrong: `detail` says which")
        .refuses(400, "denied", "the stored credential is not there, or was deleted")
        .refuses(404, "unknown-configuration", "there is no such credential configuration")
}

fn bootstrap() -> Operation {
    let example = json!({"token": "chb_7Qq2Jm4n", "client": client("backend")});
    admin("bootstrap", "Registers the first service client")
        .text("With the token that the first start printed; it works once.")
        .body::<Bootstrap>()
        .example("first client", example)
        .answers::<CreatedClient>(201, "The client is registered")
        .refuses(400, "invalid-request", "the client cannot be registered so")
        .refuses(
            401,
            "bootstrap-refused",
            "the token is not known, was used, has expired, or there is a client already",
        )
        .refuses(409, "conflict", "there is a client of this id")
}

fn create_client() -> Operation {
    admin("createClient", "Registers a further service client")
        .text("With scopes of the caller's at most.")
        .body::<NewClient>()
        .example("client", client("enrolment"))
        .answers::<CreatedClient>(201, "The client is registered")
        .refuses(400, "invalid-request", "the client cannot be registered so")
        .refuses(409, "conflict", "there is a client of this id")
}

fn client(id: &str) -> Value {
    let key = json!({
        "kty": "EC", "crv": "P-256",
        "x": "igrFmi0whuihKnj9R3Om1SoMph72wUGeFaBbzG2vzns",
        "y": "efsX5b10x8yjyrj4ny3pGfLcY7Xby1KzgqOdqnsrJIM",
    });
    json!({"client_id": id, "jwks": {"keys": [key]}, "scopes": ["offers:create"]})
}

fn plugins() -> Operation {
    admin("listPlugins", "Lists the plugins")
        .text("The default issuer sees all of each. Others see those that they issue with, without what is the host's.")
        .answers::<Plugins>(200, "Every plugin file with its stage, and why it is not further")
}

fn rescan() -> Operation {
    admin("rescanPlugins", "Reads every plugin file again")
        .text("And tries again what had failed. Where that takes longer than a request may, it goes on without the caller.")
        .answers::<Plugins>(200, "As the list, when each one is active, pending or rejected")
}

fn act() -> Operation {
    admin("controlPlugin", "Reloads, disables, enables or rolls back a plugin")
        .path("plugin", "Its name", id())
        .path("action", "What to do", json!({"enum": ["reload", "disable", "enable", "rollback"]}))
        .answers::<Option<PluginStatus>>(200, "What the plugin is then; `null` where this process runs no plugins")
        .refuses(403, "host-only", HOST_ONLY)
        .refuses(404, "not-found", "there is no such plugin or action")
        .refuses(409, "nothing-to-go-back-to", "there is no earlier release of it")
}

fn sinks() -> Operation {
    admin("listAuditSinks", "Says how far each audit plugin is")
        .answers::<Sinks>(200, "Every sink of audit events, and required ones that are missing")
        .refuses(403, "host-only", HOST_ONLY)
}
