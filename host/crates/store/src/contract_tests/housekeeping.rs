use chrono::{DateTime, Duration, Utc};
use serde_json::json;

use super::TestDatabase;
use super::fixtures::*;
use crate::{AuditEvent, EventOutcome, IssuanceOutcome, Redemption, Store, StoreError, StoredCredential, Timestamp};

fn numbered(number: usize) -> AuditEvent {
    let outcomes = [EventOutcome::Succeeded, EventOutcome::Refused, EventOutcome::Failed];
    AuditEvent {
        event_id: format!("e{number}"),
        outcome: outcomes[number % 3],
        reason: number.is_multiple_of(2).then(|| "why".into()),
        request_id: None,
        plugin_digest: Some("sha256:00".into()),
        ..event("a", "token.refuse")
    }
}

pub(crate) async fn events_are_read_in_order_and_in_pages(database: &impl TestDatabase) {
    let store = database.open().await;
    let events: Vec<_> = (0..100).map(numbered).collect();
    store.append_events(&events).await.unwrap();
    let (mut read, mut after) = (Vec::new(), 0);
    loop {
        let page = store.events("a", after, 7).await.unwrap();
        assert!(page.len() <= 7 && page.is_sorted_by(|one, next| one.0 < next.0));
        let Some((last, _)) = page.last() else { break };
        after = *last;
        read.extend(page.into_iter().map(|(_, event)| event));
    }
    assert_eq!(read, events);
    assert!(store.events("b", 0, 7).await.unwrap().is_empty());
}

pub(crate) async fn no_event_is_no_row(database: &impl TestDatabase) {
    let store = database.open().await;
    store.append_events(&[]).await.unwrap();
    assert!(store.events("a", 0, 7).await.unwrap().is_empty());
}

pub(crate) async fn a_row_number_grows_across_issuers(database: &impl TestDatabase) {
    let store = database.open().await;
    let mut last = 0;
    for id in ["a", "b", "a", "c"] {
        store.append_events(&[event(id, "token.refuse")]).await.unwrap();
        let (number, _) = store.events(id, last, 10).await.unwrap().pop().unwrap();
        assert!(number > last);
        last = number;
    }
}

pub(crate) async fn delete_expired_takes_only_what_expired(database: &impl TestDatabase) {
    let store = database.open().await;
    put_issuer(&*store, "a").await;
    let ended = StoredCredential { expiration_date: Some(at(1)), ..credential("a", "ended") };
    let mut batch = batch("a", &["n50"], &["ended"]);
    batch.credentials[0] = ended.clone();
    store.record_issuances(&[batch]).await.unwrap();
    assert!(store.use_once("a", "p", "h60", at(60)).await.unwrap());
    store.create_offer(&offer("a", "o100", "1"), &event("a", "offer.create")).await.unwrap();
    let events = trail(&*store, "a").await;

    assert_eq!(store.delete_expired(at(50), 10).await.unwrap(), 0, "at their very end things are kept");
    assert_eq!(store.delete_expired(micros(50_000_001), 10).await.unwrap(), 1, "the nonce");
    assert_eq!(store.delete_expired(at(100), 10).await.unwrap(), 1, "the one-time value");
    assert!(store.find_offer("a", "o100").await.unwrap().is_some());
    assert_eq!(store.delete_expired(at(101), 10).await.unwrap(), 1, "the offer");
    assert_eq!(store.find_offer("a", "o100").await.unwrap(), None);
    assert!(store.use_once("a", "p", "h60", at(60)).await.unwrap(), "its row is gone");

    assert_eq!(store.delete_expired(at(1_000_000_000), 10).await.unwrap(), 1, "the value once more");
    assert_eq!(store.find_credential("a", "ended").await.unwrap(), Some(ended));
    assert_eq!(store.issuers().await.unwrap().len(), 1);
    assert_eq!(trail(&*store, "a").await, events);
}

pub(crate) async fn delete_expired_keeps_to_its_limit(database: &impl TestDatabase) {
    let store = database.open().await;
    for number in 0..5 {
        let (hash, end) = (format!("h{number}"), at(number));
        assert!(store.use_once("a", "p", &hash, end).await.unwrap());
    }
    store.record_issuances(&[batch("a", &["1", "2", "3"], &[])]).await.unwrap();
    let mut deleted = Vec::new();
    for _ in 0..4 {
        deleted.push(store.delete_expired(at(1000), 2).await.unwrap());
    }
    assert_eq!(deleted, [4, 3, 1, 0], "two of each kind, while there are any");
}

