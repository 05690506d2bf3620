//! CI runs, test results, coverage and security alerts, each with the teams that they count for.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::input::FactsInput;
use super::ownership::Services;
use super::rules::SecurityRules;
use super::{DeploymentRule, Service};
use crate::facts::{
    CiRun, CiRunConclusion, CoverageReport, FactFamily as _, FileCoverage, Moment, SecurityAlert, SecurityAlertKind,
    Sourced, TestReport,
};

/// One run of a CI workflow, with all of its attempts.
#[derive(Debug, Clone, PartialEq)]
pub struct TeamCiRun {
    /// `source:external_id` of the last attempt.
    pub key: String,
    /// The teams that own services of the repository.
    pub teams: Vec<String>,
    /// `owner/name`.
    pub repository: String,
    /// The workflow's name.
    pub workflow: String,
    /// What started it.
    pub event: String,
    /// The commit.
    pub sha: String,
    /// Whether it ran for the default branch.
    pub on_default_branch: bool,
    /// Where people open it.
    pub url: Option<String>,
    /// Its attempts, first first.
    pub attempts: Vec<CiAttempt>,
}

/// One attempt of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CiAttempt {
    /// When it was asked for.
    pub created_at: Moment,
    /// When it began to run.
    pub started_at: Moment,
    /// When it ended. `None` while under way.
    pub ended_at: Option<Moment>,
    /// Whether it succeeded (`true`) or failed (`false`). `None` for what is neither: cancelled, skipped, under way.
    pub succeeded: Option<bool>,
}

/// The test results of one suite on one commit: all reports together.
#[derive(Debug, Clone, PartialEq)]
pub struct TeamTestResult {
    /// `source:external_id` of the newest report.
    pub key: String,
    /// The teams that own services of the repository.
    pub teams: Vec<String>,
    /// `owner/name`, suite and short commit.
    pub title: String,
    /// Where people open it.
    pub url: Option<String>,
    /// `owner/name`.
    pub repository: String,
    /// When the newest report was made.
    pub at: Moment,
    /// How many tests were executed.
    pub executed: u64,
    /// The tests that both failed and passed on this commit.
    pub flaky: BTreeSet<String>,
}

/// What tests covered of a service on a day.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceCoverage {
    /// `source:external_id`.
    pub key: String,
    /// The service's id.
    pub service: String,
    /// The team that owned it then.
    pub team: Option<String>,
    /// Where people open it.
    pub url: Option<String>,
    /// When it was measured.
    pub at: Moment,
    /// Lines of its critical paths that tests ran.
    pub covered: u64,
    /// Lines of its critical paths.
    pub lines: u64,
}

/// How severe an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlertSeverity {
    /// Critical; leaked secrets too.
    Critical,
    /// High.
    High,
    /// Medium, and what says nothing.
    Medium,
    /// Low.
    Low,
}

