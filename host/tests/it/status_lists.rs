//! Entries of status lists, and the publication of what becomes of them, on one host and on several of one database.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chancery::audit::Actor;
use chancery::issuance::error::Error;
use chancery::issuance::issuers::DEFAULT_ISSUER;
use chancery_credential::status::{Purpose, StatusBits, token};
use chancery_store::{StatusListCredential, StatusListRecord, StatusListVersion, StatusSlot, Timestamp};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::app::TestApp;
use crate::lists::{
    BOTH, Publishing, REVOKED, SUSPENDED, allocate, beside, bit, change, check_proof, entries, fetch, host, issue,
    list_credential, on_postgres, path, record, stored, token_value, verified,
};
use crate::sinks::until;

#[tokio::test]
async fn each_set_of_purposes_has_lists_of_its_own() {
    let test = host(|_| {}).await;
    assert_eq!(allocate(&test.app, &[], 3).await, [const { Vec::new() }; 3]);
    assert_eq!(allocate(&test.app, &BOTH, 0).await, Vec::<Vec<StatusSlot>>::new());
    // Named in another order, and twice, they are the same set.
    let crooked = [Purpose::Suspension, Purpose::Revocation, Purpose::Suspension];
    let (both, same) = (allocate(&test.app, &BOTH, 8).await, allocate(&test.app, &crooked, 8).await);
    let revocation = allocate(&test.app, &[Purpose::Revocation], 8).await;
    let refresh = allocate(&test.app, &[Purpose::Refresh], 8).await;
    let lists = |slots: &[Vec<StatusSlot>]| -> BTreeSet<String> {
        slots.iter().flatten().map(|slot| slot.list_id.clone()).collect()
    };
    assert!(same.iter().all(|slots| slots.len() == 2 && slots[0].purpose == "revocation"));
    assert_eq!(lists(&both).union(&lists(&same)).count(), 2);
    assert!(lists(&both).is_disjoint(&lists(&revocation)) && lists(&revocation).is_disjoint(&lists(&refresh)));
    // One bit is enough to tell that a credential is revoked, and no token tells of a refresh.
    let accept = [("accept", "application/statuslist+jwt")];
    let claims = fetch(&test.app, &revocation[0][0].url, &accept).await.text();
    assert_eq!(verified(&test.app, &claims, "statuslist+jwt")["status_list"]["bits"], 1);
    assert_eq!(fetch(&test.app, &refresh[0][0].url, &accept).await.status, 406);
    assert_eq!(fetch(&test.app, &refresh[0][0].url, &[]).await.status, 200);
}

#[tokio::test]
async fn a_list_is_used_to_its_last_entry_and_the_next_one_is_there_in_time() {
    let test = host(|config| config.status.open_lists = 1).await;
    let mut of_lists: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
    let (mut lists, mut order) = (Vec::new(), Vec::new());
    for _ in 0..200 {
        let slot = allocate(&test.app, &BOTH, 1).await.remove(0).remove(0);
        assert!((0..64).contains(&slot.index), "{slot:?}");
        assert_eq!(fetch(&test.app, &slot.url, &[]).await.status, 200, "{slot:?}");
        order.push(slot.index);
        if !lists.contains(&slot.list_id) {
            lists.push(slot.list_id.clone());
        }
        assert!(of_lists.entry(slot.list_id.clone()).or_default().insert(slot.index), "given twice: {slot:?}");
    }
    // The next list is opened a few entries before the last one of its predecessor is given.
    assert!((4..=5).contains(&lists.len()), "{of_lists:?}");
    assert_eq!((of_lists[&lists[0]].len(), of_lists[&lists[1]].len()), (64, 64));
    assert!(!order[..32].is_sorted());
}

