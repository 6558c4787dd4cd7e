use std::sync::Arc;

use super::fixtures::*;
use super::search::{found, query};
use super::{RACERS, TestDatabase, open_two, race};
use crate::{
    CredentialQuery, DeletionOutcome, IssuanceBatch, IssuanceOutcome, Reissue, StatusOutcome, StatusSlot, Store,
    StoreError, StoredCredential,
};

/// Issues them as they are.
pub(super) async fn issue(store: &dyn Store, credentials: Vec<StoredCredential>) {
    for credentials in credentials.chunks(50) {
        let batch = IssuanceBatch {
            issuer_id: credentials[0].issuer_id.clone(),
            credentials: credentials.to_vec(),
            ..IssuanceBatch::default()
        };
        assert_eq!(store.record_issuances(&[batch]).await.unwrap(), [IssuanceOutcome::Recorded]);
    }
}

async fn exists(store: &dyn Store, id: &str) -> bool {
    store.find_credential("a", id).await.unwrap().is_some()
}

pub(super) fn with_status(id: &str, status: Vec<StatusSlot>) -> StoredCredential {
    StoredCredential { status, ..credential("a", id) }
}

pub(crate) async fn a_deleted_credential_leaves_a_tombstone(database: &impl TestDatabase) {
    let store = &*database.open().await;
    put_issuer(store, "a").await;
    let list = status_list("a", "l", &["revocation", "suspension"]);
    open_list(store, &list).await;
    let attributes = vec![("name".into(), "zebra".into())];
    issue(store, vec![StoredCredential { attributes, ..with_status("c", slots(&list, 5)) }, with_status("d", vec![])])
        .await;
    issue(store, vec![credential("b", "c")]).await;
    assert!(!store.is_deleted("a", &hash_of("c")).await.unwrap());

    let deleted = store.delete_credential(&deletion("a", "c")).await.unwrap();
    assert_eq!(deleted, DeletionOutcome::Deleted { revoked: true });
    assert_eq!(store.find_credential("a", "c").await.unwrap(), None);
    assert_eq!(store.status_entries("a", "c").await.unwrap(), []);
    let by_attribute = CredentialQuery { attributes: vec![("name".into(), "zebra".into())], ..query() };
    assert_eq!(found(store, &by_attribute).await, [""; 0]);
    assert!(!database.dump().await.contains("zebra"), "nothing is left of what it could be found by");
    assert!(store.is_deleted("a", &hash_of("c")).await.unwrap());
    assert!(!store.is_deleted("b", &hash_of("c")).await.unwrap());
    assert!(exists(store, "d").await && store.find_credential("b", "c").await.unwrap().is_some());
    assert_eq!(store.slots_of_deleted("a", &hash_of("c")).await.unwrap(), slots(&list, 5));
    let events = ["issuer.put unset", "status-list.open unset", "credential.revoke c", "credential.delete c"];
    assert_eq!(trail(store, "a").await, events.map(|event| format!("{event} succeeded")));

    let history = store.status_history("a", "l", 5).await.unwrap();
    let history: Vec<_> = history.iter().map(|one| (&*one.purpose, one.value, one.at, one.reason.as_deref())).collect();
    assert_eq!(history, [("revocation", true, at(30), Some("asked for"))]);

    let before = database.dump().await;
    assert_eq!(store.delete_credential(&deletion("a", "c")).await.unwrap(), DeletionOutcome::Gone);
    assert_eq!(store.delete_credential(&deletion("a", "never")).await.unwrap(), DeletionOutcome::UnknownCredential);
    assert_eq!(store.delete_credential(&deletion("nobody", "d")).await.unwrap(), DeletionOutcome::UnknownCredential);
    assert_eq!(database.dump().await, before);
}

