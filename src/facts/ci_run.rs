//! Runs of CI workflows, attempt by attempt.

use serde::{Deserialize, Serialize};

use super::{FactFamily, Moment};

/// How an attempt of a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CiRunConclusion {
    /// All required jobs succeeded.
    Success,
    /// A job failed.
    Failure,
    /// Stopped by somebody or by a newer run.
    Cancelled,
    /// Nothing to do.
    Skipped,
    /// Ran out of time.
    TimedOut,
    /// Waits for somebody to act.
    ActionRequired,
    /// Ended neutral or stale.
    Neutral,
    /// Never started properly.
    StartupFailure,
}

/// One attempt of a workflow run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CiRun {
    /// `owner/name` of the repository.
    pub repository: String,
    /// The host's id of the run; its attempts share it.
    pub id: u64,
    /// The attempt, from 1.
    pub attempt: u32,
    /// The name of the workflow.
    pub workflow: String,
    /// What started it, for example `push` or `pull_request`.
    pub event: String,
    /// The branch that it ran for.
    pub branch: Option<String>,
    /// The commit that it ran on.
    pub sha: String,
    /// When the run was created (first attempt) or the re-run was asked for.
    pub created_at: Moment,
    /// When the attempt began to run.
    pub run_started_at: Moment,
    /// When the attempt last changed; the end once it has concluded.
    pub updated_at: Moment,
    /// How it ended. `None` while under way.
    pub conclusion: Option<CiRunConclusion>,
    /// Where people open it.
    pub url: Option<String>,
}

impl FactFamily for CiRun {
    const FAMILY: &'static str = "ci_runs";

    fn external_id(&self) -> String {
        format!("{}/runs/{}/attempts/{}", self.repository, self.id, self.attempt)
    }
    fn scope(&self) -> &str {
        &self.repository
    }
    fn started_at(&self) -> Moment {
        self.created_at
    }
    fn ended_at(&self) -> Option<Moment> {
        self.conclusion.map(|_| self.updated_at)
    }
    fn version_at(&self) -> Moment {
        self.updated_at
    }
}
