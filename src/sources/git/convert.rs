//! From git objects to facts. Pure.

use crate::facts::{Commit, Moment, PersonHasher};
use crate::sources::{references, scrub};

/// What is read of a commit.
pub(super) struct ReadCommit<'a> {
    pub(super) sha: String,
    pub(super) parents: Vec<String>,
    pub(super) author_name: &'a str,
    pub(super) author_address: &'a str,
    pub(super) authored_at: Moment,
    pub(super) committed_at: Moment,
    pub(super) message: &'a str,
    pub(super) paths: Option<Vec<String>>,
}

/// A commit as a fact; people become keyed hashes here.
pub(super) fn commit(read: ReadCommit<'_>, repository: &str, people: &PersonHasher) -> Commit {
    let (title, body) = read.message.split_once('\n').unwrap_or((read.message, ""));
    let bot = read.author_name.ends_with("[bot]") || read.author_address.contains("[bot]@");
    Commit {
        repository: repository.to_owned(),
        sha: read.sha,
        parents: read.parents,
        authored_at: read.authored_at,
        committed_at: read.committed_at,
        author: Some(people.person(read.author_address, bot)),
        subject: scrub::scrubbed_line(title, &[read.author_name, read.author_address]),
        reverts: references::reverts(title, body, repository),
        pull_request: references::pull_request_of(title),
        paths: read.paths,
        url: None,
    }
}

/// `owner/name` out of a remote's URL: the last two parts of its path.
pub(super) fn repository_of_url(path: &str) -> Option<String> {
    let path = path.trim_end_matches('/').trim_end_matches(".git");
    let mut parts = path.rsplit(['/', ':']);
    let (name, owner) = (parts.next()?, parts.next()?);
    (!name.is_empty() && !owner.is_empty()).then(|| format!("{owner}/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_are_named_by_their_remote() {
        assert_eq!(repository_of_url("/acme/shop.git").as_deref(), Some("acme/shop"));
        assert_eq!(repository_of_url("acme/shop").as_deref(), Some("acme/shop"));
        assert_eq!(repository_of_url("shop"), None);
    }
}
