//! Mail in the form of RFC 5322: written by the client for `t:MimeContent`, read by the server.

mod encoding;
mod header;
mod read;
mod write;

pub use read::{ATTACHMENTS_MAX, IncomingMail, read};
pub use write::{
    ATTACHED_MAX, Attachment, HEADER_BYTES_MAX, HEADERS_MAX, MAIL_BYTES_MAX, MimeError,
    OutgoingMail, RECIPIENTS_MAX, REFERENCES_MAX,
};
