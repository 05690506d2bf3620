//! Real histories, served by the simulated GitHub and collected over HTTP: every release, month and pull request equals
//! the published truth, on SQLite and on PostgreSQL.

use std::path::Path;

use chiplog::app::App;
use chiplog::kpi::Span;
use chiplog::kpi::find;
use chiplog::pipeline::team_facts;
use chiplog::report::{Explanation, explain};
use chiplog_simulator::histories;
use serde_json::Value;

use crate::harness::{self, postgres};
use crate::truth;

fn config(name: &str, url: &str, tag_pattern: &str, store: &str) -> String {
    format!(
        "store.url = \"{store}\"\ncollect.history = \"9999d\"\n\
         [github]\ntoken_env = \"GITHUB_TOKEN\"\norganization = \"{}\"\nbase_url = \"{url}\"\nworkflow_runs = false\n\
         [team.team]\n[service.history]\nrepository = \"real/{name}\"\nteam = \"team\"\ndeployments = {{ tag = '{tag_pattern}' }}\n",
        histories::ORGANIZATION
    )
}

/// Collects a history with the tags of one scope, and returns the app.
async fn collected(folder: &Path, stream: &Value, with_pull_requests: bool, store: &str) -> App {
    let mut world = histories::load(folder, with_pull_requests).unwrap();
    if stream["scope"] == "main" {
        let tags = truth::lines(&folder.join("tags.jsonl"));
        let on_main = |name: &str| tags.iter().any(|tag| tag["tag"] == name && tag["on_main"] == true);
        world.repositories[0].tags.retain(|tag| on_main(&tag.name));
    }
    let name = world.repositories[0].name.clone();
    let github = harness::github(&harness::shared(world)).await;
    let app = harness::app(&config(&name, github.base_url(), stream["tag_regex"].as_str().unwrap(), store)).await;
    harness::collect_well(&app).await;
    app
}

async fn every_stream_equals_its_truth(name: &str, on_postgres: bool) {
    let Some(folder) = truth::data_folder().map(|folder| folder.join(name)) else { return };
    let document = truth::document(&folder.join("truth.json"));
    let mut compared = 0;
    for (key, stream) in document["streams"].as_object().unwrap() {
        let store = if on_postgres { postgres::fresh_database().await } else { "sqlite::memory:".to_owned() };
        let app = collected(&folder, stream, false, &store).await;
        let attributed = app.attributed(harness::now()).await.unwrap();
        compared += truth::compare_stream(stream, &attributed, "history", &format!("{name} {key}"));
    }
    assert!(compared > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn devlake_over_http_equals_its_truth() {
    every_stream_equals_its_truth("devlake", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn multipath_over_http_equals_its_truth() {
    every_stream_equals_its_truth("multipath", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn multipath_over_http_equals_its_truth_on_postgresql() {
    every_stream_equals_its_truth("multipath", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn devlake_over_http_equals_its_truth_on_postgresql() {
    every_stream_equals_its_truth("devlake", true).await;
}

fn explained(app: &App, attributed: &chiplog::attribution::Attributed, kpi: &str, span: &Span) -> Explanation {
    let team = &app.organisation.teams["team"];
    let facts = team_facts(&app.organisation, attributed, &app.families, team, harness::now());
    explain(find(kpi).unwrap(), &facts, span)
}

/// The values of a part, each with the number of its pull request.
fn values(explanation: &Explanation, part: &str) -> Vec<(u64, f64)> {
    let of_part = explanation.observations.iter().filter(|piece| piece.part.as_deref() == Some(part));
    of_part.map(|piece| (piece.key.rsplit('#').next().unwrap().parse().unwrap(), piece.value)).collect()
}

/// For each KPI, its part and the field of the truth: pull request by pull request, and month by month.
const FIELDS: &[(&str, &str, &str)] = &[
    ("pr_cycle_time", "wall", "cycle_s"),
    ("lead_time_stage", "coding", "coding_s"),
    ("lead_time_stage", "pickup", "first_review_s"),
    ("lead_time_stage", "review", "review_to_merge_s"),
    ("lead_time_stage", "deploy", "deploy_s"),
    ("review_participation", "meaningful_reviews", "meaningful_reviews"),
    ("review_participation", "distinct_reviewers", "distinct_reviewers"),
];

async fn pull_requests_equal_their_truth(store: &str) {
    let Some(folder) = truth::data_folder().map(|folder| folder.join("multipath")) else { return };
    let expected = truth::document(&folder.join("pr-truth.json"));
    let streams = truth::document(&folder.join("truth.json"));
    let app = collected(&folder, &streams["streams"]["draft/all"], true, store).await;
    let attributed = app.attributed(harness::now()).await.unwrap();
    let all = Span { from: "2000-01-01T00:00:00Z".parse().unwrap(), until: harness::now() };
    for (kpi, part, field) in FIELDS {
        let found = values(&explained(&app, &attributed, kpi, &all), part);
        let mut known = 0;
        for record in expected["prs"].as_array().unwrap() {
            let number = record["number"].as_u64().unwrap();
            let value = found.iter().find(|(of, _)| *of == number).map(|(_, value)| *value);
            assert_eq!(value, record[field].as_f64(), "#{number} {field}");
            known += usize::from(value.is_some());
        }
        assert_eq!(known, found.len(), "{field}: nothing beyond the truth");
    }
    for (month, record) in expected["months"].as_object().unwrap() {
        let calendar = chiplog::stats::WorkingCalendar::default();
        let (from, until) = calendar.month_span(format!("{month}-01").parse().unwrap());
        for (kpi, part, field) in FIELDS.iter().filter(|(_, _, field)| field.ends_with("_s")) {
            let found = values(&explained(&app, &attributed, kpi, &Span { from, until }), part);
            let seconds = found.into_iter().map(|(_, value)| value).collect();
            truth::compare_statistics(seconds, &record[field], &format!("{month} {field}"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pull_requests_equal_their_truth_on_sqlite() {
    pull_requests_equal_their_truth("sqlite::memory:").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pull_requests_equal_their_truth_on_postgresql() {
    pull_requests_equal_their_truth(&postgres::fresh_database().await).await;
}
