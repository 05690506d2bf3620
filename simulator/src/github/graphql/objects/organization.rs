//! Organisations and their teams.

use apollo_compiler::resolvers::FieldError;
use apollo_compiler::response::{JsonMap, JsonValue};

use super::repository::{pushed_at, repository};
use super::{Scope, project, time};
use crate::github::graphql::arguments::{order, text};
use crate::github::graphql::connection::{Node, Order, connection};
use crate::github::graphql::object::{Answer, Object, leaf, object, refused};
use crate::world::{Repository, Team};

/// The organisation of the world.
pub(super) fn organization<'a>(scope: Scope<'a>, login: &str) -> Answer<'a> {
    if !scope.world.organization.eq_ignore_ascii_case(login) {
        let message = format!("Could not resolve to an Organization with the login of '{login}'.");
        return Err(refused("NOT_FOUND", &message));
    }
    object(Object::new("Organization", move |field, arguments| match field {
        "id" => Some(leaf("O_1")),
        "databaseId" => Some(leaf(1)),
        "login" | "name" => Some(leaf(&scope.world.organization)),
        "url" => Some(leaf(format!("{}/{}", crate::github::WEB, scope.world.organization))),
        "repositories" => {
            let archived = arguments.get("isArchived").and_then(JsonValue::as_bool);
            let owned = scope.sight.repositories(scope.world).filter(move |item| {
                item.owner == scope.world.organization && archived.is_none_or(|archived| item.archived == archived)
            });
            Some(repositories(scope, "RepositoryConnection", owned, arguments))
        }
        "projectV2" => {
            let number = arguments.get("number")?.as_u64()?;
            let found = scope.world.projects.iter().find(|item| item.number == number);
            Some(object(found.map(|found| project::project(scope, found))))
        }
        "team" => Some(team_of(scope, text(arguments, "slug")?)),
        "teams" => Some(teams(scope, arguments)),
        _ => None,
    }))
}

/// Teams are seen only by tokens that may read the organisation.
fn may_see_teams(scope: Scope<'_>, field: &str) -> Result<(), FieldError> {
    if scope.sight.may_read_organization() {
        return Ok(());
    }
    let message = format!(
        "Your token has not been granted the required scopes to execute this query. The '{field}' field requires one of the following scopes: ['read:org', 'read:discussion'], but your token has only been granted the: [{}] scopes. Please modify your token's scopes at: https://github.com/settings/tokens.",
        scope.sight.scopes().map(|scope| format!("'{scope}'")).collect::<Vec<_>>().join(", ")
    );
    Err(refused("INSUFFICIENT_SCOPES", &message))
}

fn team_of<'a>(scope: Scope<'a>, slug: &str) -> Answer<'a> {
    may_see_teams(scope, "slug")?;
    object(scope.world.teams.iter().find(|team| team.slug.eq_ignore_ascii_case(slug)).map(|found| team(scope, found)))
}

fn teams<'a>(scope: Scope<'a>, arguments: &JsonMap) -> Answer<'a> {
    may_see_teams(scope, "teams")?;
    let (_, descending) = order(arguments, &["NAME"])?;
    let nodes = scope
        .world
        .teams
        .iter()
        .map(|item| Node::new(format!("{}|{}", item.name, item.slug), move || team(scope, item)));
    connection("TeamConnection", nodes.collect(), Order::by_key(descending), arguments)
}

fn team<'a>(scope: Scope<'a>, fact: &'a Team) -> Object<'a> {
    Object::new("Team", move |field, arguments| match field {
        "id" => Some(leaf(format!("T_{}", fact.slug))),
        "slug" => Some(leaf(&fact.slug)),
        "name" => Some(leaf(&fact.name)),
        "repositories" => {
            let held = scope.sight.repositories_of(scope.world, fact);
            Some(repositories(scope, "TeamRepositoryConnection", held, arguments))
        }
        "members" => {
            let nodes = fact.members.iter().map(|login| {
                Node::new(login.as_str(), move || {
                    Object::new("User", move |field, _| (field == "login").then(|| leaf(login)))
                })
            });
            Some(connection("TeamMemberConnection", nodes.collect(), Order::Ascending, arguments))
        }
        _ => None,
    })
}

fn repositories<'a>(
    scope: Scope<'a>,
    type_name: &'static str,
    items: impl Iterator<Item = &'a Repository>,
    arguments: &JsonMap,
) -> Answer<'a> {
    let (by, descending) = order(arguments, &["NAME", "CREATED_AT", "PUSHED_AT", "UPDATED_AT"])?;
    let nodes = items.map(|item| {
        let value = match by {
            "CREATED_AT" => time(item.created_at),
            "PUSHED_AT" | "UPDATED_AT" => pushed_at(item).map(time).unwrap_or_default(),
            _ => item.name.to_lowercase(),
        };
        Node::new(format!("{value}|{:012}", item.id), move || repository(scope, item))
    });
    connection(type_name, nodes.collect(), Order::by_key(descending), arguments)
}
