//! A configuration that a test bends before the host reads it.

use toml::{Table, Value};

/// The configuration as a tree.
#[derive(Clone, Debug)]
pub struct Settings(Table);

impl Settings {
    /// Takes the text of a configuration file.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.parse().unwrap())
    }

    /// Sets a key such as `chat.password`, making the tables on the way.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) {
        let (tables, key) = key.rsplit_once('.').unwrap_or(("", key));
        self.table(tables).insert(key.to_owned(), value.into());
    }

    /// Sets a key of one person's table.
    pub fn set_person(&mut self, sip: &str, key: &str, value: impl Into<Value>) {
        let people = self.table("people");
        let person = people.entry(sip).or_insert_with(|| Table::new().into());
        person.as_table_mut().unwrap().insert(key.to_owned(), value.into());
    }

    /// Takes a key out.
    pub fn remove(&mut self, key: &str) {
        let (tables, key) = key.rsplit_once('.').unwrap_or(("", key));
        self.table(tables).remove(key);
    }

    /// The file's text.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.to_string()
    }

    fn table(&mut self, path: &str) -> &mut Table {
        path.split('.').filter(|name| !name.is_empty()).fold(&mut self.0, |table, name| {
            let inner = table.entry(name).or_insert_with(|| Table::new().into());
            inner.as_table_mut().unwrap()
        })
    }
}
