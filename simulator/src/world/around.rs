//! What is around the code: projects, alerts, artifacts, measurements, Jira.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::Moment;

/// A project of the organisation.
#[derive(Debug, Clone)]
pub struct Project {
    /// The number.
    pub number: u64,
    /// The title.
    pub title: String,
    /// When it, or anything in it, last changed.
    pub updated_at: Moment,
    /// The iterations of its iteration field, oldest first.
    pub iterations: Vec<ProjectIteration>,
    /// Its items.
    pub items: Vec<ProjectItem>,
}

/// An iteration of a project.
#[derive(Debug, Clone)]
pub struct ProjectIteration {
    /// The id, unique within the project.
    pub id: String,
    /// The title.
    pub title: String,
    /// The first day.
    pub start: NaiveDate,
    /// How many days it lasts.
    pub days: u32,
    /// Whether it is over.
    pub completed: bool,
}

/// An issue in a project.
#[derive(Debug, Clone)]
pub struct ProjectItem {
    /// `owner/name` of the issue's repository.
    pub repository: String,
    /// The issue's number.
    pub number: u64,
    /// The status, and when it was set.
    pub status: Option<(String, Moment)>,
    /// The id of the iteration, and when it was set.
    pub iteration: Option<(String, Moment)>,
    /// The points.
    pub points: Option<f64>,
    /// When the item last changed.
    pub updated_at: Moment,
}

/// An alert of a security tool.
#[derive(Debug, Clone)]
pub struct SecurityAlert {
    /// `owner/name` of the repository.
    pub repository: String,
    /// `dependabot`, `code-scanning` or `secret-scanning`.
    pub scanner: String,
    /// The number, unique within repository and scanner.
    pub number: u64,
    /// `critical`, `high`, `medium` or `low`.
    pub severity: String,
    /// When it was opened.
    pub opened_at: Moment,
    /// When it was fixed, or the secret revoked.
    pub fixed_at: Option<Moment>,
    /// When it was dismissed.
    pub dismissed_at: Option<Moment>,
}

impl SecurityAlert {
    /// When it last changed.
    pub fn updated_at(&self) -> Moment {
        self.fixed_at.or(self.dismissed_at).unwrap_or(self.opened_at)
    }
}

/// An artifact of a workflow run.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// `owner/name` of the repository.
    pub repository: String,
    /// The id; later ones are higher.
    pub id: u64,
    /// The name.
    pub name: String,
    /// The id of the run.
    pub run_id: u64,
    /// The branch of the run.
    pub branch: String,
    /// The commit of the run.
    pub sha: String,
    /// When it was made.
    pub created_at: Moment,
    /// Whether it is gone.
    pub expired: bool,
    /// The files in it, by name.
    pub files: BTreeMap<String, String>,
}

/// The daily values of one measure of one service.
#[derive(Debug, Clone)]
pub struct Series {
    /// The service: the label of that name.
    pub service: String,
    /// The measure. Its metric is called `demo_` and this.
    pub measure: String,
    /// The value over the day that ends at each midnight.
    pub values: BTreeMap<Moment, f64>,
}

/// An alert rule of the user's Prometheus.
#[derive(Debug, Clone)]
pub struct AlertRule {
    /// The name.
    pub name: String,
    /// The labels.
    pub labels: BTreeMap<String, String>,
}

/// The user's Jira.
#[derive(Debug, Clone, Default)]
pub struct Jira {
    /// Issues.
    pub issues: Vec<JiraIssue>,
    /// Sprints of the only board, 1.
    pub sprints: Vec<JiraSprint>,
}

/// An issue of Jira.
#[derive(Debug, Clone)]
pub struct JiraIssue {
    /// The key: `PAY-7`.
    pub key: String,
    /// The summary.
    pub summary: String,
    /// The type: `Bug`.
    pub kind: String,
    /// Labels.
    pub labels: Vec<String>,
    /// Story points.
    pub points: Option<f64>,
    /// When it was created, as `To Do` and in no sprint.
    pub created_at: Moment,
    /// What happened since, oldest first.
    pub changes: Vec<(Moment, JiraChange)>,
}

impl JiraIssue {
    /// When it last changed.
    pub fn updated_at(&self) -> Moment {
        self.changes.last().map_or(self.created_at, |(at, _)| *at)
    }
}

/// A change of an issue of Jira.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JiraChange {
    /// To `To Do`, `In Progress` or `Done`.
    Status(String),
    /// Into these sprints, by id, out of all others.
    Sprints(Vec<u64>),
}

/// A sprint of Jira.
#[derive(Debug, Clone)]
pub struct JiraSprint {
    /// The id.
    pub id: u64,
    /// The name.
    pub name: String,
    /// When it began.
    pub start: Moment,
    /// When it was to end.
    pub end: Moment,
    /// When it was closed.
    pub completed: Option<Moment>,
}
