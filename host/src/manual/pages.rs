//! Man pages and completions, from the command line's own description.

use std::{
    io::{self, Write},
    path::Path,
};

use clap_complete::Shell;

/// Writes the completions of a shell.
///
/// # Errors
/// What the system says if they cannot be written.
pub fn completions(
    mut command: clap::Command,
    shell: Shell,
    out: &mut impl Write,
) -> io::Result<()> {
    let name = command.get_name().to_owned();
    // What makes them stops the program where its output is closed: it writes to memory.
    let mut made = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut made);
    out.write_all(&made)
}

/// Writes the man page of the program.
///
/// # Errors
/// What the system says if it cannot be written.
pub fn man_page(command: clap::Command, out: &mut impl Write) -> io::Result<()> {
    clap_mangen::Man::new(command).render(out)
}

/// Writes the man pages of the program and of all its commands into a folder.
///
/// # Errors
/// What the system says if they cannot be written.
pub fn man_pages(command: clap::Command, folder: &Path) -> io::Result<()> {
    clap_mangen::generate_to(command, folder)
}
