//! How far back facts matter, and what of an older history attribution cannot do without.
//!
//! Numbers look back [`LONGEST_VIEW`] at most. What a deployment within that time shipped first depends on what was deployed
//! before it, so the history of changes is read from [`LOOKBACK`] on. That is enough where a deployment before the view has
//! shipped all that lies at the edge of what was read: whatever is older is in production already. Where it is not enough,
//! [`Unread`] says which older facts would make a difference, and whoever reads looks whether they are stored.
//!
//! Commits are read by when they were committed. One whose clock was wrong by more than a year is missed among the others; that
//! shows by its children, unless they are of the first weeks that were read and no later deployment holds it.

use std::collections::BTreeSet;

use chrono::Duration;

use super::changes::Landings;
use super::history::{CommitIndex, History};
use super::references::Resolver;
use super::shipped::Timeline;
use super::{Service, ServiceDeployment};
use crate::facts::{ChangeReference, Commit, Moment, PullRequest};

/// No number looks back farther: windows of 364 days, trends of 60 weeks, a month a year ago, and targets that compare a
/// window with an earlier one.
pub const LONGEST_VIEW: Duration = Duration::days(460);

/// From so long ago on the history of changes is read: long enough before the view for most services to have been deployed
/// in between.
pub const LOOKBACK: Duration = Duration::days(550);

/// From so long before the view on, commits and deployments are no longer at the edge of what was read: the history behind them
/// must be known.
const EDGE_ENDS: Duration = Duration::days(30);

/// Older facts that would change what counts within the view, if they are stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unread {
    /// Keys of commits.
    pub commits: BTreeSet<String>,
    /// Keys of pull requests.
    pub pull_requests: BTreeSet<String>,
    /// Repositories any older commit of which could be the one that is meant.
    pub repositories: BTreeSet<String>,
}

impl Unread {
    /// Whether all that matters was read.
    pub fn is_empty(&self) -> bool {
        self.commits.is_empty() && self.pull_requests.is_empty() && self.repositories.is_empty()
    }
}

/// How far back facts are told of, and how far they were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// What ended before is not told of.
    pub view: Moment,
    /// Changes and deployments that ended before were not read. `None` where all were.
    pub read: Option<Moment>,
}

impl Reach {
    /// What is read first for numbers as of a moment.
    pub fn first(as_of: Moment) -> Self {
        Self { view: as_of - LONGEST_VIEW, read: Some(as_of - LOOKBACK) }
    }

    /// Everything.
    pub fn whole(as_of: Moment) -> Self {
        Self { view: as_of - LONGEST_VIEW, read: None }
    }

    /// What is read where this is not enough: three times as far back, then everything.
    #[must_use]
    pub fn farther(self, as_of: Moment) -> Self {
        let is_first = self == Self::first(as_of);
        Self { view: self.view, read: is_first.then(|| as_of - LOOKBACK * 3) }
    }
}

/// One service, with what its deployments were found to have shipped.
pub(super) struct Shipped<'a, 'b> {
    pub(super) service: &'b Service,
    pub(super) attempts: &'b [ServiceDeployment],
    pub(super) timeline: &'b Timeline,
    pub(super) history: &'b History<'a>,
    pub(super) landings: &'b Landings<'a>,
    pub(super) resolver: &'b Resolver<'a, 'b>,
}

