//! What the host keeps for one sandbox: its limits, its meters, and what its imports may see.
//!
//! A sandbox may answer several calls, one after the other (`pool`). Then memory goes on being counted;
//! everything else begins anew with each call.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Map, Value};
use wasmtime::component::ResourceTable;
use wasmtime::{ResourceLimiter, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::call::Budget;
use crate::capabilities::Capabilities;
use crate::engine::TICK;
use crate::imports::blobs::Blob;
use crate::imports::http::HttpState;
use crate::imports::log::{LogMeter, LogRate};
use crate::ports::ClockPort;
use crate::status::Kind;
use crate::wasi::{self, Tail};

/// Handles (blobs, files, streams) that one call may hold at once.
pub(crate) const MAX_HANDLES: usize = 1_000;

/// Handles that a call may leave behind for the next one. Toolchains keep a few streams open; more is a leak, and
/// what leaks is the next call's.
const MAX_HANDLES_LEFT: usize = 100;

/// Uses of journal, signatures and values of secrets in one call, which have no limit of their own.
const MAX_OPERATIONS: u32 = 64;

/// Elements of one table; each takes a pointer's worth of host memory.
pub(crate) const MAX_TABLE_ELEMENTS: usize = 40_000;

/// What every call of a generation shares.
#[derive(Clone)]
pub(crate) struct World {
    /// The plugin's name and the first digits of its digest, for log lines.
    pub(crate) plugin: Arc<str>,
    pub(crate) digest: Arc<str>,
    pub(crate) kind: Kind,
    pub(crate) config: Arc<Map<String, Value>>,
    /// Snapshots by guest path.
    pub(crate) files: Arc<BTreeMap<String, Arc<[u8]>>>,
    /// What `prepare` returned.
    pub(crate) prepared: Arc<[u8]>,
    pub(crate) capabilities: Arc<Capabilities>,
    /// Log lines over all calls.
    pub(crate) log_rate: Arc<LogRate>,
    pub(crate) clock: Arc<dyn ClockPort>,
}

/// What differs from call to call.
#[derive(Clone, Debug)]
pub(crate) struct CallContext {
    /// Empty in lifecycle calls, like all that follows.
    pub(crate) request_id: String,
    pub(crate) issuer_id: String,
    pub(crate) configuration_id: String,
    pub(crate) subject_id: String,
    pub(crate) subject_claims: Arc<Value>,
    pub(crate) traceparent: Option<String>,
    /// When the wall-clock limit ends the call.
    pub(crate) deadline: Instant,
}

impl CallContext {
    /// Without anything that a request would tell.
    pub(crate) fn nobodys(deadline: Instant) -> Self {
        Self {
            request_id: String::new(),
            issuer_id: String::new(),
            configuration_id: String::new(),
            subject_id: String::new(),
            subject_claims: Arc::new(Value::Null),
            traceparent: None,
            deadline,
        }
    }
}

/// The data of one store.
pub(crate) struct Guest {
    pub(crate) world: World,
    pub(crate) context: CallContext,
    pub(crate) table: ResourceTable,
    pub(crate) memory: MemoryMeter,
    pub(crate) cpu: CpuMeter,
    pub(crate) log: LogMeter,
    /// Bytes that blobs may still take.
    pub(crate) blob_bytes_left: u64,
    pub(crate) blob_bytes_limit: u64,
    pub(crate) output: Tail,
    pub(crate) http: HttpState,
    pub(crate) sql_runs_left: u32,
    pub(crate) kv_operations_left: u32,
    operations_left: u32,
    wasi: WasiCtx,
}

impl Guest {
    /// For a new sandbox and its first call.
    pub(crate) fn new(world: World, context: CallContext, budget: &Budget) -> Self {
        let output = Tail::default();
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_HANDLES);
        let http = world.capabilities.http.as_ref();
        let (client, request_max) = http.map_or((None, 0), |http| (Some(http.client.clone()), http.request_max));
        Self {
            context,
            table,
            memory: MemoryMeter::new(budget.memory),
            cpu: CpuMeter::of(budget),
            log: LogMeter::of(budget),
            blob_bytes_left: budget.blobs,
            blob_bytes_limit: budget.blobs,
            wasi: wasi::empty_context(&output, world.clock.clone()),
            output,
            http: HttpState::new(client, request_max, budget.http_requests),
            sql_runs_left: budget.sql_runs,
            kv_operations_left: budget.kv_operations,
            operations_left: MAX_OPERATIONS,
            world,
        }
    }

    /// A further call begins.
    pub(crate) fn begin(&mut self, context: CallContext, budget: &Budget) {
        self.context = context;
        self.cpu = CpuMeter::of(budget);
        self.log = LogMeter::of(budget);
        self.blob_bytes_left = budget.blobs;
        self.http.begin(budget.http_requests);
        self.sql_runs_left = budget.sql_runs;
        self.kv_operations_left = budget.kv_operations;
        self.operations_left = MAX_OPERATIONS;
    }

    /// A call is over: nothing that the host keeps for it stays. Whether a further call may follow.
    pub(crate) fn end(&mut self) -> bool {
        self.context = CallContext::nobodys(self.context.deadline);
        self.output.clear();
        let mut handles = 0;
        for entry in self.table.iter_mut() {
            handles += 1;
            if let Some(blob) = entry.downcast_mut::<Blob>() {
                blob.end();
            }
        }
        handles <= MAX_HANDLES_LEFT && self.http.is_at_rest() && !self.memory.refused
    }

    /// Counts a use of what has no limit of its own.
    pub(crate) fn count_operation(&mut self) -> Result<(), String> {
        let left = self.operations_left.checked_sub(1);
        self.operations_left = left.ok_or_else(|| format!("the call has used up its {MAX_OPERATIONS} operations"))?;
        Ok(())
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl fmt::Debug for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guest")
            .field("plugin", &self.world.plugin)
            .field("context", &self.context)
            .field("memory", &self.memory)
            .field("cpu", &self.cpu)
            .finish_non_exhaustive()
    }
}

