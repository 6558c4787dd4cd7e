use std::sync::Arc;

use super::fixtures::*;
use super::{RACERS, TestDatabase, open_two, race};
use crate::{DeletionOutcome, IssuanceBatch, IssuanceOutcome, NewReply, Store, StoredReply, Timestamp};

async fn find(store: &dyn Store, client_id: &str, now: Timestamp) -> Option<StoredReply> {
    store.find_reply("a", client_id, &hash_of("k"), now).await.unwrap()
}

fn replied(reply: NewReply, nonces: &[&str], ids: &[&str]) -> IssuanceBatch {
    IssuanceBatch { reply: Some(reply), ..batch("a", nonces, ids) }
}

async fn record(store: &dyn Store, batches: &[IssuanceBatch]) -> Vec<IssuanceOutcome> {
    store.record_issuances(batches).await.unwrap()
}

pub(crate) async fn a_reply_is_kept_with_what_it_answers(database: &impl TestDatabase) {
    let store = &*database.open().await;
    assert_eq!(find(store, "one", at(11)).await, None);
    let first = replied(reply("a", "one", "k"), &["n1"], &["c1"]);
    assert_eq!(record(store, &[first]).await, [IssuanceOutcome::Recorded]);
    let expected = StoredReply { request_hash: "request".into(), sealed_reply: vec![7, 0, 7] };
    assert_eq!(find(store, "one", at(11)).await, Some(expected));
    assert_eq!(find(store, "other", at(11)).await, None, "a key is its client's");
    assert_eq!(store.find_reply("b", "one", &hash_of("k"), at(11)).await.unwrap(), None);

    let before = database.dump().await;
    let again = replied(NewReply { request_hash: "x".into(), ..reply("a", "one", "k") }, &["n2"], &["c2"]);
    assert_eq!(record(store, &[again]).await, [IssuanceOutcome::Replied]);
    assert_eq!(database.dump().await, before);
}

/// The second of two equal requests is told of the first one's reply, and not of its nonce or its credential.
pub(crate) async fn a_reply_comes_before_all_other_refusals(database: &impl TestDatabase) {
    let store = &*database.open().await;
    let request = replied(reply("a", "one", "k"), &["n"], &["c"]);
    let twice = [request.clone(), batch("a", &["m"], &["d"]), request.clone()];
    assert_eq!(
        record(store, &twice).await,
        [IssuanceOutcome::Recorded, IssuanceOutcome::Recorded, IssuanceOutcome::Replied]
    );
    assert_eq!(record(store, &[request]).await, [IssuanceOutcome::Replied]);
}

pub(crate) async fn a_refused_batch_leaves_no_reply(database: &impl TestDatabase) {
    let store = &*database.open().await;
    record(store, &[batch("a", &["used"], &[])]).await;
    let refused = replied(reply("a", "one", "k"), &["used"], &["c"]);
    assert_eq!(record(store, &[refused]).await, [IssuanceOutcome::NonceReused { nonce_hash: "used".into() }]);
    assert_eq!(find(store, "one", at(11)).await, None);
}

pub(crate) async fn a_reply_expires_at_its_instant(database: &impl TestDatabase) {
    let store = &*database.open().await;
    record(store, &[replied(reply("a", "one", "k"), &[], &["c1"])]).await;
    assert!(find(store, "one", micros(109_999_999)).await.is_some());
    assert_eq!(find(store, "one", at(110)).await, None);

    let early = NewReply { created_at: micros(109_999_999), expires_at: at(500), ..reply("a", "one", "k") };
    assert_eq!(record(store, &[replied(early, &[], &["c2"])]).await, [IssuanceOutcome::Replied]);
    let next = NewReply { created_at: at(110), expires_at: at(210), sealed_reply: vec![8], ..reply("a", "one", "k") };
    assert_eq!(record(store, &[replied(next, &[], &["c2"])]).await, [IssuanceOutcome::Recorded]);
    assert_eq!(find(store, "one", at(110)).await.unwrap().sealed_reply, [8], "it has taken the row over");

    assert_eq!(store.delete_expired(at(210), 10).await.unwrap(), 0);
    assert_eq!(store.delete_expired(at(211), 10).await.unwrap(), 1);
    assert_eq!(find(store, "one", at(111)).await, None);
}

/// Under the key `id`, with a secret that is to be found nowhere afterwards.
fn holding(issuer_id: &str, client_id: &str, id: &str) -> IssuanceBatch {
    let reply = NewReply {
        sealed_reply: b"a secret".to_vec(),
        credential_hash: Some(hash_of(id)),
        ..reply(issuer_id, client_id, id)
    };
    IssuanceBatch { reply: Some(reply), ..batch(issuer_id, &[], &[]) }
}

