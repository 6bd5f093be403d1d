//! The WASI that guests get: it is there, and it denies.
//!
//! Compilers for Python, JavaScript and Rust put WASI 0.2 into components that hardly use it. No
//! file, socket, variable or argument is behind it. The clock stands still but for being asked, and
//! randomness comes from a fixed seed, so that the same call gives the same answer. What a guest
//! prints goes to its log, within the log's bounds.
//!
//! Written by hand rather than taken from `wasmtime-wasi`: that brings a hundred crates and an
//! asynchronous runtime to open files and sockets which here must not exist. It is defined only for
//! components that import WASI; any other pays nothing.

use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::{
    Component, ComponentType, Lift, Linker, LinkerInstance, Lower, Resource, ResourceType, Val,
};
use wasmtime::{Engine, StoreContextMut};

use super::imports::State;
use super::types::Level;

/// Handles of WASI that a call may hold at a time; one more ends it.
const HANDLES_MAX: usize = 4096;

/// Random bytes that are handed out at once; a call that wants more is ended.
const RANDOM_BYTES_MAX: u64 = 64 << 10;

/// Bytes that a stream takes at once. It takes any number of times as many.
const WRITE_BYTES: u64 = 4096;

/// What the wall clock always says: 2001-09-09T01:46:40Z.
const NOW: DateTime = DateTime { seconds: 1_000_000_000, nanoseconds: 0 };

/// By how much the monotonic clock advances each time it is asked, in nanoseconds.
const STEP_NS: u64 = 1_000;

/// Where every call's random numbers begin.
const SEED: u64 = 0x6368_6174_6469_6765;

/// All that WASI hands out. Which one it is, if that matters, its number tells.
struct Handle;

const IN: u32 = 0;
const OUT: u32 = 1;
const ERR: u32 = 2;
const OTHER: u32 = 3;

#[derive(Clone, Copy, ComponentType, Lower)]
#[component(record)]
struct DateTime {
    seconds: u64,
    nanoseconds: u32,
}

#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    Failed(Resource<Handle>),
    #[component(name = "closed")]
    Closed,
}

/// A call's view of WASI: new for each call, and the same for each.
pub(super) struct Wasi {
    handles: usize,
    clock_ns: u64,
    random: u64,
    printed: [Vec<u8>; 2],
}

impl Wasi {
    pub(super) fn new() -> Self {
        Self { handles: 0, clock_ns: 0, random: SEED, printed: [Vec::new(), Vec::new()] }
    }

    fn hand_out(&mut self, which: u32) -> wasmtime::Result<Resource<Handle>> {
        if self.handles >= HANDLES_MAX {
            wasmtime::bail!("it holds more than {HANDLES_MAX} handles of WASI at once");
        }
        self.handles += 1;
        Ok(Resource::new_own(which))
    }

    /// `SplitMix64`: any generator will do, as nothing secret depends on it.
    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Whoever waits finds that the time has come: nothing else happens meanwhile.
    fn wait_until(&mut self, when_ns: u64) {
        self.clock_ns = self.clock_ns.max(when_ns);
    }

    fn ask_clock(&mut self) -> u64 {
        self.clock_ns = self.clock_ns.saturating_add(STEP_NS);
        self.clock_ns
    }
}

/// What a guest printed and did not end with a line end, as lines of its log. At a call's end.
pub(super) fn flush(state: &mut State) {
    for (stream, level) in [(OUT, Level::Debug), (ERR, Level::Warn)] {
        let rest = printed(state, stream).map(std::mem::take).unwrap_or_default();
        if !rest.is_empty() {
            // What does not fit any more is let go: the call is over.
            let _ = state.say(level, String::from_utf8_lossy(&rest).into_owned());
        }
    }
}

fn printed(state: &mut State, stream: u32) -> Option<&mut Vec<u8>> {
    match (&mut state.wasi.printed, stream) {
        ([out, _], OUT) => Some(out),
        ([_, err], ERR) => Some(err),
        _ => None,
    }
}

/// Takes what is printed, and logs each line as it ends.
fn print(state: &mut State, stream: u32, bytes: &[u8]) -> wasmtime::Result<()> {
    let level = if stream == ERR { Level::Warn } else { Level::Debug };
    state.check_room(bytes.len())?;
    for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
        let Some(line) = printed(state, stream) else { return Ok(()) };
        line.extend_from_slice(piece);
        if let Some(b'\n') = line.last() {
            let line = std::mem::take(line);
            let line = String::from_utf8_lossy(&line);
            state.say(level, line.trim_end_matches(['\r', '\n']).to_owned())?;
        }
        let begun = printed(state, stream).map_or(0, |line| line.len());
        state.check_room(begun)?;
    }
    Ok(())
}

/// Whether a component's import is a part of WASI that is known here.
pub(super) fn is_wasi(name: &str) -> bool {
    let (interface, version) = name.split_once('@').unwrap_or((name, ""));
    interface.starts_with("wasi:") && version.starts_with("0.2.")
}

