//! The engine, its bounds, and the gate before it.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use wasmtime::component::Linker;
use wasmtime::{
    Config, Enabled, Engine, EngineWeak, InstanceAllocationStrategy, OptLevel,
    PoolingAllocationConfig,
};

use super::errors::LoadError;
use super::imports::State;
use super::load::Guest;
use super::versions;

/// How often the deadline is looked at while calls run.
const TICK: Duration = Duration::from_millis(5);

/// How long the ticking thread sleeps at most before it sees that its engine is gone.
const IDLE_WAIT: Duration = Duration::from_secs(1);

/// Modules, memories and tables of one component.
const MODULES_MAX: u32 = 64;
const MEMORIES_MAX: u32 = 4;
const TABLES_MAX: u32 = 16;

/// What a guest may use up. The defaults fit guests in any language and rooms of 5,000 members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Fuel of a call, about one unit for each WebAssembly instruction. The repeatable bound: the
    /// same call with the same arguments runs out at the same instruction everywhere.
    pub fuel: u64,
    /// Wall time of a call. Only a backstop, as it depends on the machine and its load.
    pub deadline: Duration,
    /// Memory of an instance, in bytes.
    pub memory_bytes_max: usize,
    /// Entries of an instance's tables.
    pub table_entries_max: usize,
    /// Stack of a call, in bytes.
    pub stack_bytes_max: usize,
    /// Bytes that a guest may hand over in an answer or to an import, as the host stores them.
    pub answer_bytes_max: usize,
    /// Lines that a call may log; one more ends it.
    pub log_lines_max: usize,
    /// Bytes that a call may log; one more ends it.
    pub log_bytes_max: usize,
    /// Calls that run at the same time.
    pub calls_max: u32,
    /// How long a call waits for another to end before it gives up as [`super::CallError::Busy`].
    pub wait: Duration,
    /// Largest component, in bytes.
    pub component_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fuel: 2_000_000_000,
            deadline: Duration::from_secs(2),
            memory_bytes_max: 64 << 20,
            table_entries_max: 20_000,
            stack_bytes_max: 512 << 10,
            answer_bytes_max: 8 << 20,
            log_lines_max: 64,
            log_bytes_max: 16 << 10,
            calls_max: 16,
            wait: Duration::from_secs(5),
            component_bytes_max: 32 << 20,
        }
    }
}

/// Loads guests, and bounds them. Cheap to clone; one is enough for a process.
#[derive(Clone)]
pub struct Sandbox {
    pub(super) engine: Engine,
    pub(super) linker: Linker<State>,
    pub(super) limits: Arc<Limits>,
    pub(super) gate: Arc<Gate>,
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Sandbox {
    /// Prepares the engine. Where so much address space is not to be had, instances are made on
    /// demand, which is slower and otherwise the same.
    ///
    /// # Errors
    /// If a limit is impossible, or the system refuses the thread that watches the deadline.
    pub fn new(limits: &Limits) -> anyhow::Result<Self> {
        let engine = engine(limits)?;
        let mut linker = Linker::new(&engine);
        versions::offer(&mut linker)
            .map_err(|e| anyhow!("cannot offer the guest's imports: {e:#}"))?;
        let gate = Arc::new(Gate::new(limits.calls_max));
        watch(engine.weak(), Arc::downgrade(&gate))?;
        Ok(Self { engine, linker, limits: Arc::new(limits.clone()), gate })
    }

    /// What a guest may use up.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Compiles a component, or takes it from `cache`, the folder of what was compiled before.
    /// Compiling takes 0.2 s for a guest in Rust and many times that for larger ones.
    ///
    /// `name` is what errors call the guest. A cache that cannot be used is not an error.
    ///
    /// # Errors
    /// [`LoadError`] says what is wrong with the component and what to do.
    pub fn load(&self, bytes: &[u8], name: &str, cache: Option<&Path>) -> Result<Guest, LoadError> {
        Guest::load(self, bytes, name, cache)
    }

    /// Ticks of a call's deadline, counted from any moment between two ticks.
    pub(super) fn deadline_ticks(&self) -> u64 {
        let ticks = self.limits.deadline.as_millis().div_ceil(TICK.as_millis());
        u64::try_from(ticks).unwrap_or(u64::MAX - 1).saturating_add(1)
    }
}

fn engine(limits: &Limits) -> anyhow::Result<Engine> {
    let mut config = config(limits);
    let pooled = pool(limits);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pooled));
    Engine::new(&config)
        .or_else(|error| {
            tracing::info!("no pool of instances, they are made on demand: {error:#}");
            config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
            Engine::new(&config)
        })
        .map_err(|e| anyhow!("cannot prepare the sandbox for guests: {e:#}"))
}

