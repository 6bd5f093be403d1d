//! Statements whose length depends on what they are about: lists and rows of values.

use sqlx::{
    Any, AnyConnection, Arguments as _, AssertSqlSafe, Encode, FromRow, Type,
    any::{AnyArguments, AnyRow},
};

use super::engine::Engine;

/// A statement and its values.
pub(super) struct Statement {
    /// A `?` stands for each value, as SQLite takes it.
    sql: String,
    values: AnyArguments,
    /// Why a value cannot be taken.
    refused: Option<sqlx::Error>,
}

impl Statement {
    pub(super) fn new(sql: impl Into<String>) -> Self {
        Self { sql: sql.into(), values: AnyArguments::default(), refused: None }
    }

    /// A statement that ends in a list of texts.
    pub(super) fn with_list<'a>(
        sql: impl Into<String>,
        texts: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let mut statement = Self::new(sql);
        statement.list(texts);
        statement
    }

    /// Adds text, which must not hold a `?`.
    pub(super) fn push(&mut self, sql: &str) -> &mut Self {
        self.sql.push_str(sql);
        self
    }

    /// Adds a value.
    pub(super) fn bind<'v, V: Encode<'v, Any> + Type<Any>>(&mut self, value: V) -> &mut Self {
        self.sql.push('?');
        if let Err(error) = self.values.add(value) {
            self.refused = Some(sqlx::Error::Encode(error));
        }
        self
    }

    /// Adds the values of a list, and the `)` that ends it.
    pub(super) fn list<'a>(&mut self, texts: impl IntoIterator<Item = &'a str>) -> &mut Self {
        for (place, text) in texts.into_iter().enumerate() {
            self.push(if place == 0 { "" } else { ", " }).bind(text);
        }
        self.push(")")
    }

    /// Adds `VALUES` with a row for each of `items`.
    pub(super) fn rows<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut row: impl FnMut(&mut RowValues<'_>, T),
    ) -> &mut Self {
        self.push("VALUES ");
        for (place, item) in items.into_iter().enumerate() {
            self.push(if place == 0 { "(" } else { "), (" });
            row(&mut RowValues { statement: self, first: true }, item);
        }
        self.push(")")
    }

    pub(super) async fn execute(self, connection: &mut AnyConnection) -> Result<u64, sqlx::Error> {
        let (sql, values) = self.finish(connection)?;
        let query = sqlx::query_with(AssertSqlSafe(sql), values).persistent(false);
        Ok(query.execute(connection).await?.rows_affected())
    }

    pub(super) async fn fetch(
        self,
        connection: &mut AnyConnection,
    ) -> Result<Vec<AnyRow>, sqlx::Error> {
        let (sql, values) = self.finish(connection)?;
        sqlx::query_with(AssertSqlSafe(sql), values).persistent(false).fetch_all(connection).await
    }

    pub(super) async fn fetch_as<T>(
        self,
        connection: &mut AnyConnection,
    ) -> Result<Vec<T>, sqlx::Error>
    where
        T: for<'r> FromRow<'r, AnyRow>,
    {
        self.fetch(connection).await?.iter().map(T::from_row).collect()
    }

    fn finish(self, connection: &AnyConnection) -> Result<(String, AnyArguments), sqlx::Error> {
        match self.refused {
            Some(error) => Err(error),
            None => Ok((for_engine(self.sql, Engine::of(connection)), self.values)),
        }
    }
}

/// The values of one row.
pub(super) struct RowValues<'s> {
    statement: &'s mut Statement,
    first: bool,
}

impl RowValues<'_> {
    pub(super) fn bind<'v, V: Encode<'v, Any> + Type<Any>>(&mut self, value: V) -> &mut Self {
        if !std::mem::take(&mut self.first) {
            self.statement.push(", ");
        }
        self.statement.bind(value);
        self
    }
}

/// PostgreSQL wants its values numbered; SQLite looks numbers' names up one by one, which takes time
/// that grows with the square of their count.
fn for_engine(sql: String, engine: Engine) -> String {
    if engine == Engine::Sqlite {
        return sql;
    }
    let mut numbered = String::with_capacity(sql.len() * 2);
    for (place, piece) in sql.split('?').enumerate() {
        if place > 0 {
            numbered.push('$');
            numbered.push_str(&place.to_string());
        }
        numbered.push_str(piece);
    }
    numbered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_marked_as_each_engine_wants_it() {
        let mut insert = Statement::new("INSERT INTO t (a, b) ");
        insert.rows([(1_i64, "x"), (2, "y")], |row, (a, b)| {
            row.bind(a).bind(b);
        });
        insert.push(" WHERE c IN (").list(["p", "q"]);
        let sql = insert.sql;
        let sqlite = "INSERT INTO t (a, b) VALUES (?, ?), (?, ?) WHERE c IN (?, ?)";
        assert_eq!(for_engine(sql.clone(), Engine::Sqlite), sqlite);
        let postgres = "INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4) WHERE c IN ($5, $6)";
        assert_eq!(for_engine(sql, Engine::Postgres), postgres);
    }
}
