//! Puts the document together: the route table's columns and the descriptions of `operations/`.

use std::fmt::Write as _;

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::operation::{Answer, FORM, JSON, Operation, Parameter, Refusal, Tag, id, schema_of};
use super::operations;
use crate::http::error::{OAuthBody, Problem, Rendering};
use crate::http::routes::{self, Access, Mount, Route};
use crate::oauth::scopes::SCOPES;

const PROBLEM: &str = "application/problem+json";

const ABOUT: &str = "Issues verifiable credentials. Every issuer has the same operations: the default one at the root, \
any other below `/issuers/{issuer}`. Service clients sign in at the token endpoint with `client_credentials` and \
`private_key_jwt`; their tokens hold for the issuer that gave them. Errors are RFC 9457 problem documents, and OAuth's \
`{error, error_description}` below `/oauth/` and `/openid4vci/` and for refused access tokens. Every answer carries an \
`x-request-id`, which the host's log names too.";

const CLIENT: &str = "A service client's access token, by `client_credentials` with a client assertion (RFC 7523). It \
holds for the issuer at whose token endpoint it was given.";

const WALLET: &str = "A wallet's access token, by the pre-authorized code of its offer.";

/// Everything but the URLs, which are the default issuer's.
pub(super) fn build() -> Value {
    let mut writer = Writer::new();
    let mut paths: Map<String, Value> = Map::new();
    let mut described = operations::all();
    for route in routes::table() {
        let found = described.iter().position(|(method, path, _)| (*method, *path) == (route.method, route.path));
        // A test sees to it that there is one for each route, and nothing else.
        let Some(index) = found else { continue };
        let (_, _, operation) = described.swap_remove(index);
        for (path, names_issuer) in written_paths(&route) {
            let item = paths.entry(path).or_insert_with(|| json!({}));
            item[route.method.to_ascii_lowercase()] = writer.operation(&route, &operation, names_issuer);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Chancery",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Credential issuer",
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [],
        "tags": Tag::ALL.map(|tag| json!({"name": tag.name(), "description": tag.about()})),
        "paths": paths,
        "components": writer.components(),
    })
}

pub(super) fn served_at(mut document: Value, url: &str) -> Value {
    let other = json!({
        "url": format!("{url}/issuers/{{issuer}}"),
        "description": "another issuer",
        "variables": {"issuer": {"default": "example", "description": "The id of an issuer that is not the default one"}},
    });
    document["servers"] = json!([{"url": url, "description": "the default issuer"}, other]);
    let token_url = format!("{url}/oauth/token");
    document["components"]["securitySchemes"]["client"]["flows"]["clientCredentials"]["tokenUrl"] = token_url.into();
    if let Some(paths) = document["paths"].as_object_mut() {
        for operation in paths.values_mut().filter_map(Value::as_object_mut).flat_map(Map::values_mut) {
            if operation.get("servers").is_some() {
                operation["servers"] = json!([{"url": url, "description": "the host"}]);
            }
        }
    }
    document
}

/// The paths of a route as the document writes them, and whether the issuer is named in them. A server's variable
/// stands for `/issuers/{issuer}` in front of a path.
pub(super) fn written_paths(route: &Route) -> Vec<(String, bool)> {
    let mut paths = vec![(route.path.to_owned(), route.path.contains("{issuer}"))];
    if route.mount == Mount::WellKnown {
        paths.push((format!("{}/issuers/{{issuer}}", route.path), true));
    }
    paths
}

struct Writer {
    requests: SchemaGenerator,
    answers: SchemaGenerator,
}

impl Writer {
    fn new() -> Self {
        let settings = || SchemaSettings::draft2020_12().with(|s| s.definitions_path = "/components/schemas".into());
        let requests = SchemaGenerator::new(settings().for_deserialize());
        Self { requests, answers: SchemaGenerator::new(settings().for_serialize()) }
    }

