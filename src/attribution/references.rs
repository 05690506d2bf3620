//! Which commit a reference means.

use std::collections::HashMap;

use super::changes::Landings;
use super::history::{CommitIndex, History};
use crate::facts::ChangeReference;

/// Finds the commits of one repository that references mean.
pub(super) struct Resolver<'a, 'b> {
    /// `owner/name`.
    repository: &'b str,
    history: &'b History<'a>,
    landings: &'b Landings<'a>,
    by_subject: HashMap<&'a str, Vec<CommitIndex>>,
    /// The newest commit that names a pull request, for histories without pull requests of their own.
    by_number: HashMap<u64, CommitIndex>,
}

impl<'a, 'b> Resolver<'a, 'b> {
    pub(super) fn new(repository: &'b str, history: &'b History<'a>, landings: &'b Landings<'a>) -> Self {
        let mut by_subject: HashMap<&str, Vec<CommitIndex>> = HashMap::new();
        for commit in 0..history.len() {
            by_subject.entry(history.fact(commit).subject.as_str()).or_default().push(commit);
        }
        let mut by_number: HashMap<u64, CommitIndex> = HashMap::new();
        for commit in 0..history.len() {
            let Some(number) = history.fact(commit).pull_request else { continue };
            let newest = by_number.entry(number).or_insert(commit);
            if history.fact(*newest).committed_at < history.fact(commit).committed_at {
                *newest = commit;
            }
        }
        Self { repository, history, landings, by_subject, by_number }
    }

    /// The commit that a reference means, as seen from a commit that was made later. An abbreviated object id must fit
    /// exactly one commit; a subject means the newest commit of that subject before.
    pub(super) fn commit(&self, reference: &ChangeReference, seen_from: Option<CommitIndex>) -> Option<CommitIndex> {
        match reference {
            ChangeReference::Commit(sha) => self.history.find(sha).or_else(|| self.abbreviated(sha)),
            ChangeReference::PullRequest(_) | ChangeReference::PullRequestIn { .. } => {
                let number = reference.pull_request_in(self.repository)?;
                match self.landings.pull_request(number) {
                    Some(fact) => self.history.find(fact.merge_commit_sha.as_deref()?),
                    None => self.by_number.get(&number).copied(),
                }
            }
            ChangeReference::Subject(subject) => {
                let made = |commit: CommitIndex| self.history.fact(commit).committed_at;
                let until = seen_from.map(made);
                let candidates = self.by_subject.get(subject.as_str())?.iter().copied();
                let earlier = candidates
                    .filter(|commit| Some(*commit) != seen_from && until.is_none_or(|until| made(*commit) <= until));
                earlier.max_by_key(|commit| (made(*commit), &self.history.fact(*commit).sha))
            }
        }
    }

    /// Whether a reference means a change of another repository. A number of the tracker that the incident itself is in, which may
    /// hold issues only, tells of no change.
    pub(super) fn is_elsewhere(&self, reference: &ChangeReference, incident_key: &str) -> bool {
        let ChangeReference::PullRequestIn { repository, .. } = reference else { return false };
        let of_tracker = incident_key.to_lowercase().contains(&format!(":{}#", repository.to_lowercase()));
        !of_tracker && reference.pull_request_in(self.repository).is_none()
    }

    fn abbreviated(&self, prefix: &str) -> Option<CommitIndex> {
        if prefix.len() < 7 || prefix.len() >= 40 {
            return None;
        }
        let mut fitting = (0..self.history.len()).filter(|commit| self.history.fact(*commit).sha.starts_with(prefix));
        let first = fitting.next()?;
        fitting.next().is_none().then_some(first)
    }
}