async fn no_index_is_given_twice(test: &TestApp) {
    let other = Arc::new(beside(test).await);
    let mut tasks = JoinSet::new();
    for _ in 0..16 {
        for statuses in [&test.app.status, &other.status] {
            let (statuses, issuer) = (Arc::clone(statuses), test.issuer(DEFAULT_ISSUER));
            tasks.spawn(async move {
                let mut all = Vec::new();
                for count in [1, 7, 2, 20] {
                    all.extend(statuses.allocate(&issuer, &BOTH, count).await.unwrap());
                }
                all
            });
        }
    }
    let all: Vec<Vec<StatusSlot>> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(all.len(), 2 * 16 * 30);
    assert_eq!(entries(&all).len(), all.len(), "an index was given twice");
    // Racing hosts open no list in vain: of those with room there are never more than two.
    let lists = test.app.store.status_lists(DEFAULT_ISSUER).await.unwrap();
    assert!(lists.iter().filter(|list| list.next_slot < list.capacity).count() <= 2, "{lists:?}");
    assert!(all.iter().flatten().all(|slot| (0..64).contains(&slot.index)));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hosts_give_no_index_twice() {
    no_index_is_given_twice(&host(|_| {}).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hosts_give_no_index_twice_on_postgresql() {
    no_index_is_given_twice(&on_postgres(|_| {}).await).await;
}

#[tokio::test]
async fn a_restarted_host_gives_no_index_again() {
    let test = host(|_| {}).await;
    let mut given = entries(&allocate(&test.app, &BOTH, 3).await);
    for _ in 0..10 {
        let again = entries(&allocate(&beside(&test).await, &BOTH, 3).await);
        assert!(given.is_disjoint(&again));
        given.extend(again);
    }
}

#[tokio::test]
async fn entries_that_are_reserved_are_given_out_without_the_store() {
    let test = host(|config| config.status.open_lists = 1).await;
    let mut given = allocate(&test.app, &BOTH, 1).await;
    test.app.store.close().await;
    let issuer = test.issuer(DEFAULT_ISSUER);
    let error = loop {
        match test.app.status.allocate(&issuer, &BOTH, 1).await {
            Ok(slots) => given.extend(slots),
            Err(error) => break error,
        }
        assert!(given.len() <= 64, "more than were reserved");
    };
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    assert!(given.len() >= 4, "{given:?}");
    assert_eq!(entries(&given).len(), given.len());
}

#[tokio::test]
async fn a_list_whose_key_does_not_open_stops_nobody() {
    let test = host(|_| {}).await;
    let store = &test.app.store;
    for list in ["one", "two", "three"] {
        let credential = |purpose: &str| StatusListCredential {
            purpose: purpose.to_owned(),
            url: format!("http://localhost:8080/credentials/status-list/{list}-{purpose}"),
        };
        let record = StatusListRecord {
            issuer_id: DEFAULT_ISSUER.to_owned(),
            list_id: list.to_owned(),
            credentials: vec![credential("revocation"), credential("suspension")],
            capacity: 64,
            next_slot: 0,
            sealed_permutation_key: b"of another host".to_vec(),
            created_at: test.app.clock.timestamp(),
        };
        let event = Actor::system().did(DEFAULT_ISSUER, "status_list.open", list, record.created_at);
        assert!(store.open_status_list(&record, 8, &event).await.unwrap());
    }
    let given = allocate(&test.app, &BOTH, 20).await;
    assert!(given.iter().flatten().all(|slot| slot.list_id.len() == 36), "{given:?}");
    // They are published all the same: credentials may refer to them.
    let publishing = Publishing::start(&test.app);
    until("the lists of the dead host are published", async || {
        let heads = store.status_list_heads().await.unwrap();
        heads.iter().all(|head| head.version == 1).then_some(())
    })
    .await;
    publishing.stop().await;
}

async fn a_change_is_published_everywhere(test: &TestApp) {
    let other = beside(test).await;
    let (_here, _there) = (Publishing::start(&test.app), Publishing::start(&other));
    let slots = issue(&test.app, "urn:a").await;
    let neighbour = issue(&test.app, "urn:b").await;
    assert!(!bit(&test.app, &slots[0]).await && !bit(&other, &slots[0]).await);
    for (purpose, value, [revoked, suspended], number) in [
        (Purpose::Suspension, true, [false, true], SUSPENDED),
        (Purpose::Suspension, false, [false, false], token::VALID),
        (Purpose::Suspension, true, [false, true], SUSPENDED),
        (Purpose::Revocation, true, [true, true], REVOKED),
        (Purpose::Suspension, false, [true, false], REVOKED),
    ] {
        change(&test.app, "urn:a", &slots, purpose, value).await;
        for app in [&test.app, &other] {
            until("the host serves the change", async || {
                let says = [bit(app, &slots[0]).await, bit(app, &slots[1]).await];
                (says == [revoked, suspended]).then_some(())
            })
            .await;
            assert_eq!(token_value(app, &slots[0]).await, number);
        }
    }
    assert!(!bit(&other, &neighbour[0]).await && !bit(&other, &neighbour[1]).await);
    let credential = list_credential(&other, &slots[0].url).await;
    check_proof(&other, &credential);
}

#[tokio::test]
async fn a_change_is_published_by_every_host() {
    a_change_is_published_everywhere(&host(|_| {}).await).await;
}

#[tokio::test]
async fn a_change_is_published_by_every_host_on_postgresql() {
    a_change_is_published_everywhere(&on_postgres(|_| {}).await).await;
}

#[tokio::test]
async fn changes_close_together_are_one_version() {
    let test = host(|config| {
        config.status.open_lists = 1;
        config.status.publish_interval = Duration::from_mins(1);
    })
    .await;
    let publishing = Publishing::start(&test.app);
    let mut slots = Vec::new();
    for number in 0..20 {
        let id = format!("urn:{number}");
        slots.push(issue(&test.app, &id).await);
        change(&test.app, &id, &slots[number], Purpose::Revocation, true).await;
    }
    // What waits is published when the host stops, before its minute is over.
    publishing.stop().await;
    let version = stored(&test.app, &slots[0][0].list_id).await;
    assert_eq!((version.version, version.revision), (2, 20));
    for slots in &slots {
        assert!(bit(&test.app, &slots[0]).await && !bit(&test.app, &slots[1]).await);
    }
}

#[tokio::test]
async fn what_a_killed_host_recorded_another_one_publishes() {
    let test = host(|_| {}).await;
    let other = beside(&test).await;
    let slots = issue(&test.app, "urn:a").await;
    // It dies here: nothing in its memory is left, and nobody was told.
    record(&test.app, "urn:a", Purpose::Revocation, true).await;
    let _publishing = Publishing::start(&other);
    until("the other host steps in", async || bit(&other, &slots[0]).await.then_some(())).await;
    assert_eq!(stored(&other, &slots[0].list_id).await.revision, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_that_publish_the_same_list_at_once_lose_no_change() {
    let test = host(|config| config.status.open_lists = 1).await;
    let other = beside(&test).await;
    let mut slots = Vec::new();
    for number in 0..40 {
        slots.push(issue(&test.app, &format!("urn:{number}")).await);
    }
    let (here, there) = (Publishing::start(&test.app), Publishing::start(&other));
    for (number, slots) in slots.iter().enumerate() {
        let app = if number % 2 == 0 { &test.app } else { &other };
        change(app, &format!("urn:{number}"), slots, Purpose::Suspension, true).await;
        if number % 3 == 0 {
            change(app, &format!("urn:{number}"), slots, Purpose::Revocation, true).await;
        }
    }
    here.stop().await;
    there.stop().await;
    let restarted = beside(&test).await;
    for (number, slots) in slots.iter().enumerate() {
        assert_eq!(bit(&restarted, &slots[0]).await, number % 3 == 0, "{number}");
        assert!(bit(&restarted, &slots[1]).await, "{number}");
    }
}

#[tokio::test]
async fn a_clock_that_steps_back_loses_no_change() {
    let test = host(|_| {}).await;
    let slots = issue(&test.app, "urn:a").await;
    let _publishing = Publishing::start(&test.app);
    let from = |credential: &Value| credential["validFrom"].as_str().unwrap().to_owned();
    assert_eq!(from(&list_credential(&test.app, &slots[0].url).await), "2026-06-01T12:00:00Z");
    test.clock.advance(-7_200);
    change(&test.app, "urn:a", &slots, Purpose::Revocation, true).await;
    until("the change is published", async || bit(&test.app, &slots[0]).await.then_some(())).await;
    assert_eq!(from(&list_credential(&test.app, &slots[0].url).await), "2026-06-01T10:00:00Z");
    // Lists without a change too: until then they began in what is now the future.
    let heads = test.app.store.status_list_heads().await.unwrap();
    assert_eq!(heads.len(), 2);
    for head in heads {
        until("every list is signed by the right clock", async || {
            let published_at = stored(&test.app, &head.list_id).await.published_at;
            (published_at <= test.app.clock.timestamp()).then_some(())
        })
        .await;
    }
    // And forward again: the newest version counts, whatever the clocks have said.
    test.clock.advance(7_200);
    assert!(bit(&beside(&test).await, &slots[0]).await);
}

#[tokio::test]
async fn a_list_is_signed_again_before_it_ends_and_not_served_after() {
    let test = host(|config| config.status.open_lists = 1).await;
    let slots = issue(&test.app, "urn:a").await;
    let list = &slots[0].list_id;
    let until_text = async || list_credential(&test.app, &slots[0].url).await["validUntil"].clone();
    test.clock.advance(11 * 3_600);
    let publishing = Publishing::start(&test.app);
    publishing.stop().await;
    assert_eq!(stored(&test.app, list).await.version, 1);
    assert_eq!(until_text().await, "2026-06-02T12:00:00Z");
    test.clock.advance(2 * 3_600);
    let publishing = Publishing::start(&test.app);
    until("it is signed again", async || (stored(&test.app, list).await.version == 2).then_some(())).await;
    until("it is served", async || (until_text().await == "2026-06-03T01:00:00Z").then_some(())).await;
    publishing.stop().await;
    // Nobody publishes any more: a verifier gets nothing rather than what has ended.
    test.clock.advance(24 * 3_600);
    let answer = test.get(path(&slots[0].url)).await;
    answer.is_problem(503, "unavailable", "cannot be renewed");
    assert_eq!(answer.headers["retry-after"], "1");
    let _publishing = Publishing::start(&test.app);
    until("it is back", async || (test.get(path(&slots[0].url)).await.status == 200).then_some(())).await;
}

#[tokio::test]
async fn a_store_that_is_away_leaves_the_last_version() {
    let test = host(|_| {}).await;
    let slots = issue(&test.app, "urn:a").await;
    let _publishing = Publishing::start(&test.app);
    change(&test.app, "urn:a", &slots, Purpose::Revocation, true).await;
    until("the change is published", async || bit(&test.app, &slots[0]).await.then_some(())).await;
    let before = fetch(&test.app, &slots[0].url, &[]).await.lasting();
    test.app.store.close().await;
    test.app.status.changed(DEFAULT_ISSUER, &slots[0].list_id);
    test.clock.advance(23 * 3_600);
    assert_eq!(fetch(&test.app, &slots[0].url, &[]).await.lasting(), before);
    test.clock.advance(2 * 3_600);
    test.get(path(&slots[0].url)).await.is_problem(503, "unavailable", "cannot be renewed");
}

#[tokio::test]
async fn a_version_that_cannot_be_read_is_made_anew_from_the_changes() {
    let test = host(|config| config.status.open_lists = 1).await;
    let app = &test.app;
    let (one, two) = (issue(app, "urn:a").await, issue(app, "urn:b").await);
    let publishing = Publishing::start(app);
    change(app, "urn:a", &one, Purpose::Revocation, true).await;
    change(app, "urn:b", &two, Purpose::Suspension, true).await;
    publishing.stop().await;
    let good = stored(app, &one[0].list_id).await;
    let foreign = StatusBits::new(&[Purpose::Revocation], 128).unwrap().to_snapshot().unwrap();
    for (bits, documents) in [
        (b"rubbish".to_vec(), b"rubbish".to_vec()),
        (foreign, b"{}".to_vec()),
        (Vec::new(), b"{\"x\": 1}".to_vec()),
        (good.bits.clone(), Vec::new()),
    ] {
        let version = stored(app, &one[0].list_id).await.version + 1;
        let damaged = StatusListVersion { version, bits, documents, ..good.clone() };
        let keep = Timestamp::new(app.clock.now() - chrono::TimeDelta::days(1));
        assert!(app.store.publish_status_list(&damaged, Duration::from_secs(1), keep).await.unwrap());
        let other = beside(&test).await;
        let _publishing = Publishing::start(&other);
        until("it is published anew", async || (fetch(&other, &one[0].url, &[]).await.status == 200).then_some(()))
            .await;
        assert!(bit(&other, &one[0]).await && !bit(&other, &one[1]).await);
        assert!(!bit(&other, &two[0]).await && bit(&other, &two[1]).await);
        assert_eq!(token_value(&other, &two[0]).await, SUSPENDED);
    }
}
