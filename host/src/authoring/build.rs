//! `guest build`: runs the language's own tool, or says how to install it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context as _, Result, anyhow, bail};
use wit_component::ComponentEncoder;

use super::project::Language;

const TARGET: &str = "wasm32-unknown-unknown";

/// Builds the project in `dir` into a component beside its sources. With `wasi`, WASI is left in
/// where the tool puts it: printing works then, and everything else is denied.
///
/// # Errors
/// If it is no project, a tool is missing, or the tool fails; what it said stands above.
pub(super) fn build(dir: &Path, wasi: bool) -> Result<ExitCode> {
    let dir =
        dir.canonicalize().with_context(|| format!("there is no folder {}", dir.display()))?;
    let language = language(&dir)?;
    let name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let out = dir.join(format!("{name}.wasm"));
    match language {
        Language::Rust => rust(&dir, &out)?,
        Language::Python => python(&dir, &out, wasi)?,
        Language::Js => js(&dir, &out, wasi)?,
    }
    let bytes = fs::metadata(&out).with_context(|| format!("no {} was made", out.display()))?.len();
    println!("{}: {bytes} bytes. Next:\n", out.display());
    println!("  chat-digest guest test {}", out.display());
    println!("  chat-digest guest preview {}", out.display());
    Ok(ExitCode::SUCCESS)
}

fn language(dir: &Path) -> Result<Language> {
    let found = Language::ALL.into_iter().find(|language| dir.join(language.mark()).is_file());
    let marks = Language::ALL.map(Language::mark).join(", ");
    found.ok_or_else(|| {
        anyhow!(
            "{} is no guest's project, as there is none of {marks}: give its folder, or write one \
             with `chat-digest guest new NAME`",
            dir.display()
        )
    })
}

/// What compiles Rust for the sandbox.
struct Compiler {
    rustc: PathBuf,
    /// A linker to name, where the toolchain has none of its own for the target.
    linker: Option<PathBuf>,
    build_std: bool,
}

fn rust(dir: &Path, out: &Path) -> Result<()> {
    let compiler = compiler().ok_or_else(|| {
        anyhow!(
            "the Rust compiler has nothing for {TARGET}: run `{}`, or on Debian beside rustup's \
             toolchain `apt-get install rustc-web rust-web-src`",
            Language::Rust.install()
        )
    })?;
    let target = dir.join("target");
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--lib", "--target", TARGET]).current_dir(dir);
    cargo.env("CARGO_TARGET_DIR", &target).env("RUSTC", &compiler.rustc);
    if let Some(linker) = &compiler.linker {
        cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
    }
    if compiler.build_std {
        cargo.arg("-Zbuild-std=std,panic_abort").env("RUSTC_BOOTSTRAP", "1");
    }
    run(cargo, "install rustup's stable toolchain, https://rustup.rs")?;
    let module = target.join(TARGET).join("release").join(format!("{}.wasm", library(dir)?));
    encode(&module, out)
}

/// The name of the library that a `Cargo.toml` describes.
fn library(dir: &Path) -> Result<String> {
    let manifest = fs::read_to_string(dir.join("Cargo.toml")).context("cannot read Cargo.toml")?;
    let manifest: toml::Table = manifest.parse().context("Cargo.toml is no TOML")?;
    let name = |section: &str| manifest.get(section)?.get("name")?.as_str();
    let name = name("lib").or_else(|| name("package")).context("Cargo.toml names no package")?;
    Ok(name.replace('-', "_"))
}

/// The toolchain's own compiler if it has the target, else Debian's, which builds the standard
/// library from its sources.
fn compiler() -> Option<Compiler> {
    let sysroot = PathBuf::from(said(Command::new("rustc").args(["--print", "sysroot"]))?);
    if sysroot.join("lib/rustlib").join(TARGET).is_dir() {
        return Some(Compiler { rustc: "rustc".into(), linker: None, build_std: false });
    }
    let debian = PathBuf::from("/usr/bin/rustc");
    let theirs = PathBuf::from(said(Command::new(&debian).args(["--print", "sysroot"]))?);
    let sources = theirs.join("lib/rustlib/src/rust/library").is_dir();
    let linker = linker(&sysroot)?;
    sources.then_some(Compiler { rustc: debian, linker: Some(linker), build_std: true })
}

