//! What is sent to chiplog: reported rows and events, from those who hold a token for it.

mod uploads;
mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Mutex;
use utoipa::openapi::OpenApi;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::clock;
use crate::config::Reporter;
use crate::expose::answer::{
    Asked, Missing, Named, NoQuery, NoScope, NoToken, NotYet, Sent, TooLarge, TooSlow, Unreadable, refusal,
};
use crate::expose::tokens::{NotAllowed, allowed, bearer};
use crate::facts::shortened;
use crate::pipeline::{CollectMetrics, ImportError, Imported, StoredFacts, import};
use crate::reported::{Intake, Known, Problem, Template, find};
use crate::sources::{ReceiveError, Receiver, Source};
use crate::store::{AuditEntry, Fence, Store};

pub use webhooks::WebhookState;

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
    /// Where webhooks go.
    pub webhooks: WebhookState,
}

/// The routes.
pub fn router(state: ReceiveState) -> Router {
    Router::from(routes()).layer(DefaultBodyLimit::max(LARGEST_BODY)).with_state(state)
}

/// What the routes take and answer.
pub fn description() -> OpenApi {
    routes().into_openapi()
}

fn routes() -> OpenApiRouter<ReceiveState> {
    OpenApiRouter::default()
        .routes(routes!(reports))
        .routes(routes!(events))
        .routes(routes!(webhooks::webhook))
        .routes(routes!(uploads::coverage_report))
        .routes(routes!(uploads::test_report))
}

/// `/reports/{template}`.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct TemplatePath {
    /// The template's id, for example `team_engagement`; `chiplog import` lists them with their columns.
    template: String,
}

/// `?dry_run=`.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ReportQuery {
    /// Whether rows are only checked, and nothing is stored.
    #[serde(default)]
    dry_run: bool,
}

/// `/events/{source}`.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct SourcePath {
    /// The name of the source that takes it, for example `cdevents` or `github`.
    source: String,
}

/// Reported rows.
#[derive(Deserialize, ToSchema)]
struct ReportedRows {
    /// The rows: objects with the columns of the template as keys.
    #[schema(value_type = Vec<BTreeMap<String, Value>>)]
    rows: Vec<Value>,
}

/// What became of reported rows.
#[derive(Serialize, ToSchema)]
struct ReportAnswer {
    /// The template's id.
    template: &'static str,
    /// Whether the rows were only checked.
    dry_run: bool,
    /// Rows that are good.
    good: u64,
    /// Those of them that were new or different from what was stored.
    changed: u64,
    /// Rows that were refused.
    bad: u64,
    /// Why: the first thousand of them.
    problems: Vec<Problem>,
}

/// What became of an event.
#[derive(Serialize, ToSchema)]
struct EventAnswer {
    /// How many facts it tells.
    facts: usize,
    /// Why what it tells could not be taken, where it could not.
    quarantined: Vec<String>,
}

fn answer(status: StatusCode, text: &str) -> Response {
    refusal(status, text)
}

/// The reporter who sends, if it may.
fn authorised<'a>(state: &'a ReceiveState, headers: &HeaderMap, scope: &str) -> Result<&'a Reporter, NotAllowed> {
    allowed(&state.reporters, bearer(headers), scope)
}