/// Counts linear memory over all memories of the sandbox.
#[derive(Debug)]
pub(crate) struct MemoryMeter {
    limit: u64,
    used: u64,
    /// Whether growth was refused: tells an allocation failure from another crash.
    pub(crate) refused: bool,
}

impl MemoryMeter {
    fn new(limit: u64) -> Self {
        Self { limit, used: 0, refused: false }
    }
}

impl ResourceLimiter for MemoryMeter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let growth = u64::try_from(desired.saturating_sub(current)).unwrap_or(u64::MAX);
        let used = self.used.saturating_add(growth);
        let beyond_type = maximum.is_some_and(|maximum| desired > maximum);
        if used > self.limit || beyond_type {
            self.refused = true;
            return Ok(false);
        }
        self.used = used;
        Ok(true)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= MAX_TABLE_ELEMENTS)
    }
}

/// Counts the ticks in which the guest itself ran. A long wait in a host call is one tick however long
/// it was, because the deadline callback runs once; [`CpuMeter::during`] takes that one back.
#[derive(Debug)]
pub(crate) struct CpuMeter {
    limit: u64,
    ticks: u64,
    /// The next tick passed while the host was busy for the guest.
    waited: bool,
    pub(crate) exhausted: bool,
}

impl CpuMeter {
    /// How many ticks make up a CPU budget, rounded up.
    fn ticks_for(cpu: std::time::Duration) -> u64 {
        u64::try_from(cpu.as_nanos().div_ceil(TICK.as_nanos())).unwrap_or(u64::MAX)
    }

    fn of(budget: &Budget) -> Self {
        Self::new(Self::ticks_for(budget.cpu))
    }

    fn new(limit: u64) -> Self {
        Self { limit, ticks: 0, waited: false, exhausted: false }
    }

    /// Waits for a source. A guest that asks twenty slow ones has not used up its CPU time by that.
    pub(crate) async fn during<T>(&mut self, wait: impl Future<Output = T>) -> T {
        let begun = Instant::now();
        let outcome = wait.await;
        // Of a shorter wait nobody knows whose tick it was.
        self.waited |= begun.elapsed() >= TICK;
        outcome
    }

    /// Called when a tick has passed while the guest ran. Gives the executor a turn, so that a
    /// spinning guest never holds a thread for longer than a tick.
    pub(crate) fn tick(&mut self) -> UpdateDeadline {
        if std::mem::take(&mut self.waited) {
            return UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now()));
        }
        if self.ticks >= self.limit {
            self.exhausted = true;
            return UpdateDeadline::Interrupt;
        }
        self.ticks += 1;
        UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_counted_over_all_memories() {
        let mut meter = MemoryMeter::new(100);
        assert!(meter.memory_growing(0, 60, None).unwrap());
        assert!(meter.memory_growing(0, 40, None).unwrap());
        assert!(!meter.refused);
        assert!(!meter.memory_growing(40, 41, None).unwrap());
        assert!(meter.refused);
    }

    #[test]
    fn the_budget_is_used_up_after_its_ticks() {
        let mut meter = CpuMeter::new(CpuMeter::ticks_for(TICK * 5 / 2));
        for _ in 0..3 {
            assert!(matches!(meter.tick(), UpdateDeadline::YieldCustom(1, _)));
        }
        assert!(!meter.exhausted);
        assert!(matches!(meter.tick(), UpdateDeadline::Interrupt));
        assert!(meter.exhausted);
    }

    #[tokio::test]
    async fn waiting_is_not_running() {
        let mut meter = CpuMeter::new(1);
        for _ in 0..10 {
            meter.during(tokio::time::sleep(TICK)).await;
            assert!(matches!(meter.tick(), UpdateDeadline::YieldCustom(1, _)));
        }
        // One wait excuses one tick, and none at all where it was short.
        meter.during(std::future::ready(())).await;
        meter.tick();
        meter.tick();
        assert!(meter.exhausted);
    }
}
