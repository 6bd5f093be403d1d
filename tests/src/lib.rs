//! A world for whole tests: the embedded servers of a small company, the real host between them
//! over real sockets, and books about who ought to have got what. Nothing here asks the host
//! whether it did well; the inboxes tell.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "tests stop at the first surprise"
)]

pub mod books;
pub mod browser;
pub mod crash;
mod dice;
pub mod engine;
pub mod hostile;
pub mod log;
pub mod settings;
pub mod tap;
pub mod world;

pub use self::{
    dice::Dice,
    log::Log,
    settings::Settings,
    tap::Tap,
    world::{World, play, play_in},
};
