//! Repositories.

use apollo_compiler::response::JsonMap;

use super::{Scope, change, issue, operation, pull_request, reference, time};
use crate::github::WEB;
use crate::github::graphql::arguments::text;
use crate::github::graphql::object::{Answer, Object, leaf, object, refused};
use crate::world::{Moment, Repository};

/// When anything was last pushed: the newest of commits at heads and tags.
pub(in crate::github) fn pushed_at(repository: &Repository) -> Option<Moment> {
    let heads =
        repository.branches.values().filter_map(|sha| repository.commits.get(sha)).map(|commit| commit.committed_at);
    let tags = repository.tags.iter().filter_map(|tag| reference::tagged_at(repository, tag));
    heads.chain(tags).max()
}

/// A repository.
pub(super) fn repository<'a>(scope: Scope<'a>, of: &'a Repository) -> Object<'a> {
    Object::new("Repository", move |field, arguments| {
        own_field(of, field).or_else(|| match field {
            "owner" => Some(object(Object::new("Organization", move |field, _| match field {
                "login" => Some(leaf(&of.owner)),
                "id" => Some(leaf("O_1")),
                _ => None,
            }))),
            "defaultBranchRef" => Some(object(reference::branch(scope, of, &of.default_branch))),
            "ref" => Some(object(reference::qualified(scope, of, text(arguments, "qualifiedName")?))),
            "refs" => Some(reference::refs(scope, of, arguments)),
            "object" => Some(git_object(scope, of, arguments)),
            "pullRequest" => Some(numbered_pull_request(scope, of, arguments)),
            "pullRequests" => Some(pull_request::pull_requests(scope, of, arguments)),
            "deployments" => Some(operation::deployments(scope, of, arguments)),
            "releases" => Some(operation::releases(scope, of, arguments)),
            "release" => {
                let tag = text(arguments, "tagName")?;
                let found = of.releases.iter().find(|item| item.tag == tag);
                Some(object(found.map(|release| operation::release(scope, of, release))))
            }
            "latestRelease" => {
                let published = of.releases.iter().filter(|item| item.published_at.is_some() && !item.prerelease);
                let latest = published.max_by_key(|release| release.published_at);
                Some(object(latest.map(|release| operation::release(scope, of, release))))
            }
            "issue" => Some(numbered_issue(scope, of, arguments)),
            "issues" => Some(issue::issues(scope, of, arguments)),
            _ => None,
        })
    })
}

fn own_field<'a>(of: &'a Repository, field: &str) -> Option<Answer<'a>> {
    Some(match field {
        "id" => leaf(format!("R_{}", of.id)),
        "databaseId" => leaf(of.id),
        "name" => leaf(&of.name),
        "nameWithOwner" => leaf(format!("{}/{}", of.owner, of.name)),
        "url" => leaf(format!("{WEB}/{}/{}", of.owner, of.name)),
        "isArchived" => leaf(of.archived),
        "isEmpty" => leaf(of.commits.is_empty()),
        "isPrivate" => leaf(true),
        "isFork" => leaf(false),
        "createdAt" => leaf(time(of.created_at)),
        "updatedAt" => leaf(time(pushed_at(of).unwrap_or(of.created_at).max(of.created_at))),
        "pushedAt" => leaf(pushed_at(of).map(time)),
        _ => return None,
    })
}

fn git_object<'a>(scope: Scope<'a>, of: &'a Repository, arguments: &JsonMap) -> Answer<'a> {
    if let Some((_, path)) = text(arguments, "expression").and_then(|expression| expression.split_once(':')) {
        let files = scope.world.files.get(&format!("{}/{}", of.owner, of.name));
        let found = files.is_some_and(|files| files.contains(path));
        return object(found.then(|| Object::new("Blob", |_, _| None)));
    }
    let found = match (text(arguments, "oid"), text(arguments, "expression")) {
        (Some(oid), _) => of.commits.get(oid),
        (None, Some(expression)) => reference::resolve(of, expression)?,
        (None, None) => None,
    };
    object(found.map(|commit| change::commit(scope, of, commit)))
}

fn numbered_pull_request<'a>(scope: Scope<'a>, of: &'a Repository, arguments: &JsonMap) -> Answer<'a> {
    let number = arguments.get("number").and_then(apollo_compiler::response::JsonValue::as_u64).unwrap_or_default();
    let found = of.pull_requests.iter().find(|item| item.number == number);
    let missing = || refused("NOT_FOUND", &format!("Could not resolve to a PullRequest with the number of {number}."));
    object(pull_request::pull_request(scope, of, found.ok_or_else(missing)?))
}

fn numbered_issue<'a>(scope: Scope<'a>, of: &'a Repository, arguments: &JsonMap) -> Answer<'a> {
    let number = arguments.get("number").and_then(apollo_compiler::response::JsonValue::as_u64).unwrap_or_default();
    let found = of.issues.iter().find(|item| item.number == number);
    let missing = || refused("NOT_FOUND", &format!("Could not resolve to an Issue with the number of {number}."));
    object(issue::issue(scope, of, found.ok_or_else(missing)?))
}
