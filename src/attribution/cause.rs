//! Which deployments failed, and which were fixes.

use super::changes::Landings;
use super::history::{CommitIndex, History};
use super::ownership::touches;
use super::references::Resolver;
use super::shipped::{Timeline, changed_paths};
use super::{
    ChangeRules, DeploymentFailure, FailureCause, FixKind, IncidentRules, Service, ServiceDeployment, ServiceIncident,
};
use crate::facts::{ChangeReference, Moment, PullRequest};

/// One service with all that is needed to find out what failed.
pub(super) struct Causes<'a, 'b> {
    pub(super) service: &'b Service,
    pub(super) timeline: &'b Timeline,
    pub(super) history: &'b History<'a>,
    pub(super) landings: &'b Landings<'a>,
    pub(super) resolver: &'b Resolver<'a, 'b>,
    pub(super) changes: &'b ChangeRules,
    pub(super) incidents: &'b IncidentRules,
}

/// A cause found for a failure; several may be found for one deployment.
struct Blame {
    /// The place of the failed deployment among the successes.
    position: usize,
    failure: DeploymentFailure,
}

/// A fix found, with the place of the deployment among the successes.
struct Fix {
    position: usize,
    kind: FixKind,
}

impl Causes<'_, '_> {
    /// Marks failures and fixes on the attempts of the service, and causes on its incidents. `links` are what each
    /// incident itself names as its cause.
    pub(super) fn mark(
        &self,
        attempts: &mut [ServiceDeployment],
        incidents: &mut [(&mut ServiceIncident, &[ChangeReference])],
    ) {
        let mut blames = Vec::new();
        let mut fixes = Vec::new();
        for (incident, links) in incidents.iter_mut() {
            if let Some(blame) = self.by_incident(attempts, incident, links) {
                incident.caused_by = Some(attempts[self.timeline.successes[blame.position].0].key.clone());
                blames.push(blame);
            }
        }
        self.rollbacks(attempts, &mut blames, &mut fixes);
        self.reverts_and_hotfixes(attempts, &mut blames, &mut fixes);
        for blame in blames {
            let failed = &mut attempts[self.timeline.successes[blame.position].0];
            failed.failure = Some(match failed.failure.take() {
                None => blame.failure,
                Some(known) => combined(known, blame.failure),
            });
        }
        for fix in fixes {
            attempts[self.timeline.successes[fix.position].0].fix.get_or_insert(fix.kind);
        }
    }

    /// The deployment that an incident is blamed on: the one that shipped what the incident names, else the last one
    /// that finished before it, within the window and severe enough. One that names a change of another repository only is the
    /// fault of none here.
    fn by_incident(
        &self,
        attempts: &[ServiceDeployment],
        incident: &ServiceIncident,
        links: &[ChangeReference],
    ) -> Option<Blame> {
        let linked = links.iter().find_map(|link| {
            let position = self.timeline.shipped_by[self.resolver.commit(link, None)?]?;
            (self.timeline.baseline != Some(position)).then_some(position)
        });
        let in_window = || {
            if incident.severity > self.incidents.blamed_up_to {
                return None;
            }
            let finished = |position: &usize| attempts[self.timeline.successes[*position].0].finished_at;
            let before = (0..self.timeline.successes.len()).rev();
            let last =
                before.into_iter().find(|position| finished(position).is_some_and(|at| at <= incident.began_at))?;
            let since = incident.began_at - finished(&last)?;
            (since <= self.incidents.attribution_window).then_some(last)
        };
        let (position, cause) = match linked {
            Some(position) => (position, FailureCause::LinkedIncident),
            None if links.iter().any(|link| self.resolver.is_elsewhere(link, &incident.key)) => return None,
            None => (in_window()?, FailureCause::Incident),
        };
        let finished_at = attempts[self.timeline.successes[position].0].finished_at?;
        let minutes = (incident.began_at - finished_at).num_minutes();
        let how = match cause {
            FailureCause::LinkedIncident => "names it as its cause".to_owned(),
            _ => format!("began {minutes} minutes after it"),
        };
        let failure = DeploymentFailure {
            cause,
            evidence_key: incident.key.clone(),
            explanation: format!("incident \"{}\" {how}", incident.title),
            url: incident.url.clone(),
            recovered_at: incident.resolved_at,
        };
        Some(Blame { position, failure })
    }

