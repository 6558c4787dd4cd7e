use std::{collections::VecDeque, time::UNIX_EPOCH};

use chancery_plugin_sdk::{Map, Value, http::HttpErrorKind, json};

use super::*;
use crate::config::Config;

struct Issuer {
    answers: VecDeque<Result<Response, HttpError>>,
    requests: Vec<http::Request>,
    timeouts: Vec<Duration>,
    remaining: Duration,
}

impl Issuer {
    fn answering(response: Response) -> Self {
        Self {
            answers: VecDeque::from([Ok(response)]),
            requests: Vec::new(),
            timeouts: Vec::new(),
            remaining: Duration::from_secs(4),
        }
    }
}

impl Outside for Issuer {
    fn send(&mut self, request: http::Request, timeout: Duration) -> Result<Response, HttpError> {
        self.requests.push(request);
        self.timeouts.push(timeout);
        self.answers.pop_front().expect("a request too many")
    }

    fn now(&self) -> SystemTime {
        UNIX_EPOCH
    }

    fn remaining(&self) -> Duration {
        self.remaining
    }
}

fn settings() -> Settings {
    serde_json::from_value::<Config>(json!({ "url": "https://issuer.example/api" })).unwrap().check().unwrap()
}

fn request(format: &str) -> Request {
    let mut request = Request::about("7");
    request.request_id = "req-1".into();
    request.format = format.into();
    request.settings.insert("credential".into(), json!({ "credentialSubject": { "number": "{subject.id}" } }));
    request
}

fn start(issuer: &mut Issuer) -> Result<Issuance, Error> {
    let holder = Holder { id: Some("did:key:z#z".into()), ..Holder::default() };
    issue(&request("ldp_vc"), &holder, &settings(), issuer)
}

fn poll_with(token: impl Into<Vec<u8>>, issuer: &mut Issuer) -> Result<Issuance, Error> {
    let request = PollRequest {
        request_id: "req-2".into(),
        issuer_id: String::new(),
        configuration_id: String::new(),
        settings: Map::new(),
        token: token.into(),
        context: Map::new(),
        budget: Duration::from_secs(4),
    };
    poll(&request, &settings(), issuer)
}

fn waiting(location: &str) -> Response {
    Response::new(202).with_header("Location", location)
}

fn ticket(issuance: Result<Issuance, Error>) -> Ticket {
    match issuance.unwrap() {
        Issuance::Pending(ticket) => ticket,
        Issuance::Issued(_) => panic!("issued"),
    }
}

fn token() -> Vec<u8> {
    br#"{"location":"/api/tickets/9?k=a%2Fb","format":"ldp_vc"}"#.to_vec()
}

fn done() -> Value {
    json!({ "verifiableCredential": { "id": "urn:1", "proof": {} } })
}

