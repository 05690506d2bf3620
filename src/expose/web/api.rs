//! The JSON API: what the pages show, for programs.

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Path, Query, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::WebState;
use super::lookup::{self, Failure, WindowQuery};
use crate::expose::views::{
    CatalogueEntry, CollectionView, DataQualityView, EvidenceQuery, EvidenceView, KpiView, KpisView, OrganisationView,
    ReviewsView, ScorecardsView, TeamView, TrendsView, catalogue, kpis_view, organisation_view, scorecards_view,
    team_view, trends_view,
};
use crate::report::Timeline;
use crate::report::review::Reviewed;

/// An answer, or what is wrong, as JSON.
type Answer<T> = Result<Json<T>, Failure>;

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.message }))).into_response()
    }
}

impl From<QueryRejection> for Failure {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(StatusCode::BAD_REQUEST, rejection.body_text())
    }
}

/// A query whose mistakes are told as JSON.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let Query(query) = Query::from_request_parts(parts, state).await?;
        Ok(Self(query))
    }
}

/// `?revision=`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RevisionQuery {
    pub(super) revision: Option<u32>,
}

pub(super) fn routes() -> Router<WebState> {
    Router::new()
        .route("/api/v1/kpis", get(kpis))
        .route("/api/v1/teams", get(teams))
        .route("/api/v1/teams/{team}", get(team))
        .route("/api/v1/teams/{team}/kpis", get(team_kpis))
        .route("/api/v1/teams/{team}/kpis/{kpi}", get(team_kpi))
        .route("/api/v1/teams/{team}/kpis/{kpi}/evidence", get(evidence))
        .route("/api/v1/teams/{team}/scorecards", get(team_scorecards))
        .route("/api/v1/teams/{team}/trends", get(team_trends))
        .route("/api/v1/teams/{team}/timeline", get(timeline))
        .route("/api/v1/teams/{team}/reviews", get(reviews))
        .route("/api/v1/teams/{team}/reviews/{month}", get(review))
        .route("/api/v1/teams/{team}/reviews/{month}/evidence/{kpi}", get(review_evidence))
        .route("/api/v1/data_quality", get(data_quality))
        .route("/api/v1/collection", get(collection))
}

async fn kpis() -> Json<Vec<CatalogueEntry>> {
    Json(catalogue())
}

async fn teams(State(state): State<WebState>, Asked(query): Asked<WindowQuery>) -> Answer<OrganisationView> {
    let known = lookup::known(&state)?;
    Ok(Json(organisation_view(&known.snapshot, lookup::window(query.window.as_deref())?)))
}

async fn team(
    State(state): State<WebState>,
    Path(team): Path<String>,
    Asked(query): Asked<WindowQuery>,
) -> Answer<TeamView> {
    let known = lookup::known(&state)?;
    let window = lookup::window(query.window.as_deref())?;
    Ok(Json(team_view(&known.snapshot, lookup::team(&known, &team)?, window)))
}

async fn team_kpis(
    State(state): State<WebState>,
    Path(team): Path<String>,
    Asked(query): Asked<WindowQuery>,
) -> Answer<KpisView> {
    let known = lookup::known(&state)?;
    let window = lookup::window(query.window.as_deref())?;
    if let Some(kpi) = &query.kpi {
        lookup::kpi(kpi)?;
    }
    Ok(Json(kpis_view(&known.snapshot, lookup::team(&known, &team)?, window, query.kpi.as_deref())))
}

async fn team_kpi(State(state): State<WebState>, Path((team, kpi)): Path<(String, String)>) -> Answer<KpiView> {
    Ok(Json(lookup::kpi_of_team(&state, team, &kpi).await?))
}

async fn evidence(
    State(state): State<WebState>,
    Path((team, kpi)): Path<(String, String)>,
    Asked(query): Asked<EvidenceQuery>,
) -> Answer<EvidenceView> {
    Ok(Json(lookup::evidence(&state, team, &kpi, query).await?))
}

async fn team_scorecards(
    State(state): State<WebState>,
    Path(team): Path<String>,
    Asked(query): Asked<WindowQuery>,
) -> Answer<ScorecardsView> {
    let known = lookup::known(&state)?;
    lookup::role(query.role.as_deref())?;
    Ok(Json(scorecards_view(&known.snapshot, lookup::team(&known, &team)?, query.role.as_deref())))
}

async fn team_trends(State(state): State<WebState>, Path(team): Path<String>) -> Answer<TrendsView> {
    let known = lookup::known(&state)?;
    Ok(Json(trends_view(&known.snapshot, lookup::team(&known, &team)?)))
}

async fn timeline(State(state): State<WebState>, Path(team): Path<String>) -> Answer<Timeline> {
    let known = lookup::known(&state)?;
    Ok(Json(lookup::team(&known, &team)?.timeline.clone()))
}

async fn reviews(State(state): State<WebState>, Path(team): Path<String>) -> Answer<ReviewsView> {
    Ok(Json(lookup::reviews(&state, &team).await?))
}

async fn review(
    State(state): State<WebState>,
    Path((team, month)): Path<(String, String)>,
    Asked(query): Asked<RevisionQuery>,
) -> Answer<Reviewed> {
    Ok(Json(lookup::review(&state, team, &month, query.revision).await?))
}

async fn review_evidence(
    State(state): State<WebState>,
    Path((team, month, kpi)): Path<(String, String, String)>,
    Asked(query): Asked<RevisionQuery>,
) -> Answer<EvidenceView> {
    let whole = EvidenceQuery { limit: Some(usize::MAX), ..EvidenceQuery::default() };
    Ok(Json(lookup::review_evidence(&state, &team, &month, &kpi, query.revision, &whole).await?))
}

async fn data_quality(State(state): State<WebState>) -> Answer<DataQualityView> {
    Ok(Json(lookup::data_quality(&state).await?))
}

async fn collection(State(state): State<WebState>) -> Answer<CollectionView> {
    Ok(Json(lookup::collection(&state).await?))
}
