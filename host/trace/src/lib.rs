//! Transcripts of what passed between the host and its servers, fit to be sent with a bug report.
//!
//! Messages go into a [`Redactor`], which keeps their structure and replaces whatever is not known
//! to be harmless; an [`Entry`] of each makes up the file, and [`Forms`] what nobody knew of them.
//! [`Transcript::read`] takes the file apart again, [`play`] puts its pool's side before a real
//! session, and [`answers`] reads its answers of Exchange once more.
//!
//! Nothing here performs I/O, reads a clock or makes up a number.

pub mod answers;
mod forms;
pub mod play;
mod read;
mod redact;
mod transcript;

pub use forms::{ASSUMED, Forms, Observer};
pub use read::ReadError;
pub use redact::{BODY_BYTES_MAX, MASK_CHARACTERS_MAX, NAMES_MAX, Redactor};
pub use transcript::{
    Direction, End, Entry, FILE_BYTES_MAX, FORMAT, Head, MESSAGE_BYTES_MAX, Side, Transcript,
};
