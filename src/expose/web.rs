//! The HTTP side: metrics, health, a start page, a page and JSON per team.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Json, Response};
use axum::routing::get;
use serde::Deserialize;

use super::prometheus::{CONTENT_TYPE, Exposition};
use crate::kpi::{Window, format_value};
use crate::pipeline::{Snapshot, TeamSnapshot};
use crate::report::{KpiRow, Verdict, rows_of};

/// What requests are answered from. All of it is in memory; no request reads the store.
#[derive(Default)]
pub struct Served {
    /// The newest snapshot. `None` until the first evaluation has ended.
    pub snapshot: ArcSwapOption<Snapshot>,
    /// The same as metrics.
    pub exposition: ArcSwapOption<Exposition>,
}

/// Renders the live counters of the running program at the time of a scrape.
pub type LiveMetrics = Arc<dyn Fn() -> Result<Exposition, prometheus::Error> + Send + Sync>;

/// State of the router.
#[derive(Clone)]
pub struct WebState {
    /// What is known.
    pub served: Arc<Served>,
    /// The live counters.
    pub live: LiveMetrics,
}

/// The routes.
pub fn router(state: WebState) -> Router {
    Router::new()
        .route("/", get(start_page))
        .route("/teams/{team}", get(team_page))
        .route("/api/v1/teams", get(teams))
        .route("/api/v1/teams/{team}/kpis", get(team_kpis))
        .route("/api/v1/teams/{team}/scorecards", get(team_scorecards))
        .route("/metrics", get(metrics))
        .route("/-/healthy", get(|| async { "chiplog is healthy.\n" }))
        .route("/-/ready", get(ready))
        .with_state(state)
}

async fn ready(State(state): State<WebState>) -> Response {
    if state.served.snapshot.load().is_some() {
        return "chiplog is ready.\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, "chiplog has not evaluated its facts yet.\n").into_response()
}

async fn metrics(State(state): State<WebState>, headers: HeaderMap) -> Response {
    let live = match (state.live)() {
        Ok(live) => live,
        Err(error) => return (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    };
    let known = state.served.exposition.load_full().unwrap_or_default();
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accepted.split(',').any(|encoding| encoding.trim().starts_with("gzip")) {
        let body = Exposition::gzip(&[&*known, &live]);
        return ([(header::CONTENT_TYPE, CONTENT_TYPE), (header::CONTENT_ENCODING, "gzip")], body).into_response();
    }
    let body = [known.plain.as_ref(), live.plain.as_ref()].concat();
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], body).into_response()
}

#[derive(Template)]
#[template(path = "start.html")]
struct StartPage<'a> {
    as_of: Option<String>,
    teams: Vec<(&'a str, &'a str, String)>,
    rules: &'a BTreeMap<String, String>,
}

async fn start_page(State(state): State<WebState>) -> Response {
    let snapshot = state.served.snapshot.load_full();
    let none = BTreeMap::new();
    let teams = snapshot.iter().flat_map(|snapshot| &snapshot.teams);
    render(&StartPage {
        as_of: snapshot.as_ref().map(|snapshot| snapshot.as_of.format("%Y-%m-%d %H:%M UTC").to_string()),
        teams: teams.map(|team| (team.id.as_str(), team.name.as_str(), team.services.join(", "))).collect(),
        rules: snapshot.as_ref().map_or(&none, |snapshot| &snapshot.chosen_rules),
    })
}

#[derive(Template)]
#[template(path = "team.html")]
struct TeamPage<'a> {
    name: &'a str,
    id: &'a str,
    as_of: String,
    window: &'static str,
    windows: Vec<&'static str>,
    rows: Vec<ShownRow>,
}

struct ShownRow {
    title: String,
    value: String,
    interval: String,
    observations: String,
    remark: String,
}

#[derive(Deserialize)]
struct WindowQuery {
    window: Option<String>,
}

async fn team_page(
    State(state): State<WebState>,
    Path(team): Path<String>,
    Query(query): Query<WindowQuery>,
) -> Response {
    let (snapshot, window) = match known(&state, &query) {
        Ok(known) => known,
        Err(answer) => return answer,
    };
    let Some(team) = snapshot.teams.iter().find(|known| known.id == team) else { return no_team(&snapshot, &team) };
    render(&TeamPage {
        name: &team.name,
        id: &team.id,
        as_of: snapshot.as_of.format("%Y-%m-%d %H:%M UTC").to_string(),
        window: window.label(),
        windows: Window::ALL.iter().map(|window| window.label()).collect(),
        rows: rows(team, window).iter().map(shown).collect(),
    })
}

