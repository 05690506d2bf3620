//! Commits and pull requests.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError};

use apollo_compiler::response::{JsonMap, JsonValue};
use serde_json::json;

use super::{Scope, actor, text, time};
use crate::github::graphql::connection::{Answer, Node, Object, Order, connection, leaf, list, object};
use crate::world::{Commit, Moment, PullRequest, Repository, Review};

/// The ancestors of a commit with itself, newest first by commit date as `git log` has them.
fn history(scope: Scope<'_>, of: &Repository, head: &str) -> Arc<Vec<String>> {
    let key = (of.id, head.to_owned());
    let known = scope.histories.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
    if let Some(known) = known {
        return known;
    }
    let mut seen = HashSet::new();
    let mut waiting = vec![head];
    while let Some(sha) = waiting.pop() {
        let Some(commit) = of.commits.get(sha) else { continue };
        if seen.insert(commit.sha.as_str()) {
            waiting.extend(commit.parents.iter().map(String::as_str));
        }
    }
    let mut commits: Vec<&Commit> = seen.iter().filter_map(|sha| of.commits.get(*sha)).collect();
    commits.sort_by(|one, other| (other.committed_at, &other.sha).cmp(&(one.committed_at, &one.sha)));
    let history = Arc::new(commits.iter().map(|commit| commit.sha.clone()).collect::<Vec<_>>());
    scope.histories.lock().unwrap_or_else(PoisonError::into_inner).insert(key, history.clone());
    history
}

fn history_page<'a>(scope: Scope<'a>, of: &'a Repository, head: &'a Commit, arguments: &JsonMap) -> Answer<'a> {
    let moment = |name| text(arguments, name).and_then(|moment| moment.parse::<Moment>().ok());
    let (since, until, path) = (moment("since"), moment("until"), text(arguments, "path").map(str::to_owned));
    let shas = history(scope, of, &head.sha);
    let commits = shas.iter().filter_map(|sha| of.commits.get(sha)).filter(|commit| {
        since.is_none_or(|since| commit.committed_at >= since)
            && until.is_none_or(|until| commit.committed_at <= until)
            && path.as_ref().is_none_or(|path| commit.paths.iter().any(|changed| changed.starts_with(path.as_str())))
    });
    let nodes = commits.enumerate();
    let nodes =
        nodes.map(|(place, found)| Node::new(format!("{} {}", head.sha, place + 1), move || commit(scope, of, found)));
    connection("CommitHistoryConnection", nodes.collect(), Order::Place, arguments)
}

/// A commit.
pub(super) fn commit<'a>(scope: Scope<'a>, of: &'a Repository, fact: &'a Commit) -> Object<'a> {
    Object::new("Commit", move |field, arguments| match field {
        "id" => Some(leaf(format!("C_{}_{}", of.id, fact.sha))),
        "oid" => Some(leaf(&fact.sha)),
        "url" => Some(leaf(format!("https://github.example/{}/{}/commit/{}", of.owner, of.name, fact.sha))),
        "authoredDate" => Some(leaf(time(fact.authored_at))),
        "committedDate" => Some(leaf(time(fact.committed_at))),
        "message" => Some(leaf(&fact.message)),
        "messageHeadline" => Some(leaf(fact.message.lines().next())),
        "additions" => Some(leaf(fact.additions)),
        "deletions" => Some(leaf(fact.deletions)),
        "parents" => {
            let nodes = fact.parents.iter().enumerate().map(|(place, sha)| {
                Node::new(format!("parent {}", place + 1), move || {
                    Object::new("Commit", move |field, _| (field == "oid").then(|| leaf(sha)))
                })
            });
            Some(connection("CommitConnection", nodes.collect(), Order::Place, arguments))
        }
        "author" => Some(object(Some(Object::new("GitActor", move |field, _| {
            let account = scope.world.accounts.get(&fact.author);
            match field {
                "name" => Some(leaf(account.map_or(fact.author.as_str(), |account| account.name.as_str()))),
                "email" => Some(leaf(
                    account.map_or_else(|| format!("{}@users.example", fact.author), |account| account.email.clone()),
                )),
                "user" => Some(object(
                    (!fact.author.is_empty())
                        .then(|| Object::new("User", move |field, _| (field == "login").then(|| leaf(&fact.author)))),
                )),
                _ => None,
            }
        })))),
        "associatedPullRequests" => {
            let number = fact.pull_request;
            let found = of.pull_requests.iter().filter(|item| Some(item.number) == number);
            let nodes = found.map(|item| Node::new(item.number.to_string(), move || pull_request(scope, of, item)));
            Some(connection("PullRequestConnection", nodes.collect(), Order::Ascending, arguments))
        }
        "history" => Some(history_page(scope, of, fact, arguments)),
        _ => None,
    })
}

/// The pull requests of a repository.
pub(super) fn pull_requests<'a>(scope: Scope<'a>, of: &'a Repository, arguments: &JsonMap) -> Answer<'a> {
    let order = arguments.get("orderBy").and_then(JsonValue::as_object);
    let is =
        |name: &str, value: &str| order.and_then(|order| order.get(name)).and_then(JsonValue::as_str) == Some(value);
    let by_update = is("field", "UPDATED_AT");
    let direction = if is("direction", "DESC") { Order::Descending } else { Order::Ascending };
    let nodes = of.pull_requests.iter().map(|item| {
        let at = if by_update { item.updated_at } else { item.created_at };
        Node::new(format!("{}|{:08}", time(at), item.number), move || pull_request(scope, of, item))
    });
    connection("PullRequestConnection", nodes.collect(), direction, arguments)
}

