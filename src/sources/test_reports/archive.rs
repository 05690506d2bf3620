//! Reports in a ZIP archive: all of them together are one report.

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};

use zip::ZipArchive;

use super::junit::TestOutcome;
use super::{Origin, ReportError, coverage, coverage_fact, junit, test_fact};
use crate::facts::{CoverageReport, FileCoverage, TestReport};

/// What all files of an archive may come to when unpacked: an archive can promise little and hold much.
const LARGEST_CONTENT: u64 = 512 * 1024 * 1024;

/// The tests of all JUnit reports of an archive, as one report.
pub fn test_report_of_archive(archive: &[u8], origin: &Origin) -> Result<TestReport, ReportError> {
    let mut all = TestOutcome::default();
    for (name, text) in texts(archive, &[".xml"], LARGEST_CONTENT)? {
        let outcome = junit::junit(&text).map_err(|error| error.in_file(&name))?;
        all.executed += outcome.executed;
        all.failed.extend(outcome.failed);
        all.flaky.extend(outcome.flaky);
    }
    all.failed.sort();
    all.flaky.sort();
    Ok(test_fact(all, origin))
}

/// The files of all coverage reports of an archive. A file that several reports cover is covered as well as the best of
/// them says.
pub fn coverage_report_of_archive(archive: &[u8], origin: &Origin) -> Result<CoverageReport, ReportError> {
    let mut all: BTreeMap<String, FileCoverage> = BTreeMap::new();
    for (name, text) in texts(archive, &[".xml", ".info", ".lcov"], LARGEST_CONTENT)? {
        for file in coverage::coverage(&text).map_err(|error| error.in_file(&name))? {
            let known = all.entry(file.path.clone()).or_insert_with(|| file.clone());
            if known.covered < file.covered {
                *known = file;
            }
        }
    }
    Ok(coverage_fact(all.into_values().collect(), origin))
}

/// The files of an archive whose names end as wanted, so many bytes of them.
fn texts(archive: &[u8], endings: &[&str], most: u64) -> Result<Vec<(String, String)>, ReportError> {
    let broken = |error: zip::result::ZipError| ReportError::new(format!("the artifact is no ZIP archive: {error}"));
    let mut archive = ZipArchive::new(Cursor::new(archive)).map_err(broken)?;
    let (mut found, mut left) = (Vec::new(), most);
    for place in 0..archive.len() {
        let file = archive.by_index(place).map_err(broken)?;
        let name = file.name().to_owned();
        if !file.is_file() || !endings.iter().any(|ending| name.to_lowercase().ends_with(ending)) {
            continue;
        }
        let mut bytes = Vec::new();
        let unreadable = |error| ReportError::new(format!("{name} cannot be unpacked: {error}"));
        file.take(left + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        left = left.checked_sub(bytes.len() as u64).ok_or_else(|| {
            ReportError::new(format!("the artifact is larger than {} MiB when unpacked", most / 1024 / 1024))
        })?;
        found.push((name, String::from_utf8_lossy(&bytes).into_owned()));
    }
    if found.is_empty() {
        let endings = endings.join(", ");
        return Err(ReportError::new(format!("the artifact holds no report: expected files that end in {endings}")));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn archive(files: &[(&str, &str)]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, text) in files {
            writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(text.as_bytes()).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn origin() -> Origin {
        Origin {
            repository: "acme/shop".to_owned(),
            id: "1".to_owned(),
            name: "junit".to_owned(),
            sha: "a".repeat(40),
            branch: None,
            at: "2026-10-05T12:00:00Z".parse().unwrap(),
            url: None,
        }
    }

    #[test]
    fn reports_of_an_archive_are_added_up() {
        let one = r#"<testsuite><testcase name="a"/><testcase name="b"><failure/></testcase></testsuite>"#;
        let files = archive(&[
            ("x/TEST-one.xml", one),
            ("y.xml", "<testsuite><testcase name=\"c\"/></testsuite>"),
            ("log.txt", "x"),
        ]);
        let report = test_report_of_archive(&files, &origin()).unwrap();
        assert_eq!((report.executed, report.failed), (3, vec!["b".to_owned()]));
        let files = archive(&[("lcov.info", "SF:a\nDA:1,1\nDA:2,0\n"), ("other.info", "SF:a\nDA:1,0\nSF:b\nDA:1,1\n")]);
        let report = coverage_report_of_archive(&files, &origin()).unwrap();
        let files: Vec<_> = report.files.iter().map(|file| (file.path.as_str(), file.covered, file.lines)).collect();
        assert_eq!(files, [("a", 1, 2), ("b", 1, 1)]);
    }

    #[test]
    fn what_is_wrong_with_an_archive_is_said() {
        let error = |bytes: &[u8]| test_report_of_archive(bytes, &origin()).unwrap_err().to_string();
        assert!(error(b"hello").starts_with("the artifact is no ZIP archive"));
        assert!(error(&archive(&[("a.txt", "x")])).starts_with("the artifact holds no report"));
        assert!(error(&archive(&[("a.xml", "<html/>")])).starts_with("a.xml is no JUnit report"));
    }

    #[test]
    fn no_more_is_unpacked_than_is_allowed() {
        let half = " ".repeat(512 * 1024);
        let files = archive(&[("a.xml", &half), ("b.xml", &half)]);
        assert!(files.len() < 4096);
        assert_eq!(texts(&files, &[".xml"], 1024 * 1024).unwrap().len(), 2);
        let error = texts(&files, &[".xml"], 1024 * 1024 - 1).unwrap_err().to_string();
        assert!(error.starts_with("the artifact is larger than"), "{error}");
    }
}
