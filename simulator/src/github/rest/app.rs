//! What a GitHub App asks for, and what is left of the budgets.

use axum::http::Method;
use serde_json::{Value, json};

use super::shapes::{owner, time};
use crate::github::WEB;
use crate::github::access::{AppOptions, Budget};
use crate::world::Moment;

/// The root of the addresses in the App's answers.
const API: &str = "https://api.github.example";

/// When the App was made and installed, as it says.
const MADE_AT: &str = "2020-01-01T00:00:00Z";

/// What an App asked for.
pub(in crate::github) enum Asked {
    /// A token of its installation.
    Token,
    /// Something that is answered with this.
    Answer(Value),
    /// What is not there.
    Nothing,
}

impl Asked {
    /// What a request of an App asks for.
    pub(in crate::github) fn of(method: &Method, path: &str, app: &AppOptions, organization: &str) -> Self {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let is_installed = |id: &str| id == app.installation_id.to_string();
        match (method.as_str(), parts.as_slice()) {
            ("POST", ["app", "installations", id, "access_tokens"]) if is_installed(id) => Self::Token,
            ("GET", ["app"]) => Self::Answer(integration(app, organization)),
            ("GET", ["app", "installations"]) => Self::Answer(json!([installation(app, organization)])),
            ("GET", ["app", "installations", id]) if is_installed(id) => Self::Answer(installation(app, organization)),
            ("GET", ["orgs", login, "installation"]) if login.eq_ignore_ascii_case(organization) => {
                Self::Answer(installation(app, organization))
            }
            _ => Self::Nothing,
        }
    }
}

fn permissions() -> Value {
    json!({
        "actions": "read", "contents": "read", "deployments": "read", "issues": "read", "members": "read",
        "metadata": "read", "pull_requests": "read",
    })
}

/// A new installation token.
pub(in crate::github) fn token(token: &str, expires_at: Moment) -> Value {
    json!({
        "token": token, "expires_at": time(expires_at), "permissions": permissions(), "repository_selection": "all",
    })
}

fn integration(app: &AppOptions, organization: &str) -> Value {
    json!({
        "id": app.app_id, "slug": "chiplog", "node_id": format!("A_{}", app.app_id), "owner": owner(API, organization),
        "name": "chiplog", "description": null, "external_url": WEB, "html_url": format!("{WEB}/apps/chiplog"),
        "created_at": MADE_AT, "updated_at": MADE_AT, "permissions": permissions(), "events": [],
        "installations_count": 1,
    })
}

fn installation(app: &AppOptions, organization: &str) -> Value {
    let id = app.installation_id;
    json!({
        "id": id, "account": owner(API, organization), "app_id": app.app_id, "app_slug": "chiplog", "target_id": 1,
        "target_type": "Organization", "single_file_name": null, "repository_selection": "all", "events": [],
        "permissions": permissions(), "created_at": MADE_AT, "updated_at": MADE_AT, "suspended_at": null,
        "suspended_by": null, "access_tokens_url": format!("{API}/app/installations/{id}/access_tokens"),
        "repositories_url": format!("{API}/installation/repositories"),
        "html_url": format!("{WEB}/organizations/{organization}/settings/installations/{id}"),
    })
}

/// What is left of each budget.
pub(in crate::github) fn rate_limit(core: &Budget, graphql: &Budget) -> Value {
    let left = |budget: &Budget| {
        json!({
            "limit": budget.limit, "used": budget.used, "remaining": budget.remaining(),
            "reset": budget.reset_at.timestamp(),
        })
    };
    let search = json!({ "limit": 30, "used": 0, "remaining": 30, "reset": core.reset_at.timestamp() });
    json!({
        "resources": { "core": left(core), "graphql": left(graphql), "search": search }, "rate": left(core),
    })
}
