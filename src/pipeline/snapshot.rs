//! What is known at one moment: immutable, made by an evaluation and replaced as a whole.

use std::collections::BTreeMap;

use crate::attribution::Attributed;
use crate::facts::Moment;
use crate::kpi::{Assessment, Kpi, Window};
use crate::report::Timeline;
use crate::report::scorecard::ScorecardStatus;
use crate::sources::Finding;
use crate::trend::Trend;

/// What requests are answered from: a snapshot with the facts that it was made of.
#[derive(Debug)]
pub struct Known {
    /// Every KPI of every team.
    pub snapshot: Snapshot,
    /// The facts, attributed, for evidence.
    pub attributed: Attributed,
    /// What rules and facts say of each other: unknown environments, unmapped services.
    pub findings: Vec<Finding>,
}

/// Every KPI of every team.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The moment of evaluation: windows end here.
    pub as_of: Moment,
    /// The teams, by slug.
    pub teams: Vec<TeamSnapshot>,
    /// The trends of the alertable KPIs of all teams.
    pub trends: Vec<Trend>,
    /// How many facts could not be attributed, by kind and reason.
    pub unmapped: BTreeMap<(&'static str, &'static str), u64>,
    /// What counts as a deployment of each service, in words.
    pub chosen_rules: BTreeMap<String, String>,
}

/// Every KPI of one team.
#[derive(Debug, Clone)]
pub struct TeamSnapshot {
    /// The slug.
    pub id: String,
    /// The name shown to people.
    pub name: String,
    /// Ids of the services that it has deployed.
    pub services: Vec<String>,
    /// The KPIs, in the order of the catalogue.
    pub kpis: Vec<KpiSnapshot>,
    /// What happened lately, over the window of 84 days.
    pub timeline: Timeline,
    /// How it stands in the scorecards of the roles.
    pub scorecards: Vec<ScorecardStatus>,
    /// When the last of its successful deployments finished.
    pub last_deployment_at: Option<Moment>,
    /// When the last of its incidents began.
    pub last_incident_at: Option<Moment>,
}

/// One KPI of one team.
#[derive(Debug, Clone)]
pub struct KpiSnapshot {
    /// The KPI.
    pub kpi: &'static Kpi,
    /// Its outcome over each window, shortest first.
    pub windows: Vec<(Window, Assessment)>,
}