    /// An earlier version deployed again, or one that is an ancestor of the one before. Of several environments each has its own
    /// order: the second to get a version does not go back behind the first.
    fn rollbacks(&self, attempts: &[ServiceDeployment], blames: &mut Vec<Blame>, fixes: &mut Vec<Fix>) {
        for (position, (_, head)) in self.timeline.successes.iter().enumerate() {
            let (Some(before), Some(head)) = (self.timeline.before[position], *head) else { continue };
            let Some(previous) = self.timeline.successes[before].1 else { continue };
            let shipped_before = self.timeline.shipped_by[head].is_some_and(|shipped| shipped < position);
            if head == previous || !shipped_before {
                continue;
            }
            let again = self.timeline.successes[..position].iter().any(|(_, deployed)| *deployed == Some(head));
            // Going forward again to a version that was rolled back before is no second rollback.
            let forward = self.history.is_ancestor(previous, head);
            if forward || (!again && !self.history.is_ancestor(head, previous)) {
                continue;
            }
            let back = &attempts[self.timeline.successes[position].0];
            let failed = &attempts[self.timeline.successes[before].0];
            let explanation = format!("rolled back by {}", back.title);
            blames.push(self.fixed_by(attempts, before, position, FailureCause::Rollback, explanation));
            fixes.push(Fix { position, kind: FixKind::Rollback(format!("went back behind {}", failed.title)) });
        }
    }

    /// Reverts of what earlier deployments shipped, and hotfixes.
    fn reverts_and_hotfixes(&self, attempts: &[ServiceDeployment], blames: &mut Vec<Blame>, fixes: &mut Vec<Fix>) {
        for commit in 0..self.history.len() {
            let Some(position) = self.timeline.shipped_by[commit] else { continue };
            let outside = !touches(self.service, changed_paths(self.history, self.landings, commit));
            if self.timeline.baseline == Some(position) || outside {
                continue;
            }
            let landed = self.landed_pull_request(commit);
            let name = self.name(commit, landed);
            for reference in self.references(commit, landed) {
                let Some(target) = self.resolver.commit(reference, Some(commit)) else { continue };
                let Some(shipped) = self.timeline.shipped_by[target].filter(|shipped| *shipped < position) else {
                    continue;
                };
                let explanation = format!("{name} reverted what it shipped");
                if self.timeline.baseline != Some(shipped) {
                    blames.push(self.fixed_by(attempts, shipped, position, FailureCause::Revert, explanation));
                }
                fixes.push(Fix { position, kind: FixKind::Revert(format!("{name} reverts what was in production")) });
            }
            if let Some(before) =
                self.timeline.before[position].filter(|_| landed.is_some_and(|fact| self.is_hotfix(fact)))
            {
                let explanation = format!("{name} is a hotfix deployed after it");
                blames.push(self.fixed_by(attempts, before, position, FailureCause::Hotfix, explanation));
                fixes.push(Fix { position, kind: FixKind::Hotfix(format!("{name} is a hotfix")) });
            }
        }
    }

    /// The pull request whose landing a commit is.
    fn landed_pull_request(&self, commit: CommitIndex) -> Option<&PullRequest> {
        let fact = self.landings.pull_request(self.landings.number(self.history, commit)?)?;
        (fact.merge_commit_sha.as_deref() == Some(self.history.fact(commit).sha.as_str())).then_some(fact)
    }

    fn references<'c>(
        &'c self,
        commit: CommitIndex,
        landed: Option<&'c PullRequest>,
    ) -> impl Iterator<Item = &'c ChangeReference> {
        let by_pull_request = landed.map(|fact| fact.reverts.as_slice()).unwrap_or_default();
        self.history.fact(commit).reverts.iter().chain(by_pull_request)
    }

    fn name(&self, commit: CommitIndex, landed: Option<&PullRequest>) -> String {
        landed.map_or_else(
            || format!("commit {}", self.history.fact(commit).sha.get(..10).unwrap_or_default()),
            |fact| format!("pull request #{}", fact.number),
        )
    }

    fn is_hotfix(&self, fact: &PullRequest) -> bool {
        let labelled = fact.labels.iter().any(|label| self.changes.hotfix_labels.contains(&label.to_lowercase()));
        labelled
            || self.changes.hotfix_branch.is_match(&fact.head_branch)
            || self.changes.hotfix_title.is_match(&fact.title)
    }

    fn fixed_by(
        &self,
        attempts: &[ServiceDeployment],
        position: usize,
        fixed_at: usize,
        cause: FailureCause,
        explanation: String,
    ) -> Blame {
        let fix = &attempts[self.timeline.successes[fixed_at].0];
        let failure = DeploymentFailure {
            cause,
            evidence_key: fix.key.clone(),
            explanation,
            url: fix.url.clone(),
            recovered_at: fix.finished_at,
        };
        Blame { position, failure }
    }
}

/// A deployment fails once: the evidence is that of the preferred cause, the recovery the earliest of all.
fn combined(known: DeploymentFailure, found: DeploymentFailure) -> DeploymentFailure {
    let recovered_at: Option<Moment> = known.recovered_at.into_iter().chain(found.recovered_at).min();
    let rank = |failure: &DeploymentFailure| (failure.cause, failure.evidence_key.clone());
    let preferred = if rank(&found) < rank(&known) { found } else { known };
    DeploymentFailure { recovered_at, ..preferred }
}