impl AlertSeverity {
    /// The label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// An alert of a team's repository.
#[derive(Debug, Clone, PartialEq)]
pub struct TeamSecurityAlert {
    /// `source:external_id`.
    pub key: String,
    /// The teams that own services of the repository.
    pub teams: Vec<String>,
    /// Repository and what it is about.
    pub title: String,
    /// Where people open it.
    pub url: Option<String>,
    /// How severe it is.
    pub severity: AlertSeverity,
    /// When it was opened.
    pub opened_at: Moment,
    /// When it was fixed.
    pub fixed_at: Option<Moment>,
    /// When it was dismissed, and why.
    pub dismissed: Option<(Moment, String)>,
    /// Until when it is to be fixed. `None` where no time is set for its severity.
    pub due_at: Option<Moment>,
}

/// CI runs with their attempts; runs that are a service's deployments are left to deployments.
pub(super) fn ci_runs(facts: &FactsInput, services: &Services) -> Vec<TeamCiRun> {
    let default_branches: BTreeMap<&str, &str> = facts
        .repositories
        .iter()
        .filter_map(|item| Some((item.fact.full_name.as_str(), item.fact.default_branch.as_deref()?)))
        .collect();
    let mut runs: BTreeMap<(&str, &str, u64), Vec<&Sourced<CiRun>>> = BTreeMap::new();
    for item in facts.ci_runs.iter().filter(|item| !deploys(services, &item.fact)) {
        runs.entry((&item.source, &item.fact.repository, item.fact.id)).or_default().push(item);
    }
    let made = runs.into_values().filter_map(|mut attempts| {
        attempts.sort_by_key(|item| item.fact.attempt);
        let last = *attempts.last()?;
        let fact = &last.fact;
        let default = default_branches.get(fact.repository.as_str()).copied();
        let pushed = !matches!(fact.event.as_str(), "pull_request" | "pull_request_target" | "merge_group");
        let attempts: Vec<CiAttempt> = attempts.iter().map(|item| attempt(&item.fact)).collect();
        Some(TeamCiRun {
            key: format!("{}:{}", last.source, fact.external_id()),
            teams: services.teams_of_repository(&fact.repository, fact.created_at),
            repository: fact.repository.clone(),
            workflow: fact.workflow.clone(),
            event: fact.event.clone(),
            sha: fact.sha.clone(),
            on_default_branch: pushed && fact.branch.as_deref() == default.or(Some("main")),
            url: fact.url.clone(),
            attempts,
        })
    });
    let mut made: Vec<TeamCiRun> = made.collect();
    made.sort_by(|one, other| (one.attempts[0].created_at, &one.key).cmp(&(other.attempts[0].created_at, &other.key)));
    made
}

fn deploys(services: &Services, run: &CiRun) -> bool {
    services
        .of_repository(&run.repository)
        .map(|service| &service.deployments)
        .any(|rule| matches!(&**rule, DeploymentRule::WorkflowRun { workflow, .. } if workflow.is_match(&run.workflow)))
}

fn attempt(run: &CiRun) -> CiAttempt {
    let succeeded = run.conclusion.and_then(|conclusion| match conclusion {
        CiRunConclusion::Success => Some(true),
        CiRunConclusion::Failure | CiRunConclusion::TimedOut | CiRunConclusion::StartupFailure => Some(false),
        _ => None,
    });
    let ended_at = run.conclusion.map(|_| run.updated_at);
    CiAttempt { created_at: run.created_at, started_at: run.run_started_at, ended_at, succeeded }
}

/// Test results by suite and commit. A test is flaky when it both failed and passed on one commit: within a report, or in
/// one report and not in another of the same suite.
pub(super) fn test_results(facts: &FactsInput, services: &Services) -> Vec<TeamTestResult> {
    let mut groups: BTreeMap<(&str, &str, &str), Vec<&Sourced<TestReport>>> = BTreeMap::new();
    for item in &facts.test_reports {
        let fact = &item.fact;
        groups.entry((&fact.repository, &fact.suite, &fact.sha)).or_default().push(item);
    }
    let made = groups.into_iter().filter_map(|((repository, suite, sha), reports)| {
        let newest = reports.iter().max_by_key(|item| item.fact.at)?;
        let mut flaky: BTreeSet<String> = reports.iter().flat_map(|item| item.fact.flaky.clone()).collect();
        for test in reports.iter().flat_map(|item| &item.fact.failed) {
            if reports.iter().any(|item| item.fact.executed > 0 && !item.fact.failed.contains(test)) {
                flaky.insert(test.clone());
            }
        }
        Some(TeamTestResult {
            key: format!("{}:{}", newest.source, newest.fact.external_id()),
            teams: services.teams_of_repository(repository, newest.fact.at),
            title: format!("{repository} {suite} at {}", sha.get(..8).unwrap_or(sha)),
            url: newest.fact.url.clone(),
            repository: repository.to_owned(),
            at: newest.fact.at,
            executed: reports.iter().map(|item| item.fact.executed).max().unwrap_or_default(),
            flaky,
        })
    });
    made.collect()
}

/// Coverage of the default branch, service by service: the critical paths where the configuration names some, else the
/// paths of the service.
pub(super) fn coverage(facts: &FactsInput, services: &Services) -> Vec<ServiceCoverage> {
    let default_branches: BTreeMap<&str, Option<&str>> = facts
        .repositories
        .iter()
        .map(|item| (item.fact.full_name.as_str(), item.fact.default_branch.as_deref()))
        .collect();
    let on_default = |fact: &CoverageReport| {
        let default = default_branches.get(fact.repository.as_str()).copied().flatten();
        fact.branch.is_none() || default.is_none() || fact.branch.as_deref() == default
    };
    let mut days: BTreeMap<(&str, NaiveDate), Vec<&Sourced<CoverageReport>>> = BTreeMap::new();
    for item in facts.coverage_reports.iter().filter(|item| on_default(&item.fact)) {
        days.entry((&item.fact.repository, item.fact.at.date_naive())).or_default().push(item);
    }
    let made = days.into_iter().flat_map(|((repository, _), reports)| {
        services.of_repository(repository).filter_map(move |service| covered(service, &reports, services))
    });
    made.collect()
}

/// What the reports of a day say of a service together: the front and the back of it may be measured apart. Of a file that is in
/// several the best counts.
fn covered(service: &Service, reports: &[&Sourced<CoverageReport>], services: &Services) -> Option<ServiceCoverage> {
    let paths = service.critical_paths.as_ref().or(service.paths.as_ref());
    let mut files: BTreeMap<&str, &FileCoverage> = BTreeMap::new();
    let all = reports.iter().flat_map(|item| &item.fact.files);
    for file in all.filter(|file| paths.is_none_or(|paths| paths.is_match(&file.path))) {
        let best = files.entry(&file.path).or_insert(file);
        if (best.covered, best.lines) < (file.covered, file.lines) {
            *best = file;
        }
    }
    let has_some =
        |item: &&&Sourced<CoverageReport>| item.fact.files.iter().any(|file| files.contains_key(file.path.as_str()));
    let newest = reports.iter().filter(has_some).max_by_key(|item| (item.fact.at, item.fact.external_id()))?;
    let lines = files.values().map(|file| file.lines).sum();
    (lines > 0).then(|| ServiceCoverage {
        key: format!("{}:{}", newest.source, newest.fact.external_id()),
        service: service.id.clone(),
        team: services.owner_at(service, newest.fact.at),
        url: newest.fact.url.clone(),
        at: newest.fact.at,
        covered: files.values().map(|file| file.covered).sum(),
        lines,
    })
}

/// Alerts, each with its severity and the day by which it is to be fixed.
pub(super) fn security_alerts(
    rules: &SecurityRules,
    facts: &FactsInput,
    services: &Services,
    as_of: Moment,
) -> Vec<TeamSecurityAlert> {
    let alerts = facts.security_alerts.iter().map(|item| {
        let fact = &item.fact;
        let severity = severity(fact);
        let due = match severity {
            AlertSeverity::Critical => Some(rules.critical),
            AlertSeverity::High => Some(rules.high),
            AlertSeverity::Medium | AlertSeverity::Low => None,
        };
        TeamSecurityAlert {
            key: format!("{}:{}", item.source, fact.external_id()),
            // An open one is for today's owner to fix, whoever it was opened for.
            teams: services.teams_of_repository(&fact.repository, fact.fixed_at.or(fact.dismissed_at).unwrap_or(as_of)),
            title: format!("{} {}", fact.repository, fact.title),
            url: fact.url.clone(),
            severity,
            opened_at: fact.opened_at,
            fixed_at: fact.fixed_at,
            dismissed: fact.dismissed_at.map(|at| (at, fact.dismissed_reason.clone().unwrap_or_default())),
            due_at: due.map(|due| fact.opened_at + due),
        }
    });
    alerts.collect()
}

fn severity(alert: &SecurityAlert) -> AlertSeverity {
    match alert.severity.as_deref().map(str::to_lowercase).as_deref() {
        _ if alert.kind == SecurityAlertKind::Secret => AlertSeverity::Critical,
        Some("critical") => AlertSeverity::Critical,
        Some("high" | "error") => AlertSeverity::High,
        Some("low" | "note") => AlertSeverity::Low,
        _ => AlertSeverity::Medium,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::attribution::test_support::{REPOSITORY, World, hour};

    #[test]
    fn the_reports_of_a_day_are_taken_together() {
        let report = |name: &str, at: i64, files: &[(&str, u64, u64)]| {
            let file = |(path, covered, lines): &(&str, u64, u64)| FileCoverage {
                path: (*path).to_owned(),
                covered: *covered,
                lines: *lines,
            };
            let fact = CoverageReport {
                repository: REPOSITORY.to_owned(),
                name: name.to_owned(),
                sha: "a".to_owned(),
                branch: None,
                at: hour(at),
                files: files.iter().map(file).collect(),
                url: None,
            };
            Sourced { source: "test".to_owned(), fact }
        };
        // 8,000 of 10,000 and 300 of 1,000, of which a file of 100 is in both: 60 and 90 of it. The next day one of them alone.
        let mut world = World::new();
        world.facts.coverage_reports = vec![
            report("backend", 0, &[("api.rs", 7_940, 9_900), ("shared.rs", 60, 100)]),
            report("frontend", 1, &[("page.ts", 210, 900), ("shared.rs", 90, 100)]),
            report("frontend", 25, &[("page.ts", 450, 900)]),
        ];
        let services = Services::resolve(Arc::new(world.organisation.clone()), &[]);
        let found = coverage(&world.facts, &services);
        let told: Vec<_> = found.iter().map(|it| (it.at, it.covered, it.lines)).collect();
        assert_eq!(told, [(hour(1), 8_240, 10_900), (hour(25), 450, 900)]);
    }
}
