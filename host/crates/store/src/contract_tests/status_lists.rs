use std::sync::Arc;
use std::time::Duration;

use super::fixtures::*;
use super::status_fixtures::*;
use super::{TestDatabase, open_two, race};
use crate::{STATUS_LIST_FORMAT, SlotLease, StatusListHead, StatusListRecord, StatusListVersion, Store, StoreError};

const MINUTE: Duration = Duration::from_mins(1);

async fn open(store: &dyn Store, list: &StatusListRecord, most_open: u32) -> bool {
    store.open_status_list(list, most_open, &event(&list.issuer_id, "status-list.open")).await.unwrap()
}

async fn lease(store: &dyn Store, list_id: &str, count: i64) -> Option<SlotLease> {
    store.lease_slots("a", list_id, count, at(3)).await.unwrap()
}

async fn publish(store: &dyn Store, version: &StatusListVersion) -> bool {
    store.publish_status_list(version, MINUTE, at(-1_000_000)).await.unwrap()
}

fn url_of(list_id: &str, purpose: &str) -> String {
    slot(list_id, purpose, 0).url
}

/// Which version was published at or before that second.
async fn version_at(store: &dyn Store, second: i64) -> Option<i64> {
    let version = store.status_list_version_at("a", "l", at(second)).await.unwrap();
    version.map(|version| version.version)
}

pub(crate) async fn a_status_list_reads_as_it_was_written(database: &impl TestDatabase) {
    let store = database.open().await;
    put_issuer(&*store, "a").await;
    put_issuer(&*store, "b").await;
    assert!(store.status_list_heads().await.unwrap().is_empty());
    let older = StatusListRecord { created_at: at(-1), ..status_list("a", "z", &[REVOCATION]) };
    let lists = [older, list_of("a", "l", 1 << 24), list_of("a", "m", 4)];
    for list in [&lists[2], &lists[1], &lists[0]] {
        assert!(open(&*store, list, 9).await);
    }
    assert_eq!(store.status_lists("a").await.unwrap(), lists);
    assert!(store.status_lists("b").await.unwrap().is_empty());
    let expected = StatusListHead {
        issuer_id: "a".into(),
        list_id: "l".into(),
        revision: 0,
        version: 0,
        published_revision: 0,
        valid_until: None,
        has_room: true,
    };
    assert_eq!(head(&*store, "l").await, expected);
    assert_eq!(store.status_list_heads().await.unwrap().len(), 3);

    let identity = store.find_credential("a", &url_of("l", REVOCATION)).await.unwrap().unwrap();
    assert_eq!(identity.format, STATUS_LIST_FORMAT);
    assert_eq!((identity.credential_type.as_str(), identity.credential), ("BitstringStatusListCredential", None));
    assert_eq!((identity.issue_date, identity.created_time, identity.updated_time), (at(0), at(0), at(0)));
    assert_eq!(trail(&*store, "a").await[1..], ["status-list.open unset succeeded"; 3]);
}

pub(crate) async fn ids_of_a_status_list_are_taken_once(database: &impl TestDatabase) {
    let store = database.open().await;
    put_issuer(&*store, "a").await;
    put_issuer(&*store, "b").await;
    assert!(open(&*store, &list_of("a", "l", 8), 9).await);
    assert!(open(&*store, &list_of("b", "l", 8), 9).await, "another issuer's are apart");
    store.record_issuances(&[batch("a", &[], &["https://issuer.example/c"])]).await.unwrap();
    let before = database.dump().await;

    let mut others_url = list_of("a", "m", 8);
    others_url.credentials[1].url = url_of("l", REVOCATION);
    let mut url_twice = list_of("a", "m", 8);
    url_twice.credentials[1].url = url_of("m", SUSPENSION);
    let mut purpose_twice = list_of("a", "m", 8);
    purpose_twice.credentials[1].purpose = SUSPENSION.into();
    let mut credentials_id = list_of("a", "m", 8);
    credentials_id.credentials[1].url = "https://issuer.example/c".into();
    for list in [list_of("a", "l", 8), others_url, url_twice, purpose_twice, credentials_id] {
        let refused = store.open_status_list(&list, 9, &event("a", "status-list.open")).await;
        assert!(matches!(refused, Err(StoreError::Conflict(_))), "{list:?}: {refused:?}");
    }
    let nobodys = store.open_status_list(&list_of("c", "l", 8), 9, &event("c", "status-list.open")).await;
    assert!(matches!(nobodys, Err(StoreError::UnknownIssuer)), "{nobodys:?}");
    assert_eq!(database.dump().await, before);
}

