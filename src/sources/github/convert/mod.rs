//! From GitHub's answers to facts. Pure; people become keyed hashes here, and texts lose their names.

#[cfg(test)]
mod published;
mod security;
mod work;

pub(super) use security::{code_alert, dependency_alert, secret_alert};
pub(super) use work::{iterations, remember, with_project, work_item};

use super::payload::{
    ActorNode, CommitNode, DeploymentNode, EventNode, GitActorNode, IssueNode, OwnCommitNode, PullRequestNode,
    ReleaseNode, ReviewNode, RunNode, TagNode,
};
use crate::facts::{
    CiRun, CiRunConclusion, Commit, Deployment, DeploymentState, DeploymentStatus, Incident, IncidentUpdate,
    IncidentUpdateKind, OwnCommit, Person, PersonHasher, PullRequest, PullRequestState, Release, Review, ReviewState,
    StateChange, StateChangeKind, Tag,
};
use crate::sources::{references, scrub};

fn person(actor: Option<&ActorNode>, people: &PersonHasher) -> Option<Person> {
    actor.map(|actor| people.person(&actor.login, actor.kind == "Bot"))
}

/// The author of a commit: by the account where GitHub knows it, else by the address.
fn author(actor: Option<&GitActorNode>, people: &PersonHasher) -> Option<Person> {
    let actor = actor?;
    let login = actor.user.as_ref().map(|user| user.login.as_str());
    let bot = actor.email.as_deref().is_some_and(|email| email.contains("[bot]@"));
    login.or(actor.email.as_deref()).map(|login| people.person(login, bot))
}

