//! wasmtime's set-up, and the clock that interrupts guests.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use wasmtime::{Config, Enabled, Engine, EngineWeak, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::guest::MAX_TABLE_ELEMENTS;
use crate::limits::Limits;

/// How often running guests are interrupted: the unit in which CPU time is counted, and the longest that
/// one that spins keeps a thread from its neighbours.
pub(crate) const TICK: Duration = Duration::from_millis(2);

/// Memory of a slot that stays mapped between calls. Measured best together with `pagemap_scan`.
const KEEP_RESIDENT: usize = 1 << 20;

/// What one component may consist of: what the largest guests of every toolchain tried so far need, with
/// room. The longest table is StarlingMonkey's, of 7,700 elements; Python's has 5,700.
const CORE_INSTANCES: u32 = 128;
const MEMORIES: u32 = 4;
const TABLES: u32 = 30;

/// The ticker counts as dead after this long without a beat; far above what a loaded machine delays.
const BEAT_TIMEOUT: Duration = Duration::from_secs(5);

/// One engine and its ticker. Dropping the last engine handle ends the ticker.
#[derive(Debug)]
pub(crate) struct TickingEngine {
    pub(crate) engine: Engine,
    heartbeat: Arc<Heartbeat>,
}

impl TickingEngine {
    /// An engine for `max_instances` calls at once, and one sandbox more: plugins are probed while all
    /// slots are taken. Where the address space for the pool can't
    /// be had, instances are allocated on demand: slower, and as safe.
    pub(crate) fn start(max_instances: u32, ceilings: &Limits) -> Result<Self, String> {
        let mut config = compile_config();
        config.allocation_strategy(pool(max_instances.saturating_add(1), ceilings));
        let engine = Engine::new(&config).or_else(|error| {
            tracing::warn!(
                error = format!("{error:#}"),
                "no address space for the instance pool, instances are allocated on demand"
            );
            Engine::new(&compile_config())
        });
        let engine = engine.map_err(|error| format!("{error:#}"))?;
        let heartbeat = Heartbeat::start(engine.weak()).map_err(|error| error.to_string())?;
        Ok(Self { engine, heartbeat })
    }

    /// Whether CPU limits are being enforced.
    pub(crate) fn ticker_alive(&self) -> bool {
        self.heartbeat.age() < BEAT_TIMEOUT
    }
}

/// Everything that decides how code is compiled; the same here and in the compile worker. The
/// allocation strategy does not belong to it.
pub(crate) fn compile_config() -> Config {
    let mut config = Config::new();
    config.wasm_component_model(true).epoch_interruption(true).consume_fuel(false);
    config
}

