//! What is known at one moment: immutable, made by an evaluation and replaced as a whole.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::diagnosis::diagnose;
use super::evidence::Evidence;
use super::packed::PackedTeam;
use crate::attribution::{Attributed, FactsInput, Organisation};
use crate::facts::Moment;
use crate::kpi::{Assessment, Kpi, Window, read_kpi, write_kpi};
use crate::report::scorecard::ScorecardStatus;
use crate::report::{Timeline, Word};
use crate::sources::Finding;
use crate::trend::Trend;

/// What requests are answered from: a snapshot, with the way to the facts that it was made of.
#[derive(Debug)]
pub struct Known {
    /// Every KPI of every team.
    pub snapshot: Snapshot,
    /// The attributed facts behind it.
    pub evidence: Evidence,
    /// What rules and facts say of each other: unknown environments, unmapped services.
    pub findings: Arc<[Finding]>,
}

impl Known {
    /// What is known where everything was attributed and evaluated at once, and stays in memory.
    pub fn whole(organisation: &Organisation, facts: &FactsInput, attributed: Attributed, snapshot: Snapshot) -> Self {
        let findings = diagnose(organisation, facts, &attributed).into();
        Self { snapshot, evidence: Evidence::whole(attributed), findings }
    }
}

/// Every KPI of every team.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The moment as of which all of it holds: no fact that was known then is missing. A team's numbers were made then or
    /// earlier ([`PackedTeam::as_of`]), and nothing has changed them since.
    pub as_of: Moment,
    /// The teams, by slug.
    pub teams: Vec<Arc<PackedTeam>>,
    /// The trends of the alertable KPIs of all teams.
    pub trends: Arc<[Trend]>,
    /// What could not be attributed, by kind and reason.
    pub unmapped: Vec<Unmapped>,
    /// How long the evaluation took, in seconds, and how many teams it was of.
    pub cost: EvaluationCost,
}

/// What an evaluation took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct EvaluationCost {
    /// Seconds.
    pub seconds: f64,
    /// The teams that were evaluated.
    pub teams: usize,
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
    /// The moment of evaluation: windows end here.
    pub as_of: Moment,
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

impl TeamSnapshot {
    /// The same at a later moment, up to which nothing has changed it.
    #[must_use]
    pub fn holding_at(&self, as_of: Moment) -> Self {
        let span = Window::Days84.span(as_of);
        let timeline = Timeline { from: span.from, until: span.until, ..self.timeline.clone() };
        Self { as_of, timeline, ..self.clone() }
    }
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
