//! Jobs that are ended while others work on them.

use std::sync::Arc;

use sqlx::{Connection as _, Executor as _};

use super::{PgDatabase, sessions_wait};
use crate::contract_tests::TestDatabase as _;
use crate::contract_tests::fixtures::*;
use crate::contract_tests::jobs::{items, progress, running};
use crate::{JobItemState, JobState};

/// Whoever finishes an item has its row and then asks for the job's: a cancellation waits for the item, and keeps the
/// job from nobody meanwhile. Else the two would wait for each other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancellation_waits_for_an_item_that_is_being_finished() {
    let database = PgDatabase::new();
    let store = database.open().await;
    running(&*store, "j", 3).await;
    let (mut other, mut watcher) = (database.raw().await, database.raw().await);
    let mut finishing = other.begin().await.unwrap();
    finishing.execute("UPDATE job_items SET state = 'done', credential_id = 'c' WHERE number = 2").await.unwrap();
    let cancelling = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.end_job("a", "j", true, &event("a", "job.cancel")).await.unwrap() }
    });
    sessions_wait(&mut watcher, 1).await;
    // Refused at once where somebody has the row.
    finishing.execute("SELECT 1 FROM jobs FOR UPDATE NOWAIT").await.unwrap();
    finishing.execute("UPDATE jobs SET done = done + 1").await.unwrap();
    finishing.commit().await.unwrap();
    assert!(cancelling.await.unwrap());
    assert_eq!(progress(&*store, "j").await, (JobState::Cancelled, 3, 1, 0));
    let left: Vec<_> =
        items(&*store, "j").await.into_iter().map(|item| (item.state, item.sealed_input.len())).collect();
    assert_eq!(left, [(JobItemState::Pending, 0), (JobItemState::Done, 2), (JobItemState::Pending, 0)]);
}
