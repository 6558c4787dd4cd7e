use std::collections::BTreeMap;

use super::TestDatabase;
use super::fixtures::*;
use super::status_fixtures::*;
use crate::{DeletionOutcome, ExpectedEntry, NewReply, StatusChange, StatusEntry, StatusOutcome, StatusUpdate, Store};

pub(crate) async fn a_change_is_entry_history_and_event(database: &impl TestDatabase) {
    let store = database.open().await;
    open_lists(&*store, &["l"]).await;
    issue(&*store, "c", "l", 5).await;
    let fresh = |purpose| StatusEntry { slot: slot("l", purpose, 5), value: false, since: at(7) };
    assert_eq!(entry(&*store, "c", REVOCATION).await, fresh(REVOCATION));
    assert_eq!(entry(&*store, "c", SUSPENSION).await, fresh(SUSPENSION));
    assert!(changes(&*store, "l").await.is_empty());

    let revoked = StatusEntry { slot: slot("l", REVOCATION, 5), value: true, since: at(20) };
    let outcome = set(&*store, update("c", REVOCATION, true)).await;
    assert_eq!(outcome, StatusOutcome::Set { entry: revoked.clone(), changed: true });
    assert_eq!(entry(&*store, "c", REVOCATION).await, revoked);
    assert_eq!(entry(&*store, "c", SUSPENSION).await, fresh(SUSPENSION), "the other purpose's is left alone");
    let expected = StatusChange {
        revision: 1,
        purpose: REVOCATION.into(),
        index: 5,
        value: true,
        at: at(20),
        actor: "client:admin".into(),
        reason: Some("lost".into()),
        event_id: "event-credential.status".into(),
    };
    assert_eq!(changes(&*store, "l").await, std::slice::from_ref(&expected));
    assert_eq!(store.status_history("a", "l", 5).await.unwrap(), [expected]);
    assert_eq!(trail(&*store, "a").await.last().unwrap(), "credential.status c succeeded");
    assert_eq!(head(&*store, "l").await.revision, 1);
    assert!(store.status_entries("b", "c").await.unwrap().is_empty());
}

pub(crate) async fn a_status_that_is_there_already_writes_nothing(database: &impl TestDatabase) {
    let store = database.open().await;
    open_lists(&*store, &["l"]).await;
    issue(&*store, "c", "l", 5).await;
    assert!(changed(&set(&*store, update("c", REVOCATION, true)).await));
    let before = database.dump().await;
    let again = StatusUpdate { at: at(40), ..update("c", REVOCATION, true) };
    let StatusOutcome::Set { entry, changed: false } = set(&*store, again).await else { panic!("changed") };
    assert_eq!((entry.value, entry.since), (true, at(20)));
    assert!(unchanged(&set(&*store, update("c", SUSPENSION, false)).await));
    assert_eq!(store.update_statuses(&[]).await.unwrap(), []);
    assert_eq!(database.dump().await, before);
}

pub(crate) async fn what_is_final_is_not_taken_back(database: &impl TestDatabase) {
    let store = database.open().await;
    open_lists(&*store, &["l"]).await;
    issue(&*store, "c", "l", 5).await;
    for value in [true, false, true, false] {
        assert!(changed(&set(&*store, update("c", SUSPENSION, value)).await), "a suspension may be taken back");
    }
    assert!(unchanged(&set(&*store, update("c", REVOCATION, false)).await), "nothing was set yet");
    assert!(changed(&set(&*store, update("c", REVOCATION, true)).await));
    let before = database.dump().await;
    assert_eq!(set(&*store, update("c", REVOCATION, false)).await, StatusOutcome::Final);
    assert_eq!(database.dump().await, before);
    assert!(changed(&set(&*store, update("c", SUSPENSION, true)).await), "the other purpose goes on");
    assert_eq!(replay(&*store, "l").await.len(), 2);
}

