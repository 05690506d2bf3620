//! The JSON API: what the pages show, for programs.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::any;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::WebState;
use super::lookup::{self, Failure};
use super::queries::{
    FrozenEvidenceQuery, KpiPath, KpisQuery, MonthKpiPath, MonthPath, RevisionQuery, ScorecardsQuery, TeamPath,
    TimelineQuery, TrendsQuery, WindowQuery,
};
use crate::expose::answer::{Asked, Missing, Named, NoQuery, NotYet, Unreadable, refusal};
use crate::expose::views::{
    CatalogueEntry, CollectionView, DataQualityView, EvidenceQuery, EvidenceView, KpiView, KpisView, OrganisationView,
    ReviewsView, ScorecardsView, TeamView, TrendsView, catalogue, kpis_view, organisation_view, scorecards_view,
    team_view, timeline_view, trends_view,
};
use crate::report::Timeline;
use crate::report::review::Reviewed;

/// An answer, or what is wrong, as JSON.
type Answer<T> = Result<Json<T>, Failure>;

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        refusal(self.status, self.message)
    }
}

pub(super) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::default()
        .routes(routes!(kpis))
        .routes(routes!(teams))
        .routes(routes!(team))
        .routes(routes!(team_kpis))
        .routes(routes!(team_kpi))
        .routes(routes!(evidence))
        .routes(routes!(team_scorecards))
        .routes(routes!(team_trends))
        .routes(routes!(timeline))
        .routes(routes!(reviews))
        .routes(routes!(review))
        .routes(routes!(review_evidence))
        .routes(routes!(data_quality))
        .routes(routes!(collection))
        .route("/api/{*path}", any(nothing_here))
}

async fn nothing_here() -> Response {
    refusal(StatusCode::NOT_FOUND, "there is nothing at this address: /api/v1/openapi.json tells what there is")
}

/// The catalogue of KPIs
///
/// What each KPI means, exactly what it counts, and where its definition comes from. The same for all teams.
#[utoipa::path(
    get, path = "/api/v1/kpis", tag = "teams",
    responses((status = 200, description = "All KPIs.", body = [CatalogueEntry]), Unreadable),
)]
async fn kpis(Asked(NoQuery {}): Asked<NoQuery>) -> Json<Vec<CatalogueEntry>> {
    Json(catalogue())
}

/// All teams
///
/// DORA's five of every team, speed beside stability, in the order of names. No ranking: teams differ in what they do.
#[utoipa::path(
    get, path = "/api/v1/teams", tag = "teams", params(WindowQuery),
    responses((status = 200, description = "The teams.", body = OrganisationView), Unreadable, NotYet),
)]
async fn teams(State(state): State<WebState>, Asked(query): Asked<WindowQuery>) -> Answer<OrganisationView> {
    let known = lookup::known(&state)?;
    Ok(Json(organisation_view(&known.snapshot, lookup::window(query.window.as_deref())?)))
}

/// One team
///
/// Its KPIs over a window, its scorecards, its trends and what happened lately.
#[utoipa::path(
    get, path = "/api/v1/teams/{team}", tag = "teams", params(TeamPath, WindowQuery),
    responses((status = 200, description = "The team.", body = TeamView), Unreadable, Missing, NotYet),
)]
async fn team(
    State(state): State<WebState>,
    Named(path): Named<TeamPath>,
    Asked(query): Asked<WindowQuery>,
) -> Answer<TeamView> {
    let known = lookup::known(&state)?;
    let window = lookup::window(query.window.as_deref())?;
    Ok(Json(team_view(&known.snapshot, &lookup::team(&known, &path.team)?, window)))
}

/// The KPIs of a team over a window
#[utoipa::path(
    get, path = "/api/v1/teams/{team}/kpis", tag = "teams", params(TeamPath, KpisQuery),
    responses(
        (status = 200, description = "The KPIs, those with parts part by part.", body = KpisView),
        Unreadable, Missing, NotYet,
    ),
)]
async fn team_kpis(
    State(state): State<WebState>,
    Named(path): Named<TeamPath>,
    Asked(query): Asked<KpisQuery>,
) -> Answer<KpisView> {
    let known = lookup::known(&state)?;
    let window = lookup::window(query.window.as_deref())?;
    if let Some(kpi) = &query.kpi {
        lookup::kpi(kpi)?;
    }
    Ok(Json(kpis_view(&lookup::team(&known, &path.team)?, window, query.kpi.as_deref())))
}

/// One KPI of a team
///
/// Its values over all windows and month by month, how it was spread, whether it moves, and its targets.
#[utoipa::path(
    get, path = "/api/v1/teams/{team}/kpis/{kpi}", tag = "teams", params(KpiPath),
    responses((status = 200, description = "The KPI.", body = KpiView), Unreadable, Missing, NotYet),
)]
async fn team_kpi(
    State(state): State<WebState>,
    Named(path): Named<KpiPath>,
    Asked(NoQuery {}): Asked<NoQuery>,
) -> Answer<KpiView> {
    Ok(Json(lookup::kpi_of_team(&state, path.team, &path.kpi).await?))
}

/// What a number rests on
///
/// Every observation behind it, largest first and page by page, what is still open, and what was left out and why.
#[utoipa::path(
    get, path = "/api/v1/teams/{team}/kpis/{kpi}/evidence", tag = "evidence", params(KpiPath, EvidenceQuery),
    responses((status = 200, description = "The evidence.", body = EvidenceView), Unreadable, Missing, NotYet),
)]
async fn evidence(
    State(state): State<WebState>,
    Named(path): Named<KpiPath>,
    Asked(query): Asked<EvidenceQuery>,
) -> Answer<EvidenceView> {
    Ok(Json(lookup::evidence(&state, path.team, &path.kpi, query).await?))
}

