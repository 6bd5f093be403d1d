//! RTF as chat clients write it: the words and the links, nothing else.
//!
//! [`read`] knows code pages, Unicode escapes and hyperlink fields and leaves out fonts, colours,
//! pictures and destinations it does not know. [`write()`] makes RTF that every client shows.

mod encodings;
mod reader;
mod writer;

pub use reader::{DEPTH_MAX, Document, LINKS_MAX, Link, RTF_BYTES_MAX, RtfError, read};
pub use writer::write;
