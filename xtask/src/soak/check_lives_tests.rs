//! As `check_tests`: each test takes a run in which all is well and breaks one thing.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    check::{Detail, Event},
    check_lives::{Bits, GONE, Look, Watch, check_indexes, check_lives, check_published, expected_bits},
    history::Outcome,
    lives::{Change, Entry, Issued, Job, Known, Life, Place, REVOCATION, Request, SUSPENSION, Seen},
};

const LIST: &str = "https://issuer.example/credentials/status-list/";

/// Credentials `a` (its first answer was lost; suspended, reinstated, revoked), `b` (deleted, and the answer was lost)
/// and `c` (never touched), and a job of two.
struct Run {
    known: Known,
    events: Vec<Event>,
}

impl Run {
    fn good() -> Self {
        let a = Life {
            issues: vec![Outcome::Lost, issued("a", true), issued("a", true)],
            changes: vec![
                change(SUSPENSION, true, vec![Outcome::Lost, Outcome::Accepted(())]),
                change(SUSPENSION, true, vec![Outcome::Accepted(())]),
                change(SUSPENSION, false, vec![Outcome::Accepted(())]),
                change(REVOCATION, true, vec![Outcome::Accepted(())]),
            ],
            seen: Some(there("a", &[(REVOCATION, true), (SUSPENSION, false)])),
            ..life("a", 7)
        };
        let b = Life {
            deletions: vec![Outcome::Lost, Outcome::Refused(GONE.to_owned())],
            seen: Some(Seen::Gone),
            ..life("b", 8)
        };
        let job = Job {
            request: request("job"),
            items: 2,
            creations: vec![Outcome::Lost, Outcome::Accepted("job".to_owned())],
            issued: Some(vec![("j0".to_owned(), entries(10)), ("j1".to_owned(), entries(11))]),
        };
        let mut events: Vec<_> = ["a", "b", "c", "j0", "j1"].map(issue).into();
        events.extend((0..3).map(|number| event("credential.status", "a", number)));
        events.extend([event("credential.status", "b", 0), event("credential.delete", "b", 0)]);
        let wallet = Detail { offer: Some("offer".to_owned()), ..Detail::default() };
        events.push(Event { detail: wallet, ..issue("a wallet's") });
        let known = Known { lives: vec![a, b, life("c", 9)], jobs: vec![job], violations: Vec::new() };
        Self { known, events }
    }

    fn life(&mut self, id: &str) -> &mut Life {
        self.known.lives.iter_mut().find(|life| life.request.key == id).unwrap()
    }

    fn found(&self) -> Vec<String> {
        check_lives(&self.known, &self.events)
    }

    #[track_caller]
    fn must_be_caught(self, what: &str) {
        let found = self.found();
        assert!(found.iter().any(|line| line.contains(what)), "{what:?} is not among {found:?}");
    }

    fn forget(&mut self, object: &str, action: &str) {
        let at = self.events.iter().position(|event| event.object == object && event.action == action).unwrap();
        self.events.remove(at);
    }
}

fn request(key: &str) -> Request {
    Request { key: key.to_owned(), body: Value::Null }
}

fn life(id: &str, index: u64) -> Life {
    Life {
        request: request(id),
        chosen: Some(id.to_owned()),
        issues: vec![issued(id, false)],
        entries: entries(index),
        changes: Vec::new(),
        deletions: Vec::new(),
        seen: Some(there(id, &[(REVOCATION, false), (SUSPENSION, false)])),
    }
}

fn issued(id: &str, replayed: bool) -> Outcome<Issued> {
    Outcome::Accepted(Issued { id: id.to_owned(), sha256: format!("sha of {id}"), entry: None, replayed })
}

fn entries(index: u64) -> Vec<Entry> {
    let entry = |purpose: &str| Entry { purpose: purpose.to_owned(), list: format!("{LIST}{purpose}"), index };
    vec![entry(REVOCATION), entry(SUSPENSION)]
}

fn change(purpose: &'static str, value: bool, outcomes: Vec<Outcome<()>>) -> Change {
    Change { purpose, value, request: request("change"), outcomes }
}

fn there(id: &str, says: &[(&str, bool)]) -> Seen {
    let says = says.iter().map(|(purpose, value)| ((*purpose).to_owned(), *value)).collect();
    Seen::There { sha256: format!("sha of {id}"), says }
}

fn event(action: &str, object: &str, number: i64) -> Event {
    Event {
        number,
        id: format!("{action} {object} {number}"),
        action: action.to_owned(),
        object: object.to_owned(),
        outcome: "succeeded".to_owned(),
        reason: None,
        request_id: None,
        detail: Detail::default(),
    }
}

