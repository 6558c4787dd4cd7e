//! The checker must find what it is there for: each test takes a run in which all is well and breaks one thing.

use super::{
    check::{Detail, Event, Record, check, check_kept, check_records},
    history::{Flow, History, Outcome},
};

const ATTEMPTS: usize = 3;

/// Offers `a` (two credentials, acknowledged) and `b` (three, recorded, but the answer was lost).
struct Run {
    history: History,
    events: Vec<Event>,
}

impl Run {
    fn good() -> Self {
        let a = Flow {
            redemptions: vec![Outcome::Accepted(()), refused("invalid_grant")],
            issuances: vec![Outcome::Accepted(vec!["a0".into(), "a1".into()]), refused("invalid_nonce")],
            ..flow("a", 2)
        };
        let b = Flow {
            guesses: vec![Outcome::Lost, refused("invalid_grant")],
            redemptions: vec![Outcome::Accepted(()), refused("invalid_grant")],
            issuances: vec![Outcome::Lost, refused("invalid_nonce")],
            ..flow("b", 3)
        };
        let mut events = vec![];
        for (offer, batch) in [("a", 2), ("b", 3)] {
            events.push(event("offer.create", offer));
            events.push(event("offer.redeem", offer));
            events.extend((0..batch).map(|n| issued(offer, n)));
        }
        events.push(wrong_tx_code("b"));
        Self { history: History { flows: vec![a, b], ..History::default() }, events }
    }

    fn found(mut self) -> Vec<String> {
        self.events.iter_mut().zip(1..).for_each(|(event, number)| event.number = number);
        check(&self.history, &self.events, ATTEMPTS)
    }

    #[track_caller]
    fn must_be_caught(self, what: &str) {
        let found = self.found();
        assert!(found.iter().any(|line| line.contains(what)), "{what:?} is not among {found:?}");
    }

    /// Of `a`, which was acknowledged, or `b`.
    fn flow(&mut self, offer: &str) -> &mut Flow {
        self.history.flows.iter_mut().find(|flow| flow.offer_id == offer).unwrap()
    }

    fn forget(&mut self, object: &str, action: &str) {
        let before = self.events.len();
        self.events.retain(|event| event.object != object || event.action != action);
        assert!(self.events.len() < before, "there is no {action} of {object}");
    }
}

fn flow(offer: &str, batch: usize) -> Flow {
    Flow {
        offer_id: offer.to_owned(),
        configuration: "FarmerCredential".to_owned(),
        code: String::new(),
        tx_code: None,
        wrong_tx_codes: 0,
        guesses: Vec::new(),
        redemptions: Vec::new(),
        access_token: Some("token".to_owned()),
        batch,
        proofs: Vec::new(),
        issuances: Vec::new(),
        entries: Vec::new(),
    }
}

fn refused<T>(error: &str) -> Outcome<T> {
    Outcome::Refused(error.to_owned())
}

fn event(action: &str, object: &str) -> Event {
    Event {
        number: 0,
        id: format!("{action} {object}"),
        action: action.to_owned(),
        object: object.to_owned(),
        outcome: "succeeded".to_owned(),
        reason: None,
        request_id: Some(format!("request {object}")),
        detail: Detail::default(),
    }
}

/// The `n`th credential of an offer.
fn issued(offer: &str, n: usize) -> Event {
    Event {
        request_id: Some(format!("request {offer}")),
        detail: Detail {
            offer: Some(offer.to_owned()),
            configuration: Some("FarmerCredential".to_owned()),
            credential_sha256: Some(format!("{offer}{n}")),
        },
        ..event("credential.issue", &format!("credential {offer}{n}"))
    }
}

fn wrong_tx_code(offer: &str) -> Event {
    let reason = Some("tx-code-wrong".to_owned());
    Event { outcome: "refused".to_owned(), reason, id: format!("wrong {offer}"), ..event("offer.redeem", offer) }
}

/// As a second request for the same offer would leave it.
fn issued_again(offer: &str, n: usize) -> Event {
    let mut event = issued(offer, n);
    event.request_id = Some("another request".to_owned());
    event.id.push_str(" again");
    event.object.push_str(" again");
    event.detail.credential_sha256 = Some(format!("{offer}{n} again"));
    event
}