pub(crate) async fn no_more_lists_are_open_than_asked_for(database: &impl TestDatabase) {
    let store = database.open().await;
    put_issuer(&*store, "a").await;
    put_issuer(&*store, "b").await;
    assert!(!open(&*store, &list_of("a", "l", 2), 0).await);
    assert!(open(&*store, &list_of("a", "l", 2), 1).await);
    let before = database.dump().await;
    assert!(!open(&*store, &list_of("a", "m", 2), 1).await);
    assert_eq!(database.dump().await, before);

    assert!(
        open(&*store, &StatusListRecord { capacity: 2, ..status_list("a", "r", &[REVOCATION]) }, 1).await,
        "of other purposes"
    );
    assert!(open(&*store, &list_of("b", "l", 2), 1).await, "of another issuer");
    assert!(open(&*store, &list_of("a", "m", 2), 2).await, "if two are asked for");
    lease(&*store, "l", 2).await.unwrap();
    assert!(!open(&*store, &list_of("a", "n", 2), 1).await, "one of the two has room");
    assert!(open(&*store, &list_of("a", "n", 2), 2).await);
}

pub(crate) async fn racing_hosts_open_no_more_lists_than_asked_for(database: &impl TestDatabase) {
    let stores = open_two(database).await;
    put_issuer(&*stores[0], "a").await;
    let opened = race(48, |number| {
        let store = Arc::clone(&stores[number % 2]);
        async move { open(&*store, &list_of("a", &format!("l{number}"), 8), 3).await }
    })
    .await;
    assert_eq!(opened.iter().filter(|opened| **opened).count(), 3);
    assert_eq!(stores[0].status_lists("a").await.unwrap().len(), 3);
    assert_eq!(trail(&*stores[0], "a").await.len(), 1 + 3);
}

pub(crate) async fn slots_are_leased_until_the_list_is_full(database: &impl TestDatabase) {
    let store = database.open().await;
    put_issuer(&*store, "a").await;
    open(&*store, &list_of("a", "l", 10), 9).await;
    open(&*store, &list_of("a", "m", 10), 9).await;
    let before = database.dump().await;
    for (list_id, count) in [("l", 0), ("l", -1), ("l", i64::MIN), ("unknown", 1)] {
        assert_eq!(lease(&*store, list_id, count).await, None, "{list_id} {count}");
    }
    assert_eq!(store.lease_slots("b", "l", 1, at(3)).await.unwrap(), None, "another issuer's");
    assert_eq!(database.dump().await, before);

    assert_eq!(lease(&*store, "l", 4).await, Some(SlotLease { first: 0, count: 4 }));
    assert_eq!(lease(&*store, "l", 4).await, Some(SlotLease { first: 4, count: 4 }));
    assert!(head(&*store, "l").await.has_room && !database.dump().await.contains("full"));
    assert_eq!(lease(&*store, "l", 4).await, Some(SlotLease { first: 8, count: 2 }), "what is left");
    assert!(!head(&*store, "l").await.has_room);
    assert_eq!(database.dump().await.matches("full").count(), 2, "both its credentials, and not the other list's");
    assert_eq!(lease(&*store, "l", 1).await, None);
    assert_eq!(store.status_lists("a").await.unwrap()[0].next_slot, 10);
    assert_eq!(lease(&*store, "m", i64::MAX).await, Some(SlotLease { first: 0, count: 10 }));
}

pub(crate) async fn racing_leases_give_no_slot_twice(database: &impl TestDatabase) {
    let stores = open_two(database).await;
    put_issuer(&*stores[0], "a").await;
    open(&*stores[0], &list_of("a", "l", 300), 9).await;
    let leases = race(64, |number| {
        let store = Arc::clone(&stores[number % 2]);
        async move { lease(&*store, "l", 7).await }
    })
    .await;
    let mut given: Vec<_> = leases.into_iter().flatten().collect();
    given.sort_unstable_by_key(|lease| lease.first);
    let mut next = 0;
    for lease in given {
        assert_eq!(lease.first, next);
        assert!(lease.count == 7 || lease.first + lease.count == 300, "{lease:?}");
        next += lease.count;
    }
    assert_eq!(next, 300);
}

pub(crate) async fn a_version_reads_as_it_was_published(database: &impl TestDatabase) {
    let store = database.open().await;
    open_lists(&*store, &["l"]).await;
    assert_eq!(store.status_list_version("a", "l").await.unwrap(), None);
    let first = list_version("l", 1, 0, 5);
    assert!(publish(&*store, &first).await);
    assert_eq!(store.status_list_version("a", "l").await.unwrap().as_ref(), Some(&first));
    assert_eq!(store.status_list_version("b", "l").await.unwrap(), None);
    let head = head(&*store, "l").await;
    assert_eq!((head.version, head.published_revision, head.valid_until), (1, 0, Some(first.valid_until)));

    let signed_again = list_version("l", 2, 0, 6);
    assert!(publish(&*store, &signed_again).await, "the same revision may be published again");
    assert_eq!(store.status_list_version("a", "l").await.unwrap(), Some(signed_again));
}