async fn teams(State(state): State<WebState>) -> Response {
    let snapshot = state.served.snapshot.load_full();
    let teams = snapshot.iter().flat_map(|snapshot| &snapshot.teams);
    let teams = teams.map(|team| serde_json::json!({ "id": team.id, "name": team.name, "services": team.services }));
    Json(serde_json::json!({ "teams": teams.collect::<Vec<_>>() })).into_response()
}

async fn team_kpis(
    State(state): State<WebState>,
    Path(team): Path<String>,
    Query(query): Query<WindowQuery>,
) -> Response {
    let (snapshot, window) = match known(&state, &query) {
        Ok(known) => known,
        Err(answer) => return answer,
    };
    let Some(team) = snapshot.teams.iter().find(|known| known.id == team) else { return no_team(&snapshot, &team) };
    let span = window.span(snapshot.as_of);
    let body = serde_json::json!({
        "team": team.id,
        "window": window.label(),
        "from": span.from,
        "until": span.until,
        "kpis": rows(team, window),
    });
    Json(body).into_response()
}

async fn team_scorecards(State(state): State<WebState>, Path(team): Path<String>) -> Response {
    let (snapshot, _) = match known(&state, &WindowQuery { window: None }) {
        Ok(known) => known,
        Err(answer) => return answer,
    };
    let Some(team) = snapshot.teams.iter().find(|known| known.id == team) else { return no_team(&snapshot, &team) };
    let body = serde_json::json!({ "team": team.id, "as_of": snapshot.as_of, "scorecards": team.scorecards });
    Json(body).into_response()
}

#[expect(clippy::result_large_err, reason = "the error is the answer to the request, made once")]
fn known(state: &WebState, query: &WindowQuery) -> Result<(Arc<Snapshot>, Window), Response> {
    let Some(snapshot) = state.served.snapshot.load_full() else {
        let text = "chiplog has not evaluated its facts yet: try again in a moment.\n";
        return Err((StatusCode::SERVICE_UNAVAILABLE, text).into_response());
    };
    let label = query.window.as_deref().unwrap_or("28d");
    let Some(window) = Window::ALL.into_iter().find(|window| window.label() == label) else {
        let text = "there is no such window: take one of 7d, 28d, 84d and 364d\n";
        return Err((StatusCode::BAD_REQUEST, text).into_response());
    };
    Ok((snapshot, window))
}

fn no_team(snapshot: &Snapshot, team: &str) -> Response {
    let known = snapshot.teams.iter().map(|team| team.id.as_str()).collect::<Vec<_>>().join(", ");
    let text = format!("there is no team \"{}\": known are {known}\n", team.escape_default());
    (StatusCode::NOT_FOUND, text).into_response()
}

fn rows(team: &TeamSnapshot, window: Window) -> Vec<KpiRow> {
    let assessed = team.kpis.iter().flat_map(|measured| {
        let found = measured.windows.iter().find(|(known, _)| *known == window);
        found.map(|(_, assessment)| rows_of(measured.kpi, assessment)).unwrap_or_default()
    });
    assessed.collect()
}

fn shown(row: &KpiRow) -> ShownRow {
    let format = |value| format_value(row.unit, value);
    ShownRow {
        title: row.name(),
        value: row.value.map(format).unwrap_or_default(),
        interval: row.interval.map(|(low, high)| format!("{} – {}", format(low), format(high))).unwrap_or_default(),
        observations: if row.verdict == Verdict::NotConfigured { String::new() } else { row.observations.to_string() },
        remark: match row.verdict {
            Verdict::Value => String::new(),
            Verdict::TooFew => "too few to tell".to_owned(),
            Verdict::NoData => "no data".to_owned(),
            Verdict::NotConfigured => format!("not configured: {}", row.remedy.as_deref().unwrap_or_default()),
        },
    }
}

fn render(page: &impl Template) -> Response {
    let policy = [(header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'")];
    match page.render() {
        Ok(page) => (policy, Html(page)).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}
