//! Observations, the windows they are summarised over, and what comes out.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Need, Statistic};
use crate::facts::Moment;

/// What an observation rests on: something that people can open.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Evidence {
    /// `source:external_id` of the fact.
    pub key: String,
    /// What people call it.
    pub title: String,
    /// Where they open it.
    pub url: Option<String>,
    /// How the value came about, in words: the deployment that shipped it, the stages of a pull request.
    pub detail: String,
}

/// One event, case or measurement.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// When it began, where it is a duration: cohorts with open items are taken by it.
    pub began_at: Option<Moment>,
    /// The moment that it counts at.
    pub at: Moment,
    /// Seconds, a share from 0 to 1, or the measured value. For a rate it is 1.
    pub value: f64,
    /// How much it weighs in a rate, a share or a mean: severity, points, volume. 1 unless said otherwise.
    pub weight: f64,
    /// How many cases stand behind it: answers of a survey, tests of a suite. 1 unless said otherwise; n is their sum.
    pub cases: f64,
    /// For levels that count distinct things of something over a span; `value` is then that of this observation alone.
    pub distinct: Option<Distinct>,
    /// The service, where it has one.
    pub service: Option<String>,
    /// The part, where the KPI has parts.
    pub part: Option<&'static str>,
    /// What it rests on.
    pub evidence: Evidence,
}

impl Observation {
    /// One observation of weight 1, of the KPI as a whole and of no service.
    pub fn new(at: Moment, value: f64, evidence: Evidence) -> Self {
        Self { began_at: None, at, value, weight: 1.0, cases: 1.0, distinct: None, service: None, part: None, evidence }
    }

    /// A duration, in seconds, between two moments.
    pub fn lasting(began_at: Moment, at: Moment, evidence: Evidence) -> Self {
        Self { began_at: Some(began_at), ..Self::new(at, (at - began_at).as_seconds_f64(), evidence) }
    }

    /// A case that holds or doesn't.
    pub fn case(at: Moment, holds: bool, evidence: Evidence) -> Self {
        Self::new(at, f64::from(u8::from(holds)), evidence)
    }

    /// The same with a weight.
    #[must_use]
    pub fn weighing(self, weight: f64) -> Self {
        Self { weight, ..self }
    }

    /// The same standing for several cases, each of which weighs 1.
    #[must_use]
    pub fn standing_for(self, cases: f64) -> Self {
        Self { cases, weight: cases, ..self }
    }

    /// The same for a part of the KPI.
    #[must_use]
    pub fn of_part(self, part: &'static str) -> Self {
        Self { part: Some(part), ..self }
    }

    /// The same for a service.
    #[must_use]
    pub fn of_service(self, service: Option<&str>) -> Self {
        Self { service: service.map(str::to_owned), ..self }
    }
}

/// Distinct things of something, by keys that mean nothing outside: the reviewers of an author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distinct {
    /// What they are counted for.
    pub of: String,
    /// The things.
    pub members: BTreeSet<String>,
}

/// Something that has begun and not ended: known to last at least until the evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenItem {
    /// When it began.
    pub began_at: Moment,
    /// How long it has lasted so far, in seconds of the part's own clock.
    pub age_seconds: f64,
    /// The part, where the KPI has parts.
    pub part: Option<&'static str>,
    /// What it is.
    pub evidence: Evidence,
}

/// Something that was looked at and did not count, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct ExclusionReason {
    /// When it would have counted.
    pub at: Moment,
    /// A sentence: why it was left out.
    pub reason: String,
    /// What it is.
    pub evidence: Evidence,
}

/// All that a KPI found in a team's facts.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Observed {
    /// Events, cases or measurements, in any order.
    pub observations: Vec<Observation>,
    /// What is still open.
    pub open: Vec<OpenItem>,
    /// What was looked at and left out.
    pub left_out: Vec<ExclusionReason>,
    /// Parts of which nothing can be known, as points are where the tracker has none: no data, and not zero.
    pub unknown_parts: Vec<&'static str>,
}

impl Observed {
    /// The same of some of the observations; what is open stays.
    fn of_some(&self, counts: impl Fn(&Observation) -> bool) -> Self {
        Self {
            observations: self.observations.iter().filter(|observation| counts(observation)).cloned().collect(),
            open: self.open.clone(),
            left_out: Vec::new(),
            unknown_parts: self.unknown_parts.clone(),
        }
    }
}

/// The same of services of a tier or a more critical one; what is open stays. `tiers` are those of all services, by id.
pub fn of_tier(observed: &Observed, tier: u8, tiers: &BTreeMap<String, u8>) -> Observed {
    let tier_of = |observation: &Observation| tiers.get(observation.service.as_ref()?).copied();
    observed.of_some(|observation| tier_of(observation).is_some_and(|of| of <= tier))
}

/// The same of one service; what is open stays, it is known by no service.
pub fn of_service(observed: &Observed, service: &str) -> Observed {
    observed.of_some(|observation| observation.service.as_deref() == Some(service))
}

/// The rolling windows: whole weeks, so that each holds every weekday equally often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Window {
    /// 7 days.
    Days7,
    /// 28 days.
    Days28,
    /// 84 days.
    Days84,
    /// 364 days.
    Days364,
}

impl Window {
    /// All windows, shortest first.
    pub const ALL: [Self; 4] = [Self::Days7, Self::Days28, Self::Days84, Self::Days364];

    /// The `window` label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Days7 => "7d",
            Self::Days28 => "28d",
            Self::Days84 => "84d",
            Self::Days364 => "364d",
        }
    }

    /// The length in days.
    pub fn days(self) -> i64 {
        match self {
            Self::Days7 => 7,
            Self::Days28 => 28,
            Self::Days84 => 84,
            Self::Days364 => 364,
        }
    }

    /// The span that ends at `as_of`.
    pub fn span(self, as_of: Moment) -> Span {
        Span { from: as_of - chrono::Duration::days(self.days()), until: as_of }
    }
}

/// A half-open span of time: `from <= moment < until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first moment.
    pub from: Moment,
    /// The first moment after it.
    pub until: Moment,
}

impl Span {
    /// Whether a moment lies in it.
    pub fn contains(&self, moment: Moment) -> bool {
        self.from <= moment && moment < self.until
    }

    /// The length in days, fractions included.
    pub fn days(&self) -> f64 {
        (self.until - self.from).as_seconds_f64() / 86_400.0
    }
}

/// The statistics over one span.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The values, by statistic, in the KPI's unit.
    pub statistics: BTreeMap<Statistic, f64>,
    /// How many observations they rest on.
    pub observations: usize,
    /// How many items were still open.
    pub open: usize,
    /// The 95 % interval of the headline statistic.
    pub interval: Option<(f64, f64)>,
}

/// What a KPI says of a team over a span. No data, not configured, too few and zero are four different things.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    /// A value.
    Value(Summary),
    /// Fewer observations than the KPI's minimum; what there is comes along, and no verdict may rest on it.
    TooFew {
        /// The statistics of the few; without any statistic where showing them would tell of single people.
        summary: Summary,
        /// The KPI's minimum.
        minimum: usize,
    },
    /// Sources are configured, and nothing happened that could be observed.
    NoData,
    /// No configured source supplies what it needs.
    NotConfigured(Need),
}
