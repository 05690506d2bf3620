//! What may count as a deployment: deployment records, releases and tags.

use serde::{Deserialize, Serialize};

use super::{FactFamily, Moment};

/// A state that a deployment was reported to be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentState {
    /// Asked for, waiting for a runner or an approval.
    Queued,
    /// Under way.
    InProgress,
    /// In place.
    Success,
    /// Ended without success.
    Failure,
    /// Ended by an error of the deployment system.
    Error,
    /// Replaced by a later deployment; says nothing about its own success.
    Inactive,
}

/// One reported status of a deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeploymentStatus {
    /// When it was reported.
    pub at: Moment,
    /// The state.
    pub state: DeploymentState,
    /// The log or the environment's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// A deployment record with all its statuses, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// `owner/name` of the repository.
    pub repository: String,
    /// The host's id of the deployment.
    pub id: String,
    /// What was deployed, in the deploying tool's own word, where it tells: the subject of a CDEvent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The commit that was deployed.
    pub sha: String,
    /// The branch, tag or commit that it was asked for by.
    pub reference: Option<String>,
    /// The environment as named when it was created.
    pub environment: String,
    /// The task, `deploy` unless said otherwise.
    pub task: Option<String>,
    /// When it was created.
    pub created_at: Moment,
    /// Its statuses, oldest first.
    pub statuses: Vec<DeploymentStatus>,
    /// Where people open it.
    pub url: Option<String>,
}

impl Deployment {
    /// The first success: when the deployment finished. Later statuses (`inactive`) don't move it.
    pub fn succeeded_at(&self) -> Option<Moment> {
        self.statuses.iter().filter(|status| status.state == DeploymentState::Success).map(|status| status.at).min()
    }

    /// The first failure or error. `None` while under way, or where it only ever succeeded.
    pub fn failed_at(&self) -> Option<Moment> {
        let failed =
            |status: &&DeploymentStatus| matches!(status.state, DeploymentState::Failure | DeploymentState::Error);
        self.statuses.iter().filter(failed).map(|status| status.at).min()
    }

    /// Whether nothing final was reported yet, so that it has to be read again.
    pub fn is_under_way(&self) -> bool {
        let settled = |state| !matches!(state, DeploymentState::Queued | DeploymentState::InProgress);
        !self.statuses.iter().any(|status| settled(status.state))
    }
}

impl FactFamily for Deployment {
    const FAMILY: &'static str = "deployments";

    fn external_id(&self) -> String {
        format!("{}/deployments/{}", self.repository, self.id)
    }
    fn scope(&self) -> &str {
        &self.repository
    }
    fn started_at(&self) -> Moment {
        self.created_at
    }
    fn ended_at(&self) -> Option<Moment> {
        self.succeeded_at().or(self.failed_at())
    }
    fn version_at(&self) -> Moment {
        self.statuses.iter().map(|status| status.at).max().unwrap_or(self.created_at)
    }
}

/// A published release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Release {
    /// `owner/name` of the repository.
    pub repository: String,
    /// The host's id of the release.
    pub id: String,
    /// The tag that it was made from.
    pub tag: String,
    /// The commit of the tag. `None` where the tag is gone.
    pub sha: Option<String>,
    /// Marked as a pre-release.
    pub prerelease: bool,
    /// When it was created.
    pub created_at: Moment,
    /// When it was published.
    pub published_at: Moment,
    /// Where people open it.
    pub url: Option<String>,
}

impl FactFamily for Release {
    const FAMILY: &'static str = "releases";

    fn external_id(&self) -> String {
        format!("{}/releases/{}", self.repository, self.id)
    }
    fn scope(&self) -> &str {
        &self.repository
    }
    fn started_at(&self) -> Moment {
        self.created_at
    }
    fn ended_at(&self) -> Option<Moment> {
        Some(self.published_at)
    }
    fn version_at(&self) -> Moment {
        self.published_at
    }
}

/// A git tag.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tag {
    /// `owner/name` of the repository.
    pub repository: String,
    /// The name, without `refs/tags/`.
    pub name: String,
    /// The commit it points to, after peeling an annotated tag.
    pub sha: String,
    /// When it was made: the tagger's date, or for a lightweight tag the commit's date.
    pub tagged_at: Moment,
    /// Where people open it.
    pub url: Option<String>,
}

impl FactFamily for Tag {
    const FAMILY: &'static str = "tags";

    fn external_id(&self) -> String {
        format!("{}/tags/{}", self.repository, self.name)
    }
    fn scope(&self) -> &str {
        &self.repository
    }
    fn started_at(&self) -> Moment {
        self.tagged_at
    }
    fn ended_at(&self) -> Option<Moment> {
        Some(self.tagged_at)
    }
    fn version_at(&self) -> Moment {
        self.tagged_at
    }
}
