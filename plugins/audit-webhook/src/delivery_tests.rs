use std::time::UNIX_EPOCH;

use chancery_plugin_sdk::{ErrorKind, Outcome, Value, http::Url, json};

use super::*;

/// An endpoint that dislikes some events, and the host around it.
struct Endpoint {
    poison: Vec<&'static str>,
    /// What it answers to bodies with poison in them.
    refusal: u16,
    /// What it answers to the nth request instead, counted from one.
    instead: Option<(usize, Result<Response, HttpError>)>,
    request_max: usize,
    remaining: Duration,
    /// What each request takes of it.
    takes: Duration,
    timeouts: Vec<Duration>,
    requests: Vec<Request>,
    signed: Vec<Vec<u8>>,
}

impl Default for Endpoint {
    fn default() -> Self {
        Self {
            poison: Vec::new(),
            refusal: 422,
            instead: None,
            request_max: usize::MAX,
            remaining: Duration::from_secs(30),
            takes: Duration::ZERO,
            timeouts: Vec::new(),
            requests: Vec::new(),
            signed: Vec::new(),
        }
    }
}

impl Endpoint {
    fn answering(response: Result<Response, HttpError>) -> Self {
        Self { instead: Some((1, response)), ..Self::default() }
    }

    fn bodies(&self) -> Vec<Vec<String>> {
        self.requests.iter().map(|request| ids(&request.body)).collect()
    }
}

impl Outside for Endpoint {
    fn mac(&mut self, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.signed.push(message.to_vec());
        Ok(vec![0xfb; 32])
    }

    fn send(&mut self, request: Request, timeout: Duration) -> Result<Response, HttpError> {
        self.timeouts.push(timeout);
        self.remaining = self.remaining.saturating_sub(self.takes);
        let found = ids(&request.body);
        let size = request.body.len();
        self.requests.push(request);
        if let Some((number, response)) = &self.instead
            && *number == self.requests.len()
        {
            return response.clone();
        }
        if size > self.request_max {
            return Err(HttpError::new(HttpErrorKind::RequestTooLarge, ""));
        }
        let bad = found.iter().any(|id| self.poison.contains(&id.as_str()));
        Ok(Response::new(if bad { self.refusal } else { 204 }))
    }

    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(1_700_000_000_999)
    }

    fn remaining(&self) -> Duration {
        self.remaining
    }
}

fn ids(body: &[u8]) -> Vec<String> {
    let body: Value = serde_json::from_slice(body).unwrap();
    let id = |event: &Value| event["id"].as_str().unwrap().to_owned();
    body["events"].as_array().unwrap().iter().map(id).collect()
}

fn events(count: usize) -> Vec<Event> {
    (0..count)
        .map(|number| Event {
            id: format!("e{number}"),
            sequence: 100 + number as u64,
            at_unix_ms: 1,
            issuer_id: None,
            action: "offer.create".into(),
            outcome: Outcome::Succeeded,
            actor: "system".into(),
            object: "o\"]}".into(),
            request_id: String::new(),
            detail: json!({}).as_object().unwrap().clone(),
        })
        .collect()
}

fn settings() -> Settings {
    Settings {
        url: Url::parse("https://siem.example/in").unwrap(),
        key: "webhook".into(),
        timeout: Duration::from_secs(5),
        requests: 32,
    }
}

fn deliver_to(endpoint: &mut Endpoint, count: usize) -> Result<Receipt, Error> {
    deliver(&events(count), &settings(), endpoint)
}

#[test]
fn a_batch_is_one_signed_request() {
    let mut endpoint = Endpoint::default();
    let receipt = deliver_to(&mut endpoint, 3).unwrap();
    assert_eq!(receipt.delivered_ids(), ["e0", "e1", "e2"]);
    let [request] = &endpoint.requests[..] else { panic!("{} requests", endpoint.requests.len()) };
    let header = |name: &str| request.headers.iter().find(|(known, _)| known == name).unwrap().1.as_str();
    assert_eq!(header("webhook-id"), "msg_e0_102_3");
    assert_eq!(header("webhook-timestamp"), "1700000000");
    assert_eq!(header("webhook-signature"), "v1,+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s=");
    assert_eq!(header("content-type"), "application/json");
    let expected = [b"msg_e0_102_3.1700000000.".as_slice(), &request.body].concat();
    assert_eq!(endpoint.signed, [expected]);
}