pub(crate) async fn a_refused_update_changes_no_entry(database: &impl TestDatabase) {
    let store = database.open().await;
    open_lists(&*store, &["l", "m"]).await;
    put_issuer(&*store, "b").await;
    issue(&*store, "c", "l", 5).await;
    issue(&*store, "other", "l", 6).await;
    issue_with(&*store, "elsewhere", vec![slot("m", REVOCATION, 5)]).await;
    store.record_issuances(&[batch("a", &[], &["without"])]).await.unwrap();
    issue(&*store, "gone", "l", 7).await;
    assert_eq!(
        store.delete_credential(&deletion("a", "gone")).await.unwrap(),
        DeletionOutcome::Deleted { revoked: true }
    );
    let before = database.dump().await;

    let expecting = |url: Option<String>, index| StatusUpdate {
        expected: Some(ExpectedEntry { url, index }),
        ..update("c", REVOCATION, true)
    };
    let url = |list_id, purpose| Some(slot(list_id, purpose, 0).url);
    for (update, refusal) in [
        (expecting(None, Some(6)), StatusOutcome::OtherEntry),
        (expecting(None, Some(-5)), StatusOutcome::OtherEntry),
        (expecting(url("m", REVOCATION), Some(5)), StatusOutcome::OtherEntry),
        (expecting(url("l", SUSPENSION), Some(5)), StatusOutcome::OtherEntry),
        (expecting(url("l", REVOCATION), Some(6)), StatusOutcome::OtherEntry),
        (expecting(Some(String::new()), None), StatusOutcome::OtherEntry),
        (update("elsewhere", SUSPENSION, true), StatusOutcome::NoEntry),
        (update("c", "refresh", true), StatusOutcome::NoEntry),
        (update("c", "", true), StatusOutcome::NoEntry),
        (update("without", REVOCATION, true), StatusOutcome::NoEntry),
        (update(&slot("l", REVOCATION, 0).url, REVOCATION, true), StatusOutcome::NoEntry),
        (update("nobody's", REVOCATION, true), StatusOutcome::UnknownCredential),
        (status_update("b", "c", REVOCATION, true), StatusOutcome::UnknownCredential),
        (update("gone", REVOCATION, true), StatusOutcome::Deleted),
        (update("gone", SUSPENSION, true), StatusOutcome::Deleted),
        (status_update("b", "gone", REVOCATION, true), StatusOutcome::UnknownCredential),
    ] {
        assert_eq!(store.update_statuses(std::slice::from_ref(&update)).await.unwrap(), [refusal], "{update:?}");
        assert_eq!(database.dump().await, before, "{update:?}");
    }
    assert!(changed(&set(&*store, expecting(url("l", REVOCATION), Some(5))).await));
}

pub(crate) async fn updates_of_one_call_are_decided_in_their_order(database: &impl TestDatabase) {
    let store = database.open().await;
    open_lists(&*store, &["l"]).await;
    issue(&*store, "c", "l", 5).await;
    let steps = [
        (SUSPENSION, true),
        (SUSPENSION, true),
        (SUSPENSION, false),
        (REVOCATION, true),
        (SUSPENSION, true),
        (REVOCATION, false),
        (REVOCATION, true),
    ];
    let updates: Vec<_> = steps.iter().map(|(purpose, value)| update("c", purpose, *value)).collect();
    let outcomes = store.update_statuses(&updates).await.unwrap();
    let what: Vec<_> = outcomes.iter().map(|outcome| (changed(outcome), unchanged(outcome))).collect();
    let (yes, no, refused) = ((true, false), (false, true), (false, false));
    assert_eq!(what, [yes, no, yes, yes, yes, refused, no]);
    assert_eq!(outcomes[5], StatusOutcome::Final);
    let history: Vec<_> =
        changes(&*store, "l").await.into_iter().map(|one| (one.revision, one.purpose, one.value)).collect();
    let change = |revision, purpose: &str, value| (revision, purpose.to_owned(), value);
    let expected = [
        change(1, SUSPENSION, true),
        change(2, SUSPENSION, false),
        change(3, REVOCATION, true),
        change(4, SUSPENSION, true),
    ];
    assert_eq!(history, expected);
    assert!(entry(&*store, "c", SUSPENSION).await.value && entry(&*store, "c", REVOCATION).await.value);
}

