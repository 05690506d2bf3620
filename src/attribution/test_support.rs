//! Small histories for tests. Times are hours after an arbitrary beginning.

use super::{
    Attributed, DeploymentRule, FactsInput, Organisation, Ownership, Service, ServiceDeployment, Shipment, Team,
    attribute,
};
use crate::facts::{
    ChangeReference, Commit, Deployment, DeploymentState, DeploymentStatus, Incident, IncidentUpdate,
    IncidentUpdateKind, Moment, OwnCommit, Person, PullRequest, PullRequestState, Sourced, Tag,
};
use crate::stats::WorkingCalendar;

pub(super) const REPOSITORY: &str = "acme/shop";

pub(super) fn hour(hour: i64) -> Moment {
    Moment::from_timestamp(1_780_000_000 + hour * 3600, 0).unwrap()
}

fn sourced<T>(fact: T) -> Sourced<T> {
    Sourced { source: "test".to_owned(), fact }
}

/// A history under construction: one repository, one service `shop` of the team `team`, deployed by tags.
pub(super) struct World {
    pub(super) facts: FactsInput,
    pub(super) organisation: Organisation,
}

impl World {
    pub(super) fn new() -> Self {
        let mut organisation = Organisation::default();
        for id in ["team", "other"] {
            organisation.teams.insert(
                id.to_owned(),
                Team {
                    id: id.to_owned(),
                    name: id.to_owned(),
                    calendar: WorkingCalendar::default(),
                    github_team: None,
                    repositories: Vec::new(),
                    work_items: Vec::new(),
                },
            );
        }
        let mut world = Self { facts: FactsInput::default(), organisation };
        world.organisation.services.insert("shop".to_owned(), Self::service("shop"));
        world
    }

    pub(super) fn service(id: &str) -> Service {
        Service {
            id: id.to_owned(),
            repository: REPOSITORY.to_owned(),
            paths: None,
            owners: vec![Ownership { team: "team".to_owned(), from: None, until: None }],
            tier: 2,
            deployments: DeploymentRule::Tag { tag: regex::Regex::new(".").unwrap() }.into(),
            incident_services: Vec::new(),
            names: Vec::new(),
            critical_paths: None,
        }
    }

    /// A commit that was authored and committed at an hour.
    pub(super) fn commit(mut self, sha: &str, parents: &[&str], at: i64) -> Self {
        self.facts.commits.push(sourced(Commit {
            repository: REPOSITORY.to_owned(),
            sha: sha.to_owned(),
            parents: parents.iter().map(|parent| (*parent).to_owned()).collect(),
            authored_at: hour(at),
            committed_at: hour(at),
            author: None,
            subject: format!("change {sha}"),
            reverts: Vec::new(),
            pull_request: None,
            paths: None,
            url: None,
        }));
        self
    }

    /// Changes the commit that was added last.
    pub(super) fn with(mut self, change: impl FnOnce(&mut Commit)) -> Self {
        change(&mut self.facts.commits.last_mut().unwrap().fact);
        self
    }

    /// A commit that says it reverts another.
    pub(super) fn revert(self, sha: &str, parents: &[&str], at: i64, of: ChangeReference) -> Self {
        self.commit(sha, parents, at).with(|commit| commit.reverts = vec![of])
    }

    /// A deployment, by tag.
    pub(super) fn deploy(mut self, name: &str, sha: &str, at: i64) -> Self {
        let (repository, name, sha) = (REPOSITORY.to_owned(), name.to_owned(), sha.to_owned());
        self.facts.tags.push(sourced(Tag { repository, name, sha, tagged_at: hour(at), url: None }));
        self
    }

    /// A deployment to an environment, by record.
    pub(super) fn deploy_to(mut self, environment: &str, sha: &str, at: i64) -> Self {
        self.facts.deployments.push(sourced(Deployment {
            repository: REPOSITORY.to_owned(),
            id: at.to_string(),
            service: None,
            sha: sha.to_owned(),
            reference: None,
            environment: environment.to_owned(),
            task: None,
            created_at: hour(at),
            statuses: vec![DeploymentStatus { at: hour(at), state: DeploymentState::Success, url: None }],
            url: None,
        }));
        self
    }

