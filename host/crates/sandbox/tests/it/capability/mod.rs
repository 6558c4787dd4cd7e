//! Capabilities: what a grant gives is counted and bounded, and nothing else is to be had.

mod http;
mod journal;
mod kv;
mod pending;
mod secrets;
mod sign;
mod sql;

/// Everything that the plugin `hostile-data` imports, and limits that end quickly.
const DATA: &str = r#"
[limits]
wall = "2s"
memory = "256MiB"
sql_runs = 3
kv_operations = 4
[grants.kv]
value_max = "1KiB"
ttl_max = "10m"
[grants.secrets]
names = ["registry-token", "vanished"]
reveal = true
[grants.sign.keys.webhook]
purpose = "mac"
secret = "webhook-key"
[grants.sign.keys.client]
purpose = "jwt"
secret = "client-key"
algorithm = "ES256"
[grants.sign.keys.request]
purpose = "detached-jws"
secret = "request-key"
algorithm = "EdDSA"
[grants.journal]
dir = "audit"
name = "audit.jsonl"
max_file = "2MiB"
[grants.sql.statements.own]
database = "registry"
text = "own"
params = ["@subject.id", "plugin"]
[grants.sql.statements.bound]
database = "registry"
text = "bound"
params = ["@subject.claims.address.zip", "@issuer.id", "@configuration.id"]
[grants.sql.statements.never]
database = "registry"
text = "never"
[grants.sql.statements.timeout]
database = "registry"
text = "timeout"
[grants.sql.statements.unavailable]
database = "registry"
text = "unavailable"
[grants.sql.statements.too-large]
database = "registry"
text = "too-large"
[grants.sql.statements.refused]
database = "registry"
text = "refused"
[grants.sql.statements.bad-parameter]
database = "registry"
text = "bad-parameter"
"#;
