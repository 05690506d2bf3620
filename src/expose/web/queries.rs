//! What the paths and queries of requests may say. Their descriptions are those of the API.

use serde::Deserialize;
use utoipa::IntoParams;

/// `/teams/{team}`.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct TeamPath {
    /// The team's slug, for example `payments`.
    pub(super) team: String,
}

/// `/teams/{team}/kpis/{kpi}`.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct KpiPath {
    /// The team's slug, for example `payments`.
    pub(super) team: String,
    /// The KPI's id, for example `lead_time_for_changes`.
    pub(super) kpi: String,
}

/// `/teams/{team}/reviews/{month}`.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct MonthPath {
    /// The team's slug, for example `payments`.
    pub(super) team: String,
    /// The month in the team's time zone, for example `2026-10`.
    #[param(pattern = "^[0-9]{4}-(0[1-9]|1[0-2])$")]
    pub(super) month: String,
}

/// `/teams/{team}/reviews/{month}/evidence/{kpi}`.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct MonthKpiPath {
    /// The team's slug, for example `payments`.
    pub(super) team: String,
    /// The month in the team's time zone, for example `2026-10`.
    #[param(pattern = "^[0-9]{4}-(0[1-9]|1[0-2])$")]
    pub(super) month: String,
    /// The id of a KPI that the review begins with, for example `lead_time_for_changes`.
    pub(super) kpi: String,
}

/// `?window=`.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct WindowQuery {
    /// The window: `7d`, `28d`, `84d` or `364d`; `28d` unless given.
    #[param(pattern = "^(7|28|84|364)d$")]
    pub(super) window: Option<String>,
}

/// `?window=&kpi=`.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct KpisQuery {
    /// The window: `7d`, `28d`, `84d` or `364d`; `28d` unless given.
    #[param(pattern = "^(7|28|84|364)d$")]
    pub(super) window: Option<String>,
    /// Only the KPI of this id.
    pub(super) kpi: Option<String>,
}

/// `?kpi=`.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct TrendsQuery {
    /// Only the KPI of this id.
    pub(super) kpi: Option<String>,
}

/// `?role=`.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ScorecardsQuery {
    /// Only the scorecard of this role.
    pub(super) role: Option<String>,
}

/// `?service=`.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct TimelineQuery {
    /// Only this service, one of those that the team has deployed.
    pub(super) service: Option<String>,
}

/// `?revision=`.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RevisionQuery {
    /// The revision of the frozen review; the newest unless given.
    pub(super) revision: Option<u32>,
}

/// Which evidence of a review is wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct FrozenEvidenceQuery {
    /// The revision of the frozen review; the newest unless given.
    pub(super) revision: Option<u32>,
    /// Only this part of the KPI.
    pub(super) part: Option<String>,
    /// How many entries; 100 unless given, 1,000 at most.
    pub(super) limit: Option<usize>,
    /// How many entries to pass over.
    #[serde(default)]
    pub(super) offset: usize,
}