#[test]
fn nothing_is_sent_for_nothing() {
    let mut endpoint = Endpoint::default();
    assert!(deliver_to(&mut endpoint, 0).unwrap().is_empty());
    assert!(endpoint.requests.is_empty());
}

#[test]
fn the_parts_of_what_is_signed_cannot_run_together() {
    let mut batch = events(1);
    batch[0].id = "a.1.\r\nb:{}é".into();
    let mut endpoint = Endpoint::default();
    deliver(&batch, &settings(), &mut endpoint).unwrap();
    assert_eq!(endpoint.requests[0].headers[2].1, "msg_a1b_100_1");
    assert!(endpoint.signed[0].starts_with(b"msg_a1b_100_1.1700000000.{\"events\":["));
}

#[test]
fn a_repetition_has_the_same_id_and_other_batches_have_another() {
    let id = |from, to| message_id(&events(10)[from..to]);
    assert_eq!(id(0, 3), id(0, 3));
    for other in [id(0, 2), id(1, 3), id(0, 4)] {
        assert_ne!(id(0, 3), other);
    }
}

#[test]
fn events_that_are_refused_are_found_and_the_others_delivered_in_order() {
    for refusal in [400, 413, 422] {
        let mut endpoint = Endpoint { poison: vec!["e0", "e5", "e6"], refusal, ..Endpoint::default() };
        let receipt = deliver_to(&mut endpoint, 8).unwrap();
        assert_eq!(receipt.delivered_ids(), ["e1", "e2", "e3", "e4", "e7"]);
        let rejected: Vec<&str> = receipt.rejections().iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(rejected, ["e0", "e5", "e6"]);
        assert!(receipt.rejections()[0].1.contains(&refusal.to_string()));
    }
}

#[test]
fn the_largest_batch_makes_progress_with_the_fewest_requests() {
    for poison in ["e0", "e999", "e500"] {
        for refusal in [400, 422] {
            let mut endpoint = Endpoint { poison: vec![poison], refusal, ..Endpoint::default() };
            let fewest = Settings { requests: 12, ..settings() };
            let receipt = deliver(&events(1000), &fewest, &mut endpoint).unwrap();
            assert!(!receipt.is_empty(), "{poison}");
            assert!(endpoint.requests.len() <= 12);
        }
    }
    let mut endpoint = Endpoint { poison: vec!["e0"], ..Endpoint::default() };
    let receipt = deliver_to(&mut endpoint, 1000).unwrap();
    assert_eq!((receipt.delivered_ids().len(), receipt.rejections().len()), (999, 1));
}

#[test]
fn what_a_failure_leaves_is_delivered_again() {
    let mut endpoint = Endpoint { poison: vec!["e3"], ..Endpoint::default() };
    endpoint.instead = Some((3, Ok(Response::new(503))));
    let receipt = deliver_to(&mut endpoint, 4).unwrap();
    assert_eq!(endpoint.bodies(), [vec!["e0", "e1", "e2", "e3"], vec!["e0", "e1"], vec!["e2", "e3"]]);
    assert_eq!(receipt.delivered_ids(), ["e0", "e1"]);
    assert!(receipt.rejections().is_empty());
}

#[test]
fn an_endpoint_that_answers_400_to_everything_loses_nobody_an_event() {
    for count in [1, 2, 8, 1000] {
        let mut batch = events(count);
        let poison: Vec<&'static str> = batch.iter().map(|event| &*event.id.clone().leak()).collect();
        let mut endpoint = Endpoint { poison, refusal: 400, ..Endpoint::default() };
        let error = deliver(&batch, &settings(), &mut endpoint).unwrap_err();
        assert_eq!((error.kind(), error.detail()), (ErrorKind::Misconfigured, Some("it answers 400 to every event")));
        // What is certain is told all the same, and the doubt stays.
        batch[0].object = "x".repeat(MAX_BODY);
        endpoint.requests.clear();
        let receipt = deliver(&batch, &settings(), &mut endpoint).unwrap();
        assert!(receipt.delivered_ids().is_empty());
        assert_eq!(receipt.rejections().iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["e0"]);
    }
    let mut endpoint = Endpoint { poison: vec!["e0", "e1"], refusal: 400, ..Endpoint::default() };
    endpoint.instead = Some((4, Ok(Response::new(503))));
    assert_eq!(deliver_to(&mut endpoint, 4).unwrap_err().kind(), ErrorKind::Unavailable);
}

