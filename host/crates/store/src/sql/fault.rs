//! Lets a test fail the n-th step (statement or commit) of a store call that runs in its task.

use std::cell::Cell;
use std::future::Future;

use super::unavailable;
use crate::contract::StoreError;

tokio::task_local! {
    static STEPS_LEFT: Cell<u32>;
}

/// Runs `call` with its `n`-th step failing, counted from 1.
pub(crate) async fn at<T>(n: u32, call: impl Future<Output = T>) -> T {
    STEPS_LEFT.scope(Cell::new(n), call).await
}

pub(super) fn step() -> Result<(), StoreError> {
    let left = STEPS_LEFT.try_with(|left| left.replace(left.get().saturating_sub(1)));
    if left == Ok(1) { Err(unavailable("the step was made to fail")) } else { Ok(()) }
}