/// Identifies engines that can run each other's compiled code.
pub(crate) fn compatibility_digest(engine: &Engine) -> [u8; 32] {
    let mut hasher = Sha256Hasher(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.0.finalize().into()
}

fn pool(max_instances: u32, ceilings: &Limits) -> InstanceAllocationStrategy {
    let memory = ceilings.memory.max(ceilings.prepare_memory);
    let mut pool = PoolingAllocationConfig::new();
    // The totals are the product, so that no plugin can take another one's share.
    pool.total_component_instances(max_instances)
        .max_core_instances_per_component(CORE_INSTANCES)
        .max_memories_per_component(MEMORIES)
        .max_tables_per_component(TABLES)
        .total_core_instances(max_instances.saturating_mul(CORE_INSTANCES))
        .total_memories(max_instances.saturating_mul(MEMORIES))
        .total_tables(max_instances.saturating_mul(TABLES))
        .total_stacks(max_instances)
        .table_elements(MAX_TABLE_ELEMENTS)
        .max_core_instance_size(4 << 20)
        .max_component_instance_size(4 << 20)
        .max_memory_size(usize::try_from(memory).unwrap_or(usize::MAX))
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(KEEP_RESIDENT)
        .pagemap_scan(Enabled::Auto);
    InstanceAllocationStrategy::Pooling(pool)
}

/// The thread that advances the epoch. It is a thread of its own because the async executor is what
/// it protects, and it holds the engine weakly so that it ends with it.
#[derive(Debug)]
struct Heartbeat {
    started: Instant,
    /// Milliseconds after `started`.
    last: AtomicU64,
}

impl Heartbeat {
    fn start(engine: EngineWeak) -> std::io::Result<Arc<Self>> {
        let heartbeat = Arc::new(Self { started: Instant::now(), last: AtomicU64::new(0) });
        let beating = heartbeat.clone();
        thread::Builder::new().name("sandbox-ticker".to_owned()).spawn(move || beating.run(&engine))?;
        Ok(heartbeat)
    }

    fn run(&self, engine: &EngineWeak) {
        // Sleeping after each tick skips what was missed: a burst of late ticks would charge
        // healthy guests with time that they never had.
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            self.last.store(self.elapsed_ms(), Ordering::Relaxed);
            drop(engine);
            thread::sleep(TICK);
        }
    }

    fn age(&self) -> Duration {
        let last = self.last.load(Ordering::Relaxed);
        Duration::from_millis(self.elapsed_ms().saturating_sub(last))
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Collects what a `Hash` feeds into a digest of full width.
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest: [u8; 32] = self.0.clone().finalize().into();
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        u64::from_le_bytes(first)
    }
}

#[cfg(test)]
mod tests {
    use wasmtime::component::{Component, Linker};
    use wasmtime::{PoolConcurrencyLimitError, Store};

    use super::*;

    #[test]
    fn worker_and_server_compile_for_each_other() {
        let server = TickingEngine::start(4, &Limits::ceilings()).unwrap();
        let worker = Engine::new(&compile_config()).unwrap();
        assert_eq!(compatibility_digest(&server.engine), compatibility_digest(&worker));
    }

    /// Five sandboxes at once, each as large as one may be: four for calls, and one for what is being loaded.
    #[test]
    fn the_pool_holds_the_largest_components() {
        let TickingEngine { engine, .. } = TickingEngine::start(4, &Limits::ceilings()).unwrap();
        let mut text = "(component
            (core module $memory (memory 200))
            (core module $table (table 10000 funcref))
            (core module $small)"
            .to_owned();
        let small = CORE_INSTANCES - MEMORIES - TABLES;
        for (module, count) in [("$memory", MEMORIES), ("$table", TABLES), ("$small", small)] {
            text.extend((0..count).map(|_| format!("(core instance (instantiate {module}))")));
        }
        text.push(')');
        let component = Component::new(&engine, wat::parse_str(text).unwrap()).unwrap();
        let linked = Linker::new(&engine).instantiate_pre(&component).unwrap();
        let instantiate = || {
            let mut store = Store::new(&engine, ());
            linked.instantiate(&mut store).map(|_| store)
        };
        let held: Vec<_> = (0..5).map(|_| instantiate().unwrap()).collect();
        assert!(instantiate().unwrap_err().is::<PoolConcurrencyLimitError>());
        drop(held);
        instantiate().unwrap();
    }

    #[test]
    fn other_settings_are_another_digest() {
        let mut other = compile_config();
        other.epoch_interruption(false);
        assert_ne!(
            compatibility_digest(&Engine::new(&other).unwrap()),
            compatibility_digest(&Engine::new(&compile_config()).unwrap())
        );
    }

    #[test]
    fn the_ticker_ends_with_the_engine() {
        let TickingEngine { engine, heartbeat } = TickingEngine::start(4, &Limits::ceilings()).unwrap();
        assert!(heartbeat.age() < BEAT_TIMEOUT);
        drop(engine);
        let ended = || Arc::strong_count(&heartbeat) == 1;
        let deadline = Instant::now() + Duration::from_secs(10);
        while !ended() && Instant::now() < deadline {
            thread::yield_now();
        }
        assert!(ended());
    }
}