fn issue(id: &str) -> Event {
    let detail = Detail { credential_sha256: Some(format!("sha of {id}")), ..Detail::default() };
    Event { detail, ..event("credential.issue", id, 0) }
}

fn bits(revoked: &[u64], suspended: &[u64]) -> Bits {
    let of = |purpose: &str, indexes: &[u64]| (format!("{LIST}{purpose}"), indexes.iter().copied().collect());
    Bits::from([of(REVOCATION, revoked), of(SUSPENSION, suspended)])
}

#[test]
fn a_good_run_is_good() {
    let run = Run::good();
    assert_eq!(run.found(), Vec::<String>::new());
    let wallets: [Place; 2] = [(format!("{LIST}{SUSPENSION}"), 12), (format!("{LIST}{SUSPENSION}"), 13)];
    assert_eq!(check_indexes(&run.known, &wallets), Vec::<String>::new());
    assert_eq!(expected_bits(&run.known), bits(&[7, 8], &[]));
    assert_eq!(check_published(&expected_bits(&run.known), &bits(&[7, 8], &[])), Vec::<String>::new());
}

#[test]
fn a_lost_or_doubled_credential_must_be_caught() {
    let mut run = Run::good();
    run.forget("a", "credential.issue");
    run.must_be_caught("a: its issue was acknowledged, and is recorded 0 times");
    let mut run = Run::good();
    run.events.push(issue("c"));
    run.must_be_caught("c: its issue was acknowledged, and is recorded 2 times");
    let mut run = Run::good();
    run.events.push(issue("nobody's"));
    run.must_be_caught("credential nobody's: issued, and no request is known that it answers");
    let mut run = Run::good();
    run.life("a").issues.push(issued("a", false));
    run.must_be_caught("the same request acted twice");
    let mut run = Run::good();
    run.life("a").issues.push(issued("other", true));
    run.must_be_caught("answered with other the next time");
    let mut run = Run::good();
    run.life("c").issues = vec![issued("c", true)];
    run.must_be_caught("the first request is said to be a repetition");
    let mut run = Run::good();
    run.life("c").issues = vec![Outcome::Lost];
    run.must_be_caught("never acknowledged");
    let mut run = Run::good();
    run.life("c").issues.push(Outcome::Refused("conflict".to_owned()));
    run.must_be_caught("a good request for it was refused: conflict");
    let mut run = Run::good();
    run.life("c").chosen = Some("d".to_owned());
    run.must_be_caught("another id than the chosen one");
}

#[test]
fn another_credential_than_the_acknowledged_one_must_be_caught() {
    let mut run = Run::good();
    run.life("c").seen = Some(there("other", &[(REVOCATION, false), (SUSPENSION, false)]));
    run.must_be_caught("what is stored is another credential");
    let mut run = Run::good();
    run.events.iter_mut().find(|event| event.object == "c").unwrap().detail.credential_sha256 = None;
    run.must_be_caught("its event tells of another credential");
    let mut run = Run::good();
    run.life("c").seen = Some(Seen::Gone);
    run.must_be_caught("nobody has deleted it");
    let mut run = Run::good();
    run.life("c").seen = Some(Seen::Refused("404".to_owned()));
    run.must_be_caught("it cannot be read: 404");
}

#[test]
fn a_lost_or_doubled_change_must_be_caught() {
    let mut run = Run::good();
    run.forget("a", "credential.status");
    run.must_be_caught("changed 3 times, and 2 changes are recorded");
    let mut run = Run::good();
    run.events.push(event("credential.status", "c", 0));
    run.must_be_caught("changed 0 times, and 1 changes are recorded");
    let mut run = Run::good();
    run.life("a").seen = Some(there("a", &[(REVOCATION, false), (SUSPENSION, false)]));
    run.must_be_caught("its revocation was acknowledged as true, and is Some(false)");
    let mut run = Run::good();
    run.life("a").changes[3].outcomes = vec![Outcome::Lost];
    run.must_be_caught("never acknowledged");
    let mut run = Run::good();
    run.life("a").changes[0].outcomes.push(Outcome::Refused("409".to_owned()));
    run.must_be_caught("setting its suspension to true was refused: 409");
}

