//! The objects of GitHub's schema that are simulated: roots, organisations and repositories.

use apollo_compiler::response::{JsonMap, JsonValue};
use chrono::SecondsFormat;
use serde_json::Value;

use super::Histories;
use super::connection::{Answer, Node, Object, Order, connection, leaf, list, object};
use crate::world::{Moment, Repository, World};

mod change;
mod operation;

/// What objects are made from.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) world: &'a World,
    pub(super) histories: &'a Histories,
}

/// A moment as GitHub writes it.
pub(super) fn time(moment: Moment) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Secs, true)
}

pub(super) fn text<'b>(arguments: &'b JsonMap, name: &str) -> Option<&'b str> {
    arguments.get(name).and_then(JsonValue::as_str)
}

/// The root of queries.
pub(super) fn query<'a>(scope: &Scope<'a>, rate_limit: Value) -> Object<'a> {
    let scope = *scope;
    Object::new("Query", move |field, arguments| match field {
        "rateLimit" => {
            let rate_limit = rate_limit.clone();
            Some(object(Some(Object::new("RateLimit", move |field, _| Some(leaf(rate_limit.get(field)?))))))
        }
        "viewer" => {
            Some(object(Some(Object::new("User", |field, _| (field == "login").then(|| leaf("simulated-viewer"))))))
        }
        "organization" => Some(organization(scope, text(arguments, "login")?)),
        "repository" => {
            let name = format!("{}/{}", text(arguments, "owner")?, text(arguments, "name")?);
            Some(object(find_repository(scope.world, &name).map(|found| repository(scope, found))))
        }
        "nodes" => {
            let ids = arguments.get("ids")?.as_array()?;
            Some(list(ids.iter().map(|id| node(scope, id.as_str()?)).collect()))
        }
        "node" => Some(object(node(scope, text(arguments, "id")?))),
        _ => None,
    })
}

/// The repository of a name; GitHub follows renames.
pub(crate) fn find_repository<'a>(world: &'a World, name: &str) -> Option<&'a Repository> {
    world.repositories.iter().find(|repository| {
        let now = format!("{}/{}", repository.owner, repository.name);
        now.eq_ignore_ascii_case(name) || repository.former_names.iter().any(|former| former.eq_ignore_ascii_case(name))
    })
}

/// An object by its node id: `R_7` for repositories, `D_7_12` for deployments.
fn node<'a>(scope: Scope<'a>, id: &str) -> Option<Object<'a>> {
    let mut parts = id.split('_');
    let (kind, of) = (parts.next()?, parts.next()?.parse::<u64>().ok()?);
    let found = scope.world.repositories.iter().find(|repository| repository.id == of)?;
    match kind {
        "R" => Some(repository(scope, found)),
        "D" => {
            let id: u64 = parts.next()?.parse().ok()?;
            let deployment = found.deployments.iter().find(|deployment| deployment.id == id)?;
            Some(operation::deployment(scope, found, deployment))
        }
        _ => None,
    }
}

fn organization<'a>(scope: Scope<'a>, login: &str) -> Answer<'a> {
    if !scope.world.organization.eq_ignore_ascii_case(login) {
        let message = format!("Could not resolve to an Organization with the login of '{login}'.");
        return Err(apollo_compiler::resolvers::FieldError { message });
    }
    object(Some(Object::new("Organization", move |field, arguments| match field {
        "login" => Some(leaf(&scope.world.organization)),
        "repositories" => {
            let repositories = scope.world.repositories.iter().filter(|item| item.owner == scope.world.organization);
            let nodes = repositories.map(|item| Node::new(item.name.clone(), move || repository(scope, item)));
            Some(connection("RepositoryConnection", nodes.collect(), Order::Ascending, arguments))
        }
        "team" => {
            let slug = text(arguments, "slug")?;
            let team = scope.world.teams.iter().find(|team| team.slug == slug);
            Some(object(team.map(|team| {
                Object::new("Team", move |field, arguments| match field {
                    "slug" => Some(leaf(&team.slug)),
                    "name" => Some(leaf(&team.name)),
                    "repositories" => {
                        let held = team.repositories.iter().filter_map(|name| find_repository(scope.world, name));
                        let nodes = held.map(|item| Node::new(item.name.clone(), move || repository(scope, item)));
                        Some(connection("TeamRepositoryConnection", nodes.collect(), Order::Ascending, arguments))
                    }
                    _ => None,
                })
            })))
        }
        _ => None,
    })))
}

