//! Work items (issues, stories, bugs) and the iterations they are planned in, from whatever tracker holds them.

use serde::{Deserialize, Serialize};

use super::{FactFamily, Moment};

/// Where a status stands in the flow, as the tracker itself says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkItemStage {
    /// Not begun.
    ToDo,
    /// Begun and not done.
    InProgress,
    /// Done.
    Done,
}

/// A move to a status.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkItemTransition {
    /// When.
    pub at: Moment,
    /// The status's name in the tracker's own words: `In Review`, `closed`.
    pub status: String,
    /// Where the tracker says that this status stands. `None` where it does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<WorkItemStage>,
}

/// A stay of an item in an iteration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IterationMembership {
    /// [`Iteration::id`].
    pub iteration: String,
    /// When it was put into it. `None` where the tracker does not tell: then it counts as planned from the start.
    pub added_at: Option<Moment>,
    /// When it was taken out again. `None` while it is in it.
    pub removed_at: Option<Moment>,
}

/// An item of work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkItem {
    /// The tracker's key: `acme/shop#12`, `PAY-7`.
    pub id: String,
    /// What it belongs to: `owner/name` of the repository, or the key of the Jira project.
    pub project: String,
    /// Components of the project, where the tracker has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<String>,
    /// What kind of work it is, in the tracker's own words: issue type, labels, priority. Which word means a bug or debt
    /// is decided from the configuration.
    pub words: Vec<String>,
    /// The title, without the names of people.
    pub title: String,
    /// When it was created.
    pub created_at: Moment,
    /// Its moves between statuses, oldest first.
    pub transitions: Vec<WorkItemTransition>,
    /// The iterations that it was planned in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub iterations: Vec<IterationMembership>,
    /// Story points, where the tracker has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub points: Option<f64>,
    /// When the tracker's record last changed.
    pub updated_at: Moment,
    /// Where people open it.
    pub url: Option<String>,
}

impl FactFamily for WorkItem {
    const FAMILY: &'static str = "work_items";

    fn external_id(&self) -> String {
        self.id.clone()
    }
    fn scope(&self) -> &str {
        &self.project
    }
    fn started_at(&self) -> Moment {
        self.created_at
    }
    fn ended_at(&self) -> Option<Moment> {
        self.transitions.last().filter(|last| last.stage == Some(WorkItemStage::Done)).map(|last| last.at)
    }
    fn version_at(&self) -> Moment {
        self.updated_at
    }
}

/// A sprint, or an iteration of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Iteration {
    /// The tracker's id, the same as in [`IterationMembership::iteration`].
    pub id: String,
    /// The board or project that it belongs to.
    pub board: String,
    /// Its name: `Sprint 41`.
    pub name: String,
    /// When it began: what is planned in it then is committed.
    pub started_at: Moment,
    /// When it is planned to end.
    pub ends_at: Moment,
    /// When it was in fact closed, where the tracker tells.
    pub closed_at: Option<Moment>,
    /// When the tracker's record was last seen to change.
    pub updated_at: Moment,
    /// Where people open it.
    pub url: Option<String>,
}

impl Iteration {
    /// The moment at which what is done counts: it was closed, or was to end.
    pub fn ended_at(&self) -> Moment {
        self.closed_at.unwrap_or(self.ends_at)
    }
}

impl FactFamily for Iteration {
    const FAMILY: &'static str = "iterations";

    fn external_id(&self) -> String {
        self.id.clone()
    }
    fn scope(&self) -> &str {
        &self.board
    }
    fn started_at(&self) -> Moment {
        self.started_at
    }
    fn ended_at(&self) -> Option<Moment> {
        Some(Self::ended_at(self))
    }
    fn version_at(&self) -> Moment {
        self.updated_at
    }
}