#[test]
fn a_deletion_that_was_undone_or_done_twice_must_be_caught() {
    let mut run = Run::good();
    run.life("b").seen = Some(there("b", &[]));
    run.must_be_caught("its deletion was acknowledged, and it is there");
    let mut run = Run::good();
    run.life("b").deletions = vec![Outcome::Accepted(()), Outcome::Accepted(())];
    run.must_be_caught("deleted 2 times");
    let mut run = Run::good();
    run.life("b").deletions = vec![Outcome::Refused(GONE.to_owned())];
    run.must_be_caught("deleting it was refused");
    let mut run = Run::good();
    run.forget("b", "credential.delete");
    run.must_be_caught("0 deletions of it are recorded");
}

#[test]
fn a_job_by_half_or_done_twice_must_be_caught() {
    let mut run = Run::good();
    run.known.jobs[0].issued.as_mut().unwrap().pop();
    run.must_be_caught("2 items, and 1 credentials");
    let mut run = Run::good();
    run.known.jobs[0].issued = None;
    run.must_be_caught("not finished");
    let mut run = Run::good();
    run.events.push(issue("j0"));
    run.must_be_caught("credential j0 is recorded 2 times");
    let mut run = Run::good();
    run.events.push(issue("j2"));
    run.must_be_caught("credential j2: issued, and no request is known");
    let mut run = Run::good();
    run.known.jobs[0].creations.push(Outcome::Accepted("other".to_owned()));
    run.must_be_caught("made the job other as well");
    let mut run = Run::good();
    run.known.jobs[0].creations.push(Outcome::Refused("409".to_owned()));
    run.must_be_caught("it was refused: 409");
}

#[test]
fn an_index_that_was_given_twice_must_be_caught() {
    let found = |known: &Known, wallets: &[Place]| check_indexes(known, wallets).join("\n");
    let mut run = Run::good();
    // Also where its first holder is gone.
    run.life("c").entries = entries(8);
    assert!(found(&run.known, &[]).contains("#8 was given to b and to c"));
    let run = Run::good();
    let wallet = (format!("{LIST}{REVOCATION}"), 11);
    assert!(found(&run.known, &[wallet]).contains("#11 was given to j1 and to a wallet's credential"));
    let mut run = Run::good();
    run.life("c").entries[1].index = 99;
    assert!(found(&run.known, &[]).contains("c: its entries have different indexes"));
}

#[test]
fn a_credential_that_names_another_entry_must_be_caught() {
    let mut run = Run::good();
    let Outcome::Accepted(issued) = &mut run.life("c").issues[0] else { panic!("it was issued") };
    issued.entry = Some((format!("{LIST}{REVOCATION}"), 10));
    run.must_be_caught("#10, and is recorded with another one");
}

#[test]
fn what_is_not_published_or_too_much_must_be_caught() {
    let expected = expected_bits(&Run::good().known);
    let found = |published: &Bits| check_published(&expected, published).join("\n");
    assert!(found(&bits(&[7], &[])).contains("revocation#8 was acknowledged as set, and is not published so"));
    assert!(found(&bits(&[7, 8], &[7])).contains("suspension#7 is published as set, and nobody has set it"));
    assert!(found(&Bits::new()).contains("revocation is not published"));
}

#[test]
fn a_list_that_goes_back_must_be_caught() {
    let look = |purpose: &str, valid_from: &str, bits: &[u64]| Look {
        purpose: purpose.to_owned(),
        valid_from: valid_from.to_owned(),
        bits: bits.iter().copied().collect::<BTreeSet<_>>(),
    };
    let (early, late) = ("2027-01-15T08:00:00Z", "2027-01-15T08:00:01Z");
    let mut watch = Watch::default();
    assert_eq!(watch.look("l", &look(REVOCATION, early, &[1])), Vec::<String>::new());
    assert_eq!(watch.look("l", &look(REVOCATION, late, &[1, 2])), Vec::<String>::new());
    assert_eq!(watch.look("m", &look(SUSPENSION, early, &[1])), Vec::<String>::new());
    assert_eq!(watch.look("m", &look(SUSPENSION, early, &[])), Vec::<String>::new(), "it may be taken back");
    assert!(watch.clone().look("l", &look(REVOCATION, late, &[2])).join("").contains("l#1 was revoked, and is not"));
    assert!(watch.look("l", &look(REVOCATION, early, &[1, 2])).join("").contains("l went back"));
}

#[test]
fn what_answers_showed_is_not_forgotten() {
    let mut run = Run::good();
    run.known.violations.push("a deleted id was issued again".to_owned());
    run.must_be_caught("a deleted id was issued again");
    let says: BTreeMap<_, _> = Run::good().life("b").says();
    assert_eq!(says, BTreeMap::from([(REVOCATION, true), (SUSPENSION, false)]), "a deletion revokes");
}
