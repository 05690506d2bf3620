//! The commit graph of one repository.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use crate::facts::{Commit, Sourced};

/// The number of a commit within its [`History`].
pub(super) type CommitIndex = usize;

/// The commits of one repository with their ancestry. Parents that are not known end the known history there.
pub(super) struct History<'a> {
    commits: Vec<&'a Sourced<Commit>>,
    parents: Vec<Vec<CommitIndex>>,
    by_sha: HashMap<&'a str, CommitIndex>,
    /// See [`History::generation`].
    generations: OnceLock<Vec<u32>>,
}

impl<'a> History<'a> {
    /// Builds the graph. `commits` are of one repository, each once or several times.
    pub(super) fn new(commits: impl IntoIterator<Item = &'a Sourced<Commit>>) -> Self {
        let mut history =
            Self { commits: Vec::new(), parents: Vec::new(), by_sha: HashMap::new(), generations: OnceLock::new() };
        for commit in commits {
            if !history.by_sha.contains_key(commit.fact.sha.as_str()) {
                history.by_sha.insert(&commit.fact.sha, history.commits.len());
                history.commits.push(commit);
            }
        }
        let known = |sha: &String| history.by_sha.get(sha.as_str()).copied();
        history.parents =
            history.commits.iter().map(|commit| commit.fact.parents.iter().filter_map(known).collect()).collect();
        history
    }

    /// How many commits are known.
    pub(super) fn len(&self) -> usize {
        self.commits.len()
    }

    /// The commit of a full object id.
    pub(super) fn find(&self, sha: &str) -> Option<CommitIndex> {
        self.by_sha.get(sha).copied()
    }

    /// The fact behind a commit.
    pub(super) fn fact(&self, commit: CommitIndex) -> &'a Commit {
        &self.commits[commit].fact
    }

    /// The source that reported a commit.
    pub(super) fn source(&self, commit: CommitIndex) -> &'a str {
        &self.commits[commit].source
    }

    /// The first parent, where it is known.
    pub(super) fn first_parent(&self, commit: CommitIndex) -> Option<CommitIndex> {
        let first = self.fact(commit).parents.first()?;
        self.find(first)
    }

    /// Whether a commit has more than one parent, known or not.
    pub(super) fn is_merge(&self, commit: CommitIndex) -> bool {
        self.fact(commit).parents.len() > 1
    }

    /// All commits reachable from `head` that are not marked, `head` included; marks them. Each commit is visited once
    /// over all calls with the same marks, however many heads there are.
    pub(super) fn take_unmarked(&self, head: CommitIndex, marked: &mut [bool]) -> Vec<CommitIndex> {
        let mut taken = Vec::new();
        let mut waiting = vec![head];
        while let Some(commit) = waiting.pop() {
            if std::mem::replace(&mut marked[commit], true) {
                continue;
            }
            taken.push(commit);
            waiting.extend(self.parents[commit].iter().copied().filter(|parent| !marked[*parent]));
        }
        taken
    }

    /// Whether `ancestor` can be reached from `head`; a commit is no ancestor of itself. Looks only at commits of a higher
    /// generation than the ancestor's, of which there are few where the two are close.
    pub(super) fn is_ancestor(&self, ancestor: CommitIndex, head: CommitIndex) -> bool {
        if ancestor == head {
            return false;
        }
        let lowest = self.generation(ancestor);
        let mut seen = HashSet::new();
        let mut waiting = vec![head];
        while let Some(commit) = waiting.pop() {
            if commit == ancestor {
                return true;
            }
            if self.generation(commit) > lowest && seen.insert(commit) {
                waiting.extend_from_slice(&self.parents[commit]);
            }
        }
        false
    }

    /// The number of commits on the longest way down from a commit to the end of the known history: more than that of any
    /// of its ancestors.
    pub(super) fn generation(&self, commit: CommitIndex) -> u32 {
        self.generations.get_or_init(|| self.generations())[commit]
    }

    fn generations(&self) -> Vec<u32> {
        let mut generations = vec![0; self.len()];
        let mut entered = vec![false; self.len()];
        for start in 0..self.len() {
            let mut waiting = vec![start];
            while let Some(commit) = waiting.last().copied() {
                let parents = &self.parents[commit];
                if generations[commit] == 0 && std::mem::replace(&mut entered[commit], true) {
                    generations[commit] = parents.iter().map(|parent| generations[*parent]).max().unwrap_or(0) + 1;
                }
                if generations[commit] > 0 {
                    waiting.pop();
                } else {
                    waiting.extend(parents.iter().copied().filter(|parent| !entered[*parent]));
                }
            }
        }
        generations
    }

    /// The first-parent chain from `head`, newest first.
    pub(super) fn first_parents(&self, head: CommitIndex) -> impl Iterator<Item = CommitIndex> + '_ {
        std::iter::successors(Some(head), |commit| self.first_parent(*commit))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::attribution::test_support::World;

    proptest! {
        /// Ancestry is what walking all parents finds. Here the later a commit stands, the older it is; those beyond the last
        /// are not known.
        #[test]
        fn ancestors_are_what_can_be_reached(
            mut parents in prop::collection::vec(prop::collection::vec(0_usize..14, 0..3), 12),
        ) {
            for (commit, parents) in parents.iter_mut().enumerate() {
                parents.retain(|parent| *parent > commit);
            }
            let name = |commit: usize| format!("c{commit}");
            let world = parents.iter().enumerate().fold(World::new(), |world, (commit, parents)| {
                let parents: Vec<String> = parents.iter().map(|parent| name(*parent)).collect();
                world.commit(&name(commit), &parents.iter().map(String::as_str).collect::<Vec<_>>(), 0)
            });
            let history = History::new(&world.facts.commits);
            for head in 0..history.len() {
                let mut reached = HashSet::new();
                let mut waiting: Vec<usize> = parents[head].clone();
                while let Some(commit) = waiting.pop() {
                    if commit < history.len() && reached.insert(commit) {
                        waiting.extend(&parents[commit]);
                    }
                }
                for ancestor in (0..history.len()).filter(|ancestor| *ancestor != head) {
                    prop_assert_eq!(history.is_ancestor(ancestor, head), reached.contains(&ancestor));
                }
            }
        }
    }
}
