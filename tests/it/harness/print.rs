//! Whether tables come out of the printer whole.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::Command;

use regex::Regex;
use serde_json::Value;

use super::page::{Page, texts};

/// How far a word may reach over the edge of the paper, in points: figures are rounded.
const TOLERANCE: f64 = 0.5;

/// What is printed on all pages, in the order in which it is drawn: that of the document, mostly.
struct Printed {
    /// All characters but spaces, in lower case.
    text: String,
    /// For each byte of the text, the page where it is.
    pages: Vec<usize>,
    /// Words that lie outside the paper.
    outside: Vec<String>,
}

/// Which tables of a page are cut in print: too wide, held back by a box around them, with rows that continue on
/// another page, or with words that are not printed.
pub(crate) async fn cut_tables(pdf: &[u8], page: &Page) -> Vec<String> {
    let tables = page.script_in_print("printedTables()").await;
    let printed = read(pdf);
    let mut problems = texts(&tables["problems"]);
    problems.extend(printed.outside.iter().map(|word| format!("\"{word}\" is printed outside the paper")));
    let rows: Vec<Vec<String>> = tables["rows"].as_array().unwrap().iter().map(words).collect();
    problems.extend(cut_rows(&printed, &rows));
    problems
}

/// The number of rows in the tables of a page that are printed, for tests that must not pass by checking nothing.
pub(crate) async fn count_of_rows(page: &Page) -> usize {
    page.script_in_print("printedTables().rows").await.as_array().unwrap().len()
}

fn words(row: &Value) -> Vec<String> {
    texts(row).iter().map(|word| plain(word)).filter(|word| !word.is_empty()).collect()
}

/// A text as it is compared: fonts and styles change its spaces, its hyphens and its case.
fn plain(text: &str) -> String {
    let invisible =
        |it: char| it.is_whitespace() || matches!(it, '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}');
    text.chars().filter(|it| !invisible(*it)).flat_map(char::to_lowercase).collect()
}

/// The rows that are not found whole on one page.
fn cut_rows(printed: &Printed, rows: &[Vec<String>]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut from = 0;
    for row in rows {
        let whole = row.concat();
        let found = match printed.text[from..].find(&whole) {
            Some(at) => Some((from + at, from + at + whole.len())),
            None => in_order(printed, row, from),
        };
        let name = row.join(" ");
        if let Some((begin, end)) = found {
            let pages: BTreeSet<usize> = printed.pages[begin..end].iter().copied().collect();
            if pages.len() > 1 {
                problems.push(format!("the row \"{name}\" is split over the pages {pages:?}"));
            }
            from = end;
        } else {
            let missing = missing_from_every_page(printed, row);
            if !missing.is_empty() {
                problems.push(format!("the row \"{name}\" is on no page whole: {missing:?} is elsewhere"));
            }
        }
    }
    problems
}

/// Where the words of a row are, one after the other, with something in between that styles add.
fn in_order(printed: &Printed, row: &[String], from: usize) -> Option<(usize, usize)> {
    let longest = 3 * row.concat().len() + 200;
    let first = from + printed.text[from..].find(row.first()?.as_str())?;
    let mut at = first;
    for word in row {
        at += printed.text[at..].find(word.as_str())? + word.len();
    }
    (at - first <= longest).then_some((first, at))
}

/// The words of a row that are missing on the page which has most of it, in whatever order they are drawn there.
fn missing_from_every_page(printed: &Printed, row: &[String]) -> Vec<String> {
    let mut wanted: BTreeMap<&str, usize> = BTreeMap::new();
    for word in row {
        *wanted.entry(word).or_default() += 1;
    }
    let count = printed.pages.last().map_or(0, |last| last + 1);
    let missing_on = |page: usize| -> Vec<String> {
        let begin = printed.pages.partition_point(|it| *it < page);
        let end = printed.pages.partition_point(|it| *it <= page);
        let text = &printed.text[begin..end];
        let missing = wanted.iter().filter(|(word, times)| text.matches(**word).count() < **times);
        missing.map(|(word, _)| (*word).to_owned()).collect()
    };
    (0..count).map(missing_on).min_by_key(Vec::len).unwrap_or_default()
}

/// Reads what is printed where.
fn read(pdf: &[u8]) -> Printed {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(pdf).unwrap();
    let output = Command::new("pdftotext").args(["-raw", "-bbox"]).arg(file.path()).arg("-").output();
    let output = output.unwrap_or_else(|error| panic!("pdftotext is missing ({error}): run `scripts/test` once"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let pages = Regex::new(r#"<page width="([\d.]+)" height="([\d.]+)">"#).unwrap();
    let words =
        Regex::new(r#"<word xMin="([-\d.]+)" yMin="([-\d.]+)" xMax="([-\d.]+)" yMax="([-\d.]+)">(.*)</word>"#).unwrap();
    let mut printed = Printed { text: String::new(), pages: Vec::new(), outside: Vec::new() };
    let (mut size, mut count) = ((0.0, 0.0), 0_usize);
    for line in text.lines() {
        let number = |text: &str| text.parse::<f64>().unwrap();
        if let Some(page) = pages.captures(line) {
            size = (number(&page[1]), number(&page[2]));
            count += 1;
        } else if let Some(word) = words.captures(line) {
            let [left, top, right, bottom] = [1, 2, 3, 4].map(|it| number(&word[it]));
            let text = unescape(&word[5]);
            let inside =
                left >= -TOLERANCE && top >= -TOLERANCE && right <= size.0 + TOLERANCE && bottom <= size.1 + TOLERANCE;
            if !inside {
                printed.outside.push(text.clone());
            }
            printed.text.push_str(&plain(&text));
            printed.pages.resize(printed.text.len(), count - 1);
        }
    }
    assert!(count > 0, "nothing is printed");
    printed
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'").replace("&amp;", "&")
}
