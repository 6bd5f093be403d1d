//! One call of a guest, in an instance of its own.

use std::time::Duration;

use wasmtime::Store;

use crate::clock;

use super::engine::Limits;
use super::errors::{CallError, Operation, Trap};
use super::imports::{Bounds, LogFlood, LogLine, State, Surroundings};
use super::load::Guest;
use super::types::{Edition, Group, Mail, Member, Message, Room};
use super::versions::Instance;

/// What `plan` is asked about.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanInput {
    /// The room.
    pub room: Room,
    /// The message that was received in it.
    pub message: Message,
    /// The room's members without the author.
    pub members: Vec<Member>,
}

/// What a guest answered, and what that cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer<T> {
    /// The answer, unchecked.
    pub value: T,
    /// The same for the same call, on every machine.
    pub fuel_used: u64,
    /// From the place in the gate to the answer.
    pub elapsed: Duration,
    /// Memory that the instance had at the end, which never shrinks.
    pub memory_bytes: usize,
    /// What the guest logged.
    pub log: Vec<LogLine>,
}

impl Guest {
    /// Asks what is to happen with a message. Blocks; call it from a thread that may.
    ///
    /// # Errors
    /// [`CallError`]: the host then uses its own plan, but tries again when it was only busy.
    pub fn plan(
        &self,
        input: &PlanInput,
        surroundings: &Surroundings,
    ) -> Result<Answer<Vec<Group>>, CallError> {
        self.call(Operation::Plan, surroundings, |store, guest| guest.plan(store, input))
    }

    /// Asks for a mail. Blocks; call it from a thread that may.
    ///
    /// # Errors
    /// [`CallError`]: the host then writes a plain mail, but tries again when it was only busy.
    pub fn compose(
        &self,
        edition: &Edition,
        surroundings: &Surroundings,
    ) -> Result<Answer<Mail>, CallError> {
        self.call(Operation::Compose, surroundings, |store, guest| guest.compose(store, edition))
    }

    fn call<T>(
        &self,
        operation: Operation,
        surroundings: &Surroundings,
        ask: impl FnOnce(&mut Store<State>, &Instance) -> wasmtime::Result<Result<T, String>>,
    ) -> Result<Answer<T>, CallError> {
        let (guest, limits) = (|| self.id().clone(), self.limits());
        let waited = limits.wait;
        let Some(_pass) = self.sandbox.gate.enter(waited) else {
            return Err(CallError::Busy { guest: guest(), operation, waited });
        };
        let start = clock::now().instant;
        let mut store = self.store(surroundings);
        let (operation, answer) = match self.instantiate(&mut store) {
            Ok(instance) => (operation, ask(&mut store, &instance)),
            Err(error) => (Operation::Start, Err(error)),
        };
        let elapsed = clock::now().instant.duration_since(start);
        let fuel_used = limits.fuel.saturating_sub(store.get_fuel().unwrap_or(0));
        let log = store.data_mut().take_log();
        match answer {
            Ok(Ok(value)) => {
                let memory_bytes = store.data().bounds.memory_bytes;
                Ok(Answer { value, fuel_used, elapsed, memory_bytes, log })
            }
            Ok(Err(reason)) => Err(CallError::Refused { guest: guest(), operation, reason, log }),
            Err(error) => {
                let trap = trap(&error, &store.data().bounds, limits);
                Err(CallError::Trapped { guest: guest(), operation, trap, log })
            }
        }
    }

    fn store(&self, surroundings: &Surroundings) -> Store<State> {
        let limits = self.limits();
        let state = State::new(surroundings.clone(), limits);
        let mut store = Store::new(&self.sandbox.engine, state);
        store.limiter(|state| &mut state.bounds);
        store.set_hostcall_fuel(limits.answer_bytes_max);
        store.set_epoch_deadline(self.sandbox.deadline_ticks());
        store
    }

    fn instantiate(&self, store: &mut Store<State>) -> wasmtime::Result<Instance> {
        store.set_fuel(self.limits().fuel)?;
        self.instances().instantiate(store)
    }
}

/// Says what stopped a guest.
fn trap(error: &wasmtime::Error, bounds: &Bounds, limits: &Limits) -> Trap {
    if error.is::<LogFlood>() {
        return Trap::Log;
    }
    match error.downcast_ref::<wasmtime::Trap>() {
        Some(wasmtime::Trap::OutOfFuel) => Trap::OutOfFuel { fuel: limits.fuel },
        Some(wasmtime::Trap::Interrupt) => Trap::Deadline { deadline: limits.deadline },
        Some(wasmtime::Trap::StackOverflow) => Trap::Stack,
        _ if bounds.memory_denied => Trap::Memory { bytes_max: limits.memory_bytes_max },
        _ if bounds.table_denied => Trap::Table { entries_max: limits.table_entries_max },
        Some(wasmtime::Trap::UnreachableCodeReached) => Trap::Unreachable,
        Some(other) => Trap::Other(other.to_string()),
        None => unnamed(&format!("{error:#}"), limits),
    }
}

/// What wasmtime gives no type of its own.
fn unnamed(error: &str, limits: &Limits) -> Trap {
    let denied = error.split('`').find(|piece| piece.starts_with("wasi:"));
    match denied {
        _ if error.contains("fuel allocated for hostcalls") => {
            Trap::Answer { bytes_max: limits.answer_bytes_max }
        }
        Some(import) if error.contains("has not been defined") => {
            Trap::Denied { import: import.to_owned() }
        }
        _ => Trap::Other(error.lines().next().unwrap_or_default().to_owned()),
    }
}