pub(crate) async fn a_deletion_revokes_only_what_is_not_revoked(database: &impl TestDatabase) {
    let store = &*database.open().await;
    put_issuer(store, "a").await;
    let both = status_list("a", "l", &["revocation", "suspension"]);
    let suspension = status_list("a", "s", &["suspension"]);
    open_list(store, &both).await;
    open_list(store, &suspension).await;
    let credentials = [("kept", slots(&both, 1)), ("revoked", slots(&both, 2)), ("lacks", slots(&suspension, 3))];
    issue(store, credentials.map(|(id, status)| with_status(id, status)).into()).await;
    issue(store, vec![credential("a", "bare")]).await;
    store.update_statuses(&[status_update("a", "revoked", "revocation", true)]).await.unwrap();
    let changes = store.status_changes("a", "l", 0, 10).await.unwrap();

    let keep = crate::Deletion { revoke: false, ..deletion("a", "kept") };
    for deletion in [keep, deletion("a", "revoked"), deletion("a", "lacks"), deletion("a", "bare")] {
        let outcome = store.delete_credential(&deletion).await.unwrap();
        assert_eq!(outcome, DeletionOutcome::Deleted { revoked: false }, "{}", deletion.credential_id);
    }
    assert_eq!(store.status_changes("a", "l", 0, 10).await.unwrap(), changes);
    assert_eq!(store.status_changes("a", "s", 0, 10).await.unwrap(), []);
    assert_eq!(store.slots_of_deleted("a", &hash_of("lacks")).await.unwrap(), slots(&suspension, 3));
    assert_eq!(store.slots_of_deleted("a", &hash_of("bare")).await.unwrap(), []);
}

pub(crate) async fn a_status_list_is_not_deleted(database: &impl TestDatabase) {
    let store = &*database.open().await;
    put_issuer(store, "a").await;
    let list = status_list("a", "l", &["revocation", "suspension"]);
    open_list(store, &list).await;
    let before = database.dump().await;
    for identity in &list.credentials {
        let outcome = store.delete_credential(&deletion("a", &identity.url)).await.unwrap();
        assert_eq!(outcome, DeletionOutcome::Protected);
    }
    assert_eq!(database.dump().await, before);
}

pub(crate) async fn the_id_of_a_deleted_credential_is_never_issued_again(database: &impl TestDatabase) {
    let store = &*database.open().await;
    issue(store, vec![credential("a", "c")]).await;
    store.delete_credential(&deletion("a", "c")).await.unwrap();
    let before = database.dump().await;
    let again = IssuanceBatch { chosen_ids: vec![hash_of("free"), hash_of("c")], ..batch("a", &["n"], &["free", "c"]) };
    let refused = store.record_issuances(std::slice::from_ref(&again)).await.unwrap();
    assert_eq!(refused, [IssuanceOutcome::CredentialDeleted]);
    assert_eq!(database.dump().await, before);

    let free = IssuanceBatch { chosen_ids: vec![hash_of("free")], ..batch("a", &["n"], &["free"]) };
    let elsewhere = IssuanceBatch { chosen_ids: vec![hash_of("c")], ..batch("b", &[], &["c"]) };
    assert_eq!(
        store.record_issuances(&[again, free, elsewhere]).await.unwrap(),
        [IssuanceOutcome::CredentialDeleted, IssuanceOutcome::Recorded, IssuanceOutcome::Recorded],
        "it alone is refused"
    );
}

pub(crate) async fn one_racer_deletes_a_credential(database: &impl TestDatabase) {
    let stores = open_two(database).await;
    put_issuer(&*stores[0], "a").await;
    let list = status_list("a", "l", &["revocation"]);
    open_list(&*stores[0], &list).await;
    issue(&*stores[0], vec![with_status("c", slots(&list, 1))]).await;
    let outcomes = race(RACERS, |number| {
        let store = Arc::clone(&stores[number % 2]);
        async move { store.delete_credential(&deletion("a", "c")).await.unwrap() }
    })
    .await;
    let count = |wanted| outcomes.iter().filter(|outcome| **outcome == wanted).count();
    assert_eq!(count(DeletionOutcome::Deleted { revoked: true }), 1);
    assert_eq!(count(DeletionOutcome::Gone), RACERS - 1);
    assert_eq!(store_changes(&*stores[0]).await.len(), 1);
    assert_eq!(trail(&*stores[0], "a").await.len(), 4);
}

async fn store_changes(store: &dyn Store) -> Vec<(i64, String, bool)> {
    let changes = store.status_changes("a", "l", 0, 1000).await.unwrap();
    changes.into_iter().map(|change| (change.revision, change.purpose, change.value)).collect()
}

