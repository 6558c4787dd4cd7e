{% set source = "sql" if wants.sql else "http" if wants.http else "files" if wants.files else "config" %}
{% set who = "" if source == "sql" else "id" %}
{% set asks = wants.kv or source != "sql" or wants.sign %}
{% set extended = source != "http" and (wants.sign or wants.reveal) %}
//! {{ title }}: what {{ {"sql": "a database", "http": "a registry", "files": "a file", "config": "the grant file"}[source] }} knows about a person.
//!
//! By default every call has a fresh sandbox: the host builds a `Provider` of the configuration,
//! calls one function and throws everything away. An operator may let calls of one issuer share a
//! sandbox (`instance = "warm"`). Rely on neither: keep nothing between calls.

{% if wants.kv or source == "http" %}
use std::time::Duration;

{% endif %}
{% set modules = [
    "files" if source == "files",
    "http" if source == "http",
    "json" if wants.kv or wants.sign or source == "files",
    "kv" if wants.kv,
    "log",
    "secrets" if wants.secrets or wants.reveal,
    "sign" if wants.sign,
    "sql" if source == "sql",
]|select|list %}
{% if modules|length == 1 %}
use chancery_plugin_sdk::log;
{% endif %}
use chancery_plugin_sdk::{
    ConfigProblem, Data, DataProvider, Description, Error, Map, Plugin, Request, Value, describe,
    export_data_provider,
};
{% if modules|length > 1 %}
use chancery_plugin_sdk::{{ "{" ~ modules|join(", ") ~ "}" }};
{% endif %}
{% if source == "http" %}
use serde::Deserialize;

/// For one request. The whole call has 5 s, unless the grant file says otherwise.
const TIMEOUT: Duration = Duration::from_secs(3);
{% endif %}
{% if wants.kv %}

/// How long the cache keeps a person.
const KEPT: Duration = Duration::from_secs(60);
{% endif %}
{% if source == "config" %}

/// The people by their ids, as the operator's `[config]` lists them.
#[derive(Debug)]
struct Provider {
    people: Map<String, Value>,
}

impl Plugin for Provider {
    type Config = Map<String, Value>;

    fn description() -> Description {
        describe!("Tells what the grant file knows about a person.")
    }

    fn new(people: Map<String, Value>) -> Result<Self, Vec<ConfigProblem>> {
        // All faults at once: the operator mends them in one go.
        let mut problems = Vec::new();
        for (id, person) in &people {
            if !person["given_name"].is_string() {
                let message = "must be a table with at least given_name";
                problems.push(ConfigProblem::of_member(id, message));
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self { people })
    }
{% elif source == "http" %}

/// The operator's `[config]`. What is unknown is refused by its path.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// The registry's address, such as `https://registry.example.org`.
    #[serde(default)]
    registry: String,
}

#[derive(Debug)]
struct Provider {
    registry: String,
}

impl Plugin for Provider {
    type Config = Config;

    fn description() -> Description {
        describe!("Asks a registry about a person.")
    }

    fn new(config: Config) -> Result<Self, Vec<ConfigProblem>> {
        let registry = config.registry.trim_end_matches('/').to_owned();
        if http::Url::parse(&registry).is_err() {
            let message = "must be the registry's base URL, such as https://registry.example.org";
            return Err(vec![ConfigProblem::new("/registry", message)]);
        }
        Ok(Self { registry })
    }
{% else %}

#[derive(Debug)]
struct Provider;

impl Plugin for Provider {
    /// There is nothing to configure: what stands in `[config]` is refused.
    type Config = ();

    fn description() -> Description {
        describe!("Tells what a {{ "database" if source == "sql" else "file" }} knows about a person.")
    }

    fn new((): ()) -> Result<Self, Vec<ConfigProblem>> {
        Ok(Self)
    }
{% endif %}
{% if wants.secrets %}