    fn operation(&mut self, route: &Route, operation: &Operation, names_issuer: bool) -> Value {
        let well_known_of_another = names_issuer && route.mount == Mount::WellKnown;
        let suffix = if well_known_of_another { "OfIssuer" } else { "" };
        let mut parameters: Vec<Value> = operation.parameters.iter().map(parameter).collect();
        if names_issuer {
            parameters.push(json!({
                "name": "issuer", "in": "path", "required": true, "schema": id(),
                "description": "The id of an issuer that is not the default one",
            }));
        }
        let mut written = json!({
            "operationId": format!("{}{suffix}", operation.id),
            "tags": [operation.tag.name()],
            "summary": operation.summary,
            "description": operation.text,
            "security": security(route.access),
            "parameters": parameters,
        });
        if let Some(body) = &operation.body {
            let schema = (body.schema)(&mut self.requests);
            let mut content = json!({"schema": schema});
            if !body.examples.is_empty() {
                let named = body.examples.iter().map(|(name, value)| ((*name).to_owned(), json!({"value": value})));
                content["examples"] = Value::Object(named.collect());
            }
            written["requestBody"] = json!({"required": true, "content": {body.media_type: content}});
        }
        let mut responses: Map<String, Value> =
            operation.answers.iter().map(|answer| (answer.status.to_string(), self.answer(answer))).collect();
        for (status, refusals) in by_status(refusals(route, operation, names_issuer)) {
            self.refused(&mut responses, status, &refusals, route.rendering());
        }
        written["responses"] = Value::Object(responses);
        if route.mount == Mount::Host || well_known_of_another {
            written["servers"] = json!([]);
        }
        written
    }

    fn answer(&mut self, answer: &Answer) -> Value {
        let mut headers = Map::from_iter([("x-request-id".to_owned(), reference("headers", "RequestId"))]);
        for (name, text) in &answer.headers {
            headers.insert((*name).to_owned(), json!({"description": text, "schema": {"type": "string"}}));
        }
        let mut written = json!({"description": answer.text, "headers": headers});
        if !answer.content.is_empty() {
            let content = answer
                .content
                .iter()
                .map(|(media_type, schema)| ((*media_type).to_owned(), json!({"schema": schema(&mut self.answers)})));
            written["content"] = Value::Object(content.collect());
        }
        if !answer.links.is_empty() {
            let links = answer.links.iter().map(|link| {
                let target = json!({"operationId": link.operation, "parameters": {link.parameter: link.value}});
                (link.operation.to_owned(), target)
            });
            written["links"] = Value::Object(links.collect());
        }
        written
    }

    /// Adds what one status says when the operation did not do what was asked: every code that may stand there.
    fn refused(&mut self, responses: &mut Map<String, Value>, status: u16, refusals: &[Refusal], rendering: Rendering) {
        let mut text = String::new();
        let mut headers = json!({"x-request-id": reference("headers", "RequestId")});
        let mut content = Map::new();
        let (oauth, problems): (Vec<_>, Vec<_>) =
            refusals.iter().partition(|refusal| refusal.oauth || rendering == Rendering::OAuth);
        if !oauth.is_empty() {
            let codes: Vec<&str> = oauth.iter().map(|refusal| refusal.code.as_str()).collect();
            let schema = schema_of::<OAuthBody>(&mut self.answers);
            let schema = json!({"allOf": [schema, {"properties": {"error": {"enum": codes}}}]});
            content.insert(JSON.to_owned(), json!({"schema": schema}));
        }
        if !problems.is_empty() {
            let kinds: Vec<String> = problems.iter().map(|refusal| kind(&refusal.code)).collect();
            let schema = schema_of::<Problem>(&mut self.answers);
            let schema =
                json!({"allOf": [schema, {"properties": {"type": {"enum": kinds}, "status": {"const": status}}}]});
            content.insert(PROBLEM.to_owned(), json!({"schema": schema}));
        }
        for refusal in refusals {
            let _ = writeln!(text, "- `{}`: {}", refusal.code, refusal.text);
        }
        if status == 503 {
            headers["retry-after"] = json!({"description": "Seconds", "schema": {"type": "string"}});
        }
        if refusals.iter().any(|refusal| refusal.oauth) {
            headers["www-authenticate"] = json!({"description": "RFC 6750, 3", "schema": {"type": "string"}});
        }
        // An answer of its own and refusals may share the status.
        if let Some(answer) = responses.get_mut(&status.to_string()) {
            let own = answer["description"].as_str().unwrap_or_default();
            answer["description"] = format!("{own}\n\n{}", text.trim_end()).into();
            if let Some(own) = answer["content"].as_object_mut() {
                own.extend(content);
            }
        } else {
            let written = json!({"description": text.trim_end(), "headers": headers, "content": content});
            responses.insert(status.to_string(), written);
        }
    }