pub(crate) async fn many_updates_keep_lists_and_entries_apart(database: &impl TestDatabase) {
    let store = database.open().await;
    let lists = ["l", "m", "n"];
    open_lists(&*store, &lists).await;
    // More rows than one statement takes, no power of two, and the same indexes in each list.
    let (mut updates, mut expected) = (Vec::new(), BTreeMap::<_, Vec<_>>::new());
    for number in 0..101 {
        let (id, list_id, index) = (format!("c{number:03}"), lists[number % 3], i64::try_from(number / 3).unwrap());
        issue(&*store, &id, list_id, index).await;
        if number % 5 != 0 {
            let purpose = BOTH[number % 2];
            updates.push(update(&id, purpose, true));
            expected.entry(list_id).or_default().push((purpose.to_owned(), index));
        }
    }
    updates.insert(40, update("nobody's", REVOCATION, true));
    let outcomes = store.update_statuses(&updates).await.unwrap();
    assert_eq!(outcomes[40], StatusOutcome::UnknownCredential);
    assert_eq!(outcomes.iter().filter(|outcome| changed(outcome)).count(), updates.len() - 1);
    for (list_id, mut expected) in expected {
        let history: Vec<_> = changes(&*store, list_id).await.into_iter().map(|one| (one.purpose, one.index)).collect();
        assert_eq!(history, expected, "in the order of the updates");
        expected.sort_unstable();
        assert_eq!(replay(&*store, list_id).await.into_keys().collect::<Vec<_>>(), expected);
    }
    for number in 0..101 {
        for purpose in BOTH {
            let said = entry(&*store, &format!("c{number:03}"), purpose).await.value;
            assert_eq!(said, number % 5 != 0 && purpose == BOTH[number % 2], "{number} {purpose}");
        }
    }
    assert_eq!(trail(&*store, "a").await.len(), 1 + 3 + 101 + updates.len() - 1);
}

/// Clocks of hosts differ. The event says what the clock said.
pub(crate) async fn a_clock_that_steps_back_takes_no_status_back_in_time(database: &impl TestDatabase) {
    let store = database.open().await;
    open_lists(&*store, &["l"]).await;
    issue(&*store, "c", "l", 5).await;
    let suspended = |value, seconds| StatusUpdate { at: at(seconds), ..update("c", SUSPENSION, value) };
    let steps = [(true, 3, 7), (false, 40, 40), (true, 30, 40), (false, 50, 50)];
    for (value, clock, counts) in steps {
        let outcome = set(&*store, suspended(value, clock)).await;
        let expected = StatusEntry { slot: slot("l", SUSPENSION, 5), value, since: at(counts) };
        assert_eq!(outcome, StatusOutcome::Set { entry: expected.clone(), changed: true });
        assert_eq!(entry(&*store, "c", SUSPENSION).await, expected);
    }
    // In one call, and by a deletion.
    store.update_statuses(&[suspended(true, 60), suspended(false, 55)]).await.unwrap();
    assert_eq!(entry(&*store, "c", SUSPENSION).await.since, at(60));
    set(&*store, StatusUpdate { at: at(2), ..update("c", REVOCATION, true) }).await;
    issue(&*store, "d", "l", 6).await;
    let early = crate::Deletion { at: at(3), ..deletion("a", "d") };
    assert_eq!(store.delete_credential(&early).await.unwrap(), DeletionOutcome::Deleted { revoked: true });
    let times: Vec<_> = changes(&*store, "l").await.into_iter().map(|change| change.at).collect();
    assert_eq!(times, [7, 40, 40, 50, 60, 60, 7, 7].map(at));
}

