//! One team: KPIs, scorecards, trends, and what happened lately.

use serde::Serialize;
use utoipa::ToSchema;

use super::team_rows;
use crate::facts::Moment;
use crate::kpi::Window;
use crate::pipeline::{Snapshot, TeamSnapshot};
use crate::report::scorecard::ScorecardStatus;
use crate::report::{KpiRow, Timeline};
use crate::trend::Trend;

/// One team, as its page shows it.
#[derive(Debug, Serialize, ToSchema)]
pub struct TeamView {
    /// Who it is.
    #[serde(flatten)]
    pub kpis: KpisView,
    /// The name shown to people.
    pub name: String,
    /// The services that it has deployed.
    pub services: Vec<String>,
    /// How it stands in the scorecards of the roles.
    pub scorecards: Vec<ScorecardStatus>,
    /// The trends of its alertable KPIs.
    pub trends: Vec<Trend>,
    /// What happened lately.
    pub timeline: Timeline,
}

/// The KPIs of a team over a window.
#[derive(Debug, Serialize, ToSchema)]
pub struct KpisView {
    /// The team's slug.
    pub team: String,
    /// The window's label.
    pub window: &'static str,
    /// The first moment of the window.
    pub from: Moment,
    /// The moment of evaluation, at which the window ends.
    pub until: Moment,
    /// KPI by KPI, part by part.
    pub kpis: Vec<KpiRow>,
}

/// How a team stands in the scorecards of the roles.
#[derive(Debug, Serialize, ToSchema)]
pub struct ScorecardsView {
    /// The team's slug.
    pub team: String,
    /// The moment of evaluation.
    pub as_of: Moment,
    /// Role by role.
    pub scorecards: Vec<ScorecardStatus>,
}

/// The trends of a team.
#[derive(Debug, Serialize, ToSchema)]
pub struct TrendsView {
    /// The team's slug.
    pub team: String,
    /// The moment of evaluation.
    pub as_of: Moment,
    /// KPI by KPI.
    pub trends: Vec<Trend>,
}

/// The page of a team.
pub fn team_view(snapshot: &Snapshot, team: &TeamSnapshot, window: Window) -> TeamView {
    TeamView {
        kpis: kpis_view(team, window, None),
        name: team.name.clone(),
        services: team.services.clone(),
        scorecards: team.scorecards.clone(),
        trends: trends_view(snapshot, team, None).trends,
        timeline: team.timeline.clone(),
    }
}

/// The KPIs of a team over a window; of all, or of one.
pub fn kpis_view(team: &TeamSnapshot, window: Window, kpi: Option<&str>) -> KpisView {
    let span = window.span(team.as_of);
    let mut kpis = team_rows(team, window);
    kpis.retain(|row| kpi.is_none_or(|kpi| row.kpi == kpi));
    KpisView { team: team.id.clone(), window: window.label(), from: span.from, until: span.until, kpis }
}

/// The scorecards of a team; of all roles, or of one.
pub fn scorecards_view(team: &TeamSnapshot, role: Option<&str>) -> ScorecardsView {
    let wanted = team.scorecards.iter().filter(|card| role.is_none_or(|role| card.role == role));
    ScorecardsView { team: team.id.clone(), as_of: team.as_of, scorecards: wanted.cloned().collect() }
}

/// The trends of a team; of all KPIs, or of one.
pub fn trends_view(snapshot: &Snapshot, team: &TeamSnapshot, kpi: Option<&str>) -> TrendsView {
    let wanted = |trend: &&Trend| trend.team == team.id && kpi.is_none_or(|kpi| trend.kpi == kpi);
    let of_team = snapshot.trends.iter().filter(wanted);
    TrendsView { team: team.id.clone(), as_of: team.as_of, trends: of_team.cloned().collect() }
}

/// What happened lately to all services of a team, or to one.
pub fn timeline_view(team: &TeamSnapshot, service: Option<&str>) -> Timeline {
    let mut timeline = team.timeline.clone();
    if let Some(wanted) = service {
        timeline.deployments.retain(|deployment| deployment.service == wanted);
        timeline.incidents.retain(|incident| incident.service.as_deref() == Some(wanted));
    }
    timeline
}
