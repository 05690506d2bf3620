//! The way of one item, stage by stage: where a pull request, a commit, an incident or a deployment spent its time.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::TeamFacts;
use super::review::{first_review, ready_at};
use crate::attribution::{ServiceDeployment, ServiceIncident, ServicePullRequest, Shipment, ShippedChange};
use crate::facts::Moment;

/// One stage of an item's way. The stages of an item follow one another without a gap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ItemStage {
    /// What it is called: `coding`, `pickup`, `review`, `deploy`, `acknowledge`, `restore`, `failed`.
    pub stage: String,
    /// When it began.
    pub from: Moment,
    /// When it ended. None while it lasts.
    pub until: Option<Moment>,
}

impl ItemStage {
    /// How long it lasted, or has lasted at a moment, in seconds.
    pub fn seconds(&self, as_of: Moment) -> f64 {
        (self.until.unwrap_or(as_of) - self.from).as_seconds_f64()
    }
}

fn stage(stage: &str, from: Moment, until: Option<Moment>) -> ItemStage {
    ItemStage { stage: stage.to_owned(), from, until }
}

/// The stages of a pull request: coding (first own commit authored → ready for review), pickup (→ first review by another
/// person), review (→ merged), deploy (→ first in production). Without a review before the merge there is no pickup, and
/// without a known commit of its own no coding. Of one that is not merged the last stage lasts.
pub(crate) fn of_pull_request(item: &ServicePullRequest) -> Vec<ItemStage> {
    let fact = &item.pull_request;
    let ready_at = ready_at(fact);
    let opened_at = ready_at.unwrap_or(fact.created_at);
    let authored_at = fact.own_commits.iter().filter(|commit| !commit.merge).map(|commit| commit.authored_at).min();
    let ended_at = fact.merged_at.or(fact.closed_at);
    let reviewed_at = first_review(fact).map(|review| review.submitted_at);
    let reviewed_at = reviewed_at.filter(|at| ended_at.is_none_or(|ended| *at <= ended));
    if ended_at.is_none() && ready_at.is_none() {
        return vec![stage("coding", authored_at.unwrap_or(fact.created_at), None)];
    }
    let mut stages: Vec<ItemStage> =
        authored_at.map(|from| stage("coding", from, Some(opened_at))).into_iter().collect();
    match (reviewed_at, ended_at) {
        (None, None) => stages.push(stage("pickup", opened_at, None)),
        (Some(reviewed_at), _) => {
            stages.push(stage("pickup", opened_at, Some(reviewed_at)));
            stages.push(stage("review", reviewed_at, ended_at));
        }
        (None, Some(_)) => stages.push(stage("review", opened_at, ended_at)),
    }
    if let Some(merged_at) = fact.merged_at {
        stages.push(stage("deploy", merged_at, item.deployed.as_ref().map(|(_, at)| *at)));
    }
    stages
}

fn of_incident(item: &ServiceIncident) -> Vec<ItemStage> {
    match item.acknowledged_at.filter(|at| item.resolved_at.is_none_or(|resolved| *at <= resolved)) {
        Some(at) => vec![stage("acknowledge", item.began_at, Some(at)), stage("restore", at, item.resolved_at)],
        None => vec![stage("restore", item.began_at, item.resolved_at)],
    }
}

fn of_deployment(item: &ServiceDeployment) -> Vec<ItemStage> {
    let ended_at = item.finished_at.or(item.failed_at);
    let mut stages = vec![stage("deploy", item.created_at, ended_at)];
    if let (Some(finished_at), Some(failure)) = (item.finished_at, &item.failure) {
        stages.push(stage("failed", finished_at, failure.recovered_at));
    }
    stages
}

/// A change with the deployment that shipped it.
type Shipped<'a> = (&'a ServiceDeployment, &'a ShippedChange);

/// Looks up the stages of the things that evidence names.
pub struct ItemStages<'a> {
    pull_requests: HashMap<&'a str, &'a ServicePullRequest>,
    numbers: HashMap<(&'a str, u64), &'a ServicePullRequest>,
    incidents: HashMap<&'a str, &'a ServiceIncident>,
    deployments: HashMap<&'a str, &'a ServiceDeployment>,
    /// By repository and object id.
    changes: HashMap<(&'a str, &'a str), Shipped<'a>>,
}

impl<'a> ItemStages<'a> {
    /// Of all things of a team.
    pub fn of(facts: &TeamFacts<'a>) -> Self {
        let mut changes: HashMap<(&str, &str), Shipped<'a>> = HashMap::new();
        for deployment in facts.deployments.iter().rev() {
            if let Shipment::Commits { changes: shipped, .. } = &deployment.shipment {
                let repository = deployment.repository.as_str();
                let keyed = shipped.iter().map(|change| ((repository, change.sha.as_str()), (*deployment, change)));
                changes.extend(keyed);
            }
        }
        let numbered =
            |item: &&'a ServicePullRequest| ((item.pull_request.repository.as_str(), item.pull_request.number), *item);
        Self {
            pull_requests: facts.pull_requests.iter().map(|item| (item.key.as_str(), *item)).collect(),
            numbers: facts.pull_requests.iter().map(numbered).collect(),
            incidents: facts.incidents.iter().map(|item| (item.key.as_str(), *item)).collect(),
            deployments: facts.deployments.iter().map(|item| (item.key.as_str(), *item)).collect(),
            changes,
        }
    }

