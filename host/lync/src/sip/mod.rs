//! SIP as Lync speaks it over one reliable stream: messages, framing, dialogs, endpoint identity.
//!
//! The line work (folding, header names) is `ezk-sip-types`'; [`Message`] in front of it keeps
//! header values as they stood, because signatures are made over them (dossier 2.5), and takes
//! methods and request URIs of any kind.

mod address;
mod dialog;
mod framer;
mod headers;
mod identity;
mod message;
mod method;
mod sdp;
mod status;
mod transport;

pub use address::{Address, Identities, split_list};
pub use dialog::{Dialog, DialogError};
pub use framer::{BODY_BYTES_MAX, Frame, FrameError, Framer, HEAD_BYTES_MAX, KEEP_ALIVE};
pub use headers::Headers;
pub use identity::{endpoint_id, gruu, instance_uuid};
pub use message::{MalformedHead, Message, StartLine};
pub use method::Method;
pub use sdp::session_description;
pub use status::reason_phrase;
pub use transport::Transport;