/// Suspends, reinstates and revokes a credential while it is deleted: whatever was answered is in the history, and the
/// deletion ends it.
pub(crate) async fn a_deletion_ends_racing_changes(database: &impl TestDatabase) {
    let stores = open_two(database).await;
    put_issuer(&*stores[0], "a").await;
    let list = status_list("a", "l", &["revocation", "suspension"]);
    open_list(&*stores[0], &list).await;
    issue(&*stores[0], vec![with_status("c", slots(&list, 1)), with_status("bystander", slots(&list, 2))]).await;
    let answers = race(64, |number| {
        let store = Arc::clone(&stores[number % 2]);
        async move {
            if number % 16 == 7 {
                let outcome = store.delete_credential(&deletion("a", "c")).await.unwrap();
                return (usize::from(matches!(outcome, DeletionOutcome::Deleted { .. })), 0);
            }
            let (purpose, value) = [("suspension", true), ("suspension", false), ("revocation", true)][number % 3];
            let answer = store.update_statuses(&[status_update("a", "c", purpose, value)]).await.unwrap().remove(0);
            assert!(matches!(answer, StatusOutcome::Set { .. } | StatusOutcome::Deleted), "{answer:?}");
            (0, usize::from(matches!(answer, StatusOutcome::Set { changed: true, .. })))
        }
    })
    .await;
    assert_eq!(answers.iter().map(|(deleted, _)| deleted).sum::<usize>(), 1);
    let store = &*stores[0];
    let changed: usize = answers.iter().map(|(_, changed)| changed).sum();
    let history = store_changes(store).await;
    let revisions: Vec<_> = history.iter().map(|(revision, ..)| *revision).collect();
    assert_eq!(revisions, (1..).take(history.len()).collect::<Vec<_>>());
    assert_eq!(history.iter().filter(|(_, purpose, _)| purpose == "revocation").count(), 1, "revoked once, for good");
    let by_deletion = trail(store, "a").await.iter().filter(|event| event.starts_with("credential.revoke")).count();
    assert_eq!(history.len(), changed + by_deletion);
    for value in [true, false] {
        let late = store.update_statuses(&[status_update("a", "c", "suspension", value)]).await.unwrap();
        assert_eq!(late, [StatusOutcome::Deleted]);
    }
    assert_eq!(store_changes(store).await, history);
    assert!(store.status_history("a", "l", 2).await.unwrap().is_empty(), "no foreign bit has changed");
    assert!(store.status_entries("a", "bystander").await.unwrap().iter().all(|entry| !entry.value));
}

/// Whoever asks for the id gets it neither before the deletion nor after it, and at no time between.
pub(crate) async fn a_chosen_id_is_not_free_while_it_is_deleted(database: &impl TestDatabase) {
    let stores = open_two(database).await;
    issue(&*stores[0], (0..20).map(|number| credential("a", &format!("c{number}"))).collect()).await;
    let outcomes = race(100, |number| {
        let store = Arc::clone(&stores[number % 2]);
        async move {
            let id = format!("c{}", number / 5);
            if number % 5 == 2 {
                store.delete_credential(&deletion("a", &id)).await.unwrap();
                return None;
            }
            let again = IssuanceBatch { chosen_ids: vec![hash_of(&id)], ..batch("a", &[], &[&id]) };
            Some((id, store.record_issuances(&[again]).await.unwrap().remove(0)))
        }
    })
    .await;
    for (id, outcome) in outcomes.into_iter().flatten() {
        let taken = IssuanceOutcome::CredentialExists { credential_id: id.clone() };
        assert!(outcome == taken || outcome == IssuanceOutcome::CredentialDeleted, "{id}: {outcome:?}");
    }
    assert_eq!(found(&*stores[0], &query()).await, [""; 0]);
}

fn reissue(status: Vec<StatusSlot>) -> Reissue {
    Reissue {
        issuer_id: "a".into(),
        credential_id: "c".into(),
        seen: at(8),
        credential: b"again".to_vec(),
        status,
        at: at(40),
        event: event("a", "credential.reissue"),
    }
}

