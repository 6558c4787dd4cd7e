use std::sync::Arc;

use super::fixtures::*;
use super::{RACERS, TestDatabase, open_two, race};
use crate::{
    DeferredLease, DeferredLeasing, DeferredRecord, DeferredState, IssuanceBatch, IssuanceOutcome,
    MAX_PENDING_PER_OFFER, Store, StoreError,
};

/// Nothing of its own.
fn nothing() -> IssuanceBatch {
    batch("a", &[], &[])
}

fn reused(hash: &str) -> IssuanceOutcome {
    IssuanceOutcome::NonceReused { nonce_hash: hash.into() }
}

async fn defer(store: &dyn Store, hash: &str) {
    let outcome = store.create_deferred(&deferred("a", hash), &nothing()).await.unwrap();
    assert_eq!(outcome, IssuanceOutcome::Recorded);
}

/// Takes the lease at `at(10)`, as the holder `h`.
async fn leased(store: &dyn Store, hash: &str) -> DeferredLease {
    let lease = deferred_lease("a", hash, "h");
    assert!(matches!(store.lease_deferred(&lease, at(10)).await.unwrap(), DeferredLeasing::Leased(_)));
    lease
}

async fn find(store: &dyn Store, hash: &str) -> Option<DeferredRecord> {
    store.find_deferred("a", hash).await.unwrap()
}

pub(crate) async fn a_deferred_transaction_reads_as_it_was_written(database: &impl TestDatabase) {
    let store = database.open().await;
    let bare = DeferredRecord { offer_id: None, sealed_state: vec![], ..deferred("a", "bare") };
    for record in [deferred("a", "t"), bare] {
        store.create_deferred(&record, &nothing()).await.unwrap();
        assert_eq!(find(&*store, &record.transaction_hash).await, Some(record));
    }
    assert_eq!(find(&*store, "other").await, None);
}

pub(crate) async fn deferring_takes_what_an_issuance_takes(database: &impl TestDatabase) {
    let store = database.open().await;
    let mut taken = batch("a", &["n1", "n2"], &[]);
    taken.events.push(event("a", "credential.defer"));
    assert_eq!(store.create_deferred(&deferred("a", "t"), &taken).await.unwrap(), IssuanceOutcome::Recorded);
    assert_eq!(trail(&*store, "a").await, ["credential.defer unset succeeded"]);
    let issued = store.record_issuances(&[batch("a", &["n2"], &["c"])]).await.unwrap();
    assert_eq!(issued, [reused("n2")], "deferring uses the nonces");

    let again = IssuanceBatch { nonces: vec![nonce("n3"), nonce("n2"), nonce("n1")], ..taken };
    assert_eq!(store.create_deferred(&deferred("a", "u"), &again).await.unwrap(), reused("n2"), "the first one");
    assert_eq!(find(&*store, "u").await, None);
    assert_eq!(trail(&*store, "a").await.len(), 1);
    let unused = store.record_issuances(&[batch("a", &["n3"], &[])]).await.unwrap();
    assert_eq!(unused, [IssuanceOutcome::Recorded], "the refused one's other nonce was not used");
}

pub(crate) async fn a_transaction_hash_is_taken_once_in_an_issuer(database: &impl TestDatabase) {
    let store = database.open().await;
    defer(&*store, "t").await;
    let refused = store.create_deferred(&deferred("a", "t"), &batch("a", &["n"], &["c"])).await;
    assert!(matches!(refused, Err(StoreError::Conflict("deferred transaction"))), "{refused:?}");
    assert_eq!(store.find_credential("a", "c").await.unwrap(), None);
    assert!(trail(&*store, "a").await.is_empty());
    let unused = store.record_issuances(&[batch("a", &["n"], &[])]).await.unwrap();
    assert_eq!(unused, [IssuanceOutcome::Recorded]);

    let lease = leased(&*store, "t").await;
    store.finish_deferred(&lease, &nothing()).await.unwrap().unwrap();
    let refused = store.create_deferred(&deferred("a", "t"), &nothing()).await;
    assert!(matches!(refused, Err(StoreError::Conflict(_))), "not even after it was finished: {refused:?}");
}

