//! The OpenAPI document against the router: every route is in it, and nothing else; and every answer that any test here
//! gets is one that it describes (`check` is called by `TestApp::send`).

use std::collections::BTreeSet;
use std::sync::LazyLock;

use axum::http::{Method, header};
use chancery::http::openapi::document;
use chancery::http::routes::{Access, table};
use serde_json::{Value, json};

use crate::app::{Answer, TestApp, URL};
use crate::schema::violations;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| document(URL));

/// The operation that a path and method stand for; `None` where nothing is served.
fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let written: Vec<&str> = path.split('?').next().unwrap().split('/').collect();
    let fits = |template: &str| {
        let template: Vec<&str> = template.split('/').collect();
        let same = |(a, b): (&&str, &&str)| a == b || a.starts_with('{') && !b.is_empty();
        template.len() == written.len() && template.iter().zip(&written).all(same)
    };
    let paths = DOCUMENT["paths"].as_object().unwrap();
    // Of two templates that fit, the one with fewer variables is meant.
    let found =
        paths.iter().filter(|(template, _)| fits(template)).min_by_key(|(template, _)| template.matches('{').count());
    let found = found.and_then(|(_, item)| item.get(method.to_lowercase()));
    let below_an_issuer = || {
        let rest = path.strip_prefix("/issuers/")?.split_once('/')?.1;
        operation(method, &format!("/{rest}")).filter(|operation| operation.get("servers").is_none())
    };
    found.or_else(below_an_issuer)
}

/// Panics where the router's answer is not one that the document describes.
#[track_caller]
pub fn check(method: &Method, path: &str, answer: &Answer) {
    let head = if method == Method::HEAD { "GET" } else { method.as_str() };
    let Some(operation) = operation(head, path) else { return };
    let status = answer.status.as_u16();
    let said = &operation["responses"][status.to_string()];
    assert!(said.is_object(), "{method} {path} answers {status}, which the document does not know: {answer:?}");
    if method == Method::HEAD || [204, 304].contains(&status) {
        return;
    }
    let Some(content_type) = answer.headers.get(header::CONTENT_TYPE) else {
        assert!(said.get("content").is_none(), "{method} {path} answers {status} without a content type: {answer:?}");
        return;
    };
    let media_type = content_type.to_str().unwrap().split(';').next().unwrap();
    let content = &said["content"][media_type];
    assert!(content.is_object(), "{method} {path} answers {status} as {media_type}, which the document does not know");
    if media_type.ends_with("json") {
        let wrong = violations(&DOCUMENT, &content["schema"], &answer.body);
        assert!(wrong.is_empty(), "{method} {path} {status}: {wrong:#?}\n{answer:?}");
    }
}

/// Panics where a body that was taken is not one that the document describes.
#[track_caller]
pub fn check_body(path: &str, content_type: &str, body: &str, answer: &Answer) {
    let Some(operation) = operation("POST", path).filter(|_| answer.status.is_success()) else { return };
    let Some(content) = operation["requestBody"].get("content") else { return };
    if let (true, Ok(body)) = (content_type.ends_with("json"), serde_json::from_str(body)) {
        let wrong = violations(&DOCUMENT, &content[content_type]["schema"], &body);
        assert!(wrong.is_empty(), "POST {path} was taken, which the document does not allow: {wrong:#?}");
    }
}

#[test]
fn every_route_is_described_and_nothing_else() {
    let mut written = BTreeSet::new();
    for (path, item) in DOCUMENT["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let method = method.to_uppercase();
            written.insert((method.clone(), path.clone()));
            if operation.get("servers").is_none() {
                written.insert((method, format!("/issuers/{{issuer}}{path}")));
            }
        }
    }
    let routes = table()
        .into_iter()
        .flat_map(|route| route.paths().into_iter().map(move |path| (route.method.to_owned(), path)));
    assert_eq!(written, routes.collect());
}

