use std::sync::Arc;

use super::fixtures::*;
use super::{RACERS, TestDatabase, open_two, race};
use crate::{
    AuditEvent, CredentialQuery, DeletionOutcome, IssuanceBatch, IssuanceOutcome, Replacement, StatusListRecord, Store,
    StoredCredential,
};

/// One that is about `person`.
fn about(person: &str, id: &str) -> StoredCredential {
    StoredCredential { subject_hash: Some(hash_of(person)), ..credential("a", id) }
}

fn with_entries(person: &str, id: &str, list: &StatusListRecord, index: i64) -> StoredCredential {
    StoredCredential { status: slots(list, index), ..about(person, id) }
}

/// At `at(25)`.
fn replacement(person: &str, by: &str, revoke: bool) -> Replacement {
    Replacement {
        configuration_id: "farmer".into(),
        subject_hash: hash_of(person),
        by: by.into(),
        revoke,
        at: at(25),
        actor: "system".into(),
        event: AuditEvent { event_id: format!("by-{by}"), ..event("a", "credential.supersede") },
    }
}

/// One credential that replaces what the person has.
fn anew(person: &str, id: &str, revoke: bool) -> IssuanceBatch {
    IssuanceBatch {
        credentials: vec![about(person, id)],
        replacements: vec![replacement(person, id, revoke)],
        ..batch("a", &[], &[])
    }
}

async fn record(store: &dyn Store, batches: &[IssuanceBatch]) {
    let outcomes = store.record_issuances(batches).await.unwrap();
    assert!(outcomes.iter().all(|outcome| *outcome == IssuanceOutcome::Recorded), "{outcomes:?}");
}

async fn plain(store: &dyn Store, credentials: Vec<StoredCredential>) {
    let issuer_id = credentials[0].issuer_id.clone();
    record(store, &[IssuanceBatch { issuer_id, credentials, ..IssuanceBatch::default() }]).await;
}

async fn superseded_by(store: &dyn Store, id: &str) -> Option<String> {
    store.find_credential("a", id).await.unwrap().unwrap().superseded_by
}

async fn revoked(store: &dyn Store, id: &str) -> Vec<bool> {
    let mut entries = store.status_entries("a", id).await.unwrap();
    entries.sort_by(|one, other| one.slot.purpose.cmp(&other.slot.purpose));
    entries.into_iter().map(|entry| entry.value).collect()
}

pub(crate) async fn a_new_credential_takes_the_place_of_former_ones(database: &impl TestDatabase) {
    let store = &*database.open().await;
    let other = StoredCredential { configuration_id: "other".into(), ..about("ann", "configured") };
    let unknown = credential("a", "unknown");
    plain(store, vec![about("ann", "f1"), about("ann", "f2"), about("bob", "bob"), other, unknown]).await;
    plain(store, vec![StoredCredential { issuer_id: "b".into(), ..about("ann", "f1") }]).await;
    let twins =
        IssuanceBatch { credentials: vec![about("ann", "new"), about("ann", "twin")], ..anew("ann", "new", false) };
    record(store, &[twins]).await;

    for id in ["f1", "f2"] {
        let expected = StoredCredential { superseded_by: Some("new".into()), updated_time: at(25), ..about("ann", id) };
        assert_eq!(store.find_credential("a", id).await.unwrap(), Some(expected));
    }
    for id in ["new", "twin", "bob", "configured", "unknown"] {
        assert_eq!(superseded_by(store, id).await, None, "{id}");
    }
    assert_eq!(store.find_credential("b", "f1").await.unwrap().unwrap().superseded_by, None);
    let events = store.events("a", 0, 10).await.unwrap();
    let events: Vec<_> = events.iter().map(|(_, event)| (&*event.event_id, &*event.object)).collect();
    assert_eq!(events, [("by-new/1", "f1"), ("by-new/2", "f2")]);

    record(store, &[anew("ann", "newer", false)]).await;
    assert_eq!(superseded_by(store, "f1").await.as_deref(), Some("new"), "once, and by the first");
    for id in ["new", "twin"] {
        assert_eq!(superseded_by(store, id).await.as_deref(), Some("newer"));
    }
}

