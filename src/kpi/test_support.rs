//! Small builders of a team's facts for tests.

use std::collections::BTreeSet;

use super::{CATALOGUE, Kpi, Observed, Outcome, Statistic, Supply, TeamFacts, Window, summarise};
use crate::attribution::{
    AlertSeverity, Attributed, CiAttempt, DeploymentFailure, FailureCause, Organisation, SecurityRules,
    ServiceDeployment, ServiceIncident, ServicePullRequest, ServiceSample, Severity, Shipment, ShippedChange,
    TeamCiRun, TeamReport, TeamSecurityAlert, TeamWorkItem,
};
use crate::facts::{Moment, OwnCommit, Person, PullRequest, PullRequestState, Review, ReviewState};
use crate::stats::WorkingCalendar;

pub(crate) fn at(text: &str) -> Moment {
    text.parse().unwrap()
}

/// What is known of the team `team`.
#[derive(Default)]
pub(crate) struct World {
    pub(super) attributed: Attributed,
    pub(super) organisation: Organisation,
}

impl World {
    pub(crate) fn deployment(mut self, deployment: ServiceDeployment) -> Self {
        self.attributed.deployments.push(deployment);
        self
    }

    pub(crate) fn pull_request(mut self, item: ServicePullRequest) -> Self {
        self.attributed.pull_requests.push(item);
        self
    }

    pub(crate) fn incident(mut self, incident: ServiceIncident) -> Self {
        self.attributed.incidents.push(incident);
        self
    }

    /// The same with more facts of whatever kind.
    pub(crate) fn with(mut self, add: impl FnOnce(&mut Attributed)) -> Self {
        add(&mut self.attributed);
        self
    }