pub(crate) async fn one_caller_at_a_time_has_the_lease(database: &impl TestDatabase) {
    let store = database.open().await;
    defer(&*store, "t").await;
    let (mine, other) = (deferred_lease("a", "t", "mine"), deferred_lease("a", "t", "other"));
    let leased = DeferredLeasing::Leased(Box::new(DeferredRecord { attempts: 1, ..deferred("a", "t") }));
    assert_eq!(store.lease_deferred(&mine, at(10)).await.unwrap(), leased);
    assert_eq!(store.lease_deferred(&other, at(10)).await.unwrap(), DeferredLeasing::Busy);
    assert_eq!(store.lease_deferred(&mine, at(10)).await.unwrap(), DeferredLeasing::Busy, "each lease is its own");

    assert!(!store.release_deferred(&other).await.unwrap());
    assert_eq!(store.lease_deferred(&other, at(10)).await.unwrap(), DeferredLeasing::Busy);
    assert!(store.release_deferred(&mine).await.unwrap());
    assert!(!store.release_deferred(&mine).await.unwrap(), "it is given up once");
    assert!(matches!(store.lease_deferred(&other, at(10)).await.unwrap(), DeferredLeasing::Leased(record)
        if record.attempts == 2));

    let unknown = deferred_lease("a", "unknown", "h");
    assert_eq!(store.lease_deferred(&unknown, at(10)).await.unwrap(), DeferredLeasing::Gone);
}

pub(crate) async fn one_racer_gets_the_lease(database: &impl TestDatabase) {
    let stores = open_two(database).await;
    defer(&*stores[0], "t").await;
    let answers = race(32, |number| {
        let store = Arc::clone(&stores[number % 2]);
        async move {
            let lease = deferred_lease("a", "t", &format!("h{number}"));
            store.lease_deferred(&lease, at(10)).await.unwrap()
        }
    })
    .await;
    assert_eq!(answers.iter().filter(|answer| matches!(answer, DeferredLeasing::Leased(_))).count(), 1);
    assert_eq!(answers.iter().filter(|answer| **answer == DeferredLeasing::Busy).count(), 31);
    assert_eq!(find(&*stores[0], "t").await.unwrap().attempts, 1);
}

pub(crate) async fn a_transaction_expires_at_its_instant(database: &impl TestDatabase) {
    let store = database.open().await;
    defer(&*store, "t").await;
    let late = DeferredLease { until: at(120), ..deferred_lease("a", "t", "h") };
    assert_eq!(store.lease_deferred(&late, at(100)).await.unwrap(), DeferredLeasing::Gone);
    assert!(matches!(store.lease_deferred(&late, micros(99_999_999)).await.unwrap(), DeferredLeasing::Leased(_)));
    let other = deferred_lease("a", "t", "other");
    assert_eq!(store.lease_deferred(&other, at(100)).await.unwrap(), DeferredLeasing::Gone, "busy for nothing");
    let finished = store.finish_deferred(&late, &batch("a", &[], &["c"])).await.unwrap();
    assert_eq!(finished, Some(IssuanceOutcome::Recorded), "it was asked for in time");
}

pub(crate) async fn an_ended_lease_is_taken_over(database: &impl TestDatabase) {
    let store = database.open().await;
    defer(&*store, "t").await;
    let slow = leased(&*store, "t").await;
    let next = DeferredLease { until: at(40), ..deferred_lease("a", "t", "next") };
    assert_eq!(store.lease_deferred(&next, micros(19_999_999)).await.unwrap(), DeferredLeasing::Busy);
    assert!(matches!(store.lease_deferred(&next, at(20)).await.unwrap(), DeferredLeasing::Leased(_)));

    let before = database.dump().await;
    assert_eq!(store.finish_deferred(&slow, &batch("a", &["n"], &["slow"])).await.unwrap(), None);
    assert_eq!(store.update_deferred(&slow, &deferred_update(), &nothing()).await.unwrap(), None);
    assert!(!store.release_deferred(&slow).await.unwrap());
    assert!(!store.fail_deferred(&slow, &event("a", "credential.fail")).await.unwrap());
    assert_eq!(database.dump().await, before, "who was too slow writes nothing");
    let finished = store.finish_deferred(&next, &batch("a", &["n"], &["next"])).await.unwrap();
    assert_eq!(finished, Some(IssuanceOutcome::Recorded));
}

