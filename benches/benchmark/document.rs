//! The tables as text, and their places in `docs/benchmarks.md`.

use std::fmt::Write as _;
use std::path::Path;

use crate::machine;

/// What came of measuring one of the tables.
pub(crate) struct Section {
    /// Its number.
    pub(crate) number: u8,
    /// What was measured.
    pub(crate) title: &'static str,
    /// The tables.
    pub(crate) tables: Vec<Table>,
    /// What was left out, and what else a reader has to know: sentences.
    pub(crate) left_out: Vec<String>,
}

/// A table.
pub(crate) struct Table {
    head: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub(crate) fn new(head: &'static [&'static str]) -> Self {
        Self { head, rows: Vec::new() }
    }

    /// Adds a row with a cell for each column.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        assert_eq!(N, self.head.len(), "a cell for each column");
        crate::progress(&cells.join(" | "));
        self.rows.push(cells.into());
    }

    fn text(&self) -> String {
        let line = |cells: &mut dyn Iterator<Item = &str>| format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "));
        let mut text = line(&mut self.head.iter().copied());
        text += &line(&mut self.head.iter().map(|_| "---"));
        for row in &self.rows {
            text += &line(&mut row.iter().map(String::as_str));
        }
        text
    }
}

impl Section {
    /// The whole section, with date, machine and versions.
    pub(crate) async fn text(&self) -> String {
        let mut text = format!("## {}. {}\n\n{}\n", self.number, self.title, machine::description().await);
        for table in &self.tables {
            let _ = write!(text, "\n{}", table.text());
        }
        let _ = write!(text, "\nLeft out, and to be known: {}\n", self.left_out.join(" "));
        text
    }
}

fn marks(number: u8) -> (String, String) {
    (format!("<!-- table {number}, written by scripts/benchmark -->\n"), format!("<!-- end of table {number} -->\n"))
}

/// Puts a section into the document, between its marks. Quick ones go into a file of their own.
pub(crate) fn write(number: u8, text: &str, quick: bool) {
    let path = if quick {
        crate::folder().join("quick.md")
    } else {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/benchmarks.md")
    };
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    std::fs::write(&path, placed(&before, number, text)).unwrap();
    crate::progress(&format!("table {number} stands in {}", path.display()));
}

/// The document with the text of one section replaced; where there was none, before those of higher numbers.
fn placed(document: &str, number: u8, text: &str) -> String {
    let (begin, end) = marks(number);
    let new = format!("{begin}{text}{end}");
    let old = document.find(&begin).and_then(|from| {
        let until = from + document[from..].find(&end)? + end.len();
        Some(from..until)
    });
    if let Some(place) = old {
        return format!("{}{new}{}", &document[..place.start], &document[place.end..]);
    }
    let later = crate::TABLES.into_iter().filter(|other| *other > number);
    match later.filter_map(|other| document.find(&marks(other).0)).min() {
        Some(next) => format!("{}{new}\n{}", &document[..next], &document[next..]),
        None => format!("{document}\n{new}"),
    }
}

/// A duration as people read it.
pub(crate) fn seconds(seconds: f64) -> String {
    match seconds {
        short if short < 0.001 => format!("{:.0} µs", short * 1e6),
        short if short < 1.0 => format!("{:.1} ms", short * 1000.0),
        long if long < 10.0 => format!("{long:.2} s"),
        long => format!("{long:.0} s"),
    }
}

/// A size as people read it.
pub(crate) fn megabytes(bytes: u64) -> String {
    let megabytes = bytes as f64 / (1024.0 * 1024.0);
    if megabytes < 10.0 { format!("{megabytes:.1} MiB") } else { format!("{megabytes:.0} MiB") }
}

/// A count as people read it.
pub(crate) fn count(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A ratio, with whether it meets its goal.
pub(crate) fn ratio(value: f64, meets_goal: Option<bool>) -> String {
    let digits = if value < 10.0 { format!("{value:.2}") } else { format!("{value:.0}") };
    match meets_goal {
        Some(false) => format!("**{digits}**: misses the goal"),
        _ => digits,
    }
}
