//! Line coverage out of lcov, Cobertura and JaCoCo reports; which of them it is, the report itself tells.

use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::{ReportError, attribute};
use crate::facts::FileCoverage;

/// Lines by number, and whether a test ran each.
type Lines = BTreeMap<u64, bool>;

/// Files by path, as they stand in a report: one may come several times.
type Files = Vec<(String, Lines)>;

/// The paths that a report gives may be so many times longer than the report: JaCoCo writes a package once for all of its
/// files.
const LONGEST_PATHS: usize = 4;

/// Reads a report, file by file. A line that stands in it several times is covered if any of them is.
pub(crate) fn coverage(text: &str) -> Result<Vec<FileCoverage>, ReportError> {
    let text = text.trim_start_matches('\u{feff}');
    let told = if text.trim_start().starts_with('<') { xml(text)? } else { lcov(text)? };
    let mut files: BTreeMap<String, Lines> = BTreeMap::new();
    for (path, lines) in told {
        let known = files.entry(path).or_default();
        for (line, covered) in lines {
            *known.entry(line).or_default() |= covered;
        }
    }
    let files = files.into_iter().filter(|(_, lines)| !lines.is_empty()).map(|(path, lines)| FileCoverage {
        covered: lines.values().filter(|covered| **covered).count() as u64,
        lines: lines.len() as u64,
        path: path.trim_start_matches("./").to_owned(),
    });
    Ok(files.collect())
}

fn lcov(text: &str) -> Result<Files, ReportError> {
    let mut files = Files::new();
    for (number, line) in text.lines().enumerate() {
        match line.trim().split_once(':') {
            Some(("SF", path)) => files.push((path.to_owned(), Lines::new())),
            Some(("DA", data)) => {
                let mut parts = data.split(',');
                let mut next = || parts.next().and_then(|part| part.trim().parse::<i64>().ok());
                let (Some(of), Some(hits), Some((_, lines))) = (next(), next(), files.last_mut()) else {
                    return Err(ReportError::new(format!(
                        "line {}: \"{line}\" is no line of an lcov report",
                        number + 1
                    )));
                };
                *lines.entry(of.unsigned_abs()).or_default() |= hits > 0;
            }
            _ => {}
        }
    }
    if files.is_empty() {
        return Err(ReportError::new("is no coverage report: expected lcov (with SF: lines), Cobertura or JaCoCo XML"));
    }
    Ok(files)
}

fn xml(text: &str) -> Result<Files, ReportError> {
    let mut reader = Reader::from_str(text);
    let mut walk = Walk { paths_left: LONGEST_PATHS * text.len(), ..Walk::default() };
    loop {
        match reader.read_event().map_err(|error| ReportError::new(format!("is broken XML: {error}")))? {
            Event::Start(element) | Event::Empty(element) => walk.element(&element)?,
            Event::Eof => break,
            _ => {}
        }
    }
    if walk.is_report { Ok(walk.files) } else { Err(ReportError::new("is neither a Cobertura nor a JaCoCo report")) }
}

/// Where the reading of an XML report stands.
#[derive(Debug, Default)]
struct Walk {
    is_report: bool,
    /// JaCoCo: the package, in which source files are named.
    package: String,
    /// The last one is that whose lines follow.
    files: Files,
    /// How much longer the paths may become.
    paths_left: usize,
}

impl Walk {
    fn element(&mut self, element: &BytesStart<'_>) -> Result<(), ReportError> {
        match element.name().as_ref() {
            "coverage" | "report" => self.is_report = true,
            "package" => self.package = attribute(element, "name").unwrap_or_default(),
            // JaCoCo's classes have `sourcefilename`, and no lines of their own.
            "class" => attribute(element, "filename").map_or(Ok(()), |path| self.file(path))?,
            "sourcefile" => {
                let name = attribute(element, "name").unwrap_or_default();
                self.file(format!("{}/{name}", self.package))?;
            }
            "line" => self.line(element),
            _ => {}
        }
        Ok(())
    }

    fn file(&mut self, path: String) -> Result<(), ReportError> {
        let left = self.paths_left.checked_sub(path.len());
        self.paths_left = left.ok_or_else(|| ReportError::new("names paths that are longer than the report itself"))?;
        self.files.push((path, Lines::new()));
        Ok(())
    }

    fn line(&mut self, element: &BytesStart<'_>) {
        let number = |name: &str| attribute(element, name).and_then(|text| text.parse::<u64>().ok());
        let found = match (number("number"), number("hits"), number("nr"), number("ci")) {
            (Some(line), Some(hits), ..) => Some((line, hits > 0)),
            (_, _, Some(line), Some(covered)) => Some((line, covered > 0)),
            _ => None,
        };
        if let (Some((line, covered)), Some((_, lines))) = (found, self.files.last_mut()) {
            *lines.entry(line).or_default() |= covered;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(text: &str) -> Vec<(String, u64, u64)> {
        coverage(text).unwrap().into_iter().map(|file| (file.path, file.covered, file.lines)).collect()
    }

    #[test]
    fn the_three_formats_give_the_same_lines() {
        let expected = vec![("src/a.py".to_owned(), 2, 3)];
        let lcov = "TN:\nSF:./src/a.py\nDA:1,4\nDA:2,0\nDA:3,1,abc=\nLF:3\nLH:2\nend_of_record\n";
        assert_eq!(shares(lcov), expected);
        // The lines of methods stand again among those of the class.
        let cobertura = r#"<coverage line-rate="0.6"><packages><package name="src"><classes>
            <class name="a" filename="src/a.py"><methods><method><lines><line number="1" hits="4"/></lines></method></methods>
            <lines><line number="1" hits="4"/><line number="2" hits="0"/><line number="3" hits="1" branch="true"/></lines></class>
            </classes></package></packages></coverage>"#;
        assert_eq!(shares(cobertura), expected);
        let jacoco = r#"<!DOCTYPE report PUBLIC "-//JACOCO//DTD Report 1.1//EN" "report.dtd"><report name="x"><package name="src">
            <class name="src/A" sourcefilename="a.py"><counter type="LINE" missed="1" covered="2"/></class>
            <sourcefile name="a.py"><line nr="1" mi="0" ci="3" mb="0" cb="0"/><line nr="2" mi="2" ci="0"/><line nr="3" mi="1" ci="1"/></sourcefile>
            </package></report>"#;
        assert_eq!(shares(jacoco), expected);
    }

    #[test]
    fn what_is_no_report_says_so() {
        assert!(coverage("hello").unwrap_err().to_string().starts_with("is no coverage report"));
        assert!(coverage("<html/>").unwrap_err().to_string().starts_with("is neither"));
        assert_eq!(
            coverage("SF:a\nDA:x,1").unwrap_err().to_string(),
            "line 2: \"DA:x,1\" is no line of an lcov report"
        );
    }
}
