//! The organisation, its repositories and its teams.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::shapes::{minimal_repository, number_of, time, user};
use super::{Answer, Asked, not_simulated, paging};
use crate::github::WEB;
use crate::world::{Repository, Team};

/// Answers below `/orgs/LOGIN`.
pub(super) fn answer(asked: &Asked<'_>, rest: &[&str]) -> Answer {
    let repository = |item: &&Repository| minimal_repository(asked.root, item);
    match rest {
        [] => Answer::ok(organization(asked)),
        ["repos"] => {
            let owned = asked.sight.repositories(asked.world).filter(|item| item.owner == asked.world.organization);
            let mut owned: Vec<&Repository> = owned.collect();
            sort(asked, &mut owned);
            paging::list(asked, &owned, repository)
        }
        ["teams", ..] if !asked.sight.may_read_organization() => Answer::error(
            StatusCode::FORBIDDEN,
            "You must have the read:org scope to see the teams of an organization.",
        ),
        ["teams"] => {
            let teams: Vec<&Team> = asked.world.teams.iter().collect();
            paging::list(asked, &teams, |item| team(asked, item))
        }
        ["teams", slug, rest @ ..] => {
            let Some(found) = asked.world.teams.iter().find(|team| team.slug == *slug) else {
                return Answer::not_found();
            };
            match rest {
                [] => Answer::ok(team(asked, found)),
                ["repos"] => {
                    let held: Vec<&Repository> = asked.sight.repositories_of(asked.world, found).collect();
                    paging::list(asked, &held, repository)
                }
                ["members"] => paging::list(asked, &found.members, |login| user(asked.root, asked.world, login)),
                _ => not_simulated(&format!("/orgs/{}/teams/{slug}/{}", asked.world.organization, rest.join("/"))),
            }
        }
        _ => not_simulated(&format!("/orgs/{}/{}", asked.world.organization, rest.join("/"))),
    }
}

/// By creation, newest first, unless `sort` and `direction` ask otherwise; names run forward.
fn sort(asked: &Asked<'_>, items: &mut [&Repository]) {
    let by_name = asked.parameter("sort") == Some("full_name");
    items.sort_by_key(|item| item.name.to_lowercase());
    match asked.parameter("sort") {
        Some("full_name") => {}
        Some("pushed" | "updated") => items.sort_by_key(|item| crate::github::graphql::pushed_at(item)),
        _ => items.sort_by_key(|item| item.created_at),
    }
    if asked.parameter("direction").unwrap_or(if by_name { "asc" } else { "desc" }) == "desc" {
        items.reverse();
    }
}

fn organization(asked: &Asked<'_>) -> Value {
    let login = &asked.world.organization;
    let url = format!("{}/orgs/{login}", asked.root);
    let created_at = asked.world.repositories.iter().map(|item| item.created_at).min().unwrap_or_default();
    json!({
        "login": login, "id": 1, "node_id": "O_1", "url": url, "html_url": format!("{WEB}/{login}"),
        "repos_url": format!("{url}/repos"), "events_url": format!("{url}/events"), "hooks_url": format!("{url}/hooks"),
        "issues_url": format!("{url}/issues"), "members_url": format!("{url}/members{{/member}}"),
        "public_members_url": format!("{url}/public_members{{/member}}"), "avatar_url": format!("{WEB}/avatars/1"),
        "description": null, "has_organization_projects": false, "has_repository_projects": false, "public_repos": 0,
        "public_gists": 0, "followers": 0, "following": 0, "type": "Organization", "created_at": time(created_at),
        "updated_at": time(created_at), "archived_at": null,
    })
}

fn team(asked: &Asked<'_>, fact: &Team) -> Value {
    let id = number_of(&fact.slug);
    let url = format!("{}/organizations/1/team/{id}", asked.root);
    json!({
        "id": id, "node_id": format!("T_{}", fact.slug), "name": fact.name, "slug": fact.slug, "description": null,
        "privacy": "closed", "notification_setting": "notifications_enabled", "permission": "pull", "parent": null,
        "type": "organization", "url": url, "members_url": format!("{url}/members{{/member}}"),
        "repositories_url": format!("{url}/repos"),
        "html_url": format!("{WEB}/orgs/{}/teams/{}", asked.world.organization, fact.slug),
    })
}
