//! Reads a dump, chunk by chunk, and says in which line it is not as expected. Pure.

use std::io::{BufRead, Lines};

use serde::Deserialize;
use serde_json::Value;

use super::tables::{Columns, Kind, tables};
use super::{FORMAT, Heading};
use crate::store::StoreError;

/// Rows of one chunk: one statement.
const ROWS_PER_CHUNK: usize = 500;

/// Any line but the first.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Table { table: String, columns: Vec<String> },
    Row(Vec<Value>),
    End { rows: u64 },
}

/// Rows of one table.
pub(super) struct Chunk {
    pub(super) table: &'static str,
    pub(super) columns: Columns,
    pub(super) rows: Vec<Vec<Value>>,
}

/// A dump that is being read.
pub(super) struct Reader<R> {
    lines: Lines<R>,
    number: u64,
    /// The table that rows belong to.
    table: Option<(&'static str, Columns)>,
    ended: bool,
    /// How many rows were read.
    pub(super) rows: u64,
}

impl<R: BufRead> Reader<R> {
    /// Reads the first line. `schema` is that of the store to be filled.
    pub(super) fn open(dump: R, schema: i64) -> Result<Self, StoreError> {
        let mut reader = Self { lines: dump.lines(), number: 0, table: None, ended: false, rows: 0 };
        let heading = reader.line()?.and_then(|line| serde_json::from_str::<Heading>(&line).ok());
        match heading {
            None => Err(reader.bad("this is no dump of chiplog")),
            Some(heading) if heading.chiplog_dump != FORMAT || heading.schema > schema => {
                Err(reader.bad("the dump was made by a newer chiplog: restore it with that one"))
            }
            Some(_) => Ok(reader),
        }
    }

    /// The next rows. `None` at the end of a whole dump.
    pub(super) fn chunk(&mut self) -> Result<Option<Chunk>, StoreError> {
        let mut rows = Vec::new();
        while !self.ended {
            let Some(line) = self.line()? else {
                return Err(self.bad("the dump is cut off: its last line is missing"));
            };
            match serde_json::from_str(&line).map_err(|error| self.bad(&format!("is not as expected: {error}")))? {
                Line::Row(row) => {
                    let Some((table, columns)) = self.table else { return Err(self.bad("a row before any table")) };
                    self.check(columns, &row)?;
                    self.rows += 1;
                    rows.push(row);
                    if rows.len() == ROWS_PER_CHUNK {
                        return Ok(Some(Chunk { table, columns, rows }));
                    }
                }
                Line::Table { table, columns } => {
                    let before = self.table.replace(self.known(&table, &columns)?);
                    if let (Some((table, columns)), false) = (before, rows.is_empty()) {
                        return Ok(Some(Chunk { table, columns, rows }));
                    }
                }
                Line::End { rows: told } if told != self.rows => {
                    return Err(self.bad(&format!("{told} rows were announced and {} found", self.rows)));
                }
                Line::End { .. } => self.ended = true,
            }
        }
        let last = self.table.filter(|_| !rows.is_empty());
        Ok(last.map(|(table, columns)| Chunk { table, columns, rows }))
    }

    fn line(&mut self) -> Result<Option<String>, StoreError> {
        self.number += 1;
        let line = self.lines.next().transpose();
        line.map_err(|error| self.bad(&format!("cannot be read: {error}")))
    }

    fn known(&self, name: &str, columns: &[String]) -> Result<(&'static str, Columns), StoreError> {
        let found = tables().find(|(table, _)| *table == name);
        let found = found.ok_or_else(|| self.bad(&format!("this chiplog has no table \"{name}\"")))?;
        if !found.1.iter().map(|(column, _)| column).eq(columns) {
            return Err(self.bad(&format!("the columns of {name} are not those of this chiplog")));
        }
        Ok(found)
    }

    fn check(&self, columns: Columns, row: &[Value]) -> Result<(), StoreError> {
        let fits = |((_, kind), cell): (&(&str, Kind), &Value)| match kind {
            Kind::Text => cell.is_string() || cell.is_null(),
            Kind::Number => cell.is_i64() || cell.is_null(),
        };
        if columns.len() == row.len() && columns.iter().zip(row).all(fits) {
            return Ok(());
        }
        Err(self.bad("the row does not fit its table"))
    }

    fn bad(&self, problem: &str) -> StoreError {
        StoreError::other(format!("line {} of the dump: {problem}. Nothing was restored", self.number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADING: &str = "{\"chiplog_dump\":1,\"schema\":5}\n";
    const KEY: &str = "{\"table\":\"installation\",\"columns\":[\"name\",\"value\"]}\n";

    fn read(dump: &str) -> Result<Vec<(&'static str, usize)>, String> {
        let mut reader = Reader::open(dump.as_bytes(), 5).map_err(|error| error.to_string())?;
        let mut chunks = Vec::new();
        while let Some(chunk) = reader.chunk().map_err(|error| error.to_string())? {
            chunks.push((chunk.table, chunk.rows.len()));
        }
        Ok(chunks)
    }

    #[test]
    fn rows_come_in_chunks_of_one_table() {
        let row = |number: usize| format!("[\"key {number}\",null]\n");
        let many: String = (0..=ROWS_PER_CHUNK).map(row).collect();
        let cursors =
            "{\"table\":\"cursors\",\"columns\":[\"source\",\"name\",\"state\"]}\n[\"git\",\"refs\",\"{}\"]\n";
        let dump = format!("{HEADING}{KEY}{many}{cursors}{{\"rows\":{}}}\n", ROWS_PER_CHUNK + 2);
        assert_eq!(read(&dump).unwrap(), [("installation", ROWS_PER_CHUNK), ("installation", 1), ("cursors", 1)]);
        assert_eq!(read(&format!("{HEADING}{KEY}{{\"rows\":0}}\n")).unwrap(), []);
    }

    #[test]
    fn a_dump_that_is_not_whole_or_not_as_expected_names_its_line() {
        let row = "[\"person_key\",\"ab\"]\n";
        for (dump, complaint) in [
            (String::new(), "line 1 of the dump: this is no dump of chiplog. Nothing was restored"),
            (
                "{\"chiplog_dump\":1,\"schema\":6}\n".to_owned(),
                "line 1 of the dump: the dump was made by a newer chiplog: restore it with that one. Nothing was restored",
            ),
            (format!("{HEADING}{row}"), "line 2 of the dump: a row before any table. Nothing was restored"),
            (
                format!("{HEADING}{KEY}{row}"),
                "line 4 of the dump: the dump is cut off: its last line is missing. Nothing was restored",
            ),
            (
                format!("{HEADING}{KEY}[\"person_key\",7]\n"),
                "line 3 of the dump: the row does not fit its table. Nothing was restored",
            ),
            (
                format!("{HEADING}{KEY}{row}{{\"rows\":2}}\n"),
                "line 4 of the dump: 2 rows were announced and 1 found. Nothing was restored",
            ),
            (
                format!("{HEADING}{{\"table\":\"people\",\"columns\":[]}}\n"),
                "line 2 of the dump: this chiplog has no table \"people\". Nothing was restored",
            ),
        ] {
            assert_eq!(read(&dump).unwrap_err(), complaint, "{dump}");
        }
    }
}
