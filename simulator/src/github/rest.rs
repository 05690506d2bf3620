//! The REST endpoints, with GitHub's shapes.

use std::collections::BTreeMap;

use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::graphql::find_repository;
use super::server::json_answer;
use crate::world::{Moment, Repository, WorkflowRun, World};

/// GitHub shows at most so many runs once a filter is used.
const MOST_FILTERED_RUNS: usize = 1000;

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

    fn not_found() -> Self {
        let body =
            json!({ "message": "Not Found", "documentation_url": "https://docs.github.com/rest", "status": "404" });
        Self { status: StatusCode::NOT_FOUND, body, headers: Vec::new() }
    }

    /// The tag of this very body.
    pub(super) fn etag(&self) -> String {
        let digest = Sha256::digest(self.body.to_string().as_bytes());
        let short: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        format!("\"{short}\"")
    }

    pub(super) fn into_response(self) -> Response {
        let mut response = json_answer(self.status, &self.body);
        for (name, value) in &self.headers {
            if let Ok(value) = HeaderValue::from_str(value) {
                response.headers_mut().insert(*name, value);
            }
        }
        response.into_response()
    }
}

type Parameters = BTreeMap<String, String>;

/// Answers a GET.
pub(super) fn answer(world: &World, path: &str, query: &str, base_url: &str) -> Answer {
    let parameters: Parameters = url_decoded(query);
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match parts.as_slice() {
        ["user"] => Answer::ok(json!({ "login": "simulated-viewer", "id": 1, "type": "User" })),
        ["orgs", login] => organization(world, login),
        ["repos", owner, name, rest @ ..] => {
            let Some(repository) = find_repository(world, &format!("{owner}/{name}")) else {
                return Answer::not_found();
            };
            if repository.name != *name {
                // GitHub redirects what was renamed to the repository's number.
                let rest = rest.iter().map(|part| format!("/{part}")).collect::<String>();
                let query = if query.is_empty() { String::new() } else { format!("?{query}") };
                let location = format!("{base_url}/repositories/{}{rest}{query}", repository.id);
                let body = json!({ "message": "Moved Permanently", "url": location });
                return Answer { status: StatusCode::MOVED_PERMANENTLY, body, headers: vec![("location", location)] };
            }
            of_repository(world, repository, rest, &parameters, &format!("{base_url}{path}"))
        }
        ["repositories", id, rest @ ..] => {
            let found = world.repositories.iter().find(|repository| repository.id.to_string() == *id);
            found.map_or_else(Answer::not_found, |repository| {
                of_repository(world, repository, rest, &parameters, &format!("{base_url}{path}"))
            })
        }
        _ => Answer::not_found(),
    }
}

fn url_decoded(query: &str) -> Parameters {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let decode = |text: &str| {
        text.replace("%3A", ":")
            .replace("%2B", "+")
            .replace("%20", " ")
            .replace("%3E", ">")
            .replace("%3D", "=")
            .replace("%2E", ".")
    };
    pairs.map(|(name, value)| (decode(name), decode(value))).collect()
}

fn organization(world: &World, login: &str) -> Answer {
    if !world.organization.eq_ignore_ascii_case(login) {
        return Answer::not_found();
    }
    Answer::ok(json!({ "login": world.organization, "id": 1, "type": "Organization" }))
}

fn of_repository(world: &World, repository: &Repository, rest: &[&str], parameters: &Parameters, url: &str) -> Answer {
    match rest {
        [] => Answer::ok(
            json!({ "id": repository.id, "full_name": format!("{}/{}", repository.owner, repository.name), "default_branch": repository.default_branch, "archived": repository.archived }),
        ),
        ["commits", sha] => repository.commits.get(*sha).map_or_else(Answer::not_found, |commit| {
            let files: Vec<Value> =
                commit.paths.iter().map(|path| json!({ "filename": path, "status": "modified" })).collect();
            Answer::ok(json!({ "sha": commit.sha, "files": files }))
        }),
        ["actions", "runs"] => runs(world, repository, parameters, url),
        ["actions", "runs", id, "attempts", attempt] => {
            let found = repository
                .workflow_runs
                .iter()
                .find(|run| run.id.to_string() == *id && run.attempt.to_string() == *attempt);
            found.map_or_else(Answer::not_found, |found| Answer::ok(run(world, repository, found)))
        }
        _ => Answer::not_found(),
    }
}

/// The last attempt of each run, newest first, at most a thousand once filtered by creation.
fn runs(world: &World, repository: &Repository, parameters: &Parameters, url: &str) -> Answer {
    let mut last: BTreeMap<u64, &WorkflowRun> = BTreeMap::new();
    for attempt in &repository.workflow_runs {
        let known = last.entry(attempt.id).or_insert(attempt);
        if attempt.attempt > known.attempt {
            *known = attempt;
        }
    }
    let created = parameters.get("created").and_then(|range| range.split_once(".."));
    let bound = |text: &str| text.parse::<Moment>().ok();
    let mut runs: Vec<&WorkflowRun> = last.into_values().collect();
    if let Some((from, until)) = created {
        let (from, until) = (bound(from), bound(until));
        runs.retain(|item| {
            from.is_none_or(|from| item.created_at >= from) && until.is_none_or(|until| item.created_at <= until)
        });
    }
    runs.sort_by_key(|item| std::cmp::Reverse((item.created_at, item.id)));
    let total = runs.len();
    if created.is_some() {
        runs.truncate(MOST_FILTERED_RUNS);
    }
    let number =
        |name: &str, default: usize| parameters.get(name).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (per_page, page) = (number("per_page", 30).clamp(1, 100), number("page", 1).max(1));
    let shown: Vec<Value> =
        runs.iter().skip((page - 1) * per_page).take(per_page).map(|item| run(world, repository, item)).collect();
    let mut answer = Answer::ok(json!({ "total_count": total, "workflow_runs": shown }));
    if page * per_page < runs.len() {
        let others = parameters.iter().filter(|(name, _)| *name != "page");
        let query: String = others.map(|(name, value)| format!("{name}={value}&")).collect();
        answer.headers.push(("link", format!("<{url}?{query}page={}>; rel=\"next\"", page + 1)));
    }
    answer
}

fn run(world: &World, repository: &Repository, item: &WorkflowRun) -> Value {
    let url = format!("https://github.example/{}/{}/actions/runs/{}", repository.owner, repository.name, item.id);
    let bot = world.accounts.get(&item.actor).is_some_and(|account| account.bot);
    json!({
        "id": item.id, "name": item.workflow, "event": item.event, "head_branch": item.branch, "head_sha": item.sha,
        "run_attempt": item.attempt, "status": item.status, "conclusion": item.conclusion,
        "created_at": item.created_at, "run_started_at": item.run_started_at, "updated_at": item.updated_at,
        "html_url": url, "actor": { "login": item.actor, "type": if bot { "Bot" } else { "User" } },
    })
}
