//! The embedded pool, under whatever a client or somebody in between may send.
#![cfg_attr(fuzzing, no_main)]

mod wire;

fuzz::target!(|input| { wire::play(wire::Target::Pool, input) });