    pub(crate) fn with_facts<T>(&self, as_of: Moment, use_facts: impl FnOnce(&TeamFacts<'_>) -> T) -> T {
        // Everything that any KPI may need is supplied.
        let supply: Supply = CATALOGUE.iter().flat_map(|kpi| kpi.needs).copied().collect();
        let calendar = WorkingCalendar::default();
        use_facts(&TeamFacts::of(&self.organisation, &self.attributed, "team", &calendar, supply, as_of))
    }

    pub(crate) fn observed(&self, kpi: &Kpi, as_of: Moment) -> Observed {
        self.with_facts(as_of, |facts| (kpi.observe)(facts))
    }

    pub(crate) fn outcome(&self, kpi: &Kpi, as_of: Moment) -> Outcome {
        self.outcome_over(kpi, Window::Days28, as_of)
    }

    pub(crate) fn outcome_over(&self, kpi: &Kpi, window: Window, as_of: Moment) -> Outcome {
        self.with_facts(as_of, |facts| summarise(kpi, &(kpi.observe)(facts), &window.span(as_of), facts))
    }
}

/// The statistic of an outcome that has it.
pub(crate) fn value(outcome: &Outcome, statistic: Statistic) -> f64 {
    match outcome {
        Outcome::Value(summary) | Outcome::TooFew { summary, .. } => summary.statistics[&statistic],
        other => panic!("no value: {other:?}"),
    }
}

pub(crate) fn attempt(name: &str, created_at: &str, failed_at: Option<&str>) -> ServiceDeployment {
    ServiceDeployment {
        key: format!("test:{name}"),
        service: "service".to_owned(),
        team: Some("team".to_owned()),
        repository: "acme/service".to_owned(),
        title: name.to_owned(),
        url: None,
        sha: name.to_owned(),
        created_at: at(created_at),
        finished_at: None,
        failed_at: failed_at.map(at),
        environment: None,
        shipment: Shipment::Nothing,
        failure: None,
        fix: None,
    }
}

pub(crate) fn shipping(name: &str, finished_at: &str, changes: Vec<ShippedChange>) -> ServiceDeployment {
    let shipment = Shipment::Commits { commits: Vec::new(), changes };
    ServiceDeployment { finished_at: Some(at(finished_at)), shipment, ..attempt(name, finished_at, None) }
}

pub(crate) fn shipping_after(name: &str, day: &str, hours: &[i64]) -> ServiceDeployment {
    let finished_at = at(&format!("{day}T12:00:00Z"));
    let changes = hours.iter().enumerate().map(|(place, hours)| {
        let authored_at = finished_at - chrono::Duration::hours(*hours);
        change(&format!("{name}-{place}"), &authored_at.to_rfc3339())
    });
    shipping(name, &finished_at.to_rfc3339(), changes.collect())
}

pub(crate) fn failed(deployment: ServiceDeployment, recovered_at: Option<&str>) -> ServiceDeployment {
    let failure = DeploymentFailure {
        cause: FailureCause::Incident,
        evidence_key: "test:incident".to_owned(),
        explanation: "an incident".to_owned(),
        url: None,
        recovered_at: recovered_at.map(at),
    };
    ServiceDeployment { failure: Some(failure), ..deployment }
}

pub(crate) fn change(sha: &str, authored_at: &str) -> ShippedChange {
    ShippedChange {
        sha: sha.to_owned(),
        landed_as: sha.to_owned(),
        authored_at: at(authored_at),
        bot: false,
        pull_request: None,
        title: "a change".to_owned(),
        url: None,
    }
}

pub(crate) fn person(key: &str) -> Person {
    Person { key: key.to_owned(), bot: false }
}

pub(crate) fn review(by: &str, submitted_at: &str) -> Review {
    Review {
        submitted_at: at(submitted_at),
        author: Some(person(by)),
        state: ReviewState::Approved,
        has_body: false,
        inline_comments: 0,
    }
}

/// A pull request by `author`, merged, with one own commit authored when it was opened.
pub(crate) fn merged_pull_request(number: u64, created_at: &str, merged_at: &str) -> ServicePullRequest {
    let own = OwnCommit { sha: format!("own{number}"), authored_at: at(created_at), author: None, merge: false };
    ServicePullRequest {
        key: format!("test:acme/service#{number}"),
        services: vec!["service".to_owned()],
        teams: vec!["team".to_owned()],
        deployed: None,
        pull_request: PullRequest {
            repository: "acme/service".to_owned(),
            number,
            url: None,
            title: "a change".to_owned(),
            author: Some(person("author")),
            state: PullRequestState::Merged,
            draft: false,
            created_at: at(created_at),
            updated_at: at(merged_at),
            merged_at: Some(at(merged_at)),
            closed_at: Some(at(merged_at)),
            base_branch: "main".to_owned(),
            head_branch: "change".to_owned(),
            head_sha: None,
            merge_commit_sha: None,
            labels: Vec::new(),
            own_commits: vec![own],
            reviews: Vec::new(),
            state_changes: Vec::new(),
            reverts: Vec::new(),
            paths: None,
            additions: 1,
            deletions: 0,
        },
    }
}

pub(crate) fn incident(id: &str, began_at: &str, resolved_at: Option<&str>) -> ServiceIncident {
    ServiceIncident {
        key: format!("test:{id}"),
        service: Some("service".to_owned()),
        team: Some("team".to_owned()),
        title: "trouble".to_owned(),
        url: None,
        severity: Severity(3),
        began_at: at(began_at),
        created_at: at(began_at),
        acknowledged_at: None,
        resolved_at: resolved_at.map(at),
        cause_tag: None,
        caused_by: None,
    }
}

/// A work item of no class and without points.
pub(crate) fn work_item(id: &str, created_at: &str, started_at: Option<&str>, done_at: Option<&str>) -> TeamWorkItem {
    TeamWorkItem {
        key: format!("test:{id}"),
        team: Some("team".to_owned()),
        title: id.to_owned(),
        url: None,
        classes: BTreeSet::new(),
        created_at: at(created_at),
        started_at: started_at.map(at),
        first_done_at: done_at.map(at),
        done_at: done_at.map(at),
        dropped_at: None,
        returned_at: Vec::new(),
        points: None,
    }
}

/// A run on the default branch with its attempts: from, until, and whether it succeeded.
pub(crate) fn ci_run(id: u64, workflow: &str, sha: &str, attempts: &[(&str, &str, Option<bool>)]) -> TeamCiRun {
    let attempt = |(from, until, succeeded): &(&str, &str, Option<bool>)| CiAttempt {
        created_at: at(from),
        started_at: at(from),
        ended_at: Some(at(until)),
        succeeded: *succeeded,
    };
    TeamCiRun {
        key: format!("test:{id}"),
        teams: vec!["team".to_owned()],
        repository: "acme/service".to_owned(),
        workflow: workflow.to_owned(),
        event: "push".to_owned(),
        sha: sha.to_owned(),
        on_default_branch: true,
        url: None,
        attempts: attempts.iter().map(attempt).collect(),
    }
}

/// An alert with the usual times to fix it.
pub(crate) fn alert(number: u64, severity: AlertSeverity, opened: &str, fixed: Option<&str>) -> TeamSecurityAlert {
    let rules = SecurityRules::default();
    let due = match severity {
        AlertSeverity::Critical => Some(rules.critical),
        AlertSeverity::High => Some(rules.high),
        AlertSeverity::Medium | AlertSeverity::Low => None,
    };
    TeamSecurityAlert {
        key: format!("test:{number}"),
        teams: vec!["team".to_owned()],
        title: "a weakness".to_owned(),
        url: None,
        severity,
        opened_at: at(opened),
        fixed_at: fixed.map(at),
        dismissed: None,
        due_at: due.map(|due| at(opened) + due),
    }
}

/// A reported value of the team.
pub(crate) fn report(template: &str, moment: &str, value: f64, cases: f64) -> TeamReport {
    TeamReport {
        key: format!("reported:{template}/{moment}/{value}"),
        template: template.to_owned(),
        service: None,
        team: Some("team".to_owned()),
        began_at: None,
        at: at(moment),
        ended: true,
        value,
        cases,
        segment: None,
        person: None,
    }
}

/// A sample of a service of the team.
pub(crate) fn sample(service: &str, measure: &str, moment: &str, value: f64) -> ServiceSample {
    ServiceSample {
        key: format!("test:{service}/{measure}/{moment}"),
        service: service.to_owned(),
        team: Some("team".to_owned()),
        measure: measure.to_owned(),
        at: at(moment),
        value,
        url: None,
    }
}
