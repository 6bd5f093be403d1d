//! `chat-digest trace`: records a redacted transcript of both protocols, which can be sent with a
//! bug report, and plays one again.

mod record;
mod recorder;
mod replay;
mod scribe;

pub(crate) use self::{
    record::told,
    recorder::{ChatTap, Headers, LaneTap},
};
pub use self::{
    record::{begin, record, span},
    recorder::{Recorder, Recording},
    replay::replay,
};
