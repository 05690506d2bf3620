//! What is sent to chiplog: reported rows and events, from those who hold a token for it.

mod uploads;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::clock;
use crate::config::Reporter;
use crate::pipeline::{CollectMetrics, ImportError, Imported, StoredFacts, import};
use crate::reported::{Intake, Known, Problem, Template, find};
use crate::sources::{ReceiveError, Source};
use crate::store::{AuditEntry, Store};

/// The largest body. Larger files are imported by `chiplog import`, which streams them.
const LARGEST_BODY: usize = 16 * 1024 * 1024;

/// How many refused rows an answer lists; the others are counted.
const LISTED_PROBLEMS: usize = 1000;

/// What requests that send facts need.
#[derive(Clone)]
pub struct ReceiveState {
    /// Who may send.
    pub reporters: Arc<[Reporter]>,
    /// Where facts go.
    pub store: Store,
    /// The sources, of which some receive.
    pub sources: Arc<[Arc<dyn Source>]>,
    /// Counts what changed, so that it is evaluated.
    pub metrics: CollectMetrics,
    /// What rows are checked against; the moment in it is replaced by that of the request.
    pub known: Known,
    /// Events complete stored facts, so they are taken one after another.
    pub turn: Arc<Mutex<()>>,
}

/// The routes.
pub fn router(state: ReceiveState) -> Router {
    Router::new()
        .route("/api/v1/reports/{template}", post(reports))
        .route("/api/v1/events/{source}", post(events))
        .route("/api/v1/coverage_reports/{owner}/{name}", post(uploads::coverage_report))
        .route("/api/v1/test_reports/{owner}/{name}", post(uploads::test_report))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(state)
}

#[derive(Deserialize)]
struct ReportQuery {
    #[serde(default)]
    dry_run: bool,
}

fn answer(status: StatusCode, text: &str) -> Response {
    (status, Json(json!({ "error": text }))).into_response()
}

/// The reporter who sends, if it may.
#[expect(clippy::result_large_err, reason = "the error is the answer to the request, made once")]
fn authorised<'a>(state: &'a ReceiveState, headers: &HeaderMap, scope: &str) -> Result<&'a Reporter, Response> {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = token.and_then(|value| value.strip_prefix("Bearer ")).map(str::trim);
    let reporter = token.and_then(|token| state.reporters.iter().find(|reporter| reporter.has_token(token)));
    let Some(reporter) = reporter else {
        let text = "a token of [reporters] is needed: send the header \"Authorization: Bearer TOKEN\"";
        return Err(([(header::WWW_AUTHENTICATE, "Bearer")], answer(StatusCode::UNAUTHORIZED, text)).into_response());
    };
    if reporter.may(scope) {
        return Ok(reporter);
    }
    Err(answer(
        StatusCode::FORBIDDEN,
        &format!("this token has no scope for {scope}: add it to its scopes in [reporters]"),
    ))
}

async fn reports(
    State(state): State<ReceiveState>,
    Path(template): Path<String>,
    Query(query): Query<ReportQuery>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let reporter = match authorised(&state, &headers, &format!("reports/{template}")) {
        Ok(reporter) => reporter,
        Err(answer) => return answer,
    };
    let Some(template) = find(&template) else {
        return answer(StatusCode::NOT_FOUND, "there is no such template: `chiplog import` lists them");
    };
    let known = Known { now: clock::now(), ..state.known.clone() };
    let is_csv = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|it| it.starts_with("text/csv"));
    let intake = match intake(template, &known, is_csv, &body) {
        Ok(intake) => intake,
        Err(text) => return answer(StatusCode::BAD_REQUEST, &text),
    };
    let mut problems: Vec<Problem> = Vec::new();
    let done = import(intake, (!query.dry_run).then_some(&state.store), |problem| {
        if problems.len() < LISTED_PROBLEMS {
            problems.push(problem);
        }
    });
    let (imported, failure) = match done.await {
        Ok(imported) => (imported, None),
        Err(ImportError { imported, error }) => (imported, Some(error)),
    };
    if imported.changed > 0 {
        state.metrics.add_changes(crate::reported::SOURCE, "reported_values", imported.changed);
    }
    if !query.dry_run {
        let origin = if is_csv { "csv" } else { "json" };
        audit(&state, reporter, template.id, origin, &imported).await;
    }
    if let Some(error) = failure {
        return answer(StatusCode::SERVICE_UNAVAILABLE, &error.to_string());
    }
    let status = if imported.good == 0 && imported.bad > 0 { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let body = json!({
        "template": template.id,
        "dry_run": query.dry_run,
        "good": imported.good,
        "changed": imported.changed,
        "bad": imported.bad,
        "problems": problems,
    });
    (status, Json(body)).into_response()
}

fn intake<'a>(
    template: &'static Template,
    known: &'a Known,
    is_csv: bool,
    body: &'a [u8],
) -> Result<Intake<'a, &'a [u8]>, String> {
    if is_csv {
        return Intake::csv(template, known, body).map_err(|error| error.to_string());
    }
    let expected = "expected { \"rows\": [ { \"column\": value, … } ] }, or CSV with the content type text/csv";
    let mut document: Value = serde_json::from_slice(body).map_err(|error| format!("no JSON ({error}): {expected}"))?;
    match document["rows"].take() {
        Value::Array(rows) => Ok(Intake::json(template, known, rows)),
        _ => Err(expected.to_owned()),
    }
}

async fn events(
    State(state): State<ReceiveState>,
    Path(source): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let reporter = match authorised(&state, &headers, &format!("events/{source}")) {
        Ok(reporter) => reporter,
        Err(answer) => return answer,
    };
    let receiver = state.sources.iter().find(|known| known.name() == source).and_then(|source| source.receiver());
    let Some(receiver) = receiver else {
        return answer(
            StatusCode::NOT_FOUND,
            "no source of this name receives events: configure [cdevents] or [alertmanager]",
        );
    };
    let _turn = state.turn.lock().await;
    let now = clock::now();
    let stored = StoredFacts { store: &state.store, source: &source };
    let batch = match receiver.receive(&headers, &body, &stored).await {
        Ok(batch) => batch,
        Err(ReceiveError::Malformed(text)) => return answer(StatusCode::BAD_REQUEST, &text),
        Err(ReceiveError::Sink(error)) => return answer(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    };
    match state.store.accept(&source, &batch, now).await {
        Err(error) => answer(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
        Ok(accepted) => {
            for (family, changed) in &accepted.changed {
                state.metrics.add_changes(&source, family, *changed);
            }
            state.metrics.set_last_success(&source, now);
            let imported = Imported { good: batch.facts.len() as u64, changed: 0, bad: accepted.rejected };
            audit(&state, reporter, &format!("events/{source}"), "event", &imported).await;
            let reasons: Vec<&str> = batch.rejects.iter().map(|reject| reject.reason.as_str()).collect();
            (StatusCode::ACCEPTED, Json(json!({ "facts": batch.facts.len(), "quarantined": reasons }))).into_response()
        }
    }
}

async fn audit(state: &ReceiveState, reporter: &Reporter, template: &str, origin: &'static str, imported: &Imported) {
    let entry = AuditEntry {
        reporter: reporter.name.clone(),
        template: template.to_owned(),
        origin,
        accepted: imported.good,
        rejected: imported.bad,
    };
    if let Err(error) = state.store.audit(&entry, clock::now()).await {
        tracing::error!("the audit of a report cannot be written: {error}");
    }
}