/// Defines what a component imports of WASI. Functions that are not known here are there and stop
/// the call.
///
/// # Errors
/// If the linker refuses a definition.
pub(super) fn define(
    linker: &mut Linker<State>,
    engine: &Engine,
    component: &Component,
) -> wasmtime::Result<()> {
    for (name, import) in component.component_type().imports(engine) {
        let ComponentItem::ComponentInstance(instance) = import.ty else { continue };
        if !is_wasi(name) {
            continue;
        }
        let mut offered = linker.instance(name)?;
        for (resource, item) in instance.exports(engine) {
            if matches!(item.ty, ComponentItem::Resource(_)) {
                offered.resource(resource, ResourceType::host::<Handle>(), forget)?;
            }
        }
        let interface = name.split_once('@').map_or(name, |(interface, _)| interface);
        functions(&mut offered, interface)?;
    }
    linker.define_unknown_imports_as_traps(component)
}

fn forget(mut store: StoreContextMut<'_, State>, _: u32) -> wasmtime::Result<()> {
    let wasi = &mut store.data_mut().wasi;
    wasi.handles = wasi.handles.saturating_sub(1);
    Ok(())
}

fn functions(offered: &mut LinkerInstance<'_, State>, interface: &str) -> wasmtime::Result<()> {
    match interface {
        "wasi:cli/environment" => environment(offered),
        "wasi:cli/stdin" => gives(offered, "get-stdin", IN),
        "wasi:cli/stdout" => gives(offered, "get-stdout", OUT),
        "wasi:cli/stderr" => gives(offered, "get-stderr", ERR),
        "wasi:cli/terminal-stdin" => gives_none(offered, "get-terminal-stdin"),
        "wasi:cli/terminal-stdout" => gives_none(offered, "get-terminal-stdout"),
        "wasi:cli/terminal-stderr" => gives_none(offered, "get-terminal-stderr"),
        "wasi:clocks/monotonic-clock" => monotonic_clock(offered),
        "wasi:clocks/wall-clock" => wall_clock(offered),
        "wasi:filesystem/preopens" => no_folders(offered),
        "wasi:io/poll" => poll(offered),
        "wasi:io/streams" => input(offered).and_then(|()| output(offered)),
        "wasi:random/random" => random(offered, "random"),
        "wasi:random/insecure" => random(offered, "insecure-random"),
        "wasi:random/insecure-seed" => seed(offered),
        "wasi:sockets/instance-network" => gives(offered, "instance-network", OTHER),
        "wasi:sockets/ip-name-lookup" => denies(offered, "resolve-addresses"),
        "wasi:sockets/tcp-create-socket" => denies(offered, "create-tcp-socket"),
        "wasi:sockets/udp-create-socket" => denies(offered, "create-udp-socket"),
        _ => Ok(()),
    }
}

fn gives(
    offered: &mut LinkerInstance<'_, State>,
    function: &str,
    which: u32,
) -> wasmtime::Result<()> {
    offered.func_wrap(function, move |mut store: StoreContextMut<'_, State>, (): ()| {
        Ok((store.data_mut().wasi.hand_out(which)?,))
    })
}

fn gives_none(offered: &mut LinkerInstance<'_, State>, function: &str) -> wasmtime::Result<()> {
    offered.func_wrap(function, |_, (): ()| Ok((None::<Resource<Handle>>,)))
}

/// Answers with the error that a system gives who may not.
fn denies(offered: &mut LinkerInstance<'_, State>, function: &str) -> wasmtime::Result<()> {
    offered.func_new(function, |_, _: ComponentFunc, _: &[Val], answers: &mut [Val]| {
        if let [answer] = answers {
            *answer = Val::Result(Err(Some(Box::new(Val::Enum("access-denied".to_owned())))));
        }
        Ok(())
    })
}

fn environment(offered: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    offered.func_wrap("get-environment", |_, (): ()| Ok((Vec::<(String, String)>::new(),)))?;
    offered.func_wrap("get-arguments", |_, (): ()| Ok((Vec::<String>::new(),)))?;
    offered.func_wrap("initial-cwd", |_, (): ()| Ok((None::<String>,)))
}

fn no_folders(offered: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    offered
        .func_wrap("get-directories", |_, (): ()| Ok((Vec::<(Resource<Handle>, String)>::new(),)))
}

fn wall_clock(offered: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    offered.func_wrap("now", |_, (): ()| Ok((NOW,)))?;
    offered.func_wrap("resolution", |_, (): ()| Ok((DateTime { seconds: 1, nanoseconds: 0 },)))
}

