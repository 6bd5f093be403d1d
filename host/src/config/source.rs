//! The files of a configuration, read as one: the one that is named, and those that it includes.

use std::{
    fs::File,
    io::Read as _,
    ops::Range,
    path::{Path, PathBuf},
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{ConfigError, Pattern, mistake};

/// Longest configuration, in bytes, with all that it includes.
const CONFIG_BYTES_MAX: usize = 1 << 20;
/// Files that a configuration includes.
const INCLUDED_MAX: usize = 256;
/// Tables and arrays in each other, in a file that is included.
const DEPTH_MAX: usize = 32;

/// One file.
struct Source {
    path: PathBuf,
    text: String,
    /// Where its text begins, were the texts of all files one.
    begin: usize,
}

/// All files, the one that was named first. A span counts bytes over all of them.
pub(super) struct Sources(Vec<Source>);

impl Sources {
    /// A text that includes nothing.
    pub(super) fn of(text: &str, path: &Path) -> Self {
        Self(vec![Source { path: path.to_owned(), text: text.to_owned(), begin: 0 }])
    }

    /// Reads a file and what it includes.
    pub(super) fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = read(path, CONFIG_BYTES_MAX);
        let text = text.map_err(|what| ConfigError::File { path: path.to_owned(), what })?;
        let mut sources = Self::of(&text, path);
        let directory = path.parent().unwrap_or_else(|| Path::new(""));
        for (span, words) in included(&text) {
            let files = named(directory, &words);
            let files = files.map_err(|what| sources.error(Some(span.clone()), &what))?;
            for file in files {
                sources.include(file).map_err(|what| sources.error(Some(span.clone()), &what))?;
            }
        }
        Ok(sources)
    }

    fn include(&mut self, path: PathBuf) -> Result<(), String> {
        let shown = path.display();
        if self.0.iter().any(|source| source.path == path) {
            return Err(format!("`{shown}` is read already: name it once"));
        }
        if self.0.len() > INCLUDED_MAX {
            return Err(format!("more than {INCLUDED_MAX} files are included"));
        }
        // One byte between two texts: the end of one is not where the next begins.
        let begin = self.0.iter().map(|source| source.text.len() + 1).sum();
        let left = CONFIG_BYTES_MAX.saturating_sub(begin);
        let text = read(&path, left).map_err(|what| format!("`{shown}`: {what}"))?;
        self.0.push(Source { path, text, begin });
        Ok(())
    }

    /// All keys of all files: tables are put together, lists of tables strung together, and any
    /// other key stands in one file only.
    pub(super) fn merged(&self) -> Result<Spanned<DeTable<'_>>, ConfigError> {
        let mut all: Option<Spanned<DeTable<'_>>> = None;
        for source in &self.0 {
            let table = DeTable::parse(&source.text).map_err(|error| {
                let span = error.span().map(|span| moved(&span, source.begin));
                // Without a place it is still this file's.
                self.error(Some(span.unwrap_or(source.begin..source.begin)), error.message())
            })?;
            match &mut all {
                None => all = Some(table),
                Some(all) => {
                    let table = moved_table(table.into_inner(), source.begin, DEPTH_MAX)
                        .ok_or_else(|| self.error(Some(source.begin..source.begin), TOO_DEEP))?;
                    self.no_include(&table)?;
                    merge(all.get_mut(), table).map_err(|twice| self.twice(&twice))?;
                }
            }
        }
        Ok(all.unwrap_or_else(|| Spanned::new(0..0, DeTable::new())))
    }

    fn no_include(&self, table: &DeTable<'_>) -> Result<(), ConfigError> {
        let Some((key, _)) = table.get_key_value("include") else { return Ok(()) };
        let what = "a file that is included includes no others: name them in the first file";
        Err(self.error(Some(key.span()), what))
    }

    fn twice(&self, Twice { key, at, before }: &Twice) -> ConfigError {
        let (source, span) = self.place(before);
        let line = mistake::line_of(&source.text, span.start);
        let place = format!("{}, line {line}", source.path.display());
        self.error(Some(at.clone()), &format!("`{key}` stands in {place} too: leave one of them"))
    }

    /// The error with its file and, where there is a place, its line.
    pub(super) fn error(&self, span: Option<Range<usize>>, what: &str) -> ConfigError {
        let (source, local) = self.place(&span.clone().unwrap_or(0..0));
        let local = span.map(|_| local);
        let what = mistake::shown(&source.text, local, what);
        ConfigError::Line { path: source.path.clone(), what }
    }

    /// The file that a span is in, and the span in its text.
    fn place(&self, span: &Range<usize>) -> (&Source, Range<usize>) {
        static NOTHING: Source = Source { path: PathBuf::new(), text: String::new(), begin: 0 };
        let within = self.0.iter().rev().find(|source| source.begin <= span.start);
        let source = within.unwrap_or(&NOTHING);
        let local = |at: usize| at.saturating_sub(source.begin).min(source.text.len());
        (source, local(span.start)..local(span.end))
    }
}

