//! Rows out of CSV and JSON, as many at a time as a transaction takes.

use std::collections::BTreeMap;
use std::io::{Chain, Read};

use csv::{ByteRecord, ReaderBuilder, Terminator};
use serde::Serialize;
use serde_json::Value;
use thiserror::Error;
use utoipa::ToSchema;

use super::row::{Known, fact};
use super::template::Template;
use crate::facts::{Fact, shortened};

/// The cells of a row by the names of their columns.
type Cells = BTreeMap<&'static str, String>;

/// Why nothing of a file can be read.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct ReadError(String);

/// A row that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// The line of the file, or the number of the row in JSON, from 1.
    pub line: u64,
    /// What is wrong and how to mend it.
    pub reason: String,
}

/// Rows that were read together.
#[derive(Debug, Default)]
pub struct Received {
    /// The good ones.
    pub facts: Vec<Fact>,
    /// The others.
    pub problems: Vec<Problem>,
}

/// Reads rows of one template. Never holds more rows than it is asked for at once.
pub struct Intake<'a, R> {
    template: &'static Template,
    known: &'a Known,
    rows: Rows<R>,
}

/// A file whose last line ends.
type Ended<R> = Chain<R, &'static [u8]>;

enum Rows<R> {
    Csv { reader: Box<csv::Reader<Ended<R>>>, columns: Vec<&'static str> },
    Json(std::iter::Enumerate<std::vec::IntoIter<Value>>),
}

impl<'a, R: Read> Intake<'a, R> {
    /// Reads CSV: lines that begin with `#` are comments, the first other line names the columns, in any order.
    ///
    /// # Errors
    /// The header has an unknown column, or lacks one.
    pub fn csv(template: &'static Template, known: &'a Known, file: R) -> Result<Self, ReadError> {
        let mut reader = ReaderBuilder::new()
            .comment(Some(b'#'))
            .flexible(true)
            // A carriage return before it is trimmed with the cell.
            .terminator(Terminator::Any(b'\n'))
            .from_reader(file.chain(&b"\n"[..]));
        let header = reader.byte_headers().map_err(|error| ReadError(format!("the file cannot be read: {error}")))?;
        let names: Vec<String> =
            header.iter().map(|name| String::from_utf8_lossy(name).trim().to_lowercase()).collect();
        let all = || template.columns.iter().map(|column| column.name).collect::<Vec<_>>().join(", ");
        let mut columns = Vec::new();
        for (number, name) in names.iter().enumerate() {
            // Spreadsheets write a mark of the byte order in front.
            let name = if number == 0 { name.trim_start_matches('\u{feff}') } else { name };
            let known = template.columns.iter().find(|column| column.name == name).map(|column| column.name);
            let known = known.filter(|name| !columns.contains(name));
            columns.push(known.ok_or_else(|| {
                ReadError(format!("the header has a column \"{name}\" too many: expected {}", all()))
            })?);
        }
        if let Some(missing) = template.columns.iter().find(|column| column.required && !columns.contains(&column.name))
        {
            return Err(ReadError(format!("the header lacks the column {}: expected {}", missing.name, all())));
        }
        Ok(Self { template, known, rows: Rows::Csv { reader: Box::new(reader), columns } })
    }

    /// Takes rows of JSON: objects with the columns as keys.
    pub fn json(template: &'static Template, known: &'a Known, rows: Vec<Value>) -> Self {
        Self { template, known, rows: Rows::Json(rows.into_iter().enumerate()) }
    }

    /// The next rows, at most so many. `None` at the end.
    pub fn next(&mut self, most: usize) -> Option<Received> {
        let mut received = Received::default();
        let mut read = 0;
        while read < most {
            let Some((line, cells)) = self.cells() else { break };
            read += 1;
            match cells.and_then(|cells| fact(self.template, &cells, self.known)) {
                Ok(fact) => received.facts.push(Fact::ReportedValue(fact)),
                Err(reason) => received.problems.push(Problem { line, reason: shortened(&reason) }),
            }
        }
        (read > 0).then_some(received)
    }