fn monotonic_clock(offered: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    type Store<'a> = StoreContextMut<'a, State>;
    offered.func_wrap("now", |mut store: Store<'_>, (): ()| {
        Ok((store.data_mut().wasi.ask_clock(),))
    })?;
    offered.func_wrap("resolution", |_, (): ()| Ok((STEP_NS,)))?;
    offered.func_wrap("subscribe-instant", |mut store: Store<'_>, (when_ns,): (u64,)| {
        let wasi = &mut store.data_mut().wasi;
        wasi.wait_until(when_ns);
        Ok((wasi.hand_out(OTHER)?,))
    })?;
    offered.func_wrap("subscribe-duration", |mut store: Store<'_>, (ns,): (u64,)| {
        let wasi = &mut store.data_mut().wasi;
        wasi.wait_until(wasi.clock_ns.saturating_add(ns));
        Ok((wasi.hand_out(OTHER)?,))
    })
}

/// Whatever is waited for is there.
fn poll(offered: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    offered.func_wrap("[method]pollable.ready", |_, (_,): (Resource<Handle>,)| Ok((true,)))?;
    offered.func_wrap("[method]pollable.block", |_, (_,): (Resource<Handle>,)| Ok(()))?;
    offered.func_wrap("poll", |_, (all,): (Vec<Resource<Handle>>,)| {
        let ready = u32::try_from(all.len()).map(|count| (0..count).collect::<Vec<u32>>());
        Ok((ready?,))
    })
}

/// Nothing is to be read.
fn input(offered: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    for function in ["read", "blocking-read"] {
        let function = format!("[method]input-stream.{function}");
        offered.func_wrap(&function, |_, (_, _): (Resource<Handle>, u64)| {
            Ok((Err::<Vec<u8>, _>(StreamError::Closed),))
        })?;
    }
    for function in ["skip", "blocking-skip"] {
        let function = format!("[method]input-stream.{function}");
        offered.func_wrap(&function, |_, (_, _): (Resource<Handle>, u64)| {
            Ok((Err::<u64, _>(StreamError::Closed),))
        })?;
    }
    subscribe(offered, "[method]input-stream.subscribe")
}

fn output(offered: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    type Store<'a> = StoreContextMut<'a, State>;
    offered.func_wrap("[method]output-stream.check-write", |_, (_,): (Resource<Handle>,)| {
        Ok((Ok::<_, StreamError>(WRITE_BYTES),))
    })?;
    for function in ["write", "blocking-write-and-flush"] {
        let function = format!("[method]output-stream.{function}");
        let write = |mut store: Store<'_>, (to, bytes): (Resource<Handle>, Vec<u8>)| {
            print(store.data_mut(), to.rep(), &bytes)?;
            Ok((Ok::<_, StreamError>(()),))
        };
        offered.func_wrap(&function, write)?;
    }
    for function in ["flush", "blocking-flush"] {
        let function = format!("[method]output-stream.{function}");
        offered
            .func_wrap(&function, |_, (_,): (Resource<Handle>,)| Ok((Ok::<_, StreamError>(()),)))?;
    }
    subscribe(offered, "[method]output-stream.subscribe")
}

fn subscribe(offered: &mut LinkerInstance<'_, State>, function: &str) -> wasmtime::Result<()> {
    let subscribe = |mut store: StoreContextMut<'_, State>, (_,): (Resource<Handle>,)| {
        Ok((store.data_mut().wasi.hand_out(OTHER)?,))
    };
    offered.func_wrap(function, subscribe)
}

fn random(offered: &mut LinkerInstance<'_, State>, kind: &str) -> wasmtime::Result<()> {
    type Store<'a> = StoreContextMut<'a, State>;
    let bytes = |mut store: Store<'_>, (count,): (u64,)| Ok((random_bytes(&mut store, count)?,));
    offered.func_wrap(&format!("get-{kind}-bytes"), bytes)?;
    offered.func_wrap(&format!("get-{kind}-u64"), |mut store: Store<'_>, (): ()| {
        Ok((store.data_mut().wasi.random(),))
    })
}

/// A guest pays for them with fuel: making them takes as long as if it did.
fn random_bytes(store: &mut StoreContextMut<'_, State>, count: u64) -> wasmtime::Result<Vec<u8>> {
    if count > RANDOM_BYTES_MAX {
        wasmtime::bail!("it asked for more than {RANDOM_BYTES_MAX} random bytes at once");
    }
    let fuel = store.get_fuel()?.checked_sub(count).ok_or(wasmtime::Trap::OutOfFuel)?;
    store.set_fuel(fuel)?;
    let wasi = &mut store.data_mut().wasi;
    let mut bytes = Vec::new();
    for _ in 0..count.div_ceil(8) {
        bytes.extend_from_slice(&wasi.random().to_le_bytes());
    }
    bytes.truncate(usize::try_from(count)?);
    Ok(bytes)
}

fn seed(offered: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    offered.func_wrap("insecure-seed", |_, (): ()| Ok(((SEED, !SEED),)))?;
    offered.func_wrap("get-insecure-seed", |_, (): ()| Ok(((SEED, !SEED),)))
}

#[cfg(test)]
mod tests;