#[test]
fn a_credential_is_asked_for_once_and_passed_on() {
    for status in [200, 201] {
        let mut issuer = Issuer::answering(Response::new(status).with_json(&done()));
        let Issuance::Issued(credential) = start(&mut issuer).unwrap() else { panic!("pending") };
        assert_eq!(credential.body(), br#"{"id":"urn:1","proof":{}}"#);
        let sent = &issuer.requests[0];
        assert_eq!(sent.url.to_string(), "https://issuer.example/api/credentials/issue");
        assert!(sent.headers.contains(&("idempotency-key".into(), "req-1".into())));
        assert_eq!(
            serde_json::from_slice::<Value>(&sent.body).unwrap(),
            json!({ "credential": { "credentialSubject": { "number": "7", "id": "did:key:z" } } })
        );
        assert_eq!(issuer.timeouts, [Duration::from_secs(4)]);
    }
}

#[test]
fn an_issuer_that_is_not_ready_is_asked_again_until_it_is() {
    let first = waiting("../tickets/9?k=a%2Fb").with_header("retry-after", "7");
    let first = ticket(start(&mut Issuer::answering(first)));
    assert_eq!((first.token.as_slice(), first.retry_after), (token().as_slice(), Duration::from_secs(7)));

    let mut again = Issuer::answering(Response::new(202));
    let second = ticket(poll_with(first.token, &mut again));
    assert_eq!(again.requests[0].url.to_string(), "https://issuer.example/api/tickets/9?k=a%2Fb");
    assert_eq!((second.token, second.retry_after), (token(), Duration::from_secs(30)));

    let mut moved = Issuer::answering(waiting("https://ISSUER.example:443/other"));
    let third = ticket(poll_with(token(), &mut moved));
    let mut ready = Issuer::answering(Response::new(200).with_json(&done()));
    assert!(matches!(poll_with(third.token, &mut ready).unwrap(), Issuance::Issued(_)));
    assert_eq!(ready.requests[0].url.to_string(), "https://issuer.example/other");
    assert!(ready.requests[0].body.is_empty());
}

#[test]
fn waits_are_neither_busy_nor_endless() {
    for (after, wait) in [("0", 1), ("86401", 86_400), ("99999999999999999999", 86_400), ("soon", 30)] {
        let response = waiting("/t").with_header("retry-after", after);
        assert_eq!(ticket(start(&mut Issuer::answering(response))).retry_after, Duration::from_secs(wait), "{after}");
    }
}

#[test]
fn the_other_issuer_does_not_choose_who_is_asked_next() {
    let long = format!("/{}", "x".repeat(MAX_LOCATION));
    for location in [
        "https://evil.example/",
        "//evil.example/t",
        "http://issuer.example/t",
        "https://issuer.example:8443/t",
        "https://issuer.example@evil.example/",
        "file:///etc/passwd",
        "/%2e%2e/admin",
        "/a b",
        long.as_str(),
    ] {
        let error = start(&mut Issuer::answering(waiting(location))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misconfigured, "{location}");
        let error = poll_with(token(), &mut Issuer::answering(waiting(location))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misconfigured, "{location}");
    }
    assert_eq!(start(&mut Issuer::answering(Response::new(202))).unwrap_err().kind(), ErrorKind::Misconfigured);
}

#[test]
fn a_ticket_of_another_make_is_refused_before_anybody_is_asked() {
    for token in [
        &b""[..],
        b"{}",
        b"\xff",
        br#"{"location":"https://evil.example/","format":"ldp_vc"}"#,
        br#"{"location":"@evil.example/","format":"ldp_vc"}"#,
        br#"{"location":".evil.example/","format":"ldp_vc"}"#,
        br#"{"location":"/../x","format":"ldp_vc"}"#,
        br#"{"location":"/x","format":"ldp_vc","more":1}"#,
    ] {
        let mut issuer = Issuer::answering(Response::new(200).with_json(&done()));
        assert_eq!(poll_with(token, &mut issuer).unwrap_err().kind(), ErrorKind::Internal);
        assert!(issuer.requests.is_empty());
    }
}

#[test]
fn a_format_that_cannot_come_back_is_not_asked_for() {
    let mut issuer = Issuer::answering(Response::new(200));
    let error = issue(&request("mso_mdoc"), &Holder::default(), &settings(), &mut issuer).unwrap_err();
    assert_eq!((error.kind(), issuer.requests.len()), (ErrorKind::Misconfigured, 0));
}

#[test]
fn statuses_say_who_has_to_act() {
    let issuing = |status| start(&mut Issuer::answering(Response::new(status))).unwrap_err().kind();
    let polling = |status| poll_with(token(), &mut Issuer::answering(Response::new(status))).unwrap_err().kind();
    for status in [400, 422] {
        assert_eq!(issuing(status), ErrorKind::InvalidRequest, "{status}");
    }
    for status in [401, 403, 405, 204, 301, 307, 418] {
        assert_eq!(
            (issuing(status), polling(status)),
            (ErrorKind::Misconfigured, ErrorKind::Misconfigured),
            "{status}"
        );
    }
    for status in [408, 409, 425, 429, 500, 503, 599] {
        assert_eq!((issuing(status), polling(status)), (ErrorKind::Unavailable, ErrorKind::Unavailable), "{status}");
    }
    assert_eq!((issuing(404), polling(404)), (ErrorKind::Misconfigured, ErrorKind::Unavailable));
    assert_eq!((issuing(410), polling(410)), (ErrorKind::Misconfigured, ErrorKind::NotFound));
}

#[test]
fn a_busy_issuer_says_when_and_nothing_about_people() {
    let busy = Response::new(503).with_header("retry-after", "9").with_json(&json!({ "title": "Amina" }));
    let error = start(&mut Issuer::answering(busy)).unwrap_err();
    assert_eq!(error.retry_delay(), Some(Duration::from_secs(9)));
    assert!(!format!("{error:?}").contains("Amina"));
}

#[test]
fn a_broken_connection_is_a_failure_that_may_pass() {
    let mut issuer = Issuer::answering(Response::new(200));
    issuer.answers = VecDeque::from([Err(HttpError::new(HttpErrorKind::ConnectionTimeout, ""))]);
    assert_eq!(start(&mut issuer).unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(issuer.requests.len(), 1);
}