/// A pull request.
pub(super) fn pull_request<'a>(scope: Scope<'a>, of: &'a Repository, fact: &'a PullRequest) -> Object<'a> {
    Object::new("PullRequest", move |field, arguments| match field {
        "id" => Some(leaf(format!("P_{}_{}", of.id, fact.number))),
        "number" => Some(leaf(fact.number)),
        "title" => Some(leaf(&fact.title)),
        "body" => Some(leaf(&fact.body)),
        "url" => Some(leaf(format!("https://github.example/{}/{}/pull/{}", of.owner, of.name, fact.number))),
        "state" => Some(leaf(match (fact.merged_at, fact.closed_at) {
            (Some(_), _) => "MERGED",
            (None, Some(_)) => "CLOSED",
            (None, None) => "OPEN",
        })),
        "isDraft" => Some(leaf(fact.draft)),
        "isCrossRepository" => Some(leaf(fact.from_fork)),
        "createdAt" => Some(leaf(time(fact.created_at))),
        "updatedAt" => Some(leaf(time(fact.updated_at))),
        "mergedAt" => Some(leaf(fact.merged_at.map(time))),
        "closedAt" => Some(leaf(fact.closed_at.map(time))),
        "baseRefName" => Some(leaf(&fact.base)),
        "headRefName" => Some(leaf(&fact.head)),
        "headRefOid" => Some(leaf(fact.own_commits.last().map_or("", |commit| commit.sha.as_str()))),
        "mergeCommit" => Some(object(
            fact.merge_commit
                .as_ref()
                .map(|sha| Object::new("Commit", move |field, _| (field == "oid").then(|| leaf(sha)))),
        )),
        "additions" => Some(leaf(fact.own_commits.iter().map(|commit| commit.additions).sum::<u64>())),
        "deletions" => Some(leaf(fact.own_commits.iter().map(|commit| commit.deletions).sum::<u64>())),
        "author" => Some(actor(scope.world, &fact.author)),
        "labels" => {
            let nodes = fact.labels.iter().enumerate().map(|(place, label)| {
                Node::new(format!("label {}", place + 1), move || {
                    Object::new("Label", move |field, _| (field == "name").then(|| leaf(label)))
                })
            });
            Some(connection("LabelConnection", nodes.collect(), Order::Place, arguments))
        }
        "commits" => {
            let nodes = fact.own_commits.iter().enumerate().map(|(place, own)| {
                Node::new(format!("commit {}", place + 1), move || {
                    Object::new("PullRequestCommit", move |field, _| {
                        (field == "commit").then(|| object(Some(commit(scope, of, own))))
                    })
                })
            });
            Some(connection("PullRequestCommitConnection", nodes.collect(), Order::Place, arguments))
        }
        "reviews" => {
            let nodes = fact.reviews.iter().enumerate();
            let nodes =
                nodes.map(|(place, item)| Node::new(format!("review {}", place + 1), move || review(scope, item)));
            Some(connection("PullRequestReviewConnection", nodes.collect(), Order::Place, arguments))
        }
        "files" => {
            let nodes = fact.paths.iter().enumerate().map(|(place, path)| {
                Node::new(format!("file {}", place + 1), move || {
                    Object::new("PullRequestChangedFile", move |field, _| (field == "path").then(|| leaf(path)))
                })
            });
            Some(connection("PullRequestChangedFileConnection", nodes.collect(), Order::Place, arguments))
        }
        "timelineItems" => Some(timeline("PullRequestTimelineItemsConnection", &fact.events, arguments)),
        _ => None,
    })
}

fn review<'a>(scope: Scope<'a>, fact: &'a Review) -> Object<'a> {
    Object::new("PullRequestReview", move |field, _| match field {
        "state" => Some(leaf(&fact.state)),
        "submittedAt" => Some(leaf((fact.state != "PENDING").then(|| time(fact.submitted_at)))),
        "body" => Some(leaf(&fact.body)),
        "author" => Some(actor(scope.world, &fact.author)),
        "comments" => {
            Some(object(Some(Object::new("PullRequestReviewCommentConnection", move |field, _| match field {
                "totalCount" => Some(leaf(fact.comments)),
                "nodes" => Some(list(Vec::new())),
                _ => None,
            }))))
        }
        _ => None,
    })
}

/// The events of the kinds that are asked for, in GitHub's type names.
pub(super) fn timeline<'a>(
    type_name: &'static str,
    events: &'a [crate::world::Event],
    arguments: &JsonMap,
) -> Answer<'a> {
    const KNOWN: &[(&str, &str)] = &[
        ("READY_FOR_REVIEW_EVENT", "ReadyForReviewEvent"),
        ("CONVERT_TO_DRAFT_EVENT", "ConvertToDraftEvent"),
        ("CLOSED_EVENT", "ClosedEvent"),
        ("REOPENED_EVENT", "ReopenedEvent"),
        ("ADDED_TO_MERGE_QUEUE_EVENT", "AddedToMergeQueueEvent"),
        ("REMOVED_FROM_MERGE_QUEUE_EVENT", "RemovedFromMergeQueueEvent"),
        ("ASSIGNED_EVENT", "AssignedEvent"),
    ];
    let asked = arguments.get("itemTypes").and_then(JsonValue::as_array);
    let nodes = events.iter().enumerate().filter_map(|(place, event)| {
        let (item_type, type_name) = KNOWN.iter().find(|(_, type_name)| *type_name == event.kind)?;
        let wanted = asked.is_none_or(|asked| asked.iter().any(|name| name.as_str() == Some(item_type)));
        wanted.then(|| {
            Node::new(format!("event {}", place + 1), move || {
                Object::new(type_name, move |field, _| (field == "createdAt").then(|| leaf(json!(time(event.at)))))
            })
        })
    });
    connection(type_name, nodes.collect(), Order::Place, arguments)
}
