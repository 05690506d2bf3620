//! What tests said of a commit: results test by test, and coverage file by file.

use serde::{Deserialize, Serialize};

use super::{FactFamily, Moment};

/// The results of one suite in one CI run, from a JUnit XML report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestReport {
    /// `owner/name` of the repository.
    pub repository: String,
    /// The run and artifact that it came with, unique within the repository.
    pub id: String,
    /// What is tested: reports of one suite on one commit run the same tests.
    pub suite: String,
    /// The commit.
    pub sha: String,
    /// The branch, where known.
    pub branch: Option<String>,
    /// When the tests ran.
    pub at: Moment,
    /// How many tests were executed, skipped ones left out.
    pub executed: u64,
    /// The tests that failed in the end, `class name` and `name` joined by `::`.
    pub failed: Vec<String>,
    /// The tests that both failed and passed within this very report (retries of the test runner).
    pub flaky: Vec<String>,
    /// Where people open it.
    pub url: Option<String>,
}

impl FactFamily for TestReport {
    const FAMILY: &'static str = "test_reports";

    fn external_id(&self) -> String {
        format!("{}/test_reports/{}", self.repository, self.id)
    }
    fn scope(&self) -> &str {
        &self.repository
    }
    fn started_at(&self) -> Moment {
        self.at
    }
    fn ended_at(&self) -> Option<Moment> {
        Some(self.at)
    }
    fn version_at(&self) -> Moment {
        self.at
    }
}

/// The coverage of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileCoverage {
    /// The path within the repository.
    pub path: String,
    /// Lines that tests ran.
    pub covered: u64,
    /// Lines that could be run.
    pub lines: u64,
}

/// The coverage of a commit, from an lcov, Cobertura or JaCoCo report. The newest of a day stands for the day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoverageReport {
    /// `owner/name` of the repository.
    pub repository: String,
    /// The name of the report, for repositories that have several: the artifact's.
    pub name: String,
    /// The commit.
    pub sha: String,
    /// The branch, where known.
    pub branch: Option<String>,
    /// When it was measured.
    pub at: Moment,
    /// File by file.
    pub files: Vec<FileCoverage>,
    /// Where people open it.
    pub url: Option<String>,
}

impl FactFamily for CoverageReport {
    const FAMILY: &'static str = "coverage_reports";

    fn external_id(&self) -> String {
        format!("{}/coverage/{}/{}", self.repository, self.name, self.at.format("%Y-%m-%d"))
    }
    fn scope(&self) -> &str {
        &self.repository
    }
    fn started_at(&self) -> Moment {
        self.at
    }
    fn ended_at(&self) -> Option<Moment> {
        Some(self.at)
    }
    fn version_at(&self) -> Moment {
        self.at
    }
}
