//! A component that asks WASI for everything finds that nothing is there, each time the same.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use wasmtime::component::{Component, InstancePre, Val};
use wasmtime::{Engine, Store};

use super::super::engine::Limits;
use super::super::imports::{Directory, LogFlood, LogLine, Surroundings};
use super::*;

const FUEL: u64 = 10_000_000;

struct Nobody;

impl Directory for Nobody {
    fn name(&self, _: u32) -> Option<String> {
        None
    }

    fn attribute(&self, _: u32, _: &str) -> Option<String> {
        None
    }
}

fn component() -> &'static (Engine, InstancePre<State>) {
    static COMPONENT: OnceLock<(Engine, InstancePre<State>)> = OnceLock::new();
    COMPONENT.get_or_init(|| {
        let mut config = wasmtime::Config::new();
        config.consume_fuel(true).concurrency_support(false);
        let engine = Engine::new(&config).unwrap();
        let bytes = wat::parse_str(include_str!("asks.wat")).unwrap();
        let component = Component::from_binary(&engine, &bytes).unwrap();
        let mut linker = Linker::new(&engine);
        define(&mut linker, &engine, &component).unwrap();
        let ready = linker.instantiate_pre(&component).unwrap();
        (engine, ready)
    })
}

/// Asks a question in an instance of its own.
fn ask(question: &str, number: Option<u64>) -> (wasmtime::Result<u64>, u64, Vec<LogLine>) {
    let (engine, ready) = component();
    let surroundings =
        Surroundings { directory: Arc::new(Nobody), settings: Arc::new(BTreeMap::new()) };
    let mut store = Store::new(engine, State::new(surroundings, &Limits::default()));
    store.set_fuel(FUEL).unwrap();
    let instance = ready.instantiate(&mut store).unwrap();
    let function = instance.get_func(&mut store, question).unwrap();
    let arguments: Vec<_> = number.map(Val::U64).into_iter().collect();
    let mut answers = [Val::U64(0)];
    let answer = function.call(&mut store, &arguments, &mut answers).map(|()| match answers {
        [Val::U64(answer)] => answer,
        _ => u64::MAX,
    });
    (answer, FUEL - store.get_fuel().unwrap(), store.data_mut().take_log())
}

fn failure(question: &str, number: Option<u64>) -> wasmtime::Error {
    ask(question, number).0.unwrap_err()
}

#[test]
fn chance_and_time_are_the_same_in_every_call() {
    for (question, number) in [("random", None), ("many", Some(1000)), ("elapsed", None)] {
        let [one, other] = [(); 2].map(|()| ask(question, number));
        assert_eq!((one.0.unwrap(), one.1), (other.0.unwrap(), other.1), "{question}");
    }
    assert_eq!(ask("seconds", None).0.unwrap(), NOW.seconds);
    // The first minus the second: the clock goes on by one step.
    assert_eq!(ask("elapsed", None).0.unwrap(), STEP_NS.wrapping_neg());
}

#[test]
fn there_is_no_environment_and_no_way_out() {
    assert_eq!(ask("variables", None).0.unwrap(), 0);
    let error = format!("{:#}", failure("leave", None));
    assert!(error.contains("wasi:cli/exit@0.2.3#exit` has not been defined"), "{error}");
}

#[test]
fn what_is_printed_becomes_lines_of_the_log_and_has_its_bound() {
    let (answer, _, log) = ask("print", Some(2));
    answer.unwrap();
    let lines: Vec<_> = log.iter().map(|line| (line.level, &*line.message)).collect();
    let warn = Level::Warn;
    assert_eq!(lines, [(warn, "first"), (warn, "second first"), (warn, "second ")]);
    assert!(failure("print", Some(100)).is::<LogFlood>());
}

#[test]
fn random_bytes_cost_fuel_and_have_their_bound() {
    let (answer, few, _) = ask("many", Some(0));
    assert_eq!(answer.unwrap(), 0);
    let (answer, many, _) = ask("many", Some(10_000));
    assert_eq!((answer.unwrap(), many - few), (10_000, 10_000));
    let error = failure("many", Some(u64::MAX));
    assert!(format!("{error:#}").contains("random bytes at once"), "{error:#}");
}

#[test]
fn handles_have_their_bound() {
    let most = u64::try_from(HANDLES_MAX).unwrap();
    assert!(ask("hoard", Some(most)).0.is_ok());
    let error = failure("hoard", Some(most + 1));
    assert!(format!("{error:#}").contains("handles of WASI"), "{error:#}");
}

#[test]
fn only_the_known_track_is_wasi() {
    assert!(is_wasi("wasi:io/streams@0.2.12"));
    for other in
        ["wasi:io/streams@0.3.0", "wasi:io/streams", "wasi:io/streams@0.20.0", "x:y/z@0.2.0"]
    {
        assert!(!is_wasi(other), "{other}");
    }
}