pub(crate) async fn a_redeemed_offer_outlives_its_expiry_until_the_access_token_ends(database: &impl TestDatabase) {
    let store = database.open().await;
    for id in ["taken", "left"] {
        store.create_offer(&offer("a", id, id), &event("a", "offer.create")).await.unwrap();
    }
    let redemption = store
        .redeem_offer(&redeem("a", "taken", None), &event("a", "offer.redeem"), &refusal("a", "offer.redeem"))
        .await
        .unwrap();
    assert!(matches!(redemption, Redemption::Redeemed(_)), "{redemption:?}");
    assert_eq!(store.delete_expired(at(310), 10).await.unwrap(), 1, "the offer that nobody took");
    assert!(store.find_offer("a", "taken").await.unwrap().is_some());
    assert_eq!(store.delete_expired(at(311), 10).await.unwrap(), 1);
    assert_eq!(store.find_offer("a", "taken").await.unwrap(), None);
}

/// Neighbours by one microsecond whose texts have different lengths, and both ends of what is kept.
fn tricky_times() -> Vec<Timestamp> {
    let second = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    let micros = [-1, 0, 1, 999, 1000, 1001, 99_999, 100_000, 500_000, 500_001, 999_999, 1_000_000, 1_000_001];
    let ends = [Timestamp::new(DateTime::<Utc>::MIN_UTC), Timestamp::new(DateTime::<Utc>::MAX_UTC)];
    let mut times: Vec<_> = micros.map(|micros| Timestamp::new(second + Duration::microseconds(micros))).into();
    times.extend(ends);
    times.extend(
        [-1, 0, -62_135_596_800].map(|seconds| Timestamp::new(DateTime::from_timestamp(seconds, 1999).unwrap())),
    );
    times.sort_unstable();
    times
}

pub(crate) async fn timestamps_keep_their_microseconds_and_their_order(database: &impl TestDatabase) {
    let store = database.open().await;
    let times = tricky_times();
    for (number, time) in times.iter().enumerate() {
        let id = number.to_string();
        let mut batch = batch("a", &[], &[&id]);
        batch.credentials[0].expiration_date = Some(*time);
        assert_eq!(store.record_issuances(&[batch]).await.unwrap(), [IssuanceOutcome::Recorded]);
        let read = store.find_credential("a", &id).await.unwrap().unwrap();
        assert_eq!(read.expiration_date, Some(*time));
        assert!(store.use_once("a", "p", &id, *time).await.unwrap());
    }
    // Each step lets exactly the one before it expire: the database orders times as we do.
    for (number, time) in times.iter().enumerate() {
        let expected = u64::from(number > 0);
        assert_eq!(store.delete_expired(*time, 100).await.unwrap(), expected, "{time:?}");
    }
}

pub(crate) async fn a_healthy_store_passes_the_check(database: &impl TestDatabase) {
    let store = database.open().await;
    for _ in 0..3 {
        store.check().await.unwrap();
    }
}

pub(crate) async fn a_closed_store_is_unavailable(database: &impl TestDatabase) {
    let store = database.open().await;
    store.close().await;
    assert!(matches!(store.check().await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.issuers().await, Err(StoreError::Unavailable(_))));
}

async fn everything(store: &dyn Store) -> String {
    format!(
        "{:?}",
        (
            store.issuers().await.unwrap(),
            store.published_configurations("a").await.unwrap(),
            store.keys("a").await.unwrap(),
            store.find_client("c").await.unwrap(),
            store.find_offer("a", "o").await.unwrap(),
            store.find_credential("a", "cred").await.unwrap(),
            store.events("a", 0, 1000).await.unwrap(),
            store.generation().await.unwrap(),
        )
    )
}

pub(crate) async fn reopening_shows_the_same(database: &impl TestDatabase) {
    let store = database.open().await;
    put_issuer(&*store, "a").await;
    store.publish_configurations("a", &[draft("f", json!({"z": 1, "a": 2}))], &event("a", "c")).await.unwrap();
    store.insert_key(&key("a", "k", 0), &event("a", "key.create")).await.unwrap();
    store.insert_client(&client("a", "c"), &event("a", "client.create")).await.unwrap();
    store.create_offer(&offer_with_tx_code("a", "o", "1"), &event("a", "offer.create")).await.unwrap();
    store.record_issuances(&[batch("a", &["n"], &["cred"])]).await.unwrap();
    let before = everything(&*store).await;
    assert!(!before.contains("None, None, None"), "all of it was found: {before}");
    drop(store);

    let store = database.open().await;
    assert_eq!(everything(&*store).await, before);
    let again = store.record_issuances(&[batch("a", &["n"], &["other"])]).await.unwrap();
    assert_eq!(again, [IssuanceOutcome::NonceReused { nonce_hash: "n".into() }]);
}
