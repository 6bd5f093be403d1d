//! `chat-digest guest`: what the author of a guest works with, from a new project to the mails that
//! it would write. Nothing here touches a chat, a mailbox or a database.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, Result, anyhow};
use clap::Subcommand;

mod build;
mod checks;
mod inspect;
mod markup;
mod preview;
mod project;
mod report;
#[cfg(test)]
mod same;
pub mod samples;
mod trial;

use crate::guest::{Guest, Limits, Sandbox};
use report::Severity;
use trial::Trial;

/// What to do with a guest.
#[derive(Subcommand)]
pub enum Action {
    /// Writes a new project that builds and passes `guest test`.
    #[command(after_help = "Example: chat-digest guest new my-guest --lang python")]
    New {
        /// What the guest is called; also the new folder's name.
        name: String,
        /// The language to write it in.
        #[arg(long, value_enum, default_value_t)]
        lang: project::Language,
        /// The folder to put the project's folder into.
        #[arg(long, value_name = "DIR", default_value = ".")]
        dir: PathBuf,
    },
    /// Builds a project's component, or says what is missing for that and how to install it.
    #[command(after_help = "Example: cd my-guest && chat-digest guest build")]
    Build {
        /// The project.
        #[arg(value_name = "DIR", default_value = ".")]
        dir: PathBuf,
        /// Leaves WASI in, and with it what the guest prints, for its log. Python and JavaScript.
        #[arg(long)]
        wasi: bool,
    },
    /// Tries a guest with sample rooms and hostile messages; exit code 1 if there are errors.
    #[command(
        after_help = "Example: chat-digest guest test my-guest.wasm --set default=digest --json"
    )]
    Test {
        /// The component.
        file: PathBuf,
        /// Settings of the guest, as under [guest.settings].
        #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting)]
        settings: Vec<(String, String)>,
        /// Prints one line of JSON for each check.
        #[arg(long)]
        json: bool,
    },
    /// Shows the mails about sample rooms in a browser, and anew whenever the file changes.
    #[command(after_help = "Example: chat-digest guest preview my-guest.wasm --port 8080")]
    Preview {
        /// The component.
        file: PathBuf,
        /// The port on the loopback; left out, any that is free.
        #[arg(long, value_name = "N", default_value_t = 0)]
        port: u16,
        /// Settings of the guest, as under [guest.settings].
        #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting)]
        settings: Vec<(String, String)>,
    },
    /// Prints a guest's interface version, imports, size, and what its calls cost.
    #[command(after_help = "Example: chat-digest guest inspect my-guest.wasm")]
    Inspect {
        /// The component.
        file: PathBuf,
        /// Prints one line of JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Does what the command line asks for. `stop` ends a preview.
///
/// # Errors
/// In words that say what to do.
pub async fn obey(action: Action, stop: impl Future<Output = Result<()>>) -> Result<ExitCode> {
    match action {
        Action::New { name, lang, dir } => blocking(move || project::new(&name, lang, &dir)).await,
        Action::Build { dir, wasi } => blocking(move || build::build(&dir, wasi)).await,
        Action::Test { file, settings, json } => {
            blocking(move || test(&file, settings.into_iter().collect(), json)).await
        }
        Action::Preview { file, port, settings } => {
            preview::preview(file, port, settings.into_iter().collect(), stop).await
        }
        Action::Inspect { file, json } => blocking(move || inspect::inspect(&file, json)).await,
    }
}

/// Runs what blocks where it may.
async fn blocking(work: impl FnOnce() -> Result<ExitCode> + Send + 'static) -> Result<ExitCode> {
    tokio::task::spawn_blocking(work).await.context("the work was given up")?
}

fn setting(words: &str) -> Result<(String, String), String> {
    let (key, value) =
        words.split_once('=').ok_or_else(|| format!("\"{words}\" has no `=`: give KEY=VALUE"))?;
    Ok((key.to_owned(), value.to_owned()))
}

fn test(file: &Path, settings: BTreeMap<String, String>, json: bool) -> Result<ExitCode> {
    let sandbox = Sandbox::new(&Limits::default())?;
    let guest = load(&sandbox, file)?;
    let heading = format!("{}, chat-digest:guest@{}", guest.id(), guest.interface_version());
    let report = checks::run(&Trial::new(guest, settings), &samples::all());
    if json {
        print!("{}", report.json());
    } else {
        print!("{heading}\n\n{}", report.words());
    }
    let well = report.count(Severity::Error) == 0;
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Loads a component under its file's name, from the author's cache if it was compiled before.
fn load(sandbox: &Sandbox, file: &Path) -> Result<Guest> {
    compile(sandbox, file, cache().as_deref())
}

/// Where compiled components are kept: compiling Python takes 20 seconds.
fn cache() -> Option<PathBuf> {
    let own = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    let folder = own.filter(|own| own.is_absolute()).or_else(home)?.join("chat-digest");
    std::fs::create_dir_all(&folder).ok()?;
    Some(folder.join("guests"))
}

fn compile(sandbox: &Sandbox, file: &Path, cache: Option<&Path>) -> Result<Guest> {
    let bytes = std::fs::read(file)
        .with_context(|| format!("cannot read {}: give the component's file", file.display()))?;
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    sandbox.load(&bytes, &name, cache).map_err(|error| anyhow!(error))
}
