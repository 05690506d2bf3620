//! The REST endpoints, with the shapes of GitHub's OpenAPI description.

mod accounts;
mod actions;
mod alerts;
pub(super) mod app;
mod artifacts;
mod issues;
mod paging;
mod pulls;
mod releases;
mod repositories;
mod reviewing;
mod shapes;
mod teams;
pub(super) mod webhooks;

use std::collections::BTreeMap;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::server::{json_answer, set};
use super::sight::{Seen, Sight};
use super::trouble::error_body;
use crate::world::{Repository, World};

/// An answer before its headers.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    body: Value,
    headers: Vec<(&'static str, String)>,
}

impl Answer {
    fn ok(body: Value) -> Self {
        Self { status: StatusCode::OK, body, headers: Vec::new() }
    }

    fn error(status: StatusCode, message: &str) -> Self {
        Self { status, body: error_body(status, message), headers: Vec::new() }
    }

    fn not_found() -> Self {
        Self::error(StatusCode::NOT_FOUND, "Not Found")
    }

    fn found(body: Option<Value>) -> Self {
        body.map_or_else(Self::not_found, Self::ok)
    }

    /// The tag of this very body for this token. GitHub's are weak, and differ by token.
    pub(super) fn etag(&self, token: &str) -> String {
        let digest = Sha256::digest(format!("{token} {}", self.body).as_bytes());
        let short = digest.iter().take(16).fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
        format!("W/\"{short:032x}\"")
    }

    pub(super) fn into_response(self) -> Response {
        let mut response = json_answer(self.status, &self.body);
        for (name, value) in &self.headers {
            set(&mut response, name, value);
        }
        response
    }
}

/// A GET request and what it is answered from.
struct Asked<'a> {
    world: &'a World,
    sight: &'a Sight,
    parameters: BTreeMap<String, String>,
    /// The root of the API.
    root: &'a str,
    /// The address that was asked, without its parameters.
    url: String,
}

impl Asked<'_> {
    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }
}

pub(super) use artifacts::archive;

/// Answers a GET.
pub(super) fn answer(world: &World, sight: &Sight, path: &str, query: &str, root: &str) -> Answer {
    let asked = Asked { world, sight, parameters: parameters(query), root, url: format!("{root}{path}") };
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match parts.as_slice() {
        ["user"] => Answer::ok(shapes::viewer(root)),
        ["users", login, rest @ ..] => accounts::answer(&asked, login, rest),
        ["orgs", login, rest @ ..] if world.organization.eq_ignore_ascii_case(login) => teams::answer(&asked, rest),
        ["orgs", ..] => Answer::not_found(),
        ["repos", owner, name, rest @ ..] => match sight.repository(world, &format!("{owner}/{name}")) {
            Seen::Repository(found) if !is_called(found, owner, name) => moved(found, rest, query, root),
            seen => of_seen(&asked, &seen, rest),
        },
        ["repositories", id, rest @ ..] => of_seen(&asked, &sight.repository_by_id(world, id), rest),
        _ => not_simulated(path),
    }
}

fn of_seen(asked: &Asked<'_>, seen: &Seen<'_>, rest: &[&str]) -> Answer {
    match seen {
        Seen::Repository(found) => of_repository(asked, found, rest),
        Seen::Forbidden => Answer::error(StatusCode::FORBIDDEN, "Resource not accessible by personal access token"),
        Seen::Nothing => Answer::not_found(),
    }
}

/// A loud answer for an endpoint that GitHub may have and the simulator has not.
fn not_simulated(path: &str) -> Answer {
    Answer::error(StatusCode::NOT_IMPLEMENTED, &format!("the simulator does not serve GET {path}"))
}

fn is_called(repository: &Repository, owner: &str, name: &str) -> bool {
    repository.owner.eq_ignore_ascii_case(owner) && repository.name.eq_ignore_ascii_case(name)
}

/// GitHub redirects what was renamed to the repository's number.
fn moved(found: &Repository, rest: &[&str], query: &str, root: &str) -> Answer {
    let rest = if rest.is_empty() { String::new() } else { format!("/{}", rest.join("/")) };
    let query = if query.is_empty() { String::new() } else { format!("?{query}") };
    let location = format!("{root}/repositories/{}{rest}{query}", found.id);
    let body = json!({
        "message": "Moved Permanently", "url": location,
        "documentation_url": "https://docs.github.com/rest/guides/best-practices-for-using-the-rest-api#follow-redirects",
    });
    Answer { status: StatusCode::MOVED_PERMANENTLY, body, headers: vec![("location", location)] }
}

/// The parameters of an address, decoded.
fn parameters(query: &str) -> BTreeMap<String, String> {
    let uri = format!("/?{query}").parse::<axum::http::Uri>().unwrap_or_default();
    axum::extract::Query::try_from_uri(&uri).map(|query| query.0).unwrap_or_default()
}

fn of_repository(asked: &Asked<'_>, of: &Repository, rest: &[&str]) -> Answer {
    match rest {
        [] => Answer::ok(shapes::full_repository(asked.root, of)),
        ["commits", reference] => repositories::commit(asked, of, reference),
        ["deployments"] => repositories::deployments(asked, of),
        ["deployments", id] => repositories::deployment_by_id(asked, of, id),
        ["deployments", id, "statuses"] => repositories::deployment_statuses(asked, of, id),
        ["actions", "artifacts"] => artifacts::artifacts(asked, of),
        ["actions", "artifacts", id, "zip"] => artifacts::download(asked, of, id),
        [scanner @ ("dependabot" | "code-scanning" | "secret-scanning"), "alerts"] => {
            alerts::alerts(asked, of, scanner)
        }
        ["actions", "runs"] => actions::runs(asked, of),
        ["actions", "runs", id] => actions::run_by_id(asked, of, id, None),
        ["actions", "runs", id, "attempts", attempt] => actions::run_by_id(asked, of, id, Some(attempt)),
        ["releases"] => releases::releases(asked, of),
        ["pulls"] => pulls::pulls(asked, of),
        ["pulls", number, rest @ ..] => reviewing::answer(asked, of, number, rest),
        ["issues"] => issues::issues(asked, of),
        ["issues", number] => issues::issue_by_number(asked, of, number),
        ["issues", number, kind @ ("events" | "timeline")] => issues::events(asked, of, number, kind),
        _ => not_simulated(&format!("/repos/{}/{}/{}", of.owner, of.name, rest.join("/"))),
    }
}
