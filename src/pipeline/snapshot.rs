//! What is known at one moment: immutable, made by an evaluation and replaced as a whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::diagnosis::{Diagnosis, LeftOutGroup, diagnose_whole, findings, left_out_groups};
use super::evidence::Evidence;
use crate::attribution::{Attributed, FactsInput, Organisation};
use crate::facts::Moment;
use crate::kpi::{Assessment, Kpi, Window};
use crate::report::Timeline;
use crate::report::scorecard::ScorecardStatus;
use crate::sources::Finding;
use crate::trend::Trend;

/// What requests are answered from: a snapshot, with the way to the facts that it was made of.
#[derive(Debug)]
pub struct Known {
    /// Every KPI of every team.
    pub snapshot: Snapshot,
    /// The attributed facts behind it.
    pub evidence: Evidence,
    /// The rules that it was made by.
    organisation: Arc<Organisation>,
    /// What rules and facts of each part say of each other.
    diagnoses: Vec<Arc<Diagnosis>>,
}

impl Known {
    pub(super) fn new(
        snapshot: Snapshot,
        evidence: Evidence,
        organisation: Arc<Organisation>,
        diagnoses: Vec<Arc<Diagnosis>>,
    ) -> Self {
        Self { snapshot, evidence, organisation, diagnoses }
    }

    /// What is known where everything was attributed and evaluated at once, and stays in memory.
    pub fn whole(
        organisation: Arc<Organisation>,
        facts: &FactsInput,
        attributed: Attributed,
        snapshot: Snapshot,
    ) -> Self {
        let diagnosis = diagnose_whole(&organisation, facts, &attributed);
        Self::new(snapshot, Evidence::whole(attributed), organisation, vec![Arc::new(diagnosis)])
    }

    /// What rules and facts say of each other: unknown environments, unmapped services.
    pub fn findings(&self) -> Vec<Finding> {
        findings(&self.organisation, self.diagnoses.iter().map(AsRef::as_ref))
    }

    /// What was left out, by kind and reason.
    pub fn left_out(&self) -> BTreeMap<(&'static str, &'static str), LeftOutGroup> {
        left_out_groups(self.diagnoses.iter().map(AsRef::as_ref))
    }
}

/// Every KPI of every team.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The moment as of which all of it holds: no fact that was known then is missing. A team's numbers were made then or
    /// earlier ([`TeamSnapshot::as_of`]), and nothing has changed them since.
    pub as_of: Moment,
    /// The teams, by slug.
    pub teams: Vec<Arc<TeamSnapshot>>,
    /// The trends of the alertable KPIs of all teams.
    pub trends: Arc<[Trend]>,
    /// How many facts could not be attributed, by kind and reason.
    pub unmapped: BTreeMap<(&'static str, &'static str), u64>,
}

/// Every KPI of one team.
#[derive(Debug, Clone)]
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
#[derive(Debug, Clone)]
pub struct KpiSnapshot {
    /// The KPI.
    pub kpi: &'static Kpi,
    /// Its outcome over each window, shortest first.
    pub windows: Vec<(Window, Assessment)>,
}
