//! What the simulated servers serve: an organisation with its repositories, teams and incidents.
//!
//! The world is plain data. Tests build it by hand, the demo generates it, and real histories are loaded into it;
//! the servers read it behind a lock, so that a test can change it between two polls.

mod around;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

pub use around::{
    AlertRule, Artifact, Jira, JiraChange, JiraIssue, JiraSprint, Project, ProjectItem, ProjectIteration,
    SecurityAlert, Series,
};

/// A moment in time, always UTC.
pub type Moment = DateTime<Utc>;

/// Everything that exists.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// The login of the organisation that owns the repositories of `teams`.
    pub organization: String,
    /// Accounts, by login. Those that are missing here are plain users.
    pub accounts: BTreeMap<String, Account>,
    /// Repositories.
    pub repositories: Vec<Repository>,
    /// Teams of the organisation.
    pub teams: Vec<Team>,
    /// Services of the incident tool.
    pub incident_services: Vec<IncidentService>,
    /// Incidents of the incident tool.
    pub incidents: Vec<Incident>,
    /// The files at the head of each repository, by `owner/name`.
    pub files: BTreeMap<String, BTreeSet<String>>,
    /// Projects of the organisation.
    pub projects: Vec<Project>,
    /// Alerts of security tools.
    pub security_alerts: Vec<SecurityAlert>,
    /// Artifacts of workflow runs.
    pub artifacts: Vec<Artifact>,
    /// What the user's Prometheus has measured.
    pub series: Vec<Series>,
    /// Its alert rules.
    pub alert_rules: Vec<AlertRule>,
    /// The user's Jira.
    pub jira: Jira,
}

/// An account.
#[derive(Debug, Clone, Default)]
pub struct Account {
    /// The name shown.
    pub name: String,
    /// The e-mail address.
    pub email: String,
    /// Whether it is of type Bot.
    pub bot: bool,
}

/// A team of the organisation.
#[derive(Debug, Clone, Default)]
pub struct Team {
    /// The slug.
    pub slug: String,
    /// The name.
    pub name: String,
    /// `owner/name` of its repositories.
    pub repositories: Vec<String>,
    /// Logins of its members.
    pub members: Vec<String>,
}

/// A repository.
#[derive(Debug, Clone)]
pub struct Repository {
    /// The numeric id, stable over renames.
    pub id: u64,
    /// The login of the owner.
    pub owner: String,
    /// The name.
    pub name: String,
    /// Earlier `owner/name`s, which redirect here.
    pub former_names: Vec<String>,
    /// The name of the default branch; it may be missing from `branches` in an empty repository.
    pub default_branch: String,
    /// Whether it is archived.
    pub archived: bool,
    /// When it was created.
    pub created_at: Moment,
    /// All commits, by object id.
    pub commits: BTreeMap<String, Commit>,
    /// Branch heads, by name.
    pub branches: BTreeMap<String, String>,
    /// Tags.
    pub tags: Vec<Tag>,
    /// Pull requests.
    pub pull_requests: Vec<PullRequest>,
    /// Deployments.
    pub deployments: Vec<Deployment>,
    /// Releases.
    pub releases: Vec<Release>,
    /// Workflow runs, attempt by attempt.
    pub workflow_runs: Vec<WorkflowRun>,
    /// Issues.
    pub issues: Vec<Issue>,
}

/// A commit.
#[derive(Debug, Clone)]
pub struct Commit {
    /// The object id.
    pub sha: String,
    /// The parents' object ids.
    pub parents: Vec<String>,
    /// When it was authored.
    pub authored_at: Moment,
    /// When it was committed.
    pub committed_at: Moment,
    /// The author's login.
    pub author: String,
    /// The whole message.
    pub message: String,
    /// The files it changes.
    pub paths: Vec<String>,
    /// Lines added.
    pub additions: u64,
    /// Lines deleted.
    pub deletions: u64,
    /// The pull request that it landed with, where GitHub would associate one.
    pub pull_request: Option<u64>,
}

/// A tag.
#[derive(Debug, Clone)]
pub struct Tag {
    /// The name.
    pub name: String,
    /// The commit.
    pub sha: String,
    /// The tagger's date of an annotated tag; `None` for a lightweight one.
    pub annotated_at: Option<Moment>,
}

/// A pull request.
#[derive(Debug, Clone)]
pub struct PullRequest {
    /// The number.
    pub number: u64,
    /// The title.
    pub title: String,
    /// The body.
    pub body: String,
    /// The author's login.
    pub author: String,
    /// Whether it is a draft now.
    pub draft: bool,
    /// When it was opened.
    pub created_at: Moment,
    /// When it last changed.
    pub updated_at: Moment,
    /// When it was merged.
    pub merged_at: Option<Moment>,
    /// When it was closed.
    pub closed_at: Option<Moment>,
    /// The branch it goes to.
    pub base: String,
    /// The branch it comes from.
    pub head: String,
    /// Whether it comes from a fork.
    pub from_fork: bool,
    /// The merge, squash or last rebased commit; may be missing from the repository, as in real histories.
    pub merge_commit: Option<String>,
    /// Its own commits, oldest first.
    pub own_commits: Vec<Commit>,
    /// Reviews, oldest first.
    pub reviews: Vec<Review>,
    /// Labels.
    pub labels: Vec<String>,
    /// Draft, ready, closed, reopened and merge-queue events, oldest first.
    pub events: Vec<Event>,
    /// The files it changes.
    pub paths: Vec<String>,
}