#[test]
fn security_is_what_the_route_table_enforces() {
    for route in table() {
        let security = &operation(route.method, route.path).unwrap()["security"];
        let expected = match route.access {
            Access::Public | Access::Protocol => json!([]),
            Access::Wallet | Access::PollingWallet => json!([{"wallet": []}]),
            Access::Scope(scope) => json!([{"client": [scope]}]),
        };
        assert_eq!(*security, expected, "{} {}", route.method, route.path);
        if let Access::Scope(scope) = route.access {
            let scopes = &DOCUMENT["components"]["securitySchemes"]["client"]["flows"]["clientCredentials"]["scopes"];
            assert!(scopes[scope].is_string(), "{scope} is not described");
        }
    }
}

fn answers() -> impl Iterator<Item = &'static Value> {
    let items = DOCUMENT["paths"].as_object().unwrap().values();
    let operations = items.flat_map(|item| item.as_object().unwrap().values());
    operations.flat_map(|operation| operation["responses"].as_object().unwrap().values())
}

#[test]
fn ids_are_unique_variables_are_described_and_references_lead_somewhere() {
    let mut ids = BTreeSet::new();
    for (path, item) in DOCUMENT["paths"].as_object().unwrap() {
        for operation in item.as_object().unwrap().values() {
            assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{} twice", operation["operationId"]);
            let parameters = operation["parameters"].as_array().unwrap().iter().filter(|p| p["in"] == "path");
            let named: BTreeSet<String> = parameters.map(|p| format!("{{{}}}", p["name"].as_str().unwrap())).collect();
            let used: BTreeSet<String> = path.split('/').filter(|s| s.starts_with('{')).map(str::to_owned).collect();
            assert_eq!(named, used, "{path}");
        }
    }
    for answer in answers() {
        for link in answer["links"].as_object().into_iter().flatten().map(|(_, link)| link) {
            assert!(ids.contains(link["operationId"].as_str().unwrap()), "{link}");
        }
    }
    let mut open = vec![&*DOCUMENT];
    while let Some(value) = open.pop() {
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(members) => {
                if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                    assert!(DOCUMENT.pointer(&reference[1..]).is_some(), "{reference} leads nowhere");
                }
                open.extend(members.values());
            }
            _ => {}
        }
    }
}

#[test]
fn examples_fit_their_schemas() {
    let mut examples = 0;
    for (path, item) in DOCUMENT["paths"].as_object().unwrap() {
        for operation in item.as_object().unwrap().values() {
            let Some(content) = operation["requestBody"]["content"].as_object() else { continue };
            for body in content.values() {
                let given = body["examples"].as_object();
                assert!(given.is_some(), "{path}: a body without an example");
                for (name, example) in given.into_iter().flatten() {
                    let wrong = violations(&DOCUMENT, &body["schema"], &example["value"]);
                    assert!(wrong.is_empty(), "{path}, {name}: {wrong:#?}");
                    examples += 1;
                }
            }
        }
    }
    assert!(examples > 4);
}

#[tokio::test]
async fn the_document_is_served_to_anybody() {
    let test = TestApp::start().await;
    let answer = test.get("/openapi.json").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/json");
    assert_eq!(answer.body, *DOCUMENT);
    assert_eq!(answer.body["servers"][0]["url"], URL);
    let token_url = "/components/securitySchemes/client/flows/clientCredentials/tokenUrl";
    assert_eq!(answer.body.pointer(token_url).unwrap(), &json!(format!("{URL}/oauth/token")));
}

#[tokio::test]
async fn the_page_shows_every_operation_and_loads_nothing_from_elsewhere() {
    let test = TestApp::start().await;
    let answer = test.get("/docs").await;
    assert_eq!(answer.status, 200);
    let policy = answer.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let html = answer.text.replace("&#x2f;", "/").replace("&#x27;", "'");
    for (path, item) in DOCUMENT["paths"].as_object().unwrap() {
        assert!(html.contains(path), "{path} is not shown");
        for operation in item.as_object().unwrap().values() {
            assert!(html.contains(&format!("id=\"{}\"", operation["operationId"].as_str().unwrap())));
            assert!(html.contains(operation["summary"].as_str().unwrap()), "{}", operation["summary"]);
        }
    }
    for loaded in ["src=\"", "href=\"http", "url(", "@import", "<script", "style=\""] {
        assert!(!html.contains(loaded), "{loaded}");
    }
    assert!(!html.contains("{{") && !html.contains("undefined"));
}
