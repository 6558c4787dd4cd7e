use chancery_plugin_sdk::{ErrorKind, Request as Call, http::HttpError, json};

use super::*;
use crate::fake::{Source, settings};

const FIRST: &str = "https://registry.example/people?of=7";

fn run(source: &mut Source, config: Value) -> Result<Vec<Value>, Error> {
    let mut config = config;
    config["url"] = "https://registry.example/people?of={subject.id}".into();
    let settings = settings(config);
    let request = first_request(&settings, &Scope::of(&Call::about("7")))?;
    fetch(request, &settings, source)
}

#[expect(clippy::unnecessary_wraps, reason = "one answer among others, some of them failures")]
fn page(body: Value) -> Result<Response, HttpError> {
    Ok(Response::new(200).with_json(&body))
}

fn by_pointer() -> Value {
    json!({ "items": "/items", "paging": { "next": "/next", "max_pages": 3 } })
}

fn by_link() -> Value {
    json!({ "items": "", "paging": { "link": true } })
}

#[test]
fn one_answer_is_one_page() {
    let mut source = Source::new([page(json!({ "next": "/people?page=2" }))]);
    assert_eq!(run(&mut source, json!({})).unwrap().len(), 1);
    assert_eq!(source.urls(), [FIRST]);
    assert_eq!(source.requests[0].headers, [("accept".to_owned(), "application/json".to_owned())]);
}

#[test]
fn pages_are_followed_to_the_last() {
    let last = |value: Value| {
        let mut source = Source::new([
            page(json!({ "next": "?page=2" })),
            page(json!({ "next": "https://REGISTRY.example:443/people?page=3" })),
            page(value),
        ]);
        assert_eq!(run(&mut source, by_pointer()).unwrap().len(), 3);
        source.urls()
    };
    for value in [json!({}), json!({ "next": null }), json!({ "next": "" }), json!([])] {
        assert_eq!(
            last(value),
            [FIRST, "https://registry.example/people?page=2", "https://registry.example/people?page=3"]
        );
    }
}

#[test]
fn links_in_headers_are_followed_too() {
    let with = |link: &str| Ok(Response::new(200).with_json(&json!([])).with_header("Link", link));
    let mut source = Source::new([
        with(r#"</a?x=1,2>; rel="prev", </people?page=2>; title="a, b"; rel="last next""#),
        with(r"</people?page=3>; rel=NEXT"),
        with(r#"</people?page=4>; rel="nextish", <>; rev=next, broken"#),
    ]);
    assert_eq!(run(&mut source, by_link()).unwrap().len(), 3);
    assert_eq!(
        source.urls()[1..],
        ["https://registry.example/people?page=2", "https://registry.example/people?page=3"]
    );
}

#[test]
fn an_answer_does_not_choose_who_is_asked_next() {
    for next in [
        "https://evil.example/",
        "//evil.example/people",
        "http://registry.example/people?page=2",
        "https://registry.example:8443/",
        "https://registry.example@evil.example/",
        "https://registry.example.evil.example/",
        "https://registry.example\\@evil.example/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "/%2e%2e/admin",
        "/a\r\nx: y",
    ] {
        let mut source = Source::new([page(json!({ "next": next }))]);
        let error = run(&mut source, by_pointer()).unwrap_err();
        assert_eq!((error.kind(), source.requests.len()), (ErrorKind::Misconfigured, 1), "{next}");
    }
}

#[test]
fn pages_that_never_end_are_given_up() {
    let mut circle = Source::new([page(json!({ "next": "?page=2" })), page(json!({ "next": "?of=7" }))]);
    assert!(run(&mut circle, by_pointer()).unwrap_err().detail().unwrap().contains("circle"));
    let mut long = Source::new((0..3).map(|number| page(json!({ "next": format!("?page={number}") }))));
    assert!(run(&mut long, by_pointer()).unwrap_err().detail().unwrap().contains("more than 3 pages"));
    let mut wrong = Source::new([page(json!({ "next": { "href": "/" } }))]);
    assert!(run(&mut wrong, by_pointer()).unwrap_err().detail().unwrap().contains("is no text"));
}

#[test]
fn half_a_list_is_not_an_answer() {
    let mut source = Source::new([page(json!({ "next": "?page=2" })), Ok(Response::new(500))]);
    assert_eq!(run(&mut source, by_pointer()).unwrap_err().kind(), ErrorKind::Unavailable);
}

#[test]
fn answers_that_are_not_plain_json_are_refused() {
    let deep = format!("{}{}", "[".repeat(33), "]".repeat(33));
    for body in [r#"{"id":1,"id":2}"#, deep.as_str(), "{", "", "[1]x", "{\"n\":123456789012345678901234567890}"] {
        let response = Response::new(200).with_header("content-type", "application/json").with_body(body);
        let error = run(&mut Source::new([Ok(response)]), json!({})).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{body}");
    }
    let html = Response::new(200).with_header("content-type", "text/html").with_body("{}");
    assert!(run(&mut Source::new([Ok(html)]), json!({})).unwrap_err().detail().unwrap().contains("text/html"));
}

#[test]
fn a_body_is_json_with_the_values_of_the_call() {
    let config = json!({
        "method": "POST", "headers": { "Accept": "application/vnd.x+json", "x-tenant": "a" },
        "body": { "query": { "id": "{subject.id}" }, "literal": "a\"b" },
    });
    let settings = settings(config);
    let request = first_request(&settings, &Scope::of(&Call::about(r#"x","admin":"y"#))).unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&request.body).unwrap(),
        json!({ "query": { "id": r#"x","admin":"y"# }, "literal": "a\"b" })
    );
    let names: Vec<&str> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["content-type", "accept", "x-tenant"]);
}