#[test]
fn a_good_run_is_good() {
    assert_eq!(Run::good().found(), Vec::<String>::new());
}

#[test]
fn requests_that_were_lost_may_have_done_nothing() {
    let mut run = Run::good();
    run.flow("b").issuances = vec![Outcome::Lost, Outcome::Lost];
    run.flow("b").guesses = vec![Outcome::Lost];
    run.events.retain(|event| event.detail.offer.as_deref() != Some("b") && event.id != "wrong b");
    assert_eq!(run.found(), Vec::<String>::new());
    let mut run = Run::good();
    run.events.push(event("offer.create", "of a lost answer"));
    run.history.lost_offers = 1;
    assert_eq!(run.found(), Vec::<String>::new());
}

#[test]
fn a_lost_credential_must_be_caught() {
    let mut run = Run::good();
    run.forget("credential a1", "credential.issue");
    run.must_be_caught("acknowledged credential with SHA-256 a1 is not recorded");
    let mut run = Run::good();
    run.events.retain(|event| event.detail.offer.as_deref() != Some("a"));
    run.must_be_caught("acknowledged credential with SHA-256 a0 is not recorded");
}

#[test]
fn another_credential_than_the_acknowledged_one_must_be_caught() {
    let mut run = Run::good();
    run.flow("a").issuances[0] = Outcome::Accepted(vec!["a0".into(), "forged".into()]);
    run.must_be_caught("SHA-256 forged is not recorded");
}

#[test]
fn half_a_batch_must_be_caught_where_nothing_was_acknowledged() {
    let mut run = Run::good();
    run.forget("credential b2", "credential.issue");
    run.must_be_caught("issues 3 credentials, and 2 are recorded");
}

#[test]
fn half_an_answer_must_be_caught() {
    let mut run = Run::good();
    run.flow("a").issuances[0] = Outcome::Accepted(vec!["a0".into()]);
    run.must_be_caught("1 credentials were answered to 2 proofs");
}

#[test]
fn a_code_that_worked_twice_must_be_caught() {
    let mut run = Run::good();
    run.flow("a").redemptions[1] = Outcome::Accepted(());
    run.must_be_caught("accepted 2 times");
    let mut run = Run::good();
    run.events.push(Event { id: "other".to_owned(), ..event("offer.redeem", "a") });
    run.must_be_caught("recorded as taken 2 times");
}

#[test]
fn a_code_whose_exchange_was_lost_or_never_happened_must_be_caught() {
    let mut run = Run::good();
    run.forget("a", "offer.redeem");
    run.must_be_caught("accepted, and that is not recorded");
    let mut run = Run::good();
    run.flow("a").redemptions.remove(0);
    run.must_be_caught("invalid_grant to the first request");
    let mut run = Run::good();
    run.flow("a").redemptions.remove(0);
    run.forget("a", "offer.redeem");
    run.must_be_caught("nothing is recorded that spent it");
}

#[test]
fn a_nonce_that_worked_twice_must_be_caught() {
    let mut run = Run::good();
    run.flow("b").issuances.push(Outcome::Accepted(vec!["b0 again".into(), "b1 again".into(), "b2 again".into()]));
    run.events.extend((0..3).map(|n| issued_again("b", n)));
    run.must_be_caught("one nonce gave credentials in 2 requests");
    let mut run = Run::good();
    run.flow("a").issuances[1] = run.flow("a").issuances[0].clone();
    run.must_be_caught("one nonce gave credentials 2 times");
}

#[test]
fn a_nonce_that_was_used_up_for_nothing_must_be_caught() {
    let mut run = Run::good();
    run.events.retain(|event| event.detail.offer.as_deref() != Some("b"));
    run.must_be_caught("invalid_nonce, and nothing is recorded that spent it");
}

#[test]
fn another_error_than_the_one_for_what_is_spent_must_be_caught() {
    let mut run = Run::good();
    run.flow("a").issuances[1] = refused("server_error");
    run.must_be_caught("a good credential request was refused: server_error");
    let mut run = Run::good();
    run.flow("b").guesses[1] = refused("server_error");
    run.must_be_caught("a wrong transaction code was answered server_error");
}

