//! Pull requests and their reviews.

use std::sync::LazyLock;

use apollo_compiler::response::JsonMap;
use regex::Regex;

use super::issue::{issue, labels, timeline};
use super::{Scope, actor, change, key, time};
use crate::github::WEB;
use crate::github::graphql::arguments::{order, text, texts};
use crate::github::graphql::connection::{Node, Order, connection};
use crate::github::graphql::object::{Answer, Object, leaf, list, object};
use crate::world::{PullRequest, Repository, Review};

/// GitHub lists at most so many files of a pull request.
const MOST_FILES: usize = 3000;

/// The object id of nothing.
const NO_COMMIT: &str = "0000000000000000000000000000000000000000";

/// GitHub's words for "this closes that issue".
static CLOSING: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+#(\d+)\b").ok());

/// The pull requests of a repository.
pub(super) fn pull_requests<'a>(scope: Scope<'a>, of: &'a Repository, arguments: &JsonMap) -> Answer<'a> {
    let (by, descending) = order(arguments, &["CREATED_AT", "UPDATED_AT"])?;
    let states = texts(arguments, "states");
    let wanted_labels = texts(arguments, "labels");
    let (base, head) = (text(arguments, "baseRefName"), text(arguments, "headRefName"));
    let wanted = of.pull_requests.iter().filter(|item| {
        states.as_ref().is_none_or(|states| states.iter().any(|wanted| wanted == state(item)))
            && wanted_labels.as_ref().is_none_or(|wanted| item.labels.iter().any(|label| wanted.contains(label)))
            && base.is_none_or(|base| item.base == base)
            && head.is_none_or(|head| item.head == head)
    });
    let nodes = wanted.map(|item| {
        let at = if by == "UPDATED_AT" { item.updated_at } else { item.created_at };
        Node::new(key(at, item.number), move || pull_request(scope, of, item))
    });
    connection("PullRequestConnection", nodes.collect(), Order::by_key(descending), arguments)
}

/// `OPEN`, `CLOSED` or `MERGED`.
fn state(fact: &PullRequest) -> &'static str {
    match (fact.merged_at, fact.closed_at) {
        (Some(_), _) => "MERGED",
        (None, Some(_)) => "CLOSED",
        (None, None) => "OPEN",
    }
}

/// A pull request.
pub(super) fn pull_request<'a>(scope: Scope<'a>, of: &'a Repository, fact: &'a PullRequest) -> Object<'a> {
    Object::new("PullRequest", move |field, arguments| {
        own_field(of, fact, field).or_else(|| match field {
            "author" => Some(actor(scope.world, &fact.author)),
            "mergeCommit" => Some(object(fact.merge_commit.as_ref().map(|sha| change::commit_of(scope, of, sha)))),
            "labels" => Some(labels(&fact.labels, arguments)),
            "commits" => {
                let nodes = fact.own_commits.iter().map(|own| {
                    Node::unsorted(move || {
                        Object::new("PullRequestCommit", move |field, _| {
                            (field == "commit").then(|| object(change::commit(scope, of, own)))
                        })
                    })
                });
                Some(connection("PullRequestCommitConnection", nodes.collect(), Order::Place, arguments))
            }
            "reviews" => Some(reviews(scope, fact, arguments)),
            "files" => {
                let nodes = fact.paths.iter().take(MOST_FILES).map(|path| {
                    Node::unsorted(move || {
                        Object::new("PullRequestChangedFile", move |field, _| (field == "path").then(|| leaf(path)))
                    })
                });
                Some(connection("PullRequestChangedFileConnection", nodes.collect(), Order::Place, arguments))
            }
            "timelineItems" => {
                // What is merged has an event that says so, whether the world spells it out or not.
                let told = fact.events.iter().any(|event| event.kind == "MergedEvent");
                let merged = fact.merged_at.filter(|_| !told).map(|at| ("MergedEvent", at));
                let events = fact.events.iter().map(|event| (event.kind.as_str(), event.at));
                Some(timeline("PullRequestTimelineItemsConnection", events.chain(merged), arguments))
            }
            "closingIssuesReferences" => Some(closing_issues(scope, of, fact, arguments)),
            _ => None,
        })
    })
}

