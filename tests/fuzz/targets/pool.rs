//! The embedded pool, under whatever a client or somebody in between may send.
#![no_main]

mod wire;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| wire::play(wire::Target::Pool, input));