    /// The line and the cells of the next row.
    fn cells(&mut self) -> Option<(u64, Result<Cells, String>)> {
        match &mut self.rows {
            Rows::Csv { reader, columns } => {
                let mut record = ByteRecord::new();
                let earliest = reader.position().line();
                let read = loop {
                    let read = reader.read_byte_record(&mut record);
                    let blank = record.len() == 1 && record.as_slice().trim_ascii().is_empty();
                    if !(matches!(read, Ok(true)) && blank) {
                        break read;
                    }
                };
                match read {
                    Ok(false) => None,
                    // A quote that is never closed has taken the end of the last line as well.
                    Ok(true) => Some((line_of(reader, &record).max(earliest), csv_cells(&record, columns))),
                    Err(error) => {
                        let line = error.position().map_or(0, csv::Position::line);
                        Some((line, Err(format!("cannot be read: {error}"))))
                    }
                }
            }
            Rows::Json(rows) => {
                let (number, row) = rows.next()?;
                Some((number as u64 + 1, json_cells(self.template, &row)))
            }
        }
    }
}

/// The line on which a record that was just read begins: comments and empty lines before it do not count.
fn line_of<R: Read>(reader: &csv::Reader<R>, record: &ByteRecord) -> u64 {
    let breaks = String::from_utf8_lossy(record.as_slice()).matches('\n').count() as u64;
    reader.position().line().saturating_sub(1 + breaks)
}

fn csv_cells(record: &ByteRecord, columns: &[&'static str]) -> Result<Cells, String> {
    if record.len() != columns.len() {
        return Err(format!("has {} fields where the header has {}", record.len(), columns.len()));
    }
    let cells = columns.iter().zip(record).map(|(name, cell)| match std::str::from_utf8(cell) {
        Ok(cell) => Ok((*name, cell.to_owned())),
        Err(_) => Err(format!("{name}: is not UTF-8")),
    });
    cells.collect()
}

fn json_cells(template: &'static Template, row: &Value) -> Result<Cells, String> {
    let row = row.as_object().ok_or("is no object: write { \"column\": value, … }")?;
    let mut cells = BTreeMap::new();
    for (name, value) in row {
        let Some(column) = template.columns.iter().find(|column| column.name == name) else {
            let all = template.columns.iter().map(|column| column.name).collect::<Vec<_>>().join(", ");
            return Err(format!("has an unknown key \"{name}\": expected {all}"));
        };
        let cell = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(holds) => holds.to_string(),
            Value::Null => String::new(),
            Value::Array(_) | Value::Object(_) => return Err(format!("{name}: is no plain value")),
        };
        cells.insert(column.name, cell);
    }
    Ok(cells)
}

#[cfg(test)]
mod tests {
    use super::super::template::find;
    use super::*;
    use crate::facts::PersonHasher;

    fn known() -> Known {
        Known {
            teams: ["payments".to_owned()].into(),
            people: PersonHasher::new("key"),
            now: "2026-10-10T00:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn bad_rows_are_told_by_line_and_good_ones_go_on() {
        let text = "# a survey\nteam,id,date,score\npayments,1,2026-09-30,4\npayments,2,2026-09-30\n\npayments,3,2026-09-30,9\npayments,4,2026-09-30,\"5\"\n";
        let known = known();
        let mut intake = Intake::csv(find("team_engagement").unwrap(), &known, text.as_bytes()).unwrap();
        let first = intake.next(2).unwrap();
        assert_eq!((first.facts.len(), first.problems.len()), (1, 1));
        assert_eq!(first.problems[0], Problem { line: 4, reason: "has 3 fields where the header has 4".to_owned() });
        let second = intake.next(10).unwrap();
        assert_eq!((second.facts.len(), second.problems[0].line), (1, 6));
        assert!(intake.next(10).is_none());
    }

    #[test]
    fn lines_are_counted_whatever_ends_them() {
        let known = known();
        for text in [
            "id,team,date,score\r\n1,payments,2026-09-30,4\r\n# note\r\n2,payments,2026-09-30,9\r\n",
            "id,team,date,score\n\"1\n\",payments,2026-09-30,4\n2,payments,2026-09-30,9",
            "id,team,date,score\n\n1,payments,2026-09-30,4\n\"2,payments,2026-09-30,9",
        ] {
            let mut intake = Intake::csv(find("team_engagement").unwrap(), &known, text.as_bytes()).unwrap();
            let received = intake.next(10).unwrap();
            assert_eq!((received.facts.len(), received.problems[0].line), (1, 4), "{text:?}");
        }
    }

    #[test]
    fn a_wrong_header_says_which_columns_there_are() {
        let (known, template) = (known(), find("team_engagement").unwrap());
        let wrong = |text: &'static str| {
            Intake::csv(template, &known, text.as_bytes()).err().map(|error| error.to_string()).unwrap_or_default()
        };
        let expected = "expected id, team, date, score, answers";
        assert_eq!(wrong("id,team,date,mark\n"), format!("the header has a column \"mark\" too many: {expected}"));
        assert_eq!(wrong("id,team,date\n"), format!("the header lacks the column score: {expected}"));
        assert_eq!(wrong("\u{feff}id,team,date,score\n"), "");
    }

    #[test]
    fn json_rows_are_read_by_the_same_rules() {
        let rows = vec![
            serde_json::json!({ "id": 1, "team": "payments", "date": "2026-09-30", "score": 4.5 }),
            serde_json::json!({ "id": 2, "team": "payments", "date": "2026-09-30", "mark": 4.5 }),
            serde_json::json!(7),
        ];
        let known = known();
        let mut intake = Intake::<&[u8]>::json(find("team_engagement").unwrap(), &known, rows);
        let received = intake.next(10).unwrap();
        assert_eq!((received.facts.len(), received.problems.len()), (1, 2));
        assert_eq!(received.problems[1].line, 3);
    }
}
