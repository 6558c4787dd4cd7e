//! One call: the sandbox, the limits around it, and what a failure means.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use wasmtime::{Engine, PoolConcurrencyLimitError, Store, Trap};
use wasmtime_wasi::I32Exit;

use crate::error::LimitKind;
use crate::guest::{CallContext, Guest, MAX_HANDLES, World};
use crate::limits::Limits;
use crate::quantity::{show_duration, show_size};
use crate::text::escaped;
use crate::versions::exports::Exports;

/// What crosses the border besides the counted part of an answer: names, list headers, messages.
const TRANSFER_SLACK: u64 = 64 << 10;

/// `prepare` may take this much longer than its CPU time on a loaded machine.
const PREPARE_WALL_FACTOR: u32 = 6;

/// What one call may use.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    pub(crate) memory: u64,
    pub(crate) cpu: Duration,
    pub(crate) wall: Duration,
    /// Bytes that the guest may hand to the host at once.
    pub(crate) returned: u64,
    pub(crate) blobs: u64,
    pub(crate) http_requests: u32,
    pub(crate) sql_runs: u32,
    pub(crate) kv_operations: u32,
    pub(crate) log_lines: u32,
    pub(crate) log_bytes: u64,
}

impl Budget {
    pub(crate) fn of_call(limits: &Limits) -> Self {
        Self {
            memory: limits.memory,
            cpu: limits.cpu,
            wall: limits.wall,
            returned: limits.output,
            blobs: limits.blobs,
            http_requests: limits.http_requests,
            sql_runs: limits.sql_runs,
            kv_operations: limits.kv_operations,
            log_lines: limits.log_lines,
            log_bytes: limits.log_bytes,
        }
    }

    pub(crate) fn of_prepare(limits: &Limits) -> Self {
        Self {
            memory: limits.prepare_memory.max(limits.memory),
            cpu: limits.prepare_cpu,
            wall: limits.wall + limits.prepare_cpu * PREPARE_WALL_FACTOR,
            returned: limits.prepared,
            ..Self::of_call(limits)
        }
    }

    /// The context of a call that starts now, without anything that a request would tell.
    pub(crate) fn context(&self) -> CallContext {
        CallContext::nobodys(Instant::now() + self.wall)
    }
}

/// Why a call ended without the guest returning anything.
#[derive(Debug)]
pub(crate) enum Fault {
    Limit {
        which: LimitKind,
        detail: String,
    },
    Trapped {
        detail: String,
    },
    /// The pool has no room now: not the plugin's doing.
    NoRoom,
}

/// The guest's answer on its way.
pub(crate) type Answer<'a, R> = Pin<Box<dyn Future<Output = wasmtime::Result<R>> + Send + 'a>>;

/// A sandbox: a store, and the plugin in it once it is instantiated.
pub(crate) struct Live<B> {
    store: Store<Guest>,
    plugin: Option<B>,
}

/// A sandbox that waits for its next call, whatever it exports.
pub(crate) struct Idle {
    store: Store<Guest>,
    plugin: Box<dyn Any + Send>,
}

impl<B: Send + 'static> Live<B> {
    /// A new sandbox.
    pub(crate) fn fresh(engine: &Engine, world: World, context: CallContext, budget: &Budget) -> Self {
        let mut store = Store::new(engine, Guest::new(world, context, budget));
        store.limiter(|guest| &mut guest.memory);
        store.set_max_component_handles(MAX_HANDLES);
        let returned = budget.returned.saturating_add(TRANSFER_SLACK);
        store.set_hostcall_fuel(usize::try_from(returned).unwrap_or(usize::MAX));
        store.epoch_deadline_callback(|mut context| Ok(context.data_mut().cpu.tick()));
        Self { store, plugin: None }
    }

    /// One that waited, for a further call of the same generation: what it exports is what it exported.
    pub(crate) fn again(idle: Idle, context: CallContext, budget: &Budget) -> Self {
        let Idle { mut store, plugin } = idle;
        store.data_mut().begin(context, budget);
        Self { store, plugin: plugin.downcast().ok().map(|plugin| *plugin) }
    }

    /// Puts it to rest after a call. `None` where no further call may follow.
    pub(crate) fn at_rest(mut self) -> Option<Idle> {
        let plugin = Box::new(self.plugin?);
        self.store.data_mut().end().then_some(Idle { store: self.store, plugin })
    }

    /// What the host keeps for it. Resources that the guest returned live there.
    pub(crate) fn guest(&mut self) -> &mut Guest {
        self.store.data_mut()
    }
}