/// `lib/rustlib/HOST/bin/rust-lld` of a toolchain.
fn linker(sysroot: &Path) -> Option<PathBuf> {
    let hosts = fs::read_dir(sysroot.join("lib/rustlib")).ok()?;
    let mut linkers = hosts.flatten().map(|host| host.path().join("bin/rust-lld"));
    linkers.find(|linker| linker.is_file())
}

/// What a command prints, if it can be run.
fn said(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

/// Turns a core module into a component.
fn encode(module: &Path, out: &Path) -> Result<()> {
    let bytes = fs::read(module).with_context(|| format!("cannot read {}", module.display()))?;
    let component = ComponentEncoder::default()
        .validate(true)
        .module(&bytes)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| anyhow!("{} makes no component: {error:#}", module.display()))?;
    put(out, &component)
}

/// Puts the component in place at once: a preview that watches it never sees half of it.
fn put(out: &Path, component: &[u8]) -> Result<()> {
    let half = out.with_extension("wasm.new");
    fs::write(&half, component)
        .and_then(|()| fs::rename(&half, out))
        .with_context(|| format!("cannot write {}", out.display()))
}

fn python(dir: &Path, out: &Path, wasi: bool) -> Result<()> {
    let mut tool = tool(dir, ".venv/bin/componentize-py", Language::Python)?;
    tool.args(["-d", "wit", "-w", "guest", "componentize", "app"]);
    if !wasi {
        tool.arg("-s");
    }
    through(tool, out, Language::Python)
}

fn js(dir: &Path, out: &Path, wasi: bool) -> Result<()> {
    let mut tool = tool(dir, "node_modules/.bin/componentize-qjs", Language::Js)?;
    tool.args(["-w", "wit", "-j", "app.js", "-n", "guest", "--sync"]);
    if !wasi {
        tool.arg("--stub-wasi");
    }
    through(tool, out, Language::Js)
}

/// Has a tool write beside the component's place, then puts it there.
fn through(mut tool: Command, out: &Path, language: Language) -> Result<()> {
    let half = out.with_extension("wasm.new");
    tool.arg("-o").arg(&half);
    run(tool, language.install())?;
    fs::rename(&half, out).with_context(|| format!("cannot write {}", out.display()))
}

/// A tool of the project's own, else one in the path.
fn tool(dir: &Path, own: &str, language: Language) -> Result<Command> {
    let file = Path::new(own).file_name().unwrap_or_default();
    let own = dir.join(own);
    let path = env::var_os("PATH").unwrap_or_default();
    let mut places =
        std::iter::once(own).chain(env::split_paths(&path).map(|folder| folder.join(file)));
    let Some(found) = places.find(|place| place.is_file()) else {
        bail!(
            "{} is missing: run `cd {} && {}`",
            file.to_string_lossy(),
            dir.display(),
            language.install()
        );
    };
    let mut command = Command::new(found);
    command.current_dir(dir);
    Ok(command)
}

/// Runs a command whose words go to the terminal.
fn run(mut command: Command, install: &str) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status =
        command.status().map_err(|error| anyhow!("cannot run {name} ({error}): {install}"))?;
    if !status.success() {
        bail!("{name} failed ({status}); what it says stands above");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

    use super::*;

    #[test]
    fn a_folder_tells_its_language_and_what_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        let error = build(dir.path(), false).unwrap_err().to_string();
        assert!(error.contains("none of Cargo.toml, app.py, app.js"), "{error}");
        fs::write(dir.path().join("app.js"), "").unwrap();
        assert_eq!(language(dir.path()).unwrap(), Language::Js);
        let error = tool(dir.path(), ".venv/bin/no-such-tool", Language::Python).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("no-such-tool is missing") && error.contains("pip install"),
            "{error}"
        );
    }

    #[test]
    fn a_library_is_named_by_its_manifest() {
        let dir = tempfile::tempdir().unwrap();
        let manifest = |text: &str| fs::write(dir.path().join("Cargo.toml"), text).unwrap();
        manifest("[package]\nname = \"on-call\"\n");
        assert_eq!(library(dir.path()).unwrap(), "on_call");
        manifest("[package]\nname = \"on-call\"\n[lib]\nname = \"other\"\n");
        assert_eq!(library(dir.path()).unwrap(), "other");
        manifest("[workspace]\n");
        assert!(library(dir.path()).is_err());
    }
}
