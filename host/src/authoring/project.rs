//! `guest new`: a project that builds, in the language of choice.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;

/// The contract that new guests are written against: the one that this host speaks.
const CONTRACT: &str = include_str!("../../../wit/0.3.0/chat-digest.wit");

/// Longest name of a project, in characters.
const NAME_CHARS_MAX: usize = 40;

/// What a guest is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// Smallest and fastest: 0.1 MB.
    #[default]
    Rust,
    /// By componentize-py; 18 MB.
    Python,
    /// JavaScript, by componentize-qjs; 1.5 MB.
    Js,
}

/// A file of a new project, and what stands in it but for the names.
type File = (&'static str, &'static str);

impl Language {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::Rust, Self::Python, Self::Js];

    /// The file by which a project of this language is known.
    pub(super) fn mark(self) -> &'static str {
        match self {
            Self::Rust => "Cargo.toml",
            Self::Python => "app.py",
            Self::Js => "app.js",
        }
    }

    /// How to install what builds it, within the project's folder.
    pub(super) fn install(self) -> &'static str {
        match self {
            Self::Rust => "rustup target add wasm32-unknown-unknown",
            Self::Python => "python3 -m venv .venv && .venv/bin/pip install componentize-py",
            Self::Js => "npm install",
        }
    }

    fn commands(self) -> &'static str {
        match self {
            Self::Rust => {
                "cargo build --release --target wasm32-unknown-unknown\n\
                 # and turns the module into a component, as this does:\n\
                 # wasm-tools component new target/wasm32-unknown-unknown/release/{module}.wasm -o {name}.wasm"
            }
            Self::Python => {
                ".venv/bin/componentize-py -d wit -w guest componentize app -s -o {name}.wasm"
            }
            Self::Js => {
                "node_modules/.bin/componentize-qjs -w wit -j app.js -n guest --sync --stub-wasi -o {name}.wasm"
            }
        }
    }

    fn files(self) -> &'static [File] {
        match self {
            Self::Rust => &[
                ("Cargo.toml", include_str!("templates/rust/Cargo.toml.in")),
                ("src/lib.rs", include_str!("templates/rust/lib.rs.in")),
                ("src/text.rs", include_str!("templates/rust/text.rs.in")),
                (".gitignore", "/target\n*.wasm\n"),
            ],
            Self::Python => &[
                ("app.py", include_str!("templates/python/app.py.in")),
                (".gitignore", "/.venv\n__pycache__/\n*.wasm\n"),
            ],
            Self::Js => &[
                ("app.js", include_str!("templates/js/app.js.in")),
                ("package.json", include_str!("templates/js/package.json.in")),
                (".gitignore", "/node_modules\n*.wasm\n"),
            ],
        }
    }
}

/// Writes the project `name` into a new folder of `dir`, and says what comes next.
///
/// # Errors
/// If the name is none, the folder is there already, or a file cannot be written.
pub(super) fn new(name: &str, language: Language, dir: &Path) -> Result<ExitCode> {
    let folder = write(name, language, dir)?;
    println!("Wrote {}. Next:\n", folder.display());
    println!("  cd {}", folder.display());
    println!("  {}", language.install());
    println!("  chat-digest guest build");
    println!("  chat-digest guest test {name}.wasm");
    println!("  chat-digest guest preview {name}.wasm");
    Ok(ExitCode::SUCCESS)
}

fn write(name: &str, language: Language, dir: &Path) -> Result<PathBuf> {
    check_name(name)?;
    let folder = dir.join(name);
    if folder.exists() {
        bail!(
            "{} is there already, and nothing is overwritten: give another name",
            folder.display()
        );
    }
    let filled = |text: &str| {
        text.replace("{install}", language.install())
            .replace("{commands}", language.commands())
            .replace("{module}", &name.replace('-', "_"))
            .replace("{name}", name)
    };
    // Braces of a program are its own.
    let as_is =
        |file: &str| file.ends_with(".rs") || file.ends_with(".py") || file.ends_with(".js");
    for (file, text) in language.files() {
        let text = if as_is(file) { (*text).to_owned() } else { filled(text) };
        put(&folder.join(file), &text)?;
    }
    put(&folder.join("README.md"), &filled(include_str!("templates/README.md.in")))?;
    put(&folder.join("wit/chat-digest.wit"), CONTRACT)?;
    Ok(folder)
}

fn check_name(name: &str) -> Result<()> {
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
    let goes_on = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let ends = !name.ends_with('-') && !name.contains("--") && name.len() <= NAME_CHARS_MAX;
    if !(begins && ends && name.chars().all(goes_on)) {
        bail!(
            "\"{name}\" cannot be a guest's name: take up to {NAME_CHARS_MAX} of a to z, 0 to 9 and single -, \
             beginning with a letter"
        );
    }
    Ok(())
}

fn put(file: &Path, text: &str) -> Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

    use super::*;

    #[test]
    fn a_project_is_written_once() {
        let dir = tempfile::tempdir().unwrap();
        for (number, language) in Language::ALL.into_iter().enumerate() {
            let name = format!("my-{number}");
            let folder = write(&name, language, dir.path()).unwrap();
            assert!(folder.join(language.mark()).is_file());
            assert_eq!(fs::read_to_string(folder.join("wit/chat-digest.wit")).unwrap(), CONTRACT);
            let readme = fs::read_to_string(folder.join("README.md")).unwrap();
            assert!(readme.contains(&name) && !readme.contains('{'), "{readme}");
            let error = write(&name, language, dir.path()).unwrap_err();
            assert!(error.to_string().contains("is there already"), "{error}");
        }
    }

    #[test]
    fn names_stay_in_their_folder() {
        for bad in ["", "../x", "a/b", "A", "1a", "a_b", "a--b", "a-", &"a".repeat(41)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        assert!(check_name("on-call-2").is_ok());
    }
}
