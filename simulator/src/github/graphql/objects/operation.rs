//! Deployments, releases, tags and issues.

use apollo_compiler::response::{JsonMap, JsonValue};

use super::change::{self, timeline};
use super::{Scope, actor, text, time};
use crate::github::graphql::connection::{Answer, Node, Object, Order, connection, leaf, object};
use crate::world::{Deployment, Issue, Moment, Release, Repository, Tag};

/// The deployments of a repository, by creation.
pub(super) fn deployments<'a>(scope: Scope<'a>, of: &'a Repository, arguments: &JsonMap) -> Answer<'a> {
    let nodes = of.deployments.iter().map(|item| {
        Node::new(format!("{}|{:012}", time(item.created_at), item.id), move || deployment(scope, of, item))
    });
    connection("DeploymentConnection", nodes.collect(), direction(arguments), arguments)
}

fn direction(arguments: &JsonMap) -> Order {
    let order = arguments.get("orderBy").and_then(JsonValue::as_object);
    let direction = order.and_then(|order| order.get("direction")).and_then(JsonValue::as_str);
    if direction == Some("DESC") { Order::Descending } else { Order::Ascending }
}

/// A deployment.
pub(super) fn deployment<'a>(scope: Scope<'a>, of: &'a Repository, fact: &'a Deployment) -> Object<'a> {
    Object::new("Deployment", move |field, arguments| match field {
        "id" => Some(leaf(format!("D_{}_{}", of.id, fact.id))),
        "databaseId" => Some(leaf(fact.id)),
        "commitOid" => Some(leaf(&fact.sha)),
        "environment" | "originalEnvironment" | "latestEnvironment" => Some(leaf(&fact.environment)),
        "task" => Some(leaf(&fact.task)),
        // GitHub's own does not move with later statuses either.
        "createdAt" | "updatedAt" => Some(leaf(time(fact.created_at))),
        "creator" => Some(actor(scope.world, &fact.creator)),
        "ref" => Some(object(
            (!of.commits.contains_key(&fact.reference))
                .then(|| Object::new("Ref", move |field, _| (field == "name").then(|| leaf(&fact.reference)))),
        )),
        "repository" => Some(object(Some(Object::new("Repository", move |field, _| {
            (field == "nameWithOwner").then(|| leaf(format!("{}/{}", of.owner, of.name)))
        })))),
        "statuses" => {
            let nodes = fact.statuses.iter().enumerate().rev().map(|(place, (state, at))| {
                Node::new(format!("status {}", place + 1), move || {
                    Object::new("DeploymentStatus", move |field, _| match field {
                        "state" => Some(leaf(state)),
                        "createdAt" => Some(leaf(time(*at))),
                        "logUrl" | "environmentUrl" => Some(leaf(None::<&str>)),
                        _ => None,
                    })
                })
            });
            Some(connection("DeploymentStatusConnection", nodes.collect(), Order::Place, arguments))
        }
        _ => None,
    })
}

/// The releases of a repository, by creation.
pub(super) fn releases<'a>(scope: Scope<'a>, of: &'a Repository, arguments: &JsonMap) -> Answer<'a> {
    let nodes = of
        .releases
        .iter()
        .map(|item| Node::new(format!("{}|{:012}", time(item.created_at), item.id), move || release(scope, of, item)));
    connection("ReleaseConnection", nodes.collect(), direction(arguments), arguments)
}

/// A release.
pub(super) fn release<'a>(scope: Scope<'a>, of: &'a Repository, fact: &'a Release) -> Object<'a> {
    Object::new("Release", move |field, _| match field {
        "id" => Some(leaf(format!("RE_{}_{}", of.id, fact.id))),
        "databaseId" => Some(leaf(fact.id)),
        "tagName" => Some(leaf(&fact.tag)),
        "name" => Some(leaf(&fact.name)),
        "isDraft" => Some(leaf(fact.draft)),
        "isPrerelease" => Some(leaf(fact.prerelease)),
        "createdAt" => Some(leaf(time(fact.created_at))),
        "publishedAt" => Some(leaf(fact.published_at.map(time))),
        "url" => Some(leaf(format!("https://github.example/{}/{}/releases/tag/{}", of.owner, of.name, fact.tag))),
        "tagCommit" => {
            let tag = of.tags.iter().find(|tag| tag.name == fact.tag);
            let commit = tag.and_then(|tag| of.commits.get(&tag.sha));
            Some(object(commit.map(|commit| change::commit(scope, of, commit))))
        }
        _ => None,
    })
}

