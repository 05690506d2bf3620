//! Changes: commits and pull requests.

use serde::{Deserialize, Serialize};

use super::{FactFamily, Moment, Person};

/// A commit of a repository's history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Commit {
    /// `owner/name` of the repository.
    pub repository: String,
    /// The full object id.
    pub sha: String,
    /// The object ids of its parents, first parent first. A merge has two or more.
    pub parents: Vec<String>,
    /// When the author wrote it; survives rebase, squash and cherry-pick.
    pub authored_at: Moment,
    /// When it was committed where it stands now.
    pub committed_at: Moment,
    /// Who wrote it.
    pub author: Option<Person>,
    /// The first line of the message, without the names of people.
    pub subject: String,
    /// Changes that the message says it reverts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reverts: Vec<ChangeReference>,
    /// The pull request it belongs to or landed with, where the source tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_request: Option<u64>,
    /// The files it changed, where the source tells. `None` is unknown; an empty list is an empty commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paths: Option<Vec<String>>,
    /// Where people open it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl Commit {
    /// The key of a commit of a repository.
    pub fn key(repository: &str, sha: &str) -> String {
        format!("{repository}@{sha}")
    }
}

impl FactFamily for Commit {
    const FAMILY: &'static str = "commits";

    fn external_id(&self) -> String {
        Self::key(&self.repository, &self.sha)
    }
    fn scope(&self) -> &str {
        &self.repository
    }
    fn started_at(&self) -> Moment {
        self.authored_at
    }
    fn ended_at(&self) -> Option<Moment> {
        Some(self.committed_at)
    }
    fn version_at(&self) -> Moment {
        self.committed_at
    }
}

/// A reference to a change, as found in a commit message, a pull request's body, title or branch name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeReference {
    /// "This reverts commit SHA": a full or abbreviated object id.
    Commit(String),
    /// "Reverts owner/repo#N", a pull request's URL, or `revert-N-branch`: a number in the same repository.
    PullRequest(u64),
    /// `Revert "subject"` with nothing more: only the subject of the reverted change is known.
    Subject(String),
    /// A number in a repository that is named, `owner/name`: an incident names changes of any.
    PullRequestIn {
        /// `owner/name`.
        repository: String,
        /// The number there.
        number: u64,
    },
}

impl ChangeReference {
    /// The number of the pull request that it means, as read in a repository. `None` where it means something else, or one of
    /// another repository.
    pub fn pull_request_in(&self, read_in: &str) -> Option<u64> {
        match self {
            Self::PullRequest(number) => Some(*number),
            Self::PullRequestIn { repository, number } => repository.eq_ignore_ascii_case(read_in).then_some(*number),
            Self::Commit(_) | Self::Subject(_) => None,
        }
    }
}

/// Whether a pull request is open, closed without merging, or merged, as of the last reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PullRequestState {
    /// Open, whether draft or not.
    Open,
    /// Closed without being merged.
    Closed,
    /// Merged.
    Merged,
}

/// A pull request with its reviews and its own commits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PullRequest {
    /// `owner/name` of the repository that it was opened against.
    pub repository: String,
    /// Its number in that repository.
    pub number: u64,
    /// Where people open it.
    pub url: Option<String>,
    /// The title, without the names of people.
    pub title: String,
    /// Who opened it.
    pub author: Option<Person>,
    /// Open, closed or merged.
    pub state: PullRequestState,
    /// Whether it is a draft now.
    pub draft: bool,
    /// When it was opened.
    pub created_at: Moment,
    /// When it last changed in any way.
    pub updated_at: Moment,
    /// When it was merged. `None` unless merged.
    pub merged_at: Option<Moment>,
    /// When it was closed, by merging or otherwise. `None` while open, also after a reopening.
    pub closed_at: Option<Moment>,
    /// The branch that it goes to, as of now.
    pub base_branch: String,
    /// The branch that it comes from.
    pub head_branch: String,
    /// The last commit of its branch.
    pub head_sha: Option<String>,
    /// The merge commit, the squash commit, or the last commit of the rebase. `None` unless merged.
    pub merge_commit_sha: Option<String>,
    /// Its labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Its own commits, oldest first. They carry the lead time when it was squashed or rebased.
    #[serde(default)]
    pub own_commits: Vec<OwnCommit>,
    /// Its reviews, oldest first, drafts of reviews left out.
    #[serde(default)]
    pub reviews: Vec<Review>,
    /// Draft, ready, closed and reopened events, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub state_changes: Vec<StateChange>,
    /// Changes that its body, title or branch says it reverts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reverts: Vec<ChangeReference>,
    /// The files it changes. `None` is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paths: Option<Vec<String>>,
    /// Lines added.
    pub additions: u64,
    /// Lines deleted.
    pub deletions: u64,
}

impl PullRequest {
    /// The key of a pull request of a repository.
    pub fn key(repository: &str, number: u64) -> String {
        format!("{repository}#{number}")
    }
}

impl FactFamily for PullRequest {
    const FAMILY: &'static str = "pull_requests";

    fn external_id(&self) -> String {
        Self::key(&self.repository, self.number)
    }
    fn scope(&self) -> &str {
        &self.repository
    }
    fn started_at(&self) -> Moment {
        self.created_at
    }
    fn ended_at(&self) -> Option<Moment> {
        self.merged_at.or(self.closed_at)
    }
    fn version_at(&self) -> Moment {
        self.updated_at
    }
}

/// A commit of a pull request's own branch, which may never land as such.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OwnCommit {
    /// The full object id.
    pub sha: String,
    /// When the author wrote it.
    pub authored_at: Moment,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Person>,
    /// Whether it has more than one parent; such commits carry no lead time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub merge: bool,
}

/// What a review said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewState {
    /// Approved.
    Approved,
    /// Changes requested.
    ChangesRequested,
    /// Commented only.
    Commented,
    /// Dismissed later; it was given all the same.
    Dismissed,
}

/// A submitted review of a pull request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Review {
    /// When it was submitted.
    pub submitted_at: Moment,
    /// Who gave it. `None` for a deleted account.
    pub author: Option<Person>,
    /// What it said.
    pub state: ReviewState,
    /// Whether it has a text of its own.
    pub has_body: bool,
    /// How many comments it put on lines.
    pub inline_comments: u32,
}

/// What happened to the state of a pull request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateChangeKind {
    /// Marked ready for review.
    ReadyForReview,
    /// Converted to a draft.
    ConvertedToDraft,
    /// Closed.
    Closed,
    /// Reopened.
    Reopened,
    /// Put into the merge queue.
    AddedToMergeQueue,
    /// Taken out of the merge queue.
    RemovedFromMergeQueue,
}

/// One change of a pull request's state.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StateChange {
    /// When.
    pub at: Moment,
    /// What.
    pub kind: StateChangeKind,
}
