//! What a KPI is computed from.

use std::collections::BTreeSet;

use super::Need;
use crate::attribution::{Attributed, LeftOut, ServiceDeployment, ServiceIncident, ServicePullRequest};
use crate::facts::Moment;
use crate::stats::WorkingCalendar;

/// Which kinds of facts the configured sources supply for a team.
pub type Supply = BTreeSet<Need>;

/// The facts of one team, attributed, as of a moment.
#[derive(Debug)]
pub struct TeamFacts<'a> {
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
        }
    }

    /// Picks a team's facts out of the whole.
    pub fn of(
        attributed: &'a Attributed,
        team: &'a str,
        calendar: &'a WorkingCalendar,
        supply: Supply,
        as_of: Moment,
    ) -> Self {
        let owned = |owner: &Option<String>| owner.as_deref() == Some(team);
        let mut deployments: Vec<_> = attributed.deployments.iter().filter(|item| owned(&item.team)).collect();
        deployments.sort_by_key(|item| (item.finished_at.unwrap_or(item.created_at), &item.key));
        let mut pull_requests: Vec<_> =
            attributed.pull_requests.iter().filter(|item| item.teams.iter().any(|owner| owner == team)).collect();
        pull_requests.sort_by_key(|item| (item.pull_request.created_at, &item.key));
        let mut incidents: Vec<_> = attributed.incidents.iter().filter(|item| owned(&item.team)).collect();
        incidents.sort_by_key(|item| (item.began_at, &item.key));
        let left_out = attributed.left_out.iter().filter(|item| owned(&item.team)).collect();
        Self { team, calendar, as_of, supply, deployments, pull_requests, incidents, left_out }
    }
}
