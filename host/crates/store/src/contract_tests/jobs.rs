use std::sync::Arc;

use super::fixtures::*;
use super::{RACERS, TestDatabase, open_two, race};
use crate::{
    IssuanceBatch, IssuanceOutcome, JobItem, JobItemDone, JobItemState, JobLease, JobRecord, JobState, Store,
    StoreError,
};

fn inputs(numbers: std::ops::RangeInclusive<i64>) -> Vec<(i64, Vec<u8>)> {
    numbers.map(|number| (number, vec![0, u8::try_from(number.rem_euclid(256)).unwrap()])).collect()
}

fn lease(job_id: &str, holder: &str) -> JobLease {
    JobLease { issuer_id: "a".into(), job_id: job_id.into(), holder: holder.into(), until: at(20) }
}

async fn create(store: &dyn Store, job: &JobRecord) {
    let created = event(&job.issuer_id, "job.create");
    assert!(store.create_job(job, None, &created).await.unwrap());
}

/// A job of that many pending items, which runs.
pub(crate) async fn running(store: &dyn Store, job_id: &str, items: i64) {
    create(store, &job("a", job_id)).await;
    if items > 0 {
        assert_eq!(store.add_job_items("a", job_id, &inputs(1..=items), at(1)).await.unwrap(), Some(items));
    }
    assert!(store.start_job("a", job_id, at(2)).await.unwrap());
}

pub(super) async fn find(store: &dyn Store, job_id: &str) -> JobRecord {
    store.find_job("a", job_id).await.unwrap().unwrap()
}

/// State, total, done and failed.
pub(crate) async fn progress(store: &dyn Store, job_id: &str) -> (JobState, i64, i64, i64) {
    let job = find(store, job_id).await;
    (job.state, job.total, job.done, job.failed)
}

pub(crate) async fn items(store: &dyn Store, job_id: &str) -> Vec<JobItem> {
    store.job_items("a", job_id, None, 0, 1000).await.unwrap()
}

/// How long the inputs of pending items are.
async fn pending_inputs(store: &dyn Store, job_id: &str) -> Vec<usize> {
    let pending = items(store, job_id).await.into_iter().filter(|item| item.state == JobItemState::Pending);
    pending.map(|item| item.sealed_input.len()).collect()
}