fn config(limits: &Limits) -> Config {
    let mut config = Config::new();
    config
        .consume_fuel(true)
        .epoch_interruption(true)
        .max_wasm_stack(limits.stack_bytes_max)
        .concurrency_support(false)
        .cranelift_opt_level(OptLevel::Speed)
        // The same bits on every machine.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .wasm_memory64(false);
    config
}

/// A pool that keeps what instances used, and has the kernel say which pages that was. Without the
/// kernel's help (Linux 6.7), keeping costs more than it saves.
fn pool(limits: &Limits) -> PoolingAllocationConfig {
    let calls = limits.calls_max;
    let mut pool = PoolingAllocationConfig::default();
    // As many as the largest component may have, for each call: Python's consists of dozens of
    // modules, and a place that is not taken costs address space only.
    pool.total_component_instances(calls)
        .total_core_instances(calls.saturating_mul(MODULES_MAX))
        .total_memories(calls.saturating_mul(MEMORIES_MAX))
        .total_tables(calls.saturating_mul(TABLES_MAX))
        .max_core_instances_per_component(MODULES_MAX)
        .max_memories_per_component(MEMORIES_MAX)
        .max_tables_per_component(TABLES_MAX)
        .max_memory_size(limits.memory_bytes_max)
        .table_elements(limits.table_entries_max)
        .max_unused_warm_slots(calls);
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        pool.pagemap_scan(Enabled::Yes)
            .linear_memory_keep_resident(4 << 20)
            .table_keep_resident(64 << 10);
    }
    pool
}

/// Starts the thread that advances the epoch while calls run. It ends when the engine is gone.
fn watch(engine: EngineWeak, gate: Weak<Gate>) -> anyhow::Result<()> {
    let tick = move || {
        while let Some(gate) = gate.upgrade() {
            if gate.wait_for_calls() {
                drop(gate);
                std::thread::sleep(TICK);
                let Some(engine) = engine.upgrade() else { return };
                engine.increment_epoch();
            }
        }
    };
    let thread = std::thread::Builder::new().name("guest-deadline".into()).spawn(tick);
    thread.map(drop).context("cannot start the thread that watches the guests' deadline")
}

/// Lets so many calls in at a time.
#[derive(Debug)]
pub(super) struct Gate {
    calls_max: u32,
    running: Mutex<u32>,
    changed: Condvar,
}

impl Gate {
    fn new(calls_max: u32) -> Self {
        Self { calls_max, running: Mutex::new(0), changed: Condvar::new() }
    }

    /// Waits for a place, at most for `wait`. The place is free again when the pass is dropped.
    pub(super) fn enter(&self, wait: Duration) -> Option<Pass<'_>> {
        let full = |running: &mut u32| *running >= self.calls_max;
        let (mut running, timed_out) = self
            .changed
            .wait_timeout_while(self.lock(), wait, full)
            .unwrap_or_else(PoisonError::into_inner);
        if timed_out.timed_out() {
            return None;
        }
        *running += 1;
        // Only the ticking thread waits for this. Telling nobody costs a system call as well.
        if *running == 1 {
            self.changed.notify_all();
        }
        Some(Pass { gate: self })
    }

    /// Waits a while for calls to run, and tells whether some do.
    fn wait_for_calls(&self) -> bool {
        let idle = |running: &mut u32| *running == 0;
        let waited = self.changed.wait_timeout_while(self.lock(), IDLE_WAIT, idle);
        *waited.unwrap_or_else(PoisonError::into_inner).0 > 0
    }

    /// The count is right even if a thread died while it held the lock.
    fn lock(&self) -> MutexGuard<'_, u32> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call's place.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    gate: &'a Gate,
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut running = self.gate.lock();
        let was_full = *running == self.gate.calls_max;
        *running -= 1;
        drop(running);
        if was_full {
            self.gate.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gate_is_full_until_someone_leaves() {
        let gate = Gate::new(2);
        let first = gate.enter(Duration::ZERO);
        let second = gate.enter(Duration::ZERO);
        assert!(first.is_some() && second.is_some());
        assert!(gate.enter(Duration::ZERO).is_none());
        drop(first);
        assert!(gate.enter(Duration::ZERO).is_some());
        assert!(gate.wait_for_calls());
    }

    /// Whoever waits is told, however many do: none of them waits for longer than the calls take.
    #[test]
    fn everyone_who_waits_gets_in() {
        let gate = Gate::new(2);
        let entered = std::sync::Barrier::new(2);
        std::thread::scope(|scope| {
            let pass = gate.enter(Duration::ZERO);
            scope.spawn(|| {
                let _pass = gate.enter(Duration::ZERO);
                entered.wait();
                entered.wait();
            });
            entered.wait();
            let waiting: Vec<_> =
                (0..8).map(|_| scope.spawn(|| gate.enter(Duration::MAX).is_some())).collect();
            entered.wait();
            drop(pass);
            assert!(waiting.into_iter().all(|one| one.join().is_ok_and(|is_in| is_in)));
        });
        assert_eq!(*gate.lock(), 0);
    }
}
