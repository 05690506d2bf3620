//! Reports of tests and coverage, in the formats that tools of all languages write: JUnit XML; lcov, Cobertura, JaCoCo.
//! Pure.

mod archive;
mod coverage;
mod junit;

pub use archive::{coverage_report_of_archive, test_report_of_archive};

use thiserror::Error;

use crate::facts::{CoverageReport, Moment, TestReport};
use junit::TestOutcome;

/// Why a report cannot be read.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct ReportError(String);

impl ReportError {
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The same, in a file.
    fn in_file(self, file: &str) -> Self {
        Self(format!("{file} {self}"))
    }
}

/// Where a report comes from.
#[derive(Debug, Clone)]
pub struct Origin {
    /// `owner/name` of the repository.
    pub repository: String,
    /// What is unique to this report within the repository.
    pub id: String,
    /// The name of the suite, or of the coverage report: the artifact's.
    pub name: String,
    /// The commit.
    pub sha: String,
    /// The branch, where known.
    pub branch: Option<String>,
    /// When it was made.
    pub at: Moment,
    /// Where people open it.
    pub url: Option<String>,
}

/// The fact of a JUnit XML report.
///
/// # Errors
/// The text is no such report.
pub fn test_report(text: &str, origin: &Origin) -> Result<TestReport, ReportError> {
    junit::junit(text).map(|outcome| test_fact(outcome, origin))
}

/// The fact of an lcov, Cobertura or JaCoCo report.
///
/// # Errors
/// The text is no such report.
pub fn coverage_report(text: &str, origin: &Origin) -> Result<CoverageReport, ReportError> {
    coverage::coverage(text).map(|files| coverage_fact(files, origin))
}

fn test_fact(outcome: TestOutcome, origin: &Origin) -> TestReport {
    TestReport {
        repository: origin.repository.clone(),
        id: origin.id.clone(),
        suite: origin.name.clone(),
        sha: origin.sha.clone(),
        branch: origin.branch.clone(),
        at: origin.at,
        executed: outcome.executed,
        failed: outcome.failed,
        flaky: outcome.flaky,
        url: origin.url.clone(),
    }
}

fn coverage_fact(files: Vec<crate::facts::FileCoverage>, origin: &Origin) -> CoverageReport {
    CoverageReport {
        repository: origin.repository.clone(),
        name: origin.name.clone(),
        sha: origin.sha.clone(),
        branch: origin.branch.clone(),
        at: origin.at,
        files,
        url: origin.url.clone(),
    }
}

/// The attribute of an XML element, unescaped. `None` where it is missing or cannot be read.
fn attribute(element: &quick_xml::events::BytesStart<'_>, name: &str) -> Option<String> {
    let found = element.try_get_attribute(name).ok()??;
    Some(quick_xml::escape::unescape(&found.value).ok()?.into_owned())
}