pub(crate) async fn a_new_credential_revokes_former_ones(database: &impl TestDatabase) {
    let store = &*database.open().await;
    put_issuer(store, "a").await;
    let list = status_list("a", "l", &["revocation", "suspension"]);
    open_list(store, &list).await;
    let formers = [("f1", 1), ("f2", 2), ("f3", 3)].map(|(id, index)| with_entries("ann", id, &list, index));
    plain(store, formers.into()).await;
    plain(store, vec![about("ann", "bare"), with_entries("bob", "bob", &list, 4)]).await;
    store.update_statuses(&[status_update("a", "f2", "revocation", true)]).await.unwrap();
    let gone = store.delete_credential(&crate::Deletion { revoke: false, ..deletion("a", "f3") }).await.unwrap();
    assert_eq!(gone, DeletionOutcome::Deleted { revoked: false });
    let events = trail(store, "a").await.len();

    let new = IssuanceBatch { credentials: vec![with_entries("ann", "new", &list, 5)], ..anew("ann", "new", true) };
    record(store, &[new]).await;
    for (id, expected) in [("f1", [true, false]), ("f2", [true, false]), ("new", [false; 2]), ("bob", [false; 2])] {
        assert_eq!(revoked(store, id).await, expected, "{id}");
    }
    for id in ["f1", "f2", "bare"] {
        assert_eq!(superseded_by(store, id).await.as_deref(), Some("new"), "{id}");
    }
    let changes = store.status_changes("a", "l", 0, 10).await.unwrap();
    let changes: Vec<_> = changes.iter().map(|one| (one.index, one.value, &*one.actor, &*one.event_id)).collect();
    assert_eq!(changes, [(2, true, "client:admin", "event-credential.status"), (1, true, "system", "by-new/2")]);
    let mut written = trail(store, "a").await.split_off(events);
    written.sort();
    assert_eq!(written, ["bare", "f1", "f2"].map(|id| format!("credential.supersede {id} succeeded")));
}

pub(crate) async fn only_marked_ones_keep_their_status(database: &impl TestDatabase) {
    let store = &*database.open().await;
    put_issuer(store, "a").await;
    let list = status_list("a", "l", &["revocation"]);
    open_list(store, &list).await;
    plain(store, vec![with_entries("ann", "f", &list, 1)]).await;
    record(store, &[anew("ann", "new", false)]).await;
    assert_eq!(superseded_by(store, "f").await.as_deref(), Some("new"));
    assert_eq!(revoked(store, "f").await, [false]);
    assert_eq!(store.status_changes("a", "l", 0, 10).await.unwrap(), []);
}

/// Batches that are written together replace each other in their order, as if they came one after the other.
pub(crate) async fn of_batches_at_once_the_later_one_replaces_the_earlier(database: &impl TestDatabase) {
    let store = &*database.open().await;
    plain(store, vec![about("ann", "f"), about("bob", "g")]).await;
    // A name that sorts before the other one: it is the order of the batches that counts.
    record(store, &[anew("ann", "z", false), anew("bob", "m", false), anew("ann", "a", false)]).await;
    for (id, expected) in [("f", Some("z")), ("z", Some("a")), ("a", None), ("g", Some("m")), ("m", None)] {
        assert_eq!(superseded_by(store, id).await.as_deref(), expected, "{id}");
    }
}

/// Clocks of hosts differ: one that is behind changes nothing before it was there.
pub(crate) async fn a_replacement_sets_no_time_back(database: &impl TestDatabase) {
    let store = &*database.open().await;
    put_issuer(store, "a").await;
    let list = status_list("a", "l", &["revocation"]);
    open_list(store, &list).await;
    plain(store, vec![with_entries("ann", "f", &list, 1)]).await;
    let late = Replacement { at: at(3), ..replacement("ann", "new", true) };
    record(store, &[IssuanceBatch { replacements: vec![late], ..anew("ann", "new", true) }]).await;
    let former = store.find_credential("a", "f").await.unwrap().unwrap();
    assert_eq!((former.superseded_by.as_deref(), former.updated_time), (Some("new"), at(8)));
    let entries = store.status_entries("a", "f").await.unwrap();
    assert_eq!(entries.iter().map(|entry| (entry.value, entry.since)).collect::<Vec<_>>(), [(true, at(7))]);
}