#[test]
fn a_call_ends_with_what_it_has_before_a_request_could_be_cut_short() {
    let secs = Duration::from_secs;
    let mut endpoint = Endpoint { poison: vec!["e3"], remaining: secs(10), takes: secs(2), ..Endpoint::default() };
    let receipt = deliver_to(&mut endpoint, 4).unwrap();
    assert_eq!(endpoint.bodies(), [vec!["e0", "e1", "e2", "e3"], vec!["e0", "e1"], vec!["e2", "e3"]]);
    assert_eq!((receipt.delivered_ids().len(), receipt.rejections().len()), (2, 0));
    assert_eq!(endpoint.timeouts, [secs(5); 3]);
}

#[test]
fn a_request_ends_before_its_call() {
    let mut endpoint = Endpoint { remaining: Duration::from_secs(3), ..Endpoint::default() };
    assert_eq!(deliver_to(&mut endpoint, 2).unwrap().delivered_ids().len(), 2);
    assert_eq!(endpoint.timeouts, [Duration::from_millis(2750)]);

    let mut endpoint = Endpoint { remaining: RESERVE, ..Endpoint::default() };
    assert_eq!(deliver_to(&mut endpoint, 2).unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(endpoint.requests.is_empty());
}

#[test]
fn statuses_say_who_has_to_act() {
    let error = |status| deliver_to(&mut Endpoint::answering(Ok(Response::new(status))), 2).unwrap_err();
    for status in [401, 403, 404, 405, 410, 301, 302, 307, 418, 100] {
        assert_eq!(error(status).kind(), ErrorKind::Misconfigured, "{status}");
    }
    for status in [408, 425, 429, 500, 502, 503, 504] {
        assert_eq!(error(status).kind(), ErrorKind::Unavailable, "{status}");
    }
    let busy = Response::new(429).with_header("Retry-After", "7").with_body("Amina");
    let error = deliver_to(&mut Endpoint::answering(Ok(busy)), 2).unwrap_err();
    assert_eq!(error.retry_delay(), Some(Duration::from_secs(7)));
    assert!(!format!("{error:?}").contains("Amina"));
}

#[test]
fn failures_on_the_way_say_who_has_to_act() {
    let error = |kind| deliver_to(&mut Endpoint::answering(Err(HttpError::new(kind, ""))), 2).unwrap_err().kind();
    assert_eq!(error(HttpErrorKind::Connection), ErrorKind::Unavailable);
    assert_eq!(error(HttpErrorKind::ResponseTimeout), ErrorKind::Unavailable);
    assert_eq!(error(HttpErrorKind::Denied), ErrorKind::Misconfigured);
}

#[test]
fn what_is_too_large_is_divided_before_or_behind_the_host() {
    let mut batch = events(4);
    for event in &mut batch {
        event.object = "x".repeat(400_000);
    }
    let mut endpoint = Endpoint::default();
    assert_eq!(deliver(&batch, &settings(), &mut endpoint).unwrap().delivered_ids().len(), 4);
    assert_eq!(endpoint.bodies(), [["e0", "e1"], ["e2", "e3"]]);
    assert!(endpoint.signed.iter().all(|message| message.len() <= 1024 * 1024));

    batch[2].object = "x".repeat(MAX_BODY);
    let mut endpoint = Endpoint { request_max: 500_000, ..Endpoint::default() };
    let receipt = deliver(&batch, &settings(), &mut endpoint).unwrap();
    assert_eq!(receipt.delivered_ids(), ["e0", "e1", "e3"]);
    assert_eq!(receipt.rejections()[0].0, "e2");
}
