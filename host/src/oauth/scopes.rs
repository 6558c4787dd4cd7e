//! What a service client may be allowed. A scope holds for one issuer: the one its client is registered with.

/// Every scope there is, with what it allows.
pub const SCOPES: &[(&str, &str)] = &[
    ("offers:create", "make credential offers"),
    ("credentials:issue", "have credentials issued and stored, one or many"),
    ("credentials:read", "read and find stored credentials"),
    ("credentials:status", "say what has become of a credential: revoke, suspend, reinstate"),
    ("credentials:delete", "delete stored credentials"),
    ("jobs:read", "see how far jobs are"),
    ("clients:create", "register further service clients, with scopes of its own at most"),
    ("plugins:read", "see the plugins, their stages and grants"),
    (
        "plugins:write",
        "have the plugin directory read again; of the default issuer: reload, disable, enable, roll back",
    ),
    ("audit:read", "of the default issuer: see how far the audit events are at each sink"),
    ("webhooks:read", "see the webhooks, how far they are, and the messages that were given up"),
    ("webhooks:write", "have dead letters sent again, and resume a paused webhook"),
];

pub fn is_known(scope: &str) -> bool {
    SCOPES.iter().any(|(name, _)| *name == scope)
}

pub fn all() -> Vec<String> {
    SCOPES.iter().map(|(name, _)| (*name).to_owned()).collect()
}
