//! Which earlier changes a text says it reverts, or names as a cause.

use std::sync::LazyLock;

use regex::Regex;

use super::scrub::pattern;
use crate::facts::ChangeReference;

static REVERTS_COMMIT: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)\breverts? commit ([0-9a-f]{7,40})\b"));
static REVERTS_PULL_REQUEST: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?i)\breverts? (?:https?://[^\s/]+/([\w.-]+/[\w.-]+)/pull/(\d+)|([\w.-]+/[\w.-]+)?#(\d+))")
});
static REVERT_TITLE: LazyLock<Regex> = LazyLock::new(|| pattern("^Revert \"(.+)\""));
static REVERT_BRANCH: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?:^|/)revert-(\d+)-"));
static CAUSED_BY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(?:caused|introduced|broken|triggered)[ -]by:?\s+(?:https?://[^\s/]+/([\w.-]+/[\w.-]+)/pull/(\d+)|([\w.-]+/[\w.-]+)?#(\d+)|([0-9a-f]{7,40})\b)",
    )
});
static NUMBER_IN_SUBJECT: LazyLock<Regex> = LazyLock::new(|| pattern(r"^Merge pull request #(\d+)|\(#(\d+)\)$"));

/// What a commit message or a pull request's title and body say they revert. A bare `Revert "subject"` counts by its
/// subject only where nothing more exact is said. `repository` is `owner/name`: references to others are left out.
pub(crate) fn reverts(title: &str, body: &str, repository: &str) -> Vec<ChangeReference> {
    let mut found = Vec::new();
    let commits = REVERTS_COMMIT.captures_iter(body);
    found.extend(commits.map(|commit| ChangeReference::Commit(commit[1].to_lowercase())));
    for reference in REVERTS_PULL_REQUEST.captures_iter(body) {
        let of = reference.get(1).or(reference.get(3)).map(|of| of.as_str());
        let number = reference.get(2).or(reference.get(4)).and_then(|number| number.as_str().parse().ok());
        if of.is_none_or(|of| of.eq_ignore_ascii_case(repository)) {
            found.extend(number.map(ChangeReference::PullRequest));
        }
    }
    if found.is_empty()
        && let Some(subject) = REVERT_TITLE.captures(title)
    {
        // Scrubbed as the subject of the reverted commit is, so that the two are the same.
        found.push(ChangeReference::Subject(super::scrub::scrubbed_line(&subject[1], &[])));
    }
    found.sort();
    found.dedup();
    found
}

/// The pull request that the name of a branch says it reverts, as GitHub's button names it.
pub(crate) fn reverted_by_branch(branch: &str) -> Option<ChangeReference> {
    let found = REVERT_BRANCH.captures(branch)?;
    found[1].parse().ok().map(ChangeReference::PullRequest)
}

/// What an incident's text names as its cause: "caused by #12", "introduced by 1a2b3c4". `repository` is where the text was
/// written, if in one: a number without a repository is one of it there, and one of the service's elsewhere.
pub(crate) fn causes(text: &str, repository: Option<&str>) -> Vec<ChangeReference> {
    let named = CAUSED_BY.captures_iter(text).filter_map(|found| {
        if let Some(sha) = found.get(5) {
            return Some(ChangeReference::Commit(sha.as_str().to_lowercase()));
        }
        let number = found.get(2).or(found.get(4))?.as_str().parse().ok()?;
        let named = found.get(1).or(found.get(3)).map(|named| named.as_str());
        Some(match named.or(repository) {
            Some(named) => ChangeReference::PullRequestIn { repository: named.to_owned(), number },
            None => ChangeReference::PullRequest(number),
        })
    });
    named.collect()
}

/// The number of the pull request that a commit's subject names: of a merge, or at the end as squashing writes it.
pub(crate) fn pull_request_of(subject: &str) -> Option<u64> {
    let found = NUMBER_IN_SUBJECT.captures(subject.trim_end())?;
    found.get(1).or(found.get(2))?.as_str().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_revert_is_understood() {
        use ChangeReference::{Commit, PullRequest, Subject};
        let sha = "1b2c3d4e5f60718293a4b5c6d7e8f90123456789";
        let cases: &[(&str, &str, Vec<ChangeReference>)] = &[
            ("Revert \"x\"", &format!("This reverts commit {sha}."), vec![Commit(sha.to_owned())]),
            ("Revert \"x\"", "This reverts commit 1b2c3d4, reversing changes", vec![Commit("1b2c3d4".to_owned())]),
            ("Revert \"x\" (#13)", "Reverts acme/shop#12", vec![PullRequest(12)]),
            ("Undo", "reverts #12", vec![PullRequest(12)]),
            ("Undo", "Reverts https://github.com/acme/shop/pull/12", vec![PullRequest(12)]),
            ("Undo", "Reverts other/shop#12", vec![]),
            ("Revert \"adjust (#6496)\" (#6501)", "", vec![Subject("adjust (#6496)".to_owned())]),
            ("Revert \"Revert \"x\"\"", "", vec![Subject("Revert \"x\"".to_owned())]),
            ("Fix x", "(cherry picked from commit 1b2c3d4)", vec![]),
        ];
        for (title, body, expected) in cases {
            assert_eq!(&reverts(title, body, "acme/shop"), expected, "{title} / {body}");
        }
        assert_eq!(reverted_by_branch("revert-12-fix-login"), Some(PullRequest(12)));
        assert_eq!(reverted_by_branch("fix-revert"), None);
    }

    #[test]
    fn causes_are_read_from_an_incidents_text() {
        use ChangeReference::{Commit, PullRequest, PullRequestIn};
        let text = "Outage. Caused by #12 and introduced by: 1b2c3d4.";
        assert_eq!(causes(text, None), [PullRequest(12), Commit("1b2c3d4".to_owned())]);
        let of = |repository: &str, number| PullRequestIn { repository: repository.to_owned(), number };
        assert_eq!(causes(text, Some("acme/incidents"))[0], of("acme/incidents", 12));
        let text = "triggered by acme/payments#7, broken by https://github.com/acme/shop/pull/9";
        for written_in in [None, Some("acme/incidents")] {
            assert_eq!(causes(text, written_in), [of("acme/payments", 7), of("acme/shop", 9)]);
        }
    }

    #[test]
    fn subjects_name_their_pull_request() {
        assert_eq!(pull_request_of("Merge pull request #12 from ada/fix"), Some(12));
        assert_eq!(pull_request_of("Fix login (#34)"), Some(34));
        assert_eq!(pull_request_of("Revert \"Fix (#34)\" (#35)"), Some(35));
        assert_eq!(pull_request_of("Fix #34"), None);
    }
}
