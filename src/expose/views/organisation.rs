//! The whole organisation: every team beside the others, in the order of names. No ranking: teams differ in what they do.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::rows_over;
use crate::facts::Moment;
use crate::kpi::Window;
use crate::pipeline::{PackedTeam, Snapshot};
use crate::report::KpiRow;
use crate::report::review::{HEADLINE, Side};
use crate::trend::TrendVerdict;

/// All teams.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrganisationView {
    /// The moment of evaluation.
    pub as_of: Moment,
    /// The window of the values.
    pub window: &'static str,
    /// The teams, by slug.
    pub teams: Vec<TeamSummary>,
}

/// One team: DORA's five, speed beside stability.
#[derive(Debug, Serialize, ToSchema)]
pub struct TeamSummary {
    /// The slug.
    pub id: String,
    /// The name shown to people.
    pub name: String,
    /// The services that it has deployed.
    pub services: Vec<String>,
    /// Lead time, frequency and recovery.
    pub speed: Vec<KpiRow>,
    /// Failures and rework.
    pub stability: Vec<KpiRow>,
    /// The verdicts on the trends of those, by KPI.
    pub trends: BTreeMap<&'static str, TrendVerdict>,
    /// When the last of its successful deployments finished.
    pub last_deployment_at: Option<Moment>,
    /// When the last of its incidents began.
    pub last_incident_at: Option<Moment>,
}

/// All teams over a window.
pub fn organisation_view(snapshot: &Snapshot, window: Window) -> OrganisationView {
    let mut trends: BTreeMap<&str, BTreeMap<&'static str, TrendVerdict>> = BTreeMap::new();
    for trend in snapshot.trends.iter() {
        trends.entry(&trend.team).or_default().insert(trend.kpi, trend.verdict);
    }
    let teams = snapshot.teams.iter().map(|team| TeamSummary {
        id: team.id.clone(),
        name: team.name.clone(),
        services: team.services.clone(),
        speed: side(team, window, Side::Speed),
        stability: side(team, window, Side::Stability),
        trends: trends.remove(team.id.as_str()).unwrap_or_default(),
        last_deployment_at: team.last_deployment_at,
        last_incident_at: team.last_incident_at,
    });
    OrganisationView { as_of: snapshot.as_of, window: window.label(), teams: teams.collect() }
}

fn side(team: &PackedTeam, window: Window, side: Side) -> Vec<KpiRow> {
    let wanted = HEADLINE.iter().filter(|(_, of)| *of == side);
    let rows = wanted.filter_map(|(id, _)| {
        let measured = team.headline.iter().find(|measured| measured.kpi.id == *id)?;
        rows_over(measured, window).into_iter().next()
    });
    rows.collect()
}
