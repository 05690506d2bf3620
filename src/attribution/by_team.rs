//! Which facts are which team's: looked up once, so that picking those of a team does not go through all of them.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::{
    Attributed, LeftOut, ServiceCoverage, ServiceDeployment, ServiceIncident, ServicePullRequest, ServiceReadiness,
    ServiceSample, TeamCiRun, TeamIteration, TeamReport, TeamSecurityAlert, TeamTestResult, TeamWorkItem,
};

/// The facts of one team, each family in the order of the whole.
#[derive(Debug)]
pub struct OfTeam<'a> {
    /// Deployment attempts of the services that it owned.
    pub deployments: Vec<&'a ServiceDeployment>,
    /// Pull requests of its services.
    pub pull_requests: Vec<&'a ServicePullRequest>,
    /// Incidents of the services that it owned.
    pub incidents: Vec<&'a ServiceIncident>,
    /// Its work items.
    pub work_items: Vec<&'a TeamWorkItem>,
    /// Its iterations.
    pub iterations: Vec<&'a TeamIteration>,
    /// CI runs of its repositories.
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
    /// What was left out that would have counted for it.
    pub left_out: Vec<&'a LeftOut>,
}

impl Attributed {
    /// How many facts there are in all.
    pub fn size(&self) -> usize {
        size(self)
    }

    /// Picks the facts of a team. What is attributed must not change after the first look.
    pub fn of_team(&self, team: &str) -> OfTeam<'_> {
        let index = self.by_team.0.get_or_init(|| Index::of(self));
        debug_assert_eq!(index.facts, size(self), "facts were added after the first look");
        let none = Places::default();
        let places = index.teams.get(team).unwrap_or(&none);
        OfTeam {
            deployments: picked(&self.deployments, &places.deployments),
            pull_requests: picked(&self.pull_requests, &places.pull_requests),
            incidents: picked(&self.incidents, &places.incidents),
            work_items: picked(&self.work_items, &places.work_items),
            iterations: picked(&self.iterations, &places.iterations),
            ci_runs: picked(&self.ci_runs, &places.ci_runs),
            test_results: picked(&self.test_results, &places.test_results),
            coverage: picked(&self.coverage, &places.coverage),
            security_alerts: picked(&self.security_alerts, &places.security_alerts),
            samples: picked(&self.samples, &places.samples),
            readiness: picked(&self.readiness, &places.readiness),
            reports: picked(&self.reports, &places.reports),
            left_out: picked(&self.left_out, &places.left_out),
        }
    }
}

/// Where the facts of each team stand; found out at the first look. A copy finds it out anew, for it may be changed.
#[derive(Debug, Default)]
pub struct ByTeam(OnceLock<Index>);

impl Clone for ByTeam {
    fn clone(&self) -> Self {
        Self::default()
    }
}

#[derive(Debug)]
struct Index {
    teams: BTreeMap<String, Places>,
    /// How many facts it was made of.
    facts: usize,
}

/// The places of one team's facts, ascending.
#[derive(Debug, Default)]
struct Places {
    deployments: Vec<usize>,
    pull_requests: Vec<usize>,
    incidents: Vec<usize>,
    work_items: Vec<usize>,
    iterations: Vec<usize>,
    ci_runs: Vec<usize>,
    test_results: Vec<usize>,
    coverage: Vec<usize>,
    security_alerts: Vec<usize>,
    samples: Vec<usize>,
    readiness: Vec<usize>,
    reports: Vec<usize>,
    left_out: Vec<usize>,
}

