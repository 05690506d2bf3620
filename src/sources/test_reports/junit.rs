//! JUnit XML, as Maven, Gradle, pytest, Jest, go-junit-report and many others write it.

use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::{ReportError, attribute};

/// What a report says of its tests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TestOutcome {
    /// How many tests were executed, each counted once; skipped ones are not.
    pub(crate) executed: u64,
    /// The tests that failed and never passed.
    pub(crate) failed: Vec<String>,
    /// The tests that both failed and passed.
    pub(crate) flaky: Vec<String>,
}

/// What happened to one test, over all of its runs in the report.
#[derive(Debug, Clone, Copy, Default)]
struct Runs {
    passed: bool,
    failed: bool,
}

/// What the running `testcase` element has told so far.
#[derive(Debug, Default)]
struct Case {
    name: String,
    failed: bool,
    skipped: bool,
    /// Surefire writes failed runs that a later run made good as elements of their own.
    flaky: bool,
}

/// Reads a report. A test that stands in it several times was run again.
pub(crate) fn junit(text: &str) -> Result<TestOutcome, ReportError> {
    let mut reader = Reader::from_str(text);
    let mut tests: BTreeMap<String, Runs> = BTreeMap::new();
    let mut case: Option<Case> = None;
    let mut seen_suite = false;
    loop {
        match reader.read_event().map_err(|error| ReportError::new(format!("is broken XML: {error}")))? {
            Event::Start(element) => open(&element, &mut case, &mut seen_suite),
            Event::Empty(element) => {
                open(&element, &mut case, &mut seen_suite);
                if element.name().as_ref() == "testcase" {
                    close(case.take(), &mut tests);
                }
            }
            Event::End(element) if element.name().as_ref() == "testcase" => close(case.take(), &mut tests),
            Event::Eof => break,
            _ => {}
        }
    }
    if !seen_suite {
        return Err(ReportError::new("is no JUnit report: it has neither <testsuites> nor <testsuite>"));
    }
    let of = |wanted: fn(&Runs) -> bool| {
        tests.iter().filter(|(_, runs)| wanted(runs)).map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    Ok(TestOutcome {
        executed: tests.len() as u64,
        failed: of(|runs| runs.failed && !runs.passed),
        flaky: of(|runs| runs.failed && runs.passed),
    })
}

fn open(element: &BytesStart<'_>, case: &mut Option<Case>, seen_suite: &mut bool) {
    match (element.name().as_ref(), case.as_mut()) {
        ("testsuite" | "testsuites", _) => *seen_suite = true,
        ("testcase", _) => {
            let class = attribute(element, "classname").filter(|class| !class.is_empty());
            let name = attribute(element, "name").unwrap_or_default();
            let name = class.map_or_else(|| name.clone(), |class| format!("{class}::{name}"));
            *case = Some(Case { name, ..Case::default() });
        }
        ("failure" | "error", Some(case)) => case.failed = true,
        ("skipped", Some(case)) => case.skipped = true,
        ("flakyFailure" | "flakyError", Some(case)) => case.flaky = true,
        _ => {}
    }
}

fn close(case: Option<Case>, tests: &mut BTreeMap<String, Runs>) {
    let Some(case) = case.filter(|case| !case.skipped) else { return };
    let runs = tests.entry(case.name).or_default();
    runs.failed |= case.failed || case.flaky;
    runs.passed |= !case.failed;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_counted_once_and_those_that_fail_and_pass_are_flaky() {
        let report = r#"<?xml version="1.0"?>
            <testsuites><testsuite name="s" tests="6">
              <testcase classname="a.B" name="one"/>
              <testcase classname="a.B" name="two"><failure message="x &lt; y">at line 7</failure></testcase>
              <testcase classname="a.B" name="two"/>
              <testcase classname="a.B" name="three"><error/></testcase>
              <testcase classname="a.B" name="four"><skipped/></testcase>
              <testcase name="five &amp; six"><flakyFailure message="first try"/></testcase>
            </testsuite></testsuites>"#;
        let outcome = junit(report).unwrap();
        assert_eq!(outcome.executed, 4);
        assert_eq!(outcome.failed, ["a.B::three"]);
        assert_eq!(outcome.flaky, ["a.B::two", "five & six"]);
    }

    #[test]
    fn what_is_no_report_says_so() {
        assert!(junit("<html></html>").unwrap_err().to_string().starts_with("is no JUnit report"));
        assert!(junit("<testsuite><testcase></testsuite>").unwrap_err().to_string().starts_with("is broken XML"));
    }
}
