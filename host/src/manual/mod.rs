//! What is written from the code itself: the configuration's schema, reference and effective values,
//! man pages and completions.

mod effective;
mod keys;
mod pages;
mod reference;
mod schema;

#[cfg(test)]
mod tests;

pub use clap_complete::Shell;

pub(crate) use self::effective::values;
pub use self::{
    effective::effective,
    pages::{completions, man_page, man_pages},
    reference::reference,
    schema::schema,
};