    /// The stages of the thing of a key ([`super::Evidence::key`]); none of what has no stages.
    pub fn of_item(&self, key: &str) -> Vec<ItemStage> {
        if let Some(item) = self.pull_requests.get(key) {
            return of_pull_request(item);
        }
        if let Some(item) = self.incidents.get(key) {
            return of_incident(item);
        }
        if let Some(item) = self.deployments.get(key) {
            return of_deployment(item);
        }
        let change = key.split_once('@').and_then(|key| self.changes.get(&key));
        change.map(|shipped| self.of_change(shipped)).unwrap_or_default()
    }

    /// The way of a commit: that of its pull request from its own authoring on, until its deployment finished.
    fn of_change(&self, (deployment, change): &Shipped<'a>) -> Vec<ItemStage> {
        let number = change.pull_request.map(|number| (deployment.repository.as_str(), number));
        let Some(item) = number.and_then(|key| self.numbers.get(&key)) else {
            return vec![stage("deploy", change.authored_at, deployment.finished_at)];
        };
        let mut stages = of_pull_request(item);
        stages.retain(|stage| stage.until.is_none_or(|until| until > change.authored_at));
        if let Some(first) = stages.first_mut() {
            first.from = change.authored_at;
        }
        if let Some(last) = stages.last_mut() {
            last.until = deployment.finished_at;
        }
        stages
    }
}

/// The key of a change as evidence.
pub(super) fn change_key(repository: &str, sha: &str) -> String {
    format!("{repository}@{sha}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kpi::test_support::{World, at, change, incident, merged_pull_request, review, shipping};

    fn told(stages: &[ItemStage]) -> Vec<(String, f64)> {
        stages.iter().map(|it| (it.stage.clone(), it.seconds(at("2026-10-10T00:00:00Z")) / 3600.0)).collect()
    }

    fn expected(stages: &[(&str, f64)]) -> Vec<(String, f64)> {
        stages.iter().map(|(name, hours)| ((*name).to_owned(), *hours)).collect()
    }

    #[test]
    fn a_commit_goes_the_way_of_its_pull_request_from_its_own_authoring_on() {
        let mut item = merged_pull_request(1, "2026-10-05T10:00:00Z", "2026-10-05T14:00:00Z");
        item.pull_request.own_commits[0].authored_at = at("2026-10-05T08:00:00Z");
        item.pull_request.reviews = vec![review("reviewer", "2026-10-05T13:00:00Z")];
        let repository = item.pull_request.repository.clone();
        let (mut early, mut late) = (change("a", "2026-10-05T08:00:00Z"), change("b", "2026-10-05T12:00:00Z"));
        (early.pull_request, late.pull_request) = (Some(1), Some(1));
        let mut deployment =
            shipping("d1", "2026-10-05T15:00:00Z", vec![early, late, change("c", "2026-10-05T09:00:00Z")]);
        deployment.repository = repository.clone();
        let world = World::default().pull_request(item).deployment(deployment);
        world.with_facts(at("2026-10-10T00:00:00Z"), |facts| {
            let stages = ItemStages::of(facts);
            let of = |sha: &str| told(&stages.of_item(&change_key(&repository, sha)));
            assert_eq!(of("a"), expected(&[("coding", 2.0), ("pickup", 3.0), ("review", 1.0), ("deploy", 1.0)]));
            // Written two hours after opening: it never waited for the opening.
            assert_eq!(of("b"), expected(&[("pickup", 1.0), ("review", 1.0), ("deploy", 1.0)]));
            assert_eq!(of("c"), expected(&[("deploy", 6.0)]));
            assert!(of("unknown").is_empty());
        });
    }

    #[test]
    fn the_last_stage_of_what_is_open_lasts() {
        let mut acknowledged = incident("i1", "2026-10-09T12:00:00Z", None);
        acknowledged.acknowledged_at = Some(at("2026-10-09T13:00:00Z"));
        assert_eq!(told(&of_incident(&acknowledged)), expected(&[("acknowledge", 1.0), ("restore", 11.0)]));
        let mut item = merged_pull_request(1, "2026-10-09T10:00:00Z", "2026-10-09T14:00:00Z");
        item.pull_request.own_commits.clear();
        (item.pull_request.merged_at, item.pull_request.closed_at) = (None, None);
        assert_eq!(told(&of_pull_request(&item)), expected(&[("pickup", 14.0)]));
    }
}
