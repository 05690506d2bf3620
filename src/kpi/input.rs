//! What a KPI is computed from.

use std::collections::{BTreeMap, BTreeSet};

use super::Need;
use crate::attribution::{
    Attributed, LeftOut, Organisation, ServiceCoverage, ServiceDeployment, ServiceIncident, ServicePullRequest,
    ServiceReadiness, ServiceSample, TeamCiRun, TeamIteration, TeamReport, TeamSecurityAlert, TeamTestResult,
    TeamWorkItem,
};
use crate::facts::Moment;
use crate::stats::WorkingCalendar;

/// Which kinds of facts the configured sources supply for a team.
pub type Supply = BTreeSet<Need>;

/// The facts of one team, attributed, as of a moment.
#[derive(Debug)]
pub struct TeamFacts<'a> {
    /// The rules.
    pub organisation: &'a Organisation,
    /// The team's slug.
    pub team: &'a str,
    /// Its calendar.
    pub calendar: &'a WorkingCalendar,
    /// The moment of evaluation. Nothing after it is known.
    pub as_of: Moment,
    /// What configured sources supply.
    pub supply: Supply,
    /// Deployment attempts of its services while it owned them, oldest first.
    pub deployments: Vec<&'a ServiceDeployment>,
    /// Pull requests of its services, oldest first.
    pub pull_requests: Vec<&'a ServicePullRequest>,
    /// Incidents of its services while it owned them, oldest first.
    pub incidents: Vec<&'a ServiceIncident>,
    /// Its work items, in the order of their creation.
    pub work_items: Vec<&'a TeamWorkItem>,
    /// Its iterations that have ended.
    pub iterations: Vec<&'a TeamIteration>,
    /// CI runs of its repositories, oldest first.
    pub ci_runs: Vec<&'a TeamCiRun>,
    /// Test results of its repositories.
    pub test_results: Vec<&'a TeamTestResult>,
    /// Coverage of its services.
    pub coverage: Vec<&'a ServiceCoverage>,
    /// Security alerts of its repositories.
    pub security_alerts: Vec<&'a TeamSecurityAlert>,
    /// Health of its services.
    pub samples: Vec<&'a ServiceSample>,
    /// Checklists of its services.
    pub readiness: Vec<&'a ServiceReadiness>,
    /// What was reported of it and its services.
    pub reports: Vec<&'a TeamReport>,
    /// The tiers of all services, by id.
    pub tiers: &'a BTreeMap<String, u8>,
    /// What was left out that would have counted for it.
    pub left_out: Vec<&'a LeftOut>,
}

impl<'a> TeamFacts<'a> {
    /// Whether anything of a kind was seen of the team before a moment.
    pub fn has_seen(&self, need: Need, before: Moment) -> bool {
        match need {
            Need::Deployments | Need::Commits => self.deployments.iter().any(|item| item.created_at < before),
            Need::PullRequests => self.pull_requests.iter().any(|item| item.pull_request.created_at < before),
            Need::Incidents => self.incidents.iter().any(|item| item.began_at < before),
            Need::WorkItems => self.work_items.iter().any(|item| item.created_at < before),
            Need::Iterations => self.iterations.iter().any(|item| item.ended_at < before),
            Need::CiRuns => self.ci_runs.iter().any(|item| item.attempts[0].created_at < before),
            Need::SecurityAlerts => self.security_alerts.iter().any(|item| item.opened_at < before),
            Need::Reported(template) => self.reports_of(template).any(|report| report.at < before),
            // Levels and shares need no true zero.
            Need::TestOutcomes | Need::Coverage | Need::Readiness | Need::Measured(_) | Need::Cost => true,
        }
    }

    /// What was reported with a template.
    pub fn reports_of(&self, template: &str) -> impl Iterator<Item = &'a TeamReport> {
        self.reports.iter().copied().filter(move |report| report.template == template)
    }

    /// Picks a team's facts out of the whole.
    pub fn of(
        organisation: &'a Organisation,
        attributed: &'a Attributed,
        team: &'a str,
        calendar: &'a WorkingCalendar,
        supply: Supply,
        as_of: Moment,
    ) -> Self {
        let mut found = attributed.of_team(team);
        found.deployments.sort_by_key(|item| (item.finished_at.unwrap_or(item.created_at), &item.key));
        found.pull_requests.sort_by_key(|item| (item.pull_request.created_at, &item.key));
        found.incidents.sort_by_key(|item| (item.began_at, &item.key));
        Self {
            organisation,
            team,
            calendar,
            as_of,
            supply,
            deployments: found.deployments,
            pull_requests: found.pull_requests,
            incidents: found.incidents,
            work_items: found.work_items,
            iterations: found.iterations,
            ci_runs: found.ci_runs,
            test_results: found.test_results,
            coverage: found.coverage,
            security_alerts: found.security_alerts,
            samples: found.samples,
            readiness: found.readiness,
            reports: found.reports,
            tiers: &attributed.tiers,
            left_out: found.left_out,
        }
    }
}
