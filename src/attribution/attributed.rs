//! What attribution finds out: the vocabulary that KPIs are computed from.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::{
    ByTeam, ServiceCoverage, ServiceReadiness, ServiceSample, Severity, TeamCiRun, TeamIteration, TeamReport,
    TeamSecurityAlert, TeamTestResult, TeamWorkItem,
};
use crate::facts::{Moment, PullRequest};

/// The whole organisation, attributed: what happened to which service, and who owned it then.
#[derive(Debug, Clone, Default)]
pub struct Attributed {
    /// Deployment attempts to production of all services, ordered by service and time.
    pub deployments: Vec<ServiceDeployment>,
    /// Pull requests with the services that they touch.
    pub pull_requests: Vec<ServicePullRequest>,
    /// Incidents with the service that they hit.
    pub incidents: Vec<ServiceIncident>,
    /// Work items with the team whose work they are.
    pub work_items: Vec<TeamWorkItem>,
    /// Iterations that have ended, team by team.
    pub iterations: Vec<TeamIteration>,
    /// CI runs that are no deployments.
    pub ci_runs: Vec<TeamCiRun>,
    /// Test results by suite and commit.
    pub test_results: Vec<TeamTestResult>,
    /// Coverage by service and day.
    pub coverage: Vec<ServiceCoverage>,
    /// Security alerts.
    pub security_alerts: Vec<TeamSecurityAlert>,
    /// Service health by service, measure and day.
    pub samples: Vec<ServiceSample>,
    /// Checklists by service and day.
    pub readiness: Vec<ServiceReadiness>,
    /// Reported values.
    pub reports: Vec<TeamReport>,
    /// The tier of each service, by id.
    pub tiers: Arc<BTreeMap<String, u8>>,
    /// What could not be attributed, with the reason; shown by `doctor`, `explain` and the data-quality metrics.
    pub left_out: Vec<LeftOut>,
    /// The rule that `auto` took for each service, in words, and what else was seen. By service id.
    pub chosen_rules: BTreeMap<String, String>,
    /// Whose each service is today, by id.
    pub owned: BTreeMap<String, OwnedService>,
    /// Which of all these are which team's.
    pub by_team: ByTeam,
}

impl Attributed {
    /// Forgets the deployments and pull requests that ended before a moment, after all has been found out from them, and
    /// which of those shipped or caused something.
    pub(super) fn forget_ended_before(&mut self, moment: Moment) {
        self.deployments.retain(|item| item.finished_at.or(item.failed_at).is_none_or(|at| at >= moment));
        let ended_at = |fact: &PullRequest| fact.merged_at.or(fact.closed_at);
        self.pull_requests.retain(|item| ended_at(&item.pull_request).is_none_or(|at| at >= moment));
        for item in &mut self.pull_requests {
            item.deployed = item.deployed.take().filter(|(_, at)| *at >= moment);
        }
        let told: HashSet<&str> = self.deployments.iter().map(|item| item.key.as_str()).collect();
        for item in &mut self.incidents {
            item.caused_by = item.caused_by.take().filter(|cause| told.contains(cause.as_str()));
        }
    }
}

/// Whose a service is today.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedService {
    /// `owner/name`.
    pub repository: String,
    /// The team's slug. `None` where nobody owns it.
    pub team: Option<String>,
}

/// Something that was seen and not counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeftOut {
    /// The kind of thing: `commit`, `pull_request`, `deployment`, `incident`, `work_item`, `sample`, `report`.
    pub kind: &'static str,
    /// A short machine-readable reason, for example `no_service`, `commit_unknown`.
    pub reason: &'static str,
    /// The team that it would have counted for, where known.
    pub team: Option<String>,
    /// Its key in the store.
    pub key: String,
    /// A sentence for people: what it is, why it was left out, how to mend it.
    pub explanation: String,
    /// Where people open it.
    pub url: Option<String>,
    /// When it happened.
    pub at: Moment,
}

/// An attempt to bring a commit into production.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceDeployment {
    /// `source:external_id` of the fact behind it.
    pub key: String,
    /// The service's id.
    pub service: String,
    /// The team that owned the service when it finished (or was tried). `None` where nobody did.
    pub team: Option<String>,
    /// `owner/name`.
    pub repository: String,
    /// What people call it: the tag, or the environment and the short object id.
    pub title: String,
    /// The environment that it went to, where several are told apart.
    pub environment: Option<String>,
    /// Where people open it.
    pub url: Option<String>,
    /// The commit.
    pub sha: String,
    /// When it was asked for.
    pub created_at: Moment,
    /// When it first succeeded. `None` if it never did.
    pub finished_at: Option<Moment>,
    /// When it failed for good. `None` if it succeeded or is under way.
    pub failed_at: Option<Moment>,
    /// What it brought into production.
    pub shipment: Shipment,
    /// Why it counts as failed, if it does. At most one cause, the first found in the order of [`FailureCause`].
    pub failure: Option<DeploymentFailure>,
    /// Why it counts as an unplanned fix, if it does.
    pub fix: Option<FixKind>,
}