/// A pull request as a fact.
pub(super) fn pull_request(node: PullRequestNode, repository: &str, people: &PersonHasher) -> PullRequest {
    let mut names: Vec<String> = node.author.iter().map(|author| author.login.clone()).collect();
    for commit in &node.commits.nodes {
        names.extend(
            commit.commit.author.iter().filter_map(|author| author.user.as_ref()).map(|user| user.login.clone()),
        );
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut reverts = references::reverts(&node.title, &node.body, repository);
    if reverts.iter().all(|reference| matches!(reference, crate::facts::ChangeReference::Subject(_)))
        && let Some(by_branch) = references::reverted_by_branch(&node.head_ref_name)
    {
        reverts = vec![by_branch];
    }
    let merged = node.state == "MERGED";
    let mut own_commits: Vec<OwnCommit> = node.commits.nodes.iter().map(|commit| own_commit(commit, people)).collect();
    own_commits.sort_by_key(|commit| commit.authored_at);
    let mut reviews: Vec<Review> =
        node.reviews.iter().flat_map(|reviews| &reviews.nodes).filter_map(|node| review(node, people)).collect();
    reviews.sort_by_key(|review| review.submitted_at);
    PullRequest {
        repository: repository.to_owned(),
        number: node.number,
        url: node.url,
        title: scrub::scrubbed_line(&node.title, &names),
        author: person(node.author.as_ref(), people),
        state: match node.state.as_str() {
            "MERGED" => PullRequestState::Merged,
            "CLOSED" => PullRequestState::Closed,
            _ => PullRequestState::Open,
        },
        draft: node.is_draft,
        created_at: node.created_at,
        updated_at: node.updated_at,
        merged_at: node.merged_at,
        closed_at: node.closed_at,
        base_branch: node.base_ref_name,
        head_branch: scrub::without_names(&node.head_ref_name, &names),
        head_sha: node.head_ref_oid.filter(|oid| !oid.is_empty()),
        // Before merging, GitHub names a test merge here.
        merge_commit_sha: node.merge_commit.map(|commit| commit.oid).filter(|_| merged),
        labels: node
            .labels
            .map(|labels| labels.nodes.into_iter().map(|label| label.name).collect())
            .unwrap_or_default(),
        own_commits,
        reviews,
        state_changes: node.timeline_items.nodes.iter().filter_map(state_change).collect(),
        reverts,
        paths: node.files.map(|files| files.nodes.into_iter().map(|file| file.path).collect()),
        additions: node.additions,
        deletions: node.deletions,
    }
}

/// One of a pull request's own commits.
pub(super) fn own_commit(node: &OwnCommitNode, people: &PersonHasher) -> OwnCommit {
    OwnCommit {
        sha: node.commit.oid.clone(),
        authored_at: node.commit.authored_date,
        author: author(node.commit.author.as_ref(), people),
        merge: node.commit.parents.total_count > 1,
    }
}

/// A submitted review; one that is still being written is none.
pub(super) fn review(node: &ReviewNode, people: &PersonHasher) -> Option<Review> {
    let state = match node.state.as_str() {
        "APPROVED" => ReviewState::Approved,
        "CHANGES_REQUESTED" => ReviewState::ChangesRequested,
        "DISMISSED" => ReviewState::Dismissed,
        "PENDING" => return None,
        _ => ReviewState::Commented,
    };
    Some(Review {
        submitted_at: node.submitted_at?,
        author: person(node.author.as_ref(), people),
        state,
        has_body: !node.body.trim().is_empty(),
        inline_comments: node.comments.total_count,
    })
}

fn state_change(node: &EventNode) -> Option<StateChange> {
    let kind = match node.kind.as_str() {
        "ReadyForReviewEvent" => StateChangeKind::ReadyForReview,
        "ConvertToDraftEvent" => StateChangeKind::ConvertedToDraft,
        "ClosedEvent" => StateChangeKind::Closed,
        "ReopenedEvent" => StateChangeKind::Reopened,
        "AddedToMergeQueueEvent" => StateChangeKind::AddedToMergeQueue,
        "RemovedFromMergeQueueEvent" => StateChangeKind::RemovedFromMergeQueue,
        _ => return None,
    };
    Some(StateChange { at: node.created_at?, kind })
}

/// A commit as a fact. `paths` are its files, where they were read.
pub(super) fn commit(node: CommitNode, repository: &str, paths: Option<Vec<String>>, people: &PersonHasher) -> Commit {
    let (title, body) = node.message.split_once('\n').unwrap_or((&node.message, ""));
    let actor = node.author.as_ref();
    let login = actor.and_then(|actor| actor.user.as_ref()).map(|user| user.login.as_str());
    let names = [login, actor.and_then(|actor| actor.name.as_deref()), actor.and_then(|actor| actor.email.as_deref())];
    let names: Vec<&str> = names.into_iter().flatten().collect();
    let associated = node.associated_pull_requests.as_ref().and_then(|numbers| numbers.nodes.first());
    Commit {
        repository: repository.to_owned(),
        parents: node.parents.nodes.iter().map(|parent| parent.oid.clone()).collect(),
        authored_at: node.authored_date,
        committed_at: node.committed_date,
        author: author(actor, people),
        subject: scrub::scrubbed_line(title, &names),
        reverts: references::reverts(title, body, repository),
        pull_request: associated.map(|associated| associated.number).or_else(|| references::pull_request_of(title)),
        paths,
        url: node.url,
        sha: node.oid,
    }
}

/// A deployment as a fact.
pub(super) fn deployment(node: DeploymentNode, repository: &str, url: &str) -> Deployment {
    let id = node.database_id.map_or(node.id, |id| id.to_string());
    let names: Vec<&str> = node.creator.iter().map(|creator| creator.login.as_str()).collect();
    let mut statuses: Vec<DeploymentStatus> = node
        .statuses
        .map(|statuses| statuses.nodes)
        .unwrap_or_default()
        .into_iter()
        .map(|status| DeploymentStatus {
            at: status.created_at,
            state: match status.state.as_str() {
                "SUCCESS" => DeploymentState::Success,
                "FAILURE" => DeploymentState::Failure,
                "ERROR" => DeploymentState::Error,
                "INACTIVE" => DeploymentState::Inactive,
                "IN_PROGRESS" => DeploymentState::InProgress,
                _ => DeploymentState::Queued,
            },
            url: status.log_url.filter(|url| !url.is_empty()),
        })
        .collect();
    statuses.sort_by_key(|status| status.at);
    Deployment {
        service: None,
        repository: repository.to_owned(),
        sha: node.commit_oid,
        reference: node.reference.map(|reference| scrub::without_names(&reference.name, &names)),
        environment: node.original_environment.unwrap_or_default(),
        task: node.task,
        created_at: node.created_at,
        url: Some(format!("{url}/deployments")),
        statuses,
        id,
    }
}

/// A release as a fact. A draft is none.
pub(super) fn release(node: ReleaseNode, repository: &str) -> Option<Release> {
    Some(Release {
        repository: repository.to_owned(),
        id: node.database_id.map_or_else(|| node.tag_name.clone(), |id| id.to_string()),
        tag: node.tag_name,
        sha: node.tag_commit.map(|commit| commit.oid),
        prerelease: node.is_prerelease,
        created_at: node.created_at,
        published_at: node.published_at.filter(|_| !node.is_draft)?,
        url: node.url,
    })
}

/// A tag as a fact. `None` for a tag that does not lead to a commit.
pub(super) fn tag(node: TagNode, repository: &str, url: &str) -> Option<Tag> {
    let target = node.target?;
    let tagged_at = target.tagger.as_ref().and_then(|tagger| tagger.date);
    let commit = if target.oid.is_some() { target } else { *target.target? };
    Some(Tag {
        repository: repository.to_owned(),
        url: Some(format!("{url}/releases/tag/{}", node.name)),
        name: node.name,
        sha: commit.oid?,
        tagged_at: tagged_at.or(commit.committed_date)?,
    })
}

/// An issue with an incident label as an incident: assigned is acknowledged, closed is resolved, and closed as not planned or
/// as a duplicate is withdrawn.
pub(super) fn incident(node: IssueNode, repository: &str) -> Incident {
    let last_closed = node.timeline_items.nodes.iter().rfind(|event| event.kind == "ClosedEvent");
    let why = last_closed.and_then(|event| event.state_reason.as_deref());
    let withdrawn = node.closed_at.is_some() && matches!(why, Some("NOT_PLANNED" | "DUPLICATE"));
    let names: Vec<&str> = node.author.iter().map(|author| author.login.as_str()).collect();
    let updates = node.timeline_items.nodes.iter().filter_map(|event| {
        let kind = match event.kind.as_str() {
            "AssignedEvent" => IncidentUpdateKind::Acknowledged,
            "ClosedEvent" => IncidentUpdateKind::Resolved,
            "ReopenedEvent" => IncidentUpdateKind::Reopened,
            _ => return None,
        };
        Some(IncidentUpdate { at: event.created_at?, kind })
    });
    let mut updates: Vec<IncidentUpdate> = updates.collect();
    updates.sort_by_key(|update| update.at);
    if let Some(closed_at) = node.closed_at
        && !updates.iter().any(|update| update.kind == IncidentUpdateKind::Resolved)
    {
        updates.push(IncidentUpdate { at: closed_at, kind: IncidentUpdateKind::Resolved });
    }
    Incident {
        id: format!("{repository}#{}", node.number),
        service: repository.to_owned(),
        service_name: None,
        title: scrub::scrubbed_line(&node.title, &names),
        severity_words: node
            .labels
            .map(|labels| labels.nodes.into_iter().map(|label| label.name).collect())
            .unwrap_or_default(),
        created_at: node.created_at,
        impact_started_at: None,
        updates,
        causes: references::causes(&node.body, Some(repository)),
        withdrawn,
        updated_at: node.updated_at,
        url: node.url,
    }
}

/// An attempt of a run as a fact.
pub(super) fn run(node: RunNode, repository: &str) -> CiRun {
    let names: Vec<&str> = node.actor.iter().map(|actor| actor.login.as_str()).collect();
    let conclusion = node.conclusion.as_deref().filter(|_| node.status.as_deref() == Some("completed"));
    CiRun {
        repository: repository.to_owned(),
        id: node.id,
        attempt: node.run_attempt,
        // A workflow without a name is called after its file.
        workflow: node.name.filter(|name| !name.is_empty()).or(node.path).unwrap_or_default(),
        event: node.event,
        branch: node.head_branch.map(|branch| scrub::without_names(&branch, &names)),
        sha: node.head_sha,
        created_at: node.created_at,
        run_started_at: node.run_started_at.unwrap_or(node.created_at),
        updated_at: node.updated_at,
        conclusion: conclusion.map(|conclusion| match conclusion {
            "success" => CiRunConclusion::Success,
            "failure" => CiRunConclusion::Failure,
            "cancelled" => CiRunConclusion::Cancelled,
            "skipped" => CiRunConclusion::Skipped,
            "timed_out" => CiRunConclusion::TimedOut,
            "action_required" => CiRunConclusion::ActionRequired,
            "startup_failure" => CiRunConclusion::StartupFailure,
            _ => CiRunConclusion::Neutral,
        }),
        url: node.html_url,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_issue_that_was_closed_as_none_is_no_incident() {
        let closed = |reason: &str, reopened: bool| {
            let mut events = vec![
                json!({ "__typename": "ClosedEvent", "createdAt": "2026-10-02T00:00:00Z", "stateReason": reason }),
            ];
            events.extend(
                reopened.then(|| json!({ "__typename": "ReopenedEvent", "createdAt": "2026-10-03T00:00:00Z" })),
            );
            let node = json!({
                "number": 8, "title": "Down", "createdAt": "2026-10-01T00:00:00Z", "updatedAt": "2026-10-03T00:00:00Z",
                "closedAt": (!reopened).then_some("2026-10-02T00:00:00Z"), "labels": null, "timelineItems": { "nodes": events },
            });
            incident(serde_json::from_value(node).unwrap(), "acme/shop").withdrawn
        };
        assert_eq!(["COMPLETED", "NOT_PLANNED", "DUPLICATE"].map(|reason| closed(reason, false)), [false, true, true]);
        assert!(!closed("NOT_PLANNED", true));
    }
}