/// The tags of a repository by name. An annotated tag is a tag object that leads to the commit.
pub(super) fn tags<'a>(scope: Scope<'a>, of: &'a Repository, arguments: &JsonMap) -> Answer<'a> {
    if text(arguments, "refPrefix") != Some("refs/tags/") {
        return leaf(JsonValue::Null);
    }
    let nodes = of.tags.iter().map(|tag| {
        Node::new(tag.name.clone(), move || {
            Object::new("Ref", move |field, _| match field {
                "name" => Some(leaf(&tag.name)),
                "target" => Some(object(target(scope, of, tag))),
                _ => None,
            })
        })
    });
    connection("RefConnection", nodes.collect(), Order::Ascending, arguments)
}

fn target<'a>(scope: Scope<'a>, of: &'a Repository, tag: &'a Tag) -> Option<Object<'a>> {
    let commit = of.commits.get(&tag.sha)?;
    let Some(tagged_at) = tag.annotated_at else { return Some(change::commit(scope, of, commit)) };
    Some(Object::new("Tag", move |field, _| match field {
        "tagger" => Some(object(Some(Object::new("GitActor", move |field, _| {
            (field == "date").then(|| leaf(time(tagged_at)))
        })))),
        "target" => Some(object(Some(change::commit(scope, of, commit)))),
        _ => None,
    }))
}

/// The issues of a repository that have one of the labels asked for, by their last change.
pub(super) fn issues<'a>(scope: Scope<'a>, of: &'a Repository, arguments: &JsonMap) -> Answer<'a> {
    let filter = arguments.get("filterBy").and_then(JsonValue::as_object);
    let since = filter.and_then(|filter| filter.get("since")).and_then(JsonValue::as_str);
    let since = since.and_then(|since| since.parse::<Moment>().ok());
    let labels = arguments.get("labels").and_then(JsonValue::as_array);
    let labels: Option<Vec<&str>> = labels.map(|labels| labels.iter().filter_map(JsonValue::as_str).collect());
    let wanted = of.issues.iter().filter(|issue| {
        let labelled =
            labels.as_ref().is_none_or(|labels| issue.labels.iter().any(|label| labels.contains(&label.as_str())));
        labelled && since.is_none_or(|since| issue.updated_at >= since)
    });
    let nodes = wanted
        .map(|item| Node::new(format!("{}|{:08}", time(item.updated_at), item.number), move || issue(scope, of, item)));
    connection("IssueConnection", nodes.collect(), direction(arguments), arguments)
}

fn issue<'a>(scope: Scope<'a>, of: &'a Repository, fact: &'a Issue) -> Object<'a> {
    Object::new("Issue", move |field, arguments| match field {
        "number" => Some(leaf(fact.number)),
        "title" => Some(leaf(&fact.title)),
        "body" => Some(leaf(&fact.body)),
        "url" => Some(leaf(format!("https://github.example/{}/{}/issues/{}", of.owner, of.name, fact.number))),
        "state" => Some(leaf(if fact.closed_at.is_some() { "CLOSED" } else { "OPEN" })),
        "createdAt" => Some(leaf(time(fact.created_at))),
        "updatedAt" => Some(leaf(time(fact.updated_at))),
        "closedAt" => Some(leaf(fact.closed_at.map(time))),
        "author" => Some(actor(scope.world, &fact.author)),
        "labels" => {
            let nodes = fact.labels.iter().enumerate().map(|(place, label)| {
                Node::new(format!("label {}", place + 1), move || {
                    Object::new("Label", move |field, _| (field == "name").then(|| leaf(label)))
                })
            });
            Some(connection("LabelConnection", nodes.collect(), Order::Place, arguments))
        }
        "timelineItems" => Some(timeline("IssueTimelineItemsConnection", &fact.events, arguments)),
        _ => None,
    })
}