/// When anything was last pushed: the newest of commits at heads and tags.
fn pushed_at(repository: &Repository) -> Option<Moment> {
    let heads =
        repository.branches.values().filter_map(|sha| repository.commits.get(sha)).map(|commit| commit.committed_at);
    let tags = repository.tags.iter().map(|tag| {
        tag.annotated_at
            .or_else(|| repository.commits.get(&tag.sha).map(|commit| commit.committed_at))
            .unwrap_or_default()
    });
    heads.chain(tags).max()
}

fn repository<'a>(scope: Scope<'a>, of: &'a Repository) -> Object<'a> {
    let url = format!("https://github.example/{}/{}", of.owner, of.name);
    Object::new("Repository", move |field, arguments| match field {
        "id" => Some(leaf(format!("R_{}", of.id))),
        "databaseId" => Some(leaf(of.id)),
        "name" => Some(leaf(&of.name)),
        "nameWithOwner" => Some(leaf(format!("{}/{}", of.owner, of.name))),
        "url" => Some(leaf(&url)),
        "isArchived" => Some(leaf(of.archived)),
        "isEmpty" => Some(leaf(of.commits.is_empty())),
        "createdAt" => Some(leaf(time(of.created_at))),
        "pushedAt" => Some(leaf(pushed_at(of).map(time))),
        "defaultBranchRef" => Some(object(reference(scope, of, &of.default_branch))),
        "object" => {
            let oid = text(arguments, "oid").or(text(arguments, "expression"))?;
            Some(object(of.commits.get(oid).map(|commit| change::commit(scope, of, commit))))
        }
        "refs" => Some(operation::tags(scope, of, arguments)),
        "pullRequest" => {
            let number = arguments.get("number")?.as_u64()?;
            let found = of.pull_requests.iter().find(|item| item.number == number);
            Some(object(found.map(|item| change::pull_request(scope, of, item))))
        }
        "pullRequests" => Some(change::pull_requests(scope, of, arguments)),
        "deployments" => Some(operation::deployments(scope, of, arguments)),
        "releases" => Some(operation::releases(scope, of, arguments)),
        "latestRelease" => {
            let published = of.releases.iter().filter(|release| release.published_at.is_some() && !release.prerelease);
            let latest = published.max_by_key(|release| release.published_at);
            Some(object(latest.map(|release| operation::release(scope, of, release))))
        }
        "issues" => Some(operation::issues(scope, of, arguments)),
        _ => None,
    })
}

fn reference<'a>(scope: Scope<'a>, of: &'a Repository, branch: &'a str) -> Option<Object<'a>> {
    let head = of.commits.get(of.branches.get(branch)?)?;
    Some(Object::new("Ref", move |field, _| match field {
        "name" => Some(leaf(branch)),
        "target" => Some(object(Some(change::commit(scope, of, head)))),
        _ => None,
    }))
}

/// An actor: a person, a bot, or `null` for an account that is gone.
pub(super) fn actor<'a>(world: &'a World, login: &'a str) -> Answer<'a> {
    if login.is_empty() {
        return object(None);
    }
    let bot = world.accounts.get(login).is_some_and(|account| account.bot);
    // GraphQL gives a bot's login without the suffix that REST shows.
    let login = login.trim_end_matches("[bot]");
    object(Some(Object::new(if bot { "Bot" } else { "User" }, move |field, _| (field == "login").then(|| leaf(login)))))
}