    /// The host asks before it lets the plugin serve.
    fn health(&self) -> Result<(), Error> {
        secrets::get("registry-token").map(drop)
    }
{% endif %}
}

impl DataProvider for Provider {
{% if asks %}
    fn fetch(&self, request: &Request) -> Result<Data, Error> {
        let id = request.subject.id.as_str();
{% else %}
    fn fetch(&self, _: &Request) -> Result<Data, Error> {
{% endif %}
        let {{ "mut " if extended }}claims = {{ "self.remembered_person(id)?" if wants.kv else "self.person(" ~ who ~ ")?" }};
{% if wants.sign and source != "http" %}
        // The key stays in the host.
        let assertion = sign::jwt("registry", &json!({ "sub": id }))?;
        claims.insert("assertion".to_owned(), assertion.into());
{% endif %}
{% if wants.reveal and source != "http" %}
        // The value is in the plugin now: never log it, never answer with it.
        let token = secrets::get("registry-token")?.reveal();
        claims.insert("token_length".to_owned(), token.expose().len().into());
{% endif %}
        // No personal data in logs.
        log::info("looked up", &[("source", &"{{ source }}")]);
        Ok(claims.into())
    }
}

export_data_provider!(Provider);

impl Provider {
{% if source == "sql" %}
    /// Runs the statement of the grant file. Whom it is about is filled in by the host there
    /// (`@subject.id`), so no mistake in here can ask about somebody else.
    fn person(&self) -> Result<Map<String, Value>, Error> {
        claims(&sql::run("person_by_id", &[])?)
    }
{% elif source == "http" %}
    /// Asks the registry.
    fn person(&self, id: &str) -> Result<Map<String, Value>, Error> {
        // Whatever an id holds, it stays one segment of the path.
        let url = format!("{}/people/{}", self.registry, http::encode(id));
        let url = http::Url::parse(&url).map_err(|_| not_registered())?;
        let request = http::Request::get(url).header("accept", "application/json");
{% if wants.sign %}
        // The key stays in the host.
        let assertion = sign::jwt("registry", &json!({ "sub": id }))?;
        let request = request.header("authorization", format!("Bearer {assertion}"));
{% endif %}
{% if wants.reveal %}
        let token = secrets::get("registry-token")?.reveal();
        let request = request.header("x-api-key", token.expose_text()?);
{% endif %}
        claims(&request.traced().send(TIMEOUT)?)
    }
{% elif source == "files" %}
    /// Looks into the granted file.
    fn person(&self, id: &str) -> Result<Map<String, Value>, Error> {
        claims(&files::read("/people.json")?, id)
    }
{% else %}
    fn person(&self, id: &str) -> Result<Map<String, Value>, Error> {
        let Some(Value::Object(person)) = self.people.get(id) else {
            return Err(not_registered());
        };
        let mut claims = person.clone();
        claims.insert("source".to_owned(), "config".into());
        Ok(claims)
    }
{% endif %}
{% if wants.kv %}