pub(crate) async fn a_credential_is_signed_again_with_entries(database: &impl TestDatabase) {
    let store = &*database.open().await;
    put_issuer(store, "a").await;
    let list = status_list("a", "l", &["revocation", "suspension"]);
    open_list(store, &list).await;
    issue(store, vec![credential("a", "c")]).await;
    let before = database.dump().await;
    let [late, elsewhere] = [
        Reissue { seen: at(9), ..reissue(slots(&list, 1)) },
        Reissue { credential_id: "gone".into(), ..reissue(slots(&list, 1)) },
    ];
    assert!(!store.reissue_credential(&late).await.unwrap(), "somebody was faster");
    assert!(!store.reissue_credential(&elsewhere).await.unwrap());
    assert_eq!(database.dump().await, before);

    assert!(store.reissue_credential(&reissue(slots(&list, 1))).await.unwrap());
    let expected =
        StoredCredential { credential: Some(b"again".to_vec()), updated_time: at(40), ..credential("a", "c") };
    assert_eq!(store.find_credential("a", "c").await.unwrap(), Some(expected));
    let entries = store.status_entries("a", "c").await.unwrap();
    assert!(entries.iter().all(|entry| !entry.value && entry.since == at(40)), "{entries:?}");
    let mut indexes: Vec<_> = entries.into_iter().map(|entry| entry.slot).collect();
    indexes.sort_by(|one, other| one.purpose.cmp(&other.purpose));
    assert_eq!(indexes, slots(&list, 1));

    let before = database.dump().await;
    let again = Reissue { seen: at(40), ..reissue(slots(&list, 2)) };
    assert!(!store.reissue_credential(&again).await.unwrap(), "it has entries");
    assert_eq!(database.dump().await, before);

    issue(store, vec![credential("a", "ahead")]).await;
    let behind = Reissue { credential_id: "ahead".into(), at: at(2), ..reissue(slots(&list, 3)) };
    assert!(store.reissue_credential(&behind).await.unwrap());
    assert_eq!(store.find_credential("a", "ahead").await.unwrap().unwrap().updated_time, at(8), "no time goes back");
}

pub(crate) async fn one_racer_signs_again(database: &impl TestDatabase) {
    let stores = open_two(database).await;
    put_issuer(&*stores[0], "a").await;
    let list = status_list("a", "l", &["revocation"]);
    open_list(&*stores[0], &list).await;
    issue(&*stores[0], vec![credential("a", "c")]).await;
    let answers = race(RACERS, |number| {
        // At the very time that was seen: the time alone would not tell the first one from the others.
        let reissue = Reissue { at: at(8), ..reissue(slots(&list, number.try_into().unwrap())) };
        let store = Arc::clone(&stores[number % 2]);
        async move { store.reissue_credential(&reissue).await.unwrap() }
    })
    .await;
    assert_eq!(answers.iter().filter(|answer| **answer).count(), 1);
    assert_eq!(stores[0].status_entries("a", "c").await.unwrap().len(), 1);
}

pub(crate) async fn an_entry_is_given_once(database: &impl TestDatabase) {
    let store = &*database.open().await;
    put_issuer(store, "a").await;
    let list = status_list("a", "l", &["revocation"]);
    open_list(store, &list).await;
    issue(store, vec![with_status("c", slots(&list, 1))]).await;
    let before = database.dump().await;
    let twin = IssuanceBatch { credentials: vec![with_status("twin", slots(&list, 1))], ..batch("a", &["n"], &[]) };
    let refused = store.record_issuances(&[twin]).await;
    assert!(matches!(refused, Err(StoreError::Conflict("status list entry"))), "{refused:?}");
    assert_eq!(database.dump().await, before);
}

pub(crate) async fn credentials_that_outlived_their_retention_are_named(database: &impl TestDatabase) {
    let store = &*database.open().await;
    let kept = |issuer_id: &str, id: &str, until| StoredCredential { delete_after: until, ..credential(issuer_id, id) };
    issue(store, vec![kept("a", "late", Some(at(60))), kept("a", "early", Some(at(50))), kept("a", "ever", None)])
        .await;
    issue(store, vec![kept("b", "other", Some(at(55)))]).await;
    for (issuer_id, now, limit, expected) in [
        ("a", at(50), 10, &[][..]),
        ("a", micros(50_000_001), 10, &["early"]),
        ("a", at(1000), 1, &["early"]),
        ("a", at(1000), 0, &[]),
        ("a", at(1000), 10, &["early", "late"]),
        ("b", at(1000), 10, &["other"]),
        ("c", at(1000), 10, &[]),
    ] {
        let outlived = store.outlived_credentials(issuer_id, now, limit).await.unwrap();
        assert_eq!(outlived, expected, "{limit} of {issuer_id} at {now:?}");
    }
}