fn issuing(issuer_id: &str, client_id: &str, id: &str) -> IssuanceBatch {
    IssuanceBatch { reply: holding(issuer_id, client_id, id).reply, ..batch(issuer_id, &[], &[id]) }
}

pub(crate) async fn a_reply_goes_with_the_credential_that_it_holds(database: &impl TestDatabase) {
    let store = &*database.open().await;
    record(store, &[issuing("a", "one", "c"), issuing("b", "one", "c"), issuing("a", "one", "other")]).await;
    // Another request that was answered with the same credential, and one with none.
    record(store, &[holding("a", "two", "c"), replied(reply("a", "one", "none"), &[], &[])]).await;
    let kept = || async {
        let mut kept = Vec::new();
        for (issuer_id, client_id, key) in
            [("a", "one", "c"), ("a", "two", "c"), ("b", "one", "c"), ("a", "one", "other"), ("a", "one", "none")]
        {
            let reply = store.find_reply(issuer_id, client_id, &hash_of(key), at(11)).await.unwrap();
            // The key stays used.
            kept.push(!reply.unwrap().sealed_reply.is_empty());
        }
        kept
    };
    assert_eq!(kept().await, [true; 5]);
    let refused = store.delete_credential(&deletion("a", "unknown")).await.unwrap();
    assert_eq!((refused, kept().await), (DeletionOutcome::UnknownCredential, vec![true; 5]));
    for outcome in [DeletionOutcome::Deleted { revoked: false }, DeletionOutcome::Gone] {
        assert_eq!(store.delete_credential(&deletion("a", "c")).await.unwrap(), outcome);
        assert_eq!(kept().await, [false, false, true, true, true]);
    }
    for (issuer_id, id) in [("b", "c"), ("a", "other")] {
        let secret = database.dump().await;
        store.delete_credential(&deletion(issuer_id, id)).await.unwrap();
        assert!(database.dump().await.len() < secret.len());
    }
    assert_eq!(kept().await, [false, false, false, false, true]);
}

/// A key that is used again holds what it holds then.
pub(crate) async fn a_reply_in_place_of_an_expired_one_goes_with_its_own_credential(database: &impl TestDatabase) {
    let store = &*database.open().await;
    let under_one_key = |id: &str, created, expires| {
        let reply = NewReply { credential_hash: Some(hash_of(id)), ..reply("a", "one", "k") };
        replied(NewReply { created_at: at(created), expires_at: at(expires), ..reply }, &[], &[id])
    };
    let recorded = record(store, &[under_one_key("first", 10, 110)]).await;
    assert_eq!(recorded, [IssuanceOutcome::Recorded]);
    assert_eq!(record(store, &[under_one_key("second", 110, 210)]).await, [IssuanceOutcome::Recorded]);
    store.delete_credential(&deletion("a", "first")).await.unwrap();
    assert!(find(store, "one", at(111)).await.is_some());
    store.delete_credential(&deletion("a", "second")).await.unwrap();
    assert!(find(store, "one", at(111)).await.unwrap().sealed_reply.is_empty());
}

/// Whoever deletes while the same request is made again: at the end there is the credential with its reply, or neither.
pub(crate) async fn racing_deletions_leave_no_reply(database: &impl TestDatabase) {
    let stores = open_two(database).await;
    race(90, |number| {
        let store = Arc::clone(&stores[number % 2]);
        async move {
            let id = format!("c{}", number / 3);
            if number % 3 == 0 {
                store.delete_credential(&deletion("a", &id)).await.unwrap();
            } else {
                let chosen = IssuanceBatch { chosen_ids: vec![hash_of(&id)], ..issuing("a", "one", &id) };
                record(&*store, &[chosen]).await;
            }
        }
    })
    .await;
    for number in 0..30 {
        let id = format!("c{number}");
        let is_there = stores[0].find_credential("a", &id).await.unwrap().is_some();
        let reply = stores[0].find_reply("a", "one", &hash_of(&id), at(11)).await.unwrap();
        let holds_it = reply.is_some_and(|reply| !reply.sealed_reply.is_empty());
        assert_eq!(holds_it, is_there, "{id}");
    }
}

pub(crate) async fn of_equal_racing_requests_one_acts(database: &impl TestDatabase) {
    let stores = open_two(database).await;
    let outcomes = race(RACERS, |number| {
        let store = Arc::clone(&stores[number % 2]);
        // Equal requests agree in the id that the client chose, or the host chooses one for each.
        let id = if number % 3 == 0 { "chosen".to_owned() } else { format!("c{number}") };
        async move { record(&*store, &[replied(reply("a", "one", "k"), &[], &[&id])]).await.remove(0) }
    })
    .await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == IssuanceOutcome::Recorded).count(), 1);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == IssuanceOutcome::Replied).count(), RACERS - 1);
    assert_eq!(trail(&*stores[0], "a").await.len(), 1);
}