#[test]
fn transaction_codes_are_counted() {
    let mut run = Run::good();
    run.forget("b", "offer.redeem");
    run.events.push(event("offer.redeem", "b"));
    run.must_be_caught("1 wrong transaction codes were refused, and 0 are recorded");
    let mut run = Run::good();
    run.events.extend([1, 2].map(|n| Event { id: n.to_string(), ..wrong_tx_code("b") }));
    run.must_be_caught("3 wrong transaction codes are recorded, of 2 tried and 3 allowed");
    let mut run = Run::good();
    run.flow("b").guesses = vec![refused("invalid_grant"), refused("invalid_grant"), refused("invalid_grant")];
    run.events.extend([1, 2].map(|n| Event { id: n.to_string(), ..wrong_tx_code("b") }));
    run.must_be_caught("the code was accepted after 3 wrong transaction codes");
    let mut run = Run::good();
    run.flow("b").guesses.push(Outcome::Accepted(()));
    run.must_be_caught("a wrong transaction code was accepted");
}

#[test]
fn an_offer_that_is_gone_or_taken_by_nobody_must_be_caught() {
    let mut run = Run::good();
    run.forget("a", "offer.create");
    run.must_be_caught("offer a (FarmerCredential): its making was acknowledged, and is recorded 0 times");
    let mut run = Run::good();
    run.events.push(event("offer.create", "nobody's"));
    run.must_be_caught("more offers are recorded than the 0 whose answer was lost");
    let mut run = Run::good();
    run.history.lost_offers = 1;
    run.events.extend([event("offer.create", "nobody's"), event("offer.redeem", "nobody's")]);
    run.must_be_caught("offer nobody's: recorded as taken again, or by nobody");
}

#[test]
fn an_event_or_credential_that_is_there_twice_must_be_caught() {
    let mut run = Run::good();
    run.events.push(event("offer.create", "a"));
    run.must_be_caught("event offer.create a is recorded twice");
    let mut run = Run::good();
    run.events.push(Event { id: "other".to_owned(), ..issued("a", 0) });
    run.must_be_caught("the credential with SHA-256 a0 is recorded twice");
    let mut run = Run::good();
    run.events.iter_mut().for_each(|event| event.detail.credential_sha256 = None);
    run.must_be_caught("has no credential_sha256");
}

#[test]
fn what_answers_showed_is_not_forgotten() {
    let mut run = Run::good();
    run.history.violations.push("a client assertion was accepted twice".to_owned());
    run.must_be_caught("a client assertion was accepted twice");
}

#[test]
fn events_without_their_record_are_caught() {
    let events = Run::good().events;
    let record = |event: &Event| Record {
        id: event.object.clone(),
        configuration: "FarmerCredential".to_owned(),
        offer: event.detail.offer.clone(),
    };
    let records: Vec<Record> = events.iter().filter(|event| event.is_issuance()).map(record).collect();
    assert_eq!(check_records(&events, &records), Vec::<String>::new());
    assert!(check_records(&events, &records[1..])[0].contains("the credential is not"));
    let mut other = records.clone();
    other[0].offer = None;
    assert!(check_records(&events, &other)[0].contains("different offers"));
    let mut other = records;
    other[4].configuration = "Other".to_owned();
    assert!(check_records(&events, &other)[0].contains("different configurations"));
}

#[test]
fn events_that_changed_or_went_are_caught() {
    let mut events = Run::good().events;
    events.iter_mut().zip(1..).for_each(|(event, number)| event.number = number);
    assert_eq!(check_kept(&events, &events), Vec::<String>::new());
    assert_eq!(check_kept(&events, &events[..events.len() - 1]).len(), 1);
    let mut changed = events.clone();
    changed[2].object.push('x');
    assert_eq!(check_kept(&events, &changed).len(), 1);
    changed.swap(0, 1);
    changed[2] = events[2].clone();
    assert!(check(&History::default(), &changed, ATTEMPTS).iter().any(|line| line.contains("comes after")));
}
