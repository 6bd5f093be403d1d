//! XML documents within bounds, for protocols whose peers are not trusted.
//!
//! [`parse`] reads a whole document into a tree of [`Element`]s and refuses what no SOAP or XCCOS
//! peer has reason to send: a DOCTYPE, an entity of its own, a second root, a character outside
//! XML 1.0, more depth, elements or bytes than [`Limits`] allow. [`Writer`] writes elements in the
//! order in which it is told to, escapes text, and leaves out the characters XML cannot carry.

mod characters;
mod element;
mod reader;
mod writer;

pub use characters::{is_allowed, without_forbidden};
pub use element::{Element, Node};
pub use reader::{Error, Limits, parse, parse_lenient};
pub use writer::Writer;