pub(crate) async fn an_update_keeps_the_state_and_gives_the_lease_up(database: &impl TestDatabase) {
    let store = database.open().await;
    defer(&*store, "t").await;
    let lease = leased(&*store, "t").await;
    let updated = store.update_deferred(&lease, &deferred_update(), &nothing()).await.unwrap();
    assert_eq!(updated, Some(IssuanceOutcome::Recorded));
    let expected = DeferredRecord {
        kind: "audit".into(),
        sealed_state: vec![6, 0],
        poll_after: at(30),
        attempts: 1,
        ..deferred("a", "t")
    };
    assert_eq!(find(&*store, "t").await, Some(expected));
    assert_eq!(store.update_deferred(&lease, &deferred_update(), &nothing()).await.unwrap(), None, "it is given up");
    leased(&*store, "t").await;
}

/// A credential that exists, and is handed out only when something else is done too.
pub(crate) async fn an_update_may_record_what_only_waits(database: &impl TestDatabase) {
    let store = database.open().await;
    defer(&*store, "t").await;
    let lease = leased(&*store, "t").await;
    let updated = store.update_deferred(&lease, &deferred_update(), &batch("a", &[], &["c"])).await.unwrap();
    assert_eq!(updated, Some(IssuanceOutcome::Recorded));
    assert!(store.find_credential("a", "c").await.unwrap().is_some());
    let lease = leased(&*store, "t").await;
    let refused = store.update_deferred(&lease, &deferred_update(), &batch("a", &[], &["c"])).await.unwrap();
    assert_eq!(refused, Some(IssuanceOutcome::CredentialExists { credential_id: "c".into() }));
    let finished = store.finish_deferred(&lease, &nothing()).await.unwrap();
    assert_eq!(finished, Some(IssuanceOutcome::Recorded), "the refused update left the lease");
    assert_eq!(trail(&*store, "a").await, ["credential.issue c succeeded"]);
}

pub(crate) async fn without_the_lease_nothing_is_written(database: &impl TestDatabase) {
    let store = database.open().await;
    defer(&*store, "t").await;
    let before = database.dump().await;
    for hash in ["t", "unknown"] {
        let lease = deferred_lease("a", hash, "h");
        assert_eq!(store.finish_deferred(&lease, &batch("a", &["n"], &["c"])).await.unwrap(), None);
        assert_eq!(store.update_deferred(&lease, &deferred_update(), &batch("a", &["n"], &["c"])).await.unwrap(), None);
        assert!(!store.release_deferred(&lease).await.unwrap());
        assert!(!store.fail_deferred(&lease, &event("a", "credential.fail")).await.unwrap());
    }
    assert_eq!(database.dump().await, before);
}

pub(crate) async fn a_transaction_is_finished_once(database: &impl TestDatabase) {
    let store = database.open().await;
    defer(&*store, "t").await;
    let lease = leased(&*store, "t").await;
    let issued = store.finish_deferred(&lease, &batch("a", &["n"], &["c1"])).await.unwrap();
    assert_eq!(issued, Some(IssuanceOutcome::Recorded));
    let finished = find(&*store, "t").await.unwrap();
    assert_eq!((finished.state, finished.sealed_state), (DeferredState::Finished, vec![]), "what it knew is gone");

    assert_eq!(store.finish_deferred(&lease, &batch("a", &[], &["c2"])).await.unwrap(), None);
    assert!(!store.fail_deferred(&lease, &event("a", "credential.fail")).await.unwrap());
    let other = deferred_lease("a", "t", "other");
    assert_eq!(store.lease_deferred(&other, at(50)).await.unwrap(), DeferredLeasing::Gone);
    assert_eq!(store.find_credential("a", "c2").await.unwrap(), None);
    assert_eq!(trail(&*store, "a").await, ["credential.issue c1 succeeded"]);
    assert_eq!(store.record_issuances(&[batch("a", &["n"], &[])]).await.unwrap(), [reused("n")]);
}