impl Shipped<'_, '_> {
    /// Notes what is missing of the history of the deployments that are told of. `causes` are the changes that incidents
    /// name.
    pub(super) fn note_unread<'c>(
        &self,
        reach: Reach,
        causes: impl Iterator<Item = &'c ChangeReference>,
        unread: &mut Unread,
    ) {
        let Some(read) = reach.read else { return };
        let finished_before = |moment: Moment| {
            let is_before =
                |(attempt, _): &&(usize, _)| self.attempts[*attempt].finished_at.is_some_and(|at| at < moment);
            self.timeline.successes.iter().take_while(is_before).count()
        };
        let settled = finished_before(reach.view);
        let at_the_edge = finished_before(reach.view - EDGE_ENDS);
        // Those that are told of are compared with the one before, in their environment.
        let compared = self.timeline.before[settled..].iter().flatten().min().copied();
        for (attempt, head) in &self.timeline.successes[at_the_edge.min(compared.unwrap_or(settled))..] {
            let sha = &self.attempts[*attempt].sha;
            if head.is_none() && !sha.is_empty() {
                unread.commits.insert(Commit::key(&self.service.repository, sha));
            }
        }
        for commit in 0..self.history.len() {
            let Some(position) = self.timeline.shipped_by[commit] else { continue };
            if position >= settled {
                self.behind(commit, read, unread);
            } else if self.history.fact(commit).committed_at >= reach.view - EDGE_ENDS {
                self.parents_of(commit, unread);
            }
        }
        for cause in causes {
            self.meant_by(cause, None, unread);
            let shipped = self.resolver.commit(cause, None).and_then(|commit| self.timeline.shipped_by[commit]);
            // What the first deployment that was read has shipped may have been shipped before, by one that can be blamed.
            if shipped.is_some() && shipped == self.timeline.baseline {
                unread.repositories.insert(self.service.repository.clone());
            }
        }
    }

    /// What is missing around a commit that a deployment shipped which is told of.
    fn behind(&self, commit: CommitIndex, read: Moment, unread: &mut Unread) {
        let repository = &self.service.repository;
        let fact = self.history.fact(commit);
        self.parents_of(commit, unread);
        let number = self.landings.number(self.history, commit);
        if let Some(number) = number {
            self.landing_of(number, unread);
        }
        let landed = number.and_then(|number| self.landings.pull_request(number));
        let reverts = fact.reverts.iter().chain(landed.into_iter().flat_map(|landed| &landed.reverts));
        for reference in reverts {
            self.meant_by(reference, Some(commit), unread);
        }
        // What was written before may have been shipped before, with another pull request.
        if landed.is_some_and(|landed| landed.own_commits.iter().any(|own| own.authored_at < read)) {
            unread.repositories.insert(repository.clone());
        }
    }

    fn parents_of(&self, commit: CommitIndex, unread: &mut Unread) {
        let unknown = self.history.fact(commit).parents.iter().filter(|sha| self.history.find(sha).is_none());
        unread.commits.extend(unknown.map(|sha| Commit::key(&self.service.repository, sha)));
    }

    /// A pull request, or where it landed.
    fn landing_of(&self, number: u64, unread: &mut Unread) {
        let repository = &self.service.repository;
        match self.landings.pull_request(number) {
            None => {
                unread.pull_requests.insert(PullRequest::key(repository, number));
            }
            Some(known) => {
                let landed = known.merge_commit_sha.iter().filter(|sha| self.history.find(sha).is_none());
                unread.commits.extend(landed.map(|sha| Commit::key(repository, sha)));
            }
        }
    }

    /// What a reference could mean that was not read, as seen from a commit.
    fn meant_by(&self, reference: &ChangeReference, seen_from: Option<CommitIndex>, unread: &mut Unread) {
        let repository = &self.service.repository;
        let is_resolved = self.resolver.commit(reference, seen_from).is_some();
        match reference {
            // A commit that names the number is taken only where the pull request itself is not known.
            ChangeReference::PullRequest(_) | ChangeReference::PullRequestIn { .. } => {
                let Some(number) = reference.pull_request_in(repository) else { return };
                self.landing_of(number, unread);
                if !is_resolved && self.landings.pull_request(number).is_none() {
                    unread.repositories.insert(repository.clone());
                }
            }
            _ if is_resolved => {}
            ChangeReference::Commit(sha) if sha.len() == 40 => {
                unread.commits.insert(Commit::key(repository, sha));
            }
            // Any commit may begin so, or have this subject.
            ChangeReference::Commit(_) | ChangeReference::Subject(_) => {
                unread.repositories.insert(repository.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::attribution::test_support::{World, hour};
    use crate::attribution::{Attributed, FactsInput, Parts, Services, attribute_in_view, attribute_part};
    use crate::facts::FactFamily as _;

    const LAST_DAY: i64 = 2000;

    fn sha(number: usize) -> String {
        format!("{number:040}")
    }

    /// A history of merges, pull requests, reverts, backports, clocks that are wrong, and what was deployed of it.
    fn world(commits: &[(u8, u8, u8, u8)], deployments: &[(u8, u16)]) -> World {
        let mut world = World::new();
        let (mut day, mut days) = (0, Vec::new());
        for (number, (a, b, kind, gap)) in commits.iter().enumerate() {
            day += i64::from(gap % 120);
            days.push(day);
            let back = |by: u8| number.checked_sub(1 + usize::from(by)).map(sha);
            let parents = [back(a % 3), (kind % 4 == 0).then(|| back(b % 12)).flatten()];
            let parents: Vec<String> = parents.into_iter().flatten().collect();
            let parents: Vec<&str> = parents.iter().map(String::as_str).collect();
            let noticed_from = LAST_DAY - (LONGEST_VIEW + EDGE_ENDS).num_days();
            let at = if kind % 13 == 5 && day >= noticed_from { 0 } else { day * 24 };
            world = world.commit(&sha(number), &parents, at).with(|commit| {
                let target = number.saturating_sub(usize::from(b % 20));
                commit.reverts.extend(match kind % 6 {
                    1 => Some(ChangeReference::Commit(sha(target))),
                    2 => Some(ChangeReference::PullRequest(target as u64)),
                    3 => Some(ChangeReference::Subject(format!("change {}", sha(target)))),
                    _ => None,
                });
                commit.pull_request = (kind % 7 == 2).then_some(target as u64);
            });
            if kind % 3 == 0 {
                // One that was begun on another holds its commits as well.
                let own = [number, number.saturating_sub(usize::from(b % 9))]
                    .map(|number| (format!("own{number}"), days[number] * 24 - i64::from(commits[number].1)));
                let own: Vec<(&str, i64)> = own.iter().map(|(sha, at)| (sha.as_str(), *at)).collect();
                world = world.pull_request(number as u64, &sha(number), &own).with_pull_request(|fact| {
                    (fact.merged_at, fact.closed_at) = (Some(hour(at)), Some(hour(at)));
                });
            }
        }
        for (place, (commit, day)) in deployments.iter().enumerate() {
            // Nothing is deployed before it is there; two of the commits are not known.
            let commit = usize::from(*commit) % (commits.len() + 2);
            let at = (i64::from(*day) % LAST_DAY).max(days.get(commit).copied().unwrap_or_default()) * 24;
            world = world.deploy(&format!("v{place}"), &sha(commit), at);
            let causes = vec![ChangeReference::Commit(sha(commit))];
            world = world.incident(&format!("i{place}"), at + 30, None, causes);
        }
        world
    }

    /// What a store would give, and whether what was not read is there.
    fn read(facts: &FactsInput, reach: Reach) -> FactsInput {
        let mut facts = facts.clone();
        if let Some(read) = reach.read {
            facts.commits.retain(|item| item.fact.committed_at >= read);
            facts.pull_requests.retain(|item| item.fact.ended_at().is_none_or(|at| at >= read));
        }
        facts
    }

    fn step_by_step(world: &World, as_of: Moment) -> (Attributed, usize) {
        let services = Services::resolve(Arc::new(world.organisation.clone()), &[]);
        let parts = Parts::of(&services);
        let part = &parts.all[parts.of_team("team").unwrap()];
        let (mut reach, mut steps) = (Reach::first(as_of), 1);
        loop {
            let mut facts = read(&world.facts, reach);
            let (found, unread) = attribute_part(&services, part, &mut facts, as_of, reach);
            let stored = world.facts.commits.iter().map(|item| item.fact.external_id());
            let is_stored = !unread.repositories.is_empty()
                || stored.into_iter().any(|key| unread.commits.contains(&key))
                || world.facts.pull_requests.iter().any(|it| unread.pull_requests.contains(&it.fact.external_id()));
            if reach.read.is_none() || !is_stored {
                return (found, steps);
            }
            (reach, steps) = (reach.farther(as_of), steps + 1);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn what_is_not_read_makes_no_difference(
            commits in prop::collection::vec(any::<(u8, u8, u8, u8)>(), 1..40),
            deployments in prop::collection::vec(any::<(u8, u16)>(), 0..30),
        ) {
            let world = world(&commits, &deployments);
            let as_of = hour(LAST_DAY * 24);
            let whole = attribute_in_view(&world.organisation, &mut world.facts.clone(), as_of);
            let (found, _) = step_by_step(&world, as_of);
            prop_assert_eq!(found.deployments, whole.deployments);
            prop_assert_eq!(found.pull_requests, whole.pull_requests);
            prop_assert_eq!(found.incidents, whole.incidents);
            prop_assert_eq!(found.left_out, whole.left_out);
        }
    }

    #[test]
    fn a_service_that_is_deployed_now_and_then_is_read_no_farther_than_needed() {
        let mut world = World::new();
        for day in 0..LAST_DAY {
            let number = usize::try_from(day).unwrap();
            let parents: Vec<String> = number.checked_sub(1).map(sha).into_iter().collect();
            world = world.commit(&sha(number), &parents.iter().map(String::as_str).collect::<Vec<_>>(), day * 24);
        }
        let deployed_every = |days: usize| {
            let whole = World { facts: world.facts.clone(), organisation: world.organisation.clone() };
            (0..LAST_DAY).step_by(days).fold(whole, |world, day| {
                world.deploy(&format!("v{day}"), &sha(usize::try_from(day).unwrap()), day * 24 + 1)
            })
        };
        let as_of = hour(LAST_DAY * 24);
        assert_eq!(
            step_by_step(&deployed_every(30), as_of).1,
            1,
            "it is deployed between the first that is read and the view"
        );
        assert_eq!(step_by_step(&deployed_every(700), as_of).1, 1, "none of its deployments is told of");
        assert_eq!(step_by_step(&deployed_every(850), as_of).1, 2, "it is deployed within four and a half years");
        assert_eq!(step_by_step(&deployed_every(1900), as_of).1, 3);
    }
}
