//! Group commit: calls that come while a transaction is under way are written by the next one together, and are
//! answered after its COMMIT. What concurrent calls record, or change of statuses, becomes multi-row statements.
//!
//! A call that fails or wants its rows back would take the others with it, since they share a transaction. Then
//! nothing of the group is kept, and each call runs again in a transaction of its own. Nobody waits on a caller:
//! one that is gone before its turn is left out, one that goes later finds its call done whole or not at all.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Mutex, mpsc, oneshot};

#[cfg(test)]
use super::fault::{self, Fault};
use super::issuances::RecordIssuances;
use super::status_changes::UpdateStatuses;
use super::write::{Operation, Verdict, Write, Writer};
use super::{Driver, unavailable};
use crate::contract::StoreError;

/// Calls that one transaction takes at most.
const MAX_CALLS_PER_GROUP: usize = 64;
/// Calls that wait for their turn at most; further ones wait to get in, as long as for a connection.
const MAX_QUEUED_CALLS: usize = 1024;

/// Where calls queue up. Its tasks end when the last clone is dropped.
#[derive(Debug)]
pub(super) struct GroupCommit<DB: Driver> {
    queue: mpsc::Sender<Queued<DB>>,
    patience: Duration,
}

impl<DB: Driver> Clone for GroupCommit<DB> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone(), patience: self.patience }
    }
}

impl<DB: Driver> GroupCommit<DB> {
    /// Writes at most that many groups side by side.
    pub(super) fn start(writer: &Writer<DB>, groups: u32) -> Self {
        let (queue, queued) = mpsc::channel(MAX_QUEUED_CALLS);
        let queued = Arc::new(Mutex::new(queued));
        for _ in 0..groups {
            tokio::spawn(work(writer.clone(), Arc::clone(&queued)));
        }
        Self { queue, patience: writer.pool().options().get_acquire_timeout() }
    }

    pub(super) async fn run<O: Operation>(&self, operation: O) -> Result<O::Answer, StoreError> {
        let (call, answer) = Call::new(operation);
        self.send(Queued::Any(Box::new(call)), answer).await
    }

    pub(super) async fn record(&self, record: RecordIssuances) -> Answer<RecordIssuances> {
        let (call, answer) = Call::new(record);
        self.send(Queued::Record(call), answer).await
    }

    pub(super) async fn update(&self, update: UpdateStatuses) -> Answer<UpdateStatuses> {
        let (call, answer) = Call::new(update);
        self.send(Queued::Update(call), answer).await
    }

    async fn send<T>(
        &self,
        call: Queued<DB>,
        answer: oneshot::Receiver<Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.queue
            .send_timeout(call, self.patience)
            .await
            .map_err(|_| unavailable("the writer takes no more calls"))?;
        answer.await.map_err(|_| unavailable("the writer gave no answer"))?
    }
}

type Answer<O> = Result<<O as Operation>::Answer, StoreError>;

enum Queued<DB: Driver> {
    Record(Call<RecordIssuances>),
    Update(Call<UpdateStatuses>),
    Any(Box<dyn AnyCall<DB>>),
}

async fn work<DB: Driver>(writer: Writer<DB>, queue: Arc<Mutex<mpsc::Receiver<Queued<DB>>>>) {
    loop {
        let mut calls = Vec::new();
        if queue.lock().await.recv_many(&mut calls, MAX_CALLS_PER_GROUP).await == 0 {
            return;
        }
        let group = Group::of(calls);
        let writer = writer.clone();
        // In a task of its own: a panic costs this group its answers, and not the store its writer.
        if let Err(error) = tokio::spawn(async move { group.write(&writer).await }).await {
            tracing::error!(%error, "a group of writes broke off");
        }
    }
}

/// Calls that are written together.
struct Group<DB: Driver> {
    records: Vec<Call<RecordIssuances>>,
    updates: Vec<Call<UpdateStatuses>>,
    others: Vec<Box<dyn AnyCall<DB>>>,
}

/// How an attempt to write a group in one transaction ended.
enum Attempt {
    Committed,
    /// At least one call has to be run alone; nothing was written.
    Apart,
    /// There is no transaction to be had, or it is not known what became of it.
    Failed(StoreError),
}

impl<DB: Driver> Group<DB> {
    fn of(calls: Vec<Queued<DB>>) -> Self {
        let mut group = Self { records: Vec::new(), updates: Vec::new(), others: Vec::new() };
        for call in calls {
            match call {
                Queued::Record(call) if !call.is_abandoned() => group.records.push(call),
                Queued::Update(call) if !call.is_abandoned() => group.updates.push(call),
                Queued::Any(call) if !call.is_abandoned() => group.others.push(call),
                Queued::Record(_) | Queued::Update(_) | Queued::Any(_) => {}
            }
        }
        group
    }