pub(crate) async fn a_refused_issuance_leaves_the_transaction(database: &impl TestDatabase) {
    let store = database.open().await;
    store.record_issuances(&[batch("a", &["used"], &["taken"])]).await.unwrap();
    defer(&*store, "t").await;
    let lease = leased(&*store, "t").await;
    let before = database.dump().await;
    let refused = store.finish_deferred(&lease, &batch("a", &["n", "used"], &["c"])).await.unwrap();
    assert_eq!(refused, Some(reused("used")));
    let refused = store.finish_deferred(&lease, &batch("a", &["n"], &["c", "taken"])).await.unwrap();
    assert_eq!(refused, Some(IssuanceOutcome::CredentialExists { credential_id: "taken".into() }));
    assert_eq!(database.dump().await, before);
    let finished = store.finish_deferred(&lease, &batch("a", &["n"], &["c"])).await.unwrap();
    assert_eq!(finished, Some(IssuanceOutcome::Recorded), "the lease is still the holder's");
}

/// All go on as soon as they may, and some are so slow that another one takes over.
pub(crate) async fn racing_callers_issue_once(database: &impl TestDatabase) {
    let stores = open_two(database).await;
    defer(&*stores[0], "t").await;
    let answers = race(RACERS, |number| {
        let store = Arc::clone(&stores[number % 2]);
        async move {
            let id = format!("c{number}");
            // Each takes the lease that the former ones had, whether they are done or not.
            let now = i64::try_from(number).unwrap();
            let lease = DeferredLease { until: micros(now), ..deferred_lease("a", "t", &id) };
            match store.lease_deferred(&lease, micros(now)).await.unwrap() {
                DeferredLeasing::Leased(_) => store.finish_deferred(&lease, &batch("a", &[], &[&id])).await.unwrap(),
                DeferredLeasing::Busy | DeferredLeasing::Gone => None,
            }
        }
    })
    .await;
    assert_eq!(answers.iter().filter(|answer| **answer == Some(IssuanceOutcome::Recorded)).count(), 1);
    assert_eq!(answers.iter().filter(|answer| answer.is_none()).count(), RACERS - 1);
    assert_eq!(trail(&*stores[0], "a").await.len(), 1);
}

pub(crate) async fn one_offer_has_so_many_pending_transactions(database: &impl TestDatabase) {
    let store = database.open().await;
    for number in 0..MAX_PENDING_PER_OFFER {
        defer(&*store, &format!("t{number}")).await;
    }
    let (one_more, taken) = (deferred("a", "more"), batch("a", &["n"], &["c"]));
    let before = database.dump().await;
    let refused = store.create_deferred(&one_more, &taken).await.unwrap();
    assert_eq!(refused, IssuanceOutcome::TooManyPending);
    assert_eq!(database.dump().await, before, "nothing was taken for it");

    let others = [
        deferred("b", "more"),
        DeferredRecord { offer_id: Some("other".into()), ..deferred("a", "other") },
        DeferredRecord { offer_id: None, ..deferred("a", "none") },
    ];
    for other in others {
        let outcome = store.create_deferred(&other, &batch(&other.issuer_id, &[], &[])).await.unwrap();
        assert_eq!(outcome, IssuanceOutcome::Recorded, "{other:?}");
    }
    // What has ended makes room: the one that failed, and the one that has come to its credential.
    let (failed, finished) = (leased(&*store, "t0").await, leased(&*store, "t1").await);
    assert!(store.fail_deferred(&failed, &refusal("a", "credential.issue")).await.unwrap());
    store.finish_deferred(&finished, &nothing()).await.unwrap().unwrap();
    assert_eq!(store.create_deferred(&one_more, &taken).await.unwrap(), IssuanceOutcome::Recorded);
    defer(&*store, "last").await;
    assert_eq!(store.create_deferred(&deferred("a", "u"), &nothing()).await.unwrap(), IssuanceOutcome::TooManyPending);
    // So does what has expired, whether it was deleted or not.
    for (now, outcome) in [(micros(99_999_999), IssuanceOutcome::TooManyPending), (at(100), IssuanceOutcome::Recorded)]
    {
        let late = DeferredRecord { created_at: now, expires_at: at(200), ..deferred("a", "late") };
        assert_eq!(store.create_deferred(&late, &nothing()).await.unwrap(), outcome);
    }
}