/// Issues a credential for each of the items, at `at(30)`.
pub(super) fn issue(job_id: &str, numbers: &[i64]) -> IssuanceBatch {
    let ids: Vec<_> = numbers.iter().map(|number| format!("{job_id}-{number}")).collect();
    let done = |(number, id): (&i64, &String)| JobItemDone {
        job_id: job_id.into(),
        number: *number,
        credential_id: id.clone(),
        at: at(30),
    };
    IssuanceBatch {
        job_items: numbers.iter().zip(&ids).map(done).collect(),
        ..batch("a", &[], &ids.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

pub(super) async fn record(store: &dyn Store, batches: &[IssuanceBatch]) -> Vec<IssuanceOutcome> {
    store.record_issuances(batches).await.unwrap()
}

pub(crate) async fn a_job_is_loaded_and_started(database: &impl TestDatabase) {
    let store = &*database.open().await;
    let odd = JobRecord { state: JobState::Running, total: 7, done: 7, failed: 7, ..job("a", "j") };
    create(store, &odd).await;
    assert_eq!(find(store, "j").await, job("a", "j"), "as it begins, whatever is said");
    let again = store.create_job(&job("a", "j"), None, &event("a", "job.create")).await;
    assert!(matches!(again, Err(StoreError::Conflict("job"))), "{again:?}");
    create(store, &job("b", "j")).await;

    let add = |numbers| async move { store.add_job_items("a", "j", &inputs(numbers), at(3)).await.unwrap() };
    assert_eq!(add(1..=70).await, Some(70));
    for numbers in [1..=70, 70..=71, 72..=80, 0..=3, -1..=1] {
        assert_eq!(add(numbers.clone()).await, None, "{numbers:?} does not go on from 70");
    }
    for gap in [vec![(71, vec![]), (73, vec![])], vec![(71, vec![]), (71, vec![])], vec![(i64::MAX, vec![])], vec![]] {
        assert_eq!(store.add_job_items("a", "j", &gap, at(3)).await.unwrap(), None);
    }
    assert_eq!(add(71..=72).await, Some(72));
    assert_eq!(store.add_job_items("a", "none", &inputs(1..=1), at(3)).await.unwrap(), None);
    let expected = |(number, sealed_input)| JobItem {
        number,
        state: JobItemState::Pending,
        sealed_input,
        credential_id: None,
        error: None,
    };
    assert_eq!(items(store, "j").await, inputs(1..=72).into_iter().map(expected).collect::<Vec<_>>());
    assert!(store.idle_jobs(at(4), 10).await.unwrap().is_empty());
    assert!(!store.lease_job(&lease("j", "h"), at(4)).await.unwrap(), "it does not run yet");
    assert_eq!(record(store, &[issue("j", &[1])]).await, [IssuanceOutcome::JobItemTaken]);

    assert!(store.start_job("a", "j", at(4)).await.unwrap());
    assert!(!store.start_job("a", "j", at(5)).await.unwrap());
    assert!(!store.start_job("a", "none", at(5)).await.unwrap());
    assert_eq!(add(73..=73).await, None);
    let expected = JobRecord { state: JobState::Running, total: 72, updated_at: at(4), ..job("a", "j") };
    assert_eq!(find(store, "j").await, expected);
    assert_eq!(store.idle_jobs(at(5), 10).await.unwrap(), [expected]);
}

pub(crate) async fn a_job_without_items_is_finished_at_once(database: &impl TestDatabase) {
    let store = &*database.open().await;
    running(store, "j", 0).await;
    assert_eq!(progress(store, "j").await, (JobState::Finished, 0, 0, 0));
    assert!(store.idle_jobs(at(5), 10).await.unwrap().is_empty());
}

pub(crate) async fn a_job_is_made_once_under_a_key(database: &impl TestDatabase) {
    let stores = open_two(database).await;
    let answers = race(RACERS, |number| {
        let store = Arc::clone(&stores[number % 2]);
        async move {
            let (job, reply) = (job("a", &number.to_string()), reply("a", "one", "k"));
            store.create_job(&job, Some(&reply), &event("a", "job.create")).await.unwrap()
        }
    })
    .await;
    assert_eq!(answers.iter().filter(|answer| **answer).count(), 1);
    assert_eq!(stores[0].jobs("a", None, 1000).await.unwrap().len(), 1);
    assert!(stores[0].find_reply("a", "one", &hash_of("k"), at(11)).await.unwrap().is_some());
    assert_eq!(trail(&*stores[0], "a").await.len(), 1);
}

pub(crate) async fn racing_loaders_leave_no_gap(database: &impl TestDatabase) {
    let stores = open_two(database).await;
    create(&*stores[0], &job("a", "j")).await;
    let added = race(40, |number| {
        let store = Arc::clone(&stores[number % 2]);
        async move {
            let mut total = 0;
            // Whoever was overtaken numbers his items anew.
            loop {
                let numbers = inputs(total + 1..=total + 3);
                if let Some(total) = store.add_job_items("a", "j", &numbers, at(1)).await.unwrap() {
                    return total;
                }
                total = find(&*store, "j").await.total;
            }
        }
    })
    .await;
    assert_eq!(added.iter().max(), Some(&120));
    let numbers: Vec<_> = items(&*stores[0], "j").await.into_iter().map(|item| item.number).collect();
    assert_eq!(numbers, (1..=120).collect::<Vec<_>>());
}

pub(crate) async fn jobs_are_listed_newest_first_in_pages(database: &impl TestDatabase) {
    let store = &*database.open().await;
    let created = |number: i64| JobRecord { created_at: at(number / 2), ..job("a", &format!("j{number}")) };
    for number in 0..7 {
        create(store, &created(number)).await;
    }
    create(store, &job("b", "other")).await;
    let (mut read, mut after) = (Vec::new(), None);
    loop {
        let page = store.jobs("a", after, 3).await.unwrap();
        assert!(page.len() <= 3);
        let Some(last) = page.last() else { break };
        after = Some((last.created_at, last.job_id.clone()));
        read.extend(page);
    }
    assert_eq!(read, (0..7).rev().map(created).collect::<Vec<_>>());
}

pub(crate) async fn one_host_at_a_time_works_on_a_job(database: &impl TestDatabase) {
    let store = &*database.open().await;
    for (job_id, created_at) in [("young", at(2)), ("old", at(1))] {
        create(store, &JobRecord { created_at, ..job("a", job_id) }).await;
        store.add_job_items("a", job_id, &inputs(1..=1), at(3)).await.unwrap();
        assert!(store.start_job("a", job_id, at(3)).await.unwrap());
    }
    let idle = |now| async move {
        let idle = store.idle_jobs(now, 10).await.unwrap();
        idle.into_iter().map(|job| job.job_id).collect::<Vec<_>>()
    };
    assert_eq!(idle(at(4)).await, ["old", "young"]);
    assert_eq!(store.idle_jobs(at(4), 1).await.unwrap().len(), 1);

    assert!(store.lease_job(&lease("old", "h"), at(4)).await.unwrap());
    assert!(!store.lease_job(&lease("old", "other"), micros(19_999_999)).await.unwrap());
    assert!(store.lease_job(&lease("old", "h"), at(5)).await.unwrap(), "it is extended");
    assert_eq!(idle(micros(19_999_999)).await, ["young"]);
    assert_eq!(idle(at(20)).await, ["old", "young"]);
    assert!(!store.release_job(&lease("old", "other")).await.unwrap());
    assert!(store.release_job(&lease("old", "h")).await.unwrap());
    assert!(!store.release_job(&lease("old", "h")).await.unwrap());
    assert!(store.lease_job(&lease("old", "other"), at(6)).await.unwrap());
    assert!(store.lease_job(&lease("old", "h"), at(20)).await.unwrap(), "the lease has ended");
    assert!(!store.lease_job(&lease("none", "h"), at(6)).await.unwrap());
}

pub(crate) async fn one_racer_gets_the_job(database: &impl TestDatabase) {
    let stores = open_two(database).await;
    running(&*stores[0], "j", 1).await;
    let answers = race(RACERS, |number| {
        let store = Arc::clone(&stores[number % 2]);
        async move { store.lease_job(&lease("j", &number.to_string()), at(4)).await.unwrap() }
    })
    .await;
    assert_eq!(answers.iter().filter(|answer| **answer).count(), 1);
}

pub(crate) async fn a_job_ends_when_no_item_is_left(database: &impl TestDatabase) {
    let store = &*database.open().await;
    running(store, "j", 2).await;
    let ended = &event("a", "job.end");
    let end = || store.end_job("a", "j", false, ended);
    assert!(!end().await.unwrap());
    record(store, &[issue("j", &[1])]).await;
    assert!(!end().await.unwrap());
    assert!(store.fail_job_item("a", "j", 2, "why", ended).await.unwrap());
    assert!(store.lease_job(&lease("j", "h"), at(4)).await.unwrap());
    let events = trail(store, "a").await.len();
    assert!(end().await.unwrap());
    assert!(!end().await.unwrap());
    assert!(!store.end_job("a", "j", true, ended).await.unwrap(), "nor is it cancelled then");
    assert!(!store.end_job("a", "none", true, ended).await.unwrap());
    assert_eq!(progress(store, "j").await, (JobState::Finished, 2, 1, 1));
    assert_eq!(trail(store, "a").await.len(), events + 1);
    assert!(!store.lease_job(&lease("j", "h"), at(4)).await.unwrap());
    assert!(!store.release_job(&lease("j", "h")).await.unwrap(), "it was given up with the job");
}

pub(crate) async fn nothing_is_issued_for_a_cancelled_job(database: &impl TestDatabase) {
    let store = &*database.open().await;
    let cancelled = &event("a", "job.cancel");
    running(store, "j", 3).await;
    record(store, &[issue("j", &[1])]).await;
    assert!(store.end_job("a", "j", true, cancelled).await.unwrap());
    let before = database.dump().await;
    assert_eq!(record(store, &[issue("j", &[2])]).await, [IssuanceOutcome::JobItemTaken]);
    assert!(!store.fail_job_item("a", "j", 2, "why", cancelled).await.unwrap());
    assert!(!store.end_job("a", "j", true, cancelled).await.unwrap());
    assert_eq!(database.dump().await, before);
    assert_eq!(progress(store, "j").await, (JobState::Cancelled, 3, 1, 0));
    assert_eq!(pending_inputs(store, "j").await, [0, 0], "what they were to be made of is gone");

    create(store, &job("a", "loading")).await;
    store.add_job_items("a", "loading", &inputs(1..=2), at(1)).await.unwrap();
    assert!(!store.end_job("a", "loading", false, cancelled).await.unwrap(), "it has not begun");
    assert_eq!(pending_inputs(store, "loading").await, [2, 2]);
    assert!(store.end_job("a", "loading", true, cancelled).await.unwrap());
    assert_eq!(find(store, "loading").await.state, JobState::Cancelled);
    assert_eq!(pending_inputs(store, "loading").await, [0, 0]);
    running(store, "through", 1).await;
    record(store, &[issue("through", &[1])]).await;
    assert!(store.end_job("a", "through", true, cancelled).await.unwrap());
    assert_eq!(find(store, "through").await.state, JobState::Finished, "it came through before");
}

/// Whatever was recorded when the cancellation answered is all there ever is.
pub(crate) async fn a_cancellation_ends_racing_items(database: &impl TestDatabase) {
    let stores = open_two(database).await;
    running(&*stores[0], "j", 60).await;
    let answers = race(60, |number| {
        let store = Arc::clone(&stores[number % 2]);
        async move {
            if number == 20 {
                assert!(store.end_job("a", "j", true, &event("a", "job.cancel")).await.unwrap());
                return (0, find(&*store, "j").await.done);
            }
            let recorded = record(&*store, &[issue("j", &[i64::try_from(number).unwrap() + 1])]).await;
            (i64::from(recorded == [IssuanceOutcome::Recorded]), 0)
        }
    })
    .await;
    let recorded: i64 = answers.iter().map(|(recorded, _)| recorded).sum();
    let at_the_end: i64 = answers.iter().map(|(_, done)| done).sum();
    assert_eq!(progress(&*stores[0], "j").await, (JobState::Cancelled, 60, recorded, 0));
    assert_eq!(at_the_end, recorded);
    let left = pending_inputs(&*stores[0], "j").await;
    assert_eq!(left, vec![0; usize::try_from(60 - recorded).unwrap()]);
}

pub(crate) async fn a_cancellation_takes_the_inputs_of_items_that_are_being_added(database: &impl TestDatabase) {
    let stores = open_two(database).await;
    for number in 0..20 {
        create(&*stores[0], &job("a", &number.to_string())).await;
    }
    race(40, |number| {
        let store = Arc::clone(&stores[number / 2 % 2]);
        async move {
            let job_id = (number / 2).to_string();
            if number % 2 == 0 {
                assert!(store.end_job("a", &job_id, true, &event("a", "job.cancel")).await.unwrap());
            } else {
                store.add_job_items("a", &job_id, &inputs(1..=40), at(1)).await.unwrap();
            }
        }
    })
    .await;
    for number in 0..20 {
        let left = pending_inputs(&*stores[0], &number.to_string()).await;
        assert!(left.iter().all(|length| *length == 0), "{number}: {left:?}");
    }
}

pub(crate) async fn ended_jobs_expire_in_steps(database: &impl TestDatabase) {
    let store = &*database.open().await;
    running(store, "j", 5).await;
    running(store, "runs", 1).await;
    create(store, &job("a", "abandoned")).await;
    store.add_job_items("a", "abandoned", &inputs(1..=1), at(1)).await.unwrap();
    assert!(store.end_job("a", "j", true, &event("a", "job.cancel")).await.unwrap());
    assert_eq!(store.delete_expired(at(100), 10).await.unwrap(), 0);
    assert_eq!(find(store, "abandoned").await.state, JobState::Loading);

    let mut deleted = Vec::new();
    for _ in 0..6 {
        deleted.push(store.delete_expired(at(101), 2).await.unwrap());
    }
    assert_eq!(deleted.iter().sum::<u64>(), 5 + 1 + 2, "{deleted:?}: items and jobs");
    assert!(deleted.iter().all(|deleted| *deleted <= 4), "{deleted:?}: two of each kind at a time");
    for gone in ["j", "abandoned"] {
        assert_eq!(store.find_job("a", gone).await.unwrap(), None);
        assert_eq!(items(store, gone).await, []);
    }
    assert!(!store.start_job("a", "abandoned", at(101)).await.unwrap());
    assert_eq!(progress(store, "runs").await, (JobState::Running, 1, 0, 0));
    assert_eq!(items(store, "runs").await.len(), 1);
}
