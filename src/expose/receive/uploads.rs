//! Test and coverage reports that a CI uploads.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::{IntoParams, ToSchema};

use super::{ReceiveState, answer, audit, authorised};
use crate::clock;
use crate::expose::answer::{Asked, Named, NoScope, NoToken, NotYet, Sent, TooLarge, TooSlow, Unreadable};
use crate::facts::{Batch, Fact, unusable};
use crate::pipeline::Imported;
use crate::sources::test_reports::{self, Origin, ReportError};

/// `/{owner}/{name}`.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct RepositoryPath {
    /// The owner of the repository, for example `acme`.
    owner: String,
    /// The name of the repository, for example `ledger`.
    name: String,
}

/// What a report cannot tell of itself.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct UploadQuery {
    /// The whole id of the commit that was tested.
    #[param(required, pattern = "^([0-9a-fA-F]{40}|[0-9a-fA-F]{64})$")]
    sha: Option<String>,
    /// The branch that was tested.
    branch: Option<String>,
    /// The suite, or the name of the coverage report, for repositories with several.
    name: Option<String>,
    /// Where people see the run.
    url: Option<String>,
}

/// What became of a report.
#[derive(Serialize, ToSchema)]
pub(super) struct UploadAnswer {
    /// How many facts it tells.
    facts: usize,
}

/// Send the coverage of a commit
///
/// LCOV, Cobertura or JaCoCo. The same report of the same commit again changes nothing. The token needs the scope
/// `coverage_reports/OWNER/NAME`.
#[utoipa::path(
    post, path = "/api/v1/coverage_reports/{owner}/{name}", tag = "sending", operation_id = "send_coverage_report",
    params(RepositoryPath, UploadQuery), request_body(content = String, content_type = "text/plain"),
    security(("token" = [])),
    responses(
        (status = 202, description = "The report is stored.", body = UploadAnswer),
        Unreadable, NoToken, NoScope, TooSlow, TooLarge, NotYet,
    ),
)]
pub(super) async fn coverage_report(
    State(state): State<ReceiveState>,
    Named(path): Named<RepositoryPath>,
    Asked(query): Asked<UploadQuery>,
    headers: HeaderMap,
    sent: Sent,
) -> Response {
    let read = |text: &str, origin: &Origin| test_reports::coverage_report(text, origin).map(Fact::CoverageReport);
    take(&state, "coverage_reports", path, query, &headers, sent, read).await
}

/// Send the test results of a commit
///
/// JUnit XML. The same report of the same commit again changes nothing. The token needs the scope
/// `test_reports/OWNER/NAME`.
#[utoipa::path(
    post, path = "/api/v1/test_reports/{owner}/{name}", tag = "sending", operation_id = "send_test_report",
    params(RepositoryPath, UploadQuery), request_body(content = String, content_type = "text/plain"),
    security(("token" = [])),
    responses(
        (status = 202, description = "The report is stored.", body = UploadAnswer),
        Unreadable, NoToken, NoScope, TooSlow, TooLarge, NotYet,
    ),
)]
pub(super) async fn test_report(
    State(state): State<ReceiveState>,
    Named(path): Named<RepositoryPath>,
    Asked(query): Asked<UploadQuery>,
    headers: HeaderMap,
    sent: Sent,
) -> Response {
    let read = |text: &str, origin: &Origin| test_reports::test_report(text, origin).map(Fact::TestReport);
    take(&state, "test_reports", path, query, &headers, sent, read).await
}

/// Checks, reads and stores one report.
async fn take(
    state: &ReceiveState,
    family: &'static str,
    RepositoryPath { owner, name }: RepositoryPath,
    query: UploadQuery,
    headers: &HeaderMap,
    sent: Sent,
    read: impl Fn(&str, &Origin) -> Result<Fact, ReportError>,
) -> Response {
    let repository = format!("{owner}/{name}");
    let reporter = match authorised(state, headers, &format!("{family}/{repository}")) {
        Ok(reporter) => reporter,
        Err(error) => return error.answer(),
    };
    let is_commit = |sha: &String| matches!(sha.len(), 40 | 64) && sha.chars().all(|digit| digit.is_ascii_hexdigit());
    let Some(sha) = query.sha.filter(is_commit) else {
        return answer(StatusCode::BAD_REQUEST, "sha is missing: add ?sha= with the whole id of the commit");
    };
    let body = match sent.read().await {
        Ok(body) => body,
        Err(refused) => return refused,
    };
    let now = clock::now();
    let origin = Origin {
        repository,
        // The same report of the same commit is the same fact, however often it is sent.
        id: hex::encode(&Sha256::digest(&body)[..8]) + &sha,
        name: query.name.unwrap_or_else(|| "default".to_owned()),
        sha,
        branch: query.branch,
        at: now,
        url: query.url.filter(|url| url.starts_with("https://") || url.starts_with("http://")),
    };
    let fact = match read(&String::from_utf8_lossy(&body), &origin) {
        Ok(fact) => fact,
        Err(error) => return answer(StatusCode::BAD_REQUEST, &format!("the body {error}")),
    };
    if let Some(reject) = unusable(&fact) {
        return answer(StatusCode::BAD_REQUEST, &format!("the report cannot be kept: {}", reject.reason));
    }
    match state.store.accept(crate::reported::SOURCE, &Batch { facts: vec![fact], ..Batch::default() }, now).await {
        Err(error) => answer(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
        Ok(accepted) => {
            let changed = accepted.changed.values().sum();
            state.metrics.add_changes(crate::reported::SOURCE, family, changed);
            audit(state, reporter, family, "upload", &Imported { good: 1, changed, bad: 0 }).await;
            (StatusCode::ACCEPTED, Json(UploadAnswer { facts: 1 })).into_response()
        }
    }
}
