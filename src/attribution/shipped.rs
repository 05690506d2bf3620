//! What each deployment of a service brought into production for the first time.

use std::collections::{HashMap, HashSet};

use super::changes::Landings;
use super::history::{CommitIndex, History};
use super::ownership::touches;
use super::{DeploymentRule, LeftOut, Service, ServiceDeployment, Shipment};

/// The successful deployments of one service in the order in which they finished, and which of them shipped which
/// commit.
#[derive(Default)]
pub(super) struct Timeline {
    /// The deployed commit of each successful deployment, where it is known; with the deployment's place among the
    /// service's attempts.
    pub(super) successes: Vec<(usize, Option<CommitIndex>)>,
    /// For each success the place in `successes` of the one before it in the same environment.
    pub(super) before: Vec<Option<usize>>,
    /// For each commit: the place in `successes` of the deployment that shipped it first.
    pub(super) shipped_by: Vec<Option<usize>>,
    /// The place in `successes` of the baseline.
    pub(super) baseline: Option<usize>,
}

/// Fills in the shipments of a service's attempts.
pub(super) fn ship(
    service: &Service,
    attempts: &mut [ServiceDeployment],
    history: &History<'_>,
    landings: &Landings<'_>,
    left_out: &mut Vec<LeftOut>,
) -> Timeline {
    let order = order(service, attempts, history);
    let mut marked = vec![false; history.len()];
    let mut seen = HashSet::new();
    let mut timeline =
        Timeline { before: before(&order, attempts), shipped_by: vec![None; history.len()], ..Timeline::default() };
    for place in order {
        let deployment = &mut attempts[place];
        let head = history.find(&deployment.sha);
        let position = timeline.successes.len();
        timeline.successes.push((place, head));
        let Some(head) = head else {
            deployment.shipment = Shipment::Unlinked;
            left_out.push(unlinked(deployment));
            continue;
        };
        let mut commits = history.take_unmarked(head, &mut marked);
        for commit in &commits {
            timeline.shipped_by[*commit] = Some(position);
        }
        if timeline.baseline.is_none() {
            timeline.baseline = Some(position);
            deployment.shipment = Shipment::Baseline;
            for commit in commits {
                landings.changes(history, commit, &mut seen);
            }
            continue;
        }
        commits.retain(|commit| touches(service, changed_paths(history, landings, *commit)));
        commits.sort_by(|one, other| {
            let rank = |commit: CommitIndex| (history.fact(commit).committed_at, &history.fact(commit).sha);
            rank(*other).cmp(&rank(*one))
        });
        let changes = commits.iter().rev().flat_map(|commit| landings.changes(history, *commit, &mut seen)).collect();
        let commits = commits.iter().map(|commit| landings.shipped_commit(history, *commit)).collect();
        deployment.shipment = Shipment::Commits { commits, changes };
    }
    timeline
}

/// The places of the successful attempts in the order in which they finished. Where times are the same, what holds the other comes
/// later; merges stand in the order of their branch, whatever the clocks were of those who committed.
fn order(service: &Service, attempts: &[ServiceDeployment], history: &History<'_>) -> Vec<usize> {
    let mut order: Vec<usize> = (0..attempts.len()).filter(|place| attempts[*place].finished_at.is_some()).collect();
    if matches!(*service.deployments, DeploymentRule::Merge { .. }) {
        return order;
    }
    order.sort_by(|one, other| {
        let (one, other) = (&attempts[*one], &attempts[*other]);
        let times = |attempt: &ServiceDeployment| (attempt.finished_at, attempt.created_at);
        let head = |attempt: &ServiceDeployment| {
            let head = history.find(&attempt.sha)?;
            Some((history.fact(head).committed_at, history.generation(head)))
        };
        times(one).cmp(&times(other)).then_with(|| head(one).cmp(&head(other))).then_with(|| one.key.cmp(&other.key))
    });
    order
}

/// For each attempt in an order the place in it of the one before in the same environment.
fn before(order: &[usize], attempts: &[ServiceDeployment]) -> Vec<Option<usize>> {
    let mut last: HashMap<Option<&str>, usize> = HashMap::new();
    let places = order.iter().enumerate();
    places.map(|(place, attempt)| last.insert(attempts[*attempt].environment.as_deref(), place)).collect()
}

/// The files that a commit changed: its own where known, else those of its pull request.
pub(super) fn changed_paths<'a>(
    history: &History<'a>,
    landings: &Landings<'a>,
    commit: CommitIndex,
) -> Option<&'a [String]> {
    let own = history.fact(commit).paths.as_deref();
    own.or_else(|| landings.pull_request(landings.number(history, commit)?)?.paths.as_deref())
}

fn unlinked(deployment: &ServiceDeployment) -> LeftOut {
    LeftOut {
        kind: "deployment",
        reason: "commit_unknown",
        team: deployment.team.clone(),
        key: deployment.key.clone(),
        explanation: format!(
            "{} of {} deployed the commit \"{}\", which is not in the collected history: its changes have no lead time. \
             Was the branch deleted, or is it older than [collect] history?",
            deployment.title, deployment.service, deployment.sha
        ),
        url: deployment.url.clone(),
        at: deployment.finished_at.unwrap_or(deployment.created_at),
    }
}
