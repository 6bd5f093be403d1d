//! What an administrator watches.

pub mod metrics;