fn own_field<'a>(of: &'a Repository, fact: &'a PullRequest, field: &str) -> Option<Answer<'a>> {
    Some(match field {
        "id" => leaf(format!("P_{}_{}", of.id, fact.number)),
        "databaseId" | "number" => leaf(fact.number),
        "title" => leaf(&fact.title),
        "body" => leaf(&fact.body),
        "url" => leaf(format!("{WEB}/{}/{}/pull/{}", of.owner, of.name, fact.number)),
        "state" => leaf(state(fact)),
        "merged" => leaf(fact.merged_at.is_some()),
        "closed" => leaf(fact.merged_at.or(fact.closed_at).is_some()),
        "isDraft" => leaf(fact.draft),
        "isCrossRepository" => leaf(fact.from_fork),
        "createdAt" => leaf(time(fact.created_at)),
        "updatedAt" => leaf(time(fact.updated_at)),
        "mergedAt" => leaf(fact.merged_at.map(time)),
        "closedAt" => leaf(fact.closed_at.map(time)),
        "baseRefName" => leaf(&fact.base),
        "headRefName" => leaf(&fact.head),
        "headRefOid" => {
            let head = fact.own_commits.last().map(|commit| &commit.sha).or(fact.merge_commit.as_ref());
            leaf(head.map_or(NO_COMMIT, String::as_str))
        }
        "additions" => leaf(fact.own_commits.iter().map(|commit| commit.additions).sum::<u64>()),
        "deletions" => leaf(fact.own_commits.iter().map(|commit| commit.deletions).sum::<u64>()),
        "changedFiles" => leaf(fact.paths.len()),
        _ => return None,
    })
}

fn reviews<'a>(scope: Scope<'a>, fact: &'a PullRequest, arguments: &JsonMap) -> Answer<'a> {
    let states = texts(arguments, "states");
    let author = text(arguments, "author");
    let wanted = fact.reviews.iter().filter(|item| {
        states.as_ref().is_none_or(|states| states.contains(&item.state))
            && author.is_none_or(|author| item.author == author)
    });
    let nodes = wanted.map(|item| Node::unsorted(move || review(scope, item)));
    connection("PullRequestReviewConnection", nodes.collect(), Order::Place, arguments)
}

fn review<'a>(scope: Scope<'a>, fact: &'a Review) -> Object<'a> {
    Object::new("PullRequestReview", move |field, _| match field {
        "state" => Some(leaf(&fact.state)),
        "submittedAt" => Some(leaf((fact.state != "PENDING").then(|| time(fact.submitted_at)))),
        "body" => Some(leaf(&fact.body)),
        "author" => Some(actor(scope.world, &fact.author)),
        "comments" => Some(object(Object::new("PullRequestReviewCommentConnection", move |field, _| match field {
            "totalCount" => Some(leaf(fact.comments)),
            "nodes" if fact.comments == 0 => Some(list(Vec::new())),
            _ => None,
        }))),
        _ => None,
    })
}

fn closing_issues<'a>(scope: Scope<'a>, of: &'a Repository, fact: &'a PullRequest, arguments: &JsonMap) -> Answer<'a> {
    let numbers: Vec<u64> = CLOSING
        .iter()
        .flat_map(|closing| closing.captures_iter(&fact.body))
        .filter_map(|found| found.get(1)?.as_str().parse().ok())
        .collect();
    let closed = of.issues.iter().filter(|item| numbers.contains(&item.number));
    let nodes = closed.map(|item| Node::new(key(item.created_at, item.number), move || issue(scope, of, item)));
    connection("IssueConnection", nodes.collect(), Order::Ascending, arguments)
}
