//! All keys of the configuration, out of its schema.

use serde_json::{Map, Value};

/// A table of the configuration file.
#[derive(Clone, Debug)]
pub(super) struct Section {
    /// Its name, as `digest.rooms[]` for a list of tables and `people.*` for one by name.
    pub(super) path: String,
    /// What it is for.
    pub(super) meaning: String,
    /// Whether a configuration without it is refused.
    pub(super) needed: bool,
    /// Its keys, without those of tables in it.
    pub(super) keys: Vec<Key>,
}

/// A key that has a value.
#[derive(Clone, Debug)]
pub(super) struct Key {
    /// Its name with those of its tables before it.
    pub(super) path: String,
    /// Its name.
    pub(super) name: String,
    /// What it can be, in words.
    pub(super) kind: String,
    /// What holds without it, as it would be written.
    pub(super) default: Option<String>,
    /// Whether its table is refused without it.
    pub(super) needed: bool,
    /// What it is for.
    pub(super) meaning: String,
}

/// All tables with their keys; the first has no name and holds what stands above all tables.
pub(super) fn sections(schema: &Value) -> Vec<Section> {
    let mut all = Vec::new();
    walk(schema, Section::new("", schema, true), &mut all);
    all
}

impl Section {
    fn new(path: &str, schema: &Value, needed: bool) -> Self {
        Self { path: path.to_owned(), meaning: meaning(schema), needed, keys: Vec::new() }
    }
}

fn walk(schema: &Value, mut section: Section, all: &mut Vec<Section>) {
    let mut inner = Vec::new();
    for alternative in alternatives(schema) {
        // Where there are several forms, none of their keys has to be there.
        let form = (!std::ptr::eq(alternative, schema)).then_some(alternative);
        let needed = |name: &str| {
            let list = alternative.get("required").and_then(Value::as_array);
            form.is_none() && list.is_some_and(|list| list.iter().any(|one| one == name))
        };
        for (name, value) in properties(alternative).into_iter().flatten() {
            let path = join(&section.path, name);
            match tables(value) {
                Some((rows, suffix)) => {
                    let mut table = Section::new(&format!("{path}{suffix}"), value, needed(name));
                    if table.meaning.is_empty() {
                        table.meaning = meaning(rows);
                    }
                    inner.push((rows, table));
                }
                None => section.keys.push(Key {
                    path,
                    name: name.clone(),
                    kind: kind(value),
                    default: value.get("default").map(written),
                    needed: needed(name),
                    meaning: key_meaning(value, form),
                }),
            }
        }
    }
    all.push(section);
    for (rows, table) in inner {
        walk(rows, table, all);
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// The schema itself, or its forms where it has several that are tables.
fn alternatives(schema: &Value) -> Vec<&Value> {
    let forms = schema.get("oneOf").and_then(Value::as_array);
    let forms: Vec<&Value> =
        forms.into_iter().flatten().filter(|one| properties(one).is_some()).collect();
    if forms.is_empty() { vec![schema] } else { forms }
}

fn properties(schema: &Value) -> Option<&Map<String, Value>> {
    schema.get("properties").and_then(Value::as_object)
}

/// The tables that a key stands for, if it does, and what shows how many: one, a list, or by name.
fn tables(value: &Value) -> Option<(&Value, &'static str)> {
    let is_table = |schema: &Value| {
        schema.get("title").is_none()
            && alternatives(schema).iter().any(|one| properties(one).is_some())
    };
    if is_table(value) {
        return Some((value, ""));
    }
    let rows = value.get("items").filter(|rows| is_table(rows)).map(|rows| (rows, "[]"));
    rows.or_else(|| Some((named_rows(value).filter(|rows| is_table(rows))?, ".*")))
}

/// What stands under each name of a table whose names are free.
fn named_rows(value: &Value) -> Option<&Value> {
    let patterns = value.get("patternProperties").and_then(Value::as_object);
    let by_pattern = patterns.and_then(|patterns| patterns.values().next());
    by_pattern.or_else(|| value.get("additionalProperties").filter(|rows| rows.is_object()))
}

/// What a key is for. Where its table has several forms, the form tells that of its one key.
fn key_meaning(value: &Value, form: Option<&Value>) -> String {
    let mut words = meaning(form.unwrap_or(value));
    for (word, what) in choices(value) {
        if !what.is_empty() {
            words.push_str(&format!(" `{word}`: {what}"));
        }
    }
    words
}

fn meaning(schema: &Value) -> String {
    let words = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The words that a key allows, each with what it stands for.
fn choices(value: &Value) -> Vec<(String, String)> {
    let one_of = value.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    let told = one_of.filter_map(|one| {
        let word = one.get("const").and_then(Value::as_str)?;
        Some((word.to_owned(), meaning(one)))
    });
    let plain = value.get("enum").and_then(Value::as_array).into_iter().flatten();
    let plain = plain.filter_map(|word| Some((word.as_str()?.to_owned(), String::new())));
    told.chain(plain).collect()
}

fn kind(value: &Value) -> String {
    let words = choices(value);
    if !words.is_empty() {
        let words: Vec<String> = words.into_iter().map(|(word, _)| format!("`{word}`")).collect();
        return words.join(", ");
    }
    if let Some(title) = value.get("title").and_then(Value::as_str) {
        return format!("{title}{}", range(value));
    }
    if let Some(rows) = named_rows(value) {
        return format!("table, each a {}", kind(rows));
    }
    match value.get("type").and_then(Value::as_str) {
        Some("boolean") => "`true` or `false`".to_owned(),
        Some("integer" | "number") => format!("number{}", range(value)),
        Some("array") => {
            format!("list, each: {}", value.get("items").map_or_else(|| "text".to_owned(), kind))
        }
        _ => "text".to_owned(),
    }
}

fn range(value: &Value) -> String {
    let bound = |name: &str| value.get(name).and_then(Value::as_u64);
    match (bound("minimum").unwrap_or(0), bound("maximum")) {
        (least, Some(most)) => format!(", {least} to {most}"),
        (0, None) => String::new(),
        (least, None) => format!(", at least {least}"),
    }
}

/// A value as it stands in the file.
fn written(value: &Value) -> String {
    match value {
        Value::Array(list) => {
            let list: Vec<String> = list.iter().map(written).collect();
            format!("[{}]", list.join(", "))
        }
        Value::Object(_) => "{}".to_owned(),
        plain => plain.to_string(),
    }
}