    async fn write(mut self, writer: &Writer<DB>) {
        let attempt = match self.records.len() + self.updates.len() + self.others.len() {
            0 => return,
            1 => Attempt::Apart,
            _ => self.write_together(writer).await,
        };
        let outcome = match attempt {
            Attempt::Apart => {
                for call in self.into_calls() {
                    call.run_alone(writer).await;
                }
                return;
            }
            Attempt::Committed => Ok(()),
            Attempt::Failed(error) => Err(Arc::new(error)),
        };
        for call in self.into_calls() {
            call.answer(outcome.clone());
        }
    }

    async fn write_together(&mut self, writer: &Writer<DB>) -> Attempt {
        let mut write = match writer.begin().await {
            Ok(write) => write,
            Err(error) => return Attempt::Failed(error),
        };
        if !matches!(self.run_all(&mut write).await, Ok(true)) {
            return Attempt::Apart;
        }
        match write.commit().await {
            Ok(()) => Attempt::Committed,
            Err(error) if DB::is_transient(&error) => Attempt::Apart,
            Err(error) => Attempt::Failed(error),
        }
    }

    /// `false` when a call wants its rows back.
    async fn run_all(&mut self, write: &mut Write<'_, DB>) -> Result<bool, StoreError> {
        for call in &mut self.others {
            if !call.run(write).await? {
                return Ok(false);
            }
        }
        let batches: Vec<_> = self.records.iter().flat_map(|call| &call.operation.batches).collect();
        let mut outcomes = write.record(&batches).await?.into_iter();
        for call in &mut self.records {
            call.answer = Some(outcomes.by_ref().take(call.operation.batches.len()).collect());
        }
        // Last, because the row of a list is kept from everybody until the end.
        let updates: Vec<_> = self.updates.iter().flat_map(|call| &call.operation.updates).collect();
        let mut outcomes = write.update_statuses(&updates).await?.into_iter();
        for call in &mut self.updates {
            call.answer = Some(outcomes.by_ref().take(call.operation.updates.len()).collect());
        }
        Ok(true)
    }

    fn into_calls(self) -> Vec<Box<dyn AnyCall<DB>>> {
        let mut calls = self.others;
        calls.extend(self.records.into_iter().map(|call| Box::new(call) as _));
        calls.extend(self.updates.into_iter().map(|call| Box::new(call) as _));
        calls
    }
}

/// An operation whose caller waits.
struct Call<O: Operation> {
    operation: O,
    /// From when it has run until the group is committed.
    answer: Option<O::Answer>,
    caller: oneshot::Sender<Answer<O>>,
    #[cfg(test)]
    fault: Option<Fault>,
}

impl<O: Operation> Call<O> {
    fn new(operation: O) -> (Self, oneshot::Receiver<Answer<O>>) {
        let (caller, answer) = oneshot::channel();
        let call = Self {
            operation,
            answer: None,
            caller,
            #[cfg(test)]
            fault: fault::current(),
        };
        (call, answer)
    }

    fn is_abandoned(&self) -> bool {
        self.caller.is_closed()
    }

    fn answer(self, committed: Result<(), Arc<StoreError>>) {
        let answer = committed
            .map_err(unavailable)
            .and_then(|()| self.answer.ok_or_else(|| unavailable("the call was not run")));
        // Nobody may be waiting any more; what is committed stays.
        let _ = self.caller.send(answer);
    }
}

/// A call, whatever it answers.
#[async_trait]
trait AnyCall<DB: Driver>: Send {
    fn is_abandoned(&self) -> bool;
    /// Runs in a transaction that is shared; `false` when the call wants its rows back.
    async fn run(&mut self, write: &mut Write<'_, DB>) -> Result<bool, StoreError>;
    async fn run_alone(self: Box<Self>, writer: &Writer<DB>);
    /// After the shared transaction has ended.
    fn answer(self: Box<Self>, committed: Result<(), Arc<StoreError>>);
}

#[async_trait]
impl<DB: Driver, O: Operation> AnyCall<DB> for Call<O> {
    fn is_abandoned(&self) -> bool {
        Call::is_abandoned(self)
    }

    async fn run(&mut self, write: &mut Write<'_, DB>) -> Result<bool, StoreError> {
        match self.operation.run(write).await? {
            Verdict::Commit(answer) => self.answer = Some(answer),
            Verdict::RollBack(_) => return Ok(false),
        }
        Ok(true)
    }

    async fn run_alone(self: Box<Self>, writer: &Writer<DB>) {
        let run = writer.run(&self.operation);
        #[cfg(test)]
        let run = fault::with(self.fault.clone(), run);
        let answer = run.await;
        // Nobody may be waiting any more; what is committed stays.
        let _ = self.caller.send(answer);
    }

    fn answer(self: Box<Self>, committed: Result<(), Arc<StoreError>>) {
        Call::answer(*self, committed);
    }
}