pub(crate) async fn a_version_that_does_not_follow_is_not_published(database: &impl TestDatabase) {
    let store = database.open().await;
    open_lists(&*store, &["l"]).await;
    issue(&*store, "c", "l", 1).await;
    for value in [true, false, true] {
        set(&*store, update("c", SUSPENSION, value)).await;
    }
    assert!(publish(&*store, &list_version("l", 1, 2, 5)).await);
    let before = database.dump().await;
    for (version, revision) in [(0, 2), (1, 3), (3, 3), (2, 1), (2, 4), (2, -1), (i64::MAX, 3)] {
        let published = publish(&*store, &list_version("l", version, revision, 6)).await;
        assert!(!published, "version {version} of revision {revision}");
    }
    assert!(!publish(&*store, &list_version("unknown", 1, 0, 6)).await);
    assert_eq!(database.dump().await, before);
    assert!(publish(&*store, &list_version("l", 2, 3, 6)).await);
}

pub(crate) async fn one_racer_publishes_a_version(database: &impl TestDatabase) {
    let stores = open_two(database).await;
    open_lists(&*stores[0], &["l"]).await;
    for number in 1..=3 {
        let published = race(16, |racer| {
            let store = Arc::clone(&stores[racer % 2]);
            let documents = vec![u8::try_from(racer).unwrap()];
            let version = StatusListVersion { documents, ..list_version("l", number, 0, 100 * number) };
            async move { publish(&*store, &version).await }
        })
        .await;
        assert_eq!(published.iter().filter(|published| **published).count(), 1);
        let winner = published.iter().position(|published| *published).unwrap();
        let stands = stores[1].status_list_version("a", "l").await.unwrap().unwrap();
        assert_eq!((stands.version, usize::from(stands.documents[0])), (number, winner));
    }
}

pub(crate) async fn the_last_version_of_each_window_is_kept(database: &impl TestDatabase) {
    let store = database.open().await;
    open_lists(&*store, &["l"]).await;
    // A window begins a moment before second 0.
    for (version, second) in (1..).zip([-61, -60, -1, 0, 1, 59, 60, 200]) {
        assert!(publish(&*store, &list_version("l", version, 0, second)).await);
        assert_eq!(store.status_list_version("a", "l").await.unwrap().unwrap().version, version);
    }
    let expected = [(-62, None), (-61, Some(1)), (-2, Some(1)), (-1, Some(3)), (58, Some(3)), (59, Some(6))];
    for (second, version) in
        expected.into_iter().chain([(60, Some(7)), (199, Some(7)), (200, Some(8)), (9999, Some(8))])
    {
        assert_eq!(version_at(&*store, second).await, version, "at {second}");
    }
    assert_eq!(store.status_list_version_at("b", "l", at(60)).await.unwrap(), None);
    let former = store.status_list_version_at("a", "l", at(60)).await.unwrap();
    assert_eq!(former, Some(list_version("l", 7, 0, 60)), "it reads as it was published");
}

pub(crate) async fn a_clock_that_steps_back_hides_no_version(database: &impl TestDatabase) {
    let store = database.open().await;
    open_lists(&*store, &["l"]).await;
    for (version, second) in [(1, 0), (2, 600), (3, 120)] {
        assert!(publish(&*store, &list_version("l", version, 0, second)).await);
    }
    let newest = store.status_list_version("a", "l").await.unwrap().unwrap();
    assert_eq!((newest.version, newest.published_at), (3, at(120)));
    for (second, version) in [(0, 1), (119, 1), (120, 3), (600, 3), (9999, 3)] {
        assert_eq!(version_at(&*store, second).await, Some(version), "at {second}");
    }
}

pub(crate) async fn old_versions_go_and_the_newest_stays(database: &impl TestDatabase) {
    let store = database.open().await;
    open_lists(&*store, &["l", "m"]).await;
    for list_id in ["l", "m"] {
        for version in 1..=4 {
            assert!(publish(&*store, &list_version(list_id, version, 0, version * 100)).await);
        }
    }
    let keeps = |version: i64, published, keep_from| {
        let store = Arc::clone(&store);
        async move {
            let version = list_version("l", version, 0, published);
            assert!(store.publish_status_list(&version, MINUTE, at(keep_from)).await.unwrap());
        }
    };
    keeps(5, 500, 300).await;
    for (second, version) in [(299, None), (300, Some(3)), (400, Some(4)), (500, Some(5))] {
        assert_eq!(version_at(&*store, second).await, version, "at {second}");
    }
    keeps(6, 600, 9999).await;
    assert_eq!((version_at(&*store, 599).await, version_at(&*store, 600).await), (None, Some(6)), "the newest stays");
    let others = store.status_list_version_at("a", "m", at(100)).await.unwrap();
    assert_eq!(others.unwrap().version, 1, "another list's stay");

    let no_window = list_version("l", 7, 0, 601);
    assert!(store.publish_status_list(&no_window, Duration::ZERO, at(0)).await.unwrap());
    assert_eq!(version_at(&*store, 600).await, Some(6), "in a window of no length is no other version");
}
