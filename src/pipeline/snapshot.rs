//! What is known at one moment: immutable, made by an evaluation and replaced as a whole.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::facts_at_hand::FactsAtHand;
use crate::facts::Moment;
use crate::kpi::{Assessment, Kpi, Window, read_kpi, write_kpi};
use crate::report::scorecard::ScorecardStatus;
use crate::report::{Timeline, Word};
use crate::sources::Finding;
use crate::trend::Trend;

/// What requests are answered from: a snapshot with a way to the facts that it was made of.
#[derive(Debug)]
pub struct Known {
    /// Every KPI of every team.
    pub snapshot: Snapshot,
    /// The facts, attributed, for evidence.
    pub facts: FactsAtHand,
    /// What rules and facts say of each other: unknown environments, unmapped services.
    pub findings: Vec<Finding>,
    /// How long the evaluation took, in seconds.
    pub seconds: f64,
}

/// Every KPI of every team.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Snapshot {
    /// The moment of evaluation: windows end here.
    pub as_of: Moment,
    /// The teams, by slug.
    pub teams: Vec<TeamSnapshot>,
    /// The trends of the alertable KPIs of all teams.
    pub trends: Vec<Trend>,
    /// What could not be attributed, by kind and reason.
    pub unmapped: Vec<Unmapped>,
    /// What counts as a deployment of each service, in words.
    pub chosen_rules: BTreeMap<String, String>,
}

/// Facts that could not be attributed, of one kind and for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unmapped {
    /// The kind of thing, see [`crate::attribution::LeftOut::kind`].
    pub kind: Word,
    /// The machine-readable reason.
    pub reason: Word,
    /// How many.
    pub count: usize,
    /// One of them, in a sentence.
    pub example: String,
}

/// Every KPI of one team.
#[derive(Debug, Clone, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KpiSnapshot {
    /// The KPI.
    #[serde(serialize_with = "write_kpi", deserialize_with = "read_kpi")]
    pub kpi: &'static Kpi,
    /// Its outcome over each window, shortest first.
    pub windows: Vec<(Window, Assessment)>,
}
