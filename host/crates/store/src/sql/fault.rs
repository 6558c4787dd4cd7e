//! Lets a test fail the n-th step (statement or commit) of one store call, whichever task runs it.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::unavailable;
use crate::contract::StoreError;

/// Steps until the one that fails; 0 when none does any more.
#[derive(Debug, Clone)]
pub(crate) struct Fault(Arc<AtomicU32>);

tokio::task_local! {
    static FAULT: Fault;
}

/// Runs `call` with its `n`-th step failing, counted from 1.
pub(crate) async fn at<T>(n: u32, call: impl Future<Output = T>) -> T {
    FAULT.scope(Fault(Arc::new(AtomicU32::new(n))), call).await
}

/// The fault of the call that this task runs, for the task that goes on with it.
pub(super) fn current() -> Option<Fault> {
    FAULT.try_with(Clone::clone).ok()
}

pub(super) async fn with<T>(fault: Option<Fault>, call: impl Future<Output = T>) -> T {
    match fault {
        Some(fault) => FAULT.scope(fault, call).await,
        None => call.await,
    }
}

pub(super) fn step() -> Result<(), StoreError> {
    let Some(Fault(left)) = current() else { return Ok(()) };
    match left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)) {
        Ok(1) => Err(unavailable("the step was made to fail")),
        _ => Ok(()),
    }
}
