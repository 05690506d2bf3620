//! What pages and the JSON API show, as models: a page is a template over one of these, and the API is its JSON. So both
//! tell the same numbers, which are those of the metrics.

mod budget;
mod evidence;
mod kpi;
mod organisation;
mod quality;
mod reviews;
mod team;

pub use budget::{BackfillView, BudgetView, FinishView, PartView};
pub use evidence::{EvidenceQuery, EvidenceView, evidence_view, frozen_evidence_view};
pub use kpi::{CatalogueEntry, KpiView, MonthValue, TrendView, WindowValues, catalogue, kpi_view};
pub use organisation::{OrganisationView, TeamSummary, organisation_view};
pub use quality::{
    BudgetSample, CollectionView, DataQualityView, FindingView, LeftOutGroup, ProgressView, QuarantineView, SourceView,
    WebhookView, collection_view, data_quality_view,
};
pub use reviews::{ReviewMonth, ReviewsView, reviews_view};
pub use team::{
    KpisView, ScorecardsView, TeamView, TrendsView, kpis_view, scorecards_view, team_view, timeline_view, trends_view,
};

use crate::kpi::Window;
use crate::pipeline::{KpiSnapshot, TeamSnapshot};
use crate::report::{KpiRow, rows_of};

/// The rows of a KPI over a window.
fn rows_over(measured: &KpiSnapshot, window: Window) -> Vec<KpiRow> {
    let found = measured.windows.iter().find(|(known, _)| *known == window);
    found.map(|(_, assessment)| rows_of(measured.kpi, assessment)).unwrap_or_default()
}

/// The rows of all KPIs of a team over a window.
fn team_rows(team: &TeamSnapshot, window: Window) -> Vec<KpiRow> {
    team.kpis.iter().flat_map(|measured| rows_over(measured, window)).collect()
}
