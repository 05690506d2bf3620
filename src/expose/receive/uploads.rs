//! Test and coverage reports that a CI uploads.

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{ReceiveState, answer, audit, authorised};
use crate::clock;
use crate::facts::{Batch, Fact};
use crate::pipeline::Imported;
use crate::sources::test_reports::{self, Origin, ReportError};

/// What a report cannot tell of itself.
#[derive(Deserialize)]
pub(super) struct UploadQuery {
    /// The commit that was tested.
    sha: Option<String>,
    branch: Option<String>,
    /// The suite, or the name of the coverage report, for repositories with several.
    name: Option<String>,
    /// Where people see the run.
    url: Option<String>,
}

pub(super) async fn coverage_report(
    State(state): State<ReceiveState>,
    Path(repository): Path<(String, String)>,
    Query(query): Query<UploadQuery>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let read = |text: &str, origin: &Origin| test_reports::coverage_report(text, origin).map(Fact::CoverageReport);
    take(&state, "coverage_reports", repository, query, &headers, &body, read).await
}

pub(super) async fn test_report(
    State(state): State<ReceiveState>,
    Path(repository): Path<(String, String)>,
    Query(query): Query<UploadQuery>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let read = |text: &str, origin: &Origin| test_reports::test_report(text, origin).map(Fact::TestReport);
    take(&state, "test_reports", repository, query, &headers, &body, read).await
}

/// Checks, reads and stores one report.
async fn take(
    state: &ReceiveState,
    family: &'static str,
    (owner, name): (String, String),
    query: UploadQuery,
    headers: &HeaderMap,
    body: &[u8],
    read: impl Fn(&str, &Origin) -> Result<Fact, ReportError>,
) -> Response {
    let repository = format!("{owner}/{name}");
    let reporter = match authorised(state, headers, &format!("{family}/{repository}")) {
        Ok(reporter) => reporter,
        Err(answer) => return answer,
    };
    let is_commit = |sha: &String| matches!(sha.len(), 40 | 64) && sha.chars().all(|digit| digit.is_ascii_hexdigit());
    let Some(sha) = query.sha.filter(is_commit) else {
        return answer(StatusCode::BAD_REQUEST, "sha is missing: add ?sha= with the whole id of the commit");
    };
    let now = clock::now();
    let origin = Origin {
        repository,
        // The same report of the same commit is the same fact, however often it is sent.
        id: Sha256::digest(body).iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>() + &sha,
        name: query.name.unwrap_or_else(|| "default".to_owned()),
        sha,
        branch: query.branch,
        at: now,
        url: query.url.filter(|url| url.starts_with("https://") || url.starts_with("http://")),
    };
    let fact = match read(&String::from_utf8_lossy(body), &origin) {
        Ok(fact) => fact,
        Err(error) => return answer(StatusCode::BAD_REQUEST, &format!("the body {error}")),
    };
    match state.store.accept(crate::reported::SOURCE, &Batch { facts: vec![fact], ..Batch::default() }, now).await {
        Err(error) => answer(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
        Ok(accepted) => {
            let changed = accepted.changed.values().sum();
            state.metrics.add_changes(crate::reported::SOURCE, family, changed);
            audit(state, reporter, family, "upload", &Imported { good: 1, changed, bad: 0 }).await;
            (StatusCode::ACCEPTED, Json(json!({ "facts": 1 }))).into_response()
        }
    }
}