pub(crate) async fn changes_are_read_from_a_revision_in_limits(database: &impl TestDatabase) {
    let store = database.open().await;
    open_lists(&*store, &["l", "m"]).await;
    issue(&*store, "c", "l", 5).await;
    issue(&*store, "d", "m", 5).await;
    for value in [true, false, true, false, true] {
        set(&*store, update("c", SUSPENSION, value)).await;
        set(&*store, update("d", SUSPENSION, value)).await;
    }
    for (revision, limit, expected) in [
        (0, 2, vec![1, 2]),
        (2, 2, vec![3, 4]),
        (4, 2, vec![5]),
        (5, 2, vec![]),
        (0, 0, vec![]),
        (3, u32::MAX, vec![4, 5]),
    ] {
        let changes = store.status_changes("a", "l", revision, limit).await.unwrap();
        let revisions: Vec<_> = changes.iter().map(|change| change.revision).collect();
        assert_eq!(revisions, expected, "{limit} after {revision}");
    }
    assert!(store.status_changes("a", "unknown", 0, 9).await.unwrap().is_empty());
    assert!(store.status_history("a", "l", 6).await.unwrap().is_empty());
    assert_eq!(store.status_history("a", "l", 5).await.unwrap(), changes(&*store, "l").await);
}

async fn has_reply(store: &dyn Store, key: &str) -> bool {
    store.find_reply("a", "c", &hash_of(key), at(20)).await.unwrap().is_some()
}

pub(crate) async fn a_reply_is_recorded_with_what_it_says(database: &impl TestDatabase) {
    let store = database.open().await;
    open_lists(&*store, &["l"]).await;
    issue(&*store, "c", "l", 5).await;
    assert!(changed(&set(&*store, with_reply(update("c", REVOCATION, true), "changed")).await));
    assert!(unchanged(&set(&*store, with_reply(update("c", REVOCATION, true), "unchanged")).await));
    assert!(has_reply(&*store, "changed").await && has_reply(&*store, "unchanged").await);

    let before = database.dump().await;
    assert_eq!(set(&*store, with_reply(update("c", REVOCATION, false), "new")).await, StatusOutcome::Final);
    assert_eq!(set(&*store, with_reply(update("c", "refresh", true), "new")).await, StatusOutcome::NoEntry);
    assert_eq!(set(&*store, with_reply(update("d", REVOCATION, true), "new")).await, StatusOutcome::UnknownCredential);
    for used in [
        update("c", SUSPENSION, true),
        update("c", SUSPENSION, false),
        update("c", REVOCATION, false),
        update("c", "refresh", true),
        update("d", REVOCATION, true),
    ] {
        assert_eq!(set(&*store, with_reply(used, "changed")).await, StatusOutcome::Replied);
    }
    assert_eq!(database.dump().await, before);

    let late = NewReply { created_at: at(110), expires_at: at(120), ..reply("a", "c", "changed") };
    let late = StatusUpdate { reply: Some(late), ..update("c", SUSPENSION, true) };
    assert!(changed(&set(&*store, late).await), "the former reply has expired");
}

pub(crate) async fn a_used_key_refuses_its_update_alone(database: &impl TestDatabase) {
    let store = database.open().await;
    open_lists(&*store, &["l"]).await;
    for (id, index) in [("c", 1), ("d", 2), ("e", 3)] {
        issue(&*store, id, "l", index).await;
    }
    let updates = ["c", "d", "e"].map(|id| with_reply(update(id, REVOCATION, true), if id == "e" { "2" } else { "1" }));
    let outcomes = store.update_statuses(&updates).await.unwrap();
    assert!(changed(&outcomes[0]) && changed(&outcomes[2]));
    assert_eq!(outcomes[1], StatusOutcome::Replied, "of two with one key the first wins");
    assert!(!entry(&*store, "d", REVOCATION).await.value);
    assert_eq!(changes(&*store, "l").await.len(), 2);
}
