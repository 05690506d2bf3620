//! Commits and their history.

use std::collections::{BinaryHeap, HashSet};
use std::sync::{Arc, PoisonError};

use apollo_compiler::response::JsonMap;

use super::{Scope, key, pull_request, time};
use crate::github::WEB;
use crate::github::graphql::arguments::{moment, order, text};
use crate::github::graphql::connection::{Node, Order, connection};
use crate::github::graphql::object::{Answer, Object, leaf, object};
use crate::world::{Commit, Moment, Repository, World};

/// The ancestors of a commit with itself, in the order of `git log`: of the commits whose children are all shown, or
/// that were reached at least, the one with the newest commit date comes next.
fn history(scope: Scope<'_>, of: &Repository, head: &str) -> Arc<Vec<String>> {
    let known_key = (of.id, head.to_owned());
    let known = scope.histories.lock().unwrap_or_else(PoisonError::into_inner).get(&known_key).cloned();
    if let Some(known) = known {
        return known;
    }
    let mut shown = Vec::new();
    let mut reached = HashSet::new();
    let mut waiting: BinaryHeap<(Moment, &str)> = BinaryHeap::new();
    waiting.extend(of.commits.get(head).map(|commit| (commit.committed_at, commit.sha.as_str())));
    reached.insert(head);
    while let Some((_, sha)) = waiting.pop() {
        shown.push(sha.to_owned());
        let parents = of.commits.get(sha).map_or(&[] as &[String], |commit| &commit.parents);
        for parent in parents.iter().filter_map(|parent| of.commits.get(parent)) {
            if reached.insert(&parent.sha) {
                waiting.push((parent.committed_at, &parent.sha));
            }
        }
    }
    let history = Arc::new(shown);
    scope.histories.lock().unwrap_or_else(PoisonError::into_inner).insert(known_key, history.clone());
    history
}

fn history_page<'a>(scope: Scope<'a>, of: &'a Repository, head: &'a Commit, arguments: &JsonMap) -> Answer<'a> {
    let (since, until) = (moment(arguments, "since"), moment(arguments, "until"));
    let path = text(arguments, "path").map(|path| path.trim_end_matches('/'));
    let touches = |changed: &str, path: &str| {
        changed.strip_prefix(path).is_some_and(|rest| path.is_empty() || rest.is_empty() || rest.starts_with('/'))
    };
    let shas = history(scope, of, &head.sha);
    let commits = shas.iter().filter_map(|sha| of.commits.get(sha)).filter(|commit| {
        since.is_none_or(|since| commit.committed_at >= since)
            && until.is_none_or(|until| commit.committed_at <= until)
            && path.is_none_or(|path| commit.paths.iter().any(|changed| touches(changed, path)))
    });
    let nodes = commits.map(|found| Node::unsorted(move || commit(scope, of, found)));
    connection("CommitHistoryConnection", nodes.collect(), Order::History(&head.sha), arguments)
}

/// A commit by its object id; of one that the repository does not hold, only the id and the address are known.
pub(super) fn commit_of<'a>(scope: Scope<'a>, of: &'a Repository, sha: &'a str) -> Object<'a> {
    of.commits.get(sha).map_or_else(
        || {
            Object::new("Commit", move |field, _| match field {
                "oid" => Some(leaf(sha)),
                "url" => Some(leaf(url(of, sha))),
                _ => None,
            })
        },
        |found| commit(scope, of, found),
    )
}

fn url(of: &Repository, sha: &str) -> String {
    format!("{WEB}/{}/{}/commit/{sha}", of.owner, of.name)
}

/// A commit.
pub(super) fn commit<'a>(scope: Scope<'a>, of: &'a Repository, fact: &'a Commit) -> Object<'a> {
    Object::new("Commit", move |field, arguments| match field {
        "id" => Some(leaf(format!("C_{}_{}", of.id, fact.sha))),
        "oid" => Some(leaf(&fact.sha)),
        "abbreviatedOid" => Some(leaf(fact.sha.get(..7).unwrap_or(&fact.sha))),
        "url" => Some(leaf(url(of, &fact.sha))),
        "authoredDate" => Some(leaf(time(fact.authored_at))),
        "committedDate" => Some(leaf(time(fact.committed_at))),
        "message" => Some(leaf(&fact.message)),
        "messageHeadline" => Some(leaf(fact.message.lines().next().unwrap_or_default())),
        "additions" => Some(leaf(fact.additions)),
        "deletions" => Some(leaf(fact.deletions)),
        "changedFilesIfAvailable" => Some(leaf(fact.paths.len())),
        "parents" => {
            let nodes = fact.parents.iter().map(|sha| Node::unsorted(move || commit_of(scope, of, sha)));
            Some(connection("CommitConnection", nodes.collect(), Order::Place, arguments))
        }
        "author" => Some(object(git_actor(scope.world, &fact.author, fact.authored_at))),
        "committer" => Some(object(git_actor(scope.world, &fact.author, fact.committed_at))),
        "associatedPullRequests" => Some(associated(scope, of, fact, arguments)),
        "history" => Some(history_page(scope, of, fact, arguments)),
        _ => None,
    })
}

fn git_actor<'a>(world: &'a World, login: &'a str, date: Moment) -> Object<'a> {
    let account = world.accounts.get(login);
    Object::new("GitActor", move |field, _| match field {
        "date" => Some(leaf(time(date))),
        "name" => Some(leaf(account.map_or(login, |account| account.name.as_str()))),
        "email" => {
            Some(leaf(account.map_or_else(|| format!("{login}@users.example"), |account| account.email.clone())))
        }
        "user" => Some(object(
            (!login.is_empty()).then(|| Object::new("User", move |field, _| (field == "login").then(|| leaf(login)))),
        )),
        _ => None,
    })
}

fn associated<'a>(scope: Scope<'a>, of: &'a Repository, fact: &'a Commit, arguments: &JsonMap) -> Answer<'a> {
    let (by, descending) = order(arguments, &["CREATED_AT", "UPDATED_AT"])?;
    let found = of.pull_requests.iter().filter(|item| Some(item.number) == fact.pull_request);
    let nodes = found.map(|item| {
        let at = if by == "UPDATED_AT" { item.updated_at } else { item.created_at };
        Node::new(key(at, item.number), move || pull_request::pull_request(scope, of, item))
    });
    connection("PullRequestConnection", nodes.collect(), Order::by_key(descending), arguments)
}
