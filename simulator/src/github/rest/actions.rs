//! Workflow runs and their attempts.

use std::collections::BTreeMap;

use chrono::{Duration, NaiveDate};
use serde_json::{Value, json};

use super::shapes::{minimal_repository, number_of, repository_page, repository_url, time, user};
use super::{Answer, Asked, paging};
use crate::world::{Moment, Repository, WorkflowRun};

/// GitHub shows at most so many runs once a filter is used.
const MOST_FILTERED_RUNS: usize = 1000;

/// GitHub counts the runs of a query no further than this.
const HIGHEST_COUNT: usize = 2500;

/// The parameters that filter.
const FILTERS: &[&str] = &["actor", "branch", "check_suite_id", "created", "event", "head_sha", "status"];

/// The last attempt of each run, newest first.
pub(super) fn runs(asked: &Asked<'_>, of: &Repository) -> Answer {
    let mut last: BTreeMap<u64, &WorkflowRun> = BTreeMap::new();
    for attempt in &of.workflow_runs {
        let known = last.entry(attempt.id).or_insert(attempt);
        if attempt.attempt > known.attempt {
            *known = attempt;
        }
    }
    let is = |name: &str, value: &str| asked.parameter(name).is_none_or(|wanted| wanted == value);
    let created = match asked.parameter("created").map(Window::parse) {
        None => Window::default(),
        Some(Some(window)) => window,
        Some(None) => {
            let message = "Validation Failed: `created` is no date, no range of dates and no comparison";
            return Answer::error(axum::http::StatusCode::UNPROCESSABLE_ENTITY, message);
        }
    };
    let mut items: Vec<&WorkflowRun> = last.into_values().collect();
    items.retain(|item| {
        created.holds(item.created_at)
            && is("branch", &item.branch)
            && is("event", &item.event)
            && is("head_sha", &item.sha)
            && is("actor", &item.actor)
            && (is("status", &item.status) || item.conclusion.as_deref().is_some_and(|end| is("status", end)))
    });
    items.sort_by_key(|item| std::cmp::Reverse((item.created_at, item.id)));
    let total = items.len().min(HIGHEST_COUNT);
    if FILTERS.iter().any(|filter| asked.parameter(filter).is_some()) {
        items.truncate(MOST_FILTERED_RUNS);
    }
    paging::page(
        asked,
        &items,
        paging::USUAL,
        |item| run(asked, of, item),
        |runs| json!({ "total_count": total, "workflow_runs": runs }),
    )
}

/// One run: the attempt asked for, or the last.
pub(super) fn run_by_id(asked: &Asked<'_>, of: &Repository, id: &str, attempt: Option<&str>) -> Answer {
    let attempts = of.workflow_runs.iter().filter(|item| item.id.to_string() == id);
    let found = attempts
        .filter(|item| attempt.is_none_or(|attempt| item.attempt.to_string() == attempt))
        .max_by_key(|item| item.attempt);
    Answer::found(found.map(|item| run(asked, of, item)))
}

pub(super) fn run(asked: &Asked<'_>, of: &Repository, fact: &WorkflowRun) -> Value {
    let url = format!("{}/actions/runs/{}", repository_url(asked.root, of), fact.id);
    let workflow = number_of(&format!("{}/{}", of.id, fact.workflow));
    let commit = of.commits.get(&fact.sha);
    let headline = commit.and_then(|commit| commit.message.lines().next()).unwrap_or(&fact.workflow);
    let head_commit = commit.map(|commit| {
        let name = asked.world.accounts.get(&commit.author).map_or(&commit.author, |account| &account.name);
        let person = json!({ "name": name, "email": format!("{}@users.example", commit.author) });
        json!({
            "id": commit.sha, "tree_id": commit.sha, "message": commit.message, "timestamp": time(commit.committed_at),
            "author": person, "committer": person,
        })
    });
    let previous = (fact.attempt > 1).then(|| format!("{url}/attempts/{}", fact.attempt - 1));
    let actor = user(asked.root, asked.world, &fact.actor);
    let repository = minimal_repository(asked.root, of);
    json!({
        "id": fact.id, "node_id": format!("WFR_{}", fact.id), "name": fact.workflow, "display_title": headline,
        "event": fact.event, "head_branch": fact.branch, "head_sha": fact.sha, "head_commit": head_commit,
        "path": format!(".github/workflows/{}.yml", fact.workflow.to_lowercase().replace(' ', "-")),
        "run_number": fact.id, "run_attempt": fact.attempt, "status": fact.status, "conclusion": fact.conclusion,
        "workflow_id": workflow, "check_suite_id": fact.id, "check_suite_node_id": format!("CS_{}", fact.id),
        "created_at": time(fact.created_at), "run_started_at": time(fact.run_started_at),
        "updated_at": time(fact.updated_at), "actor": actor, "triggering_actor": actor, "pull_requests": [],
        "previous_attempt_url": previous, "url": url,
        "html_url": format!("{}/actions/runs/{}", repository_page(of), fact.id), "jobs_url": format!("{url}/jobs"),
        "logs_url": format!("{url}/logs"), "artifacts_url": format!("{url}/artifacts"),
        "cancel_url": format!("{url}/cancel"), "rerun_url": format!("{url}/rerun"),
        "check_suite_url": format!("{}/check-suites/{}", repository_url(asked.root, of), fact.id),
        "workflow_url": format!("{}/actions/workflows/{workflow}", repository_url(asked.root, of)),
        "repository": repository, "head_repository": repository,
    })
}