pub(crate) async fn racers_defer_no_more_than_one_offer_may(database: &impl TestDatabase) {
    let stores = open_two(database).await;
    stores[0].create_offer(&offer("a", "offer", "1"), &event("a", "offer.create")).await.unwrap();
    let answers = race(RACERS, |number| {
        let store = Arc::clone(&stores[number % 2]);
        async move {
            let (nonce, hash) = (format!("n{number}"), format!("t{number}"));
            store.create_deferred(&deferred("a", &hash), &batch("a", &[&nonce], &[])).await.unwrap()
        }
    })
    .await;
    let recorded = answers.iter().filter(|answer| **answer == IssuanceOutcome::Recorded).count();
    assert_eq!(recorded, usize::try_from(MAX_PENDING_PER_OFFER).unwrap());
    assert!(answers.iter().all(|answer| matches!(answer, IssuanceOutcome::Recorded | IssuanceOutcome::TooManyPending)));
}

pub(crate) async fn a_failed_transaction_is_gone(database: &impl TestDatabase) {
    let store = database.open().await;
    defer(&*store, "t").await;
    let lease = leased(&*store, "t").await;
    assert!(store.fail_deferred(&lease, &refusal("a", "credential.issue")).await.unwrap());
    assert!(!store.fail_deferred(&lease, &refusal("a", "credential.issue")).await.unwrap());
    assert_eq!(find(&*store, "t").await, None);
    assert_eq!(store.lease_deferred(&lease, at(11)).await.unwrap(), DeferredLeasing::Gone);
    assert_eq!(trail(&*store, "a").await, ["credential.issue unset refused"]);
}

pub(crate) async fn deferred_transactions_of_two_issuers_are_apart(database: &impl TestDatabase) {
    let store = database.open().await;
    for id in ["a", "b"] {
        store.create_deferred(&deferred(id, "same"), &batch(id, &["same"], &[])).await.unwrap();
    }
    let lease = leased(&*store, "same").await;
    let others = deferred_lease("b", "same", "h");
    assert_eq!(store.finish_deferred(&others, &batch("b", &[], &["c"])).await.unwrap(), None, "another's lease");
    store.finish_deferred(&lease, &batch("a", &[], &["c"])).await.unwrap().unwrap();
    let other = store.find_deferred("b", "same").await.unwrap();
    assert_eq!(other, Some(deferred("b", "same")));
    assert_eq!(store.find_deferred("c", "same").await.unwrap(), None);
}

pub(crate) async fn delete_expired_spares_a_transaction_that_somebody_goes_on_with(database: &impl TestDatabase) {
    let store = database.open().await;
    for hash in ["left", "finished", "working"] {
        defer(&*store, hash).await;
    }
    let finished = leased(&*store, "finished").await;
    store.finish_deferred(&finished, &nothing()).await.unwrap().unwrap();
    let working = DeferredLease { until: at(120), ..deferred_lease("a", "working", "h") };
    store.lease_deferred(&working, at(99)).await.unwrap();

    assert_eq!(store.delete_expired(at(100), 10).await.unwrap(), 0, "at its very end it is kept");
    assert_eq!(store.delete_expired(at(119), 10).await.unwrap(), 2);
    assert!(find(&*store, "working").await.is_some());
    assert_eq!(store.delete_expired(at(120), 10).await.unwrap(), 1, "the lease has ended too");
    assert_eq!(find(&*store, "working").await, None);
}