/// Send rows that people report
///
/// Surveys, hiring, cost, ticks of checklists: as JSON or as CSV. The good rows are taken, the others told. The same rows
/// again change nothing. The token needs the scope `reports/TEMPLATE`.
#[utoipa::path(
    post, path = "/api/v1/reports/{template}", tag = "sending", operation_id = "send_report",
    params(TemplatePath, ReportQuery), security(("token" = [])),
    request_body(content((ReportedRows = "application/json"), (String = "text/csv"))),
    responses(
        (status = 200, description = "Some rows are good, or there was none.", body = ReportAnswer),
        (status = 422, description = "No row is good.", body = ReportAnswer),
        Unreadable, NoToken, NoScope, Missing, TooSlow, TooLarge, NotYet,
    ),
)]
async fn reports(
    State(state): State<ReceiveState>,
    Named(TemplatePath { template }): Named<TemplatePath>,
    Asked(query): Asked<ReportQuery>,
    headers: HeaderMap,
    sent: Sent,
) -> Response {
    let reporter = match authorised(&state, &headers, &format!("reports/{template}")) {
        Ok(reporter) => reporter,
        Err(error) => return error.answer(),
    };
    let Some(template) = find(&template) else {
        return answer(StatusCode::NOT_FOUND, "there is no such template: `chiplog import` lists them");
    };
    let body = match sent.read().await {
        Ok(body) => body,
        Err(refused) => return refused,
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
    let body = ReportAnswer {
        template: template.id,
        dry_run: query.dry_run,
        good: imported.good,
        changed: imported.changed,
        bad: imported.bad,
        problems,
    };
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
    let sent: ReportedRows = serde_json::from_slice(body).map_err(|error| format!("{error}: {expected}"))?;
    Ok(Intake::json(template, known, sent.rows))
}

/// Send an event of a tool
///
/// CDEvents as CloudEvents, binary or structured, and groups of alerts as Alertmanager's webhook sends them. The same
/// event again changes nothing. The token needs the scope `events/SOURCE`.
#[utoipa::path(
    post, path = "/api/v1/events/{source}", tag = "sending", operation_id = "send_event",
    params(SourcePath), security(("token" = [])),
    request_body(content((Value = "application/json"), (Value = "application/cloudevents+json"))),
    responses(
        (status = 202, description = "What it tells is stored.", body = EventAnswer),
        Unreadable, NoToken, NoScope, Missing, TooSlow, TooLarge, NotYet,
    ),
)]
async fn events(
    State(state): State<ReceiveState>,
    Named(SourcePath { source }): Named<SourcePath>,
    Asked(NoQuery {}): Asked<NoQuery>,
    headers: HeaderMap,
    sent: Sent,
) -> Response {
    let reporter = match authorised(&state, &headers, &format!("events/{source}")) {
        Ok(reporter) => reporter,
        Err(error) => return error.answer(),
    };
    let receiver = state.sources.iter().find(|known| known.name() == source).and_then(|source| source.receiver());
    let Some(receiver) = receiver else {
        return answer(
            StatusCode::NOT_FOUND,
            "no source of this name receives events: configure [cdevents] or [alertmanager]",
        );
    };
    let body = match sent.read().await {
        Ok(body) => body,
        Err(refused) => return refused,
    };
    let _turn = state.turn.lock().await;
    let turn = match state.store.take_turn(&format!("receive/{source}")).await {
        Ok(turn) => turn,
        Err(error) => return answer(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    };
    let answer = receive_in_turn(&state, reporter, receiver, &Sending { source: &source, headers, body }, &turn).await;
    if let Err(error) = state.store.release_lease(&turn).await {
        tracing::warn!(source, "the turn of receiving could not be given back, it ends by itself: {error}");
    }
    answer
}

/// What a tool has sent.
struct Sending<'a> {
    source: &'a str,
    headers: HeaderMap,
    body: Bytes,
}

/// Events complete facts that are stored, so what is read and what is written belong together: nobody else receives for the
/// source meanwhile, on no replica.
async fn receive_in_turn(
    state: &ReceiveState,
    reporter: &Reporter,
    receiver: &dyn Receiver,
    sending: &Sending<'_>,
    turn: &Fence,
) -> Response {
    let Sending { source, headers, body } = sending;
    let now = clock::now();
    let stored = StoredFacts { store: &state.store, source };
    let mut batch = match receiver.receive(headers, body, &stored).await {
        Ok(batch) => batch,
        Err(ReceiveError::Malformed(text)) => return answer(StatusCode::BAD_REQUEST, &text),
        Err(ReceiveError::Sink(error)) => return answer(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    };
    batch.sift();
    match state.store.accept_fenced(source, &batch, now, Some(turn)).await {
        Err(error) => answer(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
        Ok(accepted) => {
            for (family, changed) in &accepted.changed {
                state.metrics.add_changes(source, family, *changed);
            }
            state.metrics.set_last_success(source, now);
            let imported = Imported { good: batch.facts.len() as u64, changed: 0, bad: accepted.rejected };
            audit(state, reporter, &format!("events/{source}"), "event", &imported).await;
            let quarantined = batch.rejects.into_iter().map(|reject| shortened(&reject.reason)).collect();
            (StatusCode::ACCEPTED, Json(EventAnswer { facts: batch.facts.len(), quarantined })).into_response()
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
