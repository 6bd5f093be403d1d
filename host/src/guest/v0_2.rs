//! Guests that were built against the contract's version 0.2.0: they are told of each member by
//! himself. All else is as it is today.

use super::imports::{State, imports_as_today};

use then::chat_digest::guest::{directory, log, settings};

pub(super) use then::{Guest, GuestPre};

/// The types of then, which are those of today: wasmtime compares what they are made of.
#[expect(unreachable_pub, reason = "what is generated passes it on as public")]
pub mod types {
    use wasmtime::component::{HasData, Linker};

    pub use crate::guest::bindings::chat_digest::guest::types::{Host, HostWithStore};
    pub use crate::guest::types::*;

    /// There is nothing in it to be called.
    pub(super) fn add_to_linker<T: 'static, D: HasData>(
        linker: &mut Linker<T>,
        _: fn(&mut T) -> D::Data<'_>,
    ) -> wasmtime::Result<()> {
        linker.instance("chat-digest:guest/types@0.2.0").map(|_| ())
    }
}

/// What `bindgen!` makes of the contract of then.
mod then {
    #![allow(missing_docs, unreachable_pub, unused_qualifications, reason = "generated")]
    #![allow(
        clippy::allow_attributes_without_reason,
        clippy::semicolon_if_nothing_returned,
        reason = "generated"
    )]
    wasmtime::component::bindgen!({
        path: "../wit/0.2.0",
        world: "guest",
        imports: { default: trappable },
        with: { "chat-digest:guest/types@0.2.0": crate::guest::v0_2::types },
    });
}

imports_as_today!();
