//! What happened: plain structs with their provenance, as the sources reported it.
//!
//! A fact never says what something *means* (which environment is production, which team owns a service, which
//! incident a deployment caused): that is decided later, from the configuration, so that a change of configuration
//! needs no new collection. Facts hold no names, logins or e-mail addresses of people; see [`Person`].

mod batch;
mod change;
mod ci_run;
mod deployment;
mod incident;
mod inventory;
mod person;
mod reported_value;
mod repository;
mod sample;
mod security_alert;
mod test_report;
mod work_item;

pub use batch::{Batch, Reject, shortened, unusable};
pub use change::{
    ChangeReference, Commit, OwnCommit, PullRequest, PullRequestState, Review, ReviewState, StateChange,
    StateChangeKind,
};
pub use ci_run::{CiRun, CiRunConclusion};
pub use deployment::{Deployment, DeploymentState, DeploymentStatus, Release, Tag};
pub use incident::{Incident, IncidentUpdate, IncidentUpdateKind};
pub use inventory::{Inventory, InventoryEntry, InventoryKind};
pub use person::{Person, PersonHasher};
pub use reported_value::ReportedValue;
pub use repository::{Repository, TeamRepositories};
pub use sample::Sample;
pub use security_alert::{SecurityAlert, SecurityAlertKind};
pub use test_report::{CoverageReport, FileCoverage, TestReport};
pub use work_item::{Iteration, IterationMembership, WorkItem, WorkItemStage, WorkItemTransition};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A moment in time, always UTC.
pub type Moment = DateTime<Utc>;

/// What every family of facts has in common: the key it is stored under and the times it is found by.
pub trait FactFamily: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// The name of the family: its table in the store, its label on metrics. Plural, `snake_case`.
    const FAMILY: &'static str;

    /// The key within the source that reported the fact; stable for ever, for example `acme/shop#12`.
    fn external_id(&self) -> String;

    /// What the fact belongs to: the repository's `owner/name`, or the incident tool's service id.
    fn scope(&self) -> &str;

    /// When it began: authored, opened, created, triggered.
    fn started_at(&self) -> Moment;

    /// When it ended: merged or closed, first success, resolved. `None` while it is open.
    fn ended_at(&self) -> Option<Moment>;

    /// The moment of the source's newest knowledge in this fact. A stored fact is replaced only by one that is not
    /// older, which makes collection independent of the order in which pages arrive.
    fn version_at(&self) -> Moment;
}

/// A fact of any family, as a source hands it over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Fact {
    /// A repository.
    Repository(Repository),
    /// The repositories a team of the hosting service may write to.
    TeamRepositories(TeamRepositories),
    /// A commit.
    Commit(Commit),
    /// A pull request.
    PullRequest(PullRequest),
    /// A deployment record.
    Deployment(Deployment),
    /// A release.
    Release(Release),
    /// A git tag.
    Tag(Tag),
    /// An attempt of a CI run.
    CiRun(CiRun),
    /// An incident.
    Incident(Incident),
    /// An item of work.
    WorkItem(WorkItem),
    /// An iteration that work is planned in.
    Iteration(Iteration),
    /// An alert of a security tool.
    SecurityAlert(SecurityAlert),
    /// The results of a suite of tests.
    TestReport(TestReport),
    /// What tests covered.
    CoverageReport(CoverageReport),
    /// A value of the user's monitoring.
    Sample(Sample),
    /// What exists on a day.
    Inventory(Inventory),
    /// What people reported.
    ReportedValue(ReportedValue),
}

/// Calls `$body` with the fact inside, whatever its family.
#[macro_export]
macro_rules! with_fact {
    ($fact:expr, $inner:ident => $body:expr) => {
        match $fact {
            $crate::facts::Fact::Repository($inner) => $body,
            $crate::facts::Fact::TeamRepositories($inner) => $body,
            $crate::facts::Fact::Commit($inner) => $body,
            $crate::facts::Fact::PullRequest($inner) => $body,
            $crate::facts::Fact::Deployment($inner) => $body,
            $crate::facts::Fact::Release($inner) => $body,
            $crate::facts::Fact::Tag($inner) => $body,
            $crate::facts::Fact::CiRun($inner) => $body,
            $crate::facts::Fact::Incident($inner) => $body,
            $crate::facts::Fact::WorkItem($inner) => $body,
            $crate::facts::Fact::Iteration($inner) => $body,
            $crate::facts::Fact::SecurityAlert($inner) => $body,
            $crate::facts::Fact::TestReport($inner) => $body,
            $crate::facts::Fact::CoverageReport($inner) => $body,
            $crate::facts::Fact::Sample($inner) => $body,
            $crate::facts::Fact::Inventory($inner) => $body,
            $crate::facts::Fact::ReportedValue($inner) => $body,
        }
    };
}

/// A fact that the store gave back, with the name of the configured source that reported it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sourced<T> {
    /// The name of the configured source, for example `github`.
    pub source: String,
    /// The fact.
    pub fact: T,
}
