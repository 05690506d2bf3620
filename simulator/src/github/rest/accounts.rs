//! Accounts by their login.

use serde_json::{Value, json};

use super::shapes::{number_of, time, user, with};
use super::{Answer, Asked, not_simulated, paging};
use crate::github::WEB;
use crate::world::{Account, Moment};

/// Answers below `/users/LOGIN`. Whoever is not in the world is a plain user without a name.
pub(super) fn answer(asked: &Asked<'_>, login: &str, rest: &[&str]) -> Answer {
    match rest {
        [] => Answer::ok(public_user(asked, login)),
        // Organisations that an account is a public member of: the members of the world's are those of its teams.
        ["orgs"] => {
            let is_member = asked.world.teams.iter().any(|team| team.members.iter().any(|member| member == login));
            let organizations: Vec<&str> = is_member.then_some(asked.world.organization.as_str()).into_iter().collect();
            paging::list(asked, &organizations, |login| organization(asked, login))
        }
        _ => not_simulated(&format!("/users/{login}/{}", rest.join("/"))),
    }
}

fn public_user(asked: &Asked<'_>, login: &str) -> Value {
    let account = asked.world.accounts.get(login);
    let told = |value: fn(&Account) -> &String| account.map(value).filter(|text| !text.is_empty());
    let more = json!({
        "name": told(|account| &account.name), "email": told(|account| &account.email), "company": null, "blog": "",
        "location": null, "hireable": null, "bio": null, "twitter_username": null, "public_repos": 0, "public_gists": 0,
        "followers": 0, "following": 0, "created_at": time(Moment::UNIX_EPOCH), "updated_at": time(Moment::UNIX_EPOCH),
        "user_view_type": "public",
    });
    with(user(asked.root, asked.world, login), more)
}

fn organization(asked: &Asked<'_>, login: &str) -> Value {
    let (id, url) = (number_of(login), format!("{}/orgs/{login}", asked.root));
    json!({
        "login": login, "id": id, "node_id": format!("O_{id}"), "url": url, "repos_url": format!("{url}/repos"),
        "events_url": format!("{url}/events"), "hooks_url": format!("{url}/hooks"),
        "issues_url": format!("{url}/issues"), "members_url": format!("{url}/members{{/member}}"),
        "public_members_url": format!("{url}/public_members{{/member}}"),
        "avatar_url": format!("{WEB}/avatars/{id}"), "description": "",
    })
}