const TOO_DEEP: &str = "tables stand in each other more deeply than any key here";

/// Reads a text, at most so many bytes of it: a device has no length that could be asked for.
fn read(path: &Path, bytes_max: usize) -> Result<String, String> {
    let mut bytes = Vec::new();
    let most = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(most).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() > bytes_max {
        return Err(format!(
            "too long: a configuration has at most {CONFIG_BYTES_MAX} bytes with all that it includes"
        ));
    }
    String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes().iter().take(error.utf8_error().valid_up_to());
        let line = line.filter(|byte| **byte == b'\n').count() + 1;
        format!("line {line}: this is not UTF-8: save the file as UTF-8")
    })
}

/// What a text says that it includes, and where. What is no text is told when the keys are read.
fn included(text: &str) -> Vec<(Range<usize>, String)> {
    let Ok(table) = DeTable::parse(text) else { return Vec::new() };
    let list = table.get_ref().get("include").and_then(|list| list.get_ref().as_array());
    let texts = list.into_iter().flatten();
    texts.filter_map(|one| Some((one.span(), one.get_ref().as_str()?.to_owned()))).collect()
}

/// The files that a name stands for, in the order of their names. `*` in its last part stands for
/// any text; a file whose name begins with a dot is never meant by it.
fn named(directory: &Path, words: &str) -> Result<Vec<PathBuf>, String> {
    let path = directory.join(words);
    let last = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if !last.contains('*') {
        return Ok(vec![path]);
    }
    let pattern = Pattern::try_from(last.to_owned())?;
    let folder = path.parent().unwrap_or(directory);
    let failed = |error: std::io::Error| format!("`{}`: {error}", folder.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let fits = |name: &str| !name.starts_with('.') && pattern.fits(name);
        if name.to_str().is_some_and(fits) {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

fn moved(span: &Range<usize>, by: usize) -> Range<usize> {
    span.start.saturating_add(by)..span.end.saturating_add(by)
}

fn moved_table(table: DeTable<'_>, by: usize, depth: usize) -> Option<DeTable<'_>> {
    let depth = depth.checked_sub(1)?;
    let mut all = DeTable::new();
    for (key, value) in table {
        let key = Spanned::new(moved(&key.span(), by), key.into_inner());
        all.insert(key, moved_value(value, by, depth)?);
    }
    Some(all)
}

fn moved_value(
    value: Spanned<DeValue<'_>>,
    by: usize,
    depth: usize,
) -> Option<Spanned<DeValue<'_>>> {
    let span = moved(&value.span(), by);
    let inner = match value.into_inner() {
        DeValue::Table(table) => DeValue::Table(moved_table(table, by, depth)?),
        DeValue::Array(list) => {
            let depth = depth.checked_sub(1)?;
            let list = list.into_iter().map(|one| moved_value(one, by, depth));
            DeValue::Array(list.collect::<Option<Vec<_>>>()?.into_iter().collect())
        }
        plain => plain,
    };
    Some(Spanned::new(span, inner))
}

/// A key that stands in two files.
struct Twice {
    key: String,
    at: Range<usize>,
    before: Range<usize>,
}

fn merge<'t>(all: &mut DeTable<'t>, table: DeTable<'t>) -> Result<(), Twice> {
    for (key, value) in table {
        let Some(there) = all.get_mut(&**key.get_ref()) else {
            all.insert(key, value);
            continue;
        };
        let before = there.span();
        match (there.get_mut(), value.into_inner()) {
            (DeValue::Table(there), DeValue::Table(more)) => merge(there, more)?,
            (DeValue::Array(there), DeValue::Array(more)) if are_tables(there, &more) => {
                more.into_iter().for_each(|one| there.push(one));
            }
            _ => {
                let at = key.span();
                return Err(Twice { key: key.into_inner().into_owned(), at, before });
            }
        }
    }
    Ok(())
}

fn are_tables(one: &[Spanned<DeValue<'_>>], other: &[Spanned<DeValue<'_>>]) -> bool {
    one.iter().chain(other).all(|value| value.get_ref().is_table())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;
    use crate::config::{EXAMPLE, load};

    /// A folder with the example, which includes what stands beside it.
    fn folder(include: &str, files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("conf.d")).unwrap();
        let text = format!("include = {include}\n{EXAMPLE}");
        let main = [("chat-digest.toml", text.as_str())];
        for (name, text) in main.iter().chain(files) {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    fn error(folder: &tempfile::TempDir) -> String {
        load(&folder.path().join("chat-digest.toml")).unwrap_err().to_string()
    }

    const BOTH: &str = "[\"people.toml\", \"conf.d/*.toml\"]";

    #[test]
    fn files_are_read_as_one() {
        let people = "[people.\"sip:bob@contoso.com\"]\nwish = \"off\"\n";
        let more = "[[rooms]]\nname = \"More*\"\n[groups]\n\"ma-grp:1\" = \"one@contoso.com\"\n";
        let files = [
            ("people.toml", people),
            ("conf.d/b.toml", more),
            ("conf.d/a.toml", "[people.\"sip:anna.keller@contoso.com\".attributes]\n"),
            ("conf.d/.#a.toml", "not read"),
            ("conf.d/a.toml~", "not read"),
        ];
        let folder = folder(BOTH, &files);
        let config = load(&folder.path().join("chat-digest.toml")).unwrap();
        assert_eq!((config.people.len(), config.groups.len(), config.rooms.len()), (2, 2, 4));
    }

    #[test]
    fn errors_name_the_right_file_and_line() {
        let mistakes = [
            ("\n[people.\"sip:bob@contoso.com\"]\nwsh = \"off\"\n", 3, "did you mean `wish`?"),
            ("\n[digest]\nschedule = \"soon\"\n", 3, "chat-digest.toml, line "),
            ("[digest\n", 1, "conf.d/a.toml: line 1, column "),
            ("\n\n[defaults]\nlanguage = \"de\"", 4, "`language` stands in "),
            ("include = [\"b.toml\"]", 1, "includes no others"),
            ("[[rooms]]\nnam = \"x\"", 2, "did you mean `name`?"),
        ];
        for (text, line, words) in mistakes {
            let said = error(&folder(BOTH, &[("people.toml", ""), ("conf.d/a.toml", text)]));
            assert!(said.contains("a.toml: line ") && said.contains(words), "{said}");
            assert!(said.contains(&format!("a.toml: line {line}, ")), "{said}");
        }
        let said = error(&folder("[\n  \"peple.toml\"]", &[]));
        assert!(
            said.contains("chat-digest.toml: line 2, ") && said.contains("peple.toml"),
            "{said}"
        );
        let said = error(&folder("[\"people.toml\", \"people.toml\"]", &[("people.toml", "")]));
        assert!(said.contains("is read already"), "{said}");
        let said = error(&folder("[\"nowhere/*.toml\"]", &[]));
        assert!(said.contains("nowhere") && said.contains("line 1, "), "{said}");
        let deep = format!("a{} = 1", ".a".repeat(DEPTH_MAX));
        let said = error(&folder(BOTH, &[("people.toml", &deep)]));
        assert!(said.contains("people.toml: line 1, column 1"), "{said}");
    }

    #[test]
    fn a_device_is_not_read_without_end() {
        let said = load(Path::new("/dev/zero")).unwrap_err().to_string();
        assert!(said.contains("too long"), "{said}");
    }
}
