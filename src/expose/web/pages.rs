//! The routes of the pages.

use std::sync::LazyLock;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::WebState;
use super::lookup::{self, Failure};
use super::queries::{FrozenEvidenceQuery, WindowQuery};
use crate::expose::views::{EvidenceQuery, organisation_view, team_view};
use crate::expose::{pages, review_markdown};

/// No page loads anything from elsewhere, runs a script, or can be framed. Its one style sheet is known by its digest.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let policy = format!(
        "default-src 'none'; style-src-elem 'sha256-{}'; style-src-attr 'unsafe-inline'; img-src data:; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'",
        STANDARD.encode(Sha256::digest(pages::STYLE))
    );
    HeaderValue::from_str(&policy).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
});

/// A rendered page, or what is wrong.
type Page = Result<Response, PageFailure>;

/// A failure told as a page.
struct PageFailure(Failure);

impl<E: Into<Failure>> From<E> for PageFailure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl From<askama::Error> for Failure {
    fn from(error: askama::Error) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

impl IntoResponse for PageFailure {
    fn into_response(self) -> Response {
        failure(&self.0, None)
    }
}

/// A failure as a page; `written` is what was not taken, so that nobody has to write it again.
pub(super) fn failure(failure: &Failure, written: Option<&str>) -> Response {
    let title = match failure.status {
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::SERVICE_UNAVAILABLE => "Not yet",
        _ => "That did not work",
    };
    if failure.status == StatusCode::INTERNAL_SERVER_ERROR {
        tracing::error!("{}", failure.message);
    }
    let page = pages::message_page(title, &failure.message, written).unwrap_or_else(|_| failure.message.clone());
    (failure.status, html(page)).into_response()
}

fn html(page: String) -> Response {
    ([(header::CONTENT_SECURITY_POLICY, POLICY.clone())], Html(page)).into_response()
}

pub(super) fn routes() -> Router<WebState> {
    Router::new()
        .route("/", get(organisation))
        .route("/teams/{team}", get(team))
        .route("/teams/{team}/kpis/{kpi}", get(kpi))
        .route("/teams/{team}/kpis/{kpi}/evidence", get(evidence))
        .route("/teams/{team}/reviews", get(reviews))
        .route("/teams/{team}/reviews/{month}", get(review))
        .route("/teams/{team}/reviews/{month}/evidence/{kpi}", get(review_evidence))
        .route("/data-quality", get(data_quality))
        .route("/collection", get(collection))
        .fallback(nothing_here)
}

async fn nothing_here() -> Response {
    failure(&Failure::new(StatusCode::NOT_FOUND, "there is no such page: begin with the teams"), None)
}

async fn organisation(State(state): State<WebState>, Query(query): Query<WindowQuery>) -> Page {
    let known = lookup::known(&state)?;
    let view = organisation_view(&known.snapshot, lookup::window(query.window.as_deref())?);
    Ok(html(pages::organisation_page(&view)?))
}

async fn team(State(state): State<WebState>, Path(team): Path<String>, Query(query): Query<WindowQuery>) -> Page {
    let known = lookup::known(&state)?;
    let window = lookup::window(query.window.as_deref())?;
    let view = team_view(&known.snapshot, &lookup::team(&known, &team)?, window);
    Ok(html(pages::team_page(&view)?))
}

async fn kpi(State(state): State<WebState>, Path((team, kpi)): Path<(String, String)>) -> Page {
    let name = lookup::packed_team(&*lookup::known(&state)?, &team)?.name.clone();
    let view = lookup::kpi_of_team(&state, team, &kpi).await?;
    Ok(html(pages::kpi_page(&view, &name)?))
}

async fn evidence(
    State(state): State<WebState>,
    Path((team, kpi)): Path<(String, String)>,
    Query(query): Query<EvidenceQuery>,
) -> Page {
    let name = lookup::packed_team(&*lookup::known(&state)?, &team)?.name.clone();
    let view = lookup::evidence(&state, team, &kpi, query.clone()).await?;
    Ok(html(pages::evidence_page(&view, &name, &query)?))
}

async fn reviews(State(state): State<WebState>, Path(team): Path<String>) -> Page {
    let name = lookup::packed_team(&*lookup::known(&state)?, &team)?.name.clone();
    Ok(html(pages::reviews_page(&lookup::reviews(&state, &team).await?, &name)?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReviewQuery {
    revision: Option<u32>,
    format: Option<Format>,
    #[serde(default)]
    offset: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    Markdown,
    File,
}

async fn review(
    State(state): State<WebState>,
    Path((team, month)): Path<(String, String)>,
    Query(query): Query<ReviewQuery>,
) -> Page {
    let name = format!("{team}-{month}.html");
    let reviewed = lookup::review(&state, team, &month, query.revision).await?;
    match query.format {
        None => Ok(html(pages::review_page(&reviewed)?)),
        Some(Format::Markdown) => {
            let kind = [(header::CONTENT_TYPE, "text/markdown; charset=utf-8")];
            Ok((kind, review_markdown::review(&reviewed)).into_response())
        }
        Some(Format::File) => {
            let disposition = [(header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""))];
            Ok((disposition, html(pages::exported_review(&reviewed)?)).into_response())
        }
    }
}

async fn review_evidence(
    State(state): State<WebState>,
    Path((team, month, kpi)): Path<(String, String, String)>,
    Query(query): Query<ReviewQuery>,
) -> Page {
    let name = lookup::packed_team(&*lookup::known(&state)?, &team)?.name.clone();
    let wanted =
        FrozenEvidenceQuery { revision: query.revision, offset: query.offset, ..FrozenEvidenceQuery::default() };
    let view = lookup::review_evidence(&state, &team, &month, &kpi, &wanted).await?;
    Ok(html(pages::review_evidence_page(&view, &name, &month, query.revision)?))
}

async fn data_quality(State(state): State<WebState>) -> Page {
    Ok(html(pages::quality_page(&lookup::data_quality(&state).await?)?))
}

async fn collection(State(state): State<WebState>) -> Page {
    Ok(html(pages::collection_page(&lookup::collection(&state).await?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_knows_the_style_sheet_of_pages_and_no_other() {
        let page = pages::message_page("Not found", "there is no such page", None).unwrap();
        let style = page.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
        assert_eq!(style, pages::STYLE);
        assert!(!page.contains("<script"));
    }
}
