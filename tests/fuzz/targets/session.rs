//! The client's session, under whatever a server or somebody in between may send.
#![cfg_attr(fuzzing, no_main)]

mod wire;

fuzz::target!(|input| { wire::play(wire::Target::Session, input) });