/// A review.
#[derive(Debug, Clone)]
pub struct Review {
    /// The reviewer's login. Empty for a deleted account.
    pub author: String,
    /// `APPROVED`, `CHANGES_REQUESTED`, `COMMENTED`, `DISMISSED` or `PENDING`.
    pub state: String,
    /// When it was submitted.
    pub submitted_at: Moment,
    /// The text.
    pub body: String,
    /// How many comments it put on lines.
    pub comments: u32,
}

/// An event on a timeline.
#[derive(Debug, Clone)]
pub struct Event {
    /// The GraphQL type, for example `ReadyForReviewEvent`.
    pub kind: String,
    /// When.
    pub at: Moment,
}

/// A deployment.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// The id.
    pub id: u64,
    /// The commit.
    pub sha: String,
    /// The branch, tag or commit asked for.
    pub reference: String,
    /// The environment.
    pub environment: String,
    /// The task.
    pub task: String,
    /// When it was created.
    pub created_at: Moment,
    /// Statuses, oldest first: state in GraphQL's words (`SUCCESS`, `FAILURE`, `INACTIVE`, …) and moment.
    pub statuses: Vec<(String, Moment)>,
    /// The login of its creator.
    pub creator: String,
}

/// A release.
#[derive(Debug, Clone)]
pub struct Release {
    /// The id.
    pub id: u64,
    /// The tag.
    pub tag: String,
    /// The name.
    pub name: String,
    /// Whether it is a draft.
    pub draft: bool,
    /// Whether it is a pre-release.
    pub prerelease: bool,
    /// When it was created.
    pub created_at: Moment,
    /// When it was published; `None` for a draft.
    pub published_at: Option<Moment>,
    /// The author's login.
    pub author: String,
}

/// One attempt of a workflow run.
#[derive(Debug, Clone)]
pub struct WorkflowRun {
    /// The id, shared by the attempts.
    pub id: u64,
    /// The attempt, from 1.
    pub attempt: u32,
    /// The workflow's name.
    pub workflow: String,
    /// What started it.
    pub event: String,
    /// The branch.
    pub branch: String,
    /// The commit.
    pub sha: String,
    /// When the run was created.
    pub created_at: Moment,
    /// When the attempt began.
    pub run_started_at: Moment,
    /// When it last changed.
    pub updated_at: Moment,
    /// `queued`, `in_progress` or `completed`.
    pub status: String,
    /// `success`, `failure`, `cancelled`, … once completed.
    pub conclusion: Option<String>,
    /// The login of who started it.
    pub actor: String,
}

/// An issue.
#[derive(Debug, Clone)]
pub struct Issue {
    /// The number.
    pub number: u64,
    /// The title.
    pub title: String,
    /// The body.
    pub body: String,
    /// The author's login.
    pub author: String,
    /// Labels.
    pub labels: Vec<String>,
    /// When it was opened.
    pub created_at: Moment,
    /// When it last changed.
    pub updated_at: Moment,
    /// When it was closed; `None` while open.
    pub closed_at: Option<Moment>,
    /// Closed, reopened, labelled and assigned events, oldest first.
    pub events: Vec<Event>,
    /// The organisation's type of the issue: `Bug`.
    pub issue_type: Option<String>,
}

/// A service of the incident tool.
#[derive(Debug, Clone, Default)]
pub struct IncidentService {
    /// The id, for example `PSHOP01`.
    pub id: String,
    /// The name.
    pub name: String,
    /// The name of the escalation policy, where it has one.
    pub escalation_policy: Option<String>,
}

/// An incident of the incident tool.
#[derive(Debug, Clone)]
pub struct Incident {
    /// The id, for example `Q0001`.
    pub id: String,
    /// The number.
    pub number: u64,
    /// The title.
    pub title: String,
    /// The service's id.
    pub service: String,
    /// `high` or `low`.
    pub urgency: String,
    /// The name of the priority, for example `P1`.
    pub priority: Option<String>,
    /// When it was triggered.
    pub created_at: Moment,
    /// `acknowledge`, `resolve`, `reopen`, `assign`, `annotate`, … with moment and login, oldest first.
    pub log: Vec<LogEntry>,
}

/// An entry of an incident's log.
#[derive(Debug, Clone)]
pub struct LogEntry {
    /// `acknowledge`, `resolve`, `reopen`, `annotate`, …
    pub kind: String,
    /// When.
    pub at: Moment,
    /// The login of who did it.
    pub agent: String,
}