/// A span of time, both ends belonging to it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Window {
    from: Option<Moment>,
    until: Option<Moment>,
}

impl Window {
    /// Reads GitHub's syntax for dates: `2026-01-01..2026-01-31`, `*..2026-01-31`, `>=2026-01-01`, `2026-01-01`; each
    /// may be a moment.
    fn parse(text: &str) -> Option<Self> {
        if let Some((from, until)) = text.split_once("..") {
            let open =
                |text: &str, of: fn(&str) -> Option<Moment>| if text == "*" { Some(None) } else { of(text).map(Some) };
            return Some(Self { from: open(from, first)?, until: open(until, last)? });
        }
        // Moments have whole seconds.
        let second = Duration::seconds(1);
        if let Some(text) = text.strip_prefix(">=") {
            return Some(Self { from: Some(first(text)?), until: None });
        }
        if let Some(text) = text.strip_prefix("<=") {
            return Some(Self { from: None, until: Some(last(text)?) });
        }
        if let Some(text) = text.strip_prefix('>') {
            return Some(Self { from: Some(last(text)? + second), until: None });
        }
        if let Some(text) = text.strip_prefix('<') {
            return Some(Self { from: None, until: Some(first(text)? - second) });
        }
        Some(Self { from: Some(first(text)?), until: Some(last(text)?) })
    }

    fn holds(&self, moment: Moment) -> bool {
        self.from.is_none_or(|from| moment >= from) && self.until.is_none_or(|until| moment <= until)
    }
}

fn moment_or_midnight(text: &str) -> Option<(Moment, bool)> {
    if let Ok(moment) = text.parse::<Moment>() {
        return Some((moment, false));
    }
    let day = text.parse::<NaiveDate>().ok()?;
    Some((day.and_hms_opt(0, 0, 0)?.and_utc(), true))
}

/// The first second of a date, or the moment itself.
fn first(text: &str) -> Option<Moment> {
    moment_or_midnight(text).map(|(moment, _)| moment)
}

/// The last second of a date, or the moment itself.
fn last(text: &str) -> Option<Moment> {
    let (moment, is_day) = moment_or_midnight(text)?;
    Some(if is_day { moment + Duration::days(1) - Duration::seconds(1) } else { moment })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Moment {
        text.parse().unwrap()
    }

    #[test]
    fn windows_are_read_as_github_writes_them() {
        let cases = [
            ("2026-01-01..2026-01-31", Some(at("2026-01-01T00:00:00Z")), Some(at("2026-01-31T23:59:59Z"))),
            (
                "2026-01-01T10:00:00Z..2026-01-01T11:00:00Z",
                Some(at("2026-01-01T10:00:00Z")),
                Some(at("2026-01-01T11:00:00Z")),
            ),
            ("*..2026-01-31", None, Some(at("2026-01-31T23:59:59Z"))),
            ("2026-01-01..*", Some(at("2026-01-01T00:00:00Z")), None),
            (">=2026-01-01", Some(at("2026-01-01T00:00:00Z")), None),
            (">2026-01-01", Some(at("2026-01-02T00:00:00Z")), None),
            ("<2026-01-01", None, Some(at("2025-12-31T23:59:59Z"))),
            ("<=2026-01-01", None, Some(at("2026-01-01T23:59:59Z"))),
            ("2026-01-01", Some(at("2026-01-01T00:00:00Z")), Some(at("2026-01-01T23:59:59Z"))),
        ];
        for (text, from, until) in cases {
            assert_eq!(Window::parse(text), Some(Window { from, until }), "{text}");
        }
        assert_eq!(Window::parse("yesterday"), None);
        assert_eq!(Window::parse("2026-01-01..soon"), None);
    }
}