/// How a team stands in the scorecards of the roles
#[utoipa::path(
    get, path = "/api/v1/teams/{team}/scorecards", tag = "teams", params(TeamPath, ScorecardsQuery),
    responses((status = 200, description = "Role by role.", body = ScorecardsView), Unreadable, Missing, NotYet),
)]
async fn team_scorecards(
    State(state): State<WebState>,
    Named(path): Named<TeamPath>,
    Asked(query): Asked<ScorecardsQuery>,
) -> Answer<ScorecardsView> {
    let known = lookup::known(&state)?;
    lookup::role(query.role.as_deref())?;
    Ok(Json(scorecards_view(&lookup::team(&known, &path.team)?, query.role.as_deref())))
}

/// Whether the KPIs of a team have got worse or better
///
/// Those that are tested for it, with their weekly numbers. Too few to tell is an answer.
#[utoipa::path(
    get, path = "/api/v1/teams/{team}/trends", tag = "teams", params(TeamPath, TrendsQuery),
    responses((status = 200, description = "The trends.", body = TrendsView), Unreadable, Missing, NotYet),
)]
async fn team_trends(
    State(state): State<WebState>,
    Named(path): Named<TeamPath>,
    Asked(query): Asked<TrendsQuery>,
) -> Answer<TrendsView> {
    let known = lookup::known(&state)?;
    if let Some(kpi) = &query.kpi {
        lookup::kpi(kpi)?;
    }
    Ok(Json(trends_view(&known.snapshot, &lookup::team(&known, &path.team)?, query.kpi.as_deref())))
}

/// What happened to a team's services lately
#[utoipa::path(
    get, path = "/api/v1/teams/{team}/timeline", tag = "teams", params(TeamPath, TimelineQuery),
    responses(
        (status = 200, description = "Deployments and incidents, in their order.", body = Timeline),
        Unreadable, Missing, NotYet,
    ),
)]
async fn timeline(
    State(state): State<WebState>,
    Named(path): Named<TeamPath>,
    Asked(query): Asked<TimelineQuery>,
) -> Answer<Timeline> {
    let known = lookup::known(&state)?;
    let team = lookup::team(&known, &path.team)?;
    lookup::service(&team.services, query.service.as_deref())?;
    Ok(Json(timeline_view(&team, query.service.as_deref())))
}

/// The months of a team that have a review
#[utoipa::path(
    get, path = "/api/v1/teams/{team}/reviews", tag = "reviews", params(TeamPath),
    responses((status = 200, description = "The months, newest first.", body = ReviewsView), Unreadable, Missing, NotYet),
)]
async fn reviews(
    State(state): State<WebState>,
    Named(path): Named<TeamPath>,
    Asked(NoQuery {}): Asked<NoQuery>,
) -> Answer<ReviewsView> {
    Ok(Json(lookup::reviews(&state, &path.team).await?))
}

/// The review of a month
///
/// Frozen, or, of the month that lasts or has just ended, a draft: its revision is null.
#[utoipa::path(
    get, path = "/api/v1/teams/{team}/reviews/{month}", tag = "reviews", params(MonthPath, RevisionQuery),
    responses((status = 200, description = "The review.", body = Reviewed), Unreadable, Missing, NotYet),
)]
async fn review(
    State(state): State<WebState>,
    Named(path): Named<MonthPath>,
    Asked(query): Asked<RevisionQuery>,
) -> Answer<Reviewed> {
    Ok(Json(lookup::review(&state, path.team, &path.month, query.revision).await?))
}

/// What a number of a review rests on
///
/// The evidence that was frozen with the review, so that both stay as they were. Stages are not kept.
#[utoipa::path(
    get, path = "/api/v1/teams/{team}/reviews/{month}/evidence/{kpi}", tag = "reviews",
    params(MonthKpiPath, FrozenEvidenceQuery),
    responses((status = 200, description = "The evidence.", body = EvidenceView), Unreadable, Missing, NotYet),
)]
async fn review_evidence(
    State(state): State<WebState>,
    Named(path): Named<MonthKpiPath>,
    Asked(query): Asked<FrozenEvidenceQuery>,
) -> Answer<EvidenceView> {
    Ok(Json(lookup::review_evidence(&state, &path.team, &path.month, &path.kpi, &query).await?))
}

/// How far the numbers can be trusted
///
/// What could not be counted and why, what was refused, and how sources fare.
#[utoipa::path(
    get, path = "/api/v1/data_quality", tag = "quality",
    responses((status = 200, description = "The quality of the data.", body = DataQualityView), Unreadable, NotYet),
)]
async fn data_quality(State(state): State<WebState>, Asked(NoQuery {}): Asked<NoQuery>) -> Answer<DataQualityView> {
    Ok(Json(lookup::data_quality(&state).await?))
}

/// How far collections have come
#[utoipa::path(
    get, path = "/api/v1/collection", tag = "quality",
    responses((status = 200, description = "Sources and progress.", body = CollectionView), Unreadable, NotYet),
)]
async fn collection(State(state): State<WebState>, Asked(NoQuery {}): Asked<NoQuery>) -> Answer<CollectionView> {
    Ok(Json(lookup::collection(&state).await?))
}
