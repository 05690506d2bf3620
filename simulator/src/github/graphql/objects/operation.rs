//! Deployments and releases.

use apollo_compiler::response::JsonMap;

use super::{Scope, actor, change, key, repository, time};
use crate::github::WEB;
use crate::github::graphql::arguments::{order, texts};
use crate::github::graphql::connection::{Node, Order, connection};
use crate::github::graphql::object::{Answer, Object, leaf, object};
use crate::world::{Deployment, Moment, Release, Repository};

/// The deployments of a repository, by creation.
pub(super) fn deployments<'a>(scope: Scope<'a>, of: &'a Repository, arguments: &JsonMap) -> Answer<'a> {
    let (_, descending) = order(arguments, &["CREATED_AT"])?;
    let environments = texts(arguments, "environments");
    let wanted = of
        .deployments
        .iter()
        .filter(|item| environments.as_ref().is_none_or(|environments| environments.contains(&item.environment)));
    let nodes = wanted.map(|item| Node::new(key(item.created_at, item.id), move || deployment(scope, of, item)));
    connection("DeploymentConnection", nodes.collect(), Order::by_key(descending), arguments)
}

/// The state of a deployment, which follows its newest status; a success is `ACTIVE`.
fn state(fact: &Deployment) -> &str {
    match fact.statuses.last().map(|(state, _)| state.as_str()) {
        None => "PENDING",
        Some("SUCCESS") => "ACTIVE",
        Some(other) => other,
    }
}

/// A deployment.
pub(super) fn deployment<'a>(scope: Scope<'a>, of: &'a Repository, fact: &'a Deployment) -> Object<'a> {
    Object::new("Deployment", move |field, arguments| match field {
        "id" => Some(leaf(format!("D_{}_{}", of.id, fact.id))),
        "databaseId" => Some(leaf(fact.id)),
        "commitOid" => Some(leaf(&fact.sha)),
        "commit" => Some(object(of.commits.get(&fact.sha).map(|commit| change::commit(scope, of, commit)))),
        "environment" | "originalEnvironment" | "latestEnvironment" => Some(leaf(&fact.environment)),
        "task" => Some(leaf(&fact.task)),
        "description" | "payload" => Some(leaf(None::<&str>)),
        "state" => Some(leaf(state(fact))),
        // GitHub's own does not move with later statuses either.
        "createdAt" | "updatedAt" => Some(leaf(time(fact.created_at))),
        "creator" => Some(actor(scope.world, &fact.creator)),
        "ref" => Some(object(
            (!of.commits.contains_key(&fact.reference))
                .then(|| Object::new("Ref", move |field, _| (field == "name").then(|| leaf(&fact.reference)))),
        )),
        "repository" => Some(object(repository::repository(scope, of))),
        "latestStatus" => Some(object(fact.statuses.last().map(|(state, at)| status(state, *at)))),
        // Newest first.
        "statuses" => {
            let nodes = fact.statuses.iter().rev().map(|(state, at)| Node::unsorted(move || status(state, *at)));
            Some(connection("DeploymentStatusConnection", nodes.collect(), Order::Place, arguments))
        }
        _ => None,
    })
}

fn status(state: &str, at: Moment) -> Object<'_> {
    Object::new("DeploymentStatus", move |field, _| match field {
        "state" => Some(leaf(state)),
        "createdAt" | "updatedAt" => Some(leaf(time(at))),
        "logUrl" | "environmentUrl" | "description" => Some(leaf(None::<&str>)),
        _ => None,
    })
}

/// The releases of a repository.
pub(super) fn releases<'a>(scope: Scope<'a>, of: &'a Repository, arguments: &JsonMap) -> Answer<'a> {
    let (by, descending) = order(arguments, &["CREATED_AT", "NAME"])?;
    let nodes = of.releases.iter().map(|item| {
        let sorted_by =
            if by == "NAME" { format!("{}|{:012}", item.name, item.id) } else { key(item.created_at, item.id) };
        Node::new(sorted_by, move || release(scope, of, item))
    });
    connection("ReleaseConnection", nodes.collect(), Order::by_key(descending), arguments)
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
        "updatedAt" => Some(leaf(time(fact.published_at.unwrap_or(fact.created_at)))),
        "publishedAt" => Some(leaf(fact.published_at.map(time))),
        "url" => Some(leaf(format!("{WEB}/{}/{}/releases/tag/{}", of.owner, of.name, fact.tag))),
        "author" => Some(actor(scope.world, &fact.author)),
        "tagCommit" => {
            let tag = of.tags.iter().find(|tag| tag.name == fact.tag);
            let commit = tag.and_then(|tag| of.commits.get(&tag.sha));
            Some(object(commit.map(|commit| change::commit(scope, of, commit))))
        }
        _ => None,
    })
}
