use std::sync::Arc;

use super::fixtures::*;
use super::jobs::{find, issue, items, progress, record, running};
use super::{TestDatabase, open_two, race};
use crate::{IssuanceBatch, IssuanceOutcome, JobItem, JobItemState, JobState};

pub(crate) async fn an_item_is_done_with_its_credential(database: &impl TestDatabase) {
    let store = &*database.open().await;
    running(store, "j", 40).await;
    running(store, "k", 2).await;
    let numbers: Vec<_> = (1..=38).collect();
    assert_eq!(
        record(store, &[issue("j", &numbers), issue("k", &[1])]).await,
        [const { IssuanceOutcome::Recorded }; 2]
    );
    assert_eq!(progress(store, "j").await, (JobState::Running, 40, 38, 0));
    assert_eq!(progress(store, "k").await, (JobState::Running, 2, 1, 0));
    assert_eq!(find(store, "j").await.updated_at, at(30));
    let done = JobItem {
        number: 7,
        state: JobItemState::Done,
        sealed_input: Vec::new(),
        credential_id: Some("j-7".into()),
        error: None,
    };
    assert_eq!(items(store, "j").await[6], done, "and its input is gone");
    let page = |state, after, limit| async move {
        let page = store.job_items("a", "j", state, after, limit).await.unwrap();
        page.into_iter().map(|item| item.number).collect::<Vec<_>>()
    };
    assert_eq!(page(Some(JobItemState::Pending), 0, 10).await, [39, 40]);
    assert_eq!(page(Some(JobItemState::Pending), 39, 10).await, [40]);
    assert_eq!(page(Some(JobItemState::Done), 30, 3).await, [31, 32, 33]);
    assert_eq!(page(Some(JobItemState::Failed), 0, 10).await, [0; 0]);
    assert_eq!(page(None, 37, 10).await, [38, 39, 40]);
}

pub(crate) async fn an_item_is_done_once(database: &impl TestDatabase) {
    let store = &*database.open().await;
    running(store, "j", 4).await;
    record(store, &[issue("j", &[1])]).await;
    let before = database.dump().await;
    let anew = |numbers: &[i64], id: &str| IssuanceBatch {
        job_items: issue("j", numbers).job_items,
        ..batch("a", &[], &[id])
    };
    let unknown = IssuanceBatch { job_items: issue("none", &[1]).job_items, ..batch("a", &[], &["x"]) };
    let twice = anew(&[2, 2], "x");
    let elsewhere = IssuanceBatch { issuer_id: "b".into(), ..anew(&[2], "x") };
    for refused in [anew(&[1], "x"), anew(&[2, 1, 3], "x"), anew(&[5], "x"), twice, unknown, elsewhere] {
        assert_eq!(record(store, &[refused]).await, [IssuanceOutcome::JobItemTaken]);
        assert_eq!(database.dump().await, before);
    }
    assert_eq!(
        record(store, &[anew(&[2], "x"), anew(&[2, 3], "y"), anew(&[4], "z")]).await,
        [IssuanceOutcome::Recorded, IssuanceOutcome::JobItemTaken, IssuanceOutcome::Recorded],
        "it alone is refused"
    );
    assert_eq!(progress(store, "j").await, (JobState::Running, 4, 3, 0));
}

pub(crate) async fn racing_hosts_do_each_item_once(database: &impl TestDatabase) {
    let stores = open_two(database).await;
    running(&*stores[0], "j", 30).await;
    let outcomes = race(120, |number| {
        let store = Arc::clone(&stores[number % 2]);
        async move {
            // Neighbours overlap in an item.
            let first = i64::try_from(number % 15).unwrap() * 2 + 1;
            let numbers = if number % 4 == 0 { vec![first] } else { vec![first, first + 1] };
            let ids: Vec<_> = numbers.iter().map(|item| format!("{number}-{item}")).collect();
            let ids: Vec<_> = ids.iter().map(String::as_str).collect();
            let mut batch = IssuanceBatch { job_items: issue("j", &numbers).job_items, ..batch("a", &[], &ids) };
            for (item, id) in batch.job_items.iter_mut().zip(ids) {
                item.credential_id = id.into();
            }
            (numbers.len(), record(&*store, &[batch]).await.remove(0))
        }
    })
    .await;
    let recorded: usize =
        outcomes.iter().filter(|(_, one)| *one == IssuanceOutcome::Recorded).map(|(count, _)| count).sum();
    assert!(outcomes.iter().all(|(_, one)| matches!(one, IssuanceOutcome::Recorded | IssuanceOutcome::JobItemTaken)));
    let store = &*stores[0];
    assert_eq!(progress(store, "j").await, (JobState::Running, 30, recorded.try_into().unwrap(), 0));
    let mut done = 0;
    for item in items(store, "j").await {
        let Some(id) = item.credential_id else { continue };
        assert!(store.find_credential("a", &id).await.unwrap().is_some(), "{id}");
        done += 1;
    }
    assert_eq!(done, recorded);
    assert_eq!(trail(store, "a").await.len(), recorded + 1, "a credential for each, and no other");
}

pub(crate) async fn an_item_fails_once(database: &impl TestDatabase) {
    let store = &*database.open().await;
    running(store, "j", 3).await;
    record(store, &[issue("j", &[1])]).await;
    let events = trail(store, "a").await.len();
    let failed = &event("a", "job.item");
    let fail = |job_id, number| store.fail_job_item("a", job_id, number, "no name", failed);
    assert!(fail("j", 2).await.unwrap());
    let before = database.dump().await;
    for (job_id, number) in [("j", 1), ("j", 2), ("j", 4), ("none", 1)] {
        assert!(!fail(job_id, number).await.unwrap(), "{job_id} {number}");
    }
    assert_eq!(database.dump().await, before);
    assert_eq!(record(store, &[issue("j", &[2])]).await, [IssuanceOutcome::JobItemTaken]);
    assert_eq!(progress(store, "j").await, (JobState::Running, 3, 1, 1));
    assert_eq!(find(store, "j").await.updated_at, at(1), "of the event");
    let item = items(store, "j").await.remove(1);
    let expected = JobItem {
        number: 2,
        state: JobItemState::Failed,
        sealed_input: Vec::new(),
        credential_id: None,
        error: Some("no name".into()),
    };
    assert_eq!(item, expected, "and its input is gone");
    assert!(item.sealed_input.is_empty(), "nobody needs it any more");
    assert_eq!(trail(store, "a").await.len(), events + 1);
}