    /// The person from the cache where it knows them. It may fail or forget: that costs time only.
    fn remembered_person(&self, id: &str) -> Result<Map<String, Value>, Error> {
        let key = format!("person:{id}");
        let kept = kv::get(&key).ok().flatten();
        if let Some(Ok(Value::Object(claims))) = kept.map(|kept| json::parse(&kept)) {
            return Ok(claims);
        }
        let claims = self.person({{ who }})?;
        let text = json!(claims).to_string();
        if let Err(error) = kv::put(&key, text.as_bytes(), Some(KEPT)) {
            log::debug("not kept", &[("reason", &error)]);
        }
        Ok(claims)
    }
{% endif %}
}

{% if source == "sql" %}
/// The first row's columns by their names.
fn claims(found: &sql::Rows) -> Result<Map<String, Value>, Error> {
    let mut claims = found.iter().next().ok_or_else(not_registered)?.to_json()?;
    claims.insert("source".to_owned(), "sql".into());
    Ok(claims)
}

{% elif source == "http" %}
/// What the registry's answer means.
fn claims(response: &http::Response) -> Result<Map<String, Value>, Error> {
    let unavailable = |detail: String| {
        Error::unavailable("The registry does not answer at the moment.").with_detail(detail)
    };
    match response.status {
        200 => {
            let Value::Object(mut claims) = response.json()? else {
                return Err(unavailable("its JSON is no object".to_owned()));
            };
            claims.insert("source".to_owned(), "http".into());
            Ok(claims)
        }
        404 => Err(not_registered()),
        status => Err(unavailable(format!("it answered {status}"))),
    }
}

{% elif source == "files" %}
/// `people` is one JSON object: people by their ids.
fn claims(people: &[u8], id: &str) -> Result<Map<String, Value>, Error> {
    let mut people = json::parse(people)
        .map_err(|fault| Error::misconfigured("The file cannot be used.").with_detail(fault))?;
    let Some(Value::Object(claims)) = people.get_mut(id) else {
        return Err(not_registered());
    };
    claims.insert("source".to_owned(), "files".into());
    Ok(std::mem::take(claims))
}

{% endif %}
fn not_registered() -> Error {
    Error::not_found("This person is not registered.")
}

/// `cargo test` runs these on this machine, where there is no host: they call what needs none.
/// `chancery plugin test` runs cases.toml in the real sandbox.
#[cfg(test)]
mod tests {
{% if "json" in modules %}
    use chancery_plugin_sdk::ErrorKind;
{% else %}
    use chancery_plugin_sdk::{ErrorKind, json};
{% endif %}

    use super::*;

{% if source == "sql" %}
    #[test]
    fn columns_are_claims() {
        let found = sql::Rows {
            columns: vec!["given_name".to_owned()],
            rows: vec![vec![sql::Value::Text("Ada".to_owned())]],
            truncated: false,
        };
        let ada = json!({ "given_name": "Ada", "source": "sql" });
        assert_eq!(json!(claims(&found).unwrap()), ada);
    }

    #[test]
    fn no_row_is_nobody() {
        let error = claims(&sql::Rows::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
{% elif source == "http" %}
    fn answer(status: u16, body: &Value) -> Result<Map<String, Value>, Error> {
        claims(&http::Response::new(status).with_json(body))
    }

    #[test]
    fn an_object_is_the_claims() {
        let found = answer(200, &json!({ "given_name": "Ada" })).unwrap();
        let ada = json!({ "given_name": "Ada", "source": "http" });
        assert_eq!(json!(found), ada);
    }

    #[test]
    fn other_answers_are_errors() {
        let kind = |status, body| answer(status, &body).unwrap_err().kind();
        assert_eq!(kind(404, json!({})), ErrorKind::NotFound);
        assert_eq!(kind(500, json!({})), ErrorKind::Unavailable);
        assert_eq!(kind(200, json!([])), ErrorKind::Unavailable);
    }
{% elif source == "files" %}
    const PEOPLE: &[u8] = br#"{ "person-1": { "given_name": "Ada" } }"#;

    #[test]
    fn somebody_is_found_by_id() {
        let ada = json!({ "given_name": "Ada", "source": "files" });
        assert_eq!(json!(claims(PEOPLE, "person-1").unwrap()), ada);
    }

    #[test]
    fn everybody_else_is_not() {
        let kind = |people, id| claims(people, id).unwrap_err().kind();
        assert_eq!(kind(PEOPLE, "person-2"), ErrorKind::NotFound);
        assert_eq!(kind(b"{", "person-1"), ErrorKind::Misconfigured);
    }
{% else %}
    fn provider(config: Value) -> Result<Provider, Vec<ConfigProblem>> {
        Provider::new(config.as_object().unwrap().clone())
    }

    #[test]
    fn somebody_is_found_by_id() {
        let provider = provider(json!({ "person-1": { "given_name": "Ada" } })).unwrap();
        let ada = json!({ "given_name": "Ada", "source": "config" });
        assert_eq!(json!(provider.person("person-1").unwrap()), ada);
        let error = provider.person("person-2").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }

    #[test]
    fn a_person_has_a_name() {
        let problems = provider(json!({ "person-1": { "given_name": 7 } })).unwrap_err();
        assert_eq!(problems[0].path, "/person-1");
    }
{% endif %}
}