/// Runs `entry` in a sandbox, which is dropped unless the guest returned.
pub(crate) async fn run<E: Exports, R>(
    exports: &E,
    sandbox: Live<E::Bindings>,
    budget: &Budget,
    entry: impl for<'a> FnOnce(&'a mut Store<Guest>, &'a E::Bindings) -> Answer<'a, R>,
) -> Result<(R, Live<E::Bindings>), Fault> {
    let Live { mut store, plugin } = sandbox;
    // Armed here, right before the guest runs: waiting for a slot is not the guest's time.
    store.set_epoch_deadline(1);
    let answer = async {
        let plugin = match plugin {
            Some(plugin) => plugin,
            None => exports.instantiate(&mut store).await?,
        };
        Ok((entry(&mut store, &plugin).await?, plugin))
    };
    // A guest that waits in a host call uses no CPU; this is what ends it.
    let outcome = tokio::time::timeout(budget.wall, answer).await;
    let guest = store.data();
    report_dropped_lines(guest);
    match outcome {
        Ok(Ok((answer, plugin))) => Ok((answer, Live { store, plugin: Some(plugin) })),
        Ok(Err(error)) => Err(classify(&error, guest, budget)),
        Err(_) => Err(limit(LimitKind::Wall, show_duration(budget.wall), guest)),
    }
}

fn classify(error: &wasmtime::Error, guest: &Guest, budget: &Budget) -> Fault {
    if guest.cpu.exhausted {
        return limit(LimitKind::Cpu, show_duration(budget.cpu), guest);
    }
    if guest.memory.refused {
        return limit(LimitKind::Memory, show_size(budget.memory), guest);
    }
    if error.downcast_ref::<Trap>() == Some(&Trap::StackOverflow) {
        return limit(LimitKind::Stack, "recursion too deep".to_owned(), guest);
    }
    if is_transfer_exhausted(error) {
        return limit(LimitKind::Output, show_size(budget.returned), guest);
    }
    if error.is::<PoolConcurrencyLimitError>() {
        return Fault::NoRoom;
    }
    let cause = match error.downcast_ref::<I32Exit>() {
        Some(I32Exit(status)) => format!("the plugin exited with status {status}"),
        None => error.root_cause().to_string(),
    };
    Fault::Trapped { detail: with_output(cause, guest) }
}

/// wasmtime has no type for this error. A hostile guest in the test suite keeps the text honest.
fn is_transfer_exhausted(error: &wasmtime::Error) -> bool {
    let text = error.root_cause().to_string();
    text.contains("fuel allocated for hostcalls has been exhausted")
}

fn limit(which: LimitKind, value: String, guest: &Guest) -> Fault {
    Fault::Limit { which, detail: with_output(value, guest) }
}

/// A trap says only where it happened; what the plugin printed before says why.
fn with_output(text: String, guest: &Guest) -> String {
    let output = guest.output.text();
    if output.is_empty() { text } else { format!("{text}; last output: {}", escaped(&output)) }
}

fn report_dropped_lines(guest: &Guest) {
    if guest.log.dropped > 0 {
        tracing::warn!(
            target: "plugin",
            plugin = &*guest.world.plugin,
            digest = &*guest.world.digest,
            request_id = guest.context.request_id,
            dropped = guest.log.dropped,
            "log lines beyond the limit of one call were dropped"
        );
    }
}
