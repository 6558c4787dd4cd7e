use chancery_plugin_sdk::{Value, http::Url, json};

use super::*;
use crate::fake::{Source, settings};

fn get() -> Request {
    Request::get(Url::parse("https://h/").unwrap())
}

fn run(source: &mut Source, config: Value) -> Result<Response, Error> {
    ask(&get(), &settings(config), source)
}

#[expect(clippy::unnecessary_wraps, reason = "one answer among others, some of them failures")]
fn status(status: u16) -> Result<Response, HttpError> {
    Ok(Response::new(status))
}

fn failure(kind: HttpErrorKind) -> Result<Response, HttpError> {
    Err(HttpError::new(kind, ""))
}

fn ms(values: &[u64]) -> Vec<Duration> {
    values.iter().copied().map(Duration::from_millis).collect()
}

#[test]
fn what_passes_is_tried_again() {
    for first in [
        status(429),
        status(502),
        status(503),
        status(504),
        failure(HttpErrorKind::Dns),
        failure(HttpErrorKind::Connection),
    ] {
        let mut source = Source::new([first, status(503), status(200)]);
        assert_eq!(run(&mut source, json!({})).unwrap().status, 200);
        assert_eq!(source.sleeps, ms(&[200, 400]));
    }
}

#[test]
fn what_lasts_or_may_have_had_an_effect_is_not() {
    for first in [
        status(500),
        status(400),
        status(404),
        failure(HttpErrorKind::ResponseTimeout),
        failure(HttpErrorKind::Denied),
        failure(HttpErrorKind::Tls),
        failure(HttpErrorKind::ResponseTooLarge),
    ] {
        let mut source = Source::new([first]);
        run(&mut source, json!({})).unwrap_err();
        assert!(source.sleeps.is_empty());
    }
    let mut source = Source::new([status(503)]);
    let post = Request::post(Url::parse("https://h/").unwrap());
    let error = ask(&post, &settings(json!({ "method": "POST" })), &mut source).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

#[test]
fn attempts_end() {
    let mut source = Source::new([status(503), status(503)]);
    let error = run(&mut source, json!({ "retry": { "attempts": 2, "backoff": "1s" } })).unwrap_err();
    assert_eq!((error.kind(), source.sleeps), (ErrorKind::Unavailable, ms(&[1000])));
}

#[test]
fn the_source_may_ask_for_a_longer_wait_and_the_call_ends_before_it() {
    let busy = |after: &str| Ok(Response::new(429).with_header("retry-after", after));
    let mut source = Source::new([busy("2"), status(200)]);
    run(&mut source, json!({})).unwrap();
    assert_eq!(source.sleeps, ms(&[2000]));

    for wait in ["5", "99999999999999999999", "Sun, 06 Nov 2094 08:49:37 GMT"] {
        let mut source = Source::new([busy(wait)]);
        let error = run(&mut source, json!({})).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.retry_delay().unwrap() >= Duration::from_secs(5) && source.sleeps.is_empty(), "{wait}");
    }
    // What makes no sense, and a date that is over, are no wait at all: the operator's holds.
    for wait in ["soon", "-7", "0", "Sun, 06 Nov 1994 08:00:00 GMT"] {
        let mut source = Source::new([busy(wait), status(200)]);
        run(&mut source, json!({})).unwrap();
        assert_eq!(source.sleeps, ms(&[200]), "{wait}");
    }
}

#[test]
fn no_request_is_given_more_time_than_the_call_has() {
    let mut source = Source::new([status(503), status(200)]);
    source.remaining = Duration::from_millis(2500);
    run(&mut source, json!({})).unwrap();
    assert_eq!(source.timeouts, ms(&[2500, 2300]));
    let mut source = Source::new([status(200)]);
    run(&mut source, json!({ "timeout": "700ms" })).unwrap();
    assert_eq!(source.timeouts, ms(&[700]));
}

#[test]
fn statuses_say_who_has_to_act() {
    let kind = |number: u16, config: Value| {
        let answers = std::iter::repeat_with(|| status(number)).take(3);
        run(&mut Source::new(answers), config).unwrap_err().kind()
    };
    for (number, expected) in [
        (204, ErrorKind::NotFound),
        (404, ErrorKind::NotFound),
        (410, ErrorKind::NotFound),
        (401, ErrorKind::Misconfigured),
        (403, ErrorKind::Misconfigured),
        (407, ErrorKind::Misconfigured),
        (301, ErrorKind::Misconfigured),
        (307, ErrorKind::Misconfigured),
        (304, ErrorKind::Misconfigured),
        (400, ErrorKind::InvalidRequest),
        (418, ErrorKind::InvalidRequest),
        (422, ErrorKind::InvalidRequest),
        (408, ErrorKind::Unavailable),
        (429, ErrorKind::Unavailable),
        (500, ErrorKind::Unavailable),
        (599, ErrorKind::Unavailable),
        (999, ErrorKind::Unavailable),
    ] {
        assert_eq!(kind(number, json!({})), expected, "{number}");
    }
    let own = json!({ "status": { "403": "denied", "500": "not-found", "404": "misconfigured" } });
    assert_eq!(kind(403, own.clone()), ErrorKind::Denied);
    assert_eq!(kind(500, own.clone()), ErrorKind::NotFound);
    assert_eq!(kind(404, own), ErrorKind::Misconfigured);
}

#[test]
fn what_a_failure_says_is_told_to_nobody() {
    let answer = Response::new(400).with_json(&json!({ "error": "no Amina Otieno" }));
    let error = run(&mut Source::new([Ok(answer)]), json!({})).unwrap_err();
    assert!(!format!("{error:?}").contains("Amina"));
    assert_eq!(error.detail(), Some("the data source answered 400"));
}