pub(crate) async fn a_refused_batch_replaces_nothing(database: &impl TestDatabase) {
    let store = &*database.open().await;
    plain(store, vec![about("ann", "f")]).await;
    record(store, &[batch("a", &["used"], &[])]).await;
    let before = database.dump().await;
    let refused = IssuanceBatch { nonces: vec![nonce("used")], ..anew("ann", "new", true) };
    let outcomes = store.record_issuances(&[refused]).await.unwrap();
    assert_eq!(outcomes, [IssuanceOutcome::NonceReused { nonce_hash: "used".into() }]);
    assert_eq!(database.dump().await, before);
}

/// How many of the person's credentials nothing has taken the place of.
async fn current(store: &dyn Store, person: &str) -> Vec<String> {
    let subject_hash = Some(hash_of(person));
    let query = CredentialQuery { issuer_id: "a".into(), subject_hash, limit: 500, ..CredentialQuery::default() };
    let credentials = store.find_credentials(&query).await.unwrap();
    let current = credentials.into_iter().filter(|credential| credential.superseded_by.is_none());
    current.map(|credential| credential.credential_id).collect()
}

/// Also for a person who has none yet: there is nothing then that racers could wait for but the person.
pub(crate) async fn of_racing_reissues_one_is_current(database: &impl TestDatabase) {
    let stores = open_two(database).await;
    put_issuer(&*stores[0], "a").await;
    let list = status_list("a", "l", &["revocation"]);
    open_list(&*stores[0], &list).await;
    plain(&*stores[0], vec![with_entries("ann", "f", &list, 1000)]).await;
    race(RACERS, |number| {
        let (store, list) = (Arc::clone(&stores[number % 2]), list.clone());
        async move {
            let (person, index) = (["ann", "bob", "eve"][number % 3], number.try_into().unwrap());
            let id = format!("c{number}");
            let new = with_entries(person, &id, &list, index);
            record(&*store, &[IssuanceBatch { credentials: vec![new], ..anew(person, &id, true) }]).await;
        }
    })
    .await;
    let store = &*stores[0];
    let mut unrevoked = 0;
    for person in ["ann", "bob", "eve"] {
        let current = current(store, person).await;
        assert_eq!(current.len(), 1, "{person}: {current:?}");
        assert_eq!(revoked(store, &current[0]).await, [false]);
    }
    for number in 0..RACERS {
        unrevoked += usize::from(revoked(store, &format!("c{number}")).await == [false]);
    }
    assert_eq!(unrevoked, 3, "all but the current ones are revoked");
    assert_eq!(store.status_changes("a", "l", 0, 1000).await.unwrap().len(), RACERS + 1 - 3);
}

/// A former credential that is deleted at the same time: whichever comes first, nothing breaks and nothing is revoked
/// twice.
pub(crate) async fn replacing_and_deleting_do_not_harm_each_other(database: &impl TestDatabase) {
    let stores = open_two(database).await;
    put_issuer(&*stores[0], "a").await;
    let list = status_list("a", "l", &["revocation"]);
    open_list(&*stores[0], &list).await;
    let formers = (0..30).map(|number| with_entries(&number.to_string(), &format!("f{number}"), &list, number));
    plain(&*stores[0], formers.collect()).await;
    race(60, |number| {
        let store = Arc::clone(&stores[number / 2 % 2]);
        async move {
            let (person, former) = ((number / 2).to_string(), format!("f{}", number / 2));
            if number % 2 == 0 {
                let outcome = store.delete_credential(&deletion("a", &former)).await.unwrap();
                assert!(matches!(outcome, DeletionOutcome::Deleted { .. }), "{outcome:?}");
            } else {
                record(&*store, &[anew(&person, &format!("n{person}"), true)]).await;
            }
        }
    })
    .await;
    let changes = stores[0].status_changes("a", "l", 0, 1000).await.unwrap();
    let mut indexes: Vec<_> = changes.iter().map(|change| change.index).collect();
    indexes.sort_unstable();
    assert_eq!(indexes, (0..30).collect::<Vec<_>>(), "each is revoked once");
    for person in 0..30 {
        assert_eq!(current(&*stores[0], &person.to_string()).await, [format!("n{person}")]);
    }
}
