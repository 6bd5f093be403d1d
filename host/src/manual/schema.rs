//! The configuration as a JSON schema, from the comments of its types.

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value};

use crate::config::Config;

/// The schema of the configuration file. TOML knows no null: a key is there, or it is left out.
#[must_use]
pub fn schema() -> Value {
    let mut schema = of::<Config>();
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("title".to_owned(), "chat-digest.toml".into());
    }
    schema
}

/// The schema of one type of value.
pub(super) fn of<T: JsonSchema>() -> Value {
    let mut schema = Value::from(generator().into_root_schema_for::<T>());
    without_null(&mut schema);
    schema
}

fn generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12()
        .with(|settings| settings.inline_subschemas = true)
        .into_generator()
}

fn without_null(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            object.values_mut().for_each(without_null);
            plain(object);
        }
        Value::Array(list) => list.iter_mut().for_each(without_null),
        _ => {}
    }
}

/// Takes null out of one schema; where one alternative is left, the schema is that.
fn plain(schema: &mut Map<String, Value>) {
    if schema.get("default").is_some_and(Value::is_null) {
        schema.remove("default");
    }
    if let Some(Value::Array(kinds)) = schema.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [only] = kinds.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    let Some(Value::Array(any)) = schema.get_mut("anyOf") else { return };
    any.retain(|one| one.get("type").is_none_or(|kind| kind != "null"));
    if let [Value::Object(only)] = any.as_slice() {
        let only = only.clone();
        schema.remove("anyOf");
        for (key, value) in only {
            schema.entry(key).or_insert(value);
        }
    }
}