    /// A pull request that landed as a commit, with own commits authored at hours.
    pub(super) fn pull_request(mut self, number: u64, landed: &str, own: &[(&str, i64)]) -> Self {
        let own = own.iter().map(|(sha, at)| OwnCommit {
            sha: (*sha).to_owned(),
            authored_at: hour(*at),
            author: None,
            merge: false,
        });
        self.facts.pull_requests.push(sourced(PullRequest {
            repository: REPOSITORY.to_owned(),
            number,
            url: None,
            title: format!("pull request {number}"),
            author: Some(Person { key: "author".to_owned(), bot: false }),
            state: PullRequestState::Merged,
            draft: false,
            created_at: hour(0),
            updated_at: hour(1),
            merged_at: Some(hour(1)),
            closed_at: Some(hour(1)),
            base_branch: "main".to_owned(),
            head_branch: "change".to_owned(),
            head_sha: None,
            merge_commit_sha: Some(landed.to_owned()),
            labels: Vec::new(),
            own_commits: own.collect(),
            reviews: Vec::new(),
            state_changes: Vec::new(),
            reverts: Vec::new(),
            paths: None,
            additions: 0,
            deletions: 0,
        }));
        self
    }

    /// Changes the pull request that was added last.
    pub(super) fn with_pull_request(mut self, change: impl FnOnce(&mut PullRequest)) -> Self {
        change(&mut self.facts.pull_requests.last_mut().unwrap().fact);
        self
    }

    /// An incident of the repository's service.
    pub(super) fn incident(
        mut self,
        id: &str,
        began: i64,
        resolved: Option<i64>,
        causes: Vec<ChangeReference>,
    ) -> Self {
        let update = |at| IncidentUpdate { at: hour(at), kind: IncidentUpdateKind::Resolved };
        self.facts.incidents.push(sourced(Incident {
            id: id.to_owned(),
            service: REPOSITORY.to_owned(),
            service_name: None,
            title: id.to_owned(),
            severity_words: vec!["sev2".to_owned()],
            created_at: hour(began),
            impact_started_at: None,
            updates: resolved.map(update).into_iter().collect(),
            causes,
            withdrawn: false,
            updated_at: hour(resolved.unwrap_or(began)),
            url: None,
        }));
        self
    }

    pub(super) fn attributed(&self) -> Attributed {
        attribute(&self.organisation, &self.facts, hour(10_000))
    }

    /// For each deployment of `shop`: its tag, and what it did.
    pub(super) fn told(&self, tell: impl Fn(&ServiceDeployment) -> String) -> Vec<String> {
        let attributed = self.attributed();
        let of_shop = attributed.deployments.iter().filter(|item| item.service == "shop");
        of_shop.map(|item| format!("{} {}", item.title.trim_start_matches("tag "), tell(item))).collect()
    }
}

/// The commits that a deployment shipped, sorted.
pub(super) fn commits(deployment: &ServiceDeployment) -> String {
    match &deployment.shipment {
        Shipment::Nothing => "nothing".to_owned(),
        Shipment::Baseline => "baseline".to_owned(),
        Shipment::Unlinked => "unlinked".to_owned(),
        Shipment::Commits { commits, .. } => {
            let mut shas: Vec<&str> = commits.iter().map(|commit| commit.sha.as_str()).collect();
            shas.sort_unstable();
            shas.join(",")
        }
    }
}

/// The authored changes that a deployment shipped, with their lead times in hours.
pub(super) fn lead_times(deployment: &ServiceDeployment) -> String {
    let Shipment::Commits { changes, .. } = &deployment.shipment else { return commits(deployment) };
    let hours = |at: Moment| (deployment.finished_at.unwrap() - at).num_hours();
    let mut told: Vec<String> =
        changes.iter().map(|change| format!("{}:{}", change.sha, hours(change.authored_at))).collect();
    told.sort();
    told.join(",")
}

/// Whether a deployment failed and why, and whether it was a fix.
pub(super) fn failure(deployment: &ServiceDeployment) -> String {
    let failed = deployment.failure.as_ref().map_or_else(
        || "ok".to_owned(),
        |failure| {
            let recovered =
                failure.recovered_at.map(|at| format!(" until {}", (at - hour(0)).num_hours())).unwrap_or_default();
            format!("{:?}{recovered}", failure.cause)
        },
    );
    let fix = if deployment.fix.is_some() { ", a fix" } else { "" };
    format!("{failed}{fix}")
}
