//! The rules of chat-digest: what a message is, what a plan may say, how a mail comes to its end.
//!
//! Pure: no I/O, no clock, no randomness. Knows neither the chat's protocol nor the mail's. Times
//! are milliseconds since 1970-01-01T00:00:00Z and are handed in as `now_ms`; what must not be
//! guessable (call ids) or must scatter (back-off) takes a number that the caller drew.
//!
//! The way of one message through here:
//! 1. [`message::Message`]: what a room said, made neutral.
//! 2. [`plan::Offer`]: the members that a guest may decide about, under ids of this call alone.
//! 3. [`plan::Plan`]: the guest's answer, checked, or the fallback.
//! 4. [`delivery::settle`]: one [`delivery::Delivery`] a member, one [`delivery::NewMail`] for
//!    each that goes at once; the rest waits for [`digest::gather`].
//! 5. [`mail::Composition`]: what the guest made of it, checked, or [`mail::plain`].
//! 6. [`outbox::Standing`]: the way of a mail to sent, failed or unconfirmed.

pub mod command;
pub mod delivery;
pub mod digest;
pub mod gate;
mod hash;
pub mod lease;
pub mod mail;
mod markup;
pub mod member;
pub mod message;
pub mod outbox;
pub mod plan;
pub mod preference;
pub mod receipt;
pub mod room;
pub mod schedule;
pub mod text;