impl Index {
    fn of(found: &Attributed) -> Self {
        let mut index = Self { teams: BTreeMap::new(), facts: size(found) };
        index.note(&found.deployments, |item| item.team.as_slice(), |places| &mut places.deployments);
        index.note(&found.pull_requests, |item| &item.teams, |places| &mut places.pull_requests);
        index.note(&found.incidents, |item| item.team.as_slice(), |places| &mut places.incidents);
        index.note(&found.work_items, |item| item.team.as_slice(), |places| &mut places.work_items);
        index.note(&found.iterations, |item| std::slice::from_ref(&item.team), |places| &mut places.iterations);
        index.note(&found.ci_runs, |item| &item.teams, |places| &mut places.ci_runs);
        index.note(&found.test_results, |item| &item.teams, |places| &mut places.test_results);
        index.note(&found.coverage, |item| item.team.as_slice(), |places| &mut places.coverage);
        index.note(&found.security_alerts, |item| &item.teams, |places| &mut places.security_alerts);
        index.note(&found.samples, |item| item.team.as_slice(), |places| &mut places.samples);
        index.note(&found.readiness, |item| item.team.as_slice(), |places| &mut places.readiness);
        index.note(&found.reports, |item| item.team.as_slice(), |places| &mut places.reports);
        index.note(&found.left_out, |item| item.team.as_slice(), |places| &mut places.left_out);
        index
    }

    /// Notes where the facts of a family stand; each once per team, however often it names the team.
    fn note<T>(&mut self, items: &[T], teams: fn(&T) -> &[String], family: fn(&mut Places) -> &mut Vec<usize>) {
        for (place, item) in items.iter().enumerate() {
            for team in teams(item) {
                if !self.teams.contains_key(team) {
                    self.teams.insert(team.clone(), Places::default());
                }
                if let Some(places) = self.teams.get_mut(team).map(family).filter(|it| it.last() != Some(&place)) {
                    places.push(place);
                }
            }
        }
    }
}

fn picked<'a, T>(items: &'a [T], places: &[usize]) -> Vec<&'a T> {
    places.iter().map(|place| &items[*place]).collect()
}

/// How many facts there are in all.
fn size(found: &Attributed) -> usize {
    found.deployments.len()
        + found.pull_requests.len()
        + found.incidents.len()
        + found.work_items.len()
        + found.iterations.len()
        + found.ci_runs.len()
        + found.test_results.len()
        + found.coverage.len()
        + found.security_alerts.len()
        + found.samples.len()
        + found.readiness.len()
        + found.reports.len()
        + found.left_out.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Moment;

    fn item(number: usize, team: Option<&str>) -> LeftOut {
        LeftOut {
            kind: "deployment",
            reason: "commit_unknown",
            team: team.map(str::to_owned),
            key: format!("test:{number}"),
            explanation: String::new(),
            url: None,
            at: Moment::UNIX_EPOCH,
        }
    }

    fn run(number: usize, teams: &[&str]) -> TeamCiRun {
        TeamCiRun {
            key: format!("test:{number}"),
            teams: teams.iter().map(|team| (*team).to_owned()).collect(),
            repository: "acme/shop".to_owned(),
            workflow: "ci".to_owned(),
            event: "push".to_owned(),
            sha: "a".to_owned(),
            on_default_branch: true,
            url: None,
            attempts: Vec::new(),
        }
    }

    #[test]
    fn a_team_has_its_own_facts_in_the_order_of_the_whole() {
        let owners = [Some("web"), None, Some("api"), Some("web"), Some("web")];
        let shared: [&[&str]; 4] = [&["api", "web"], &[], &["web"], &["api", "api"]];
        let found = Attributed {
            left_out: owners.iter().enumerate().rev().map(|(number, team)| item(number, *team)).collect(),
            ci_runs: shared.iter().enumerate().map(|(number, teams)| run(number, teams)).collect(),
            ..Attributed::default()
        };
        for team in ["api", "web", "nobody"] {
            let of_team = found.of_team(team);
            let filtered: Vec<&LeftOut> = found.left_out.iter().filter(|it| it.team.as_deref() == Some(team)).collect();
            assert_eq!(of_team.left_out, filtered, "{team}");
            let filtered: Vec<&TeamCiRun> =
                found.ci_runs.iter().filter(|it| it.teams.iter().any(|owner| owner == team)).collect();
            assert_eq!(of_team.ci_runs, filtered, "{team}");
        }
    }

    #[test]
    fn a_copy_that_is_changed_is_looked_at_anew() {
        let found = Attributed { left_out: vec![item(1, Some("web"))], ..Attributed::default() };
        assert_eq!(found.of_team("web").left_out.len(), 1);
        let mut copy = found.clone();
        copy.left_out.push(item(2, Some("web")));
        assert_eq!(copy.of_team("web").left_out.len(), 2);
    }
}