    fn components(mut self) -> Value {
        let mut schemas = self.requests.take_definitions(true);
        schemas.extend(self.answers.take_definitions(true));
        schemas.sort_keys();
        let scopes: Map<String, Value> =
            SCOPES.iter().map(|(name, text)| ((*name).to_owned(), Value::from(*text))).collect();
        json!({
            "schemas": schemas,
            "headers": {"RequestId": {
                "description": "Names the request in the host's log and audit events",
                "required": true,
                "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
            }},
            "securitySchemes": {
                "client": {
                    "type": "oauth2",
                    "description": CLIENT,
                    "flows": {"clientCredentials": {"tokenUrl": "", "scopes": scopes}},
                },
                "wallet": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": WALLET},
            },
        })
    }
}

/// A code of ours, or the URL that a specification gives.
fn kind(code: &str) -> String {
    if code.contains("://") { code.to_owned() } else { Problem::kind(code) }
}

fn reference(kind: &str, name: &str) -> Value {
    json!({"$ref": format!("#/components/{kind}/{name}")})
}

fn parameter(parameter: &Parameter) -> Value {
    json!({
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.required,
        "description": parameter.text,
        "schema": parameter.schema,
    })
}

fn security(access: Access) -> Value {
    match access {
        Access::Public | Access::Protocol => json!([]),
        Access::Wallet | Access::PollingWallet => json!([{"wallet": []}]),
        Access::Scope(scope) => json!([{"client": [scope]}]),
    }
}

/// The operation's own, and those that its columns in the route table bring.
fn refusals(route: &Route, operation: &Operation, names_issuer: bool) -> Vec<Refusal> {
    let oauth_surface = route.rendering() == Rendering::OAuth;
    let say = |oauth: &'static str, problem: &'static str| if oauth_surface { oauth } else { problem };
    let mut all = operation.refusals.clone();
    let mut add = |status, code: &str, text: &str, oauth| {
        all.push(Refusal { status, code: code.to_owned(), text: text.to_owned(), oauth });
    };
    if let Some(body) = &operation.body {
        let code = match body.media_type {
            FORM => "invalid_request",
            _ => say("invalid_credential_request", "invalid-request"),
        };
        add(400, code, "the body is not what is described here", false);
        add(413, code, "the body is larger than the host takes", false);
        add(415, code, &format!("the body is not {}", body.media_type), false);
    }
    match route.access {
        Access::Public | Access::Protocol => {}
        Access::Wallet | Access::PollingWallet => {
            add(401, "invalid_token", "no access token, or not a valid one", true);
        }
        Access::Scope(scope) => {
            add(401, "invalid_token", "no access token, or not a valid one", true);
            add(403, "insufficient_scope", &format!("the access token lacks the scope `{scope}`"), true);
        }
    }
    if route.mount != Mount::Host || names_issuer {
        add(404, say("invalid_request", "not-found"), "there is no such issuer", false);
    }
    add(500, say("server_error", "internal"), "something is wrong here: the log has the cause", false);
    add(503, say("temporarily_unavailable", "unavailable"), "the host has too much to do: try again", false);
    all
}

/// In order; one code twice at a status is one, with both texts.
fn by_status(refusals: Vec<Refusal>) -> Vec<(u16, Vec<Refusal>)> {
    let mut sorted: Vec<(u16, Vec<Refusal>)> = Vec::new();
    for refusal in refusals {
        let index = sorted.iter().position(|(status, _)| *status == refusal.status);
        let index = index.unwrap_or_else(|| {
            sorted.push((refusal.status, Vec::new()));
            sorted.len() - 1
        });
        let group = &mut sorted[index].1;
        match group.iter_mut().find(|other| other.code == refusal.code) {
            Some(other) => other.text = format!("{}; {}", other.text, refusal.text),
            None => group.push(refusal),
        }
    }
    sorted.sort_by_key(|(status, _)| *status);
    sorted
}
