//! The host: all sockets, disk, clock and tasks of chat-digest.

pub mod answers;
pub mod chat;
pub mod check;
pub mod clock;
pub mod common;
pub mod config;
pub mod database;
pub mod demo;
pub mod directory;
pub mod embedded;
pub mod exchange;
pub mod guest;
pub mod in_service;
pub mod letters;
pub mod mail;
pub mod page;
pub mod planner;
pub mod preferences;
pub mod records;
pub mod retention;
pub mod rooms;
pub mod run;
pub mod state;
pub mod tls;
pub mod translate;
pub mod verify;