/// What a deployment brought into production.
#[derive(Debug, Clone, PartialEq)]
pub enum Shipment {
    /// It never succeeded.
    Nothing,
    /// The first known deployment of the service: all before it is taken as shipped, nothing yields a lead time.
    Baseline,
    /// The commit is not in the known history.
    Unlinked,
    /// These, for the first time in this service. Empty for a redeployment or a rollback.
    Commits {
        /// Commits that reached production, by ancestry, merges included, newest first.
        commits: Vec<ShippedCommit>,
        /// What they stand for: squash and rebase merges replaced by the pull request's own commits, merges and
        /// repeated backports left out. These carry the lead time.
        changes: Vec<ShippedChange>,
    },
}

/// A commit that a deployment shipped first.
#[derive(Debug, Clone, PartialEq)]
pub struct ShippedCommit {
    /// The full object id.
    pub sha: String,
    /// When it was authored.
    pub authored_at: Moment,
    /// Whether it has more than one parent.
    pub merge: bool,
    /// The pull request that it landed with.
    pub pull_request: Option<u64>,
}

/// An authored change that a deployment shipped first.
#[derive(Debug, Clone, PartialEq)]
pub struct ShippedChange {
    /// The object id of the authored commit, which for a squash is one of the pull request's own.
    pub sha: String,
    /// The commit on the deployed history that it landed as.
    pub landed_as: String,
    /// When it was authored.
    pub authored_at: Moment,
    /// Whether a bot wrote it.
    pub bot: bool,
    /// The pull request that it landed with.
    pub pull_request: Option<u64>,
    /// The subject of the commit, or the title of the pull request.
    pub title: String,
    /// Where people open it.
    pub url: Option<String>,
}

/// Why a deployment counts as failed, in the order in which causes are preferred as evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FailureCause {
    /// An incident names it (or a change that it shipped) as its cause.
    LinkedIncident,
    /// An incident of its service began within the window after it.
    Incident,
    /// An earlier version was deployed again, or the next deployment went back to an ancestor.
    Rollback,
    /// A change that it shipped was reverted by a change shipped later.
    Revert,
    /// A hotfix was deployed after it.
    Hotfix,
}

/// That a deployment failed, with the evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct DeploymentFailure {
    /// Why.
    pub cause: FailureCause,
    /// `source:external_id` of the incident, or of the deployment that fixed it.
    pub evidence_key: String,
    /// A sentence for people.
    pub explanation: String,
    /// Where people open the evidence.
    pub url: Option<String>,
    /// When the service was well again: the incident resolved, or the fix finished, whichever came first. `None`
    /// while it is not.
    pub recovered_at: Option<Moment>,
}

/// Why a deployment counts as an unplanned fix (DORA's rework).
#[derive(Debug, Clone, PartialEq)]
pub enum FixKind {
    /// It deployed an earlier version again. Holds a sentence for people.
    Rollback(String),
    /// It shipped the revert of a change that was in production. Holds a sentence for people.
    Revert(String),
    /// It shipped a hotfix. Holds a sentence for people.
    Hotfix(String),
}

/// A pull request with the services that it touches.
#[derive(Debug, Clone, PartialEq)]
pub struct ServicePullRequest {
    /// `source:external_id`.
    pub key: String,
    /// The services whose repository or paths it touches.
    pub services: Vec<String>,
    /// The teams that owned one of those when it was merged (or now, while open). Sorted, each once.
    pub teams: Vec<String>,
    /// The fact.
    pub pull_request: PullRequest,
    /// When its change first reached production: key and finish of the deployment that shipped its last landed
    /// commit, the earliest over the services.
    pub deployed: Option<(String, Moment)>,
}

/// An incident of a service.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceIncident {
    /// `source:external_id`.
    pub key: String,
    /// The service's id. `None` where no service of the configuration matched.
    pub service: Option<String>,
    /// The team that owned the service when the incident began.
    pub team: Option<String>,
    /// The title.
    pub title: String,
    /// Where people open it.
    pub url: Option<String>,
    /// The severity by the rules.
    pub severity: Severity,
    /// The start of the impact where known, else the creation.
    pub began_at: Moment,
    /// When it was triggered.
    pub created_at: Moment,
    /// The first acknowledgement.
    pub acknowledged_at: Option<Moment>,
    /// The last resolution. `None` while open.
    pub resolved_at: Option<Moment>,
    /// What the tool's labels say caused it: a word such as `cause:expired-certificate`.
    pub cause_tag: Option<String>,
    /// The key of the deployment that caused it, where one was found.
    pub caused_by: Option<String>,
}
