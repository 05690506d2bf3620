//! What landed commits stand for: the authored changes behind squash and rebase merges.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::history::{CommitIndex, History};
use super::{ShippedChange, ShippedCommit};
use crate::facts::{OwnCommit, PullRequest, Sourced};

/// How the pull requests of one repository landed.
pub(super) struct Landings<'a> {
    pull_requests: BTreeMap<u64, &'a PullRequest>,
    /// Squash commits, and the pull request whose own commits they stand for.
    squash_of: HashMap<CommitIndex, u64>,
    /// Any landed commit of a pull request.
    landed_with: HashMap<CommitIndex, u64>,
}

impl<'a> Landings<'a> {
    /// Finds out how each merged pull request of a repository landed.
    pub(super) fn new(
        pull_requests: impl IntoIterator<Item = &'a Sourced<PullRequest>>,
        history: &History<'a>,
    ) -> Self {
        let pull_requests: BTreeMap<u64, &PullRequest> =
            pull_requests.into_iter().map(|item| (item.fact.number, &item.fact)).collect();
        let mut landings = Self { pull_requests, squash_of: HashMap::new(), landed_with: HashMap::new() };
        let merged: Vec<(u64, &PullRequest, CommitIndex)> = landings
            .pull_requests
            .iter()
            .filter_map(|(number, fact)| Some((*number, *fact, history.find(fact.merge_commit_sha.as_deref()?)?)))
            .collect();
        for (number, fact, landed) in merged {
            landings.landed_with.insert(landed, number);
            if history.is_merge(landed) {
                let own = fact.own_commits.iter().filter_map(|commit| history.find(&commit.sha));
                landings.landed_with.extend(own.map(|commit| (commit, number)));
                continue;
            }
            let own: Vec<&OwnCommit> = fact.own_commits.iter().filter(|commit| !commit.merge).collect();
            match rebased(history, landed, &own) {
                Some(commits) => landings.landed_with.extend(commits.into_iter().map(|commit| (commit, number))),
                None if own.is_empty() => {}
                None => {
                    landings.squash_of.insert(landed, number);
                }
            }
        }
        landings
    }

    /// The pull request of a number.
    pub(super) fn pull_request(&self, number: u64) -> Option<&'a PullRequest> {
        self.pull_requests.get(&number).copied()
    }

    /// The number of the pull request that a commit landed with, by the landing or by what the source says.
    pub(super) fn number(&self, history: &History<'a>, commit: CommitIndex) -> Option<u64> {
        self.landed_with.get(&commit).copied().or(history.fact(commit).pull_request)
    }

    /// A commit as shipped.
    pub(super) fn shipped_commit(&self, history: &History<'a>, commit: CommitIndex) -> ShippedCommit {
        let fact = history.fact(commit);
        ShippedCommit {
            sha: fact.sha.clone(),
            authored_at: fact.authored_at,
            merge: history.is_merge(commit),
            pull_request: self.number(history, commit),
        }
    }

    /// The authored changes that a landed commit stands for. `seen` holds the authored commits that the service has
    /// shipped before: a backport that carries the number of a squashed pull request does not count it again.
    pub(super) fn changes(
        &self,
        history: &History<'a>,
        commit: CommitIndex,
        seen: &mut HashSet<&'a str>,
    ) -> Vec<ShippedChange> {
        if history.is_merge(commit) {
            return Vec::new();
        }
        let fact = history.fact(commit);
        let number = self.number(history, commit);
        let squashed = self.squash_of.get(&commit).copied().or_else(|| self.backport_of(history, commit));
        if let Some(squashed) = squashed.and_then(|number| self.pull_request(number)) {
            let own = squashed.own_commits.iter().filter(|own| !own.merge && seen.insert(own.sha.as_str()));
            return own
                .map(|own| ShippedChange {
                    sha: own.sha.clone(),
                    landed_as: fact.sha.clone(),
                    authored_at: own.authored_at,
                    bot: own.author.as_ref().is_some_and(|author| author.bot),
                    pull_request: Some(squashed.number),
                    title: squashed.title.clone(),
                    url: squashed.url.clone(),
                })
                .collect();
        }
        if !seen.insert(&fact.sha) {
            return Vec::new();
        }
        vec![ShippedChange {
            sha: fact.sha.clone(),
            landed_as: fact.sha.clone(),
            authored_at: fact.authored_at,
            bot: fact.author.as_ref().is_some_and(|author| author.bot),
            pull_request: number,
            title: fact.subject.clone(),
            url: fact.url.clone(),
        }]
    }

    /// The squashed pull request that a cherry-pick carries the number of.
    fn backport_of(&self, history: &History<'a>, commit: CommitIndex) -> Option<u64> {
        if self.landed_with.contains_key(&commit) {
            return None;
        }
        let number = history.fact(commit).pull_request?;
        let original = history.find(self.pull_request(number)?.merge_commit_sha.as_deref()?)?;
        (self.squash_of.get(&original) == Some(&number)).then_some(number)
    }
}

/// The landed commits of a rebase: as many as the pull request's own, with the same authored times in the same order.
/// A squash has one commit with an authored time of its own.
fn rebased(history: &History<'_>, landed: CommitIndex, own: &[&OwnCommit]) -> Option<Vec<CommitIndex>> {
    let commits: Vec<CommitIndex> = history.first_parents(landed).take(own.len()).collect();
    let authored = commits.iter().rev().map(|commit| history.fact(*commit).authored_at);
    (!own.is_empty() && authored.eq(own.iter().map(|commit| commit.authored_at))).then_some(commits)
}
