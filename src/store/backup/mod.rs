//! Everything in a store as lines of JSON, and back into an empty store of either engine.
//!
//! The first line says what it is; a line with `table` and `columns` begins each table; its rows follow, one array a line; the
//! last line counts them all, so that a dump that was cut off is not taken for a whole one.

mod reader;
mod tables;

use std::io::{BufRead, Write};

use futures_util::TryStreamExt as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::{QueryBuilder, Row as _};

use self::reader::Reader;
use self::tables::{Kind, tables};
use super::{Engine, Store, StoreError, on_engine, on_writer};

/// The version of the format.
const FORMAT: u64 = 1;

/// How often a long dump or restoration tells how far it is.
const ROWS_BETWEEN_NEWS: u64 = 250_000;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct Heading {
    chiplog_dump: u64,
    /// The newest migration of the store that it was made of.
    schema: i64,
}

impl Store {
    /// Writes everything that cannot be made again, as of one moment, and returns how many rows there were. It holds the key
    /// that people are hashed with: keep it as secret as the store.
    ///
    /// # Errors
    /// The store cannot be read, or the destination not written.
    pub async fn dump(&self, out: &mut (dyn Write + Send)) -> Result<u64, StoreError> {
        let unwritable = |error: std::io::Error| StoreError::other(format!("the dump cannot be written: {error}"));
        // A plain transaction of PostgreSQL would see in each table what was committed by then.
        let begin = match self.engine {
            Engine::Sqlite { .. } => "BEGIN",
            Engine::Postgres(_) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        };
        let heading = json!(Heading { chiplog_dump: FORMAT, schema: self.schema().await? });
        writeln!(out, "{heading}").map_err(unwritable)?;
        let mut written = 0;
        on_engine!(self, pool: Database => {
            let mut transaction = pool.begin_with(begin).await?;
            for (table, columns) in tables() {
                let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
                writeln!(out, "{}", json!({ "table": table, "columns": names })).map_err(unwritable)?;
                let mut query = QueryBuilder::<Database>::new("SELECT ");
                query.push(names.join(", ")).push(" FROM ").push(table);
                let mut rows = query.build().fetch(&mut *transaction);
                while let Some(row) = rows.try_next().await? {
                    let cells = columns.iter().enumerate().map(|(place, (_, kind))| {
                        Ok(match kind {
                            Kind::Text => json!(row.try_get::<Option<String>, _>(place)?),
                            Kind::Number => json!(row.try_get::<Option<i64>, _>(place)?),
                        })
                    });
                    let cells = cells.collect::<Result<Vec<Value>, sqlx::Error>>()?;
                    writeln!(out, "{}", Value::Array(cells)).map_err(unwritable)?;
                    written += 1;
                    tell("written", written);
                }
            }
        });
        writeln!(out, "{}", json!({ "rows": written })).and_then(|()| out.flush()).map_err(unwritable)?;
        Ok(written)
    }

    /// Fills an empty store with a dump, in one transaction: all of it or nothing. Returns how many rows there were.
    ///
    /// # Errors
    /// The store is not empty, the dump is of a newer chiplog, or a line is not as expected; that line is named.
    pub async fn restore(&self, dump: impl BufRead) -> Result<u64, StoreError> {
        let mut reader = Reader::open(dump, self.schema().await?)?;
        on_writer!(self, pool: Database => {
            let mut transaction = pool.begin().await?;
            // A store that was opened by a command has a key of its own; the hashes of the dump were made with another.
            sqlx::query("DELETE FROM installation").execute(&mut *transaction).await?;
            for (table, _) in tables() {
                let mut any = QueryBuilder::<Database>::new("SELECT 1 FROM ");
                any.push(table).push(" LIMIT 1");
                if any.build().fetch_optional(&mut *transaction).await?.is_some() {
                    return Err(StoreError::other(format!(
                        "the store is not empty: there are {table} in it. Restore into a new one: name another file or database in [store]"
                    )));
                }
            }
            while let Some(chunk) = reader.chunk()? {
                let names: Vec<&str> = chunk.columns.iter().map(|(name, _)| *name).collect();
                let mut insert = QueryBuilder::<Database>::new("INSERT INTO ");
                insert.push(chunk.table).push(" (").push(names.join(", ")).push(") ");
                insert.push_values(chunk.rows, |mut values, row| {
                    for ((_, kind), cell) in chunk.columns.iter().zip(row) {
                        match kind {
                            Kind::Text => values.push_bind(cell.as_str().map(str::to_owned)),
                            Kind::Number => values.push_bind(cell.as_i64()),
                        };
                    }
                });
                insert.build().execute(&mut *transaction).await?;
                tell("restored", reader.rows);
            }
            transaction.commit().await?;
        });
        Ok(reader.rows)
    }

    /// The newest migration that was applied.
    async fn schema(&self) -> Result<i64, StoreError> {
        let newest = "SELECT MAX(version) FROM _sqlx_migrations";
        Ok(on_engine!(self, pool: Database => sqlx::query_scalar(newest).fetch_one(pool).await?))
    }
}

fn tell(done: &str, rows: u64) {
    if rows.is_multiple_of(ROWS_BETWEEN_NEWS) {
        tracing::info!(rows, "{rows} rows {done}");
    }
}
